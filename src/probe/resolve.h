/* SPDX-License-Identifier: BSD-2-Clause */
/* Addresses of hosts outside our zones, asked of the system's resolver again and again (libevent's
 * evdns, /etc/resolv.conf and /etc/hosts) without blocking. Lives in the thread of its event base.
 */
#ifndef EVERMX_PROBE_RESOLVE_H
#define EVERMX_PROBE_RESOLVE_H

#include "base/address.h"

#include <stddef.h>
#include <stdint.h>

struct event_base;
struct resolver;

/* The addresses (A and AAAA) of a name as they are now; called after each look-up that succeeded
 * and whose set differs from the one before, always from the loop. Failures and empty answers are
 * no news: what was known stays. Where only one of A and AAAA fails, the addresses known of it stay
 * too. */
typedef void resolve_report(void *context, uint32_t id, const struct address *addresses,
                            size_t count);

/* resolv_conf: NULL for the system's. */
struct resolver *resolver_new(struct event_base *base, const char *resolv_conf,
                              resolve_report *report, void *context);
/* Reads resolv.conf and /etc/hosts anew; what was asked of a nameserver that has left is asked of
 * the others. */
void resolver_reread(struct resolver *resolver);
/* No report comes any more, but what was under way is freed by the loop's next turn: let it have
 * one (EVLOOP_NONBLOCK) before event_base_free, or it leaks. Not from within a report. */
void resolver_free(struct resolver *resolver);
void resolver_add(struct resolver *resolver, uint32_t id, const char *name);
void resolver_remove(struct resolver *resolver, uint32_t id); /* not from within a report */

/* How often a name is asked for, and how soon again after a failure: 30 s and 5 s unless set. */
void resolver_set_rhythm(struct resolver *resolver, int64_t refresh_ms, int64_t retry_ms);

#endif
