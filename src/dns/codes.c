#include "dns/codes.h"

#include <stdio.h>
#include <strings.h>

struct code {
    unsigned number;
    const char *name;
};

static const struct code opcodes[] = {
#define OPCODE(number, name) {number, name},
#include "dns/codes.def"
#undef OPCODE
};

static const struct code rcodes[] = {
#define RCODE(number, name) {number, name},
#include "dns/codes.def"
#undef RCODE
};

static const struct code options[] = {
#define EDNS_OPTION(number, name) {number, name},
#include "dns/codes.def"
#undef EDNS_OPTION
};

static const struct code edes[] = {
#define EDE(number, name) {number, name},
#include "dns/codes.def"
#undef EDE
};

static const char *find(const struct code *c, size_t n, unsigned number)
{
    for (size_t i = 0; i < n; i++)
        if (c[i].number == number)
            return c[i].name;
    return NULL;
}

static const char *name_or_number(const struct code *c, size_t n, unsigned number,
                                  const char *prefix, char buf[24])
{
    const char *s = find(c, n, number);
    if (s != NULL)
        return s;
    snprintf(buf, 24, "%s%u", prefix, number);
    return buf;
}

const char *opcode_str(unsigned opcode, char buf[24])
{
    return name_or_number(opcodes, ARRAY_LEN(opcodes), opcode, "OPCODE", buf);
}

const char *rcode_str(unsigned rcode, char buf[24])
{
    return name_or_number(rcodes, ARRAY_LEN(rcodes), rcode, "RCODE", buf);
}

const char *edns_code_str(unsigned code, char buf[24])
{
    return name_or_number(options, ARRAY_LEN(options), code, "OPT", buf);
}

const char *ede_str(unsigned info_code)
{
    const char *s = find(edes, ARRAY_LEN(edes), info_code);
    return s != NULL ? s : "Unknown";
}

/* A name of the table in either case, or `prefix` and a number, or a bare number. */
static bool parse(const struct code *c, size_t n, const char *prefix, unsigned max,
                  struct bytes text, uint16_t *ret)
{
    for (size_t i = 0; i < n; i++)
        if (strlen(c[i].name) == text.n &&
            strncasecmp(c[i].name, (const char *)text.p, text.n) == 0) {
            *ret = (uint16_t)c[i].number;
            return true;
        }
    size_t skip = strlen(prefix);
    if (text.n <= skip || strncasecmp(prefix, (const char *)text.p, skip) != 0)
        skip = 0;
    unsigned v = 0;
    for (size_t i = skip; i < text.n; i++) {
        if (text.p[i] < '0' || text.p[i] > '9' || i - skip > 4)
            return false;
        v = v * 10 + (unsigned)(text.p[i] - '0');
    }
    *ret = (uint16_t)v;
    return text.n > skip && v <= max;
}

bool rcode_parse(struct bytes text, uint16_t *ret)
{
    return parse(rcodes, ARRAY_LEN(rcodes), "RCODE", 4095, text, ret);
}

bool opcode_parse(struct bytes text, uint16_t *ret)
{
    return parse(opcodes, ARRAY_LEN(opcodes), "OPCODE", 15, text, ret);
}
