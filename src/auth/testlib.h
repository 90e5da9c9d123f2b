/* What the tests, the fuzz target and the bench of auth/ share: zones from text, and a server over
 * them that is asked in process. */
#ifndef BANYAN_AUTH_TESTLIB_H
#define BANYAN_AUTH_TESTLIB_H

#include "auth/state.h"
#include "dns/encode.h"
#include "dns/rdata.h"
#include "zone/builder.h"

#include <stdio.h>
#include <stdlib.h>

enum { LAB_ZONES = 16, LAB_WORDS = 64 };

struct lab {
    struct zone *zone[LAB_ZONES];
    size_t n;
    struct zone_builder *building;
    struct name origin;
    struct zone_table *table;
    struct auth *auth;
    struct auth_options opt;
    struct env env;
    struct prng random;
    uint8_t out[LIMIT_MESSAGE];
};

static inline void lab_random(void *ctx, void *buf, size_t n)
{
    struct lab *l = ctx;
    uint8_t *p = buf;
    for (size_t i = 0; i < n; i++)
        p[i] = (uint8_t)prng_next(&l->random);
}

static inline struct lab *lab_new(void)
{
    struct lab *l = calloc(1, sizeof *l);
    if (l == NULL)
        abort();
    auth_options_default(&l->opt);
    l->env = (struct env){l, lab_random};
    return l;
}

/* The next word of a line; n 0 at the end. */
static inline struct bytes lab_word(struct bytes *line)
{
    while (line->n > 0 && (*line->p == ' ' || *line->p == '\t')) {
        line->p++;
        line->n--;
    }
    struct bytes w = {line->p, 0};
    while (line->n > 0 && *line->p != ' ' && *line->p != '\t') {
        line->p++;
        line->n--;
        w.n++;
    }
    return w;
}

static inline bool lab_is(struct bytes w, const char *text)
{
    return bytes_equal(w, bytes_str(text));
}

static inline uint32_t lab_number(struct bytes w)
{
    uint32_t v = 0;
    for (size_t i = 0; i < w.n && w.p[i] >= '0' && w.p[i] <= '9'; i++)
        v = v * 10 + (w.p[i] - '0');
    return v;
}

/* "owner ttl type rdata": a record, its RDATA as stored. "#" as the RDATA's first word repeats the
 * record N times: "# 30 192.0.2.%" (the sign becomes 1 to N). False, with a word on stderr, if it
 * cannot be read. */
struct lab_record {
    struct name owner;
    uint16_t type;
    uint32_t ttl;
    uint8_t rdata[LIMIT_MESSAGE];
    size_t rdata_n;
};

static inline bool lab_record(struct bytes line, const uint8_t *origin, struct lab_record *ret)
{
    struct bytes all = line, owner = lab_word(&line), ttl = lab_word(&line), type = lab_word(&line);
    struct writer w = wr_of(ret->rdata, sizeof ret->rdata);
    struct diag d;
    while (line.n > 0 && *line.p == ' ') {
        line.p++;
        line.n--;
    }
    ret->ttl = lab_number(ttl);
    if (name_parse(owner, origin, &ret->owner) != ST_OK || !rr_type_parse(type, &ret->type) ||
        rdata_parse_line(ret->type, line, origin, &w, &d) != ST_OK) {
        fprintf(stderr, "cannot read: %.*s\n", (int)all.n, (const char *)all.p);
        return false;
    }
    ret->rdata_n = wr_len(&w);
    return true;
}

static inline void lab_zone(struct lab *l, const char *origin)
{
    if (name_from(origin, &l->origin) != ST_OK || l->n == LAB_ZONES)
        abort();
    l->building = zone_builder_new(l->origin.w);
}

static inline bool lab_add_one(struct lab *l, struct bytes line)
{
    static struct lab_record rr;
    return lab_record(line, l->origin.w, &rr) &&
           zone_builder_add(l->building, rr.owner.w, rr.type, rr.ttl,
                            bytes_of(rr.rdata, rr.rdata_n)) == ST_OK;
}

/* A line of the zone begun. "repeat N line" adds it N times, "%" in it being 1 to N. */
static inline bool lab_add(struct lab *l, struct bytes line)
{
    struct bytes rest = line;
    if (!lab_is(lab_word(&rest), "repeat"))
        return lab_add_one(l, line);
    uint32_t times = lab_number(lab_word(&rest));
    for (uint32_t i = 1; i <= times; i++) {
        char buf[2000];
        struct text t = text_of(buf, sizeof buf);
        for (size_t k = 0; k < rest.n; k++) {
            if (rest.p[k] == '%')
                text_uint(&t, i);
            else
                text_char(&t, (char)rest.p[k]);
        }
        if (!lab_add_one(l, bytes_of(t.p, t.n)))
            return false;
    }
    return true;
}

static inline bool lab_zone_end(struct lab *l)
{
    struct diag d = {0};
    bool ok = zone_builder_finish(l->building, &l->zone[l->n], &d) == ST_OK;
    zone_builder_free(l->building);
    l->building = NULL;
    l->n += ok;
    if (!ok)
        fprintf(stderr, "zone: %s\n", d.message);
    return ok;
}

static inline bool lab_start(struct lab *l)
{
    if (zone_table_new(l->zone, l->n, &l->table) != ST_OK)
        return false;
    l->auth = auth_new(l->table, &l->opt, &l->env);
    return l->auth != NULL;
}

/* A zone from lines of text; the server is started with lab_start. */
static inline bool lab_text(struct lab *l, const char *origin, const char *text)
{
    lab_zone(l, origin);
    while (*text != '\0') {
        size_t n = strcspn(text, "\n");
        if (n > 0 && !lab_add(l, bytes_of(text, n)))
            return false;
        text += n + (text[n] == '\n');
    }
    return lab_zone_end(l);
}

static inline void lab_free(struct lab *l)
{
    auth_free(l->auth);
    if (l->table != NULL)
        zone_table_free(l->table);
    for (size_t i = 0; i < l->n; i++)
        zone_drop(l->zone[i]);
    free(l);
}

/* Feeds one packet; *ret is the answer, n 0 if there was none. The client is 192.0.2.1. */
static inline enum outcome lab_feed(struct lab *l, struct bytes wire, enum transport t, size_t cap,
                                    struct bytes *ret)
{
    struct request rq = {.transport = t, .wire = wire, .out = l->out, .out_cap = cap};
    rq.client = netaddr_v4((const uint8_t[4]){192, 0, 2, 1}, 5353);
    rq.local = netaddr_v4((const uint8_t[4]){192, 0, 2, 53}, 53);
    rq.now = (struct now){.mono_us = 1000000, .wall_s = 1559731985};
    struct service s = auth_service(l->auth);
    size_t n = 0;
    l->auth->large = true; /* so that ahead() looks at every packet of every test */
    s.ahead(s.ctx, &wire, 1);
    enum outcome o = s.handle(s.ctx, &rq, &n);
    *ret = bytes_of(l->out, o == OUTCOME_ANSWER ? n : 0);
    return o;
}

#endif
