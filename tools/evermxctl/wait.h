/* SPDX-License-Identifier: BSD-2-Clause */
/* drain --wait: until no resolver holds the host any more. */
#ifndef EVERMXCTL_WAIT_H
#define EVERMXCTL_WAIT_H

#include <jansson.h>
#include <stdbool.h>

struct wait_options {
    const char *path; /* of the control socket */
    const char *host;
    bool json; /* nothing but the last answer is printed */
    bool coloured;
    double timeout_s; /* 0: none */
};

/* Drains by the request, then asks each second at most. Returns the exit status: 0, safe to stop.
 * SIGINT and SIGTERM end the program, with the host drained; before evermxd's first answer it may
 * be. */
int wait_for_drain(const struct wait_options *options, const char *request);

/* How far a drain is. */
void wait_print(bool coloured, const json_t *drain);

#endif
