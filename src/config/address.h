/*
 * address: the texts that name places to listen at: "HOST:PORT" with a numeric IPv4 address, "[V6]:PORT", "unix:/path"; and
 * "HOST" or "HOST:PORT" of an endpoint; and where a syslog collector is. Pure; no name is ever looked up here.
 */
#ifndef EG_ADDRESS_H
#define EG_ADDRESS_H
#include "base/err.h"
#include "base/slice.h"
#include <stdint.h>

enum address_kind { ADDRESS_NONE = 0, ADDRESS_IPV4, ADDRESS_IPV6, ADDRESS_UNIX };

/* A place to listen at. host is without brackets; it and path are views into the text that was parsed. */
struct address {
    enum address_kind kind;
    struct slice host, path;
    uint16_t port;    /* 0: the kernel chooses */
    bool is_loopback; /* 127.0.0.0/8, ::1 or a unix socket */
    bool is_any;      /* 0.0.0.0 or :: */
};

#define ADDRESS_UNIX_PATH_MAX_BYTES 107 /* sun_path of Linux without its NUL */

/* False: e says what was expected. */
bool address_parse(struct slice text, struct address *out, struct err *e);
/* "HOST", "HOST:PORT", "[V6]" or "[V6]:PORT": a DNS name in lower case or a numeric address. *out_host is without brackets,
 * *out_has_port tells whether there was one. */
bool address_parse_host(struct slice text, struct slice *out_host, uint16_t *out_port, bool *out_has_port,
                        struct err *e);

enum syslog_kind { SYSLOG_NONE = 0, SYSLOG_UNIX, SYSLOG_TCP, SYSLOG_TLS };

/* Where a syslog collector is: "unix:/PATH", "tcp:HOST:PORT" or "tls:HOST:PORT". The slices are views into the text. */
struct syslog_place {
    enum syslog_kind kind;
    struct slice path, host; /* of a unix socket; of the others, as address_parse_host gives it */
    uint16_t port;
    bool is_loopback; /* what is sent stays on this machine, as far as the text can tell */
};
bool address_parse_syslog(struct slice text, struct syslog_place *out, struct err *e);
#endif
