/* TLS for the listener: see emu_tls.h. Certificates for tests are made by the library, never by a shell. */
#include "emulator/emu_tls.h"
#include "base/sbuf.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>
#include <unistd.h>

#define VALID_S (INT64_C(3650) * 86400)

static bool tls_error(struct err *e, const char *what)
{
    char text[200];

    ERR_error_string_n(ERR_get_error(), text, sizeof text);
    return err_set(e, ERR_CRYPTO, "%s: %s", what, text);
}

SSL_CTX *emu_tls_new(const char *cert, const char *key, struct err *e)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

    if (!ctx) {
        tls_error(e, "TLS");
        return NULL;
    }
    SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
    SSL_CTX_set_options(ctx, SSL_OP_IGNORE_UNEXPECTED_EOF | SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_id_context(ctx, (const unsigned char *)"emulator", 8);
    if (SSL_CTX_use_certificate_chain_file(ctx, cert) == 1 &&
        SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) == 1 && SSL_CTX_check_private_key(ctx) == 1)
        return ctx;
    tls_error(e, cert);
    SSL_CTX_free(ctx);
    return NULL;
}

static bool add_extension(X509 *x, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509_EXTENSION *extension;
    bool ok;

    X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
    extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    ok = extension && X509_add_ext(x, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return ok;
}

static bool put_alternative_names(X509 *x, X509 *issuer, const char *const *names)
{
    SCOPED(sbuf) text = SBUF_MAX(8192);
    unsigned char address[16];

    sbuf_adds(&text, "DNS:localhost,IP:127.0.0.1,IP:::1");
    for (; *names; names++) {
        bool is_address =
            inet_pton(AF_INET, *names, address) == 1 || inet_pton(AF_INET6, *names, address) == 1;
        sbuf_addf(&text, ",%s:%s", is_address ? "IP" : "DNS", *names);
    }
    return sbuf_ok(&text) && add_extension(x, issuer, NID_subject_alt_name, text.p);
}

/* A certificate of `key`, signed by issuer and its key (itself when issuer is NULL), not signed yet. */
static X509 *new_certificate(EVP_PKEY *key, const char *common_name, X509 *issuer)
{
    X509 *x = X509_new();
    BIGNUM *serial = BN_new();
    bool ok = x && serial && BN_rand(serial, 127, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY) == 1;

    ok = ok && BN_to_ASN1_INTEGER(serial, X509_get_serialNumber(x)) &&
         X509_set_version(x, X509_VERSION_3) == 1;
    ok = ok && X509_gmtime_adj(X509_getm_notBefore(x), -86400) &&
         X509_gmtime_adj(X509_getm_notAfter(x), VALID_S);
    ok = ok && X509_set_pubkey(x, key) == 1;
    ok = ok && X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC,
                                          (const unsigned char *)common_name, -1, -1, 0) == 1;
    ok = ok && X509_set_issuer_name(x, X509_get_subject_name(issuer ? issuer : x)) == 1;
    BN_free(serial);
    if (ok)
        return x;
    X509_free(x);
    return NULL;
}

static X509 *make_authority(EVP_PKEY *key)
{
    X509 *x = new_certificate(key, "easgate emulator test CA", NULL);

    if (x && add_extension(x, x, NID_basic_constraints, "critical,CA:TRUE") &&
        add_extension(x, x, NID_key_usage, "critical,keyCertSign,cRLSign") &&
        add_extension(x, x, NID_subject_key_identifier, "hash") && X509_sign(x, key, EVP_sha256()) > 0)
        return x;
    X509_free(x);
    return NULL;
}

static X509 *make_server(EVP_PKEY *key, X509 *ca, EVP_PKEY *ca_key, const char *const *names)
{
    X509 *x = new_certificate(key, "localhost", ca);

    if (x && add_extension(x, ca, NID_basic_constraints, "critical,CA:FALSE") &&
        add_extension(x, ca, NID_key_usage, "critical,digitalSignature") &&
        add_extension(x, ca, NID_ext_key_usage, "serverAuth") &&
        add_extension(x, ca, NID_subject_key_identifier, "hash") &&
        add_extension(x, ca, NID_authority_key_identifier, "keyid") && put_alternative_names(x, ca, names) &&
        X509_sign(x, ca_key, EVP_sha256()) > 0)
        return x;
    X509_free(x);
    return NULL;
}

/* Write one PEM object under its final name, all at once; the name appears when the file is whole. */
static bool write_pem(const char *dir, const char *name, X509 *cert, EVP_PKEY *key, struct err *e)
{
    char path[4096], temporary[4200];
    int fd;
    bool ok;

    snprintf(path, sizeof path, "%s/%s", dir, name);
    snprintf(temporary, sizeof temporary, "%s.%ld.new", path, (long)getpid());
    fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, key ? 0600 : 0644);
    FILE *f = fd < 0 ? NULL : fdopen(fd, "w");
    if (!f) {
        if (fd >= 0)
            close(fd);
        return err_set(e, ERR_IO, "%s: %s", temporary, strerror(errno));
    }
    ok = cert ? PEM_write_X509(f, cert) == 1 : PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL) == 1;
    ok = fclose(f) == 0 && ok;
    if (ok && rename(temporary, path) == 0)
        return true;
    unlink(temporary);
    return err_set(e, ERR_IO, "%s cannot be written", path);
}

static bool is_there(const char *dir)
{
    static const char *const files[] = { "ca.pem", "server.pem", "server.key" };
    char path[4096];

    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", dir, files[i]);
        if (access(path, R_OK) != 0)
            return false;
    }
    return true;
}

bool emu_tls_make_ca(const char *dir, const char *const *names, struct err *e)
{
    if (is_there(dir))
        return true;
    if (mkdir(dir, 0755) != 0 && errno != EEXIST)
        return err_set(e, ERR_IO, "%s: %s", dir, strerror(errno));
    EVP_PKEY *ca_key = EVP_EC_gen("P-256"), *key = EVP_EC_gen("P-256");
    X509 *ca = ca_key ? make_authority(ca_key) : NULL;
    X509 *server = ca && key ? make_server(key, ca, ca_key, names) : NULL;
    bool ok = server
                  ? write_pem(dir, "server.key", NULL, key, e) &&
                        write_pem(dir, "server.pem", server, NULL, e) && write_pem(dir, "ca.pem", ca, NULL, e)
                  : tls_error(e, "making certificates");
    X509_free(server);
    X509_free(ca);
    EVP_PKEY_free(key);
    EVP_PKEY_free(ca_key);
    return ok;
}
