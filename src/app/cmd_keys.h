/* banyan keys: the keys that zones are signed with. cmd_keys.c has the options and what changes
 * keys, cmd_keys_show.c what shows them, cmd_keys_files.c key files in and out. */
#ifndef BANYAN_APP_CMD_KEYS_H
#define BANYAN_APP_CMD_KEYS_H

#include "io/key_store.h"

enum { KEYS_FINE = 0, KEYS_FAILED = 1, KEYS_USAGE = 2 };

struct keys_cmd {
    const char *state_dir, *algorithm, *role, *dnskey_ttl, *propagation, *ds_ttl, *zone_ttl;
    uint32_t bits, digest;
    bool json, force, public_only, split;
    char **arg; /* behind the zone */
    int n;
    struct key_store *ks;
    struct name zone;
    char zone_text[NAME_TEXT_MAX];
    uint64_t now;
    struct sign_policy policy; /* algorithm 0: as the keys that are there */
    struct keyset set;         /* read_zone */
    struct text said;          /* what keys_change prints when all is written */
    struct diag d;
};

/* argv[0] is "keys". Exit status: 0 well, 1 refused or failed, 2 wrong usage. */
int cmd_keys(int argc, char **argv);

/* Prints c->d. Returns KEYS_FAILED. */
int keys_complain(const struct keys_cmd *c);
/* The argument as the tag of a key; false, with c->d filled, if it is no number. */
bool keys_tag(struct keys_cmd *c, const char *word, uint16_t *ret);
/* Reads c->set; false, having complained, when the zone has no keys or they are damaged. */
bool keys_read(struct keys_cmd *c);
/* Carries fn out on the zone's keys and says that the server will take it up. */
int keys_change(struct keys_cmd *c, enum status (*fn)(void *ctx, struct keyset *s, struct diag *d));

/* Notes what was done to a key. */
void keys_say(struct keys_cmd *c, const struct zone_key *k, const char *what);

int keys_list(struct keys_cmd *c);
int keys_status(struct keys_cmd *c);
int keys_ds(struct keys_cmd *c);
int keys_dnskey(struct keys_cmd *c);
int keys_import(struct keys_cmd *c);
int keys_export(struct keys_cmd *c);

#endif
