/* What a resolution inside this process starts from: root hints and trust anchors, of the Internet,
 * of the running lab, or out of files. For `banyan trace`, `explain` and `query +validate`. */
#ifndef BANYAN_APP_FROM_ROOT_H
#define BANYAN_APP_FROM_ROOT_H

#include "app/lab.h"
#include "resolver/hints.h"
#include "resolver/resolver.h"

struct from_root_wish {
    const char *command; /* "trace": for complaints */
    bool lab;            /* the running lab's root */
    const char *hints;   /* a file with root hints; NULL: the lab's, or those compiled in */
    const char *anchor;  /* a file with trust anchors; NULL: the lab's, or the root's keys that are
                          * compiled in; none for other roots */
    bool no_validate;    /* no anchors at all */
};

struct from_root {
    struct lab_state lab; /* if it was wished for */
    struct root_hint hint[ROOT_HINTS_MAX];
    struct resolver_options options; /* borrows from this object */
    struct anchors *anchors;         /* NULL: none */
};

/* Fills *ret, which is to be closed and not to be moved. 0, or an exit status: then standard error
 * has been told why. */
int from_root_open(const struct from_root_wish *w, struct from_root *ret);
void from_root_close(struct from_root *f);
/* The anchors alone: lab NULL: none runs or none is meant. 0, or an exit status. */
int from_root_anchors(const struct from_root_wish *w, const struct lab_state *lab,
                      struct anchors **ret);

#endif
