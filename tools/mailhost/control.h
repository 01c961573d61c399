/* SPDX-License-Identifier: BSD-2-Clause */
/* Commands to a running host, by standard input and by a UNIX socket. Each command is one line; its
 * answer is any number of lines and then "ok" or "error: ...". */
#ifndef EVERMX_MAILHOST_CONTROL_H
#define EVERMX_MAILHOST_CONTROL_H

#include "base/error.h"
#include "listener.h"

#include <event2/event.h>
#include <stdbool.h>

struct control;

/* path may be NULL. end_with_stdin: the end of a standard input that is a pipe ends the loop. */
struct control *control_new(struct host *host, const char *path, struct error *error);
void control_start_stdin(struct control *control, bool end_with_stdin);
void control_free(struct control *control);

/* The client's side: sends one command to the socket of a running host and prints the answer. The
 * exit status: 0 for "ok". */
int control_tell(const char *path, char *const words[], int count);

#endif
