/* SPDX-License-Identifier: BSD-2-Clause */
/* Programs that the demonstration starts. Each has a process group of its own, so that Ctrl-C
 * reaches the demonstration alone, which then ends them; and the kernel kills them when it dies
 * itself. */
#ifndef EVERMX_DEMO_CHILD_H
#define EVERMX_DEMO_CHILD_H

#include "base/error.h"

#include <stdbool.h>
#include <sys/types.h>

struct child {
    pid_t pid; /* 0: none */
    int input, output;
};

/* Its standard input and output are pipes, its errors go to the end of a file. */
bool child_start(struct child *child, const char *const arguments[], const char *log,
                 struct error *error);

/* Reads its output until a line that begins with this word; interrupt: a descriptor that ends the
 * waiting when it can be read. */
bool child_await(struct child *child, const char *word, int interrupt, struct error *error);

/* All its output until it ends, or is too long, or takes too long; to be freed. */
char *child_read_all(struct child *child, int interrupt);

/* Writes a line. */
bool child_tell(struct child *child, const char *line, struct error *error);

/* To its first process alone. */
bool child_signal(const struct child *child, int number, struct error *error);

bool child_has_ended(const struct child *child);

/* Ends it and all that it started, politely first. NULL and none are fine. */
void child_end(struct child *child);

#endif
