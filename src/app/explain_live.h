/* explain_live: the verdict of a running gateway, by EAS's own state: the request is sent with x-easgate-dry-run. */
#ifndef EG_EXPLAIN_LIVE_H
#define EG_EXPLAIN_LIVE_H
#include "base/slice.h"

struct live {
    const char *gateway;    /* http://ADDRESS:PORT or unix:/PATH of its data listener */
    const char *token_file; /* the client's token: alone, or as `easgate token new` printed it */
    bool json;              /* print the answer as it came */
};

/* Print what the gateway answers. The exit code: 0 allowed, 1 refused, 2 it could not be asked, or could not judge. */
int explain_live(const struct live *live, struct slice method, struct slice target, struct slice body);
#endif
