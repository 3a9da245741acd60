/* Audit records as syslog messages: see syslog_rec.h, which is their specification. Holds no state. */
#include "core/syslog_rec.h"

#define FACILITY_LOG_AUDIT 13 /* RFC 5424, table 1 */
#define WARNING            4  /* table 2 */
#define NOTICE             5
#define INFORMATIONAL      6

/* What is not here is informational. */
static const unsigned severities[AUDIT_TYPE_COUNT_] = {
    [AUDIT_CLOCK] = WARNING, [AUDIT_RECOVER] = WARNING, [AUDIT_SHIP] = WARNING,
    [AUDIT_DENY] = NOTICE,   [AUDIT_COUNTED] = NOTICE,  [AUDIT_POLICY] = NOTICE,
};

void syslog_host(struct slice name, char out[SYSLOG_HOST_MAX_BYTES + 1])
{
    size_t n = name.n < SYSLOG_HOST_MAX_BYTES ? name.n : SYSLOG_HOST_MAX_BYTES;

    for (size_t i = 0; i < n; i++)
        out[i] = name.p[i] > 0x20 && name.p[i] < 0x7f ? name.p[i] : '-';
    if (n == 0)
        out[n++] = '-';
    out[n] = '\0';
}

bool syslog_rec_add(const struct audit_line *line, struct slice text, const char *host, struct sbuf *out)
{
    unsigned severity = severities[line->kind] ? severities[line->kind] : INFORMATIONAL;

    sbuf_addf(out, "<%u>1 ", FACILITY_LOG_AUDIT * 8 + severity);
    sbuf_add(out, line->t);
    sbuf_addc(out, ' ');
    sbuf_adds(out, host);
    sbuf_adds(out, " easgate ");
    sbuf_add(out, line->run);
    sbuf_addc(out, ' ');
    sbuf_add(out, line->type);
    sbuf_adds(out, " [easgate@32473 seq=\"");
    sbuf_add_u64(out, line->seq);
    sbuf_adds(out, "\"] ");
    sbuf_add(out, text);
    return sbuf_ok(out);
}

bool syslog_frame_add(enum syslog_framing framing, struct slice message, struct sbuf *out)
{
    if (framing == SYSLOG_COUNTED) {
        sbuf_add_u64(out, message.n);
        sbuf_addc(out, ' ');
    }
    sbuf_add(out, message);
    if (framing == SYSLOG_LF)
        sbuf_addc(out, '\n');
    return sbuf_ok(out);
}
