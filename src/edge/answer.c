/*
 * answer: prints the heads of answers; see the header. Must never: pass a header on that is not named here, print a value
 * with a control character (it would end the line) or one so long that the head does not fit, answer without a length.
 */
#include "edge/answer.h"
#include <stdio.h>

static const struct {
    int status;
    const char *phrase;
} phrases[] = {
    { 200, "OK" },
    { 201, "Created" },
    { 202, "Accepted" },
    { 204, "No Content" },
    { 400, "Bad Request" },
    { 401, "Unauthorized" },
    { 403, "Forbidden" },
    { 404, "Not Found" },
    { 405, "Method Not Allowed" },
    { 408, "Request Timeout" },
    { 409, "Conflict" },
    { 413, "Content Too Large" },
    { 414, "URI Too Long" },
    { 415, "Unsupported Media Type" },
    { 417, "Expectation Failed" },
    { 429, "Too Many Requests" },
    { 431, "Request Header Fields Too Large" },
    { 500, "Internal Server Error" },
    { 502, "Bad Gateway" },
    { 503, "Service Unavailable" },
    { 504, "Gateway Timeout" },
    { 505, "HTTP Version Not Supported" },
};

const char *answer_phrase(int status)
{
    for (size_t i = 0; i < sizeof phrases / sizeof phrases[0]; i++)
        if (phrases[i].status == status)
            return phrases[i].phrase;
    return "";
}

static const char *date_text(struct answer_date *date, int64_t wall_ms)
{
    static const char days[] = "SunMonTueWedThuFriSat";
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    int64_t second = wall_ms / 1000;
    time_t t = (time_t)second;
    struct tm tm;

    if (date->text[0] && date->second == second)
        return date->text;
    if (!gmtime_r(&t, &tm))
        return "Thu, 01 Jan 1970 00:00:00 GMT";
    date->second = second;
    snprintf(date->text, sizeof date->text, "%.3s, %02u %.3s %04u %02u:%02u:%02u GMT", days + tm.tm_wday * 3,
             (unsigned)tm.tm_mday % 100, months + tm.tm_mon * 3, (unsigned)(tm.tm_year + 1900) % 10000,
             (unsigned)tm.tm_hour % 100, (unsigned)tm.tm_min % 100, (unsigned)tm.tm_sec % 100);
    return date->text;
}

/* EAS's heads may be longer than the room for one of ours: a value over this is left out, so that the answer arrives. */
#define VALUE_MAX 256

static bool is_printable(struct slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f)
            return false;
    return s.n > 0;
}

static void header(struct sbuf *out, const char *name_colon, struct slice value)
{
    if (value.n > VALUE_MAX || !is_printable(value))
        return;
    sbuf_adds(out, name_colon);
    sbuf_add(out, value);
    sbuf_add(out, S("\r\n"));
}

static struct slice upstream_header(const struct answer *a, struct slice name)
{
    return a->upstream ? http1_header_get(a->upstream, name, NULL) : SLICE_NONE;
}

struct slice answer_body(const struct answer *a)
{
    return a->status == 204 || a->status == 304 ? SLICE_NONE : a->body;
}

void answer_head(const struct answer *a, bool close, struct answer_date *date, int64_t wall_ms,
                 struct sbuf *out)
{
    sbuf_add(out, S("HTTP/1.1 "));
    sbuf_add_u64(out, (uint64_t)(a->status > 0 ? a->status : 500));
    sbuf_addc(out, ' ');
    sbuf_adds(out, answer_phrase(a->status));
    sbuf_add(out, S("\r\nDate: "));
    sbuf_adds(out, date_text(date, wall_ms));
    sbuf_add(out, S("\r\n"));
    if (a->status != 204) {
        sbuf_add(out, S("Content-Length: "));
        sbuf_add_u64(out, answer_body(a).n);
        sbuf_add(out, S("\r\n"));
        header(out,
               "Content-Type: ", a->content_type.n ? a->content_type : upstream_header(a, S("content-type")));
    }
    sbuf_add(out, S("Cache-Control: no-store\r\n"));
    header(out, "x-acs-request-id: ", a->request_id);
    header(out, "x-easgate-request-id: ", a->easgate_request_id);
    if (a->from_easgate)
        sbuf_add(out, S(ANSWER_MARK_HEADER ": easgate\r\n"));
    if (a->status == 405)
        sbuf_add(out, S("Allow: GET, POST, PUT, DELETE\r\n"));
    if (a->retry_after_s > 0) {
        sbuf_add(out, S("Retry-After: "));
        sbuf_add_u64(out, (uint64_t)a->retry_after_s);
        sbuf_add(out, S("\r\n"));
    } else {
        header(out, "Retry-After: ", upstream_header(a, S("retry-after")));
    }
    header(out, "x-acs-retry-after: ", upstream_header(a, S("x-acs-retry-after")));
    if (close)
        sbuf_add(out, S("Connection: close\r\n"));
    sbuf_add(out, S("\r\n"));
}
