/* Which names get denial records, and in which order (RFC 4034 section 6.1, RFC 5155 section 7.1).
 */
#include "dnssec/sign_impl.h"

#include <stdlib.h>
#include <string.h>

static enum name_kind kind_of(const struct signer *s, const struct zone_node *n)
{
    struct rrset set;
    struct set_cursor cursor = {0};
    if (zone_node_hidden(n) || zone_node_empty(n))
        return NAME_NOTHING;
    if (zone_node_cut(n))
        return zone_rrset(s->in, n, RR_DS, zone_origin(s->in), &set) ? NAME_SECURE : NAME_INSECURE;
    return sign_next_set(s, n, zone_origin(s->in), &cursor, &set) ? NAME_DATA : NAME_NOTHING;
}

static enum status find_kinds(struct signer *s, struct lane *l, uint32_t chunk)
{
    (void)l;
    uint32_t end = MIN((chunk + 1) * SIGN_CHUNK, s->names);
    for (uint32_t r = chunk * SIGN_CHUNK; r < end; r++)
        s->kind[r] = (uint8_t)kind_of(s, zone_node_at(s->in, r));
    return ST_OK;
}

/* True if a name has a denial record of its own. Opt-out leaves out insecure delegations. */
static bool in_chain(const struct signer *s, enum name_kind k)
{
    if (!sign_nsec3(s))
        return k >= NAME_DATA;
    return k != NAME_NOTHING && !(k == NAME_INSECURE && s->plan->policy.opt_out);
}

/* Names between the zone's and others that have no records. RFC 5155 section 7.1 lets opt-out leave
 * out those that only lead to insecure delegations; but then a name below one can only be denied
 * from further up, where there may be a wildcard that the denial would contradict. */
static void find_empty(struct signer *s)
{
    const struct zone_node *apex = zone_apex(s->in);
    for (uint32_t r = 1; r < s->names; r++) {
        if (s->kind[r] == NAME_NOTHING)
            continue;
        const struct zone_node *n = zone_node_parent(s->in, zone_node_at(s->in, r));
        while (n != apex && s->kind[zone_node_rank(n)] == NAME_NOTHING) {
            s->kind[zone_node_rank(n)] = NAME_EMPTY;
            n = zone_node_parent(s->in, n);
        }
    }
}

static enum status hash_links(struct signer *s, struct lane *l, uint32_t chunk)
{
    uint8_t name[LIMIT_NAME];
    uint32_t end = MIN((chunk + 1) * SIGN_CHUNK, s->links);
    for (uint32_t i = chunk * SIGN_CHUNK; i < end; i++) {
        zone_node_name(s->in, zone_node_at(s->in, s->chain[i].rank), name);
        TRY(nsec3_hash(l->hasher, name, s->plan->salt, s->plan->iterations, s->chain[i].hash));
    }
    return ST_OK;
}

static int hash_order(const void *a, const void *b)
{
    return memcmp(((const struct link *)a)->hash, ((const struct link *)b)->hash, NSEC3_HASH);
}

/* RFC 5155 section 7.1: two names with the same hash would need another salt. */
static enum status check_collisions(struct signer *s)
{
    for (uint32_t i = 1; i < s->links; i++)
        if (hash_order(&s->chain[i - 1], &s->chain[i]) == 0) {
            diag_set(s->d, SEV_ERROR, "nsec3-collision", "sign with NSEC",
                     "two names of the zone have the same NSEC3 hash");
            return ST_ESEMANTIC;
        }
    return ST_OK;
}

enum status chain_make(struct signer *s, const struct sign_jobs *jobs)
{
    s->kind = calloc(s->names, 1);
    if (s->kind == NULL)
        return ST_ENOMEM;
    TRY(sign_run(s, jobs, find_kinds, chunk_count(s->names)));
    if (sign_nsec3(s))
        find_empty(s);
    for (uint32_t r = 0; r < s->names; r++)
        s->links += in_chain(s, s->kind[r]);
    s->chain = malloc(s->links * sizeof *s->chain);
    if (s->chain == NULL)
        return ST_ENOMEM;
    for (uint32_t r = 0, i = 0; r < s->names; r++)
        if (in_chain(s, s->kind[r]))
            s->chain[i++].rank = r;
    if (!sign_nsec3(s))
        return ST_OK;
    TRY(sign_run(s, jobs, hash_links, chunk_count(s->links)));
    qsort(s->chain, s->links, sizeof *s->chain, hash_order);
    return check_collisions(s);
}

uint32_t chain_from(const struct signer *s, uint32_t rank)
{
    uint32_t lo = 0, hi = s->links;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (s->chain[mid].rank < rank)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}
