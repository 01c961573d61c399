/* SPDX-License-Identifier: BSD-2-Clause */
/* The machine's default gateways, as its kernel has them now. Any thread. */
#ifndef EVERMX_PROBE_GATEWAY_H
#define EVERMX_PROBE_GATEWAY_H

#include "base/address.h"

#include <stdbool.h>
#include <stddef.h>

/* At most `room` of them; those of link-local addresses are left out. None where there is no
 * default route, or one without a gateway. */
size_t gateways_read(struct address *addresses, size_t room);

/* One line of /proc/net/route, of /proc/net/ipv6_route. False: no default route by a gateway. */
bool gateway_parse4(const char *line, struct address *address);
bool gateway_parse6(const char *line, struct address *address);

#endif
