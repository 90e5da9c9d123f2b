/* Inside the server: what its parts share. */
#ifndef BANYAN_IO_STATE_H
#define BANYAN_IO_STATE_H

#include "cache/cache.h"
#include "control/control.h"
#include "io/server.h"
#include "io/worker.h"

#include <pthread.h>

struct anchor_check;
struct anchor_keeper;
struct cache_file;
struct reload;
struct ctl;

struct server {
    const struct server_options *opt;
    struct loop loop;
    struct loop_watch signals;
    struct loop_timer collect; /* frees old snapshots */
    struct shared shared;
    struct worker **workers;
    unsigned worker_n;
    struct served *served;  /* the newest; the same as shared.current */
    struct config *started; /* what options that need a new start go by */
    struct hash_key cookie_key;
    struct random_pool random;
    struct env env;
    uint64_t started_wall_s;
    uint64_t reloads, reload_failures;
    unsigned trace_next; /* worker for the next trace: each in turn */
    bool stop;
    /* reload.c */
    struct reload *reload; /* in progress */
    bool reload_again;     /* asked for meanwhile */
    struct loop_timer hurry;
    pthread_t reaper; /* frees what was served before */
    bool reaping;     /* it is to be joined */
    struct signing *signing;
    struct loop_timer sign; /* looks whether zones have to be signed again */
    uint64_t sign_revision; /* of the key store, when all zones were looked at last */
    uint64_t sign_pass;     /* when the look under way began */
    size_t sign_at;         /* and how far it is */
    /* anchor_watch.c */
    struct anchor_keeper *anchors;     /* NULL: trust anchors stay as they are configured */
    struct anchor_check *anchor_check; /* under way */
    struct loop_timer anchor_timer;
    uint64_t anchor_swap_us;       /* not before this are anchors swapped in again */
    struct cache_file *cache_file; /* NULL: the cache is not kept */
    struct flush *flush;           /* flush.c: under way on a thread of its own */
    /* ctl.c */
    struct loop_watch control;
    struct loop_timer control_again; /* takes connections again */
    char control_path[128];
    struct list ctls;
    unsigned ctl_n;
    const char *pidfile;
};

/* reload.c: begins a reload; the outcome goes to `client` (NULL: nobody) as a reply. only: a zone,
 * or NULL. */
void reload_begin(struct server *s, const uint8_t *only, struct ctl *client);
/* Signs zones again when their signatures run out or their keys change; once, at the start. */
void signing_watch(struct server *s);
/* Waits for a reload under way, for the end of the server. */
void reload_finish(struct server *s);

/* Waits until what was served before is freed. */
void reload_reap(struct server *s);

/* Puts the keeper's trust anchors in force; reads no file. Nothing happens during a reload. */
void reload_anchors(struct server *s);

/* anchor_watch.c: begins to look after trust anchors; once, at the start. */
void anchors_watch(struct server *s);
/* Ends a check under way. */
void anchors_finish(struct server *s);

/* ctl.c: opens the control socket; false with *d filled. */
bool ctl_open(struct server *s, const struct config *conf, struct diag *d);
void ctl_close_all(struct server *s);
/* Answers the request that a client waits with; payload is copied. error NULL: success. */
void ctl_reply(struct ctl *c, const char *error, const char *hint, const struct text *payload);

/* flush.c: forgets what is asked for; replies now or later. */
void flush_begin(struct server *s, struct ctl *client, const struct control_request *rq);
/* Waits for a flush under way, for the end of the server. */
void flush_finish(struct server *s);

/* commands.c: carries a request out; replies now or later. */
void command_run(struct server *s, struct ctl *c, const struct control_request *rq);
/* The counters of all workers to the log. */
void command_log_stats(struct server *s);

/* listen.c: opens every address for every worker. ret: workers * n pairs, the caller frees it.
 * *ret_n may be smaller than the configured number where defaults cannot be had. False when
 * something was complained about. */
bool listen_all(const struct config *c, unsigned workers, struct netaddr **ret_addrs,
                int (**ret_fds)[2], size_t *ret_n);

#endif
