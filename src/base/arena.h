/* Memory that is given back all at once.
 *
 * Two uses: a query's scratch space (capped, reset after every query) and a snapshot's lifetime
 * (uncapped, freed whole). Objects are 16-byte aligned unless asked otherwise. */
#ifndef BANYAN_BASE_ARENA_H
#define BANYAN_BASE_ARENA_H

#include "base/attr.h"
#include "base/bytes.h"

struct arena_chunk;

struct arena {
    struct arena_chunk *head; /* chunk in use; older ones hang behind it */
    uint8_t *p;
    uint8_t *end;
    size_t total;      /* bytes of all chunks */
    size_t max;        /* cap on total; 0 is none */
    size_t chunk_size; /* size of an ordinary chunk */
};

/* Owns its chunks; max_bytes 0 means unbounded. Allocates nothing until asked. */
void arena_init(struct arena *a, size_t chunk_size, size_t max_bytes);
/* Gives every chunk back. The arena can be used again. */
void arena_free(struct arena *a);
/* Forgets every object but keeps one chunk for the next use. */
void arena_reset(struct arena *a);
/* n uninitialised bytes, or NULL when the cap is reached or memory is out. */
void *arena_alloc(struct arena *a, size_t n) MUST_USE;
/* The same without alignment: for bytes. */
void *arena_alloc_bytes(struct arena *a, size_t n) MUST_USE;
/* Gives the end of the object that was allocated last back: of its n bytes only `keep` stay. */
void arena_shrink(struct arena *a, const void *p, size_t n, size_t keep);
/* Zeroed. */
void *arena_zalloc(struct arena *a, size_t n) MUST_USE;
/* Copies n bytes. */
void *arena_dup(struct arena *a, const void *p, size_t n) MUST_USE;
/* Copies a C string. */
char *arena_strdup(struct arena *a, const char *s) MUST_USE;

#endif
