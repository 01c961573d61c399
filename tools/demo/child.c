/* SPDX-License-Identifier: BSD-2-Clause */
#include "child.h"

#include "base/clock.h"
#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* Starting may take long on a loaded machine; ending, too: evermxd takes leave of its probes. */
enum { AWAIT_MS = 10000, END_MS = 3000, END_POLL_MS = 10, OUTPUT_MAX = 16384 };

_Noreturn static void run(pid_t parent, const char *const arguments[], int input, int output,
                          int log)
{
    sigset_t none;
    sigemptyset(&none);
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* a stopped process dies of nothing else */
    if (getppid() != parent)
        _exit(1);
    dup2(input, STDIN_FILENO);
    dup2(output, STDOUT_FILENO);
    dup2(log, STDERR_FILENO);
    signal(SIGPIPE, SIG_DFL);
    sigprocmask(SIG_SETMASK, &none, NULL);
    execv(arguments[0], (char *const *)arguments);
    dprintf(STDERR_FILENO, "%s: %s\n", arguments[0], strerror(errno));
    _exit(127);
}

static void close_all(const int *fds, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (fds[i] >= 0)
            close(fds[i]);
}

bool child_start(struct child *child, const char *const arguments[], const char *log,
                 struct error *error)
{
    int fds[5] = {-1, -1, -1, -1, -1}; /* input, output, the log */
    pid_t parent = getpid(), pid = -1;
    fds[4] = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fds[4] >= 0 && pipe2(fds, O_CLOEXEC) == 0 && pipe2(fds + 2, O_CLOEXEC) == 0)
        pid = fork();
    if (pid < 0) {
        error_set(error, "starting %s: %s", arguments[0], strerror(errno));
        close_all(fds, 5);
        return false;
    }
    if (pid == 0)
        run(parent, arguments, fds[0], fds[3], fds[4]);
    setpgid(pid, pid); /* both sides do it: whoever comes first */
    close_all((int[]){fds[0], fds[3], fds[4]}, 3);
    *child = (struct child){.pid = pid, .input = fds[1], .output = fds[2]};
    return true;
}

enum waiting { CAN_READ, TOO_LATE, INTERRUPTED };

static enum waiting wait_for_output(const struct child *child, int interrupt, int64_t deadline_ms)
{
    for (;;) {
        struct pollfd fds[] = {{child->output, POLLIN, 0}, {interrupt, POLLIN, 0}};
        int64_t left_ms = deadline_ms - clock_now_ms();
        int ready = poll(fds, 2, left_ms > 0 ? (int)left_ms : 0);
        if (ready < 0 && errno == EINTR)
            continue;
        if (ready <= 0)
            return TOO_LATE;
        return fds[1].revents ? INTERRUPTED : CAN_READ;
    }
}

static bool read_line(struct child *child, char *line, size_t size, int interrupt,
                      int64_t deadline_ms, struct error *error)
{
    for (size_t used = 0; used < size - 1; used++) {
        enum waiting waiting = wait_for_output(child, interrupt, deadline_ms);
        if (waiting != CAN_READ)
            return error_set(error, waiting == TOO_LATE ? "no answer in time" : "interrupted");
        if (read(child->output, line + used, 1) != 1)
            return error_set(error, "it has ended");
        line[used + 1] = '\0';
        if (line[used] == '\n')
            break;
    }
    line[strcspn(line, "\n")] = '\0';
    return true;
}

bool child_await(struct child *child, const char *word, int interrupt, struct error *error)
{
    char line[256] = "";
    int64_t deadline_ms = clock_now_ms() + AWAIT_MS;
    do {
        if (!read_line(child, line, sizeof line, interrupt, deadline_ms, error))
            return false;
        if (strncmp(line, "error", strlen("error")) == 0)
            return error_set(error, "it says \"%s\"", line);
    } while (strncmp(line, word, strlen(word)) != 0);
    return true;
}

char *child_read_all(struct child *child, int interrupt)
{
    char *text = memory_alloc(OUTPUT_MAX);
    int64_t deadline_ms = clock_now_ms() + AWAIT_MS;
    ssize_t got = 1;
    for (size_t used = 0; used < OUTPUT_MAX - 1 && got > 0; used += got > 0 ? (size_t)got : 0) {
        if (wait_for_output(child, interrupt, deadline_ms) != CAN_READ)
            break;
        got = read(child->output, text + used, OUTPUT_MAX - 1 - used);
    }
    return text;
}

bool child_tell(struct child *child, const char *line, struct error *error)
{
    if (dprintf(child->input, "%s\n", line) < 0)
        return error_set(error, "telling it \"%s\": %s", line, strerror(errno));
    return true;
}

bool child_signal(const struct child *child, int number, struct error *error)
{
    if (kill(child->pid, number) == 0)
        return true;
    return error_set(error, "sending signal %d to process %d: %s", number, (int)child->pid,
                     strerror(errno));
}

/* Left as a zombie: its number, which is that of the group too, stays ours. */
bool child_has_ended(const struct child *child)
{
    siginfo_t info = {0};
    return waitid(P_PID, (id_t)child->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           info.si_pid != 0;
}

void child_end(struct child *child)
{
    if (!child || child->pid <= 0)
        return;
    int64_t deadline_ms = clock_now_ms() + END_MS;
    kill(-child->pid, SIGTERM);
    kill(-child->pid, SIGCONT);
    while (!child_has_ended(child) && clock_now_ms() < deadline_ms)
        poll(NULL, 0, END_POLL_MS);
    kill(-child->pid, SIGKILL);
    waitpid(child->pid, NULL, 0);
    close(child->input);
    close(child->output);
    *child = (struct child){0};
}
