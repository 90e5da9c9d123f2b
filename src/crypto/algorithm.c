/* The table of algorithms. */
#include "crypto/key_impl.h"

#include <string.h>

enum { DIGEST_NONE = -1 };

static const struct algorithm algorithms[] = {
#define ALGORITHM(number, name, kind, digest, bytes, signs, rfc)                                   \
    {number, #name, KIND_##kind, DIGEST_##digest, bytes, signs},
#include "crypto/algorithms.def"
#undef ALGORITHM
};

const struct algorithm *algorithm_find(uint8_t number)
{
    for (size_t i = 0; i < ARRAY_LEN(algorithms); i++)
        if (algorithms[i].number == number)
            return &algorithms[i];
    return NULL;
}

size_t algorithm_bytes(const struct algorithm *a)
{
    switch (a->number) {
    case SEC_ECDSAP256SHA256:
    case SEC_ED25519:
        return 32;
    case SEC_ECDSAP384SHA384:
        return 48;
    case SEC_ED448:
        return 57;
    default:
        return 0;
    }
}

bool sec_algorithm_known(uint8_t algorithm)
{
    return algorithm_find(algorithm) != NULL;
}

bool sec_algorithm_signs(uint8_t algorithm)
{
    const struct algorithm *a = algorithm_find(algorithm);
    return a != NULL && a->signs;
}

const char *sec_algorithm_name(uint8_t algorithm)
{
    const struct algorithm *a = algorithm_find(algorithm);
    if (algorithm == SEC_RSASHA1_NSEC3_SHA1)
        return "RSASHA1-NSEC3-SHA1";
    return a != NULL ? a->name : NULL;
}

static char plain(char c)
{
    if (c == '_')
        return '-';
    return (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
}

bool sec_algorithm_parse(struct bytes text, uint8_t *ret)
{
    for (size_t i = 0; i < ARRAY_LEN(algorithms); i++) {
        const char *name = algorithms[i].name;
        size_t k = 0;
        while (k < text.n && name[k] != '\0' && plain((char)text.p[k]) == plain(name[k]))
            k++;
        if (k == text.n && name[k] == '\0') {
            *ret = algorithms[i].number;
            return true;
        }
    }
    unsigned v = 0;
    if (text.n == 0 || text.n > 3)
        return false;
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] < '0' || text.p[i] > '9')
            return false;
        v = v * 10 + (unsigned)(text.p[i] - '0');
    }
    *ret = (uint8_t)v;
    return v < 256 && sec_algorithm_known((uint8_t)v);
}

uint8_t sec_algorithm_next(uint8_t algorithm)
{
    for (size_t i = 0; i < ARRAY_LEN(algorithms); i++)
        if (algorithms[i].number > algorithm)
            return algorithms[i].number;
    return 0;
}
