#include "query/query.h"

#include "base/test.h"
#include "query/cookie.h"

#include <stdlib.h>

static struct query *query_new(void)
{
    struct query *q = malloc(sizeof *q);
    static struct request rq;
    static const struct query_options opt;
    if (q != NULL)
        query_begin(q, &rq, &opt, NULL, NULL);
    return q;
}

static unsigned calls[8];
static enum stage_result first_says;

static enum stage_result run0(struct query *q)
{
    (void)q;
    calls[0]++;
    return first_says;
}

static enum stage_result run1(struct query *q)
{
    (void)q;
    calls[1]++;
    return STAGE_NEXT;
}

static enum stage_result run2(struct query *q)
{
    calls[2]++;
    q->size = 12;
    return STAGE_NEXT;
}

static const struct stage good[] = {
    {"parse", run0, PART_REQUEST, PART_QUESTION, true},
    {"find", run1, PART_QUESTION, PART_ZONE, false},
    {"encode", run2, PART_QUESTION, PART_WIRE, true},
};

TEST(role_check_accepts_an_ordered_table)
{
    struct role r = {"test", good, 3, PART_REQUEST};
    CHECK(role_check(&r) == NULL);
}

TEST(role_check_finds_a_need_not_given)
{
    const struct stage swapped[] = {good[1], good[0], good[2]};
    struct role r = {"test", swapped, 3, PART_REQUEST};
    CHECK_STR(role_check(&r), "find");
    const struct stage none[] = {good[0], good[1]};
    struct role no_wire = {"no wire", none, 2, PART_REQUEST};
    CHECK_STR(role_check(&no_wire), "no wire");
    /* encode runs after a DONE: it may not need what only `find` gives */
    const struct stage unsure[] = {good[0], good[1], {"encode", run2, PART_ZONE, PART_WIRE, true}};
    struct role u = {"test", unsure, 3, PART_REQUEST};
    CHECK_STR(role_check(&u), "encode");
    const struct stage twice[] = {good[0], good[1], good[1], good[2]};
    struct role t = {"test", twice, 4, PART_REQUEST};
    CHECK_STR(role_check(&t), "find");
}

TEST(query_run_skips_to_the_stages_that_always_run)
{
    struct role r = {"test", good, 3, PART_REQUEST};
    struct query *q = query_new();
    size_t n;
    REQUIRE(q != NULL);
    memset(calls, 0, sizeof calls);
    first_says = STAGE_NEXT;
    CHECK_EQ(query_run(q, &r, &n), OUTCOME_ANSWER);
    CHECK_EQ(n, 12);
    CHECK(calls[0] == 1 && calls[1] == 1 && calls[2] == 1);
    q->at = 0;
    first_says = STAGE_DONE;
    CHECK_EQ(query_run(q, &r, &n), OUTCOME_ANSWER);
    CHECK(calls[0] == 2 && calls[1] == 1 && calls[2] == 2);
    q->at = 0;
    q->size = 0;
    first_says = STAGE_DROP;
    CHECK_EQ(query_run(q, &r, &n), OUTCOME_DROP);
    CHECK(calls[0] == 3 && calls[1] == 1 && calls[2] == 2);
    q->at = 0;
    first_says = STAGE_WAIT;
    CHECK_EQ(query_run(q, &r, &n), OUTCOME_LATER);
    CHECK_EQ(q->at, 1);
    CHECK_EQ(query_run(q, &r, &n), OUTCOME_ANSWER);
    CHECK(calls[0] == 4 && calls[1] == 2 && calls[2] == 3);
    free(q);
}

TEST(answer_is_bounded)
{
    struct query *q = query_new();
    REQUIRE(q != NULL);
    struct rrset set = {.owner = name_root, .type = RR_A};
    for (int i = 0; i < ANSWER_ITEMS; i++)
        answer_put(&q->answer, SECTION_ANSWER, ANSWER_DATA, false, &set);
    answer_put(&q->answer, SECTION_ADDITIONAL, ANSWER_ADDITIONAL, true, &set);
    CHECK(!q->answer.overflow);
    answer_put(&q->answer, SECTION_ADDITIONAL, ANSWER_GLUE, false, &set);
    CHECK(q->answer.overflow);
    CHECK_EQ(q->answer.n, ANSWER_ITEMS);
    free(q);
}

TEST(answer_synthesises_a_bounded_number_of_aliases)
{
    struct query *q = query_new();
    REQUIRE(q != NULL);
    struct name target;
    REQUIRE(name_from("target.example.", &target) == ST_OK);
    for (int i = 0; i < ANSWER_SYNTHESES; i++) {
        const uint8_t *t = answer_synthesise(&q->answer, name_root, target.w, 5);
        REQUIRE(t != NULL);
        CHECK(name_equal(t, target.w));
    }
    CHECK(answer_synthesise(&q->answer, name_root, target.w, 5) == NULL);
    const struct rrset *set = &q->answer.item[0].set;
    CHECK(set->type == RR_CNAME && set->count == 1 && set->ttl == 5);
    CHECK_EQ(set->rdata_size, 2 + name_len(target.w));
    CHECK(answer_has(&q->answer, name_root, RR_CNAME));
    CHECK(!answer_has(&q->answer, name_root, RR_A));
    free(q);
}
