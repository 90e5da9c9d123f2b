/* `banyan ctl flush`. What looks through the whole cache does so on a thread of its own: with many
 * gigabytes it takes seconds, and the main thread has others to serve. One at a time: the others
 * wait for their turn, no more than there are clients of the control socket. */
#include "io/cache_file.h"
#include "io/log.h"
#include "io/state.h"

#include <signal.h>
#include <stdlib.h>

struct flush {
    struct loop_job job; /* back to the main thread */
    struct flush *next;  /* waits for this one */
    struct server *server;
    struct ctl *client;
    struct snapshot_flush what;
    bool all;
    bool started;
    bool noted; /* in the cache's file */
    uint64_t gone;
    pthread_t thread;
};

static void note(struct flush *f)
{
    struct cache_file *file = f->server->cache_file;
    f->noted &= file == NULL || cache_file_flush(file, &f->what);
}

static void carry_out(struct flush *f)
{
    struct cache *c = f->server->shared.cache;
    f->noted = true;
    note(f); /* first: the cache may just be being filled from the file */
    if (f->all)
        cache_flush_all(c);
    else if (f->what.below)
        f->gone = cache_flush_below(c, f->what.name.w);
    else
        f->gone = cache_flush_name(c, f->what.name.w, f->what.type);
    note(f); /* a save may have begun meanwhile, and has seen what was there */
}

/* Frees f. */
static void tell(struct flush *f)
{
    char name[NAME_TEXT_MAX];
    struct text t = text_heap(LIMIT_CONTROL_REPLY);
    name_str(f->what.name.w, name);
    if (f->all) {
        text_str(&t, "everything forgotten\n");
        log_event(LEVEL_INFO, "flush", "what=all");
    } else {
        text_fmt(&t, "%llu entr%s forgotten\n", (unsigned long long)f->gone,
                 f->gone == 1 ? "y" : "ies");
        log_event(LEVEL_INFO, "flush", "name=%s below=%s", name, f->what.below ? "yes" : "no");
    }
    if (f->noted)
        ctl_reply(f->client, NULL, NULL, &t);
    else
        ctl_reply(f->client, "forgotten, but not in the cache's file",
                  "it may come back if the server ends before it saves the cache", NULL);
    text_free(&t);
    free(f);
}

static void *flush_main(void *arg)
{
    struct flush *f = arg;
    carry_out(f);
    loop_post(&f->server->loop, &f->job);
    return NULL;
}

static bool thread_start(struct flush *f)
{
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int rc = pthread_create(&f->thread, NULL, flush_main, f);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return rc == 0;
}

/* Begins with the first in the queue; without a thread it is done here and now. Telling a client
 * may bring its next request, and that may come here. */
static void queue_run(struct server *s)
{
    while (s->flush != NULL && !s->flush->started) {
        struct flush *f = s->flush;
        f->started = thread_start(f);
        if (f->started)
            return;
        s->flush = f->next;
        carry_out(f);
        tell(f);
    }
}

static void done(struct loop_job *job)
{
    struct flush *f = CONTAINER_OF(job, struct flush, job);
    struct server *s = f->server;
    pthread_join(f->thread, NULL);
    s->flush = f->next;
    queue_run(s);
    tell(f);
}

void flush_begin(struct server *s, struct ctl *client, const struct control_request *rq)
{
    bool below = rq->below && !rq->all;
    if (s->shared.cache == NULL) {
        ctl_reply(client, "this server has no cache", "it does not resolve names", NULL);
        return;
    }
    struct flush *f = calloc(1, sizeof *f);
    if (f == NULL) {
        ctl_reply(client, "out of memory", NULL, NULL);
        return;
    }
    f->server = s;
    f->client = client;
    f->all = rq->all;
    f->what.below = rq->all || rq->below;
    if (!rq->all)
        f->what.name = rq->name;
    f->what.type = f->what.below ? 0 : rq->type;
    f->job.run = done;
    if (!below) {
        carry_out(f);
        tell(f);
        return;
    }
    struct flush **end = &s->flush;
    while (*end != NULL)
        end = &(*end)->next;
    *end = f;
    queue_run(s);
}

void flush_finish(struct server *s)
{
    while (s->flush != NULL)
        loop_turn(&s->loop, s->loop.now.mono_us + 100000);
}
