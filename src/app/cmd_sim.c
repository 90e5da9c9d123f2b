/* `banyan sim`: whole Internets out of a seed, or a scenario out of a file, in virtual time. */
#include "app/cmd_sim.h"

#include "app/lab.h"
#include "io/clock.h"
#include "io/files.h"
#include "sim/player.h"
#include "sim/run.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { SCENARIO_BYTES = 1 << 20, LOG_BYTES = 256 << 20 };

static const char usage[] =
    "usage: banyan sim --seed N | --seeds A..B | --scenario FILE... [OPTIONS]\n"
    "\n"
    "Drives the real resolver and the real authoritative server over a simulated network, in\n"
    "virtual time. Every answer is checked against an oracle that sees all zones at once.\n"
    "\n"
    "  --seed N          one run; the same seed gives the same hash\n"
    "  --seeds A..B      many runs\n"
    "  --scenario FILE   plays scenarios (scenarios/README.md)\n"
    "  --queries N       client queries in a run (default 60)\n"
    "  --faults on|off   broken servers, packet loss, duplicates (default on)\n"
    "  --events on|off   reloads, restarts, flushes, steps of the clock (default on)\n"
    "  --dnssec on|off|unchecked\n"
    "                    most zones are signed, and the resolver validates, or does not look\n"
    "                    (default off)\n"
    "  --lab             the Internet of the lab in the place of one made up from the seed\n"
    "  --data DIR        the lab's data\n"
    "  --verbose         every packet in words\n"
    "  --trace QUERY     asks \"NAME [TYPE]\" last and shows its timeline\n"
    "  --json            results for programs\n";

struct sim_args {
    uint64_t first, last;
    bool seeded, faults, events, dnssec, unchecked, lab, verbose, json;
    unsigned queries;
    const char *data, *trace;
    const char *scenario[1024];
    unsigned scenario_count;
};

static bool read_range(const char *s, struct sim_args *a)
{
    char *end;
    a->first = strtoull(s, &end, 10);
    a->last = a->first;
    if (end == s)
        return false;
    if (strncmp(end, "..", 2) == 0) {
        const char *from = end + 2;
        a->last = strtoull(from, &end, 10);
        if (end == from)
            return false;
    }
    a->seeded = true;
    return *end == '\0' && a->last >= a->first;
}

static bool read_args(int argc, char **argv, struct sim_args *a)
{
    for (int i = 1; i < argc; i++) {
        const char *o = argv[i], *v = i + 1 < argc ? argv[i + 1] : NULL;
        bool takes = true, ok = true;
        if (strcmp(o, "--verbose") == 0)
            a->verbose = true, takes = false;
        else if (strcmp(o, "--json") == 0)
            a->json = true, takes = false;
        else if (strcmp(o, "--lab") == 0)
            a->lab = true, takes = false;
        else if (v == NULL)
            ok = false;
        else if (strcmp(o, "--seed") == 0 || strcmp(o, "--seeds") == 0)
            ok = read_range(v, a);
        else if (strcmp(o, "--queries") == 0)
            ok = (a->queries = (unsigned)strtoul(v, NULL, 10)) > 0;
        else if (strcmp(o, "--faults") == 0)
            a->faults = strcmp(v, "off") != 0, ok = !a->faults || strcmp(v, "on") == 0;
        else if (strcmp(o, "--events") == 0)
            a->events = strcmp(v, "off") != 0, ok = !a->events || strcmp(v, "on") == 0;
        else if (strcmp(o, "--dnssec") == 0)
            a->dnssec = strcmp(v, "off") != 0, a->unchecked = strcmp(v, "unchecked") == 0,
            ok = !a->dnssec || a->unchecked || strcmp(v, "on") == 0;
        else if (strcmp(o, "--data") == 0)
            a->data = v;
        else if (strcmp(o, "--trace") == 0)
            a->trace = v;
        else if (strcmp(o, "--scenario") == 0 && a->scenario_count < ARRAY_LEN(a->scenario))
            a->scenario[a->scenario_count++] = v;
        else
            ok = false;
        if (!ok) {
            fprintf(stderr, "banyan sim: cannot make sense of %s%s%s\n", o, v && takes ? " " : "",
                    v && takes ? v : "");
            return false;
        }
        i += takes;
        while (takes && strcmp(o, "--scenario") == 0 && i + 1 < argc && argv[i + 1][0] != '-' &&
               a->scenario_count < ARRAY_LEN(a->scenario))
            a->scenario[a->scenario_count++] = argv[++i];
    }
    return true;
}

static void result_json(uint64_t seed, const struct run_result *r)
{
    struct text t = text_heap(65536);
    struct json j = json_of(&t, false);
    json_object(&j);
    json_kv_uint(&j, "seed", seed);
    json_key(&j, "hash");
    json_fmt(&j, "%016" PRIx64, r->hash);
    json_kv_uint(&j, "queries", r->queries);
    json_kv_uint(&j, "answered", r->answered);
    json_kv_uint(&j, "servfail", r->servfail);
    json_kv_uint(&j, "excused", r->excused);
    json_kv_uint(&j, "packets", r->packets);
    json_kv_uint(&j, "most_packets", r->most_packets);
    json_kv_uint(&j, "virtual_ms", r->virtual_us / 1000);
    json_key(&j, "violations");
    json_array(&j);
    for (unsigned i = 0; i < MIN(r->violations, (unsigned)RUN_VIOLATIONS); i++)
        json_str(&j, r->violation[i]);
    json_array_end(&j);
    json_object_end(&j);
    puts(text_cstr(&t));
    text_free(&t);
}

static void result_text(const struct sim_args *a, uint64_t seed, const struct run_result *r)
{
    if (a->first == a->last)
        printf("seed %" PRIu64 "  hash %016" PRIx64
               "  %u questions, %u answers, %u SERVFAIL (all excused by "
               "faults: %s), %" PRIu64 " packets (at most %" PRIu64
               " for one), %.0f s of virtual time\n",
               seed, r->hash, r->queries, r->answered, r->servfail,
               r->excused == r->servfail ? "yes" : "no", r->packets, r->most_packets,
               (double)r->virtual_us / 1e6);
    if (r->violations == 0)
        return;
    for (unsigned i = 0; i < MIN(r->violations, (unsigned)RUN_VIOLATIONS); i++)
        printf("seed %" PRIu64 ": VIOLATION: %s\n", seed, r->violation[i]);
    printf("seed %" PRIu64
           ": %u violations. Again, with every packet:\n  banyan sim --seed %" PRIu64
           "%s%s%s --verbose",
           seed, r->violations, seed, a->lab ? " --lab" : "", a->events ? "" : " --events off",
           a->faults   ? a->dnssec ? " --dnssec on" : ""
           : a->dnssec ? " --faults off --dnssec on"
                       : " --faults off");
    if (a->queries > 0)
        printf(" --queries %u", a->queries);
    putchar('\n');
}

static bool one_seed(const struct sim_args *a, uint64_t seed, struct run_options *opt,
                     struct run_result *total)
{
    struct diag_sink sink = lab_sink();
    struct run_result r;
    struct text log = text_heap(LOG_BYTES);
    opt->seed = seed;
    opt->log = a->verbose ? &log : NULL;
    opt->trace_out = a->trace != NULL ? &log : NULL;
    enum status st = run_seed(opt, &sink, &r);
    fputs(text_cstr(&log), stdout);
    text_free(&log);
    if (st != ST_OK) {
        fprintf(stderr, "banyan sim: seed %" PRIu64 ": %s\n", seed, status_text(st));
        return false;
    }
    if (a->json)
        result_json(seed, &r);
    else
        result_text(a, seed, &r);
    total->queries += r.queries;
    total->servfail += r.servfail;
    total->packets += r.packets;
    total->most_packets = MAX(total->most_packets, r.most_packets);
    total->hash = hash_mix(total->hash ^ r.hash);
    return r.violations == 0;
}

static int run_seeds(const struct sim_args *a)
{
    struct run_options opt = {.queries = a->queries,
                              .faults = a->faults,
                              .events = a->events,
                              .dnssec = a->dnssec,
                              .unchecked = a->unchecked,
                              .trace = a->trace};
    struct run_result total = {0};
    struct topology t;
    struct diag d = {0};
    char data[LAB_PATH];
    uint64_t bad = 0, start = now_read().mono_us;
    if (a->lab) {
        if (!lab_data_dir(a->data, data, &d)) {
            struct diag_sink sink = lab_sink();
            diag_emit(&sink, &d);
            return 1;
        }
        if (lab_topology(data, &t) != ST_OK)
            return 1;
        opt.topology = &t;
        opt.files = &file_source_os;
        opt.dir = data;
    }
    for (uint64_t seed = a->first;; seed++) {
        bad += !one_seed(a, seed, &opt, &total);
        uint64_t done = seed - a->first + 1;
        if (a->last > a->first && isatty(2) && done % 16 == 0)
            fprintf(stderr, "\r%" PRIu64 " of %" PRIu64 " seeds, %" PRIu64 " bad", done,
                    a->last - a->first + 1, bad);
        if (seed == a->last)
            break;
    }
    if (a->last > a->first && !a->json) {
        double s = (double)(now_read().mono_us - start) / 1e6;
        uint64_t n = a->last - a->first + 1;
        printf("%s%" PRIu64 " seeds, %" PRIu64 " bad; %u questions, %u SERVFAIL, %" PRIu64
               " packets (at most %" PRIu64
               " for one question); %.1f seeds a second; hash of hashes %016" PRIx64 "\n",
               isatty(2) ? "\n" : "", n, bad, total.queries, total.servfail, total.packets,
               total.most_packets, (double)n / (s > 0 ? s : 1), total.hash);
    }
    if (a->lab)
        topology_free(&t);
    return bad > 0;
}

static bool play_file(const struct sim_args *a, const char *path)
{
    struct diag_sink sink = lab_sink();
    struct scenario sc;
    struct diag d = {0};
    struct text log = text_heap(LOG_BYTES);
    char *text = NULL;
    size_t n;
    enum status st = file_read_whole(path, SCENARIO_BYTES, &text, &n, &d);
    if (st != ST_OK) {
        diag_emit(&sink, &d);
        text_free(&log);
        return false;
    }
    st = scenario_parse(&sc, bytes_of(text, n), path, &d);
    struct diag no_lab = {0};
    char lab[LAB_PATH];
    if (lab_data_dir(a->data, lab, &no_lab)) { /* only some need it: for recipes */
        sc.files = &file_source_os;
        sc.lab = lab;
    }
    if (st == ST_OK)
        st = scenario_play(&sc, path, &sink, a->verbose ? &log : NULL);
    else
        diag_emit(&sink, &d);
    fputs(text_cstr(&log), stdout);
    printf("%s %s: %s\n", st == ST_OK ? "ok" : "not ok", path, sc.about);
    scenario_free(&sc);
    text_free(&log);
    free(text);
    return st == ST_OK;
}

int cmd_sim(int argc, char **argv)
{
    static struct sim_args a = {.faults = true, .events = true};
    if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        fputs(usage, stdout);
        return argc < 2 ? 2 : 0;
    }
    if (!read_args(argc, argv, &a))
        return 2;
    if (!a.seeded && a.scenario_count == 0) {
        fputs("banyan sim: give --seed, --seeds or --scenario\n", stderr);
        return 2;
    }
    int rc = 0;
    for (unsigned i = 0; i < a.scenario_count; i++)
        rc |= !play_file(&a, a.scenario[i]);
    if (a.seeded)
        rc |= run_seeds(&a);
    return rc;
}
