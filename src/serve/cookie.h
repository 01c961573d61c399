/* SPDX-License-Identifier: BSD-2-Clause */
/* DNS cookies (RFC 7873) in the layout that servers of any kind share (RFC 9018): what a client
 * proves by them is that it can be reached at the address it writes from. Pure. */
#ifndef EVERMX_SERVE_COOKIE_H
#define EVERMX_SERVE_COOKIE_H

#include "serve/settings.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    COOKIE_CLIENT_SIZE = 8,
    COOKIE_SIZE = COOKIE_CLIENT_SIZE + 16, /* with the server's part, as we make it */
    COOKIE_MAX_SIZE = 40,                  /* as others may make it (RFC 7873 section 4) */
};

enum cookie_status {
    COOKIE_NONE,
    COOKIE_CLIENT, /* the client's part alone: it does not know us yet */
    COOKIE_GOOD,   /* ours, for this address, and fresh: no forged address */
    COOKIE_BAD,    /* not ours, another address's, too old: no more than COOKIE_CLIENT */
};

/* Whether a COOKIE option may have so many octets (RFC 7873 section 5.2.2). */
bool cookie_size_valid(size_t size);

/* Judges a cookie of valid size, and writes the one to answer with. The address is of 4 or 16
 * octets; now_s is Unix time. `given` and `answer` must not overlap. */
enum cookie_status cookie_check(const struct settings *settings, const uint8_t *address,
                                size_t address_size, uint32_t now_s, const uint8_t *given,
                                size_t given_size, uint8_t answer[COOKIE_SIZE]);

#endif
