#include "app/from_root.h"

#include "io/anchors.h"
#include "io/files.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { HINTS_BYTES = 1 << 20 };

static int complain(const struct from_root_wish *w, const struct diag *d)
{
    struct text t = text_heap(4096);
    diag_text(d, isatty(2), &t);
    fprintf(stderr, "banyan %s: %s", w->command, text_cstr(&t));
    text_free(&t);
    return 2;
}

static int hints_get(const struct from_root_wish *w, const char *path, struct root_hint *ret,
                     size_t *ret_n)
{
    struct diag d = {0};
    if (path == NULL) {
        *ret_n = root_hints_builtin(ret, ROOT_HINTS_MAX);
        return 0;
    }
    char *text = NULL;
    size_t n = 0;
    enum status st = file_read_whole(path, HINTS_BYTES, &text, &n, &d);
    if (st == ST_OK) {
        d.file = path;
        st = root_hints_read(bytes_of(text, n), ret, ROOT_HINTS_MAX, ret_n, &d);
    }
    free(text);
    return st == ST_OK ? 0 : complain(w, &d);
}

int from_root_anchors(const struct from_root_wish *w, const struct lab_state *lab,
                      struct anchors **ret)
{
    char own[LAB_PATH];
    struct diag d = {0};
    const char *path = w->anchor;
    *ret = NULL;
    if (path == NULL && lab != NULL) {
        lab_path(own, lab->dir, "anchor.ds");
        path = access(own, R_OK) == 0 ? own : NULL;
    }
    if (w->no_validate || (path == NULL && (lab != NULL || w->hints != NULL)))
        return 0;
    enum status st = anchors_load(&path, path != NULL, ret, &d);
    if (st == ST_OK && path == NULL)
        st = anchors_add_builtin(*ret);
    int bad = st != ST_OK || d.message[0] != '\0' ? complain(w, &d) : 0;
    return st == ST_OK ? 0 : bad;
}

int from_root_open(const struct from_root_wish *w, struct from_root *ret)
{
    const char *path = w->hints;
    struct resolver_options *o = &ret->options;
    ret->anchors = NULL;
    resolver_options_default(o);
    if (w->lab) {
        if (!lab_find(&ret->lab)) {
            fprintf(stderr,
                    "banyan %s: no lab is running\n    hint: start it with: banyan lab up\n",
                    w->command);
            return 2;
        }
        path = path != NULL ? path : ret->lab.hints;
        o->upstream_port = ret->lab.upstream_port;
        o->query_loopback = true;
        o->ipv6 = ret->lab.in_namespace;
    }
    o->query_loopback |= w->hints != NULL;
    int rc = hints_get(w, path, ret->hint, &o->hint_count);
    if (rc == 0)
        rc = from_root_anchors(w, w->lab ? &ret->lab : NULL, &ret->anchors);
    o->hints = ret->hint;
    o->anchors = ret->anchors;
    o->prime = false;
    return rc;
}

void from_root_close(struct from_root *f)
{
    anchors_free(f->anchors);
    f->anchors = NULL;
}
