/* SPDX-License-Identifier: BSD-2-Clause */
/* Our own evidence of whether the mail host lives: it is probed as evermxd probes (connect, whole
 * greeting, goodbye), twice a second, and no verdict is drawn from it. One thread, that of the
 * event base. */
#ifndef EVERMX_DRILL_LIVENESS_H
#define EVERMX_DRILL_LIVENESS_H

#include "base/address.h"
#include "base/error.h"
#include "config/config.h"
#include "samples.h"

struct event_base;
struct liveness;

enum { LIVENESS_INTERVAL_MS = 500 };

struct liveness_target {
    enum check_kind kind;
    struct address address;
    uint16_t port;
};

/* "smtp@192.0.2.1", "imap@[2001:db8::1]@143": the kind's own port, unless there is one. */
bool liveness_parse(const char *text, struct liveness_target *target, struct error *error);

/* An outcome as an observation, and in words: "refused". */
typedef void liveness_report(void *context, const struct observation *observation,
                             const char *reason);

/* NULL: OpenSSL cannot be set up (logged). `name` is what certificates are for. */
struct liveness *liveness_new(struct event_base *base, const struct liveness_target *target,
                              const char *name, liveness_report *report, void *context);
void liveness_free(struct liveness *liveness); /* NULL is allowed. Not from within a report */

#endif
