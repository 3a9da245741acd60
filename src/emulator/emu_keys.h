/* emu_keys: the access keys that may sign, from a file in the official INI form. The reader keeps copies. */
#ifndef EG_EMU_KEYS_H
#define EG_EMU_KEYS_H
#include "base/err.h"
#include "base/slice.h"

#define EMU_KEYS_MAX 64

struct emu_key {
    char *id, *secret, *token; /* token is NULL for a key without one */
};

struct emu_keys {
    struct emu_key key[EMU_KEYS_MAX];
    size_t count;
};

/* Add one key; an empty token means none. */
bool emu_keys_add(struct emu_keys *k, struct slice id, struct slice secret, struct slice token,
                  struct err *e);
/* Read every section of an INI file: type = access_key or sts, access_key_id, access_key_secret, security_token. */
bool emu_keys_load(struct emu_keys *k, const char *path, struct err *e);
const struct emu_key *emu_keys_find(const struct emu_keys *k, struct slice id);
void emu_keys_drop(struct emu_keys *k);
#endif
