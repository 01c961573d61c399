/* SPDX-License-Identifier: BSD-2-Clause */
/* Asks servers and resolvers again and again, each at its own pace, and puts what they say into the
 * samples. One thread, that of the event base. */
#ifndef EVERMX_DRILL_SAMPLER_H
#define EVERMX_DRILL_SAMPLER_H

#include "base/address.h"
#include "samples.h"
#include "wanted.h"

struct event_base;
struct sampler;

struct sampler_options {
    uint8_t name[NAME_MAX_SIZE];
    const struct wanted *wanted;
    double rate;          /* questions a second to a server */
    double resolver_rate; /* to a resolver; 0: by plan_wait_us(), at most `rate` */
    int64_t steady_us;    /* so long a resolver that has changed is still asked often */
};

/* After each observation that says anything new. */
typedef void sampler_report(void *context, size_t source, unsigned news);

struct sampler *sampler_new(struct event_base *base, struct samples *samples,
                            const struct sampler_options *options, sampler_report *report,
                            void *context);
void sampler_free(struct sampler *sampler); /* NULL is allowed. Not from within a report */

/* All before the first tick; it is added to the samples as well. */
void sampler_add(struct sampler *sampler, enum place place, const struct address *address,
                 uint16_t port);
/* Asks all whose time has come: to be called often. */
void sampler_tick(struct sampler *sampler, int64_t now_us);

#endif
