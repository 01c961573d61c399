/* SPDX-License-Identifier: BSD-2-Clause */
/* What `evermxctl status --json` says of single targets. */
#ifndef EVERMX_TESTS_STATUS_H
#define EVERMX_TESTS_STATUS_H

#include "support/rig.h"

struct status;

struct status *status_ask(struct rig *rig);
void status_free(struct status *status);

struct target_status { /* texts are empty where nothing is said */
    char verdict[16], reason[32], detail[200];
    char unheard[32]; /* why the last probe told nothing */
    char warning[32];
    char said[200]; /* with one of the two */
    bool is_known;
    double rtt_ms; /* of the last good probe; 0: none */
    long long probes, failures, unknowns;
};

/* Fails the test where there is no such target. */
void status_find(const struct status *status, const char *address, int port,
                 struct target_status *target);

#endif
