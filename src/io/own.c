#include "io/own.h"

#include "base/limits.h"
#include "dns/record.h"
#include "dns/rr_type.h"
#include "io/files.h"
#include "io/log.h"
#include "zone/zonemd.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

enum { HOSTS_FILE_MAX = 1 << 30 };

struct own *own_take(struct own *o)
{
    atomic_fetch_add(&o->refs, 1);
    return o;
}

void own_drop(struct own *o)
{
    if (o == NULL || atomic_fetch_sub(&o->refs, 1) > 0)
        return;
    local_data_free(o->local);
    if (o->zones != NULL)
        zone_table_free(o->zones);
    free(o);
}

/* --- Local data --- */

static enum status add_records(const struct config *c, struct local_data *d, struct diag_sink *sink)
{
    uint8_t *room = malloc(LIMIT_MESSAGE);
    enum status st = room != NULL ? ST_OK : ST_ENOMEM;
    for (size_t i = 0; st == ST_OK && i < c->resolver.local_data.n; i++) {
        struct writer w = wr_of(room, LIMIT_MESSAGE);
        struct record_line r;
        struct diag bad = {0};
        const char *line = c->resolver.local_data.v[i];
        st = record_parse(bytes_str(line), &w, &r, &bad); /* was checked */
        if (st == ST_OK)
            st = local_data_add(d, r.owner.w, r.type, r.ttl, r.rdata);
        if (st != ST_ESEMANTIC && st != ST_ELIMIT)
            continue;
        diag_set(&bad, SEV_ERROR, "local-data",
                 st == ST_ELIMIT ? NULL : "an alias (CNAME) has no other records beside it",
                 "resolver.local-data: this record does not go with those before it: %s", line);
        diag_emit(sink, &bad);
    }
    free(room);
    return st;
}

static enum status add_hosts(const struct config *c, struct local_data *d, struct diag_sink *sink)
{
    for (size_t i = 0; i < c->resolver.hosts_files.n; i++) {
        const char *path = c->resolver.hosts_files.v[i];
        struct diag bad = {.file = path};
        char *text = NULL;
        size_t n = 0;
        enum status st = file_read_whole(path, HOSTS_FILE_MAX, &text, &n, &bad);
        if (st != ST_OK) {
            if (bad.message[0] == '\0')
                diag_set(&bad, SEV_ERROR, "hosts-file", NULL, "hosts file: %s", status_text(st));
            bad.file = path;
            diag_emit(sink, &bad);
            return st;
        }
        st = local_data_hosts(d, path, bytes_of(text, n), sink);
        free(text);
        TRY(st);
    }
    return ST_OK;
}

static void complain(struct diag_sink *sink, enum severity sev, const char *option,
                     const uint8_t *name, const char *what)
{
    struct diag d = {0};
    char buf[NAME_TEXT_MAX];
    diag_set(&d, sev, "local-data", NULL, "%s: %s %s", option, name_str(name, buf), what);
    diag_emit(sink, &d);
}

static enum status load_local(const struct config *c, const struct hash_key *key,
                              struct diag_sink *sink, struct own *o)
{
    const struct config_names *except = &c->resolver.special_zones_except;
    o->local = local_data_new(key);
    if (o->local == NULL)
        return ST_ENOMEM;
    for (size_t i = 0; i < c->resolver.local_zones.n; i++) {
        const struct config_local_zone *z = &c->resolver.local_zones.v[i];
        enum local_kind kind = z->file != NULL ? LOCAL_TRANSPARENT : (enum local_kind)z->kind;
        enum status st = local_data_zone(o->local, z->zone, kind);
        if (st == ST_EEXIST)
            complain(sink, SEV_ERROR, "resolver.local-zones", z->zone, "stands here twice");
        TRY(st);
    }
    TRY(add_records(c, o->local, sink));
    TRY(add_hosts(c, o->local, sink));
    for (size_t i = 0; i < except->n; i++)
        if (!local_special_known(except->v[i]))
            complain(sink, SEV_WARNING, "resolver.special-zones-except", except->v[i],
                     "has no special meaning");
    if (c->resolver.special_zones)
        TRY(local_data_special(o->local, except->v, except->n));
    return ST_OK;
}

/* --- Zones --- */

static void as_warning(void *ctx, const struct diag *d)
{
    struct diag copy = *d;
    copy.severity = SEV_WARNING;
    diag_emit(ctx, &copy);
}

/* Why the copy of the root cannot be used; NULL: it can. */
static const char *root_wrong(const char *path, const struct zone *z, uint64_t *ret_until_s)
{
    struct rrset soa;
    struct stat st;
    switch (zonemd_verify(z)) {
    case ZONEMD_MISMATCH:
        return "the zone's digest (ZONEMD) does not fit: it is not whole, or was changed";
    case ZONEMD_SERIAL:
        return "the zone's digest (ZONEMD) is of another version of it";
    case ZONEMD_NONE:
    case ZONEMD_MATCH:
    case ZONEMD_UNSUPPORTED:
        break;
    }
    if (stat(path, &st) != 0 || !zone_rrset(z, zone_apex(z), RR_SOA, zone_origin(z), &soa))
        return "the file is gone";
    *ret_until_s = (uint64_t)st.st_mtim.tv_sec + get_be32(soa.rdata + soa.rdata_size - 8);
    return *ret_until_s > (uint64_t)time(NULL)
               ? NULL
               : "the file is older than the expire time of its SOA record";
}

/* NULL after a complaint. */
static struct zone *load_root(const struct config *c, struct diag_sink *sink, struct own *o)
{
    const char *path = c->resolver.root_zone, *wrong = NULL;
    struct zone_load_options opt = {.origin = name_root, .max_errors = LIMIT_CONFIG_ERRORS};
    struct diag_sink soft = {as_warning, sink, 0, 0};
    struct zone *z = NULL;
    struct diag d = {.file = path};
    if (zone_load(&file_source_os, path, &opt, &soft, &z) != ST_OK)
        wrong = "it cannot be read";
    else
        wrong = root_wrong(path, z, &o->root_until_s);
    if (wrong == NULL) {
        o->has_root = true;
        return z;
    }
    diag_set(&d, SEV_WARNING, "root-zone", "resolver.root-zone names this file",
             "the copy of the root zone is not used, the root servers are asked: %s", wrong);
    diag_emit(sink, &d);
    zone_drop(z);
    return NULL;
}

static enum status load_zones(const struct config *c, struct diag_sink *sink, struct own *o)
{
    size_t n = 0, all = c->resolver.local_zones.n + 1;
    struct zone **v = calloc(all, sizeof *v);
    enum status st = v != NULL ? ST_OK : ST_ENOMEM;
    for (size_t i = 0; st == ST_OK && i < c->resolver.local_zones.n; i++) {
        const struct config_local_zone *z = &c->resolver.local_zones.v[i];
        struct zone_load_options opt = {.origin = z->zone, .max_errors = LIMIT_CONFIG_ERRORS};
        if (z->file != NULL)
            st = zone_load(&file_source_os, z->file, &opt, sink, &v[n]);
        n += z->file != NULL && st == ST_OK;
    }
    if (st == ST_OK && c->resolver.root_zone != NULL)
        n += (v[n] = load_root(c, sink, o)) != NULL;
    if (st == ST_OK)
        st = zone_table_new(v, n, &o->zones);
    for (size_t i = 0; i < n; i++)
        zone_drop(v[i]);
    free(v);
    return st;
}

enum status own_load(const struct config *c, const struct hash_key *key, struct diag_sink *sink,
                     struct own **ret)
{
    struct own *o = calloc(1, sizeof *o);
    enum status st = o != NULL ? ST_OK : ST_ENOMEM;
    if (st == ST_OK)
        st = load_local(c, key, sink, o);
    if (st == ST_OK)
        st = load_zones(c, sink, o);
    if (st == ST_OK) {
        struct local_counts k = local_data_counts(o->local);
        log_event(LEVEL_DEBUG, "local-data",
                  "names=%zu records=%zu zones=%zu special=%zu files=%zu", k.names, k.records,
                  k.zones, k.special, zone_table_count(o->zones));
        *ret = o;
    } else {
        own_drop(o);
    }
    return st;
}
