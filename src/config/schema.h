/* SPDX-License-Identifier: BSD-2-Clause */
/* The options of evermx.yaml(5), one row each, and what reads the values that are more than a
 * number or a word. Private to the configuration (and to the test that compares it with the
 * manual). */
#ifndef EVERMX_CONFIG_SCHEMA_H
#define EVERMX_CONFIG_SCHEMA_H

#include "config/config.h"
#include "config/option.h"

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
};

extern const struct check_kind_traits check_kinds[CHECK_KINDS];

/* The built-in check of a kind, or another one of that kind. */
void check_init(struct config_check *check, const char *name, enum check_kind kind);

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
void checks_read(struct reader *reader, const struct tree_node *node, void *config);
void hosts_read(struct reader *reader, const struct tree_node *node, void *config);
void host_checks_read(struct reader *reader, const struct tree_node *node, void *host);
void policies_read(struct reader *reader, const struct tree_node *node, void *config);
void match_read(struct reader *reader, const struct tree_node *node, void *policy);
void tiers_read(struct reader *reader, const struct tree_node *node, void *policy);

#endif
