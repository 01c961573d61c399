/* SPDX-License-Identifier: BSD-2-Clause */
/* Sentinels: one idle session to a server each, whose end tells at once that something happens
 * there: a FIN, a RST, or no acknowledgement (keepalive). That is never a verdict, only a reason to
 * probe now (idle sessions notice the kill of a whole host in milliseconds; a FIN alone is no
 * proof). The event base's thread. */
#ifndef EVERMX_PROBE_SENTINEL_H
#define EVERMX_PROBE_SENTINEL_H

#include "probe/session.h"

struct sentinel;

enum sentinel_end {
    SENTINEL_UNGREETED, /* the session never came to be greeted */
    SENTINEL_BROKEN,    /* it had been, and has ended by itself: something happens there */
    SENTINEL_YIELDED,   /* its place at the host was asked for, and it has left: says nothing */
};

/* The sentinel is gone. */
typedef void sentinel_ended(void *context, enum sentinel_end how);

/* Waits for a place at the host (peers.h), behind everybody else; connects (TLS first where the
 * check has it), reads the greeting, and then only listens; a server that ends idle sessions after
 * a while is asked again (quietly) by the owner. Whoever waits for its place gets it. The target
 * must stay as long as the sentinel. Nothing is reported before it returns. */
struct sentinel *sentinel_start(const struct session_setting *setting,
                                const struct probe_target *target, sentinel_ended *ended,
                                void *context);
/* Ends it with LOGOUT, without waiting for the answer; or waits no longer. */
void sentinel_stop(struct sentinel *sentinel);

#endif
