/* The files behind a configuration: a check that looks at the configuration alone calls good what
 * the server then refuses to start with. */
#include "app/config_files.h"

#include "base/when.h"
#include "dnssec/anchor.h"
#include "io/files.h"
#include "io/own.h"
#include "resolver/hints.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

enum { FILE_MAX = 1 << 20 };

/* Gives a complaint a hint, if it has none: who names the file. */
static void emit(struct diag_sink *sink, struct diag *d, const char *option, const char *file)
{
    if (d->hint[0] == '\0')
        snprintf(d->hint, sizeof d->hint, "%s in %s names this file", option, file);
    diag_emit(sink, d);
}

/* The whole of a file that must hold something; NULL after a complaint. */
static char *read_filled(const char *path, size_t *ret_n, const char *option, const char *file,
                         struct diag_sink *sink)
{
    struct diag d = {.file = path};
    char *text = NULL;
    enum status st = file_read_whole(path, FILE_MAX, &text, ret_n, &d);
    if (st != ST_OK && d.message[0] == '\0')
        diag_set(&d, SEV_ERROR, "unreadable", NULL, "%s", status_text(st));
    if (st == ST_OK && strspn(text, " \t\r\n") == *ret_n) {
        diag_set(&d, SEV_ERROR, "empty-file", NULL, "the file is empty");
        st = ST_ESYNTAX;
    }
    if (st == ST_OK)
        return text;
    d.file = path;
    emit(sink, &d, option, file);
    free(text);
    return NULL;
}

/* --- The resolver's --- */

static void check_hints(const struct config *c, const char *file, struct diag_sink *sink)
{
    static const char option[] = "resolver.root-hints";
    struct root_hint hint[ROOT_HINTS_MAX];
    const char *path = c->resolver.root_hints;
    struct diag d = {.file = path};
    size_t n = 0, found = 0;
    char *text = path != NULL ? read_filled(path, &n, option, file, sink) : NULL;
    if (text == NULL)
        return;
    enum status st = root_hints_read(bytes_of(text, n), hint, ROOT_HINTS_MAX, &found, &d);
    if (st == ST_OK && found == 0)
        st = ST_ENOTFOUND;
    if (st != ST_OK && d.message[0] == '\0')
        diag_set(&d, SEV_ERROR, "root-hints", NULL,
                 "there is no root server with an address in it");
    if (st != ST_OK)
        emit(sink, &d, option, file);
    free(text);
}

static void check_anchors(const struct config *c, const char *file, struct diag_sink *sink)
{
    static const char option[] = "resolver.trust-anchors";
    for (size_t i = 0; i < c->resolver.trust_anchors.n; i++) {
        const char *path = c->resolver.trust_anchors.v[i].file;
        struct diag d = {.file = path};
        size_t n = 0;
        char *text = read_filled(path, &n, option, file, sink);
        struct anchors *a = anchors_new();
        if (text != NULL && a != NULL) {
            enum status st = anchors_add_file(a, path, bytes_of(text, n), (uint64_t)time(NULL), &d);
            if (d.message[0] == '\0' && (st != ST_OK || anchors_at(a, 0) == NULL))
                diag_set(&d, SEV_ERROR, "trust-anchors", NULL, "%s",
                         st != ST_OK ? status_text(st) : "there is no trust anchor in it");
            if (d.message[0] != '\0')
                emit(sink, &d, option, file);
        }
        anchors_free(a);
        free(text);
    }
}

static void check_own(const struct config *c, struct diag_sink *sink)
{
    static const struct hash_key key = {1, 1};
    struct own *o = NULL;
    uint32_t before = sink->errors;
    struct diag d = {0};
    enum status st = own_load(c, &key, sink, &o);
    if (st != ST_OK && sink->errors == before) {
        diag_set(&d, SEV_ERROR, "local-data", NULL, "local data: %s", status_text(st));
        diag_emit(sink, &d);
    }
    own_drop(o);
}

static void check_negative(const struct config *c, const char *file, struct diag_sink *sink)
{
    uint64_t now = (uint64_t)time(NULL), until;
    for (size_t i = 0; i < c->resolver.negative_trust_anchors.n; i++) {
        const struct config_negative *v = &c->resolver.negative_trust_anchors.v[i];
        struct diag d = {.file = file};
        char name[NAME_TEXT_MAX], ago[48];
        struct text t = text_of(ago, sizeof ago);
        if (v->until == NULL || !when_parse(bytes_str(v->until), &until) || until > now)
            continue;
        when_length(now - until, &t);
        diag_set(
            &d, SEV_WARNING, "negative-anchor-over",
            "take it out, or give it a later `until` if the zone is still broken",
            "the negative trust anchor for %s ended %s ago, on %s: the zone is validated again",
            name_str(v->name, name), ago, v->until);
        diag_emit(sink, &d);
    }
}

/* --- Zones --- */

/* Passes complaints on, with a hint where it is the file itself that is missing. */
struct zone_sink {
    struct diag_sink *to;
    const char *option, *file;
};

static void zone_says(void *ctx, const struct diag *d)
{
    struct zone_sink *z = ctx;
    struct diag copy = *d;
    if (d->line == 0)
        emit(z->to, &copy, z->option, z->file);
    else
        diag_emit(z->to, &copy);
}

static void check_zone(const uint8_t *name, const char *path, const char *option, const char *file,
                       struct diag_sink *to)
{
    struct zone_sink zs = {to, option, file};
    struct diag_sink sink = {zone_says, &zs, 0, 0};
    struct zone_load_options opt = {.origin = name};
    struct zone *z = NULL;
    enum status st = zone_load(&file_source_os, path, &opt, &sink, &z);
    if (st != ST_OK && sink.errors == 0) {
        struct diag d = {.file = path};
        diag_set(&d, SEV_ERROR, "zone", NULL, "the zone cannot be loaded: %s", status_text(st));
        emit(to, &d, option, file);
    }
    zone_drop(z);
}

static bool listed(const struct config *c, const uint8_t *name)
{
    for (size_t i = 0; i < c->zones.n; i++)
        if (name_equal(c->zones.v[i].name, name))
            return true;
    return false;
}

static void check_folder(const struct config *c, const char *file, struct diag_sink *sink)
{
    DIR *dir = opendir(c->zones_dir);
    if (dir == NULL) {
        struct diag d = {.file = file};
        diag_set(&d, SEV_ERROR, "zones-dir", "zones-dir is a folder with files NAME.zone",
                 "zones-dir: cannot read %s: %s", c->zones_dir, strerror(errno));
        diag_emit(sink, &d);
        return;
    }
    for (struct dirent *de; (de = readdir(dir)) != NULL;) {
        size_t n = strlen(de->d_name);
        char path[4096];
        struct text t = text_of(path, sizeof path);
        struct name name;
        if (n < 5 || strcmp(de->d_name + n - 5, ".zone") != 0 || de->d_name[0] == '.')
            continue;
        bool root = strcmp(de->d_name, "root.zone") == 0;
        if (name_parse(bytes_of(root ? "." : de->d_name, root ? 1 : n - 5), name_root, &name) !=
            ST_OK)
            continue;
        text_fmt(&t, "%s/%s", c->zones_dir, de->d_name);
        if (!t.cut && !listed(c, name.w))
            check_zone(name.w, path, "zones-dir", file, sink);
    }
    closedir(dir);
}

/* What the server keeps: it makes the folder, but a file in its place is a mistake. */
static void check_state(const char *path, const char *option, const char *file,
                        struct diag_sink *sink)
{
    struct stat st;
    struct diag d = {.file = file};
    if (path == NULL || stat(path, &st) != 0 || S_ISDIR(st.st_mode))
        return;
    diag_set(&d, SEV_ERROR, "no-folder", "give the path of a folder", "%s: %s is not a folder",
             option, path);
    diag_emit(sink, &d);
}

void config_files_check(const struct config *c, const char *file, struct diag_sink *sink)
{
    for (size_t i = 0; i < c->zones.n; i++)
        check_zone(c->zones.v[i].name, c->zones.v[i].file, "zones", file, sink);
    if (c->zones_dir != NULL)
        check_folder(c, file, sink);
    check_state(c->dnssec.state_dir, "dnssec.state-dir", file, sink);
    if (!c->resolver.enabled)
        return;
    check_hints(c, file, sink);
    check_own(c, sink);
    if (!c->resolver.validate)
        return;
    check_anchors(c, file, sink);
    check_negative(c, file, sink);
    check_state(c->resolver.trust_anchor_state, "resolver.trust-anchor-state", file, sink);
}
