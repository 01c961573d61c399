/* SPDX-License-Identifier: BSD-2-Clause */
/* The commands of the control socket: a line in, a JSON document out. No socket. Main's thread. */
#ifndef EVERMX_CONTROL_COMMANDS_H
#define EVERMX_CONTROL_COMMANDS_H

#include "base/diagnostics.h"
#include "control/changes.h"
#include "engine/engine.h"
#include "serve/server.h"

#include <jansson.h>
#include <stdbool.h>

/* What main does for the commands. */
struct command_actions {
    void *context;
    /* Reads everything anew. False: nothing has changed, the diagnostics tell why. Errors beside
     * true are of files of zones, which go on as they were: changes->bad tells. Both are empty on
     * entry and the caller's to free. */
    bool (*reload)(void *context, struct diagnostics *diagnostics, struct changes *changes);
    void (*stop)(void *context);
};

struct command_parts {
    struct engine *engine;
    const struct server *server;
    struct command_actions actions;
};

/* Runs a request (its words are cut apart in place) of the user uid. Never NULL. *stop: the process
 * is to end once the answer is written; the caller then calls actions.stop. */
json_t *command_run(const struct command_parts *parts, char *line, unsigned uid, bool *stop);

#endif
