/* SPDX-License-Identifier: BSD-2-Clause */
/* Domain names as the configuration writes them (RFC 1035 section 5.1): whether they are names, and
 * whether two are the same name. The model turns them to wire format for use. Pure. */
#ifndef EVERMX_CONFIG_DOMAIN_H
#define EVERMX_CONFIG_DOMAIN_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

enum { DOMAIN_MAX_SIZE = 255 }; /* octets in wire format, with the root's (section 2.3.4) */

/* Writes the name's lower-case wire format, by which names compare. Returns its size, 0 with *error
 * set when the text is no name of a host or of a mail domain. The last dot may be left out. */
size_t domain_parse(const char *text, uint8_t key[DOMAIN_MAX_SIZE], struct error *error);

#endif
