/* banyan zone verify: is a signed zone good for every validator? */
#include "app/cmd_zone.h"
#include "app/opts.h"

#include "base/when.h"
#include "dnssec/verify.h"
#include "io/jobs.h"
#include "zone/locate.h"
#include "zone/scan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { EXIT_FINE = 0, EXIT_FOUND = 1, EXIT_FAILED = 2, SAME_MAX = 20, CODES = 128 };

struct args {
    const char *anchor, *at, *origin, *default_ttl;
    uint32_t lanes;
    bool json, quiet, all;
};

/* Records of one type from the anchor file. */
struct anchors {
    struct rrset set;
    uint8_t rdata[1 << 16];
};

struct job {
    const struct args *a;
    const char *file;
    struct zone_load_options load;
    struct name origin, guess;
    struct zone *z;
    struct anchors ds, dnskey;
    struct zone_verify_options opt;
    struct zone_verify_result res;
    struct zone_places *places;
    uint64_t load_us, verify_us;
    uint32_t ttls; /* signatures with another TTL */
};

static uint64_t clock_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}

/* --- Findings on their way out --- */

struct report {
    const struct args *a;
    FILE *to;
    bool colour;
    struct json *json; /* or NULL */
    struct {
        char code[32];
        uint32_t n;
    } seen[CODES];
};

/* How often this code came before. */
static uint32_t count_code(struct report *r, const char *code)
{
    for (unsigned i = 0; i < CODES; i++) {
        if (r->seen[i].n == 0)
            snprintf(r->seen[i].code, sizeof r->seen[i].code, "%s", code);
        if (strcmp(r->seen[i].code, code) == 0)
            return r->seen[i].n++;
    }
    return 0;
}

static void report_emit(void *ctx, const struct diag *d)
{
    struct report *r = ctx;
    if (r->a->quiet && d->severity != SEV_ERROR)
        return;
    if (r->json != NULL) {
        diag_json(d, r->json);
        return;
    }
    if (count_code(r, d->code) >= SAME_MAX && !r->a->all)
        return;
    struct diag shown = *d;
    if (d->severity != SEV_ERROR || strlen(d->source) > 100)
        shown.source[0] = '\0'; /* a line of base64 helps nobody */
    struct text t = text_heap(1 << 16);
    diag_text(&shown, r->colour, &t);
    fputs(text_cstr(&t), r->to);
    text_free(&t);
}

static void report_more(const struct report *r)
{
    for (unsigned i = 0; i < CODES && r->seen[i].n > 0 && !r->a->all; i++)
        if (r->seen[i].n > SAME_MAX)
            fprintf(r->to, "... and %u more of %s (--all shows them)\n", r->seen[i].n - SAME_MAX,
                    r->seen[i].code);
}

static void complain_emit(void *ctx, const struct diag *d)
{
    struct text t = text_heap(1 << 16);
    (void)ctx;
    if (d->severity != SEV_ERROR)
        return;
    diag_text(d, isatty(STDERR_FILENO) != 0, &t);
    fputs(text_cstr(&t), stderr);
    text_free(&t);
}

/* --- Trust anchors --- */

static bool anchor_add(struct anchors *a, const struct zone_record *r, const uint8_t *origin)
{
    size_t at = a->set.rdata_size;
    if (at + 2 + r->rdata.n > sizeof a->rdata)
        return false;
    put_be16(a->rdata + at, (uint16_t)r->rdata.n);
    memcpy(a->rdata + at + 2, r->rdata.p, r->rdata.n);
    a->set.owner = origin;
    a->set.type = r->type;
    a->set.rclass = CLASS_IN;
    a->set.rdata = a->rdata;
    a->set.rdata_size = (uint32_t)(at + 2 + r->rdata.n);
    a->set.count++;
    return true;
}

static bool anchors_read(struct job *j, const char *path)
{
    struct diag_sink sink = {.emit = complain_emit};
    struct zone_load_options opt = {.origin = name_root, .default_ttl = 3600, .no_include = true};
    struct zone_record r;
    char name[NAME_TEXT_MAX];
    bool fits = true;
    struct zone_scan *s = zone_scan_new(&cmd_zone_source, path, &opt, &sink);
    while (s != NULL && fits && zone_scan_next(s, &r)) {
        if (!name_equal(r.owner, zone_origin(j->z)))
            continue;
        if (r.type == RR_DS || r.type == RR_DNSKEY)
            fits = anchor_add(r.type == RR_DS ? &j->ds : &j->dnskey, &r, zone_origin(j->z));
    }
    zone_scan_free(s);
    if (s == NULL || sink.errors > 0)
        return false;
    if (!fits || j->ds.set.count + j->dnskey.set.count == 0) {
        fprintf(stderr, "%s: error: %s of %s\n    hint: trust anchors are DS or DNSKEY records\n",
                path, fits ? "no trust anchor" : "too many trust anchors",
                name_str(zone_origin(j->z), name));
        return false;
    }
    j->opt.ds = &j->ds.set;
    j->opt.dnskey = &j->dnskey.set;
    return true;
}

/* --- Progress --- */

struct progress {
    uint64_t from_us, last_us;
    bool shown;
};

static void show_progress(void *ctx, uint64_t done, uint64_t all)
{
    struct progress *p = ctx;
    uint64_t now = clock_us();
    if (now - p->from_us < 1000000 || now - p->last_us < 200000)
        return;
    p->last_us = now;
    p->shown = true;
    fprintf(stderr, "\rverifying: %3llu %% ", (unsigned long long)(done * 100 / all));
}

static void end_progress(const struct progress *p)
{
    if (p->shown)
        fputs("\r                  \r", stderr);
}

/* --- What came out --- */

static const char *denial_word(enum verify_denial d)
{
    static const char *const words[] = {"no denial", "NSEC", "NSEC3", "NSEC3 with opt-out",
                                        "NSEC and NSEC3"};
    return words[d];
}

static const char *zonemd_word(enum zonemd_result r)
{
    static const char *const words[] = {[ZONEMD_NONE] = "none",
                                        [ZONEMD_MATCH] = "good",
                                        [ZONEMD_MISMATCH] = "mismatch",
                                        [ZONEMD_SERIAL] = "other serial",
                                        [ZONEMD_UNSUPPORTED] = "unsupported"};
    return words[r];
}

static void summary_json(const struct job *j, struct json *o)
{
    const struct zone_verify_result *r = &j->res;
    char zone[NAME_TEXT_MAX], when[64] = "";
    struct text t = text_of(when, sizeof when);
    json_kv_str(o, "zone", name_str(zone_origin(j->z), zone));
    json_kv_uint(o, "serial", zone_serial(j->z));
    json_kv_bool(o, "good", r->errors == 0);
    json_kv_uint(o, "errors", r->errors);
    json_kv_uint(o, "warnings", r->warnings);
    json_kv_uint(o, "rrsets", r->rrsets);
    json_kv_uint(o, "signatures", r->signatures);
    json_kv_uint(o, "signatures_unknown", r->unknown);
    json_kv_uint(o, "keys", r->keys);
    json_kv_str(o, "denial", denial_word(r->denial));
    json_kv_uint(o, "denial_records", r->denials);
    json_kv_str(o, "zonemd", zonemd_word(r->zonemd));
    if (r->expires != 0) {
        when_text(r->expires, &t);
        json_kv_str(o, "first_expires", when);
    }
    json_kv_uint(o, "load_ms", j->load_us / 1000);
    json_kv_uint(o, "verify_ms", j->verify_us / 1000);
}

static void summary(const struct job *j)
{
    const struct zone_verify_result *r = &j->res;
    char zone[NAME_TEXT_MAX], when[64] = "";
    struct text t = text_of(when, sizeof when);
    printf("%s: zone %s, serial %u: %s", j->file, name_str(zone_origin(j->z), zone),
           zone_serial(j->z), r->errors == 0 ? "good" : "BAD");
    if (r->errors > 0)
        printf(", %llu error%s", (unsigned long long)r->errors, r->errors == 1 ? "" : "s");
    if (r->warnings > 0)
        printf(", %llu warning%s", (unsigned long long)r->warnings, r->warnings == 1 ? "" : "s");
    printf("; %llu RRsets, %llu good signatures, %u key%s, %s (%llu records)",
           (unsigned long long)r->rrsets, (unsigned long long)r->signatures, r->keys,
           r->keys == 1 ? "" : "s", denial_word(r->denial), (unsigned long long)r->denials);
    if (r->unknown > 0)
        printf(", %llu signatures of an unknown algorithm", (unsigned long long)r->unknown);
    if (r->zonemd != ZONEMD_NONE)
        printf(", ZONEMD %s", zonemd_word(r->zonemd));
    if (r->expires != 0) {
        when_text(r->expires, &t);
        printf("; first expires %s", text_cstr(&t));
    }
    putchar('\n');
}

/* TTLs of signatures (RFC 4034 section 3): a loaded zone has them right whatever the file says, so
 * the file is read again. Other servers may send them as they are. */
static void check_ttls(struct job *j, struct diag_sink *sink)
{
    struct diag_sink quiet = {0};
    struct zone_record r;
    struct zone_scan *s = zone_scan_new(&cmd_zone_source, j->file, &j->load, &quiet);
    while (s != NULL && zone_scan_next(s, &r)) {
        char name[NAME_TEXT_MAX];
        struct diag d = {.file = j->file};
        if (r.type != RR_RRSIG || r.rdata.n < 8 || r.ttl == get_be32(r.rdata.p + 4))
            continue;
        if (j->ttls++ >= LIMIT_FINDINGS)
            continue;
        diag_set(&d, SEV_WARNING, "rrsig-ttl",
                 "it has the TTL of what it covers (RFC 4034 section 3)",
                 "a signature of %.200s has the TTL %u instead of %u", name_str(r.owner, name),
                 r.ttl, get_be32(r.rdata.p + 4));
        zone_scan_place(s, &d);
        diag_emit(sink, &d);
    }
    zone_scan_free(s);
    j->res.warnings += j->ttls;
}

static void tell(struct job *j)
{
    struct text t = text_heap((size_t)1 << 30);
    struct json o = json_of(&t, true);
    struct report r = {.a = j->a, .to = stdout, .colour = term_colour()};
    struct diag_sink sink = {.emit = report_emit, .ctx = &r};
    if (j->a->json) {
        r.json = &o;
        json_object(&o);
        json_kv_str(&o, "file", j->file);
        json_key(&o, "findings");
        json_array(&o);
    }
    check_ttls(j, &sink);
    zone_places_emit(j->places, &cmd_zone_source, j->file, &j->load, &sink);
    if (j->a->json) {
        json_array_end(&o);
        summary_json(j, &o);
        json_object_end(&o);
        puts(text_cstr(&t));
    } else {
        report_more(&r);
        if (!j->a->quiet || j->res.errors > 0)
            summary(j);
    }
    text_free(&t);
}

static int run(struct job *j)
{
    struct diag_sink sink = {.emit = complain_emit};
    struct sign_jobs jobs = jobs_threads(j->a->lanes);
    uint64_t t = clock_us();
    struct progress p = {.from_us = t};
    enum status st = zone_load(&cmd_zone_source, j->file, &j->load, &sink, &j->z);
    if (st != ST_OK)
        return st == ST_EIO || st == ST_ENOMEM ? EXIT_FAILED : EXIT_FOUND;
    if (j->a->anchor != NULL && !anchors_read(j, j->a->anchor))
        return EXIT_FAILED;
    j->load_us = clock_us() - t;
    t = clock_us();
    j->opt.jobs = &jobs;
    if (isatty(STDERR_FILENO) && !j->a->quiet) {
        j->opt.progress = show_progress;
        j->opt.progress_ctx = &p;
    }
    st = zone_verify(j->z, &j->opt, zone_places_add, j->places, &j->res);
    end_progress(&p);
    j->verify_us = clock_us() - t;
    if (st != ST_OK) {
        fprintf(stderr, "banyan zone verify: %s\n", status_text(st));
        return EXIT_FAILED;
    }
    tell(j);
    return j->res.errors > 0 ? EXIT_FOUND : EXIT_FINE;
}

static bool wrong(const char *option, const char *value, const char *want)
{
    fprintf(stderr, "banyan zone verify: %s: \"%s\" is not %s\n", option, value, want);
    return false;
}

static bool prepare(struct job *j)
{
    const struct args *a = j->a;
    struct zone_load_options load = {.default_ttl = 3600};
    j->opt.now = (uint64_t)time(NULL);
    if (a->at != NULL && !when_parse(bytes_str(a->at), &j->opt.now))
        return wrong("--at", a->at, "a moment such as 2026-01-31T12:00:00Z");
    if (a->default_ttl != NULL &&
        zone_ttl_parse(bytes_str(a->default_ttl), &load.default_ttl) != ST_OK)
        return wrong("--default-ttl", a->default_ttl, "a TTL such as 3600 or 1h");
    if (a->origin != NULL) {
        if (name_from(a->origin, &j->origin) != ST_OK)
            return wrong("--origin", a->origin, "a domain name");
        load.origin = j->origin.w;
    }
    j->load = cmd_zone_load_options(&load, j->file, &j->guess);
    j->places = zone_places_new();
    return j->places != NULL;
}

int cmd_zone_verify(int argc, char **argv)
{
    static struct job j;
    struct args a = {0};
    const struct opt opt[] = {
        {"--anchor", 'a', "FILE", "DS or DNSKEY records that the zone's keys must follow from",
         .value = &a.anchor},
        {"--at", 0, "WHEN", "verify as if it were then (2026-01-31T12:00:00Z)", .value = &a.at},
        {"--origin", 0, "NAME", "the zone's name, if the file does not tell", .value = &a.origin},
        {"--default-ttl", 0, "TTL", "where the file gives none (3600)", .value = &a.default_ttl},
        {"--jobs", 'j', "N", "threads (one for each processor)", .number = &a.lanes, .min = 1,
         .max = 64},
        {"--all", 0, NULL, "show every finding, not only the first 20 of a kind", .flag = &a.all},
        {"--json", 0, NULL, "report as JSON", .flag = &a.json},
        {"--quiet", 'q', NULL, "only errors", .flag = &a.quiet},
    };
    const struct opt_command c = {
        "banyan zone verify",
        "FILE [OPTIONS]",
        "Verifies a signed zone (DNSSEC): keys, every signature, NSEC or NSEC3 from end to end, "
        "ZONEMD.\n"
        "Without --anchor the zone's own keys are taken as they are. Exit status: 0 good, 1 bad,\n"
        "2 wrong use or a file that cannot be read.",
        "  banyan zone verify example.org.zone.signed\n"
        "  banyan zone verify --anchor root.ds --at 2020-10-22T00:00:00Z root.zone\n"
        "  banyan zone verify --json --jobs 2 tld.zone\n",
        opt,
        ARRAY_LEN(opt)};
    int n = 0;
    enum opts_result r = opts_parse(&c, argc, argv, &n);
    if (r != OPTS_GO)
        return r == OPTS_HELP ? EXIT_FINE : EXIT_FAILED;
    if (n != 1) {
        fprintf(stderr, "banyan zone verify: give one zone file\n    hint: see --help\n");
        return EXIT_FAILED;
    }
    j = (struct job){.a = &a, .file = argv[1]};
    int rc = prepare(&j) ? run(&j) : EXIT_FAILED;
    zone_places_free(j.places);
    zone_drop(j.z);
    return rc;
}
