/*
 * easgate token: make a client's token, or the configuration line for one that exists. The token goes to standard output once
 * and is kept nowhere; it is read from standard input, never from argv, which other users can see.
 */
#include "app/cmd.h"
#include "base/digest.h"
#include "base/enc.h"
#include "base/secret.h"
#include <unistd.h>

#define TOKEN_RANDOM_BYTES 32
#define TOKEN_MIN_BYTES    22 /* 128 bits in base64 */
#define TOKEN_MAX_BYTES    512

static const char usage[] =
    "usage: easgate token new [--json]\n"
    "       easgate token hash [--json] < FILE\n"
    "\n"
    "new   makes a token of 256 random bits and prints it with the line for [client NAME]\n"
    "hash  reads a token from standard input and prints the line for [client NAME]\n"
    "\n"
    "easgate keeps only the SHA-256; give the token to the client over a safe way.\n"
    "exit: 0 fine, 2 usage or a token that is not acceptable\n"
    "\n"
    "examples:\n"
    "  easgate token new\n"
    "  easgate token hash < token.txt\n"
    "  easgate token new --json | jq -r .token\n";

static int fail(const char *why)
{
    fprintf(stderr, "easgate token: %s\n", why);
    return 2;
}

/* "eg_" and base64 in the form for URLs, without padding. */
static bool make_token(struct sbuf *out)
{
    unsigned char bytes[TOKEN_RANDOM_BYTES];
    SCOPED(sbuf) text = SBUF_MAX(64);
    bool ok = random_bytes(bytes, sizeof bytes);

    if (ok)
        enc_base64(slice_from(bytes, sizeof bytes), &text);
    sbuf_adds(out, "eg_");
    for (size_t i = 0; i < text.n && text.p[i] != '='; i++)
        sbuf_addc(out, (char)(text.p[i] == '+' ? '-' : text.p[i] == '/' ? '_' : text.p[i]));
    secret_wipe(bytes, sizeof bytes);
    if (text.p)
        secret_wipe(text.p, text.cap);
    return ok && sbuf_ok(&text) && sbuf_ok(out);
}

/* One line, its newline aside. */
static const char *read_token(struct sbuf *out)
{
    char *p = sbuf_room(out, TOKEN_MAX_BYTES + 2);
    size_t got = 0;
    ssize_t n = 1;

    while (p && n > 0 && got < TOKEN_MAX_BYTES + 2) {
        n = read(STDIN_FILENO, p + got, TOKEN_MAX_BYTES + 2 - got);
        got += n > 0 ? (size_t)n : 0;
    }
    if (!p || n < 0)
        return "cannot read standard input";
    got -= got && p[got - 1] == '\n';
    if (got < TOKEN_MIN_BYTES || got > TOKEN_MAX_BYTES)
        return "expected a token of 22 to 512 characters on standard input (`easgate token new` makes one)";
    for (size_t i = 0; i < got; i++)
        if (p[i] <= 0x20 || p[i] >= 0x7f)
            return "expected one line of printable ASCII without blanks on standard input";
    sbuf_grew(out, got);
    return NULL;
}

static int print_token(struct slice token, bool is_new, bool json)
{
    char hex[DIGEST_HEX_BYTES];

    if (!digest_sha256_hex(token, hex))
        return fail("SHA-256 failed");
    if (json && is_new)
        printf("{\"token\":\"%.*s\",\"token_sha256\":\"%s\"}\n", SLICE_FMT(token), hex);
    else if (json)
        printf("{\"token_sha256\":\"%s\"}\n", hex);
    else if (is_new)
        printf("%.*s\ntoken_sha256 = %s\n", SLICE_FMT(token), hex);
    else
        printf("token_sha256 = %s\n", hex);
    return fflush(stdout) == 0 ? 0 : fail("cannot write the output");
}

int cmd_token(int argc, char **argv)
{
    SCOPED(sbuf) token = SBUF_MAX(TOKEN_MAX_BYTES + 2);
    bool json = argc == 3 && strcmp(argv[2], "--json") == 0;
    bool is_new = argc >= 2 && strcmp(argv[1], "new") == 0,
         is_hash = argc >= 2 && strcmp(argv[1], "hash") == 0;
    const char *why = NULL;

    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        fputs(usage, stdout);
        return 0;
    }
    if ((!is_new && !is_hash) || argc > 3 || (argc == 3 && !json)) {
        fputs(usage, stderr);
        return 2;
    }
    if (is_new)
        why = make_token(&token) ? NULL : "no random bytes";
    else
        why = read_token(&token);
    int code = why ? fail(why) : print_token(sbuf_slice(&token), is_new, json);
    if (token.p)
        secret_wipe(token.p, token.cap);
    return code;
}
