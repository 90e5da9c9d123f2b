#include "base/test.h"
#include "config/schema.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

/* --- helpers ---------------------------------------------------------------------------------- */

struct seen {
    struct diag d[64];
    unsigned n;
};

static void see(void *ctx, const struct diag *d)
{
    struct seen *s = ctx;
    if (d->severity == SEV_ERROR && s->n < ARRAY_LEN(s->d))
        s->d[s->n++] = *d;
}

static enum status parse(const char *text, struct seen *seen, struct config **ret)
{
    struct diag_sink sink = {see, seen, 0, 0};
    seen->n = 0;
    return config_parse("dir/test.yaml", bytes_str(text), NULL, &sink, ret);
}

/* A file that sets one option: sections become indentation, items their first element. */
static void file_for(const struct option *o, const char *value, struct text *out)
{
    unsigned depth = 0;
    char path[128];
    text_clear(out);
    snprintf(path, sizeof path, "%s", o->path);
    for (char *p = path, *dot; (dot = strchr(p, '.')) != NULL; p = dot + 1, depth++) {
        *dot = '\0';
        bool item = dot[-1] == ']';
        text_fmt(out, "%*s%.*s:\n", (int)depth * 4, "", (int)(strlen(p) - (item ? 2 : 0)), p);
        if (item)
            text_fmt(out, "%*s-\n", (int)depth * 4 + 2, "");
    }
    text_fmt(out, "%*s%s: %s\n", (int)depth * 4, "", option_word(o), value);
    if (strcmp(o->path, "zones[].file") == 0)
        text_str(out, "    name: example.org\n");
    if (strcmp(o->path, "resolver.hints[].name") == 0)
        text_str(out, "        addresses: 192.0.2.1\n");
    if (strcmp(o->path, "resolver.hints[].addresses") == 0)
        text_str(out, "        name: a.test\n");
    bool route = strncmp(o->path, "resolver.forward-zones[]", 24) == 0 ||
                 strncmp(o->path, "resolver.stub-zones[]", 21) == 0;
    if (route && strcmp(option_word(o), "servers") != 0)
        text_str(out, "        servers: 192.0.2.1\n");
    if (route && strcmp(option_word(o), "zone") != 0)
        text_str(out, "        zone: example.org\n");
    if (strncmp(o->path, "resolver.local-zones[]", 22) == 0 && strcmp(option_word(o), "zone") != 0)
        text_str(out, "        zone: example.org\n");
    if (strcmp(o->path, "resolver.negative-trust-anchors[].until") == 0)
        text_str(out, "        name: example.org\n");
    if (strncmp(o->path, "dnssec.policies[]", 17) == 0 && strcmp(option_word(o), "name") != 0)
        text_str(out, "        name: strong\n");
    if (strcmp(o->path, "dnssec.policies[].validity") == 0)
        text_str(out, "        refresh: 60\n        jitter: 0\n");
    if (strcmp(o->path, "dnssec.policies[].refresh") == 0)
        text_str(out, "        validity: 157680000\n        jitter: 0\n");
    if (strcmp(o->path, "dnssec.policies[].jitter") == 0)
        text_str(out, "        validity: 157680000\n");
    if (strcmp(o->path, "dnssec.policies[].opt-out") == 0)
        text_str(out, "        denial: nsec3\n");
    if (strcmp(o->path, "zones[].dnssec") == 0)
        text_str(out, "    name: example.org\n");
    if (strcmp(o->path, "zones[].dnssec") == 0 || strcmp(o->path, "zones-dir-dnssec") == 0)
        text_fmt(out, "dnssec:\n  policies:\n    - name: %s\n", value);
    if (strcmp(o->path, "server.group") == 0)
        text_str(out, "    user: x\n");
}

static bool accepts(const struct option *o, const char *value)
{
    struct text t = text_heap(65536);
    struct seen seen;
    struct config *c = NULL;
    file_for(o, value, &t);
    bool ok = parse(text_cstr(&t), &seen, &c) == ST_OK;
    config_free(c);
    text_free(&t);
    return ok;
}

static bool accepts_number(const struct option *o, uint64_t v)
{
    char s[40];
    snprintf(s, sizeof s, "%llu%s", (unsigned long long)v,
             o->type == OPT_MSEC  ? "ms"
             : o->type == OPT_SEC ? "s"
                                  : "");
    return accepts(o, s);
}

static void check_number(const struct option *o)
{
    test_point(accepts(o, "0") == (o->min == 0), "%s and 0 without a unit", o->path);
    test_point(accepts_number(o, o->min), "%s takes %llu", o->path, (unsigned long long)o->min);
    test_point(accepts_number(o, o->max), "%s takes %llu", o->path, (unsigned long long)o->max);
    test_point(!accepts_number(o, o->max + 1), "%s refuses %llu", o->path,
               (unsigned long long)o->max + 1);
    if (o->min > 0)
        test_point(!accepts_number(o, o->min - 1), "%s refuses %llu", o->path,
                   (unsigned long long)o->min - 1);
    test_point(!accepts(o, "-1") && !accepts(o, "x") && !accepts(o, "1 x") && !accepts(o, "\"\""),
               "%s refuses what is no number", o->path);
}

static void check_string(const struct option *o)
{
    char *s = malloc(o->max + 2);
    if (s == NULL)
        return;
    memset(s, 'x', o->max + 1);
    s[o->max + 1] = '\0';
    test_point(!accepts(o, s), "%s refuses %llu bytes", o->path, (unsigned long long)o->max + 1);
    s[o->type == OPT_PATH ? o->max - 4 : o->max] = '\0'; /* "dir/" comes before a path */
    test_point(accepts(o, s), "%s takes the longest", o->path);
    test_point(accepts(o, "\"\"") == (o->min == 0), "%s and the empty string", o->path);
    free(s);
}

static void check_row(const struct option *o)
{
    struct bytes w;
    char word[64];
    switch (o->type) {
    case OPT_UINT:
    case OPT_SIZE:
    case OPT_MSEC:
    case OPT_SEC:
        check_number(o);
        break;
    case OPT_BOOL:
        test_point(accepts(o, "yes") && accepts(o, "true") && accepts(o, "on"), "%s takes yes",
                   o->path);
        test_point(!accepts(o, "Yes") && !accepts(o, "1") && !accepts(o, "y"),
                   "%s refuses other words", o->path);
        break;
    case OPT_WORD:
        for (unsigned i = 0; option_choice(o, i, &w); i++) {
            snprintf(word, sizeof word, "%.*s", (int)w.n, (const char *)w.p);
            test_point(accepts(o, word), "%s takes %s", o->path, word);
        }
        if (accepts(o, "yes"))
            test_point(accepts(o, "true") && accepts(o, "false"), "%s takes true and false",
                       o->path);
        test_point(!accepts(o, "other") && !accepts(o, "error|warning"), "%s refuses other words",
                   o->path);
        break;
    case OPT_STRING:
    case OPT_PATH:
        check_string(o);
        break;
    case OPT_NAME:
        test_point(accepts(o, "example.org") && accepts(o, "."), "%s takes names", o->path);
        test_point(!accepts(o, "a..b") && !accepts(o, "\"\""), "%s refuses other words", o->path);
        break;
    case OPT_HEX128:
        test_point(accepts(o, "00112233445566778899aAbBcCdDeEfF"), "%s takes 32 digits", o->path);
        test_point(!accepts(o, "00112233445566778899aabbccddeef"), "%s refuses 31 digits", o->path);
        break;
    case OPT_ADDRESSES:
    case OPT_HOSTS:
        test_point(accepts(o, "192.0.2.1") && accepts(o, "[ '2001:db8::1' ]"), "%s takes addresses",
                   o->path);
        test_point(!accepts(o, "192.0.2.256") && !accepts(o, "x") && !accepts(o, "192.0.2.1/24"),
                   "%s refuses others", o->path);
        break;
    case OPT_PREFIXES:
        test_point(accepts(o, "192.0.2.0/24") && accepts(o, "[]"), "%s takes prefixes", o->path);
        test_point(!accepts(o, "192.0.2.1/24") && !accepts(o, "192.0.2.0/33"), "%s refuses others",
                   o->path);
        break;
    case OPT_NAMES:
        test_point(accepts(o, "example.org") && accepts(o, "[ a, b.c ]"), "%s takes names",
                   o->path);
        test_point(!accepts(o, "a..b"), "%s refuses others", o->path);
        break;
    case OPT_RECORDS:
        test_point(accepts(o, "[ 'a.b 300 A 192.0.2.1', 'b TXT \"x y\"' ]"), "%s takes records",
                   o->path);
        test_point(!accepts(o, "a.b A 192.0.2") && !accepts(o, "a.b") && !accepts(o, "''"),
                   "%s refuses others", o->path);
        break;
    case OPT_PATHS:
        test_point(accepts(o, "a") && accepts(o, "[ a, /b/c ]"), "%s takes paths", o->path);
        test_point(!accepts(o, "''"), "%s refuses others", o->path);
        break;
    case OPT_SECTION:
    case OPT_ITEMS:
        break;
    }
}

/* --- tests ------------------------------------------------------------------------------------ */

TEST(config_every_option_keeps_its_bounds)
{
    for (size_t i = 0; i < option_count; i++)
        check_row(&option_table[i]);
}

TEST(config_rows_are_well_formed)
{
    for (size_t i = 0; i < option_count; i++) {
        const struct option *o = &option_table[i];
        CHECK(option_find(o->path, strlen(o->path)) == o); /* no path stands twice */
        CHECK(strlen(o->help) > 0 && o->help[strlen(o->help) - 1] != '.');
        const char *dot = strrchr(o->path, '.');
        size_t n = dot ? (size_t)(dot - o->path) : 0;
        if (n > 2 && dot[-1] == ']')
            n -= 2;
        CHECK(n == 0 || option_find(o->path, n) != NULL); /* its section or list is declared */
    }
}

/* The lines "# expect: LINE:COLUMN code: words" of a bad file, each met by one error, and no error
 * more. Column 0: any; line 0: any place. */
static void check_bad(const char *name, const char *text)
{
    struct seen seen;
    struct config *c = NULL;
    unsigned expected = 0;
    bool ok = parse(text, &seen, &c) != ST_OK && c == NULL;
    for (const char *p = text; strncmp(p, "# expect: ", 10) == 0; p = strchr(p, '\n') + 1) {
        unsigned line, column;
        int used = 0;
        char code[32], words[200] = "";
        bool met = false;
        if (sscanf(p, "# expect: %u:%u %31[^:]: %n%199[^\n]", &line, &column, code, &used, words) <
            3)
            ok = false;
        for (unsigned i = 0; i < seen.n && !met; i++) {
            const struct diag *d = &seen.d[i];
            /* A check of the whole stands at the file: its expected line is that of this comment
             * block's end. */
            bool place = column == 0 || (d->line == line && d->column == column);
            met = place && strcmp(d->code, code) == 0 && strstr(d->message, words) != NULL;
        }
        if (!met)
            printf("# %s: not met: %u:%u %s: %s\n", name, line, column, code, words);
        ok = ok && met;
        expected++;
    }
    ok = ok && expected > 0 && seen.n == expected;
    for (unsigned i = 0; !ok && i < seen.n; i++)
        printf("# %s: got %u:%u %s: %s\n", name, seen.d[i].line, seen.d[i].column, seen.d[i].code,
               seen.d[i].message);
    test_point(ok, "bad/%s", name);
}

static void for_each(const char *dir, void (*run)(const char *name, const char *text))
{
    char path[600];
    snprintf(path, sizeof path, "%s/%s", test_source_dir(), dir);
    DIR *d = opendir(path);
    unsigned n = 0;
    for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;) {
        if (strstr(e->d_name, ".yaml") == NULL)
            continue;
        snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
        char *text = test_file(path, NULL);
        if (text != NULL)
            run(e->d_name, text);
        free(text);
        n++;
    }
    if (d != NULL)
        closedir(d);
    CHECK(n > 2);
}

TEST(config_bad_files)
{
    for_each("vectors/config/bad", check_bad);
}

static void check_good(const char *name, const char *text)
{
    struct seen seen;
    struct config *c = NULL, *again = NULL;
    struct text dump = text_heap(1 << 20), diff = text_heap(65536);
    bool ok = parse(text, &seen, &c) == ST_OK;
    if (ok) {
        config_dump(c, true, &dump);
        struct diag_sink sink = {see, &seen, 0, 0};
        ok = config_parse("other.yaml", bytes_of(dump.p, dump.n), NULL, &sink, &again) == ST_OK &&
             config_diff(c, again, c, &diff) == 0;
        /* A relative path has become one relative to where we stand: written out it means the same.
         */
        ok = ok && diff.n == 0;
    }
    test_point(ok, "good/%s: %s", name, seen.n ? seen.d[0].message : text_cstr(&diff));
    text_free(&dump);
    text_free(&diff);
    config_free(c);
    config_free(again);
}

TEST(config_good_files_survive_a_dump)
{
    for_each("vectors/config/good", check_good);
}

TEST(config_values_arrive)
{
    struct seen seen;
    struct config *c = NULL;
    char *text = test_file("vectors/config/good/authoritative.yaml", NULL);
    REQUIRE(text != NULL && parse(text, &seen, &c) == ST_OK);
    free(text);
    CHECK_EQ(c->server.listen.n, 3);
    CHECK_EQ(c->server.listen.v[1].port, 5353);
    CHECK_EQ(c->server.workers, 4);
    CHECK_STR(c->server.identity, "ns1");
    CHECK(c->server.cookie_secret.set);
    CHECK_EQ(c->server.cookie_secret.key[15], 15);
    CHECK_EQ(c->server.rotation, CONFIG_CYCLIC);
    CHECK_EQ(c->tcp.idle_ms, 30000);
    CHECK_EQ(c->tcp.max_connections, 4096);
    CHECK_EQ(c->zones.n, 2);
    CHECK_STR(c->zones.v[0].file, "dir/zones/example.org.zone");
    CHECK_STR(c->zones.v[1].file, "dir/root.zone");
    CHECK_STR(c->zones_dir, "/srv/zones");
    CHECK_EQ(c->resolver.allow.n, 2);
    CHECK_EQ(c->resolver.cache_size, 128 << 20);
    config_free(c);
}

TEST(config_diff_tells_what_changes)
{
    struct seen seen;
    struct config *a = NULL, *b = NULL;
    struct text t = text_heap(65536);
    REQUIRE(parse("server: {udp-size: 1400, workers: 1}\nzones: [{name: a.org}, {name: b.org}]\n",
                  &seen, &a) == ST_OK);
    REQUIRE(parse("server: {workers: 2}\nzones: [{name: b.org, file: other}, {name: c.org}]\n",
                  &seen, &b) == ST_OK);
    CHECK_EQ(config_diff(a, b, a, &t), 1);
    CHECK_STR(text_cstr(&t), "server.workers: 1 -> 2 (needs a new start)\n"
                             "server.udp-size: 1400 -> 1232\n"
                             "zone a.org.: removed\n"
                             "zone b.org.: dir/b.org.zone -> dir/other\n"
                             "zone c.org.: added\n");
    /* It was never started otherwise: nothing waits for a new start. */
    text_clear(&t);
    CHECK_EQ(config_diff(a, b, b, &t), 0);
    CHECK(strstr(text_cstr(&t), "workers") == NULL && strstr(text_cstr(&t), "udp-size") != NULL);
    text_free(&t);
    config_free(a);
    config_free(b);
}

static bool include_read(void *ctx, const char *path, struct bytes *ret, struct diag *d)
{
    struct text *log = ctx;
    text_fmt(log, "%s ", path);
    if (strcmp(path, "dir/more.yaml") == 0)
        *ret = bytes_str("server: {workers: 3}\nzones: [{name: b.org}]\ninclude: sub/deep.yaml\n");
    else if (strcmp(path, "dir/sub/deep.yaml") == 0)
        *ret = bytes_str("tcp: {idle: 1s}\nlog: {level: loud}\n");
    else
        diag_set(d, SEV_ERROR, "include", NULL, "no such file");
    return strstr(path, "none") == NULL;
}

TEST(config_includes)
{
    struct seen seen = {.n = 0};
    struct config *c = NULL;
    struct text log = text_heap(4096);
    struct config_files files = {&log, include_read};
    struct diag_sink sink = {see, &seen, 0, 0};
    const char *top =
        "include: [more.yaml, none.yaml]\nserver: {workers: 4}\nzones: [{name: a.org}]\n";
    CHECK(config_parse("dir/top.yaml", bytes_str(top), &files, &sink, &c) != ST_OK);
    CHECK_STR(text_cstr(&log), "dir/more.yaml dir/sub/deep.yaml dir/none.yaml ");
    REQUIRE(seen.n == 3);
    CHECK_STR(seen.d[1].message, "no such file");
    CHECK(strstr(seen.d[0].message, "'loud'") != NULL);
    CHECK(strstr(seen.d[2].message, "was set in another file already") != NULL);
    text_free(&log);
}

TEST(config_from_a_command_line)
{
    struct config *c = config_default();
    struct diag d = {0};
    REQUIRE(c != NULL);
    CHECK_EQ(config_set(c, "server.listen", "127.0.0.1@5300", &d), ST_OK);
    CHECK_EQ(config_set(c, "server.listen", "::1@5300", &d), ST_OK);
    CHECK_EQ(c->server.listen.n, 2);
    CHECK_EQ(c->server.listen.v[0].port, 5300);
    CHECK_EQ(config_set(c, "server.workers", "many", &d), ST_ESYNTAX);
    CHECK_EQ(config_set(c, "server.wrokers", "1", &d), ST_EUNKNOWN);
    CHECK_EQ(config_add_zone(c, "Example.ORG", "x", &d), ST_OK);
    CHECK_EQ(config_add_zone(c, "a..b", "x", &d), ST_ENAME);
    CHECK(c->zones.n == 1 && c->zones.v[0].name[1] == 'e');
    config_free(c);
}

TEST(config_documents)
{
    struct text t = text_heap(1 << 20);
    const char *near = NULL;
    CHECK(config_explain("tcp.idle", &t, &near) && strstr(text_cstr(&t), "default: 10s") != NULL);
    CHECK(!config_explain("tcp.idel", &t, &near));
    CHECK_STR(near, "tcp.idle");
    config_man(&t);
    for (size_t i = 0; i < option_count; i++)
        CHECK(strstr(text_cstr(&t), option_word(&option_table[i])) != NULL ||
              strchr(option_word(&option_table[i]), '-') != NULL);
    text_clear(&t);
    config_json_schema(&t);
    CHECK(strstr(text_cstr(&t), "\"additionalProperties\": false") != NULL);
    text_free(&t);
}

/* docs/man/banyan.conf.5 and docs/banyan.schema.json are what this table says. */
/* A zone's `dnssec` names a policy; what a policy leaves out has its default. */
TEST(config_signing_policies)
{
    struct seen seen;
    struct config *c = NULL;
    REQUIRE(
        parse("zones:\n  - {name: a.example, dnssec: auto}\n  - {name: b.example, dnssec: tld}\n"
              "  - name: c.example\n"
              "dnssec:\n  policies:\n    - {name: tld, denial: nsec3, opt-out: yes}\n",
              &seen, &c) == ST_OK);
    CHECK_STR(c->zones.v[0].dnssec, "auto");
    CHECK_STR(c->zones.v[2].dnssec, "off");
    const struct config_policy *p = config_policy_find(c, "tld");
    REQUIRE(p != NULL);
    CHECK(p->opt_out && p->denial == CONFIG_DENIAL_NSEC3 && p->algorithm == 2);
    CHECK_EQ(p->validity_s, 14 * 86400);
    CHECK(config_policy_find(c, "auto") == NULL);
    struct text t = text_heap(65536);
    config_dump(c, false, &t);
    CHECK(strstr(text_cstr(&t), "validity") == NULL &&
          strstr(text_cstr(&t), "denial: nsec3") != NULL);
    text_free(&t);
    struct config *held = config_take(c);
    config_free(c);
    CHECK_EQ(held->zones.n, 3);
    config_free(held);
    CHECK(parse("zones:\n  - {name: a.example, dnssec: strnog}\ndnssec:\n  policies:\n    - name: "
                "strong\n",
                &seen, &c) != ST_OK);
    CHECK(parse("dnssec:\n  policies:\n    - {name: x, opt-out: yes}\n", &seen, &c) != ST_OK);
    CHECK(parse("dnssec:\n  policies:\n    - {name: x, validity: 7d}\n", &seen, &c) != ST_OK);
    CHECK(parse("dnssec:\n  policies:\n    - name: x\n    - name: x\n", &seen, &c) != ST_OK);
}

TEST(config_generated_files_are_current)
{
    struct text t = text_heap(1 << 20);
    char *man = test_file("docs/man/banyan.conf.5", NULL),
         *schema = test_file("docs/banyan.schema.json", NULL);
    config_man(&t);
    CHECK_STR(man, text_cstr(&t));
    text_clear(&t);
    config_json_schema(&t);
    CHECK_STR(schema, text_cstr(&t));
    free(man);
    free(schema);
    text_free(&t);
}
