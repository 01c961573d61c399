/* SPDX-License-Identifier: BSD-2-Clause */
/* What is done to the mail hosts, one step after the other, and what the answers are expected to
 * become. */
#ifndef EVERMX_DEMO_STEPS_H
#define EVERMX_DEMO_STEPS_H

#include "ask.h"
#include "base/error.h"
#include "stage.h"

#include <stdbool.h>
#include <stdint.h>

enum ttl {
    TTL_ANY,
    TTL_WHOLE,     /* that of answers while nobody is in doubt */
    TTL_FAIL_OPEN, /* short: all are known to be dead */
};

enum { TTL_WHOLE_S = 10, TTL_FAIL_OPEN_S = 5 };

#define STATE_WORKS "works" /* of a host to which nothing was done */

struct step {
    const char *title;
    const char *told;  /* what is done, as a line at 0.00 s */
    const char *done;  /* what the answers then show */
    const char *state; /* of the host from now on; NULL: as it was */
    int host;
    bool (*act)(struct stage *stage, const struct step *step, struct error *error);
    const char *const *commands; /* of stage_tell_host */
    int signal;
    unsigned expected[QUESTIONS]; /* bits of the hosts in each answer */
    enum ttl ttl;
    bool explain; /* what evermxctl has to say about it is shown */
};

enum { STEPS = 9 };
extern const struct step steps[STEPS];

/* Does what the step says. *since_us: the moment from which its times count. */
bool step_act(struct stage *stage, const struct step *step, int64_t *since_us, struct error *error);

bool step_fits(const struct step *step, enum question question, const struct answer *answer);

#endif
