/*
 * TLS towards EAS: see tls.h. OpenSSL's defaults accept any certificate and any name (SECURITY section 3, "TLS"), and its
 * configuration file can weaken more; so every demand is set here, none is taken from a default. Must never make a context
 * or an SSL that does less when a setting fails: then there is none.
 */
#include "edge/tls.h"
#include "base/digest.h"
#include "base/scoped.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>
#include <unistd.h>

#define CA_FILE_MAX_BYTES (1024 * 1024)
#define CIPHERS_TLS12     "ECDHE+AESGCM:ECDHE+CHACHA20:!aNULL:!eNULL:!PSK:!SRP"
#define CIPHERS_TLS13     "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"

struct ca_text {
    unsigned char *p;
    size_t n;
};

static void ca_text_drop(struct ca_text *t)
{
    free(t->p);
}

static bool read_open_file(int fd, const char *path, struct ca_text *out, struct err *e)
{
    struct stat st;

    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
        return err_set(e, ERR_IO, "ca_file %s: not a regular file", path);
    if (st.st_size <= 0 || st.st_size > CA_FILE_MAX_BYTES)
        return err_set(e, ERR_RANGE, "ca_file %s: expected 1 byte to 1 MiB", path);
    out->p = malloc((size_t)st.st_size);
    if (!out->p)
        return err_set(e, ERR_MEMORY, "ca_file %s: out of memory", path);
    while (out->n < (size_t)st.st_size) {
        ssize_t got = read(fd, out->p + out->n, (size_t)st.st_size - out->n);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return err_set(e, ERR_IO, "ca_file %s: cannot be read whole", path);
        out->n += (size_t)got;
    }
    return true;
}

static bool read_file(const char *path, struct ca_text *out, struct err *e)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0)
        return err_set(e, ERR_IO, "ca_file %s: %s", path, strerror(errno));
    bool ok = read_open_file(fd, path, out, e);
    close(fd);
    return ok;
}

/* All certificates of a PEM text into the store; true when there is at least one and the text ends cleanly. */
static bool trust_pem(X509_STORE *store, const struct ca_text *text)
{
    BIO *bio = BIO_new_mem_buf(text->p, (int)text->n);
    size_t count = 0;
    X509 *one;

    if (!bio)
        return false;
    while ((one = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
        bool ok = X509_STORE_add_cert(store, one) == 1;
        X509_free(one);
        if (!ok)
            break;
        count++;
    }
    BIO_free(bio);
    unsigned long last = ERR_peek_last_error();
    return count > 0 && !one && ERR_GET_LIB(last) == ERR_LIB_PEM &&
           ERR_GET_REASON(last) == PEM_R_NO_START_LINE;
}

static bool trust_file(SSL_CTX *ctx, struct slice ca_file, unsigned char out_digest[32], struct err *e)
{
    SCOPED(ca_text) text = { NULL, 0 };
    char path[4096];

    if (ca_file.n >= sizeof path || memchr(ca_file.p, '\0', ca_file.n))
        return err_set(e, ERR_TOO_LONG, "ca_file: not a path");
    memcpy(path, ca_file.p, ca_file.n);
    path[ca_file.n] = '\0';
    if (!read_file(path, &text, e))
        return false;
    ERR_clear_error();
    bool ok = trust_pem(SSL_CTX_get_cert_store(ctx), &text);
    ERR_clear_error();
    if (!ok)
        return err_set(e, ERR_SYNTAX, "ca_file %s: expected certificates in PEM form", path);
    if (!digest_sha256(slice_from(text.p, text.n), out_digest))
        return err_set(e, ERR_CRYPTO, "ca_file %s: cannot be hashed", path);
    return true;
}

static bool demand(SSL_CTX *ctx)
{
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_security_level(ctx, 2);
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_NO_TICKET);
    SSL_CTX_clear_options(ctx, SSL_OP_IGNORE_UNEXPECTED_EOF | SSL_OP_LEGACY_SERVER_CONNECT |
                                   SSL_OP_ALLOW_UNSAFE_LEGACY_RENEGOTIATION);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_clear_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE);
    SSL_CTX_set_read_ahead(ctx, 1); /* record header and content with one read */
    return SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) == 1 &&
           SSL_CTX_set_max_proto_version(ctx, 0) == 1 && SSL_CTX_set_cipher_list(ctx, CIPHERS_TLS12) == 1 &&
           SSL_CTX_set_ciphersuites(ctx, CIPHERS_TLS13) == 1;
}

SSL_CTX *tls_upstream_ctx_new(struct slice ca_file, unsigned char out_ca_digest[32], struct err *e)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    bool ok = ctx && demand(ctx);

    memset(out_ca_digest, 0, 32);
    if (!ok)
        err_set(e, ERR_CRYPTO, "TLS context: OpenSSL refused a setting");
    else if (!slice_is_empty(ca_file))
        ok = trust_file(ctx, ca_file, out_ca_digest, e);
    else if (SSL_CTX_set_default_verify_paths(ctx) != 1)
        ok = err_set(e, ERR_CRYPTO, "TLS context: the system's certificate store cannot be used");
    ERR_clear_error();
    if (ok)
        return ctx;
    SSL_CTX_free(ctx);
    return NULL;
}

bool tls_ca_file_is_good(struct slice ca_file, struct err *e)
{
    unsigned char digest[DIGEST_BYTES];
    SSL_CTX *ctx = tls_upstream_ctx_new(ca_file, digest, e);

    SSL_CTX_free(ctx);
    return ctx != NULL;
}

static bool is_ip_literal(const char *host)
{
    unsigned char address[16];

    return inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1;
}

static bool expect_peer(SSL *ssl, const char *host)
{
    char name[TLS_HOST_MAX_BYTES + 1]; /* OpenSSL's macro takes no const */
    size_t n = strlen(host);

    if (n == 0 || n > TLS_HOST_MAX_BYTES)
        return false;
    memcpy(name, host, n + 1);
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    if (is_ip_literal(host))
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1;
    return SSL_set1_host(ssl, name) == 1 && SSL_set_tlsext_host_name(ssl, name) == 1;
}

SSL *tls_upstream_ssl_new(SSL_CTX *ctx, int fd, const char *host, struct err *e)
{
    SSL *ssl = SSL_new(ctx);

    if (ssl && expect_peer(ssl, host) && SSL_set_fd(ssl, fd) == 1) {
        SSL_set_connect_state(ssl);
        return ssl;
    }
    SSL_free(ssl);
    ERR_clear_error();
    err_set(e, ERR_CRYPTO, "TLS: cannot prepare a connection");
    return NULL;
}

bool tls_upstream_is_proven(const SSL *ssl)
{
    return SSL_is_init_finished(ssl) && SSL_get_verify_mode(ssl) == SSL_VERIFY_PEER &&
           SSL_get0_peer_certificate(ssl) && SSL_get_verify_result(ssl) == X509_V_OK;
}

void tls_explain(const SSL *ssl, int ssl_error, int system_errno, char *out, size_t out_bytes)
{
    long verify = SSL_get_verify_result(ssl);
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());

    if (verify != X509_V_OK)
        snprintf(out, out_bytes, "certificate refused: %s", X509_verify_cert_error_string(verify));
    else if (ssl_error == SSL_ERROR_ZERO_RETURN)
        snprintf(out, out_bytes, "closed by the peer");
    else if (reason)
        snprintf(out, out_bytes, "%s", reason);
    else if (ssl_error == SSL_ERROR_SYSCALL && system_errno != 0)
        snprintf(out, out_bytes, "%s", strerror(system_errno));
    else
        snprintf(out, out_bytes, "connection cut");
    ERR_clear_error();
}
