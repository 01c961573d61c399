/* SPDX-License-Identifier: BSD-2-Clause */
/* One request to evermxd's control socket, and its answer. */
#ifndef EVERMXCTL_ASK_H
#define EVERMXCTL_ASK_H

#include <jansson.h>

enum exit_status {
    EXIT_REFUSED = 1,
    EXIT_WRONG_USAGE = 2,
    EXIT_NO_SERVER = 3,
    EXIT_IN_PART = 4, /* a reload that left out what is bad */
    EXIT_INTERRUPTED = 130,
};

/* The request is a whole line. Returns an object. Where there is no server, or no answer, ends the
 * program with EXIT_NO_SERVER. */
json_t *ask_server(const char *path, const char *request);

#endif
