/* The tool for master files: check, format, compare, count. */
#include "app/cmd_zone.h"

#include "base/text.h"
#include "dns/rdata.h"
#include "io/files.h"
#include "zone/check.h"
#include "zone/diff.h"
#include "zone/print.h"
#include "zone/scan.h"
#include "zone/zonemd.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { EXIT_FINE = 0, EXIT_FOUND = 1, EXIT_FAILED = 2, OUT_CHUNK = 1 << 16, FILE_MAX = 1 << 30 };

static const char usage[] =
    "usage: banyan zone check [--json] [--strict] [--quiet] FILE...   tell what is wrong or odd\n"
    "       banyan zone fmt [-w] [--check] [--force] FILE...          canonical order, aligned\n"
    "       banyan zone diff [--json] OLD NEW                         records removed and added\n"
    "       banyan zone stats [--json] [--time] FILE...               counts, sizes, types\n"
    "       banyan zone sign FILE [OPTIONS]                           DNSSEC; see banyan zone sign "
    "--help\n"
    "       banyan zone verify FILE [OPTIONS]                         see banyan zone verify "
    "--help\n"
    "\n"
    "  --origin NAME        the zone's name (else the owner of the SOA record, $ORIGIN, or the "
    "file's\n"
    "                       name: example.org.zone, db.example.org)\n"
    "  --include-dir DIR    $INCLUDE reaches files below it only (else the file's own folder)\n"
    "  --no-include         refuse $INCLUDE\n"
    "  --default-ttl TTL    where the file gives none (3600)\n"
    "  --json               results as JSON\n"
    "  --strict             check: warnings count as errors\n"
    "  --quiet              check: only errors\n"
    "  -w                   fmt: write back to the file (refused if it has comments, $INCLUDE or\n"
    "                       $GENERATE, which would be lost; --force does it all the same)\n"
    "  --check              fmt: print nothing, exit 1 if a file is not in this form\n"
    "  --time               stats: also how long loading and lookups take\n"
    "\n"
    "FILE may be - for standard input. Exit status: 0 well, 1 errors (or differences) found,\n"
    "2 wrong use or a file that cannot be read.\n";

struct options {
    struct zone_load_options load;
    struct name origin;
    bool json, strict, quiet, write, check, force, time, colour;
    const char *file[256];
    int files;
};

/* --- Files, standard input among them --- */

struct input {
    char *text; /* standard input, read once */
    size_t n;
};

struct input_file {
    void *os;  /* or */
    size_t at; /* in the text */
};

static void *input_open(void *ctx, const char *path, struct diag *d)
{
    struct input *in = ctx;
    struct input_file *f = calloc(1, sizeof *f);
    if (f == NULL)
        return NULL;
    if (strcmp(path, "-") != 0) {
        f->os = file_source_os.open(file_source_os.ctx, path, d);
        if (f->os == NULL) {
            free(f);
            return NULL;
        }
    } else if (in->text == NULL && file_read_whole("-", FILE_MAX, &in->text, &in->n, d) != ST_OK) {
        free(f);
        return NULL;
    }
    return f;
}

static long input_read(void *ctx, void *file, void *buf, size_t n)
{
    struct input *in = ctx;
    struct input_file *f = file;
    if (f->os != NULL)
        return file_source_os.read(file_source_os.ctx, f->os, buf, n);
    n = MIN(n, in->n - f->at);
    memcpy(buf, in->text + f->at, n);
    f->at += n;
    return (long)n;
}

static void input_close(void *ctx, void *file)
{
    struct input_file *f = file;
    (void)ctx;
    if (f->os != NULL)
        file_source_os.close(file_source_os.ctx, f->os);
    free(f);
}

static struct input input;
const struct file_source cmd_zone_source = {&input, input_open, input_read, input_close};

/* --- The zone's name --- */

static void origin_wanted(void *ctx, const struct diag *d)
{
    bool *wanted = ctx;
    *wanted |= strcmp(d->code, "no-origin") == 0;
}

/* True if nothing in the file says what zone it is: its first record has a relative owner. */
static bool origin_missing(const struct zone_load_options *load, const char *path)
{
    bool wanted = false;
    struct diag_sink sink = {.emit = origin_wanted, .ctx = &wanted};
    struct zone_load_options first = *load;
    struct zone_record r;
    first.max_errors = 1;
    struct zone_scan *s = zone_scan_new(&cmd_zone_source, path, &first, &sink);
    if (s == NULL)
        return false;
    bool any = zone_scan_next(s, &r);
    zone_scan_free(s);
    return wanted && !any;
}

struct zone_load_options cmd_zone_load_options(const struct zone_load_options *load,
                                               const char *path, struct name *name)
{
    static const char *const ends[] = {".zone", ".db", ".txt", ".signed", ".hosts"};
    struct zone_load_options l = *load;
    const char *slash = strrchr(path, '/'), *base = slash != NULL ? slash + 1 : path;
    char text[NAME_TEXT_MAX];
    if (l.origin != NULL || strcmp(path, "-") == 0 || !origin_missing(&l, path))
        return l;
    if (strncmp(base, "db.", 3) == 0)
        base += 3;
    snprintf(text, sizeof text, "%s", base);
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        size_t n = strlen(text), e = strlen(ends[i]);
        if (n > e && strcmp(text + n - e, ends[i]) == 0)
            text[n - e] = '\0';
    }
    if (name_from(text, name) == ST_OK)
        l.origin = name->w;
    return l;
}

/* --- Findings --- */

struct report {
    FILE *to;
    bool colour, quiet;
    struct json *json; /* or NULL */
};

static void report_emit(void *ctx, const struct diag *d)
{
    struct report *r = ctx;
    if (r->quiet && d->severity != SEV_ERROR)
        return;
    if (r->json != NULL) {
        diag_json(d, r->json);
        return;
    }
    struct text t = text_heap(1 << 16);
    diag_text(d, r->colour, &t);
    fputs(text_cstr(&t), r->to);
    text_free(&t);
}

static bool load(const struct options *o, const char *path, struct zone **ret)
{
    struct report r = {.to = stderr, .colour = o->colour && isatty(STDERR_FILENO), .quiet = true};
    struct diag_sink sink = {.emit = report_emit, .ctx = &r};
    struct name name;
    struct zone_load_options l = cmd_zone_load_options(&o->load, path, &name);
    return zone_load(&cmd_zone_source, path, &l, &sink, ret) == ST_OK;
}

/* --- check --- */

/* True if a file could not even be opened: for the exit status. */
static bool unreadable(const char *path)
{
    struct diag d = {0};
    void *f = input_open(&input, path, &d);
    if (f != NULL)
        input_close(&input, f);
    return f == NULL;
}

static int check_one(const struct options *o, const char *path, struct json *j)
{
    struct report r = {.to = stdout, .colour = o->colour, .quiet = o->quiet, .json = j};
    struct diag_sink sink = {.emit = report_emit, .ctx = &r};
    struct zone_check_options c = {.now = (uint32_t)time(NULL)};
    struct zone *z = NULL;
    if (j != NULL) {
        json_object(j);
        json_kv_str(j, "file", path);
        json_key(j, "findings");
        json_array(j);
    }
    struct name guess;
    struct zone_load_options l = cmd_zone_load_options(&o->load, path, &guess);
    enum status st = zone_check_file(&cmd_zone_source, path, &l, &c, &sink, &z);
    struct zone_stats s = z != NULL ? zone_stats(z) : (struct zone_stats){0};
    char name[NAME_TEXT_MAX] = "";
    if (z != NULL)
        name_str(zone_origin(z), name);
    if (j != NULL) {
        json_array_end(j);
        json_kv_uint(j, "errors", sink.errors);
        json_kv_uint(j, "warnings", sink.warnings);
        if (z != NULL) {
            json_kv_str(j, "zone", name);
            json_kv_uint(j, "serial", zone_serial(z));
            json_kv_uint(j, "names", s.names);
            json_kv_uint(j, "records", s.records);
        }
        json_object_end(j);
    } else {
        printf("%s: ", path);
        if (z != NULL)
            printf("zone %s, serial %u, %llu names, %llu records; ", name, zone_serial(z),
                   (unsigned long long)s.names, (unsigned long long)s.records);
        if (sink.errors == 0 && sink.warnings == 0 && st == ST_OK)
            puts("no errors, no warnings");
        else
            printf("%u error%s, %u warning%s\n", sink.errors, sink.errors == 1 ? "" : "s",
                   sink.warnings, sink.warnings == 1 ? "" : "s");
    }
    zone_drop(z);
    if (st == ST_EIO || st == ST_ENOMEM)
        return EXIT_FAILED;
    return st != ST_OK || (o->strict && sink.warnings > 0) ? EXIT_FOUND : EXIT_FINE;
}

static int run_check(const struct options *o)
{
    struct text t = text_heap(FILE_MAX);
    struct json j = json_of(&t, true);
    int worst = EXIT_FINE;
    if (o->json)
        json_array(&j);
    for (int i = 0; i < o->files; i++) {
        int rc = check_one(o, o->file[i], o->json ? &j : NULL);
        worst = MAX(worst, rc);
    }
    if (o->json) {
        json_array_end(&j);
        puts(text_cstr(&t));
    }
    text_free(&t);
    return worst;
}

/* --- fmt --- */

static unsigned features(const struct options *o, const char *path)
{
    struct diag_sink sink = {0};
    struct zone_record r;
    struct zone_scan *s = zone_scan_new(&cmd_zone_source, path, &o->load, &sink);
    if (s == NULL)
        return 0;
    while (zone_scan_next(s, &r))
        ;
    unsigned f = zone_scan_features(s);
    zone_scan_free(s);
    return f;
}

static int fmt_write(const struct options *o, const char *path, const struct zone *z)
{
    struct zone_print p;
    struct text out = text_heap(SIZE_MAX / 2);
    struct diag d = {0};
    char *old = NULL;
    size_t n = 0;
    int rc = EXIT_FINE;
    zone_print_begin(&p, z);
    while (zone_print_next(&p, &out))
        ;
    zone_print_end(&p);
    if (out.cut) {
        fprintf(stderr, "%s: out of memory\n", path);
        rc = EXIT_FAILED;
    } else if (file_read_whole(path, FILE_MAX, &old, &n, &d) == ST_OK && n == out.n &&
               memcmp(old, out.p, n) == 0) {
        rc = EXIT_FINE; /* it has this form already */
    } else if (o->check) {
        printf("%s\n", path);
        rc = EXIT_FOUND;
    } else if (!o->force && features(o, path) != 0) {
        fprintf(stderr,
                "%s: not written: its comments, $INCLUDE or $GENERATE would be lost (--force does "
                "it)\n",
                path);
        rc = EXIT_FAILED;
    } else if (file_replace(path, bytes_of(out.p, out.n), &d) != ST_OK) {
        fprintf(stderr, "%s\n", d.message);
        rc = EXIT_FAILED;
    }
    free(old);
    text_free(&out);
    return rc;
}

static int run_fmt(const struct options *o)
{
    int worst = EXIT_FINE;
    for (int i = 0; i < o->files; i++) {
        struct zone *z;
        if (!load(o, o->file[i], &z)) {
            worst = MAX(worst, unreadable(o->file[i]) ? EXIT_FAILED : EXIT_FOUND);
            continue;
        }
        if (o->write || o->check) {
            int rc = fmt_write(o, o->file[i], z);
            worst = MAX(worst, rc);
        } else {
            struct zone_print p;
            struct text out = text_heap(SIZE_MAX / 2);
            zone_print_begin(&p, z);
            for (bool more = true; more;) {
                more = zone_print_next(&p, &out);
                if (out.n > OUT_CHUNK || !more) {
                    fwrite(text_cstr(&out), 1, out.n, stdout);
                    text_clear(&out);
                }
            }
            zone_print_end(&p);
            text_free(&out);
        }
        zone_drop(z);
    }
    return worst;
}

/* --- diff --- */

struct diff_out {
    struct text t;
    struct json *json;
    bool colour;
};

static void diff_change(void *ctx, const struct zone_change *c)
{
    struct diff_out *o = ctx;
    char owner[NAME_TEXT_MAX], type[24];
    if (o->json != NULL) {
        struct text rd = text_heap(1 << 20);
        rdata_text(c->type, c->rdata, &rd);
        json_object(o->json);
        json_kv_str(o->json, "change", c->added ? "add" : "remove");
        json_kv_str(o->json, "owner", name_str(c->owner, owner));
        json_kv_uint(o->json, "ttl", c->ttl);
        json_kv_str(o->json, "type", rr_type_str(c->type, type));
        json_kv_str(o->json, "rdata", text_cstr(&rd));
        json_object_end(o->json);
        text_free(&rd);
        return;
    }
    text_str(&o->t, o->colour ? (c->added ? "\033[32m+ " : "\033[31m- ") : c->added ? "+ " : "- ");
    zone_print_record(c->owner, c->type, c->ttl, c->rdata, &o->t);
    text_str(&o->t, o->colour ? "\033[0m\n" : "\n");
    if (o->t.n > OUT_CHUNK) {
        fwrite(o->t.p, 1, o->t.n, stdout);
        text_clear(&o->t);
    }
}

static int run_diff(const struct options *o)
{
    struct zone *a = NULL, *b = NULL;
    if (o->files != 2) {
        fputs("banyan zone diff: give two files\n", stderr);
        return EXIT_FAILED;
    }
    int rc = EXIT_FAILED;
    if (load(o, o->file[0], &a) && load(o, o->file[1], &b)) {
        struct diff_out out = {.t = text_heap(SIZE_MAX / 2), .colour = o->colour};
        struct json j = json_of(&out.t, true);
        uint64_t changes = 0;
        if (o->json) {
            out.json = &j;
            json_object(&j);
            json_kv_uint(&j, "from", zone_serial(a));
            json_kv_uint(&j, "to", zone_serial(b));
            json_key(&j, "changes");
            json_array(&j);
        }
        enum status st = zone_diff(a, b, diff_change, &out, &changes);
        if (o->json) {
            json_array_end(&j);
            json_object_end(&j);
            text_char(&out.t, '\n');
        }
        if (st == ST_OK) {
            fwrite(text_cstr(&out.t), 1, out.t.n, stdout);
            rc = changes > 0 ? EXIT_FOUND : EXIT_FINE;
        } else {
            fprintf(stderr, "banyan zone diff: %s\n",
                    st == ST_ESEMANTIC ? "the files are of different zones" : status_text(st));
        }
        text_free(&out.t);
    }
    zone_drop(a);
    zone_drop(b);
    return rc;
}

/* --- stats --- */

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* Mean time of looking up every name of the zone, in an order that defeats the caches. */
static double lookup_ns(const struct zone *z)
{
    size_t names = zone_stats(z).names, done = 0;
    uint8_t(*q)[LIMIT_NAME];
    size_t sample = MIN(names, 200000), taken = 0;
    q = malloc(sample * sizeof *q);
    if (q == NULL)
        return 0;
    size_t every = names / sample;
    for (const struct zone_node *n = NULL; (n = zone_next(z, n)) != NULL && taken < sample; done++)
        if (done % every == 0)
            zone_node_name(z, n, q[taken++]);
    struct zone_found f;
    double t = seconds();
    size_t at = 0;
    for (size_t i = 0; i < taken; i++, at = (at + 7919) % taken)
        zone_find(z, q[at], &f);
    t = seconds() - t;
    free(q);
    return taken > 0 ? t / (double)taken * 1e9 : 0;
}

struct type_count {
    uint64_t sets, records;
};

static void stats_types(const struct zone *z, struct type_count *by_type)
{
    uint8_t name[LIMIT_NAME];
    struct rrset s;
    for (const struct zone_node *n = NULL; (n = zone_next(z, n)) != NULL;) {
        zone_node_name(z, n, name);
        for (uint32_t cursor = 0; zone_rrset_next(z, n, name, &cursor, &s);) {
            by_type[s.type].sets++;
            by_type[s.type].records += s.count;
        }
    }
}

static void stats_put(struct json *j, const char *key, uint64_t v)
{
    if (j != NULL)
        json_kv_uint(j, key, v);
    else
        printf("%-14s %llu\n", key, (unsigned long long)v);
}

static void stats_one(const struct options *o, const struct zone *z, double load_s, struct json *j)
{
    struct zone_stats s = zone_stats(z);
    struct type_count *by_type = calloc(65536, sizeof *by_type);
    char name[NAME_TEXT_MAX], type[24];
    if (by_type == NULL)
        return;
    stats_types(z, by_type);
    name_str(zone_origin(z), name);
    if (j != NULL)
        json_kv_str(j, "zone", name);
    else
        printf("%-14s %s\n", "zone", name);
    stats_put(j, "serial", zone_serial(z));
    stats_put(j, "names", s.names);
    stats_put(j, "rrsets", s.rrsets);
    stats_put(j, "records", s.records);
    stats_put(j, "delegations", s.delegations);
    stats_put(j, "signed", zone_is_signed(z));
    stats_put(j, "bytes", s.bytes);
    stats_put(j, "bytes_per_name", s.bytes / s.names);
    if (o->time) {
        stats_put(j, "load_ms", (uint64_t)(load_s * 1e3));
        stats_put(j, "find_ns", (uint64_t)lookup_ns(z));
    }
    if (j != NULL) {
        json_key(j, "types");
        json_object(j);
    }
    for (unsigned t = 0; t < 65536; t++) {
        if (by_type[t].sets == 0)
            continue;
        rr_type_str((uint16_t)t, type);
        if (j != NULL)
            json_kv_uint(j, type, by_type[t].records);
        else
            printf("  %-12s %10llu records in %llu sets\n", type,
                   (unsigned long long)by_type[t].records, (unsigned long long)by_type[t].sets);
    }
    if (j != NULL)
        json_object_end(j);
    free(by_type);
}

static int run_stats(const struct options *o)
{
    struct text t = text_heap(1 << 24);
    struct json j = json_of(&t, true);
    int worst = EXIT_FINE;
    if (o->json)
        json_array(&j);
    for (int i = 0; i < o->files; i++) {
        struct zone *z;
        double from = seconds();
        if (!load(o, o->file[i], &z)) {
            worst = MAX(worst, unreadable(o->file[i]) ? EXIT_FAILED : EXIT_FOUND);
            continue;
        }
        double took = seconds() - from;
        if (o->json) {
            json_object(&j);
            json_kv_str(&j, "file", o->file[i]);
        } else if (o->files > 1) {
            printf("%s%s:\n", i > 0 ? "\n" : "", o->file[i]);
        }
        stats_one(o, z, took, o->json ? &j : NULL);
        if (o->json)
            json_object_end(&j);
        zone_drop(z);
    }
    if (o->json) {
        json_array_end(&j);
        puts(text_cstr(&t));
    }
    text_free(&t);
    return worst;
}

/* --- Arguments --- */

/* A flag's switch, or NULL. */
static bool *flag(struct options *o, const char *arg)
{
    const struct {
        const char *word;
        bool *on;
    } known[] = {{"--json", &o->json},   {"--strict", &o->strict},
                 {"--quiet", &o->quiet}, {"-q", &o->quiet},
                 {"-w", &o->write},      {"--write", &o->write},
                 {"--check", &o->check}, {"--force", &o->force},
                 {"--time", &o->time},   {"--no-include", &o->load.no_include}};
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (strcmp(arg, known[i].word) == 0)
            return known[i].on;
    return NULL;
}

/* An option with a value, as two words or with "=". False if it is not known or its value is wrong.
 */
static bool valued(struct options *o, int argc, char **argv, int *i)
{
    const char *arg = argv[*i], *eq = strchr(arg, '=');
    size_t n = eq != NULL ? (size_t)(eq - arg) : strlen(arg);
    const char *value = eq != NULL ? eq + 1 : *i + 1 < argc ? argv[++*i] : NULL;
    if (value == NULL)
        return false;
    if (n == 8 && memcmp(arg, "--origin", n) == 0) {
        if (name_from(value, &o->origin) != ST_OK)
            return false;
        o->load.origin = o->origin.w;
        return true;
    }
    if (n == 13 && memcmp(arg, "--include-dir", n) == 0) {
        o->load.include_dir = value;
        return true;
    }
    return n == 13 && memcmp(arg, "--default-ttl", n) == 0 &&
           zone_ttl_parse(bytes_str(value), &o->load.default_ttl) == ST_OK;
}

static bool options_read(struct options *o, int argc, char **argv)
{
    bool only_files = false;
    for (int i = 2; i < argc; i++) {
        bool *on = flag(o, argv[i]);
        if (only_files || argv[i][0] != '-' || strcmp(argv[i], "-") == 0) {
            if (o->files == (int)ARRAY_LEN(o->file)) {
                fputs("banyan zone: too many files at once\n", stderr);
                return false;
            }
            o->file[o->files++] = argv[i];
        } else if (strcmp(argv[i], "--") == 0) {
            only_files = true;
        } else if (on != NULL) {
            *on = true;
        } else {
            const char *arg = argv[i];
            if (!valued(o, argc, argv, &i)) {
                fprintf(stderr,
                        "banyan zone: unknown option or wrong value: %s\nSee banyan zone --help.\n",
                        arg);
                return false;
            }
        }
    }
    if (o->files == 0)
        fputs("banyan zone: no file given. See banyan zone --help.\n", stderr);
    return o->files > 0;
}

int cmd_zone(int argc, char **argv)
{
    static const struct {
        const char *word;
        int (*run)(const struct options *);
    } known[] = {{"check", run_check}, {"fmt", run_fmt}, {"diff", run_diff}, {"stats", run_stats}};
    static struct options o;
    const char *words[ARRAY_LEN(known) + 2];
    if (argc > 1 && strcmp(argv[1], "sign") == 0)
        return cmd_zone_sign(argc - 1, argv + 1);
    if (argc > 1 && strcmp(argv[1], "verify") == 0)
        return cmd_zone_verify(argc - 1, argv + 1);
    o = (struct options){.load = {.default_ttl = 3600}, .colour = isatty(STDOUT_FILENO) != 0};
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            fputs(usage, stdout);
            return EXIT_FINE;
        }
    if (argc < 2) {
        fputs(usage, stderr);
        return EXIT_FAILED;
    }
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        words[i] = known[i].word;
        if (strcmp(argv[1], known[i].word) != 0)
            continue;
        int rc = options_read(&o, argc, argv) ? known[i].run(&o) : EXIT_FAILED;
        free(input.text);
        input = (struct input){0};
        return rc;
    }
    words[ARRAY_LEN(known)] = "sign";
    words[ARRAY_LEN(known) + 1] = "verify";
    const char *near = nearest_word(argv[1], words, ARRAY_LEN(words));
    fprintf(stderr, "banyan zone: no command \"%s\"%s%s%s. See banyan zone --help.\n", argv[1],
            near != NULL ? " (did you mean " : "", near != NULL ? near : "",
            near != NULL ? "?)" : "");
    return EXIT_FAILED;
}
