/* SPDX-License-Identifier: BSD-2-Clause */
/* The tables of options: a new option is one row here, one field of a struct, one line of
 * evermx.yaml(5). Rows are read in this order: checks before the hosts that name them. */
#include "config/schema.h"

#include <string.h>
#include <sys/un.h>

#define FIELD(type, field) .offset = offsetof(type, field), .size = sizeof(((type *)0)->field)
#define SECTION(rows_, name_)                                                                      \
    .name = (name_), .rows = (rows_), .count = sizeof(rows_) / sizeof *(rows_)

enum { SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE };

#define DAY (INT64_C(24) * HOUR)

enum {
    PATH_MAX_BYTES = 4095, /* PATH_MAX without its null */
    SOCKET_PATH_MAX_BYTES = sizeof(((struct sockaddr_un *)0)->sun_path) - 1,
    USER_MAX_BYTES = 32,      /* useradd(8) */
    IDENTITY_MAX_BYTES = 255, /* one string of a TXT record */
};

const char *const check_kind_names[] = {
    [CHECK_SMTP] = "smtp",
    [CHECK_SUBMISSION] = "submission",
    [CHECK_SMTPS] = "smtps",
    [CHECK_IMAP] = "imap",
    [CHECK_IMAPS] = "imaps",
    [CHECK_POP3] = "pop3",
    [CHECK_POP3S] = "pop3s",
    [CHECK_TCP] = "tcp",
    NULL,
};

const char *const check_tls_names[] = {
    [CHECK_TLS_OFF] = "off",
    [CHECK_TLS_OPTIONAL] = "optional",
    [CHECK_TLS_REQUIRED] = "required",
    NULL,
};

const char *const when_all_down_names[] = {
    [ALL_DOWN_SERVE_ALL] = "serve-all",
    [ALL_DOWN_LAST_UP] = "last-up",
    [ALL_DOWN_SERVFAIL] = "servfail",
    NULL,
};

const char *const on_down_names[] = {
    [ON_DOWN_REMOVE] = "remove", [ON_DOWN_DEMOTE] = "demote", NULL};

const char *const mx_weighting_names[] = {
    [MX_WEIGHTING_OFF] = "off",
    [MX_WEIGHTING_PREFER] = "prefer",
    [MX_WEIGHTING_SINGLE] = "single",
    NULL,
};

static const char *const refusal_names[] = {
    [CHECK_REFUSAL_UNKNOWN] = "unknown", [CHECK_REFUSAL_DOWN] = "down", NULL};

static const char *const return_names[] = {
    [CHECK_RETURN_AUTO] = "auto", [CHECK_RETURN_MANUAL] = "manual", NULL};

static const char *const switch_names[] = {"off", "on", NULL}; /* of a bool */

/* What only some dialogues have. */
enum {
    OF_SMTP = HOST_SETS_REFUSAL | HOST_SETS_RECIPIENT | HOST_SETS_ROUND_TRIP | HOST_SETS_ALARM |
              HOST_SETS_DRAIN | HOST_SETS_MAILBOX,
    OF_IMAP = HOST_SETS_SENTINEL,
    OF_DIALOGUES = OF_SMTP | OF_IMAP | HOST_SETS_GREETING_TIMEOUT | HOST_SETS_REPLY_TIMEOUT |
                   HOST_SETS_CERT_WARN | HOST_SETS_CREDENTIALS,
};

/* Ports: RFC 5321, RFC 6409, RFC 8314, RFC 9051, RFC 1939. */
const struct check_kind_traits check_kinds[CHECK_KINDS] = {
    [CHECK_SMTP] = {25, CHECK_TLS_OPTIONAL, false, OF_IMAP},
    [CHECK_SUBMISSION] = {587, CHECK_TLS_REQUIRED, false, OF_IMAP},
    [CHECK_SMTPS] = {465, CHECK_TLS_REQUIRED, true, OF_IMAP},
    [CHECK_IMAP] = {143, CHECK_TLS_OPTIONAL, false, OF_SMTP},
    [CHECK_IMAPS] = {993, CHECK_TLS_REQUIRED, true, OF_SMTP},
    [CHECK_POP3] = {110, CHECK_TLS_OPTIONAL, false, OF_SMTP | OF_IMAP},
    [CHECK_POP3S] = {995, CHECK_TLS_REQUIRED, true, OF_SMTP | OF_IMAP},
    [CHECK_TCP] = {0, CHECK_TLS_OFF, true, OF_DIALOGUES},
};

/* clang-format off */
static const struct option root_rows[] = {
    {"server",   OPTION_MAPPING, .may_be_empty = true, .read = server_read},
    {"zones",    OPTION_LIST,    .may_be_empty = true, .read = zones_read},
    {"checks",   OPTION_MAPPING, .may_be_empty = true, .read = checks_read},
    {"hosts",    OPTION_MAPPING, .may_be_empty = true, .read = hosts_read},
    {"policies", OPTION_LIST,    .may_be_empty = true, .read = policies_read},
};

/* workers: its default, the number of CPUs, is set by config_new. */
static const struct option server_rows[] = {
    {"listen",  OPTION_LIST,   .read = listen_read},
    {"workers", OPTION_NUMBER, FIELD(struct config, workers), 1, WORKERS_MAX},
    {"control", OPTION_PATH,   FIELD(struct config, control), 1, SOCKET_PATH_MAX_BYTES, .fallback = "/run/evermx/control.sock"},
    {"user",    OPTION_TEXT,   FIELD(struct config, user), 1, USER_MAX_BYTES},
    {"rate-limit", OPTION_ANY, .read = rate_read},
    {"tcp-connections", OPTION_NUMBER, FIELD(struct config, tcp_connections), 1, 1000000, .fallback = "1024"},
    {"tcp-per-client",  OPTION_NUMBER, FIELD(struct config, tcp_per_client), 1, 1000000, .fallback = "128"},
    {"tcp-idle",        OPTION_DURATION, FIELD(struct config, tcp_idle_ms), 100, HOUR, 1, .fallback = "10s"},
    {"probing", OPTION_CHOICE, FIELD(struct config, probing), .choices = switch_names, .fallback = "on"},
    {"probe-source", OPTION_ANY, .read = probe_source_read},
    {"ehlo-name", OPTION_TEXT, .read = ehlo_name_read},
    {"ca-file", OPTION_PATH,   .read = ca_file_read},
    {"uplink-guard", OPTION_CHOICE, FIELD(struct config, uplink_guard), .choices = switch_names, .fallback = "on"},
    {"canaries", OPTION_LIST,  .read = canaries_read},
    {"identity", OPTION_TEXT,  FIELD(struct config, identity), 0, IDENTITY_MAX_BYTES},
    {"version", OPTION_CHOICE, FIELD(struct config, version), .choices = switch_names, .fallback = "on"},
    {"udp-size", OPTION_NUMBER, FIELD(struct config, udp_size), 512, 4096, .fallback = "1232"},
    {"cookies", OPTION_CHOICE, FIELD(struct config, cookies), .choices = switch_names, .fallback = "on"},
    {"canary-names", OPTION_CHOICE, FIELD(struct config, canary_names), .choices = switch_names, .fallback = "off"},
    {"cookie-secrets", OPTION_PATH, .min = 1, .max = PATH_MAX_BYTES, .read = cookie_secrets_read},
};

static const struct option rate_rows[] = {
    {"answers",     OPTION_NUMBER, FIELD(struct config_rate, answers), 0, 1000000, .fallback = "200"},
    {"negatives",   OPTION_NUMBER, FIELD(struct config_rate, negatives), 0, 1000000, .fallback = "200"},
    {"errors",      OPTION_NUMBER, FIELD(struct config_rate, errors), 0, 1000000, .fallback = "50"},
    {"slip",        OPTION_NUMBER, FIELD(struct config_rate, slip), 0, 100, .fallback = "2"},
    {"ipv4-prefix", OPTION_NUMBER, FIELD(struct config_rate, ipv4_prefix), 1, 32, .fallback = "24"},
    {"ipv6-prefix", OPTION_NUMBER, FIELD(struct config_rate, ipv6_prefix), 1, 64, .fallback = "56"},
    {"exempt",      OPTION_LIST,   .read = exempt_read},
};

static const struct option zone_rows[] = {
    {"file",  OPTION_PATH, FIELD(struct config_zone, file), 1, PATH_MAX_BYTES, .required = true},
    {"names", OPTION_PATH, FIELD(struct config_zone, names), 1, PATH_MAX_BYTES},
};

/* One option, two fields, which stand side by side. */
#define CREDENTIALS                                                                                \
    .offset = offsetof(struct check_settings, user), .size = 2 * sizeof(struct shared *)
_Static_assert(offsetof(struct check_settings, password) ==
                   offsetof(struct check_settings, user) + sizeof(struct shared *),
               "a host overrides both at once");

/* What a check has and a host may override. tls: the default is the kind's, set by check_init. The
 * longest timeouts are above the ten minutes that RFC 5321 section 4.5.3.2 lets a client wait. */
static const struct option settings_rows[] = {
    {"tls",              OPTION_CHOICE,   FIELD(struct check_settings, tls), .choices = check_tls_names, .bit = HOST_SETS_TLS},
    {"interval",         OPTION_DURATION, FIELD(struct check_settings, interval_ms), 100, HOUR, 1, .fallback = "2s", .bit = HOST_SETS_INTERVAL},
    {"service-interval", OPTION_DURATION, FIELD(struct check_settings, service_interval_ms), 100, HOUR, 1, .fallback = "30s", .bit = HOST_SETS_SERVICE_INTERVAL},
    {"timeout",          OPTION_DURATION, FIELD(struct check_settings, timeout_ms), 100, HOUR, 1, .fallback = "30s", .bit = HOST_SETS_TIMEOUT},
    {"connect-timeout",  OPTION_DURATION, FIELD(struct check_settings, connect_timeout_ms), 50, 15 * MINUTE, 1, .fallback = "3500ms", .bit = HOST_SETS_CONNECT_TIMEOUT},
    {"greeting-timeout", OPTION_DURATION, FIELD(struct check_settings, greeting_timeout_ms), 50, 15 * MINUTE, 1, .fallback = "8s", .bit = HOST_SETS_GREETING_TIMEOUT},
    {"reply-timeout",    OPTION_DURATION, FIELD(struct check_settings, reply_timeout_ms), 50, 15 * MINUTE, 1, .fallback = "10s", .bit = HOST_SETS_REPLY_TIMEOUT},
    {"recheck",          OPTION_DURATION, FIELD(struct check_settings, recheck_ms), 10, HOUR, 1, .fallback = "500ms", .bit = HOST_SETS_RECHECK},
    {"fall",             OPTION_NUMBER,   FIELD(struct check_settings, fall), 1, 100, .fallback = "2", .bit = HOST_SETS_FALL},
    {"rise",             OPTION_NUMBER,   FIELD(struct check_settings, rise), 1, 100, .fallback = "3", .bit = HOST_SETS_RISE},
    {"refusal",          OPTION_CHOICE,   FIELD(struct check_settings, refusal), .choices = refusal_names, .fallback = "unknown", .bit = HOST_SETS_REFUSAL},
    {"cert-warn",        OPTION_DURATION, FIELD(struct check_settings, cert_warn_ms), HOUR, 365 * DAY, 1, .zero = true, .fallback = "14d", .bit = HOST_SETS_CERT_WARN},
    {"return",           OPTION_CHOICE,   FIELD(struct check_settings, returns), .choices = return_names, .fallback = "auto", .bit = HOST_SETS_RETURN},
    {"hold",             OPTION_DURATION, FIELD(struct check_settings, hold_ms), SECOND, HOUR, 1, .zero = true, .fallback = "30s", .bit = HOST_SETS_HOLD},
    {"slow-start",       OPTION_DURATION, FIELD(struct check_settings, slow_start_ms), SECOND, DAY, 1, .zero = true, .fallback = "5m", .bit = HOST_SETS_SLOW_START},
    {"probe-recipient",  OPTION_TEXT,     FIELD(struct check_settings, recipient), .read = recipient_read, .bit = HOST_SETS_RECIPIENT},
    {"credentials",      OPTION_PATH,     CREDENTIALS, .read = credentials_read, .bit = HOST_SETS_CREDENTIALS},
    {"round-trip",       OPTION_DURATION, FIELD(struct check_settings, round_trip_ms), 10 * SECOND, HOUR, 1, .zero = true, .fallback = "0", .bit = HOST_SETS_ROUND_TRIP},
    {"round-trip-alarm", OPTION_DURATION, FIELD(struct check_settings, alarm_ms), 10 * SECOND, DAY, 1, .fallback = "2m", .bit = HOST_SETS_ALARM},
    {"round-trip-drain", OPTION_DURATION, FIELD(struct check_settings, drain_ms), 10 * SECOND, DAY, 1, .fallback = "5m", .bit = HOST_SETS_DRAIN},
    {"mailbox",          OPTION_TEXT,     FIELD(struct check_settings, mailbox), .read = mailbox_read, .bit = HOST_SETS_MAILBOX},
    {"sentinel",         OPTION_CHOICE,   FIELD(struct check_settings, sentinel), .choices = switch_names, .fallback = "off", .bit = HOST_SETS_SENTINEL},
};

/* type is required for a check that is not built in; port has the kind's default. */
static const struct option check_rows[] = {
    {"type", OPTION_CHOICE, FIELD(struct config_check, settings.kind), .choices = check_kind_names},
    {"port", OPTION_NUMBER, FIELD(struct config_check, settings.port), 1, 65535},
};

static const struct option host_rows[] = {
    {"weight", OPTION_NUMBER, FIELD(struct config_host, weight), 0, 1000, .fallback = "1", .bit = GIVEN_WEIGHT},
    {"checks", OPTION_LIST,   .read = host_checks_read, .bit = GIVEN_CHECKS},
};

static const struct option policy_rows[] = {
    {"match",         OPTION_TEXT,     .read = match_read, .required = true},
    {"ttl",           OPTION_DURATION, FIELD(struct config_policy, ttl_s), SECOND, DAY, SECOND, .fallback = "10s", .bit = GIVEN_TTL},
    {"when-all-down", OPTION_CHOICE,   FIELD(struct config_policy, when_all_down), .choices = when_all_down_names, .fallback = "serve-all"},
    {"on-down",       OPTION_CHOICE,   FIELD(struct config_policy, on_down), .choices = on_down_names, .fallback = "remove", .bit = GIVEN_ON_DOWN},
    {"mx-weighting",  OPTION_CHOICE,   FIELD(struct config_policy, mx_weighting), .choices = mx_weighting_names, .fallback = "off", .bit = GIVEN_MX_WEIGHTING},
    {"min-capacity",  OPTION_PERCENT,  FIELD(struct config_policy, min_capacity), 0, 100, .fallback = "0%"},
    {"tiers",         OPTION_LIST,     .read = tiers_read},
};
/* clang-format on */

static const struct option_section check_settings_section = {
    SECTION(settings_rows, "a check"),
    .base = offsetof(struct config_check, settings),
};

static const struct option_section host_settings_section = {
    SECTION(settings_rows, "a host"),
    .base = offsetof(struct config_host, overrides),
};

const struct option_section section_root = {SECTION(root_rows, "the configuration")};
const struct option_section section_server = {SECTION(server_rows, "'server'")};
const struct option_section section_rate = {SECTION(rate_rows, "'rate-limit'")};
const struct option_section section_zone = {SECTION(zone_rows, "a zone")};
const struct option_section section_settings = {SECTION(settings_rows, "settings")};
const struct option_section section_check = {SECTION(check_rows, "a check"),
                                             .more = &check_settings_section};
const struct option_section section_host = {SECTION(host_rows, "a host"),
                                            .more = &host_settings_section};
const struct option_section section_policy = {SECTION(policy_rows, "a policy")};

/* ---- their names, for others ---- */

const char *check_kind_name(enum check_kind kind)
{
    return check_kind_names[kind];
}

bool check_kind_from_name(const char *name, enum check_kind *kind)
{
    for (int i = 0; i < CHECK_KINDS; i++) {
        if (strcmp(check_kind_names[i], name) == 0) {
            *kind = (enum check_kind)i;
            return true;
        }
    }
    return false;
}
