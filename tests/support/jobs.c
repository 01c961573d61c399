/* SPDX-License-Identifier: BSD-2-Clause */
#include "support/jobs.h"

#include "base/clock.h"

#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { PAUSE_MS = 5 };

/* In a process group of its own, so that all of it can be ended. */
static void run_bash(const char *text, const char *output)
{
    setpgid(0, 0);
    int to = open(output, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    int from = open("/dev/null", O_RDONLY);
    if (to < 0 || from < 0 || dup2(from, 0) < 0 || dup2(to, 1) < 0 || dup2(to, 2) < 0)
        _exit(127);
    execlp("bash", "bash", "-c", text, (char *)NULL);
    _exit(127);
}

void job_start(struct job *job, const char *text, const char *output)
{
    memset(job, 0, sizeof *job);
    snprintf(job->output, sizeof job->output, "%s", output);
    job->pid = fork();
    assert_true(job->pid >= 0);
    if (job->pid == 0)
        run_bash(text, output);
}

static int64_t done_ms(const struct job *job)
{
    char line[512];
    long long ms = -1;
    FILE *in = fopen(job->output, "r");
    while (in && fgets(line, sizeof line, in))
        sscanf(line, "done %lld", &ms);
    if (in)
        fclose(in);
    return ms;
}

bool job_ended(struct job *job)
{
    if (job->state != JOB_RUNS)
        return true;
    int status;
    if (waitpid(job->pid, &status, WNOHANG) != job->pid)
        return false;
    int64_t said_ms = done_ms(job);
    job->end_ms = said_ms >= 0 ? said_ms : clock_now_ms();
    job->state = WIFEXITED(status) && WEXITSTATUS(status) == 0 ? JOB_DONE : JOB_FAILED;
    return true;
}

void job_wait(struct job *job, int64_t patience_ms)
{
    int64_t deadline_ms = clock_now_ms() + patience_ms;
    while (!job_ended(job) && clock_now_ms() < deadline_ms)
        poll(NULL, 0, PAUSE_MS);
    if (job->state != JOB_RUNS)
        return;
    kill(-job->pid, SIGKILL);
    waitpid(job->pid, NULL, 0);
    job->state = JOB_FAILED;
}

void job_last_words(const struct job *job, char *text, size_t size)
{
    char line[512] = "";
    text[0] = '\0';
    FILE *in = fopen(job->output, "r");
    while (in && fgets(line, sizeof line, in))
        snprintf(text, size, "%.*s", (int)strcspn(line, "\n"), line);
    if (in)
        fclose(in);
}
