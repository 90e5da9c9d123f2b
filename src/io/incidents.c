/* `banyan ctl failures`, `slow` and `servers`: each worker adds its rows on its own thread, one
 * after the other; then they are sorted and told. Failures are shared and not copied. */
#include "io/incidents.h"

#include <stdlib.h>

struct gathering {
    struct loop_job job; /* from worker to worker, then back */
    struct server *server;
    struct ctl *client;
    struct control_request rq;
    struct incident_filter want;
    struct incident_list list;
    struct server_list servers;
    unsigned at; /* the worker at work */
    bool short_of_memory;
};

static void put_incidents(const struct gathering *g, struct text *out)
{
    struct json j = json_of(out, true);
    bool slow = g->rq.command == CONTROL_SLOW;
    if (g->rq.json) {
        incidents_json(&g->list, &j);
        text_char(out, '\n');
    } else if (slow) {
        slow_table(&g->list, out);
    } else if (g->rq.has_name && !g->rq.below) {
        failures_paragraphs(&g->list, out);
    } else {
        failures_table(&g->list, out);
    }
}

static void gathered(struct loop_job *job)
{
    struct gathering *g = CONTAINER_OF(job, struct gathering, job);
    struct text t = text_heap(LIMIT_CONTROL_REPLY);
    struct json j = json_of(&t, true);
    incidents_sort(&g->list, &g->want, g->rq.command == CONTROL_SLOW);
    if (g->rq.command != CONTROL_SERVERS) {
        put_incidents(g, &t);
    } else {
        servers_sort(&g->servers, g->rq.last);
        if (g->rq.json)
            servers_json(&g->servers, &j);
        else
            servers_table(&g->servers, &t);
        if (g->rq.json)
            text_char(&t, '\n');
    }
    ctl_reply(g->client, g->short_of_memory ? "out of memory" : NULL, NULL, &t);
    text_free(&t);
    incidents_free(&g->list);
    servers_list_free(&g->servers);
    free(g);
}

static void gather(struct loop_job *job)
{
    struct gathering *g = CONTAINER_OF(job, struct gathering, job);
    struct worker *w = g->server->workers[g->at];
    struct now now = w->loop.now;
    bool good = true;
    if (g->rq.command == CONTROL_FAILURES)
        good = resolver_failures(w->resolver, &g->want, &g->list);
    else if (g->rq.command == CONTROL_SLOW)
        good = resolver_slow(w->resolver, &g->want, now, &g->list);
    else
        good = resolver_servers(w->resolver, g->rq.has_name ? g->rq.name.w : NULL, &g->rq.address,
                                now, &g->servers);
    g->short_of_memory |= !good;
    if (++g->at < g->server->worker_n) {
        loop_post(&g->server->workers[g->at]->loop, &g->job);
        return;
    }
    g->job.run = gathered;
    loop_post(&g->server->loop, &g->job);
}

void incidents_show(struct server *s, struct ctl *client, const struct control_request *rq)
{
    if (s->shared.cache == NULL) {
        ctl_reply(client, "this server does not resolve names", "set resolver.enabled", NULL);
        return;
    }
    struct gathering *g = calloc(1, sizeof *g);
    if (g == NULL) {
        ctl_reply(client, "out of memory", NULL, NULL);
        return;
    }
    g->server = s;
    g->client = client;
    g->rq = *rq;
    g->want = (struct incident_filter){.name = rq->has_name ? g->rq.name.w : NULL,
                                       .below = rq->below,
                                       .type = rq->type,
                                       .reason = g->rq.reason,
                                       .last = rq->last,
                                       .over_ms = rq->over_ms,
                                       .hour = rq->hour};
    g->job.run = gather;
    loop_post(&s->workers[0]->loop, &g->job);
}
