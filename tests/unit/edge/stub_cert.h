/* Certificates made on the spot, good ones and bad ones, for servers that tests talk to. */
#ifndef EG_STUB_CERT_H
#define EG_STUB_CERT_H
#include "base/must.h"
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <unistd.h>

#define STUB_HOST "eas.easgate.test"
#define DAY_S     86400L

struct stub_pair { /* a certificate and its key */
    X509 *cert;
    EVP_PKEY *key;
};

struct cert_spec { /* zero values: a P-256 certificate for STUB_HOST, valid now, signed with SHA-256 */
    const char *cn;
    size_t cn_bytes;
    const char *san; /* a DNS name; "" = no SAN at all */
    size_t san_bytes;
    unsigned char san_ip[4]; /* instead of a DNS name, when [0] != 0 */
    long from_s, until_s;    /* from now; 0 = -1 day and +1 day */
    int rsa_bits;
    bool sha1, is_ca, for_clients;
};

static inline X509_NAME *stub_name(const char *cn, size_t n)
{
    X509_NAME *name = X509_NAME_new();
    MUST(name &&
         X509_NAME_add_entry_by_txt(name, "CN", V_ASN1_UTF8STRING, (const unsigned char *)cn, (int)n, -1, 0));
    return name;
}

static inline void stub_add_san(X509 *x, const struct cert_spec *s)
{
    GENERAL_NAMES *all = GENERAL_NAMES_new();
    GENERAL_NAME *one = GENERAL_NAME_new();
    bool is_ip = s->san_ip[0] != 0;
    ASN1_STRING *text = ASN1_STRING_type_new(is_ip ? V_ASN1_OCTET_STRING : V_ASN1_IA5STRING);
    const char *san = s->san ? s->san : STUB_HOST;

    if (is_ip)
        MUST(ASN1_STRING_set(text, s->san_ip, 4));
    else
        MUST(ASN1_STRING_set(text, san, s->san_bytes ? (int)s->san_bytes : (int)strlen(san)));
    GENERAL_NAME_set0_value(one, is_ip ? GEN_IPADD : GEN_DNS, text);
    MUST(sk_GENERAL_NAME_push(all, one) && X509_add1_ext_i2d(x, NID_subject_alt_name, all, 0, 0));
    GENERAL_NAMES_free(all);
}

static inline void stub_add_extensions(X509 *x, const struct cert_spec *s)
{
    BASIC_CONSTRAINTS *bc = BASIC_CONSTRAINTS_new();

    bc->ca = s->is_ca ? 0xff : 0;
    MUST(X509_add1_ext_i2d(x, NID_basic_constraints, bc, 1, 0));
    BASIC_CONSTRAINTS_free(bc);
    if (!s->is_ca && (!s->san || s->san[0] || s->san_ip[0]))
        stub_add_san(x, s);
    if (s->for_clients) {
        EXTENDED_KEY_USAGE *use = sk_ASN1_OBJECT_new_null();
        MUST(sk_ASN1_OBJECT_push(use, OBJ_nid2obj(NID_client_auth)) &&
             X509_add1_ext_i2d(x, NID_ext_key_usage, use, 0, 0));
        sk_ASN1_OBJECT_free(use);
    }
}

/* A certificate as the spec says, signed by `issuer`, or by itself when that is NULL. */
static inline struct stub_pair stub_pair_new(const struct cert_spec *s, const struct stub_pair *issuer)
{
    static long serial = 1000;
    struct stub_pair p = { X509_new(),
                           s->rsa_bits ? EVP_RSA_gen((unsigned)s->rsa_bits) : EVP_EC_gen("P-256") };
    const char *cn = s->cn ? s->cn : "some server";
    X509_NAME *name = stub_name(cn, s->cn_bytes ? s->cn_bytes : strlen(cn));

    MUST(p.cert && p.key);
    MUST(X509_set_version(p.cert, 2) && ASN1_INTEGER_set(X509_get_serialNumber(p.cert), ++serial));
    MUST(X509_gmtime_adj(X509_getm_notBefore(p.cert), s->from_s ? s->from_s : -DAY_S));
    MUST(X509_gmtime_adj(X509_getm_notAfter(p.cert), s->until_s ? s->until_s : DAY_S));
    MUST(X509_set_subject_name(p.cert, name) && X509_set_pubkey(p.cert, p.key));
    MUST(X509_set_issuer_name(p.cert, issuer ? X509_get_subject_name(issuer->cert) : name));
    stub_add_extensions(p.cert, s);
    MUST(X509_sign(p.cert, issuer ? issuer->key : p.key, s->sha1 ? EVP_sha1() : EVP_sha256()) > 0);
    X509_NAME_free(name);
    return p;
}

static inline struct stub_pair stub_ca_new(const char *cn)
{
    return stub_pair_new(&(struct cert_spec){ .cn = cn, .is_ca = true }, NULL);
}

static inline void stub_pair_drop(struct stub_pair *p)
{
    X509_free(p->cert);
    EVP_PKEY_free(p->key);
    *p = (struct stub_pair){ NULL, NULL };
}

/* Write the certificate as PEM over `path`, which is made first when it ends in XXXXXX. */
static inline void stub_write_pem(const struct stub_pair *p, char *path)
{
    int fd = strstr(path, "XXXXXX") ? mkstemp(path) : -1;
    if (fd >= 0)
        close(fd);
    FILE *f = fopen(path, "w");
    MUST(f && PEM_write_X509(f, p->cert) == 1);
    fclose(f);
}
#endif
