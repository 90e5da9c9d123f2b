/* Zone text: whatever loads is found, printed and read back as the same zone; checks run over it;
 * the quick readers of common words agree with dns/. */
#include "zone/testlib.h"

#include "zone/check.h"
#include "zone/diff.h"
#include "zone/print.h"
#include "zone/scan_impl.h"
#include "zone/zonemd.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ignore_change(void *ctx, const struct zone_change *c)
{
    (void)ctx;
    (void)c;
}

static void ignore_finding(void *ctx, const struct zone_finding *f)
{
    (void)ctx;
    ASSERT(f->message[0] != '\0' && name_len(f->owner) > 0);
}

static void ignore_diag(void *ctx, const struct diag *d)
{
    (void)ctx;
    ASSERT(d->message[0] != '\0' && d->code[0] != '\0');
}

static struct zone *load(const uint8_t *p, size_t n, size_t chunk,
                         const struct zone_load_options *opt, uint32_t *errors)
{
    struct mem_file f[] = {{"z", (const char *)p, n}, {"a", "x A 192.0.2.1\n$ORIGIN y\n", 0}};
    struct mem_files m = {f, 2, chunk};
    struct file_source fs = mem_source(&m);
    struct diag_sink sink = {ignore_diag, NULL, 0, 0};
    struct zone *z = NULL;
    enum status st = zone_load(&fs, "z", opt, &sink, &z);
    ASSERT((st == ST_OK) == (sink.errors == 0) && (st == ST_OK) == (z != NULL));
    *errors = sink.errors;
    return z;
}

static void find_all(const struct zone *z)
{
    uint8_t name[LIMIT_NAME];
    for (const struct zone_node *n = NULL; (n = zone_next(z, n)) != NULL;) {
        struct zone_found f;
        struct rrset s, again;
        zone_node_name(z, n, name);
        ASSERT(zone_node_of(z, name) == n);
        zone_find(z, name, &f);
        ASSERT(f.match == ZONE_EXACT || f.match == ZONE_DELEGATION || f.match == ZONE_DNAME);
        ASSERT(zone_node_hidden(n) == (f.node != n));
        for (uint32_t cursor = 0; zone_rrset_next(z, n, name, &cursor, &s);) {
            struct bytes rd;
            ASSERT(s.count > 0 && zone_rrset(z, n, s.type, name, &again));
            for (struct rdata_iter it = rdata_iter(&s); rdata_iter_next(&it, &rd);)
                ASSERT(rdata_check(s.type, rd) == ST_OK);
        }
    }
}

static void print_and_read(const struct zone *z)
{
    struct zone_print p;
    struct text t = text_heap(1 << 26);
    uint64_t changes = 1;
    uint32_t errors;
    zone_print_begin(&p, z);
    while (zone_print_next(&p, &t))
        ;
    zone_print_end(&p);
    if (!t.cut) {
        struct zone_load_options opt = {0};
        struct zone *again = load((const uint8_t *)t.p, t.n, 0, &opt, &errors);
        ASSERT(again != NULL);
        ASSERT(zone_diff(z, again, ignore_change, NULL, &changes) == ST_OK && changes == 0);
        zone_drop(again);
    }
    text_free(&t);
}

/* Every line's words through the quick readers and through dns/. */
static void fast_agrees(const uint8_t *data, size_t size)
{
    static const uint16_t types[] = {RR_A, RR_AAAA, RR_NS, RR_DS};
    static struct zone_scan s;
    static uint8_t slow[UINT16_MAX];
    static const uint8_t origin[] = {1, 'o', 0};
    struct token tok[4];
    size_t n = 0;
    for (size_t i = 0; i < size && n < 4; i++) {
        size_t from = i;
        while (i < size && data[i] > ' ' && strchr("\"();\\", data[i]) == NULL)
            i++;
        if (i > from)
            tok[n++] = (struct token){.text = {data + from, i - from}, .line = 1, .column = 1};
    }
    memcpy(s.origin.w, origin, sizeof origin);
    s.origin_len = sizeof origin;
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        size_t len;
        struct writer w = wr_of(slow, sizeof slow);
        if (!scan_fast_rdata(&s, types[i], tok, n, &len))
            continue;
        ASSERT(rdata_parse(types[i], tok, n, origin, &w, NULL) == ST_OK);
        ASSERT(wr_len(&w) == len && memcmp(slow, s.rdata, len) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t origin[] = {1, 'z', 0};
    struct zone_load_options opt = {.default_ttl = 60};
    uint32_t errors, errors1;
    size_t chunk = size % 7;
    if (data == NULL || size == 0 || size > 1 << 16)
        return 0;
    if (data[0] != ';')
        opt.origin = origin;
    fast_agrees(data, size);
    if (memmem(data, size, "-9", 2) != NULL && memmem(data, size, "ENER", 4) != NULL)
        return 0; /* millions of lines are fine, but not here */
    struct zone *z = load(data, size, 0, &opt, &errors),
                *y = load(data, size, chunk, &opt, &errors1);
    ASSERT(errors == errors1 && (z == NULL) == (y == NULL));
    if (z != NULL && zone_stats(z).records < 20000) {
        uint64_t changes = 1;
        struct zone_check_options c = {1767225600};
        ASSERT(zone_diff(z, y, ignore_change, NULL, &changes) == ST_OK && changes == 0);
        find_all(z);
        print_and_read(z);
        zone_check(z, &c, ignore_finding, NULL);
    }
    zone_drop(z);
    zone_drop(y);
    return 0;
}
