/* SPDX-License-Identifier: BSD-2-Clause */
/* Names that machines give themselves to others, as in EHLO (RFC 5321 section 4.1.3). Pure. */
#ifndef EVERMX_BASE_HOSTNAME_H
#define EVERMX_BASE_HOSTNAME_H

#include <stdbool.h>

/* Whether a text can be a host's full domain name: two labels at least, the last not a number; no
 * dot at the end. */
bool hostname_is_domain(const char *name);
/* Whether it is the literal of an address: "[192.0.2.1]", "[IPv6:2001:db8::1]". */
bool hostname_is_literal(const char *name);

#endif
