/* SPDX-License-Identifier: BSD-2-Clause */
#include "errand.h"

#include "base/clock.h"
#include "base/memory.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    LOOK_MS = 5, /* so often it is seen to whether the command has ended: its end is a time that is
                    told */
    KILL_MS = 2000, /* after SIGTERM */
    LINE_SIZE = 1024,
    TURNS_MAX = 64,
};

struct errands {
    struct event *output, *look;
    int64_t timeout_ms;
    struct errand_reports reports;
    void *context;
    int pipe[2]; /* of all commands' output; open to the end, for what they leave running */
    char line[LINE_SIZE];
    size_t used;
    pid_t pid; /* of the command, and its group; 0: none */
    int64_t since_ms;
    bool late;
    pid_t guard;
    int guard_input; /* -1: none */
};

/* ---- starting ---- */

struct spawning {
    int input;  /* -1: /dev/null */
    int output; /* -1: our standard error */
    bool session;
};

static void set_up(posix_spawnattr_t *attributes, posix_spawn_file_actions_t *files,
                   const struct spawning *how)
{
    sigset_t none, all;
    short session = how->session ? POSIX_SPAWN_SETSID : POSIX_SPAWN_SETPGROUP;
    int output = how->output < 0 ? STDERR_FILENO : how->output;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(attributes, &none);
    posix_spawnattr_setsigdefault(attributes, &all);
    posix_spawnattr_setflags(attributes,
                             (short)(session | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF));
    if (how->input < 0)
        posix_spawn_file_actions_addopen(files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    else
        posix_spawn_file_actions_adddup2(files, how->input, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(files, output, STDOUT_FILENO);
    if (how->output >= 0)
        posix_spawn_file_actions_adddup2(files, output, STDERR_FILENO);
}

static bool spawn(const struct spawning *how, const char *const arguments[], pid_t *pid,
                  struct error *error)
{
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_t files;
    posix_spawnattr_init(&attributes);
    posix_spawn_file_actions_init(&files);
    set_up(&attributes, &files, how);
    int failed =
        posix_spawn(pid, "/bin/sh", &files, &attributes, (char *const *)arguments, environ);
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attributes);
    return !failed || error_set(error, "starting /bin/sh: %s", strerror(failed));
}

/* ---- what commands write ---- */

static void end_line(struct errands *errands)
{
    errands->line[errands->used] = '\0';
    errands->used = 0;
    errands->reports.line(errands->context, errands->line);
}

static void take(struct errands *errands, char octet)
{
    if (octet == '\n') {
        end_line(errands);
        return;
    }
    if (errands->used == LINE_SIZE - 1)
        end_line(errands);
    /* Somebody's terminal shows it. */
    errands->line[errands->used++] = (unsigned char)octet < ' ' || octet == 127 ? ' ' : octet;
}

static void on_output(evutil_socket_t fd, short what, void *context)
{
    struct errands *errands = context;
    char buffer[LINE_SIZE];
    ssize_t got;
    (void)what;
    /* One that never stops writing must not keep us from the rest. */
    for (int turns = 0; turns < TURNS_MAX && (got = read(fd, buffer, sizeof buffer)) > 0; turns++)
        for (ssize_t i = 0; i < got; i++)
            take(errands, buffer[i]);
}

/* ---- the guard ---- */

/* Ends what is under way before it mends: a command that breaks must not come last. */
static const char guard_script[] = "while read -r word group; do\n"
                                   "    [ \"$word\" != mended ] || exit 0\n"
                                   "    running=$group\n"
                                   "done\n"
                                   "[ -z \"${running:-}\" ] || kill -KILL \"-$running\"\n"
                                   "exec sh -c \"$1\"\n";

bool errands_guard(struct errands *errands, const char *mend, struct error *error)
{
    const char *const arguments[] = {"sh", "-c", guard_script, "sh", mend, NULL};
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) != 0)
        return error_set(error, "opening a pipe: %s", strerror(errno));
    const struct spawning how = {.input = fds[0], .output = -1, .session = true};
    bool good = spawn(&how, arguments, &errands->guard, error);
    close(fds[0]);
    if (good)
        errands->guard_input = fds[1];
    else
        close(fds[1]);
    return good;
}

/* False: there is none, or it is gone. */
static bool tell_guard(const struct errands *errands, const char *word, pid_t group)
{
    char line[64] = "";
    int size = snprintf(line, sizeof line, group ? "%s %d\n" : "%s\n", word, (int)group);
    return errands->guard_input >= 0 && write(errands->guard_input, line, (size_t)size) == size;
}

void errands_dismiss(struct errands *errands)
{
    if (errands->guard_input < 0)
        return;
    if (tell_guard(errands, "mended", 0))
        waitpid(errands->guard, NULL, 0);
    close(errands->guard_input);
    errands->guard_input = -1;
}

/* ---- running ---- */

static void look_again(struct errands *errands)
{
    const struct timeval wait = {.tv_usec = LOOK_MS * 1000};
    event_add(errands->look, &wait);
}

static void end(struct errands *errands, int status)
{
    char why[80];
    if (errands->late)
        snprintf(why, sizeof why, "it was not done after %lld s",
                 (long long)(errands->timeout_ms / 1000));
    else if (WIFSIGNALED(status))
        snprintf(why, sizeof why, "it was ended by signal %d", WTERMSIG(status));
    else
        snprintf(why, sizeof why, "its exit status was %d", WEXITSTATUS(status));
    errands->pid = 0;
    tell_guard(errands, "ended", 0);
    on_output(errands->pipe[0], EV_READ, errands);
    if (errands->used)
        end_line(errands);
    errands->reports.ended(errands->context, status || errands->late ? why : NULL);
}

static void on_look(evutil_socket_t fd, short what, void *context)
{
    struct errands *errands = context;
    int status;
    (void)fd, (void)what;
    if (waitpid(errands->pid, &status, WNOHANG) == errands->pid) {
        end(errands, status);
        return;
    }
    int64_t age_ms = clock_now_ms() - errands->since_ms;
    if (age_ms >= errands->timeout_ms && !errands->late) {
        errands->late = true;
        kill(-errands->pid, SIGTERM);
        kill(-errands->pid, SIGCONT);
    }
    if (age_ms >= errands->timeout_ms + KILL_MS)
        kill(-errands->pid, SIGKILL);
    look_again(errands);
}

bool errands_run(struct errands *errands, const char *command, struct error *error)
{
    const char *const arguments[] = {"sh", "-c", command, NULL};
    const struct spawning how = {.input = -1, .output = errands->pipe[1]};
    if (!spawn(&how, arguments, &errands->pid, error)) {
        errands->pid = 0;
        return false;
    }
    errands->since_ms = clock_now_ms();
    errands->late = false;
    tell_guard(errands, "running", errands->pid);
    look_again(errands);
    return true;
}

bool errands_is_busy(const struct errands *errands)
{
    return errands->pid != 0;
}

/* ---- all of it ---- */

struct errands *errands_new(struct event_base *base, int64_t timeout_ms,
                            const struct errand_reports *reports, void *context,
                            struct error *error)
{
    struct errands *errands = memory_alloc(sizeof *errands);
    errands->timeout_ms = timeout_ms;
    errands->reports = *reports;
    errands->context = context;
    errands->guard_input = -1;
    if (pipe2(errands->pipe, O_CLOEXEC) != 0) {
        error_set(error, "opening a pipe: %s", strerror(errno));
        free(errands);
        return NULL;
    }
    evutil_make_socket_nonblocking(errands->pipe[0]);
    errands->output = event_new(base, errands->pipe[0], EV_READ | EV_PERSIST, on_output, errands);
    errands->look = event_new(base, -1, 0, on_look, errands);
    if (!errands->output || !errands->look || event_add(errands->output, NULL) != 0)
        memory_exhausted(sizeof *errands);
    return errands;
}

void errands_free(struct errands *errands)
{
    if (!errands)
        return;
    if (errands->pid) {
        kill(-errands->pid, SIGKILL);
        waitpid(errands->pid, NULL, 0);
    }
    if (errands->guard_input >= 0)
        close(errands->guard_input);
    event_free(errands->output);
    event_free(errands->look);
    close(errands->pipe[0]);
    close(errands->pipe[1]);
    free(errands);
}
