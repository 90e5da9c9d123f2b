/* banyan keys: options, and what changes keys. */
#include "app/cmd_keys.h"

#include "app/opts.h"
#include "zone/scan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { ZONES_LISTED = 1024 };

int keys_complain(const struct keys_cmd *c)
{
    struct text t = text_heap(1 << 16);
    diag_text(&c->d, isatty(STDERR_FILENO), &t);
    fputs(text_cstr(&t), stderr);
    text_free(&t);
    return KEYS_FAILED;
}

static int wrong(struct keys_cmd *c, const char *hint, const char *message)
{
    diag_set(&c->d, SEV_ERROR, "usage", hint, "%s", message);
    (void)keys_complain(c);
    return KEYS_USAGE;
}

bool keys_tag(struct keys_cmd *c, const char *word, uint16_t *ret)
{
    char *end;
    unsigned long v = strtoul(word, &end, 10);
    if (*word >= '0' && *word <= '9' && *end == '\0' && v <= UINT16_MAX) {
        *ret = (uint16_t)v;
        return true;
    }
    diag_set(&c->d, SEV_ERROR, "usage", "`banyan keys list` shows the tags",
             "\"%s\" is no key tag: a number up to 65535", word);
    return false;
}

/* --- The zone --- */

struct zone_names {
    char *name[ZONES_LISTED];
    size_t n;
};

static bool collect(void *ctx, const uint8_t *zone)
{
    struct zone_names *z = ctx;
    char text[NAME_TEXT_MAX];
    z->name[z->n] = strdup(name_str(zone, text));
    return z->name[z->n] != NULL && ++z->n < ZONES_LISTED;
}

/* Says which zones there are, and which was meant. */
static void no_such_zone(struct keys_cmd *c)
{
    struct zone_names *z = calloc(1, sizeof *z);
    struct text t = text_of(c->d.hint, sizeof c->d.hint);
    struct diag d = {0};
    diag_set(&c->d, SEV_ERROR, "no-such-zone", NULL, "there are no keys of %s in %s", c->zone_text,
             key_store_path(c->ks));
    if (z == NULL || key_store_list(c->ks, collect, z, &d) != ST_OK || z->n == 0) {
        text_str(&t, "there are none at all: `banyan keys generate ZONE` makes some");
    } else {
        const char *near = nearest_word(c->zone_text, (const char *const *)z->name, z->n);
        if (near != NULL)
            text_fmt(&t, "did you mean %s? ", near);
        text_str(&t, "there are:");
        for (size_t i = 0; i < z->n && i < 8; i++)
            text_fmt(&t, " %s", z->name[i]);
        text_str(&t, z->n > 8 ? " ..." : "");
    }
    for (size_t i = 0; z != NULL && i < z->n; i++)
        free(z->name[i]);
    free(z);
}

bool keys_read(struct keys_cmd *c)
{
    enum status st = key_store_get(c->ks, c->zone.w, &c->set, &c->d);
    if (st == ST_ENOTFOUND)
        no_such_zone(c);
    if (st != ST_OK)
        (void)keys_complain(c);
    return st == ST_OK;
}

/* --- Changes --- */

static void print_said(const struct keys_cmd *c)
{
    char buf[2 * NAME_TEXT_MAX];
    struct text t = text_of(buf, sizeof buf);
    struct json j = json_of(&t, false);
    json_str(&j, c->zone_text);
    if (c->json)
        printf("{\"zone\": %s, \"changes\": [%s]}\n", text_cstr(&t), text_cstr(&c->said));
    else
        printf("%sA server that uses this store takes it up within a minute.\n",
               text_cstr(&c->said));
}

int keys_change(struct keys_cmd *c, enum status (*fn)(void *ctx, struct keyset *s, struct diag *d))
{
    c->d.message[0] = '\0';
    enum status st = key_store_update(c->ks, c->zone.w, fn, c, &c->d);
    if (st == ST_OK) {
        print_said(c);
        return KEYS_FINE;
    }
    if (c->d.message[0] == '\0')
        diag_set(&c->d, SEV_ERROR, "failed", NULL, "%s", status_text(st));
    return keys_complain(c);
}

static enum status zone_unknown(struct keys_cmd *c, const struct keyset *s)
{
    return s->n > 0 ? ST_OK : (no_such_zone(c), ST_ENOTFOUND);
}

void keys_say(struct keys_cmd *c, const struct zone_key *k, const char *what)
{
    if (c->json)
        text_fmt(&c->said, "%s{\"tag\": %u, \"done\": \"%s\"}", c->said.n > 0 ? ", " : "", k->tag,
                 what);
    else
        text_fmt(&c->said, "%s: key %u (%s, %s) %s\n", c->zone_text, k->tag, key_role_name(k->role),
                 sec_algorithm_name(k->algorithm), what);
}

/* The algorithm and size that the role's keys have now, where the options say none. */
static void policy_from(struct keys_cmd *c, const struct keyset *s, enum key_role role)
{
    struct sign_policy *p = &c->policy;
    for (unsigned i = 0; i < s->n; i++) {
        const struct zone_key *k = &s->key[i];
        if (k->role != role || k->secret.n == 0 || k->at[KEY_RETIRE] != 0)
            continue;
        if (c->algorithm == NULL)
            p->algorithm = k->algorithm;
        if (c->bits == 0 && p->algorithm == k->algorithm)
            p->rsa_bits = k->bits;
    }
}

static bool role_option(struct keys_cmd *c, enum key_role *ret, struct diag *d)
{
    if (key_role_parse(bytes_str(c->role), ret))
        return true;
    diag_set(d, SEV_ERROR, "usage", NULL, "--role is csk, ksk or zsk, not \"%s\"", c->role);
    return false;
}

static enum status do_generate(void *ctx, struct keyset *s, struct diag *d)
{
    struct keys_cmd *c = ctx;
    struct zone_key *k;
    enum key_role role = KEY_CSK;
    bool made;
    if (c->role == NULL) {
        c->policy.split = c->split;
        unsigned before = s->n;
        TRY(keyset_begin(s, &c->policy, c->now, &made));
        for (unsigned i = before; i < s->n; i++)
            keys_say(c, &s->key[i], "was made and is in use at once");
        if (made)
            return ST_OK;
        diag_set(d, SEV_ERROR, "zone-has-keys",
                 "--role makes one more for later; `banyan keys roll` puts it in use",
                 "%s has keys that sign", c->zone_text);
        return ST_EEXIST;
    }
    if (!role_option(c, &role, d))
        return ST_ESYNTAX;
    policy_from(c, s, role);
    enum status st = keyset_generate(s, role, c->policy.algorithm, c->policy.rsa_bits, c->now, &k);
    if (st == ST_ELIMIT)
        diag_set(d, SEV_ERROR, "too-many-keys", "delete those that are not needed",
                 "%s has %d keys: it can have no more", c->zone_text, KEYSET_KEYS);
    TRY(st);
    keys_say(c, k, "was made; the next roll takes it");
    return ST_OK;
}

static int run_generate(struct keys_cmd *c)
{
    return keys_change(c, do_generate);
}

static enum key_role main_role(const struct keyset *s)
{
    for (unsigned i = 0; i < s->n; i++)
        if (s->key[i].role == KEY_ZSK)
            return KEY_ZSK;
    return KEY_CSK;
}

static enum status do_roll(void *ctx, struct keyset *s, struct diag *d)
{
    struct keys_cmd *c = ctx;
    struct zone_key *k;
    enum key_role role = main_role(s);
    TRY(zone_unknown(c, s));
    if (c->role != NULL && !role_option(c, &role, d))
        return ST_ESYNTAX;
    if (c->role == NULL && role == KEY_ZSK) {
        diag_set(d, SEV_ERROR, "usage", NULL,
                 "%s has a KSK and a ZSK: say --role ksk or --role zsk", c->zone_text);
        return ST_ESYNTAX;
    }
    policy_from(c, s, role);
    TRY(keyset_roll(s, role, &c->policy, c->now, &k, d));
    keys_say(c, k, "is the new key of the roll that begins");
    if (!c->json)
        text_fmt(&c->said, "`banyan keys status %s` tells how it goes on.\n", c->zone_text);
    return ST_OK;
}

static int run_roll(struct keys_cmd *c)
{
    return keys_change(c, do_roll);
}

/* The tag that the arguments name, or of the only key that waits for its DS. */
static bool tag_argument(struct keys_cmd *c, const struct keyset *s, uint16_t *ret, struct diag *d)
{
    unsigned n = 0;
    if (c->n > 0)
        return keys_tag(c, c->arg[0], ret);
    for (unsigned i = 0; i < s->n; i++)
        if (key_state_at(&s->key[i], c->now) == KEY_STATE_READY) {
            *ret = s->key[i].tag;
            n++;
        }
    if (n != 1)
        diag_set(d, SEV_ERROR, "usage", "`banyan keys list` shows the tags",
                 n == 0 ? "no key waits for its DS" : "several keys wait for their DS: name one");
    return n == 1;
}

static enum status do_ds_seen(void *ctx, struct keyset *s, struct diag *d)
{
    struct keys_cmd *c = ctx;
    uint16_t tag;
    TRY(zone_unknown(c, s));
    if (!tag_argument(c, s, &tag, d))
        return ST_ESYNTAX;
    TRY(keyset_ds_seen(s, tag, &c->policy, c->now, d));
    keys_say(c, keyset_find(s, tag), "has its DS at the parent");
    return ST_OK;
}

static int run_ds_seen(struct keys_cmd *c)
{
    return keys_change(c, do_ds_seen);
}

static enum status do_retire(void *ctx, struct keyset *s, struct diag *d)
{
    struct keys_cmd *c = ctx;
    uint16_t tag;
    TRY(zone_unknown(c, s));
    if (!keys_tag(c, c->arg[0], &tag))
        return ST_ESYNTAX;
    TRY(keyset_retire(s, tag, &c->policy, c->now, c->force, d));
    keys_say(c, keyset_find(s, tag), "is retired");
    return ST_OK;
}

static int run_retire(struct keys_cmd *c)
{
    return keys_change(c, do_retire);
}

static enum status do_delete(void *ctx, struct keyset *s, struct diag *d)
{
    struct keys_cmd *c = ctx;
    uint16_t tag;
    TRY(zone_unknown(c, s));
    if (!keys_tag(c, c->arg[0], &tag))
        return ST_ESYNTAX;
    struct zone_key *k = keyset_find(s, tag);
    struct zone_key gone = k != NULL ? *k : (struct zone_key){0};
    TRY(keyset_delete(s, tag, c->now, c->force, d));
    keys_say(c, &gone, "is deleted");
    return ST_OK;
}

static enum status do_delete_all(void *ctx, struct keyset *s, struct diag *d)
{
    struct keys_cmd *c = ctx;
    TRY(zone_unknown(c, s));
    for (unsigned i = s->n; i-- > 0;) {
        struct zone_key gone = s->key[i];
        TRY(keyset_delete(s, gone.tag, c->now, c->force, d));
        keys_say(c, &gone, "is deleted");
    }
    return ST_OK;
}

static int run_delete(struct keys_cmd *c)
{
    return keys_change(c, c->n > 0 ? do_delete : do_delete_all);
}

/* --- Command line --- */

enum store_use { STORE_READ, STORE_WRITE, STORE_MAKE };

static const struct {
    const char *name;
    int (*run)(struct keys_cmd *c);
    enum store_use use;
    int min, max; /* arguments, the zone among them */
    const char *arguments;
} actions[] = {
    {"list", keys_list, STORE_READ, 0, 1, "[ZONE]"},
    {"status", keys_status, STORE_READ, 1, 1, "ZONE"},
    {"generate", run_generate, STORE_MAKE, 1, 1, "ZONE"},
    {"import", keys_import, STORE_MAKE, 2, 1000, "ZONE FILE..."},
    {"export", keys_export, STORE_READ, 2, 3, "ZONE [TAG] DIR"},
    {"roll", run_roll, STORE_WRITE, 1, 1, "ZONE"},
    {"ds-seen", run_ds_seen, STORE_WRITE, 1, 2, "ZONE [TAG]"},
    {"retire", run_retire, STORE_WRITE, 2, 2, "ZONE TAG"},
    {"delete", run_delete, STORE_WRITE, 1, 2, "ZONE [TAG]"},
    {"ds", keys_ds, STORE_READ, 1, 2, "ZONE [TAG]"},
    {"dnskey", keys_dnskey, STORE_READ, 1, 1, "ZONE"},
};

static bool open_store(struct keys_cmd *c, enum store_use use)
{
    char dir[STATE_DIR_MAX];
    enum status st = key_store_dir(c->state_dir, dir, &c->d);
    if (st == ST_OK && use == STORE_WRITE) { /* must be there already */
        st = key_store_open(dir, true, &c->ks, &c->d);
        if (st == ST_OK)
            key_store_close(c->ks);
        c->ks = NULL;
    }
    if (st == ST_OK)
        st = key_store_open(dir, use == STORE_READ, &c->ks, &c->d);
    if (st != ST_OK)
        (void)keys_complain(c);
    return st == ST_OK;
}

static bool seconds(struct keys_cmd *c, const char *option, const char *value, uint32_t *ret)
{
    if (value == NULL || zone_ttl_parse(bytes_str(value), ret) == ST_OK)
        return true;
    diag_set(&c->d, SEV_ERROR, "usage", NULL,
             "%s: \"%s\" is not a length of time such as 1d, 12h or 3600", option, value);
    (void)keys_complain(c);
    return false;
}

static bool read_policy(struct keys_cmd *c)
{
    struct sign_policy *p = &c->policy;
    *p = sign_policy_default();
    if (c->bits != 0)
        p->rsa_bits = c->bits;
    if (c->algorithm != NULL && (!sec_algorithm_parse(bytes_str(c->algorithm), &p->algorithm) ||
                                 !sec_algorithm_signs(p->algorithm))) {
        diag_set(&c->d, SEV_ERROR, "usage", NULL,
                 "--algorithm: \"%s\" is not one to sign with: 8, 10, 13 (ECDSAP256SHA256), 14, "
                 "15 (ED25519), 16",
                 c->algorithm);
        (void)keys_complain(c);
        return false;
    }
    return seconds(c, "--dnskey-ttl", c->dnskey_ttl, &p->dnskey_ttl_s) &&
           seconds(c, "--propagation", c->propagation, &p->propagation_s) &&
           seconds(c, "--ds-ttl", c->ds_ttl, &p->ds_ttl_s) &&
           seconds(c, "--zone-ttl", c->zone_ttl, &p->zone_ttl_s);
}

/* The times that the server signs with, where the options say none: a plan made with shorter ones
 * would take keys away that caches still need. */
static void times_from_server(struct keys_cmd *c)
{
    struct sign_policy *p = &c->policy;
    struct key_store_state s;
    struct diag d = {0};
    if (key_store_state_get(c->ks, c->zone.w, &s, &d) != ST_OK || s.dnskey_ttl_s == 0)
        return;
    if (c->dnskey_ttl == NULL)
        p->dnskey_ttl_s = s.dnskey_ttl_s;
    if (c->propagation == NULL)
        p->propagation_s = s.propagation_s;
    if (c->ds_ttl == NULL)
        p->ds_ttl_s = s.ds_ttl_s;
    if (c->zone_ttl == NULL)
        p->zone_ttl_s = s.zone_ttl_s;
}

static int run(struct keys_cmd *c, int argc, char **argv)
{
    const char *names[ARRAY_LEN(actions)];
    size_t i = 0;
    char buf[300];
    if (argc < 1)
        return wrong(c, "`banyan keys --help` lists them",
                     "say what to do: list, status, roll ...");
    for (; i < ARRAY_LEN(actions) && strcmp(actions[i].name, argv[0]) != 0; i++)
        names[i] = actions[i].name;
    if (i == ARRAY_LEN(actions)) {
        const char *near = nearest_word(argv[0], names, i);
        diag_set(&c->d, SEV_ERROR, "usage", NULL, "there is no `banyan keys %s`", argv[0]);
        snprintf(c->d.hint, sizeof c->d.hint, "%s%s",
                 near ? "did you mean " : "`banyan keys --help` lists what there is",
                 near ? near : "");
        (void)keys_complain(c);
        return KEYS_USAGE;
    }
    if (argc - 1 < actions[i].min || argc - 1 > actions[i].max) {
        snprintf(buf, sizeof buf, "usage: banyan keys %s %s", actions[i].name,
                 actions[i].arguments);
        return wrong(c, "`banyan keys --help` has examples", buf);
    }
    if (argc > 1 && name_from(argv[1], &c->zone) != ST_OK)
        return wrong(c, NULL, "this is no name of a zone");
    name_lower_inplace(c->zone.w);
    if (argc > 1)
        name_str(c->zone.w, c->zone_text);
    c->arg = argv + (argc > 1 ? 2 : 1);
    c->n = argc > 1 ? argc - 2 : 0;
    if (!read_policy(c))
        return KEYS_USAGE;
    if (!open_store(c, actions[i].use))
        return KEYS_FAILED;
    if (argc > 1)
        times_from_server(c);
    int rc = actions[i].run(c);
    keyset_free(&c->set);
    text_free(&c->said);
    key_store_close(c->ks);
    return rc;
}

int cmd_keys(int argc, char **argv)
{
    static struct keys_cmd c;
    c = (struct keys_cmd){.now = (uint64_t)time(NULL), .digest = DS_SHA256};
    c.said = text_heap(1 << 20);
    const struct opt opt[] = {
        {"--state-dir", 'd', "DIR",
         "the server's state folder (option dnssec.state-dir; else $BANYAN_STATE, "
         "/var/lib/banyan, ~/.local/state/banyan)",
         .value = &c.state_dir},
        {"--algorithm", 'a', "NAME",
         "of keys to make (as the zone's other keys, else ECDSAP256SHA256)", .value = &c.algorithm},
        {"--bits", 0, "N", "length of RSA keys to make (2048)", .number = &c.bits, .min = 1024,
         .max = 4096},
        {"--role", 'r', "ROLE", "csk, ksk or zsk", .value = &c.role},
        {"--split", 0, NULL, "generate: first keys are a KSK and a ZSK, not one CSK for both",
         .flag = &c.split},
        {"--public", 0, NULL, "import: a public half alone is welcome (another signer's key)",
         .flag = &c.public_only},
        {"--force", 'f', NULL, "retire, delete: also what is needed; export: overwrite",
         .flag = &c.force},
        {"--digest", 0, "N", "ds: 2 (SHA-256) or 4 (SHA-384)", .number = &c.digest,
         .min = DS_SHA256, .max = DS_SHA384},
        {"--dnskey-ttl", 0, "TIME", "TTL of the DNSKEY set (the server's, else 1h)",
         .value = &c.dnskey_ttl},
        {"--zone-ttl", 0, "TIME", "largest TTL in the zone (as it was signed last, else 1d)",
         .value = &c.zone_ttl},
        {"--ds-ttl", 0, "TIME", "TTL of the DS at the parent (the server's, else 1d)",
         .value = &c.ds_ttl},
        {"--propagation", 0, "TIME",
         "until every server of the zone has a change (the server's, else 1h)",
         .value = &c.propagation},
        {"--json", 0, NULL, "results as JSON", .flag = &c.json},
    };
    const struct opt_command command = {
        "banyan keys",
        "list [ZONE] | status ZONE | generate ZONE | import ZONE FILE... |\n"
        "       export ZONE [TAG] DIR | roll ZONE | ds-seen ZONE [TAG] | retire ZONE TAG |\n"
        "       delete ZONE [TAG] | ds ZONE [TAG] | dnskey ZONE        [OPTIONS]",
        "The keys that zones are signed with. They are kept in the server's state folder; the\n"
        "server need not run, and takes changes up within a minute when it does.\n"
        "\n"
        "A roll replaces a key: the new one is published, signs when every cache knows it, and "
        "the\n"
        "old one leaves when no cache needs it. For a KSK or CSK it waits until you have given "
        "the\n"
        "new DS to the parent and said so with ds-seen; status tells what is to be done when. The\n"
        "four times are those that caches hold things for: they decide how long a roll waits.",
        "  banyan keys list\n"
        "  banyan keys generate example.org             first key: sign the zone with it\n"
        "  banyan keys ds example.org                   the DS records for the registrar\n"
        "  banyan keys ds-seen example.org              they are published there\n"
        "  banyan keys roll example.org\n"
        "  banyan keys roll example.org -a ED25519      to another algorithm\n"
        "  banyan keys status example.org\n"
        "  banyan keys import example.org keys/Kexample.org.+013+*.key\n"
        "  banyan keys export example.org /root/keys    as dnssec-keygen writes them\n",
        opt,
        ARRAY_LEN(opt)};
    int n = 0;
    enum opts_result r = opts_parse(&command, argc, argv, &n);
    if (r != OPTS_GO)
        return r == OPTS_HELP ? KEYS_FINE : KEYS_USAGE;
    if (c.digest != DS_SHA256 && c.digest != DS_SHA384)
        return wrong(&c, NULL, "--digest is 2 or 4");
    return run(&c, n, argv + 1);
}
