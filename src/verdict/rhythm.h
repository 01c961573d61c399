/* SPDX-License-Identifier: BSD-2-Clause */
/* Both rhythms of probing, liveness and service. Pure. Of the verdict machine alone; what others
 * ask is verdict_next(). */
#ifndef EVERMX_VERDICT_RHYTHM_H
#define EVERMX_VERDICT_RHYTHM_H

#include "verdict/verdict.h"

/* Not to be asked again soon: the host is well, as far as it lets us see, and each attempt may make
 * it like us less. */
bool rhythm_is_about_us(enum reason reason);

/* After a failure, from the start of the probe that failed. */
int64_t rhythm_recheck_ms(const struct verdict_policy *policy, enum reason reason);

/* A service probe has ended so, and the verdict is stepped: when the next one is due. */
void rhythm_plan_service(struct verdict *verdict, const struct verdict_policy *policy,
                         enum reason reason, bool first, int64_t now_ms);

#endif
