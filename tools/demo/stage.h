/* SPDX-License-Identifier: BSD-2-Clause */
/* What the demonstration runs: evermxd with a configuration and files in a temporary directory, and
 * one process for each mail host. */
#ifndef EVERMX_DEMO_STAGE_H
#define EVERMX_DEMO_STAGE_H

#include "ask.h"
#include "base/error.h"
#include "child.h"

#include <stdbool.h>
#include <stdint.h>

/* Shorter than the defaults, so that nobody has to wait for long. */
enum { DEMO_INTERVAL_MS = 1000, DEMO_TIMEOUT_MS = 1500 };

struct stage {
    const char *mailhost; /* NULL: the one beside this program */
    int interrupt;        /* a descriptor that can be read once the demonstration is to end */
    char *zone;           /* its file */
    char *programs;       /* the directory of this program */
    char *directory;      /* temporary */
    uint16_t port;        /* of evermxd on 127.0.0.1 */
    struct child server, hosts[HOSTS];
};

bool stage_open(struct stage *stage, const char *zone, struct error *error);
bool stage_start_server(struct stage *stage, struct error *error);
bool stage_start_host(struct stage *stage, int host, struct error *error);

/* Tells a mail host what to do; waits until it is done. */
bool stage_tell_host(struct stage *stage, int host, const char *command, struct error *error);

/* As kill -KILL does. */
bool stage_kill_host(struct stage *stage, int host, struct error *error);

/* False when anything has ended that should be there. */
bool stage_check(const struct stage *stage, struct error *error);

/* What `evermxctl explain example.test MX` prints; to be freed. NULL: nothing. */
char *stage_explain(const struct stage *stage, bool coloured, struct error *error);

/* Ends all; removes the directory unless keep. */
void stage_close(struct stage *stage, bool keep);

#endif
