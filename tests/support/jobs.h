/* SPDX-License-Identifier: BSD-2-Clause */
/* Pieces of bash that run beside each other, a few at a time. */
#ifndef EVERMX_TESTS_JOBS_H
#define EVERMX_TESTS_JOBS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum job_state { JOB_RUNS, JOB_DONE, JOB_FAILED };

struct job {
    pid_t pid;
    char output[128]; /* a file */
    enum job_state state;
    int64_t end_ms; /* what "done MS" in its output says, else when it was seen to have ended */
};

/* Runs text by bash, with its output in a file. The environment is the caller's. */
void job_start(struct job *job, const char *text, const char *output);
/* Whether it has ended; never waits. */
bool job_ended(struct job *job);
/* Waits; at most patience_ms, then it is killed and has failed. */
void job_wait(struct job *job, int64_t patience_ms);
/* The end of its output, one line. */
void job_last_words(const struct job *job, char *text, size_t size);

#endif
