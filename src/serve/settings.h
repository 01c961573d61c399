/* SPDX-License-Identifier: BSD-2-Clause */
/* What all responders are told once and read for each query. Immutable: a reload makes another one
 * (server_configure). */
#ifndef EVERMX_SERVE_SETTINGS_H
#define EVERMX_SERVE_SETTINGS_H

#include "wire/message.h"
#include "wire/siphash.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rate_rules;
struct canary_state;

enum {
    UDP_ANSWER_MAX = 4096,     /* octets: the most that may be set */
    UDP_ANSWER_DEFAULT = 1232, /* never fragmented anywhere: DNS flag day 2020 */
    UDP_CLASSIC_MAX = 512,     /* without EDNS (RFC 1035 section 4.2.1) */
    COOKIE_SECRETS_MAX = 8,
};

struct settings {
    uint16_t udp_size;         /* octets of the largest answer over UDP */
    bool tells_version;        /* to version.bind */
    bool cookies;              /* RFC 7873 */
    uint8_t opt[OPT_SIZE + 1]; /* an OPT record as it goes out, to be copied */
    uint8_t nsecrets;
    uint8_t secrets[COOKIE_SECRETS_MAX][SIPHASH_KEY_SIZE]; /* the first makes cookies */
    uint8_t identity_size;                                 /* 0: none is told */
    char identity[UINT8_MAX + 1];  /* NSID (RFC 5001), id.server and hostname.bind (RFC 4892) */
    const struct rate_rules *rate; /* by UDP; NULL: no limits */
    struct canary_state *canary;   /* NULL: there are no canary names */
};

struct settings_options {
    const char *identity; /* NULL or "": none; cut at 255 octets */
    bool tells_version;
    unsigned udp_size; /* 0: UDP_ANSWER_DEFAULT */
    bool cookies;      /* needs a secret */
    const uint8_t (*secrets)[SIPHASH_KEY_SIZE];
    size_t nsecrets; /* those beyond COOKIE_SECRETS_MAX are left out */
};

void settings_init(struct settings *settings, const struct settings_options *options);

/* Of a responder that was told nothing: no identity, no cookies. */
const struct settings *settings_plain(void);

#endif
