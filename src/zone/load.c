#include "zone/load.h"

#include "zone/builder.h"
#include "zone/load_impl.h"
#include "zone/scan.h"

#include <stdio.h>

enum { PROGRESS = 4096 }; /* records */

struct loading {
    struct zone_scan *scan;
    struct zone_builder *b;
    struct diag_sink *sink;
    const char *path;
    struct zone_places *places;
    zone_finding_fn *keep;
};

/* The zone's name: given, or that of the SOA, or the $ORIGIN before the first record. */
static enum status begin(struct loading *l, const struct zone_load_options *opt,
                         const struct zone_record *r)
{
    const uint8_t *origin = opt->origin;
    if (origin == NULL)
        origin = r->type == RR_SOA ? r->owner : zone_scan_origin(l->scan);
    if (origin == NULL) {
        zone_scan_report(l->scan, SEV_ERROR, "no-origin",
                         "begin with the SOA record or an $ORIGIN line",
                         "the zone's name is not known");
        return ST_ESYNTAX;
    }
    l->b = zone_builder_new(origin);
    if (l->b == NULL)
        return ST_ENOMEM;
    zone_builder_watch(l->b, l->keep, l->places);
    return ST_OK;
}

static enum status add(struct loading *l, const struct zone_record *r)
{
    enum status st = zone_builder_add(l->b, r->owner, r->type, r->ttl, r->rdata);
    char name[NAME_TEXT_MAX], message[400];
    if (st == ST_ESEMANTIC) {
        snprintf(message, sizeof message, "%.200s is not in this zone", name_str(r->owner, name));
        zone_scan_report(l->scan, SEV_ERROR, "out-of-zone",
                         "is a final dot missing or wrong, or the $ORIGIN?", message);
        return ST_OK;
    }
    if (st == ST_EUNSUPPORTED || st == ST_EFORMAT) {
        zone_scan_report(l->scan, SEV_ERROR, "bad-rdata", NULL,
                         "this record cannot stand in a zone");
        return ST_OK;
    }
    return st;
}

static enum status read_all(struct loading *l, const struct zone_load_options *opt)
{
    struct zone_record r;
    for (uint32_t n = 1; zone_scan_next(l->scan, &r); n++) {
        if (l->b == NULL)
            TRY(begin(l, opt, &r));
        if (opt->size != 0 && n % PROGRESS == 0)
            zone_builder_progress(l->b, zone_scan_read(l->scan), opt->size);
        TRY(add(l, &r));
    }
    return ST_OK;
}

static void tell(struct loading *l, const char *code, const char *message)
{
    struct diag d = {.file = l->path};
    diag_set(&d, SEV_ERROR, code, NULL, "%s", message);
    diag_emit(l->sink, &d);
}

enum status zone_load_places(const struct file_source *fs, const char *path,
                             const struct zone_load_options *opt, struct diag_sink *sink,
                             struct zone_places *places, zone_finding_fn *keep, struct zone **ret)
{
    uint32_t before = sink->errors;
    struct loading l = {.sink = sink, .path = path, .places = places, .keep = keep};
    *ret = NULL;
    l.scan = zone_scan_new(fs, path, opt, sink);
    if (l.scan == NULL)
        return sink->errors > before ? ST_EIO : ST_ENOMEM;
    enum status st = read_all(&l, opt);
    zone_scan_free(l.scan);
    if (st == ST_OK && l.b != NULL)
        st = zone_builder_finish(l.b, ret, NULL);
    else if (st == ST_OK && sink->errors == before)
        tell(&l, "empty-zone", "there is no record in the file");
    if (st == ST_ENOMEM)
        tell(&l, "no-memory", "out of memory");
    else if (st == ST_ELIMIT)
        tell(&l, "zone-too-large", "the zone is too large");
    zone_builder_free(l.b);
    if (sink->errors == before)
        return st;
    /* What is missing may be what could not be read. */
    zone_places_remove(places, "no-soa");
    zone_places_remove(places, "no-ns");
    return st != ST_OK ? st : ST_ESYNTAX;
}

/* Only what stops the zone: zone/check.h tells of the rest. */
static void error_add(void *places, const struct zone_finding *f)
{
    if (f->severity == SEV_ERROR)
        zone_places_add(places, f);
}

enum status zone_load(const struct file_source *fs, const char *path,
                      const struct zone_load_options *opt, struct diag_sink *sink,
                      struct zone **ret)
{
    struct diag_sink counter = {0};
    struct zone_places *places = zone_places_new();
    struct zone *z = NULL;
    if (places == NULL)
        return ST_ENOMEM;
    if (sink == NULL)
        sink = &counter;
    enum status st = zone_load_places(fs, path, opt, sink, places, error_add, &z);
    if (st != ST_OK) {
        zone_places_emit(places, fs, path, opt, sink);
        zone_drop(z);
        z = NULL;
    }
    zone_places_free(places);
    *ret = z;
    return st;
}
