/* Compiler attributes and the few macros every folder may use. */
#ifndef BANYAN_BASE_ATTR_H
#define BANYAN_BASE_ATTR_H

#include <stddef.h>

#define MUST_USE                      __attribute__((warn_unused_result))
#define NONNULL(...)                  __attribute__((nonnull(__VA_ARGS__)))
#define PRINTF_LIKE(f, a)             __attribute__((format(printf, f, a)))
#define COLD                          __attribute__((cold, noinline))
#define FLATTEN                       __attribute__((flatten))
#define ALIGNED(n)                    __attribute__((aligned(n)))
#define LIKELY(x)                     __builtin_expect(!!(x), 1)
#define UNLIKELY(x)                   __builtin_expect(!!(x), 0)
#define ARRAY_LEN(a)                  (sizeof(a) / sizeof((a)[0]))
#define CONTAINER_OF(p, type, member) ((type *)(void *)((char *)(p)-offsetof(type, member)))
#define MIN(a, b)                     ((a) < (b) ? (a) : (b))
#define MAX(a, b)                     ((a) > (b) ? (a) : (b))

/* Assertions check our own mistakes, never a value that came from the network; they stay on in
 * release builds. */
#define ASSERT(cond)                                                                               \
    do {                                                                                           \
        if (UNLIKELY(!(cond)))                                                                     \
            assert_failed(#cond, __FILE__, __LINE__);                                              \
    } while (0)

COLD _Noreturn void assert_failed(const char *cond, const char *file, int line);

#endif
