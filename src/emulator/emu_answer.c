/* Answers in EAS's form: see emu_answer.h. The headers beside the needed ones are there for gateways to filter. */
#include "emulator/emu_answer.h"
#include "emulator/emu_json.h"
#include "base/enc.h"
#include "base/secret.h"

static void make_request_id(char out[37])
{
    unsigned char random[16] = { 0 };
    char hex[33];
    size_t at = 0;

    if (!random_bytes(random, sizeof random))
        random[0] = 1;
    enc_hex(random, sizeof random, hex);
    for (size_t i = 0; i < 32; i++) {
        if (i == 8 || i == 12 || i == 16 || i == 20)
            out[at++] = '-';
        out[at++] = hex[i] >= 'a' ? (char)(hex[i] - 32) : hex[i];
    }
    out[at] = '\0';
}

void emu_answer_init(struct emu_answer *a, const char *host_id)
{
    *a = (struct emu_answer){ .status = 200, .host_id = host_id, .body = SBUF_MAX(EMU_ANSWER_MAX) };
    make_request_id(a->request_id);
}

void emu_answer_drop(struct emu_answer *a)
{
    sbuf_drop(&a->body);
}

void emu_answer_error(struct emu_answer *a, int status, const char *code, const char *format, ...)
{
    SCOPED(sbuf) message = SBUF_MAX(EMU_ANSWER_MAX), url = SBUF_MAX(1024);
    va_list args;

    va_start(args, format);
    sbuf_vaddf(&message, format, args);
    va_end(args);
    a->status = status;
    snprintf(a->code, sizeof a->code, "%s", code);
    sbuf_clear(&a->body);
    sbuf_addf(&url, "https://api.aliyun.com/troubleshoot?q=%s&product=eas&requestId=%s", a->code,
              a->request_id);
    struct emu_jw w = EMU_JW(&a->body);
    jw_open(&w, NULL, '{');
    jw_str(&w, "RequestId", a->request_id);
    jw_str(&w, "HostId", a->host_id);
    jw_str(&w, "Code", a->code);
    jw_text(&w, "Message", sbuf_slice(&message));
    jw_text(&w, "Recommend", sbuf_slice(&url));
    jw_close(&w, '}');
}

void emu_answer_add_header(struct emu_answer *a, const char *name, const char *value)
{
    size_t n = strlen(a->headers);

    snprintf(a->headers + n, sizeof a->headers - n, "%s: %s\r\n", name, value);
}

const char *emu_answer_reason(int status)
{
    switch (status) {
    case 100:
        return "Continue";
    case 101:
        return "Switching Protocols";
    case 102:
        return "Processing";
    case 103:
        return "Early Hints";
    case 200:
        return "OK";
    case 301:
        return "Moved Permanently";
    case 302:
        return "Found";
    case 307:
        return "Temporary Redirect";
    case 308:
        return "Permanent Redirect";
    case 400:
        return "Bad Request";
    case 403:
        return "Forbidden";
    case 404:
        return "Not Found";
    case 409:
        return "Conflict";
    case 429:
        return "Too Many Requests";
    case 500:
        return "Internal Server Error";
    case 502:
        return "Bad Gateway";
    case 503:
        return "Service Unavailable";
    default:
        return "Other";
    }
}

void emu_answer_put_head(const struct emu_answer *a, bool with_length, bool keep_alive, int64_t wall_ms,
                         struct sbuf *out)
{
    char date[64] = "";
    time_t now = (time_t)(wall_ms / 1000);
    struct tm tm;

    if (gmtime_r(&now, &tm))
        strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", &tm);
    sbuf_addf(out, "HTTP/1.1 %d %s\r\nDate: %s\r\nContent-Type: application/json;charset=utf-8\r\n",
              a->status, emu_answer_reason(a->status), date);
    if (with_length)
        sbuf_addf(out, "Content-Length: %zu\r\n", a->body.n);
    sbuf_addf(out,
              "Connection: %s\r\nAccess-Control-Allow-Origin: *\r\nAccess-Control-Expose-Headers: *\r\n"
              "Set-Cookie: emulator=%.8s; path=/\r\nx-acs-request-id: %s\r\nx-acs-trace-id: %.8s\r\n%s\r\n",
              keep_alive ? "keep-alive" : "close", a->request_id, a->request_id, a->request_id, a->headers);
}
