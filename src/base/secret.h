/*
 * secret: bytes that must never leave. They live in pages of their own that are locked, not dumped, not inherited,
 * and wiped before they are given back. Nothing prints a secret; logs say "<secret>".
 */
#ifndef EG_SECRET_H
#define EG_SECRET_H
#include "base/slice.h"

struct secret;

/* A secret of n bytes (at most 1 MiB) copied from p; NULL without memory or when the page cannot be kept out of dumps.
 * The caller owns it and wipes its own copy with secret_wipe. */
struct secret *secret_new(const void *p, size_t n);
/* Wipe, unlock, free; stores NULL. NULL is fine. */
void secret_free(struct secret **s);
/* The bytes; for the signer only. */
struct slice secret_bytes(const struct secret *s);
/* Are the pages of this process locked (mlock may be forbidden)? For the start-up log. */
bool secret_is_locked(const struct secret *s);

/* Overwrite memory in a way the compiler keeps. */
void secret_wipe(void *p, size_t n);
/* Equality in time that depends on n only. */
bool secret_eq(const void *a, const void *b, size_t n);
/* n random bytes from the library's generator, taken from a pool; false when it fails. One thread only;
 * a child of fork draws anew. */
bool random_bytes(void *p, size_t n);
#endif
