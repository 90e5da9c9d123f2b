/* Unit tests beside the code: TEST(name) registers itself, the runner prints TAP.
 *
 *     TEST(arena_keeps_its_cap) { CHECK(arena_alloc(&a, 99) == NULL); CHECK_EQ(a.total, 0); }
 *
 * A failed CHECK is reported and the test goes on; REQUIRE ends the test. */
#ifndef BANYAN_BASE_TEST_H
#define BANYAN_BASE_TEST_H

#include "base/bytes.h"

struct test_case {
    const char *name, *file;
    void (*run)(void);
    struct test_case *next;
};

void test_register(struct test_case *t);
/* Notes a failure of the running test. */
void test_fail(const char *file, int line, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Adds a failing or passing sub-case to the count: for vector files and scenarios, one TAP line
 * each. */
void test_point(bool ok, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Directory of the source tree, for vectors and data. */
const char *test_source_dir(void);
/* The whole file relative to the source tree, NUL-terminated; free() it. NULL if it cannot be read.
 */
char *test_file(const char *path, size_t *ret_n);

#define TEST(id)                                                                                   \
    static void test_##id(void);                                                                   \
    __attribute__((constructor)) static void test_reg_##id(void)                                   \
    {                                                                                              \
        static struct test_case t = {#id, __FILE__, test_##id, 0};                                 \
        test_register(&t);                                                                         \
    }                                                                                              \
    static void test_##id(void)

#define CHECK(cond)                                                                                \
    do {                                                                                           \
        if (!(cond))                                                                               \
            test_fail(__FILE__, __LINE__, "%s", #cond);                                            \
    } while (0)

#define REQUIRE(cond)                                                                              \
    do {                                                                                           \
        if (!(cond)) {                                                                             \
            test_fail(__FILE__, __LINE__, "%s", #cond);                                            \
            return;                                                                                \
        }                                                                                          \
    } while (0)

#define CHECK_EQ(a, b)                                                                             \
    do {                                                                                           \
        long long check_a_ = (long long)(a), check_b_ = (long long)(b);                            \
        if (check_a_ != check_b_)                                                                  \
            test_fail(__FILE__, __LINE__, "%s is %lld, expected %s = %lld", #a, check_a_, #b,      \
                      check_b_);                                                                   \
    } while (0)

#define CHECK_STR(a, b)                                                                            \
    do {                                                                                           \
        const char *check_a_ = (a), *check_b_ = (b);                                               \
        if (check_a_ == NULL || strcmp(check_a_, check_b_) != 0)                                   \
            test_fail(__FILE__, __LINE__, "%s is \"%s\", expected \"%s\"", #a,                     \
                      check_a_ ? check_a_ : "(null)", check_b_);                                   \
    } while (0)

#endif
