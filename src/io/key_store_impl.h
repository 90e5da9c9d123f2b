/* The inside of the key store. */
#ifndef BANYAN_IO_KEY_STORE_IMPL_H
#define BANYAN_IO_KEY_STORE_IMPL_H

#include "io/key_store.h"

#include <lmdb.h>
#include <sys/types.h>

struct key_store {
    MDB_env *env;
    MDB_dbi keys, states;
    bool read_only;
    dev_t dev;
    ino_t ino;
    struct key_store *next; /* of those that this process has open */
    char path[STATE_DIR_MAX + 16];
};

/* The words for what LMDB or the system returned. */
enum status key_store_fail(const char *path, int rc, struct diag *d) MUST_USE;
/* Reads every record and compares it with its name and checksum. */
enum status key_store_check_records(struct key_store *ks, struct diag *d) MUST_USE;

#endif
