/* The +words of `banyan query`. */
#include "app/query.h"
#include "base/codec.h"
#include "base/diag.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Words with a value: `value` NULL if there is none, `no` for +noWORD. */
struct value {
    struct query *q;
    const char *word, *text;
    bool no;
};

static bool wrong(const struct value *v, const char *wanted)
{
    fprintf(stderr, "banyan query: +%s%s%s: %s\n", v->word, v->text ? "=" : "",
            v->text ? v->text : "", wanted);
    return false;
}

static bool number(const struct value *v, unsigned long max, unsigned long *ret)
{
    char *end;
    const char *t = v->text;
    if (t == NULL || *t < '0' || *t > '9' || (*ret = strtoul(t, &end, 0)) > max || *end != '\0') {
        char wanted[64];
        snprintf(wanted, sizeof wanted, "a number from 0 to %lu is wanted", max);
        return wrong(v, wanted);
    }
    return true;
}

static bool value_all(const struct value *v)
{
    struct query *q = v->q;
    q->question = false;
    q->answer = q->authority = q->additional = q->comments = q->stats = q->cmd = !v->no;
    return true;
}

static bool value_edns(const struct value *v)
{
    unsigned long n = 0;
    v->q->edns = !v->no;
    if (v->text != NULL && !number(v, 255, &n))
        return false;
    v->q->edns_version = (uint8_t)n;
    return true;
}

static bool value_bufsize(const struct value *v)
{
    unsigned long n = 1232;
    if (!v->no && !number(v, 65535, &n))
        return false;
    v->q->bufsize = (uint16_t)n;
    v->q->edns = true;
    return true;
}

static bool value_ednsflags(const struct value *v)
{
    unsigned long n = 0;
    if (!v->no && !number(v, 65535, &n))
        return false;
    v->q->edns_flags = (uint16_t)n;
    v->q->edns = true;
    return true;
}

static bool put_option(const struct value *v, uint16_t code, struct bytes data)
{
    struct query *q = v->q;
    struct writer w = wr_of(q->option + q->option_n, sizeof q->option - q->option_n);
    edns_put(&w, code, data);
    if (!wr_ok(&w))
        return wrong(v, "too many options");
    q->option_n = (uint16_t)(q->option_n + wr_len(&w));
    q->edns = true;
    return true;
}

static bool option_code(const char *word, size_t n, uint16_t *ret)
{
    char buf[24], *end;
    if (n == 0)
        return false;
    for (unsigned c = 0; c < 65536; c++) {
        const char *name = edns_code_str(c, buf);
        if (strlen(name) == n && strncasecmp(name, word, n) == 0) {
            *ret = (uint16_t)c;
            return true;
        }
    }
    unsigned long code = strtoul(word, &end, 10);
    *ret = (uint16_t)code;
    return end == word + n && *word >= '0' && *word <= '9' && code <= 65535;
}

static bool value_ednsopt(const struct value *v)
{
    uint8_t data[1024];
    struct writer w = wr_of(data, sizeof data);
    uint16_t code;
    if (v->no) {
        v->q->option_n = 0;
        return true;
    }
    const char *colon = v->text ? strchr(v->text, ':') : NULL;
    size_t n = colon ? (size_t)(colon - v->text) : v->text ? strlen(v->text) : 0;
    if (!option_code(v->text, n, &code))
        return wrong(v, "an option's number or name is wanted, as in +ednsopt=10:0011223344556677");
    if (colon != NULL && hex_parse(bytes_str(colon + 1), &w) != ST_OK)
        return wrong(v, "hexadecimal digits are wanted behind the colon");
    return put_option(v, code, wr_done(&w));
}

static bool value_subnet(const struct value *v)
{
    struct edns_ecs ecs;
    uint8_t data[64];
    struct writer w = wr_of(data, sizeof data);
    if (v->no)
        return true;
    if (v->text != NULL && strcmp(v->text, "0") == 0)
        ecs = (struct edns_ecs){.family = 1}; /* "keep my address to yourself": RFC 7871 7.1.2 */
    else if (v->text == NULL || edns_ecs_parse(bytes_str(v->text), &ecs) != ST_OK)
        return wrong(v, "a prefix is wanted, as in +subnet=192.0.2.0/24 or +subnet=0");
    edns_put_ecs(&w, &ecs);
    return put_option(v, EDNS_ECS, bytes_of(data + 4, wr_len(&w) - 4));
}

static bool value_cookie(const struct value *v)
{
    uint8_t data[40];
    struct writer w = wr_of(data, sizeof data);
    v->q->cookie = !v->no && v->text == NULL;
    if (v->no || v->text == NULL)
        return true;
    if (hex_parse(bytes_str(v->text), &w) != ST_OK || wr_len(&w) < 8)
        return wrong(v, "8, or 16 to 40 bytes in hexadecimal are wanted");
    return put_option(v, EDNS_COOKIE, wr_done(&w));
}

static bool value_padding(const struct value *v)
{
    unsigned long n = 0;
    if (!v->no && !number(v, 512, &n))
        return false;
    v->q->pad_block = (uint16_t)n;
    v->q->edns = true;
    return true;
}

static bool value_opcode(const struct value *v)
{
    if (v->no) {
        v->q->opcode = OPCODE_QUERY;
        return true;
    }
    if (v->text == NULL || !opcode_parse(bytes_str(v->text), &v->q->opcode))
        return wrong(v, "QUERY, STATUS, NOTIFY, UPDATE, DSO or a number below 16 is wanted");
    return true;
}

static bool value_time(const struct value *v)
{
    char *end;
    double s = v->text ? strtod(v->text, &end) : 0;
    if (v->no) {
        v->q->timeout_ms = 5000;
        return true;
    }
    if (v->text == NULL || *end != '\0' || !(s > 0 && s <= 3600))
        return wrong(v, "seconds are wanted, as in +time=2");
    v->q->timeout_ms = (uint32_t)(s * 1000 < 1 ? 1 : s * 1000);
    return true;
}

static bool value_tries(const struct value *v)
{
    unsigned long n = 3;
    if (!v->no && !number(v, 100, &n))
        return false;
    v->q->tries = (uint32_t)MAX(n, 1ul);
    return true;
}

static bool value_retry(const struct value *v)
{
    unsigned long n = 2;
    if (!v->no && !number(v, 99, &n))
        return false;
    v->q->tries = (uint32_t)n + 1;
    return true;
}

static bool value_anchor(const struct value *v)
{
    v->q->anchor[0] = 0;
    if (v->no)
        return true;
    if (v->text == NULL || *v->text == 0 || strlen(v->text) >= sizeof v->q->anchor)
        return wrong(v, "a file is wanted, as in +anchor=root.key");
    snprintf(v->q->anchor, sizeof v->q->anchor, "%s", v->text);
    v->q->validate = true;
    return true;
}

static bool value_trace(const struct value *v)
{
    if (v->no)
        return true;
    return wrong(v, "`banyan trace NAME TYPE` shows every step from the root");
}

static const struct plus {
    const char *word;
    size_t flag; /* offset in struct query; 0: a value */
    bool (*value)(const struct value *v);
    const char *arg, *help;
} words[] = {
#define FLAG(word, field, help)     {word, offsetof(struct query, field), NULL, NULL, help},
#define VALUE(word, how, arg, help) {word, 0, value_##how, arg, help},
#include "app/query_flags.def"
#undef FLAG
#undef VALUE
};

static const struct plus *find(const char *word, size_t n)
{
    const struct plus *begins = NULL;
    for (size_t i = 0; i < ARRAY_LEN(words) && n > 0; i++) {
        if (strncasecmp(words[i].word, word, n) != 0)
            continue;
        if (words[i].word[n] == '\0')
            return &words[i];
        if (begins == NULL)
            begins = &words[i];
    }
    return begins;
}

static bool unknown(const char *word)
{
    const char *names[ARRAY_LEN(words)];
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        names[i] = words[i].word;
    bool no = strncasecmp(word, "no", 2) == 0;
    const char *near = nearest_word(no ? word + 2 : word, names, ARRAY_LEN(names));
    fprintf(stderr, "banyan query: there is no option +%s\n    hint: %s%s%s\n", word,
            near ? "did you mean +" : "see banyan query --help", near && no ? "no" : "",
            near ? near : "");
    return false;
}

bool query_plus(struct query *q, const char *word)
{
    const char *eq = strchr(word, '=');
    size_t n = eq ? (size_t)(eq - word) : strlen(word);
    bool no = false;
    const struct plus *p = find(word, n);
    if (p == NULL && n > 2 && strncasecmp(word, "no", 2) == 0) {
        no = true;
        p = find(word + 2, n - 2);
    }
    if (p == NULL)
        return unknown(word);
    struct value v = {q, p->word, eq ? eq + 1 : NULL, no};
    if (p->value != NULL)
        return p->value(&v);
    if (eq != NULL)
        return wrong(&v, "it takes no value");
    bool *flag = (bool *)((char *)q + p->flag);
    *flag = !no;
    if (!no && (flag == &q->dnssec || flag == &q->nsid || flag == &q->expire))
        q->edns = true;
    return true;
}

void query_plus_help(struct text *out)
{
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (words[i].help == NULL)
            continue;
        size_t from = out->n;
        text_fmt(out, "  +%s%s%s", words[i].value ? "" : "[no]", words[i].word,
                 words[i].arg ? words[i].arg : "");
        text_pad(out, from, 28);
        text_fmt(out, "%s\n", words[i].help);
    }
}

void query_defaults(struct query *q)
{
    *q = (struct query){
        .type = 1,
        .rclass = CLASS_IN,
        .rd = true,
        .ad = true,
        .answer = true,
        .authority = true,
        .additional = true,
        .comments = true,
        .stats = true,
        .show_ttl = true,
        .show_class = true,
        .edns = true,
        .bufsize = LIMIT_EDNS_UDP,
        .timeout_ms = 5000,
        .tries = 3,
    };
}
