/* Places to listen at and hosts with ports, read strictly: see address.h. Must never look a name up. */
#include "config/address.h"
#include "base/num.h"
#include <arpa/inet.h>

#define HOST_MAX_BYTES 253 /* RFC 1035 */

static bool parse_port(struct slice text, bool zero_too, uint16_t *out)
{
    uint64_t port;

    if (!num_u64(text, zero_too ? 0 : 1, 65535, &port))
        return false;
    *out = (uint16_t)port;
    return true;
}

static bool to_binary(int family, struct slice host, unsigned char out[16])
{
    char text[INET6_ADDRSTRLEN];

    if (host.n >= sizeof text)
        return false;
    if (host.n)
        memcpy(text, host.p, host.n);
    text[host.n] = '\0';
    return inet_pton(family, text, out) == 1;
}

static bool is_all_zero(const unsigned char *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (p[i])
            return false;
    return true;
}

static bool parse_unix(struct slice path, struct address *out, struct err *e)
{
    if (path.n < 2 || path.p[0] != '/' || path.p[path.n - 1] == '/')
        return err_set(e, ERR_SYNTAX, "expected unix:/PATH with an absolute path");
    if (path.n > ADDRESS_UNIX_PATH_MAX_BYTES)
        return err_set(e, ERR_TOO_LONG, "expected a socket path of at most %d bytes",
                       ADDRESS_UNIX_PATH_MAX_BYTES);
    *out = (struct address){ .kind = ADDRESS_UNIX, .path = path, .is_loopback = true };
    return true;
}

/* Split "host:port" or "[v6]:port"; *out_port is SLICE_NONE when there is none. */
static bool split_host(struct slice text, struct slice *out_host, struct slice *out_port,
                       bool *out_in_brackets)
{
    *out_in_brackets = text.n && text.p[0] == '[';
    size_t end = slice_find(text, *out_in_brackets ? ']' : ':');
    struct slice tail = slice_skip(text, *out_in_brackets ? end + 1 : end);

    *out_host = *out_in_brackets ? slice_from(text.p + 1, end - 1) : slice_from(text.p, end);
    *out_port = SLICE_NONE;
    if (*out_in_brackets && end == text.n)
        return false;
    if (tail.n == 0)
        return true;
    *out_port = slice_skip(tail, 1);
    return tail.p[0] == ':' && out_port->n > 0;
}

bool address_parse(struct slice text, struct address *out, struct err *e)
{
    unsigned char binary[16] = { 0 };
    struct slice host, port;
    bool in_brackets;

    if (slice_starts(text, S("unix:")))
        return parse_unix(slice_skip(text, 5), out, e);
    *out = (struct address){ 0 };
    if (!split_host(text, &host, &port, &in_brackets) || !port.p)
        return err_set(e, ERR_SYNTAX, "expected ADDRESS:PORT, [V6ADDRESS]:PORT or unix:/PATH");
    if (!to_binary(in_brackets ? AF_INET6 : AF_INET, host, binary))
        return err_set(e, ERR_SYNTAX,
                       "expected a numeric address such as 127.0.0.1 or [::1] before the port");
    if (!parse_port(port, true, &out->port))
        return err_set(e, ERR_RANGE, "expected a port in 0..65535 (0: the kernel chooses)");
    out->kind = in_brackets ? ADDRESS_IPV6 : ADDRESS_IPV4;
    out->host = host;
    out->is_any = is_all_zero(binary, in_brackets ? 16 : 4);
    out->is_loopback = in_brackets ? is_all_zero(binary, 15) && binary[15] == 1 : binary[0] == 127;
    return true;
}

static bool is_dns_name(struct slice host)
{
    struct slice rest = host, label;

    if (host.n == 0 || host.n > HOST_MAX_BYTES)
        return false;
    while (slice_split(&rest, '.', &label)) {
        if (label.n == 0 || label.n > 63 || label.p[0] == '-' || label.p[label.n - 1] == '-')
            return false;
        for (size_t i = 0; i < label.n; i++) {
            char c = label.p[i];
            if (!ascii_is_digit(c) && !(c >= 'a' && c <= 'z') && c != '-' && c != '_')
                return false;
        }
    }
    return true;
}

bool address_parse_host(struct slice text, struct slice *out_host, uint16_t *out_port, bool *out_has_port,
                        struct err *e)
{
    unsigned char binary[16];
    struct slice port;
    bool in_brackets;

    if (!split_host(text, out_host, &port, &in_brackets))
        return err_set(e, ERR_SYNTAX, "expected HOST or HOST:PORT");
    if (in_brackets ? !to_binary(AF_INET6, *out_host, binary) : !is_dns_name(*out_host))
        return err_set(e, ERR_SYNTAX, "expected a host name in lower case or a numeric address");
    *out_has_port = port.p != NULL;
    if (*out_has_port && !parse_port(port, false, out_port))
        return err_set(e, ERR_RANGE, "expected a port in 1..65535 behind the host");
    return true;
}

static bool is_local_host(struct slice host)
{
    struct address address;
    char text[64];
    int n = snprintf(text, sizeof text, slice_has(host, ':') ? "[%.*s]:1" : "%.*s:1", SLICE_FMT(host));

    if (slice_eq(host, S("localhost")))
        return true;
    return n > 0 && (size_t)n < sizeof text && address_parse(slice_of(text), &address, NULL) &&
           address.is_loopback;
}

bool address_parse_syslog(struct slice text, struct syslog_place *out, struct err *e)
{
    struct address address;
    bool has_port;

    *out = (struct syslog_place){ 0 };
    if (slice_starts(text, S("unix:"))) {
        *out = (struct syslog_place){ .kind = SYSLOG_UNIX, .is_loopback = true };
        bool ok = parse_unix(slice_skip(text, 5), &address, e);
        out->path = ok ? address.path : SLICE_NONE;
        return ok;
    }
    out->kind = slice_starts(text, S("tcp:")) ? SYSLOG_TCP : SYSLOG_TLS;
    if (!slice_starts(text, S("tcp:")) && !slice_starts(text, S("tls:")))
        return err_set(e, ERR_SYNTAX, "expected unix:/PATH, tcp:HOST:PORT or tls:HOST:PORT");
    if (!address_parse_host(slice_skip(text, 4), &out->host, &out->port, &has_port, e))
        return false;
    if (!has_port)
        return err_set(e, ERR_MISSING,
                       "expected a port behind the host (syslog over TLS has 6514 by RFC 5425)");
    out->is_loopback = is_local_host(out->host);
    return true;
}
