/* SPDX-License-Identifier: BSD-2-Clause */
/* The options of evermx.yaml(5), one row each, and what reads the values that are more than a
 * number or a word. Private to the configuration (and to the test that compares it with the
 * manual). */
#ifndef EVERMX_CONFIG_SCHEMA_H
#define EVERMX_CONFIG_SCHEMA_H

#include "config/config.h"
#include "config/option.h"

#include <sys/stat.h>

/* Options whose presence matters, beside enum config_host_set. */
enum option_given {
    GIVEN_WEIGHT = 1 << 24,
    GIVEN_CHECKS = 1 << 25,
    GIVEN_TTL = 1 << 26,
    GIVEN_ON_DOWN = 1 << 27,
    GIVEN_MX_WEIGHTING = 1 << 28,
};

enum { WORKERS_MAX = 256 };

extern const struct option_section section_root;     /* of struct config */
extern const struct option_section section_server;   /* of struct config */
extern const struct option_section section_rate;     /* of struct config_rate */
extern const struct option_section section_zone;     /* of struct config_zone */
extern const struct option_section section_settings; /* of struct check_settings */
extern const struct option_section section_check;    /* of struct config_check */
extern const struct option_section section_host;     /* of struct config_host */
extern const struct option_section section_policy;   /* of struct config_policy */

/* By the enum, closed by NULL. */
extern const char *const check_kind_names[];
extern const char *const check_tls_names[];
extern const char *const when_all_down_names[];
extern const char *const on_down_names[];
extern const char *const mx_weighting_names[];

struct check_kind_traits {
    uint16_t port; /* 0: has none by default */
    enum check_tls tls;
    bool tls_fixed; /* TLS from the first byte, or none at all */
    unsigned lacks; /* settings that such a check cannot have: bits of enum config_host_set */
};

extern const struct check_kind_traits check_kinds[CHECK_KINDS];

/* The built-in check of a kind, or another one of that kind. */
void check_init(struct config_check *check, const char *name, enum check_kind kind);

/* The texts that checks and hosts hold. */
void settings_release_all(struct config *config);

/* What follows from the settings given (bits) in place of those before, where nothing else is said:
 * a step that may take longer does not have to fit into the old time of the whole probe, a faster
 * interval is not slower than its rechecks, and a round trip's alarm comes before its drain. */
void settings_follow(struct check_settings *settings, const struct check_settings *before,
                     unsigned given);

/* Whether the settings given in a mapping agree with each other and with the rest of settings,
 * which they were merged into; reported where not. of: whose rest, for messages. */
bool settings_verify(struct reader *reader, const struct tree_node *mapping,
                     const struct check_settings *settings, unsigned given, const char *of);

/* Whether credentials would go over the net as they are, by what is given. */
bool settings_are_bare(const struct check_settings *settings, unsigned given);

/* The settings (bits) that a host can override for checks of a kind. */
unsigned kind_takes(enum check_kind kind);
/* "smtp, submission, smtps": the kinds whose checks can have a setting (a bit). */
enum { KINDS_TEXT_SIZE = 128 };
const char *kinds_with(unsigned setting, char text[KINDS_TEXT_SIZE]);

/* After checks and hosts: round trips that lack what only the configuration can give them. */
void round_trips_verify(struct reader *reader);

/* Files of credentials that several checks and hosts name are read once. */
struct credentials_files *credentials_files_new(void);
void credentials_files_free(struct credentials_files *files);

/* Notes a file that was read for the configuration, as it was then; now_ns: before it was opened.
 */
void source_add(struct config *config, const char *path, const struct stat *status, int64_t now_ns);

/* Room for one more element behind count; the array must grow by this alone. */
void *array_grow(struct arena *arena, void *array, size_t count, size_t size);

/* Limits that are on, and spare loopback. */
void rate_default(struct config *config);

/* Readers of options (struct option). */
void server_read(struct reader *reader, const struct tree_node *node, void *config);
void listen_read(struct reader *reader, const struct tree_node *node, void *config);
void rate_read(struct reader *reader, const struct tree_node *node, void *config);
void exempt_read(struct reader *reader, const struct tree_node *node, void *rate);
void zones_read(struct reader *reader, const struct tree_node *node, void *config);
void cookie_secrets_read(struct reader *reader, const struct tree_node *node, void *config);
void probe_source_read(struct reader *reader, const struct tree_node *node, void *config);
void ehlo_name_read(struct reader *reader, const struct tree_node *node, void *config);
void ca_file_read(struct reader *reader, const struct tree_node *node, void *config);
void canaries_read(struct reader *reader, const struct tree_node *node, void *config);
void recipient_read(struct reader *reader, const struct tree_node *node, void *settings);
void mailbox_read(struct reader *reader, const struct tree_node *node, void *settings);
void credentials_read(struct reader *reader, const struct tree_node *node, void *settings);
void checks_read(struct reader *reader, const struct tree_node *node, void *config);
void hosts_read(struct reader *reader, const struct tree_node *node, void *config);
void host_checks_read(struct reader *reader, const struct tree_node *node, void *host);
void policies_read(struct reader *reader, const struct tree_node *node, void *config);
void match_read(struct reader *reader, const struct tree_node *node, void *policy);
void tiers_read(struct reader *reader, const struct tree_node *node, void *policy);

#endif
