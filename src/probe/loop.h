/* SPDX-License-Identifier: BSD-2-Clause */
/* The event loop as probing wants it: thousands of sockets that live for a moment. */
#ifndef EVERMX_PROBE_LOOP_H
#define EVERMX_PROBE_LOOP_H

struct event_base;

/* NULL: errno tells why. Freed by event_base_free(). */
struct event_base *loop_new(void);

#endif
