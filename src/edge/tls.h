/*
 * tls: how easgate knows that it talks to EAS. One context for an upstream (which authorities are believed), one SSL for a
 * connection (which name must stand in the certificate). Loop thread only.
 *
 * What is demanded of a peer (SECURITY section 4, "Upstream request"; T17): TLS 1.2 or later with an AEAD cipher and
 * forward secrecy; a chain to a trusted root with keys and hashes of security level 2 (RSA >= 2048 bits, no SHA-1);
 * dates that hold; the host name in subjectAltName (never in the CN; `*` only as a whole leftmost label), or for an IP
 * literal that address. No session is resumed: each connection checks the certificate anew, so that what expired or is
 * no longer trusted ends with the connections that are open.
 */
#ifndef EG_TLS_H
#define EG_TLS_H
#include "base/err.h"
#include "base/slice.h"
#include <openssl/ssl.h>

#define TLS_HOST_MAX_BYTES 253

/* A client context that trusts the certificates in ca_file (PEM; at most 1 MiB, at least one), or the system's store when
 * ca_file is empty. out_ca_digest: SHA-256 of the file, zeros for the system's store. NULL with e; SSL_CTX_free it. */
SSL_CTX *tls_upstream_ctx_new(struct slice ca_file, unsigned char out_ca_digest[32], struct err *e);

/* Would such a context be made of this file? For who is to be told before. */
bool tls_ca_file_is_good(struct slice ca_file, struct err *e);

/* A client SSL on the connected, non-blocking socket fd that accepts only a peer that is `host` (a DNS name without
 * trailing dot, or an IPv4 or IPv6 literal without brackets). The caller owns it and fd. NULL with e. */
SSL *tls_upstream_ssl_new(SSL_CTX *ctx, int fd, const char *host, struct err *e);

/* Did the handshake prove the peer's identity? For the moment after it; a second look, in case of a defect above. */
bool tls_upstream_is_proven(const SSL *ssl);

/* The last failure on ssl, for people: the reason why a certificate was refused, else OpenSSL's or the system's text.
 * ssl_error is SSL_get_error's value, system_errno the errno at the failure. Empties OpenSSL's error queue. */
void tls_explain(const SSL *ssl, int ssl_error, int system_errno, char *out, size_t out_bytes);
#endif
