/* The table itself: rr_types.def with the macros that turn its fields into rows. */
#include "dns/rr_table.h"

#define FIELD(k, size_, arg_, key_)                                                                \
    {                                                                                              \
        &kind_##k, #key_, size_, arg_                                                              \
    }

#define C NF_C
#define D NF_D
#define L NF_L
#define G NF_G

#define U8(key)                 FIELD(u8, 1, 0, key)
#define U16(key)                FIELD(u16, 2, 0, key)
#define U32(key)                FIELD(u32, 4, 0, key)
#define U48(key)                FIELD(u48, 6, 0, key)
#define U64(key)                FIELD(u64, 8, 0, key)
#define PERIOD(key)             FIELD(period, 4, 0, key)
#define TIME(key)               FIELD(time, 4, 0, key)
#define IPV4(key)               FIELD(ipv4, 4, 0, key)
#define IPV6(key)               FIELD(ipv6, 16, 0, key)
#define NAME(key, opt)          FIELD(name, 0, opt, key)
#define STR(key)                FIELD(str, 0, 0, key)
#define STR_OPTIONAL(key)       FIELD(str_optional, 0, 0, key)
#define STRS(key)               FIELD(strs, 0, 0, key)
#define LONG_STR(key, min)      FIELD(long_str, 0, min, key)
#define PSDN(key)               FIELD(psdn, 0, 0, key)
#define DEGREES(key, max)       FIELD(degrees, 0, max, key)
#define TAG(key)                FIELD(tag, 0, 0, key)
#define HEX(key)                FIELD(hex, 0, 0, key)
#define BASE64(key)             FIELD(base64, 0, 0, key)
#define BASE64_OPTIONAL(key)    FIELD(base64_optional, 0, 0, key)
#define BASE64_UNLESS_NULL(key) FIELD(base64_optional, 0, 1, key)
#define BASE64_DASH(key)        FIELD(base64_dash, 0, 0, key)
#define DIGEST_DS(key)          FIELD(digest, 0, 'D', key)
#define DIGEST_SSHFP(key)       FIELD(digest, 0, 'S', key)
#define DIGEST_ZONEMD(key)      FIELD(digest, 0, 'Z', key)
#define SALT(key)               FIELD(salt, 0, 0, key)
#define HASH32(key)             FIELD(hash32, 0, 0, key)
#define SIZED64(key)            FIELD(sized64, 0, 0, key)
#define OPAQUE(key)             FIELD(opaque, 0, 0, key)
#define BITMAP(key)             FIELD(bitmap, 0, 0, key)
#define NXT_MAP(key)            FIELD(nxt_map, 0, 0, key)
#define TYPE(key)               FIELD(type, 2, 0, key)
#define ALGORITHM(key)          FIELD(algorithm, 1, 0, key)
#define CERT_TYPE(key)          FIELD(cert_type, 2, 0, key)
#define RCODE16(key)            FIELD(rcode16, 2, 0, key)
#define DSYNC_SCHEME(key)       FIELD(dsync_scheme, 1, 0, key)
#define PROTOCOL(key)           FIELD(protocol, 1, 0, key)
#define PORTS(key)              FIELD(ports, 0, 0, key)
#define LOCATOR64(key)          FIELD(locator64, 8, 0, key)
#define EUI48(key)              FIELD(eui, 6, 0, key)
#define EUI64(key)              FIELD(eui, 8, 0, key)
#define NSAP(key)               FIELD(nsap, 0, 0, key)
#define ATM(key)                FIELD(atm, 0, 0, key)
#define LOC(key)                FIELD(loc, 0, 0, key)
#define APL(key)                FIELD(apl, 0, 0, key)
#define A6(key)                 FIELD(a6, 0, 0, key)
#define GATEWAY(key)            FIELD(gateway, 0, 0, key)
#define AMT_TYPE(key)           FIELD(amt_type, 1, 0, key)
#define AMT_RELAY(key)          FIELD(gateway, 0, 1, key)
#define HIP(key)                FIELD(hip, 0, 0, key)
#define OPTIONS(key)            FIELD(options, 0, 0, key)
#define SVC_PARAMS(key)         FIELD(svc_params, 0, 0, key)

const struct rr_info rr_table[RR_SLOTS] = {
#define RR(name_, code_, flags_, ref_, ...)                                                        \
    [RR_SLOT(code_)] = {#name_, code_, flags_, ref_, (const struct field[]){__VA_ARGS__, {0}}},
#include "dns/rr_types.def"
#undef RR
};
