/* The validator's rules walk through the signed lab, whole and with every recipe's fault: each must
 * give the verdict and the EDE code that the recipe says. */
#include "sim/walk_testlib.h"

#include <dirent.h>

enum { SERVERS_TRIED = 4 };

/* The best that any of the servers gives: a resolver tries others before it calls an answer bogus.
 */
static struct verdict best_of(struct walk *w, const uint8_t *name, uint16_t type)
{
    struct verdict best = {.trust = TRUST_LIMIT};
    for (w->turn = 0; w->turn < SERVERS_TRIED; w->turn++) {
        arena_reset(&w->arena);
        w->budget = (struct budget){0};
        struct verdict v = verdict_of(w, name, type);
        if (w->turn == 0 || v.trust < best.trust)
            best = v;
    }
    return best;
}

static const char *const words[] = {"secure", "insecure", "bogus", "limit"};

static bool as_expected(const struct recipe *r, const struct verdict *v)
{
    unsigned ede = trust_reason_ede(v->reason);
    /* What takes too much work is refused like what is bogus. */
    enum trust t = v->trust == TRUST_LIMIT ? TRUST_BOGUS : v->trust;
    if (strcmp(recipe_verdict_word(r->verdict), words[t]) != 0)
        return false;
    return r->ede == RECIPE_NO_EDE ? true : ede == r->ede;
}

static void try_recipe(const char *word)
{
    struct recipe r;
    struct diag d = {0};
    char dir[1200], shown[NAME_TEXT_MAX];
    struct breakage b = {0};
    struct name name;
    uint16_t type;
    static struct walk w;
    snprintf(dir, sizeof dir, "%s/lab", test_source_dir());
    if (recipe_load(&files, dir, word, &r, &d) != ST_OK) {
        test_point(false, "%s: %s", word, d.message);
        return;
    }
    if (r.verdict == VERDICT_NONE)
        return;
    snprintf(b.word, sizeof b.word, "%s", word);
    if (name_from(r.target, &b.target) != ST_OK || name_from(r.qname, &name) != ST_OK ||
        !rr_type_parse(bytes_str(r.qtype), &type) || !walk_open(&w, &b, 1, true)) {
        test_point(false, "%s: the lab does not open", word);
        return;
    }
    struct verdict v = best_of(&w, name.w, type);
    test_point(as_expected(&r, &v), "%s: %s %u expected; %s, %s %u: %s %u %s", word,
               recipe_verdict_word(r.verdict), r.ede == RECIPE_NO_EDE ? 0 : r.ede, words[v.trust],
               trust_reason_word(v.reason), trust_reason_ede(v.reason), name_str(v.owner.w, shown),
               v.type, trust_reason_text(v.reason));
    walk_close(&w);
}

/* Every recipe that names a verdict. */
TEST(validate_recipes)
{
    char path[1200];
    snprintf(path, sizeof path, "%s/lab/faults", test_source_dir());
    DIR *d = opendir(path);
    REQUIRE(d != NULL);
    unsigned n = 0;
    for (struct dirent *e; (e = readdir(d)) != NULL;) {
        char *dot = strstr(e->d_name, ".fault");
        if (dot == NULL)
            continue;
        *dot = '\0';
        try_recipe(e->d_name);
        n++;
    }
    closedir(d);
    CHECK(n >= 40);
}

/* The lab as it is: what is secure and what is not signed. */
TEST(validate_lab)
{
    static const struct {
        const char *name;
        uint16_t type;
    } asked[] = {{"www.example.org", RR_A},    {"nope.example.org", RR_A},
                 {"www.example.org", RR_MX},   {"www.example.com", RR_A},
                 {"nope.example.com", RR_A},   {"q.wildcard.org", RR_A},
                 {"x.ent.wildcard.org", RR_A}, {"host.wildcard.org", RR_TXT},
                 {"www.old.moved.org", RR_A},  {"shop.example.co.uk", RR_A},
                 {"example.org", RR_DS},       {"dev.example.com", RR_NS},
                 {"nothing-here", RR_A},       {".", RR_NS}};
    static struct walk w;
    REQUIRE(walk_open(&w, NULL, 0, true));
    for (size_t i = 0; i < ARRAY_LEN(asked); i++) {
        struct name n;
        REQUIRE(name_from(asked[i].name, &n) == ST_OK);
        struct verdict v = best_of(&w, n.w, asked[i].type);
        test_point(v.trust == TRUST_SECURE || v.trust == TRUST_INSECURE, "%s %u: %s (%s)",
                   asked[i].name, asked[i].type, words[v.trust], trust_reason_word(v.reason));
    }
    walk_close(&w);
}
