/* SPDX-License-Identifier: BSD-2-Clause */
/* Where: one or many (protocol, address, port), as told to --listen and as the first word of a
 * command. "smtp:127.0.0.11@25", "smtp:127.1.0.0/22@2525", "imap", "127.0.0.11", "all". */
#ifndef EVERMX_MAILHOST_PLACE_H
#define EVERMX_MAILHOST_PLACE_H

#include "base/address.h"
#include "base/error.h"
#include "behaviour.h"

#include <stdbool.h>
#include <stdint.h>

struct place {
    const struct protocol *protocol; /* NULL: any */
    bool any_address;
    struct address address; /* the first of the prefix */
    unsigned prefix;        /* bits */
    uint16_t port;          /* 0: any */
};

bool place_parse(const char *text, struct place *place, struct error *error);
bool place_contains(const struct place *place, const struct protocol *protocol,
                    const struct address *address, uint16_t port);

/* How many addresses the prefix holds; 0: more than a host can listen on. */
uint32_t place_count(const struct place *place);
struct address place_address(const struct place *place, uint32_t index);

#endif
