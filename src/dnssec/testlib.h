/* What the tests of dnssec/ share: records from text, zones from text. */
#ifndef BANYAN_DNSSEC_TESTLIB_H
#define BANYAN_DNSSEC_TESTLIB_H

#include "base/test.h"
#include "dns/rdata.h"
#include "dns/rrset.h"
#include "zone/builder.h"
#include "zone/load.h"

#include <stdio.h>
#include <stdlib.h>

/* An RRset with its own memory, made of presentation text. */
struct test_set {
    struct name owner;
    uint8_t rdata[4096];
    struct rrset set;
};

static inline void test_set_begin(struct test_set *t, const char *owner, uint16_t type,
                                  uint32_t ttl)
{
    if (name_from(owner, &t->owner) != ST_OK)
        abort();
    t->set = (struct rrset){t->owner.w, type, CLASS_IN, ttl, 0, 0, t->rdata};
}

/* Adds a record; text is its RDATA. */
static inline void test_set_add(struct test_set *t, const char *text)
{
    struct writer w = wr_of(t->rdata, sizeof t->rdata);
    w.p += t->set.rdata_size;
    uint8_t *at = wr_room(&w, 2);
    struct diag d = {0};
    if (rdata_parse_line(t->set.type, bytes_str(text), name_root, &w, &d) != ST_OK) {
        fprintf(stderr, "# %s: %s\n", text, d.message);
        abort();
    }
    put_be16(at, (uint16_t)(w.p - at - 2));
    t->set.rdata_size = (uint32_t)wr_len(&w);
    t->set.count++;
}

static inline void test_set_make(struct test_set *t, const char *owner, uint16_t type, uint32_t ttl,
                                 const char *text)
{
    test_set_begin(t, owner, type, ttl);
    test_set_add(t, text);
}

static inline struct bytes test_set_first(const struct test_set *t)
{
    const uint8_t *p = t->set.rdata;
    return rdata_next(&p);
}

#endif
