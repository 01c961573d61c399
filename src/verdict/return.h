/* SPDX-License-Identifier: BSD-2-Clause */
/* Coming back: what a fall costs, and when and how a target that passes its probes again returns.
 * Pure. Of the verdict machine alone; nothing here ever delays a fall. */
#ifndef EVERMX_VERDICT_RETURN_H
#define EVERMX_VERDICT_RETURN_H

#include "verdict/verdict.h"

/* It goes down now, by its `reason`: the hold and the penalty of that. A target that was never seen
 * good has nothing to flap from, and pays nothing. */
void return_fell(struct verdict *verdict, const struct verdict_policy *policy, int64_t now_ms);
/* The fall was none: undone, with what it cost. */
void return_revoked(struct verdict *verdict, int64_t now_ms);
/* Down: whether its probes are good again; */
bool return_is_passing(const struct verdict *verdict, const struct verdict_policy *policy);
/* and if they are, whether it is up now; else `held` says why not. */
bool return_passed(struct verdict *verdict, const struct verdict_policy *policy, int64_t now_ms);

double return_penalty(const struct verdict *verdict, int64_t now_ms);
/* When the penalty falls below FLAP_READMIT. */
int64_t return_damped_until_ms(const struct verdict *verdict);

#endif
