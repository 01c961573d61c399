/* SPDX-License-Identifier: BSD-2-Clause */
/* Real commands, and real ends of the program that runs them. */
#include "../../tools/drill/watch/errand.h"

#include "base/clock.h"

#include <event2/event.h>
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

struct run {
    struct event_base *base;
    struct errands *errands;
    unsigned ends;
    char why[128], lines[256];
    char folder[32], file[64];
};

static void on_ended(void *context, const char *why)
{
    struct run *run = context;
    run->ends++;
    snprintf(run->why, sizeof run->why, "%s", why ? why : "");
    event_base_loopbreak(run->base);
}

static void on_line(void *context, const char *line)
{
    struct run *run = context;
    size_t used = strlen(run->lines);
    snprintf(run->lines + used, sizeof run->lines - used, "%s|", line);
}

static void set_up(struct run *run, int64_t timeout_ms)
{
    static const struct errand_reports reports = {.ended = on_ended, .line = on_line};
    *run = (struct run){.folder = "/tmp/evermx-errand-XXXXXX", .base = event_base_new()};
    assert_non_null(mkdtemp(run->folder));
    snprintf(run->file, sizeof run->file, "%s/mended", run->folder);
    run->errands = errands_new(run->base, timeout_ms, &reports, run, NULL);
    assert_non_null(run->errands);
}

static void tear_down(struct run *run)
{
    errands_free(run->errands);
    event_base_free(run->base);
    unlink(run->file);
    rmdir(run->folder);
}

static void run_command(struct run *run, const char *command)
{
    const struct timeval patience = {.tv_sec = 20};
    unsigned before = run->ends;
    run->lines[0] = '\0';
    assert_true(errands_run(run->errands, command, NULL));
    assert_true(errands_is_busy(run->errands));
    event_base_loopexit(run->base, &patience);
    while (run->ends == before && !event_base_got_exit(run->base))
        event_base_dispatch(run->base);
    assert_int_equal(run->ends, before + 1);
    assert_false(errands_is_busy(run->errands));
}

static void ends_are_told(void **state)
{
    struct run run;
    (void)state;
    set_up(&run, 60000);
    run_command(&run, "echo one; printf 'two\\033[m\\nthree' >&2");
    assert_string_equal(run.why, "");
    assert_string_equal(run.lines, "one|two [m|three|");
    run_command(&run, "exit 3");
    assert_string_equal(run.why, "its exit status was 3");
    run_command(&run, "kill -KILL $$");
    assert_string_equal(run.why, "it was ended by signal 9");
    run_command(&run, "cat; ps -o pgid= -p $$ | tr -d ' ' | grep -x $$ >/dev/null");
    assert_string_equal(run.why, ""); /* input is empty, the group its own */
    tear_down(&run);
}

static void what_takes_too_long_is_ended(void **state)
{
    struct run run;
    (void)state;
    set_up(&run, 200);
    int64_t before_ms = clock_now_ms();
    run_command(&run, "sleep 50; sleep 50");
    assert_string_equal(run.why, "it was not done after 0 s");
    assert_true(clock_now_ms() - before_ms < 10000);
    run_command(&run, "trap '' TERM; while :; do sleep 50; done");
    assert_string_equal(run.why, "it was not done after 0 s");
    tear_down(&run);
}

/* The mended host goes on, and may write. */
static void what_is_left_running_stays(void **state)
{
    struct run run;
    (void)state;
    set_up(&run, 60000);
    run_command(&run, "{ sleep 0.2; echo late; } & echo $!");
    assert_string_equal(run.why, "");
    run_command(&run, "sleep 0.5");
    assert_string_equal(run.lines, "late|");
    tear_down(&run);
}

static bool appears(const char *file, int64_t within_ms)
{
    for (int64_t end_ms = clock_now_ms() + within_ms; clock_now_ms() < end_ms; poll(NULL, 0, 10))
        if (access(file, F_OK) == 0)
            return true;
    return false;
}

static void a_guard_that_is_dismissed(void **state)
{
    struct run run;
    char mend[128];
    (void)state;
    set_up(&run, 60000);
    snprintf(mend, sizeof mend, "touch %s", run.file);
    assert_true(errands_guard(run.errands, mend, NULL));
    errands_dismiss(run.errands);
    assert_true(waitpid(-1, NULL, WNOHANG) < 0); /* it has ended */
    assert_false(appears(run.file, 100));
    errands_dismiss(run.errands); /* nothing */
    tear_down(&run);
}

/* The program is killed, with a command under way or not; the guard is not dismissed. */
static void be_killed(const struct run *run, const char *mend, const char *command)
{
    int status;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        if (errands_guard(run->errands, mend, NULL) &&
            (!command || errands_run(run->errands, command, NULL)))
            raise(SIGKILL);
        _exit(1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
}

static void a_guard_that_is_needed(void **state)
{
    struct run run;
    char mend[128];
    (void)state;
    set_up(&run, 60000);
    snprintf(mend, sizeof mend, "touch %s", run.file);
    be_killed(&run, mend, NULL);
    assert_true(appears(run.file, 10000));
    tear_down(&run);
}

/* What would break the host later does not. */
static void a_guard_in_the_middle(void **state)
{
    struct run run;
    char mend[128], command[128];
    (void)state;
    set_up(&run, 60000);
    snprintf(mend, sizeof mend, "touch %s", run.file);
    snprintf(command, sizeof command, "sleep 0.5; rm -f %s", run.file);
    be_killed(&run, mend, command);
    assert_true(appears(run.file, 10000));
    poll(NULL, 0, 800);
    assert_int_equal(access(run.file, F_OK), 0);
    tear_down(&run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ends_are_told),
        cmocka_unit_test(what_takes_too_long_is_ended),
        cmocka_unit_test(what_is_left_running_stays),
        cmocka_unit_test(a_guard_that_is_dismissed),
        cmocka_unit_test(a_guard_that_is_needed),
        cmocka_unit_test(a_guard_in_the_middle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
