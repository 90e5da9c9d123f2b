/* The parameters of SVCB and HTTPS (RFC 9460 section 2.2 and chapter 7) on the wire, in print and
 * in JSON. Reading their text is in kind_svcb_parse.c. */
#include "dns/kind_svcb.h"
#include "base/codec.h"
#include "base/netaddr.h"

/* IANA "Service Parameter Keys (SvcParamKeys)". */
const struct svc_row svc_rows[SVC_ROWS] = {
    {"mandatory", SVF_KEYS},              /* RFC 9460 section 8 */
    {"alpn", SVF_STRS},                   /* RFC 9460 section 7.1 */
    {"no-default-alpn", SVF_NONE},        /* RFC 9460 section 7.1 */
    {"port", SVF_U16},                    /* RFC 9460 section 7.2 */
    {"ipv4hint", SVF_IPV4},               /* RFC 9460 section 7.3 */
    {"ech", SVF_BASE64},                  /* RFC 9848 */
    {"ipv6hint", SVF_IPV6},               /* RFC 9460 section 7.3 */
    {"dohpath", SVF_TEMPLATE},            /* RFC 9461 section 5 */
    {"ohttp", SVF_NONE},                  /* RFC 9540 section 4 */
    {"tls-supported-groups", SVF_GROUPS}, /* draft-ietf-tls-key-share-prediction */
    {"docpath", SVF_PATH},                /* draft-ietf-core-dns-over-coap */
};

static bool list_ascends(struct bytes v)
{
    for (size_t i = 2; i + 1 < v.n; i += 2)
        if (get_be16(v.p + i) <= get_be16(v.p + i - 2))
            return false;
    return true;
}

static bool list_has_doubles(struct bytes v)
{
    for (size_t i = 0; i + 1 < v.n && i < 256; i += 2) /* past 128 groups nobody looks */
        for (size_t k = 0; k < i; k += 2)
            if (get_be16(v.p + i) == get_be16(v.p + k))
                return true;
    return false;
}

/* Short strings fill the value exactly; empty ones are malformed (ALPN, RFC 7301) or odd (paths).
 */
static enum status strs_value_check(struct bytes v, bool path, bool *odd)
{
    for (size_t i = 0; i < v.n; i += 1u + v.p[i]) {
        if (v.n - i < 1u + v.p[i])
            return ST_ESHORT;
        if (v.p[i] == 0 && !path)
            return ST_EFORMAT;
        *odd |= v.p[i] == 0;
    }
    return v.n > 0 || path ? ST_OK : ST_ESHORT;
}

/* A relative URI template with the variable "dns" (RFC 9461 section 5). */
static bool template_sound(struct bytes v)
{
    bool inside = false;
    if (v.n == 0 || v.p[0] != '/')
        return false;
    for (size_t i = 0; i < v.n; i++) {
        inside = v.p[i] == '{' || (inside && v.p[i] != '}');
        bool start = inside && i > 0 && memchr("{?&,", v.p[i - 1], 4) != NULL;
        if (start && v.n - i > 3 && memcmp(v.p + i, "dns", 3) == 0 &&
            (v.p[i + 3] == '}' || v.p[i + 3] == ','))
            return true;
    }
    return false;
}

enum status svc_value_check(unsigned key, struct bytes v, bool *odd)
{
    switch (svc_form(key)) {
    case SVF_BYTES:
        *odd |= key == SVC_INVALID;
        return ST_OK;
    case SVF_KEYS: /* ascending, without itself */
        if (v.n == 0 || v.n % 2 != 0)
            return ST_ESHORT;
        *odd |= get_be16(v.p + v.n - 2) == SVC_INVALID;
        return list_ascends(v) && get_be16(v.p) != SVC_MANDATORY ? ST_OK : ST_EFORMAT;
    case SVF_STRS:
        return strs_value_check(v, false, odd);
    case SVF_PATH:
        return strs_value_check(v, true, odd);
    case SVF_NONE:
        return v.n == 0 ? ST_OK : ST_ETRAIL;
    case SVF_U16:
        return v.n == 2 ? ST_OK : v.n < 2 ? ST_ESHORT : ST_ETRAIL;
    case SVF_IPV4:
        return v.n > 0 && v.n % 4 == 0 ? ST_OK : ST_ESHORT;
    case SVF_IPV6:
        return v.n > 0 && v.n % 16 == 0 ? ST_OK : ST_ESHORT;
    case SVF_BASE64:
        return v.n > 0 ? ST_OK : ST_ESHORT;
    case SVF_TEMPLATE:
        *odd |= !template_sound(v);
        return ST_OK;
    case SVF_GROUPS:
        if (v.n == 0 || v.n % 2 != 0)
            return ST_ESHORT;
        *odd |= list_has_doubles(v);
        return ST_OK;
    }
    return ST_EFORMAT;
}

/* Every key that "mandatory" names is there; both lists ascend, so one walk is enough. */
static bool mandatory_present(struct bytes params, struct bytes keys)
{
    size_t k = 0;
    for (size_t i = 0; i + 4 <= params.n && k < keys.n; i += 4u + get_be16(params.p + i + 2))
        k += get_be16(params.p + i) == get_be16(keys.p + k) ? 2 : 0;
    return k >= keys.n;
}

enum status svc_params_check(struct bytes params, bool alias, bool *odd)
{
    int last = -1;
    bool alpn = false, no_default = false;
    struct bytes mandatory = {NULL, 0};
    for (size_t i = 0; i < params.n;) {
        if (params.n - i < 4)
            return ST_ESHORT;
        unsigned key = get_be16(params.p + i);
        struct bytes v = {params.p + i + 4, get_be16(params.p + i + 2)};
        if (params.n - i - 4 < v.n)
            return ST_ESHORT;
        if ((int)key <= last)
            return ST_EFORMAT; /* RFC 9460 section 2.2: strictly ascending */
        TRY(svc_value_check(key, v, odd));
        last = (int)key;
        alpn |= key == SVC_ALPN;
        no_default |= key == SVC_NO_DEFAULT_ALPN;
        if (key == SVC_MANDATORY)
            mandatory = v;
        i += 4 + v.n;
    }
    /* RFC 9460 sections 8 and 7.1.1: such records contradict themselves, which clients must handle;
     * they are kept on the wire and refused in text. In AliasMode parameters mean nothing
     * (section 2.4.2). */
    if (!alias)
        *odd |= (no_default && !alpn) || !mandatory_present(params, mandatory);
    return ST_OK;
}

static enum status svc_check(const struct field *f, struct rdview *v)
{
    (void)f;
    struct bytes params = {v->p, view_left(v)};
    v->p = v->end;
    return svc_params_check(params, get_be16(v->start) == 0, &v->odd);
}

static void key_print(unsigned key, struct text *out)
{
    if (key < SVC_ROWS)
        text_str(out, svc_rows[key].name);
    else
        text_fmt(out, "key%u", key);
}

/* An item of a list inside a string: "," and "\" are escaped once for the list (RFC 9460 appendix
 * A.1) and the escapes once more for the string. */
static void item_print(struct bytes s, struct text *out)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == ',')
            text_str(out, "\\\\,");
        else if (s.p[i] == '\\')
            text_str(out, "\\\\\\\\");
        else
            escaped_text(bytes_of(s.p + i, 1), out);
    }
}

static void list_print(enum svc_form form, struct bytes v, struct text *out)
{
    size_t step;
    for (size_t i = 0; i < v.n; i += step) {
        step = form == SVF_IPV4 ? 4 : form == SVF_IPV6 ? 16 : 2;
        if (i > 0)
            text_char(out, ',');
        if (form == SVF_STRS || form == SVF_PATH) {
            step = 1u + v.p[i];
            item_print(bytes_of(v.p + i + 1, v.p[i]), out);
        } else if (form == SVF_KEYS) {
            key_print(get_be16(v.p + i), out);
        } else if (form == SVF_IPV4 || form == SVF_IPV6) {
            struct netaddr a = form == SVF_IPV4 ? netaddr_v4(v.p + i, 0) : netaddr_v6(v.p + i, 0);
            netaddr_text(&a, out);
        } else {
            text_uint(out, get_be16(v.p + i));
        }
    }
}

static void value_print(enum svc_form form, struct bytes v, struct text *out)
{
    bool quotes = form == SVF_STRS || form == SVF_PATH;
    if (form == SVF_NONE || v.n == 0)
        return;
    text_char(out, '=');
    if (form == SVF_BYTES || form == SVF_TEMPLATE) {
        quoted_text(v, out);
    } else if (form == SVF_BASE64) {
        base64_text(v, out);
    } else {
        if (quotes)
            text_char(out, '"');
        list_print(form, v, out);
        if (quotes)
            text_char(out, '"');
    }
}

static void svc_print(const struct field *f, struct rdview *v, struct text *out)
{
    (void)f;
    for (bool any = false; v->p < v->end; any = true) {
        unsigned key = get_be16(v->p), n = get_be16(v->p + 2);
        if (any)
            text_char(out, ' ');
        key_print(key, out);
        value_print(svc_form(key), bytes_of(v->p + 4, n), out);
        v->p += 4 + n;
    }
}

static void list_json(enum svc_form form, struct bytes v, struct json *out)
{
    char buf[NETADDR_TEXT_MAX];
    size_t step;
    json_array(out);
    for (size_t i = 0; i < v.n; i += step) {
        struct text t = text_of(buf, sizeof buf);
        step = form == SVF_IPV4 ? 4 : form == SVF_IPV6 ? 16 : 2;
        if (form == SVF_STRS || form == SVF_PATH) {
            step = 1u + v.p[i];
            json_bytes(out, bytes_of(v.p + i + 1, v.p[i]));
        } else if (form == SVF_GROUPS) {
            json_uint(out, get_be16(v.p + i));
        } else {
            list_print(form, bytes_of(v.p + i, step), &t);
            json_str(out, buf);
        }
    }
    json_array_end(out);
}

static void value_json(enum svc_form form, struct bytes v, struct json *out)
{
    if (form == SVF_NONE) {
        json_bool(out, true);
    } else if (form == SVF_U16) {
        json_uint(out, get_be16(v.p));
    } else if (form == SVF_BASE64) {
        struct text t = text_heap(2 * 65536);
        base64_text(v, &t);
        json_str(out, text_cstr(&t));
        text_free(&t);
    } else if (form == SVF_BYTES || form == SVF_TEMPLATE) {
        json_bytes(out, v);
    } else {
        list_json(form, v, out);
    }
}

static void svc_json(const struct field *f, struct rdview *v, struct json *out)
{
    (void)f;
    json_object(out);
    while (v->p < v->end) {
        char buf[32];
        struct text t = text_of(buf, sizeof buf);
        unsigned key = get_be16(v->p), n = get_be16(v->p + 2);
        key_print(key, &t);
        json_key(out, buf);
        value_json(svc_form(key), bytes_of(v->p + 4, n), out);
        v->p += 4 + n;
    }
    json_object_end(out);
}

const struct kind kind_svc_params = {.check = svc_check,
                                     .parse = svc_params_parse,
                                     .usage = "[KEY[=VALUE] ...]",
                                     .print = svc_print,
                                     .json = svc_json,
                                     .flags = KF_REST};
