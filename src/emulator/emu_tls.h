/* emu_tls: the TLS side of the listener, and a certificate authority for tests. */
#ifndef EG_EMU_TLS_H
#define EG_EMU_TLS_H
#include "base/err.h"

typedef struct ssl_ctx_st SSL_CTX;

/* A server context with this certificate chain and key; NULL on failure. The caller frees it with SSL_CTX_free. */
SSL_CTX *emu_tls_new(const char *cert, const char *key, struct err *e);
/* Make dir (if missing) and in it ca.pem, server.pem, server.key, unless all three are there. The certificate is for
 * localhost, 127.0.0.1, ::1 and the names (NULL-ended). The key of the authority is thrown away. */
bool emu_tls_make_ca(const char *dir, const char *const *names, struct err *e);
#endif
