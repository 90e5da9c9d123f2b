/* banyan zone sign: a master file in, a signed one out. */
#include "app/cmd_zone.h"
#include "app/opts.h"

#include "base/when.h"
#include "dnssec/dnskey.h"
#include "dnssec/sign.h"
#include "io/files.h"
#include "io/jobs.h"
#include "zone/print.h"
#include "zone/scan.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    EXIT_FINE = 0,
    EXIT_FOUND = 1,
    EXIT_FAILED = 2,
    OUT_CHUNK = 1 << 18,
    KEY_FILE_MAX = 65536,
    ERRORS_SHOWN = 50
};

struct args {
    const char *out, *keys, *algorithm, *serial, *validity, *refresh, *jitter, *backdate, *at,
        *origin, *old, *ttl, *default_ttl, *ds;
    uint32_t bits, lanes;
    bool generate, split, nsec3, opt_out, zonemd, no_cds, cds_delete, json, quiet, verify;
};

struct job {
    const struct args *a;
    struct name origin;
    struct zone *in, *old, *out;
    struct sign_plan plan;
    struct sign_key key[SIGN_KEYS];
    uint8_t dnskey[SIGN_KEYS][DNSKEY_RDATA_MAX];
    struct sign_stats stats;
    uint64_t load_us, sign_us, write_us;
};

static uint64_t clock_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}

static void show(void *ctx, const struct diag *d)
{
    struct text t = text_heap(1 << 16);
    (void)ctx;
    if (d->severity != SEV_ERROR)
        return;
    diag_text(d, isatty(STDERR_FILENO), &t);
    fputs(text_cstr(&t), stderr);
    text_free(&t);
}

static bool complain(const struct diag *d)
{
    show(NULL, d);
    return false;
}

static bool wrong(const char *option, const char *value, const char *want)
{
    fprintf(stderr, "banyan zone sign: %s: \"%s\" is not %s\n", option, value, want);
    return false;
}

/* --- The policy --- */

static bool seconds(const char *option, const char *value, uint32_t *ret)
{
    return value == NULL || zone_ttl_parse(bytes_str(value), ret) == ST_OK ||
           wrong(option, value, "a length of time such as 14d, 12h or 3600");
}

static bool serial_policy(const char *word, uint32_t *ret)
{
    static const struct {
        const char *word;
        enum sign_serial serial;
    } known[] = {{"increment", SERIAL_INCREMENT},
                 {"unixtime", SERIAL_UNIXTIME},
                 {"date", SERIAL_DATE},
                 {"keep", SERIAL_KEEP}};
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (strcmp(word, known[i].word) == 0) {
            *ret = known[i].serial;
            return true;
        }
    return wrong("--serial", word, "increment, unixtime, date or keep");
}

static bool read_policy(struct job *j)
{
    const struct args *a = j->a;
    struct sign_policy *p = &j->plan.policy;
    *p = sign_policy_default();
    p->cds = a->cds_delete ? CDS_DELETE : a->no_cds ? CDS_NEVER : CDS_ALWAYS;
    p->denial = a->nsec3 || a->opt_out ? DENIAL_NSEC3 : DENIAL_NSEC;
    p->opt_out = a->opt_out;
    p->zonemd = a->zonemd;
    p->split = a->split;
    p->rsa_bits = a->bits;
    j->plan.now = (uint64_t)time(NULL);
    if (a->at != NULL && !when_parse(bytes_str(a->at), &j->plan.now))
        return wrong("--at", a->at, "a time such as 2026-01-31T12:00:00Z");
    if (a->algorithm != NULL && (!sec_algorithm_parse(bytes_str(a->algorithm), &p->algorithm) ||
                                 !sec_algorithm_signs(p->algorithm)))
        return wrong(
            "--algorithm", a->algorithm,
            "an algorithm to sign with: 8, 10, 13 (ECDSAP256SHA256), 14, 15 (ED25519), 16");
    if ((a->serial != NULL && !serial_policy(a->serial, &p->serial)) ||
        !seconds("--validity", a->validity, &p->validity_s) ||
        !seconds("--refresh", a->refresh, &p->refresh_s) ||
        !seconds("--jitter", a->jitter, &p->jitter_s) ||
        !seconds("--backdate", a->backdate, &p->backdate_s) ||
        !seconds("--dnskey-ttl", a->ttl, &p->dnskey_ttl_s))
        return false;
    if (a->refresh == NULL)
        p->refresh_s = p->validity_s / 2;
    if (a->jitter == NULL)
        p->jitter_s = MIN(p->jitter_s, p->validity_s / 10);
    if (p->validity_s < p->refresh_s + p->jitter_s || p->validity_s == 0) {
        fputs("banyan zone sign: --validity must be longer than --refresh and --jitter together\n",
              stderr);
        return false;
    }
    return true;
}

/* --- Keys --- */

static void path_of(char ret[4096], const char *dir, const char *name)
{
    snprintf(ret, 4096, "%s/%s", dir, name);
}

/* The DNSKEY in a .key file. */
static bool read_public(struct job *j, const char *path, struct sign_key *k)
{
    struct diag_sink sink = {.emit = show};
    struct zone_load_options opt = {.origin = name_root, .default_ttl = 3600, .no_include = true};
    struct zone_record r;
    struct zone_scan *s = zone_scan_new(&file_source_os, path, &opt, &sink);
    bool ok = s != NULL && zone_scan_next(s, &r) && r.type == RR_DNSKEY &&
              name_equal(r.owner, j->origin.w) && r.rdata.n <= DNSKEY_RDATA_MAX && r.rdata.n >= 4;
    if (ok) {
        uint8_t *p = j->dnskey[k - j->key];
        memcpy(p, r.rdata.p, r.rdata.n);
        k->dnskey = bytes_of(p, r.rdata.n);
    }
    zone_scan_free(s);
    if (!ok)
        fprintf(stderr, "%s: error: there is no DNSKEY record of the zone in it\n", path);
    return ok;
}

static bool read_private(const char *path, struct sign_key *k)
{
    char *text = NULL;
    size_t n = 0;
    struct diag d = {.file = path};
    uint8_t buf[DNSKEY_RDATA_MAX];
    struct writer w = wr_of(buf, sizeof buf);
    if (file_read_whole(path, KEY_FILE_MAX, &text, &n, &d) != ST_OK)
        return complain(&d);
    enum status st = sec_key_private(bytes_of(text, n), &k->key, &d);
    explicit_bzero(text, n);
    free(text);
    if (st != ST_OK)
        return complain(&d);
    if (dnskey_write(k->key, get_be16(k->dnskey.p), &w) != ST_OK ||
        !bytes_equal(wr_done(&w), k->dnskey)) {
        fprintf(stderr, "%s: error: it does not belong to the public key beside it\n", path);
        return false;
    }
    return true;
}

static bool take_key(struct job *j, const char *dir, const char *name, size_t stem)
{
    char path[4096], file[512];
    if (j->plan.keys == SIGN_KEYS) {
        fprintf(stderr, "%s: error: more than %d keys of the zone\n", dir, (int)SIGN_KEYS);
        return false;
    }
    struct sign_key *k = &j->key[j->plan.keys];
    *k = (struct sign_key){.publish = true};
    path_of(path, dir, name);
    if (!read_public(j, path, k))
        return false;
    snprintf(file, sizeof file, "%.*s.private", (int)stem, name);
    path_of(path, dir, file);
    if (access(path, F_OK) == 0 && !read_private(path, k))
        return false;
    struct dnskey v;
    if (dnskey_read(k->dnskey, &v)) {
        k->tag = v.tag;
        k->algorithm = v.algorithm;
    }
    j->plan.keys++;
    return true;
}

/* K<zone>+<algorithm>+<tag>.key files of a folder. */
static bool read_keys(struct job *j, const char *dir)
{
    char zone[NAME_TEXT_MAX];
    name_str(j->origin.w, zone);
    for (char *p = zone; *p != '\0'; p++)
        *p = (char)ascii_lower((uint8_t)*p);
    size_t n = strlen(zone);
    DIR *d = opendir(dir);
    if (d == NULL) {
        fprintf(stderr, "banyan zone sign: cannot read the folder of keys %s\n", dir);
        return false;
    }
    bool ok = true;
    for (struct dirent *e; ok && (e = readdir(d)) != NULL;) {
        size_t len = strlen(e->d_name);
        if (len > n + 5 && e->d_name[0] == 'K' && strncasecmp(e->d_name + 1, zone, n) == 0 &&
            e->d_name[n + 1] == '+' && strcmp(e->d_name + len - 4, ".key") == 0)
            ok = take_key(j, dir, e->d_name, len - 4);
    }
    closedir(d);
    return ok;
}

static bool write_key(const struct job *j, const char *dir, const struct sign_key *k)
{
    char zone[NAME_TEXT_MAX], path[4096], stem[NAME_TEXT_MAX + 32];
    struct text pub = text_heap(KEY_FILE_MAX), secret = text_heap(KEY_FILE_MAX);
    struct file_out *f;
    struct diag d = {0};
    name_str(j->origin.w, zone);
    snprintf(stem, sizeof stem, "K%s+%03u+%05u", zone, k->algorithm, k->tag);
    zone_print_record(j->origin.w, RR_DNSKEY, j->plan.policy.dnskey_ttl_s, k->dnskey, &pub);
    text_char(&pub, '\n');
    bool ok = sec_key_private_text(k->key, &secret) == ST_OK;
    const struct text *texts[] = {&secret, &pub};
    for (int i = 0; ok && i < 2; i++) {
        snprintf(path, sizeof path, "%s/%s.%s", dir, stem, i == 0 ? "private" : "key");
        ok = file_out_begin(path, i == 0 ? 0600 : 0644, &f, &d) == ST_OK;
        if (ok && file_out_write(f, bytes_of(texts[i]->p, texts[i]->n), &d) != ST_OK) {
            file_out_abort(f);
            ok = false;
        }
        ok = ok && file_out_commit(f, &d) == ST_OK;
    }
    if (secret.p != NULL)
        explicit_bzero(secret.p, secret.n);
    text_free(&pub);
    text_free(&secret);
    return ok || complain(&d);
}

static bool make_key(struct job *j, const char *dir, uint16_t flags)
{
    struct sign_key *k = &j->key[j->plan.keys];
    const struct sign_policy *p = &j->plan.policy;
    struct writer w = wr_of(j->dnskey[j->plan.keys], DNSKEY_RDATA_MAX);
    *k = (struct sign_key){.publish = true, .algorithm = p->algorithm};
    enum status st = sec_key_generate(p->algorithm, p->rsa_bits, &k->key);
    if (st != ST_OK) {
        fprintf(stderr, "banyan zone sign: cannot make a key: %s\n", status_text(st));
        return false;
    }
    j->plan.keys++;
    if (dnskey_write(k->key, flags, &w) != ST_OK)
        return false;
    k->dnskey = wr_done(&w);
    k->tag = dnskey_tag(k->dnskey);
    return write_key(j, dir, k);
}

/* Where an algorithm has keys with and without the SEP flag, those with it sign the keys and the
 * others the zone; else a key signs all. */
static void give_roles(struct job *j)
{
    for (unsigned i = 0; i < j->plan.keys; i++) {
        struct sign_key *k = &j->key[i];
        bool sep = get_be16(k->dnskey.p) & DNSKEY_SEP, with = false, without = false;
        for (unsigned o = 0; o < j->plan.keys; o++)
            if (j->key[o].algorithm == k->algorithm && j->key[o].key != NULL)
                *(get_be16(j->key[o].dnskey.p) & DNSKEY_SEP ? &with : &without) = true;
        k->sign_keys = k->key != NULL && (sep || !with);
        k->sign_zone = k->key != NULL && (!sep || !without);
        k->cds = k->sign_keys;
    }
}

static bool find_keys(struct job *j, const char *file)
{
    char dir[4096] = ".";
    const char *slash = strrchr(file, '/');
    if (j->a->keys != NULL)
        snprintf(dir, sizeof dir, "%s", j->a->keys);
    else if (slash != NULL)
        snprintf(dir, sizeof dir, "%.*s", (int)(slash - file), slash == file ? "/" : file);
    if (!read_keys(j, dir))
        return false;
    bool any = false;
    for (unsigned i = 0; i < j->plan.keys; i++)
        any |= j->key[i].key != NULL;
    if (!any && !j->a->generate) {
        char zone[NAME_TEXT_MAX];
        fprintf(stderr,
                "banyan zone sign: no private keys of %s in %s\n    hint: --generate makes them "
                "there; --keys names another folder\n",
                name_str(j->origin.w, zone), dir);
        return false;
    }
    if (!any && !(make_key(j, dir, DNSKEY_ZONE | DNSKEY_SEP) &&
                  (!j->a->split || make_key(j, dir, DNSKEY_ZONE))))
        return false;
    give_roles(j);
    return true;
}

/* --- In and out --- */

static bool load(const char *path, const struct args *a, struct zone **ret)
{
    struct diag_sink sink = {.emit = show};
    struct name origin;
    struct zone_load_options opt = {.default_ttl = 3600, .max_errors = ERRORS_SHOWN};
    if (a->default_ttl != NULL && !seconds("--default-ttl", a->default_ttl, &opt.default_ttl))
        return false;
    if (a->origin != NULL) {
        if (name_from(a->origin, &origin) != ST_OK)
            return wrong("--origin", a->origin, "a domain name");
        opt.origin = origin.w;
    }
    return zone_load(&file_source_os, path, &opt, &sink, ret) == ST_OK;
}

static bool write_zone(const struct zone *z, const char *path)
{
    struct file_out *f;
    struct diag d = {0};
    struct zone_print p;
    struct text t = text_heap(SIZE_MAX / 2);
    if (file_out_begin(path, 0644, &f, &d) != ST_OK)
        return complain(&d);
    enum status st = ST_OK;
    zone_print_begin(&p, z);
    for (bool more = true; more && st == ST_OK;) {
        more = zone_print_next(&p, &t);
        if (t.n > OUT_CHUNK || !more) {
            st = t.cut ? ST_ENOMEM : file_out_write(f, bytes_of(t.p, t.n), &d);
            text_clear(&t);
        }
    }
    zone_print_end(&p);
    text_free(&t);
    if (st == ST_OK)
        return file_out_commit(f, &d) == ST_OK || complain(&d);
    file_out_abort(f);
    return complain(&d);
}

/* The DS records for the parent, one a line. */
static void print_ds(const struct job *j, FILE *to)
{
    struct text t = text_heap(KEY_FILE_MAX);
    for (unsigned i = 0; i < j->plan.keys; i++) {
        uint8_t ds[4 + DS_DIGEST_MAX];
        struct writer w = wr_of(ds, sizeof ds);
        if (!j->key[i].sign_keys || ds_write(DS_SHA256, j->origin.w, j->key[i].dnskey, &w) != ST_OK)
            continue;
        zone_print_record(j->origin.w, RR_DS, j->plan.policy.dnskey_ttl_s, wr_done(&w), &t);
        text_char(&t, '\n');
    }
    fputs(text_cstr(&t), to);
    text_free(&t);
}

static void report_json(const struct job *j, const char *out)
{
    struct text t = text_heap(1 << 20);
    struct json o = json_of(&t, true);
    char zone[NAME_TEXT_MAX], when[64];
    struct text w = text_of(when, sizeof when);
    json_object(&o);
    json_kv_str(&o, "zone", name_str(j->origin.w, zone));
    json_kv_str(&o, "file", out);
    json_kv_uint(&o, "serial", j->plan.serial);
    json_kv_uint(&o, "signatures_made", j->stats.made);
    json_kv_uint(&o, "signatures_kept", j->stats.kept);
    json_kv_uint(&o, "denial_records", j->stats.denials);
    when_text(j->stats.expires, &w);
    json_kv_str(&o, "first_expires", when);
    w = text_of(when, sizeof when);
    when_text(j->stats.due, &w);
    json_kv_str(&o, "sign_again_by", when);
    json_kv_uint(&o, "load_ms", j->load_us / 1000);
    json_kv_uint(&o, "sign_ms", j->sign_us / 1000);
    json_kv_uint(&o, "write_ms", j->write_us / 1000);
    json_object_end(&o);
    fprintf(strcmp(out, "-") == 0 ? stderr : stdout, "%s\n", text_cstr(&t));
    text_free(&t);
}

static void report(const struct job *j, const char *out)
{
    char zone[NAME_TEXT_MAX], when[64];
    struct text w = text_of(when, sizeof when);
    FILE *to = strcmp(out, "-") == 0 ? stderr : stdout;
    if (j->a->json) {
        report_json(j, out);
        return;
    }
    if (j->a->quiet)
        return;
    when_text(j->stats.due, &w);
    fprintf(to,
            "%s: zone %s, serial %u: %llu signatures made, %llu kept, %llu %s records; sign again "
            "by %s\n",
            strcmp(out, "-") == 0 ? "standard output" : out, name_str(j->origin.w, zone),
            j->plan.serial, (unsigned long long)j->stats.made, (unsigned long long)j->stats.kept,
            (unsigned long long)j->stats.denials,
            j->plan.policy.denial == DENIAL_NSEC3 ? "NSEC3" : "NSEC", when);
    fputs("DS for the parent:\n", to);
    print_ds(j, to);
}

static bool run(struct job *j, const char *file)
{
    char out[4096];
    const struct args *a = j->a;
    uint64_t t = clock_us();
    struct sign_jobs jobs = jobs_threads(a->lanes);
    struct diag d = {.file = file};
    snprintf(out, sizeof out, "%s.signed", file);
    if (a->out != NULL || strcmp(file, "-") == 0)
        snprintf(out, sizeof out, "%s", a->out != NULL ? a->out : "-");
    if (!read_policy(j) || !load(file, a, &j->in))
        return false;
    name_copy(j->origin.w, zone_origin(j->in));
    const char *old = a->old != NULL ? a->old : access(out, R_OK) == 0 ? out : NULL;
    if (old != NULL && !load(old, a, &j->old))
        return false;
    if (j->old != NULL && !name_equal(zone_origin(j->old), j->origin.w)) {
        fprintf(stderr, "%s: error: it is another zone\n", old);
        return false;
    }
    if (!find_keys(j, file))
        return false;
    j->load_us = clock_us() - t;
    t = clock_us();
    j->plan.key = j->key;
    j->plan.old = j->old;
    j->plan.serial = sign_serial_next(&j->plan.policy, zone_serial(j->in),
                                      j->old != NULL ? zone_serial(j->old) : 0, j->plan.now);
    enum status st = zone_sign(j->in, &j->plan, &jobs, &j->out, &j->stats, &d);
    if (st != ST_OK) {
        if (d.message[0] == '\0')
            diag_set(&d, SEV_ERROR, "not-signed", NULL, "not signed: %s", status_text(st));
        return complain(&d);
    }
    j->sign_us = clock_us() - t;
    t = clock_us();
    if (!write_zone(j->out, out))
        return false;
    j->write_us = clock_us() - t;
    report(j, out);
    return true;
}

int cmd_zone_sign(int argc, char **argv)
{
    static struct job j;
    struct args a = {0};
    const struct opt opt[] = {
        {"--output", 'o', "FILE", "where the signed zone goes (FILE.signed; - is standard output)",
         .value = &a.out},
        {"--keys", 'K', "DIR", "folder with K*.key and K*.private files (the folder of FILE)",
         .value = &a.keys},
        {"--generate", 'g', NULL, "make keys there if there are none", .flag = &a.generate},
        {"--algorithm", 'a', "NAME", "of keys to make (ECDSAP256SHA256)", .value = &a.algorithm},
        {"--bits", 0, "N", "length of RSA keys to make (2048)", .number = &a.bits, .min = 1024,
         .max = 4096},
        {"--split", 0, NULL, "make a key-signing and a zone-signing key, not one for both",
         .flag = &a.split},
        {"--nsec3", '3', NULL, "deny with NSEC3 (no salt, no iterations: RFC 9276)",
         .flag = &a.nsec3},
        {"--opt-out", 0, NULL, "NSEC3 that leaves out unsigned delegations: for large registries",
         .flag = &a.opt_out},
        {"--zonemd", 'z', NULL, "add a digest over the whole zone (RFC 8976)", .flag = &a.zonemd},
        {"--no-cds", 0, NULL, "publish no CDS and CDNSKEY", .flag = &a.no_cds},
        {"--cds-delete", 0, NULL, "ask the parent to remove the DS (RFC 8078)",
         .flag = &a.cds_delete},
        {"--serial", 's', "HOW", "increment (where needed), unixtime, date or keep",
         .value = &a.serial},
        {"--validity", 0, "TIME", "how long signatures are good (14d)", .value = &a.validity},
        {"--refresh", 0, "TIME", "signatures with less left are made anew (half of the validity)",
         .value = &a.refresh},
        {"--jitter", 0, "TIME", "spread of the expiration times (1d)", .value = &a.jitter},
        {"--backdate", 0, "TIME", "inception lies so far in the past (1h)", .value = &a.backdate},
        {"--dnskey-ttl", 0, "TIME", "TTL of the DNSKEY, CDS and CDNSKEY sets (1h)",
         .value = &a.ttl},
        {"--at", 0, "WHEN", "sign as if it were then (2026-01-31T12:00:00Z)", .value = &a.at},
        {"--old", 0, "FILE",
         "keep good signatures of this signed zone (the output file if it is there)",
         .value = &a.old},
        {"--origin", 0, "NAME", "the zone's name, if the file does not tell", .value = &a.origin},
        {"--default-ttl", 0, "TTL", "where the file gives none (3600)", .value = &a.default_ttl},
        {"--jobs", 'j', "N", "threads (one for each processor)", .number = &a.lanes, .min = 1,
         .max = 64},
        {"--json", 0, NULL, "report as JSON", .flag = &a.json},
        {"--quiet", 'q', NULL, "no report", .flag = &a.quiet},
    };
    const struct opt_command c = {
        "banyan zone sign",
        "FILE [OPTIONS]",
        "Signs a zone (DNSSEC). The keys are files as dnssec-keygen, ldns-keygen and keymgr write "
        "them;\n"
        "one with the flags 257 beside one with 256 signs the keys only. Signing again keeps the\n"
        "signatures of names that did not change and are good for long enough.",
        "  banyan zone sign -g example.org.zone            make a key, write "
        "example.org.zone.signed\n"
        "  banyan zone sign --nsec3 -K keys -o out.zone example.org.zone\n"
        "  banyan zone sign --opt-out --zonemd --serial unixtime tld.zone\n",
        opt,
        ARRAY_LEN(opt)};
    int n = 0;
    enum opts_result r = opts_parse(&c, argc, argv, &n);
    if (r != OPTS_GO)
        return r == OPTS_HELP ? EXIT_FINE : EXIT_FAILED;
    if (n != 1) {
        fprintf(stderr, "banyan zone sign: give one zone file\n    hint: see --help\n");
        return EXIT_FAILED;
    }
    j = (struct job){.a = &a};
    bool ok = run(&j, argv[1]);
    for (unsigned i = 0; i < j.plan.keys; i++)
        sec_key_free(j.key[i].key);
    zone_drop(j.in);
    zone_drop(j.old);
    zone_drop(j.out);
    return ok ? EXIT_FINE : EXIT_FOUND;
}
