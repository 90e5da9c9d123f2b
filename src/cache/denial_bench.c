/* What a search of the aggressive cache costs with many records in one zone. Not a test: run it by
 * hand (ninja denial_bench). */
#include "cache/denial_testlib.h"

#include <stdio.h>
#include <time.h>

enum { RECORDS = 100000, FINDS = 1000000 };

static void seeded(void *ctx, void *buf, size_t n)
{
    for (uint8_t *p = buf; n-- > 0;)
        *p++ = (uint8_t)prng_next(ctx);
}

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static const struct now now = {.mono_us = 1000000, .wall_s = 1700000000};

static void name_at(const uint8_t *zone, uint64_t i, struct name *ret)
{
    char label[32];
    snprintf(label, sizeof label, "n%08llu", (unsigned long long)i);
    if (name_prepend(bytes_str(label), zone, ret) != ST_OK)
        abort();
}

/* NSEC: names with even numbers exist. NSEC3: the hashes divide the circle evenly. */
static void fill(struct denial_cache *d, const uint8_t *zone, bool nsec3)
{
    static const uint16_t types[] = {RR_A, RR_RRSIG, RR_NSEC, 0};
    static struct made m;
    struct made_how how = {0};
    struct name owner, next;
    made_soa(&m, zone, 3600, &how);
    denial_put_soa(d, zone, &m.set, &m.sigs, 3600, now);
    for (uint32_t i = 0; i < RECORDS; i++) {
        uint32_t k = (uint32_t)((uint64_t)i * 7919 % RECORDS); /* in no order */
        if (nsec3) {
            uint8_t h[2][NSEC3_HASH] = {{0}};
            put_be32(h[0], k * (UINT32_MAX / RECORDS));
            put_be32(h[1], (k + 1) % RECORDS * (UINT32_MAX / RECORDS));
            made_nsec3(&m, zone, h[0], h[1], types, &how);
        } else {
            name_at(zone, 2 * k, &owner);
            name_at(zone, 2 * k + 2, &next);
            made_nsec(&m, zone, owner.w, next.w, types, &how);
        }
        denial_put(d, zone, &m.set, &m.sigs, 3600, now);
    }
    if (!nsec3) { /* the wildcard's */
        name_at(zone, 0, &next);
        made_nsec(&m, zone, zone, next.w, types, &how);
        denial_put(d, zone, &m.set, &m.sigs, 3600, now);
        return;
    }
    /* The zone itself exists. */
    struct nsec3_hasher *h = nsec3_hasher_new();
    uint8_t hash[2][NSEC3_HASH];
    if (h == NULL || nsec3_hash(h, zone, bytes_of(NULL, 0), 0, hash[0]) != ST_OK)
        abort();
    nsec3_hasher_free(h);
    uint32_t step = UINT32_MAX / RECORDS, k = get_be32(hash[0]) / step;
    memset(hash[1], 0, NSEC3_HASH);
    put_be32(hash[1], (k + 1) * step);
    made_nsec3(&m, zone, hash[0], hash[1], types, &how);
    denial_put(d, zone, &m.set, &m.sigs, 3600, now);
}

static void measure(const char *what, bool nsec3)
{
    struct prng r = {1}, questions = {2};
    struct env env = {&r, seeded};
    struct denial_cache *d = denial_new((size_t)1 << 30, &env);
    struct nsec3_hasher *h = nsec3_hasher_new();
    struct arena a;
    struct denial_found f;
    struct name zone, q;
    unsigned found = 0;
    arena_init(&a, 8192, 0);
    if (d == NULL || h == NULL || name_from("example.", &zone) != ST_OK)
        abort();
    double t = seconds();
    fill(d, zone.w, nsec3);
    double filled = seconds() - t;
    t = seconds();
    for (unsigned i = 0; i < FINDS; i++) {
        name_at(zone.w, 2 * prng_below(&questions, RECORDS) + 1, &q);
        arena_reset(&a);
        found += denial_find(d, NULL, q.w, RR_A, h, NULL, now, &a, &f) == DENIAL_NXDOMAIN;
    }
    double asked = seconds() - t;
    struct denial_stats s = denial_stats(d);
    printf("%s: %llu records of %llu bytes; put %.0f ns, find %.0f ns, %u of %d found\n", what,
           (unsigned long long)s.records, (unsigned long long)(s.bytes / s.records),
           filled / RECORDS * 1e9, asked / FINDS * 1e9, found, FINDS);
    denial_free(d);
    nsec3_hasher_free(h);
    arena_free(&a);
}

int main(void)
{
    measure("NSEC", false);
    measure("NSEC3", true);
    return 0;
}
