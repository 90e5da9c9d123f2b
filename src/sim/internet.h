/* A whole Internet of ours: the servers of a topology as hosts, each over its zones, with what was
 * broken on purpose. The simulator and the lab's server process run the same one.
 *
 * Two forms. FORM_REAL uses the addresses of the topology. FORM_LOOPBACK gives every server its
 * 127.x address: every A record that holds a server's address is served with the loopback one,
 * every AAAA record that holds one is left out, and nothing else changes, so that zone files stay
 * ordinary master files. */
#ifndef BANYAN_SIM_INTERNET_H
#define BANYAN_SIM_INTERNET_H

#include "dnssec/anchor.h"
#include "sim/host.h"
#include "sim/recipe.h"
#include "sim/topology.h"
#include "zone/load.h"

enum internet_form { FORM_REAL, FORM_LOOPBACK };
enum { INTERNET_BREAKAGES = 64, INTERNET_ZONES = 1024 };

/* Something broken on purpose: a fault (faults.def) or a recipe, and whom it hits: a server of the
 * topology, or else the zone that the name lies in. */
struct breakage {
    char word[RECIPE_WORD];
    struct name target;
};

struct internet_plan {
    const struct topology *topology;
    const struct file_source *files;
    const char *dir; /* holds zones/NAME.zone and faults/WORD.fault */
    enum internet_form form;
    const struct breakage *broken;
    unsigned broken_count;
    const struct env *env;
    uint64_t now_s; /* seconds since 1970: zones are signed for this moment; 0: nothing is signed */
    bool repeatable; /* sign so that every run gives the same bytes (sim/signing.h) */
};

struct internet {
    struct host *host;
    unsigned host_count;
    struct zone **zone; /* as served: rewritten and edited */
    unsigned zone_count;
};

/* Loads every zone and makes every host. All errors go to sink; then nothing is made. ST_ESEMANTIC,
 * ST_ENOMEM. */
enum status internet_open(struct internet *in, const struct internet_plan *plan,
                          struct diag_sink *sink) MUST_USE;
void internet_close(struct internet *in);
/* The host with this address, whatever the port; NULL if nobody has it. */
struct host *internet_host(const struct internet *in, const struct netaddr *addr);
struct zone *internet_zone(const struct internet *in, const uint8_t *origin);
/* The root's keys with the SEP flag as trust anchors; NULL if it is not signed. The caller frees
 * them. */
struct anchors *internet_anchors(const struct internet *in);
/* The same of any zone, added to anchors. ST_ENOTFOUND if it is not signed; those of
 * anchors_add_ds(). */
enum status internet_anchors_add(const struct internet *in, const uint8_t *zone,
                                 struct anchors *a) MUST_USE;
/* The deepest zone of the topology that name lies in; false if there is none (no root). */
bool topology_zone_of(const struct topology *t, const uint8_t *name, struct name *ret);
/* Checks that a breakage can be put in: knows its word and its target. *d says what is wrong. */
enum status breakage_check(const struct internet_plan *plan, const struct breakage *b,
                           struct diag *d) MUST_USE;
/* "lame example.org" per line. ST_ESYNTAX with *d filled. */
enum status breakages_parse(struct bytes text, struct breakage *ret, unsigned max, unsigned *ret_n,
                            struct diag *d) MUST_USE;
/* Reads a recipe of plan->dir; ST_ENOTFOUND if there is none of that name. */
enum status recipe_load(const struct file_source *files, const char *dir, const char *word,
                        struct recipe *ret, struct diag *d) MUST_USE;
/* The whole of a file, at most max bytes, NUL-terminated; free() it. NULL with *d filled. */
char *file_read(const struct file_source *files, const char *path, size_t max, size_t *ret_n,
                struct diag *d);

#endif
