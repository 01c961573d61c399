/* SPDX-License-Identifier: BSD-2-Clause */
/* The control socket: a UNIX stream socket. A request is one line of at most CONTROL_LINE_MAX
 * octets of printable ASCII, words separated by blanks; the answer is one JSON document and end of
 * file. An error is {"error": "..."}. Lives in main's thread and event base. */
#ifndef EVERMX_CONTROL_CONTROL_H
#define EVERMX_CONTROL_CONTROL_H

#include "base/error.h"
#include "control/commands.h"

enum {
    CONTROL_LINE_MAX = 2048,
    CONTROL_CLIENTS_MAX = 32,    /* at a time; more wait in the kernel's queue */
    CONTROL_PATIENCE_MS = 10000, /* for a request to come, and for an answer to be read */
};

struct event_base;
struct control;

/* Makes the socket (mode 0660), replacing a stale one; an error when somebody listens there. Who
 * connects waits for control_start, so that the socket can be made with more privileges than the
 * rest needs. */
struct control *control_new(struct event_base *base, const char *path, struct error *error);

/* What the commands work on; it must outlive the event loop's running. */
void control_start(struct control *control, const struct command_parts *parts);

/* Removes the socket. The client that asked for the end has its end of file only now: its answer
 * ends when the process is about to. */
void control_free(struct control *control);

#endif
