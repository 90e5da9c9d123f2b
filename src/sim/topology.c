#include "sim/topology.h"

#include "crypto/key.h"

static const struct {
    const char *word;
    enum topo_dnssec value;
} dnssec_words[] = {{"nsec", TOPO_NSEC},
                    {"auto", TOPO_NSEC},
                    {"nsec3", TOPO_NSEC3},
                    {"nsec3-opt-out", TOPO_OPT_OUT},
                    {"off", TOPO_UNSIGNED}};

enum status topology_init(struct topology *t)
{
    arena_init(&t->arena, 65536, 0);
    t->server_count = 0;
    t->zone_count = 0;
    t->signing = (struct topo_signing){TOPO_UNSIGNED, SEC_ECDSAP256SHA256, false};
    t->server = arena_zalloc(&t->arena, TOPO_SERVERS * sizeof *t->server);
    t->zone = arena_zalloc(&t->arena, TOPO_ZONES * sizeof *t->zone);
    return t->server && t->zone ? ST_OK : ST_ENOMEM;
}

void topology_free(struct topology *t)
{
    arena_free(&t->arena);
    t->server = NULL;
    t->server_count = 0;
    t->zone = NULL;
    t->zone_count = 0;
}

struct topo_server *topology_add(struct topology *t, const uint8_t *name)
{
    if (t->server_count == TOPO_SERVERS)
        return NULL;
    struct topo_server *s = &t->server[t->server_count];
    s->zones = arena_alloc(&t->arena, TOPO_SERVER_ZONES * sizeof *s->zones);
    if (s->zones == NULL)
        return NULL;
    name_copy(s->name.w, name);
    t->server_count++;
    return s;
}

enum status topology_serve(struct topology *t, struct topo_server *s, const uint8_t *zone)
{
    if (topo_serves(s, zone))
        return ST_OK;
    if (s->zone_count == TOPO_SERVER_ZONES)
        return ST_ELIMIT;
    struct name *n = arena_alloc(&t->arena, sizeof *n);
    if (n == NULL)
        return ST_ENOMEM;
    name_lower(n->w, zone);
    s->zones[s->zone_count++] = n;
    return ST_OK;
}

struct topo_server *topology_find(const struct topology *t, const uint8_t *name)
{
    for (unsigned i = 0; i < t->server_count; i++)
        if (name_equal(t->server[i].name.w, name))
            return &t->server[i];
    return NULL;
}

bool topo_serves(const struct topo_server *s, const uint8_t *zone)
{
    for (unsigned i = 0; i < s->zone_count; i++)
        if (name_equal(s->zones[i]->w, zone))
            return true;
    return false;
}

struct topo_signing topology_signing(const struct topology *t, const uint8_t *zone)
{
    for (unsigned i = 0; i < t->zone_count; i++)
        if (name_equal(t->zone[i].name.w, zone))
            return t->zone[i].signing;
    return t->signing;
}

bool topo_dnssec_parse(const char *word, enum topo_dnssec *ret)
{
    for (size_t i = 0; i < ARRAY_LEN(dnssec_words); i++) {
        if (strcmp(dnssec_words[i].word, word) == 0) {
            *ret = dnssec_words[i].value;
            return true;
        }
    }
    return false;
}

const char *topo_dnssec_word(enum topo_dnssec v)
{
    for (size_t i = 0; i < ARRAY_LEN(dnssec_words); i++)
        if (dnssec_words[i].value == v)
            return dnssec_words[i].word;
    return "";
}

const char *topo_dnssec_nearest(const char *word)
{
    const char *words[ARRAY_LEN(dnssec_words)];
    for (size_t i = 0; i < ARRAY_LEN(dnssec_words); i++)
        words[i] = dnssec_words[i].word;
    return nearest_word(word, words, ARRAY_LEN(words));
}
