/* Which address to ask next: the one expected to answer soonest, with a little chance for the
 * others; and if no address is known, first the search for one. */
#include "resolver/machine.h"

#include <stdio.h>

enum {
    TRIES_MAX = 2, /* of one address for one zone */
    /* RFC 9156 section 2.3: MAX_MINIMISE_COUNT and MINIMISE_ONE_LAB. */
    MINIMISE_MAX = 10,
    MINIMISE_ONE = 4,
};

/* The best address with fewer than `tries` tries, or -1. */
static int best_address(struct resolver *r, const struct lookup *l, unsigned tries,
                        struct server_info *ret, struct now now)
{
    int best = -1;
    uint64_t best_cost = UINT64_MAX;
    for (unsigned i = 0; i < l->cut.addresses; i++) {
        const struct cut_address *a = &l->cut.address[i];
        if (a->bad || a->tries >= tries)
            continue;
        struct server_info info = servers_get(r->servers, &a->addr, r->opt->timeout_ms, now);
        /* An eighth of chance for the known; a wide spread for the unknown, so that all get asked.
         */
        uint64_t spread = info.known ? info.srtt_us / 8 : info.srtt_us;
        uint64_t cost = info.srtt_us + env_random_below(r->env, (uint32_t)spread + 1);
        if (cost < best_cost) {
            best = (int)i;
            best_cost = cost;
            *ret = info;
        }
    }
    return best;
}

/* Would waiting for `l` make `target` wait for itself? */
static bool waits_for(const struct lookup *l, const struct lookup *target, unsigned depth)
{
    if (l == target || depth > 2 * LIMIT_QUERY_DEPTH)
        return true;
    for (unsigned i = 0; i < ARRAY_LEN(l->wait); i++)
        if (l->wait[i].child != NULL && waits_for(l->wait[i].child, target, depth + 1))
            return true;
    return false;
}

/* In a lookup that shares nothing the chain upwards is all there is to look at. */
static bool ancestor_asks(const struct lookup *l, const uint8_t *name, uint16_t type)
{
    for (unsigned i = 0; l != NULL && i <= LIMIT_QUERY_DEPTH; i++) {
        if (l->type == type && (name_equal(l->name.w, name) || name_equal(l->at, name)))
            return true;
        const struct lookup *up = NULL;
        if (!list_empty(&l->waiters)) {
            const struct waiter *w = CONTAINER_OF(l->waiters.next, struct waiter, link);
            up = w->kind == WAIT_LOOKUP ? w->parent : NULL;
        }
        l = up;
    }
    return false;
}

/* Starts (or joins) the search for one kind of address of a server name. */
static bool child_start(struct resolver *r, struct lookup *l, const uint8_t *server, uint16_t type,
                        struct waiter *w, struct now now)
{
    struct trace_detail d = {.name = server, .zone = l->cut.zone.w, .server = server, .type = type};
    bool joined;
    if (ancestor_asks(l, server, type)) {
        note(l, now, WHY_SERVER_LOOP, &d);
        return false;
    }
    if (l->depth + 1 > LIMIT_QUERY_DEPTH || !budget_take(&l->job->budget, BUDGET_SUBQUERIES, 1)) {
        d.text = l->depth + 1 > LIMIT_QUERY_DEPTH ? "too many levels of sub-queries"
                                                  : budget_words(BUDGET_SUBQUERIES);
        note(l, now, WHY_BUDGET_SPENT, &d);
        return false;
    }
    struct lookup *c = lookup_get(r, l->job, server, type, l->depth + 1u, &joined);
    if (c == NULL)
        return false;
    if (joined && waits_for(c, l, 0)) {
        note(l, now, WHY_SERVER_LOOP, &d);
        return false;
    }
    *w = (struct waiter){.kind = WAIT_LOOKUP, .parent = l, .child = c};
    list_append(&c->waiters, &w->link);
    return true;
}

/* Looks for addresses of the next server without any; true if something is being waited for. */
static bool children_start(struct resolver *r, struct lookup *l, struct now now)
{
    struct cut *c = &l->cut;
    for (unsigned k = 0; k < c->servers; k++) {
        if (c->server[k].state != SERVER_NEW)
            continue;
        c->server[k].state = SERVER_ASKED;
        bool any = false;
        note(l, now, WHY_SERVER_ADDRESS_NEEDED,
             &(struct trace_detail){.server = c->server[k].name.w, .zone = c->zone.w});
        if (r->opt->ipv4 && l->wait[0].child == NULL)
            any |= child_start(r, l, c->server[k].name.w, RR_A, &l->wait[0], now);
        if (r->opt->ipv6 && l->wait[1].child == NULL)
            any |= child_start(r, l, c->server[k].name.w, RR_AAAA, &l->wait[1], now);
        if (any)
            return true;
    }
    return l->wait[0].child != NULL || l->wait[1].child != NULL;
}

/* What is asked: only as much of the name as this zone needs to know (RFC 9156 section 2.3). */
static void question_set(struct resolver *r, struct lookup *l)
{
    unsigned labels = name_labels(l->at);
    if (!r->opt->minimise || l->minimised >= MINIMISE_MAX || labels <= l->cut.labels)
        l->full = true;
    if (l->shown <= l->cut.labels)
        l->shown = (uint8_t)(l->cut.labels + 1);
    if (l->full || l->shown >= labels) {
        l->full = true;
        l->shown = (uint8_t)labels;
        name_copy(l->asked.w, l->at);
        l->asked_type = l->type;
        return;
    }
    name_copy(l->asked.w, name_skip(l->at, labels - l->shown));
    l->asked_type = RR_A; /* RFC 9156 section 2.1: the type least likely to be treated badly */
}

void minimise_next(struct lookup *l)
{
    unsigned left = name_labels(l->at) - l->shown, step = 1;
    l->minimised++;
    if (l->minimised >= MINIMISE_ONE)
        step = (left + MINIMISE_MAX - l->minimised) / (unsigned)MAX(MINIMISE_MAX - l->minimised, 1);
    l->shown = (uint8_t)(l->shown + MAX(step, 1u));
}

static void chosen_note(struct lookup *l, unsigned i, const struct server_info *info,
                        struct now now)
{
    char words[100];
    const struct cut_address *a = &l->cut.address[i];
    if (!l->job->trace.armed)
        return;
    if (!info->known)
        snprintf(words, sizeof words, "not asked before");
    else if (info->timeouts > 0)
        snprintf(words, sizeof words, "silent %u times, but the best left", info->timeouts);
    else
        snprintf(words, sizeof words, "fastest, about %u.%u ms", info->srtt_us / 1000,
                 info->srtt_us / 100 % 10);
    note(l, now, WHY_SERVER_CHOSEN,
         &(struct trace_detail){
             .address = a->addr,
             .server = a->server < l->cut.servers ? l->cut.server[a->server].name.w : NULL,
             .zone = l->cut.zone.w,
             .text = words});
}

void choose(struct resolver *r, struct lookup *l, struct now now)
{
    struct server_info info;
    if (now.mono_us >= l->job->budget.deadline_us) {
        note(l, now, WHY_DEADLINE, &(struct trace_detail){.value = LIMIT_QUERY_MS});
        lookup_end(r, l, WHY_DEADLINE, RCODE_SERVFAIL, now);
        return;
    }
    int best = best_address(r, l, 1, &info, now);
    if (best < 0 && children_start(r, l, now)) {
        l->phase = PHASE_CHILD;
        return;
    }
    if (best < 0)
        best = best_address(r, l, TRIES_MAX, &info, now);
    if (best < 0) {
        enum reason why = l->cut.addresses > 0 ? WHY_SERVERS_FAILED : WHY_SERVERS_UNKNOWN;
        note(l, now, why, &(struct trace_detail){.zone = l->cut.zone.w});
        lookup_end(r, l, WHY_FAILED, RCODE_SERVFAIL, now);
        return;
    }
    question_set(r, l);
    if (!l->full && l->minimised == 0 && l->cut.labels == 0 && l->job->trace.armed)
        note(l, now, WHY_MINIMISED,
             &(struct trace_detail){.name = l->asked.w, .type = l->asked_type});
    chosen_note(l, (unsigned)best, &info, now);
    l->cut.address[best].tries++;
    exchange_send(r, l, (unsigned)best, TRANSPORT_UDP, now);
}
