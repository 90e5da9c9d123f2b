/* The configuration: what the file says, checked, with defaults for the rest.
 *
 * An object is made from text in memory and never changes; a reload makes another. schema.def
 * declares every option. No file is opened here: includes come through a callback. */
#ifndef BANYAN_CONFIG_CONFIG_H
#define BANYAN_CONFIG_CONFIG_H

#include "base/arena.h"
#include "base/diag.h"
#include "base/netaddr.h"
#include "dns/name.h"

#include <stdatomic.h>

struct config_addrs {
    struct netaddr *v;
    size_t n;
};

struct config_prefixes {
    struct netprefix *v;
    size_t n;
};

struct config_zone {
    const uint8_t *name;
    const char
        *file; /* full path, or relative to where the program runs if the configuration's is */
    const char *dnssec; /* "off", "auto", or the name of a policy */
};

enum config_denial { CONFIG_DENIAL_NSEC, CONFIG_DENIAL_NSEC3, CONFIG_DENIAL_COMPACT };

/* How zones are signed; the words of the options are in the order of the enums of dnssec/policy.h.
 */
struct config_policy {
    const char *name;
    uint32_t algorithm, denial, serial, cds; /* algorithm: a place in CONFIG_ALGORITHMS */
    uint32_t rsa_bits;
    uint32_t keys; /* 0: one for all, 1: key-signing and zone-signing apart */
    bool opt_out, zonemd;
    uint32_t validity_s, refresh_s, jitter_s, backdate_s, dnskey_ttl_s, propagation_s, ds_ttl_s;
};

/* The DNSSEC algorithms to sign with, in the order of the words of the option. */
#define CONFIG_ALGORITHMS                                                                          \
    {                                                                                              \
        8, 10, 13, 14, 15, 16                                                                      \
    }

struct config_hint {
    const uint8_t *name;
    struct config_addrs addresses; /* port 0: the upstream port */
};

struct config_route {
    const uint8_t *zone;
    struct config_addrs servers; /* port 0: the upstream port */
    bool fallback;
};

struct config_local_zone {
    const uint8_t *zone;
    uint32_t kind; /* as enum local_kind of resolver/ */
    const char *file;
};

struct config_names {
    const uint8_t **v;
    size_t n;
};

struct config_strings {
    const char **v;
    size_t n;
};

struct config_anchor {
    const char *file;
};

struct config_negative {
    const uint8_t *name;
    const char *until;
};

enum config_rotation { CONFIG_FIXED, CONFIG_CYCLIC, CONFIG_RANDOM }; /* as enum rotation of auth/ */
enum config_log_level { LEVEL_ERROR, LEVEL_WARNING, LEVEL_INFO, LEVEL_DEBUG };
enum config_log_target { TARGET_AUTO, TARGET_STDERR, TARGET_JOURNAL };

struct config_secret {
    bool set;
    uint8_t key[16];
};

enum { CONFIG_ROWS_MAX = 160 };

/* Strings are NULL where the option is unset. */
struct config {
    struct {
        struct config_addrs listen;
        uint32_t workers;
        const char *user, *group, *pidfile, *identity, *version, *hostname;
        const uint8_t *report_agent;
        bool cookies;
        struct config_secret cookie_secret;
        uint32_t udp_size;
        uint64_t udp_buffer;
        uint32_t busy_poll_us;
        uint32_t rotation; /* enum config_rotation */
        bool minimal_any, start_without, pin_workers, udp_bundle;
    } server;
    struct {
        uint32_t max_connections, max_per_client, idle_ms, pipeline, send_ms;
        bool keepalive;
    } tcp;
    struct {
        uint32_t level, target;
    } log;
    struct {
        const char *socket;
    } control;
    struct {
        struct config_zone *v;
        size_t n;
    } zones;
    const char *zones_dir, *zones_dir_dnssec;
    struct {
        const char *state_dir;
        uint32_t jobs;
        struct {
            struct config_policy *v;
            size_t n;
        } policies;
    } dnssec;
    struct {
        bool enabled;
        const char *root_hints, *trust_anchor_state, *cache_file;
        uint32_t cache_save_interval_s;
        struct {
            struct config_hint *v;
            size_t n;
        } hints;
        struct {
            struct config_route *v;
            size_t n;
        } forward_zones, stub_zones;
        struct {
            struct config_local_zone *v;
            size_t n;
        } local_zones;
        struct config_strings local_data, hosts_files;
        struct config_names special_zones_except;
        const char *root_zone;
        bool special_zones, query_private, harden_glue, minimal_any;
        struct config_prefixes allow, private_addresses, explain_clients;
        bool open_with_zones;
        struct config_addrs outgoing;
        uint32_t upstream_port, udp_size;
        uint32_t minimise, nxdomain_cut;
        bool minimise_ns, random_case, cookies, ipv4, ipv6, prime, query_loopback, validate,
            rsa_sha1, aggressive, error_reporting;
        struct {
            struct config_anchor *v;
            size_t n;
        } trust_anchors;
        struct {
            struct config_negative *v;
            size_t n;
        } negative_trust_anchors;
        uint64_t cache_size;
        uint32_t ttl_min_s, ttl_max_s, negative_ttl_min_s, negative_ttl_max_s, timeout_ms,
            max_clients;
        uint32_t client_rate, client_miss_rate, client_ipv4_bits, client_ipv6_bits;
        uint32_t prefetch, patience_ms, stale_max_s, stale_ttl_s, stale_wait_ms, stale_recheck_s;
        bool serve_stale;
    } resolver;

    _Atomic unsigned refs;     /* besides the first */
    bool set[CONFIG_ROWS_MAX]; /* by row number: was it in the file? (else the default) */
    struct arena arena;        /* holds everything above */
};

/* How included files are reached: io/, or a test. Returns the text (owned by the source until
 * done()) or false with *d filled (message only). */
struct config_files {
    void *ctx;
    bool (*read)(void *ctx, const char *path, struct bytes *ret, struct diag *d);
};

/* Parses and checks text. `file` names it in messages and is kept; relative paths in it are taken
 * from its folder. Every error and warning goes to sink. On an error nothing is returned. files
 * NULL: `include` is refused. *ret is owned by the caller. */
enum status config_parse(const char *file, struct bytes text, const struct config_files *files,
                         struct diag_sink *sink, struct config **ret) MUST_USE;
/* Counted references: the last config_free() frees. */
struct config *config_take(struct config *c) MUST_USE;
/* The policy that a zone's `dnssec` names, "auto" too if there is one of that name; NULL: none, so
 * the built-in one for "auto". */
const struct config_policy *config_policy_find(const struct config *c, const char *name);
/* The defaults alone; NULL when memory is out. */
struct config *config_default(void) MUST_USE;
void config_free(struct config *c);

/* Sets one option of a configuration being put together from a command line, as if the file had
 * said it; lists are appended to. ST_EUNKNOWN: no such option; ST_ESYNTAX with *d filled. */
enum status config_set(struct config *c, const char *path, const char *value,
                       struct diag *d) MUST_USE;
/* Appends a zone. */
enum status config_add_zone(struct config *c, const char *name, const char *file,
                            struct diag *d) MUST_USE;
/* The checks between options, for a configuration made with config_set; config_parse has done them.
 */
enum status config_check(const struct config *c, const char *file, struct diag_sink *sink) MUST_USE;

/* YAML that says the same: all options if effective, else those that were set. */
void config_dump(const struct config *c, bool effective, struct text *out);
/* What changes from a to b, one line each ("server.udp-size: 1232 -> 4096"). Options that need a
 * new start say so, and are compared with what the server was started with. Returns how many need
 * one.
 */
unsigned config_diff(const struct config *a, const struct config *b, const struct config *started,
                     struct text *out);

/* The manual of one option or section; false (with a suggestion or NULL) when there is none. */
bool config_explain(const char *path, struct text *out, const char **ret_nearest);
/* JSON Schema (2020-12) for editors. */
void config_json_schema(struct text *out);
/* The manual page banyan.conf(5), roff. */
void config_man(struct text *out);

#endif
