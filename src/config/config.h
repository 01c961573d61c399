/* SPDX-License-Identifier: BSD-2-Clause */
/* The configuration as read from YAML (evermx.yaml(5)): syntax and ranges are right, names are not
 * yet looked up in zones; that is the model's work, which reports with the line and column kept
 * here. A whole configuration or none; all that is wrong is reported at once. Immutable once
 * loaded. */
#ifndef EVERMX_CONFIG_CONFIG_H
#define EVERMX_CONFIG_CONFIG_H

#include "base/address.h"
#include "base/arena.h"
#include "base/diagnostics.h"
#include "base/error.h"
#include "base/file.h"
#include "base/shared.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct config_place { /* where something stands, for errors found later */
    int line, column;
};

enum check_kind {
    CHECK_SMTP,       /* 25, RFC 5321 */
    CHECK_SUBMISSION, /* 587, RFC 6409 */
    CHECK_SMTPS,      /* 465, RFC 8314: TLS from the first byte */
    CHECK_IMAP,       /* 143, RFC 9051 */
    CHECK_IMAPS,      /* 993 */
    CHECK_POP3,       /* 110, RFC 1939 */
    CHECK_POP3S,      /* 995 */
    CHECK_TCP,        /* a port of your own: connects, nothing more */
    CHECK_KINDS
};

/* What a greeting of 5xx means: the host is closed, or it is closed to us. */
enum check_refusal { CHECK_REFUSAL_UNKNOWN, CHECK_REFUSAL_DOWN };

/* How a target that was down comes back. */
enum check_return { CHECK_RETURN_AUTO, CHECK_RETURN_MANUAL };

enum check_tls {
    CHECK_TLS_OFF,      /* STARTTLS is never asked for */
    CHECK_TLS_OPTIONAL, /* used where it is offered; its failure does not fail the probe */
    CHECK_TLS_REQUIRED, /* not offered, or failing: the probe fails */
};

/* How one check probes and judges. All times in milliseconds. */
struct check_settings {
    enum check_kind kind;
    uint16_t port;
    enum check_tls tls;
    int64_t interval_ms;         /* between the starts of two probes */
    int64_t service_interval_ms; /* between two that go through the whole dialogue; the others end
                                    with the greeting */
    int64_t timeout_ms;          /* the whole probe */
    int64_t connect_timeout_ms;  /* each step of it */
    int64_t greeting_timeout_ms; /* until the last line of the greeting */
    int64_t reply_timeout_ms;    /* each later reply, and the TLS handshake */
    int64_t recheck_ms;          /* while suspect: until the next probe */
    unsigned fall;               /* bad outcomes in a row until down */
    unsigned rise;               /* good outcomes in a row until up again */
    enum check_refusal refusal;
    int64_t cert_warn_ms; /* before a certificate expires; 0: no warning */

    /* coming back */
    enum check_return returns;
    int64_t hold_ms; /* the shortest time out; doubles with each fall. 0: no hold, no damping */
    int64_t slow_start_ms; /* from a tenth of the weight to all of it; 0: at once */

    /* what the whole dialogue asks for, and the round trip; NULL: nothing of it */
    struct shared *recipient;       /* SMTP: of RCPT, and of the round trip's message */
    struct shared *user, *password; /* both or none; secret */
    int64_t round_trip_ms;          /* between two messages; 0: none */
    int64_t alarm_ms, drain_ms;     /* since the first message that did not arrive */
    struct shared *mailbox; /* the host whose IMAP shows the messages: lower case, no dot at the
                               end; NULL: the same address */
    bool sentinel;          /* IMAP: hold one idle session */
};

/* Copies of settings hold their texts. */
void check_settings_copy(struct check_settings *copy, const struct check_settings *settings);
void check_settings_release(struct check_settings *settings);
bool check_settings_equal(const struct check_settings *one, const struct check_settings *other);

/* All that settings are, without gaps, for who compares or keys them. The texts are borrowed. */
enum { CHECK_NUMBERS = 21, CHECK_TEXTS = 4 };
struct check_values {
    int64_t numbers[CHECK_NUMBERS];
    const struct shared *texts[CHECK_TEXTS]; /* by their octets, not by where they are */
};
void check_settings_list(const struct check_settings *settings, struct check_values *values);

struct config_check {
    const char *name; /* "smtp", or the operator's own */
    struct check_settings settings;
    struct config_place place; /* 0,0 when built in */
};

/* Bits of settings that a host sets for itself; the rest is the check's. */
enum config_host_set {
    HOST_SETS_TLS = 1 << 0,
    HOST_SETS_INTERVAL = 1 << 1,
    HOST_SETS_TIMEOUT = 1 << 2,
    HOST_SETS_CONNECT_TIMEOUT = 1 << 3,
    HOST_SETS_GREETING_TIMEOUT = 1 << 4,
    HOST_SETS_REPLY_TIMEOUT = 1 << 5,
    HOST_SETS_RECHECK = 1 << 6,
    HOST_SETS_FALL = 1 << 7,
    HOST_SETS_RISE = 1 << 8,
    HOST_SETS_SERVICE_INTERVAL = 1 << 9,
    HOST_SETS_REFUSAL = 1 << 10,
    HOST_SETS_CERT_WARN = 1 << 11,
    HOST_SETS_RETURN = 1 << 12,
    HOST_SETS_HOLD = 1 << 13,
    HOST_SETS_SLOW_START = 1 << 14,
    HOST_SETS_RECIPIENT = 1 << 15,
    HOST_SETS_CREDENTIALS = 1 << 16, /* user and password */
    HOST_SETS_ROUND_TRIP = 1 << 17,
    HOST_SETS_ALARM = 1 << 18,
    HOST_SETS_DRAIN = 1 << 19,
    HOST_SETS_MAILBOX = 1 << 20,
    HOST_SETS_SENTINEL = 1 << 21,
};

struct config_host {
    const char *name; /* as written, a valid domain name */
    bool weight_set;
    unsigned weight;        /* 0..1000; 0: only when nothing else is left. Default 1 */
    const uint32_t *checks; /* indexes into config->checks */
    size_t nchecks;
    bool checks_set; /* exactly these, maybe none; else those derived */
    unsigned sets;   /* enum config_host_set */
    struct check_settings overrides;
    struct config_place place;
};

enum when_all_down { ALL_DOWN_SERVE_ALL, ALL_DOWN_LAST_UP, ALL_DOWN_SERVFAIL };
enum on_down { ON_DOWN_REMOVE, ON_DOWN_DEMOTE };
enum mx_weighting { MX_WEIGHTING_OFF, MX_WEIGHTING_PREFER, MX_WEIGHTING_SINGLE };

struct config_tier {
    const char *const *hosts; /* names as written */
    const struct config_place *places;
    size_t nhosts;
};

struct config_policy {
    const char *owner; /* a valid domain name; "*" alone: every owner */
    uint16_t rrtype;   /* MX, A, AAAA or SRV; 0: all of them */
    bool ttl_set;
    uint32_t ttl_s;
    enum when_all_down when_all_down;
    enum on_down on_down;
    enum mx_weighting mx_weighting;
    unsigned min_capacity; /* percent of the weight that is to be answered at least; 0: no floor */
    const struct config_tier *tiers; /* first to be used first; hosts in none are never answered */
    size_t ntiers;
    struct config_place place;
};

struct config_zone {
    const char *file;  /* to be opened as it is */
    const char *names; /* the same: file is a template for each name in that; NULL: a zone */
    struct config_place place;
};

struct config_network {
    struct address address;
    uint8_t bits;
};

/* Response-rate limiting; limits are answers a second, 0: none. */
struct config_rate {
    bool on;
    unsigned answers, negatives, errors;
    unsigned slip;
    uint8_t ipv4_prefix, ipv6_prefix;
    const struct config_network *exempt;
    size_t nexempt;
};
enum { COOKIE_SECRET_SIZE = 16, COOKIE_SECRETS_LIMIT = 8 };

enum { CANARIES_LIMIT = 8 }; /* all are asked at once */

/* A file that was read for the configuration, beside its own, as it was then. */
struct config_source {
    const char *path;
    struct file_identity identity;
};

struct config_endpoint {
    struct address address;
    uint16_t port;
};

struct config {
    struct arena *arena;
    const char *file; /* NULL: none */
    struct config_endpoint *listen;
    size_t nlisten;
    unsigned workers; /* UDP responders */
    struct config_rate rate;
    unsigned tcp_connections;
    unsigned tcp_per_client;
    unsigned tcp_idle_ms;
    const char *control; /* path of the control socket */
    const char *user;    /* NULL: stay */
    bool probing;
    struct address *probe_sources; /* what probes connect from: at most one of each family */
    size_t nprobe_sources;
    struct config_place probe_sources_place;
    const char *ehlo_name; /* NULL: the machine's own */
    const char *ca_file;   /* of authorities, PEM; NULL: the system's */
    bool uplink_guard;
    struct config_endpoint *canaries; /* that show whether our uplink works; port 0: any sign of
                                         life will do; none: the gateway */
    size_t ncanaries;
    const char *identity; /* NULL: the host's name; "off" or "": none is told */
    bool version;         /* told to those who ask */
    unsigned udp_size;    /* octets of the largest answer over UDP */
    bool cookies;         /* RFC 7873 */
    const uint8_t (*cookie_secrets)[COOKIE_SECRET_SIZE]; /* the first makes cookies */
    size_t ncookie_secrets;                              /* 0: none are given */
    bool canary_names;             /* names below _canary are answered, to measure resolvers by */
    bool has_credentials;          /* in any check or host */
    struct config_source *sources; /* secrets, credentials: a change of them is one of this */
    size_t nsources;
    struct config_zone *zones;
    size_t nzones;
    struct config_check *checks; /* the built-in ones by enum check_kind, then more */
    size_t nchecks;
    struct config_host *hosts;
    size_t nhosts;
    struct config_policy *policies; /* the first that matches holds */
    size_t npolicies;
};

/* The defaults, with no zone and no address to listen on. */
struct config *config_new(void);

/* Reads a file. NULL when anything is an error, all of which then stand in diagnostics, in the
 * order of the file. */
struct config *config_load(const char *file, struct diagnostics *diagnostics);

/* The same for programs that serve nothing, and may not read what evermxd's user may: no file that
 * it names is opened (secrets, credentials, authorities), and what hangs on them is not checked. */
struct config *config_load_bare(const char *file, struct diagnostics *diagnostics);

/* The zones alone of a configuration that has errors, so that those in the zones are told as well;
 * nothing to serve from. */
struct config *config_load_zones(const char *file);

/* What the command line adds. */
void config_add_zone(struct config *config, const char *file);
void config_add_listen(struct config *config, const struct address *address, uint16_t port);

/* Lets go of all credentials, where nothing but the other settings is of use any more. */
void config_forget_credentials(struct config *config);

void config_free(struct config *config);

/* What holds for a check at a host: the check's settings, overridden by those that the host sets
 * for itself. host may be NULL. What a check of its kind cannot have (tls, where the kind fixes it;
 * a recipient, for IMAP) is not for it; more time for a step is more time for the whole probe
 * unless the host says how much; recheck never exceeds interval, nor a round trip's alarm its
 * drain. The texts stay the configuration's: check_settings_copy() holds them for longer. */
void config_host_settings(const struct config_host *host, const struct config_check *check,
                          struct check_settings *settings);

/* Sets options of a check as they would stand in its file, each "NAME=VALUE" ("interval=1s"), and
 * what follows from them for others. Options that name files or hosts are not for this. */
bool config_set_options(struct check_settings *settings, const char *const *options, size_t count,
                        struct error *error);

const char *check_kind_name(enum check_kind kind); /* "smtp" */
bool check_kind_from_name(const char *name, enum check_kind *kind);

#endif
