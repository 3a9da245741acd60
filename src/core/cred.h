/*
 * cred: a credential of the cloud account, immutable and ref-counted, and the pure parser of the official INI file
 * (docs/eas/README.md, "Credentials", INI file: types access_key and sts).
 */
#ifndef EG_CRED_H
#define EG_CRED_H
#include "base/err.h"
#include "base/secret.h"

struct cred {
    unsigned refs;
    struct slice name;             /* of the [credential NAME] section */
    struct slice access_key_id;    /* not secret; stands in the audit log */
    struct secret *access_key_secret;
    struct secret *security_token; /* NULL without one */
};

/* A credential with one reference; copies everything. NULL without memory. */
struct cred *cred_new(struct slice name, struct slice access_key_id, struct slice access_key_secret,
                      struct slice security_token, struct err *e);
struct cred *cred_ref(struct cred *c);
/* Give a reference back; the last one wipes and frees. Stores NULL; NULL is fine. */
void cred_unref(struct cred **c);

/* Parse the text of a credentials file: section `profile` must have type = access_key (access_key_id, access_key_secret)
 * or type = sts (and security_token). Errors name file:line and never repeat a value. */
struct cred *cred_parse_ini(struct slice name, const char *file, struct slice text, struct slice profile, struct err *e);
#endif
