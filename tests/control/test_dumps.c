/* SPDX-License-Identifier: BSD-2-Clause */
/* A whole evermxd with credentials: it shows them to nobody, keeps them out of what a core dump
 * would hold, makes none, and forgets those that a reload has replaced. For root alone: others may
 * not look into such a process. */
#include "base/clock.h"
#include "support/config_file.h"
#include "support/mappings.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { PASSWORD_SIZE = 24, OTHER_USER = 65534, DEADLINE_MS = 20000 };

struct daemon {
    char folder[FOLDER_SIZE], config[128], log[128], control[128], listen[64];
    pid_t pid;
};

/* Of the same build as this test. */
static void program_path(const char *name, char path[PATH_MAX])
{
    ssize_t size = readlink("/proc/self/exe", path, PATH_MAX - 64);
    assert_true(size > 0);
    path[size] = '\0';
    char *tests = strstr(path, "/tests/control/");
    assert_non_null(tests);
    sprintf(tests, "/%s", name);
}

static void write_for_daemon(const struct daemon *daemon, const char *file, const char *text)
{
    char path[128];
    folder_write(daemon->folder, file, text);
    folder_path(daemon->folder, file, path, sizeof path);
    assert_int_equal(chown(path, OTHER_USER, OTHER_USER), 0);
    assert_int_equal(chmod(path, 0600), 0);
}

/* From a user's hands, as a process that becomes another user makes no dumps anyway. */
static void run_daemon(const struct daemon *daemon)
{
    char program[PATH_MAX];
    program_path("evermxd", program);
    int log = open(daemon->log, O_WRONLY | O_APPEND);
    int binary = open(program, O_RDONLY | O_CLOEXEC); /* its folder may be closed to that user */
    const char *const arguments[] = {"evermxd",       "-c",       daemon->config, "--control",
                                     daemon->control, "--listen", daemon->listen, NULL};
    if (log < 0 || dup2(log, STDERR_FILENO) < 0 || setgid(OTHER_USER) < 0 || setuid(OTHER_USER) < 0)
        _exit(1);
    fexecve(binary, (char *const *)arguments, environ);
    _exit(1);
}

static int set_up(void **state)
{
    struct daemon *daemon = calloc(1, sizeof *daemon);
    *state = daemon;
    folder_make(daemon->folder);
    if (geteuid() != 0)
        return 0;
    assert_int_equal(chown(daemon->folder, OTHER_USER, OTHER_USER), 0);
    folder_path(daemon->folder, "evermx.yaml", daemon->config, sizeof daemon->config);
    folder_path(daemon->folder, "log", daemon->log, sizeof daemon->log);
    folder_path(daemon->folder, "control", daemon->control, sizeof daemon->control);
    snprintf(daemon->listen, sizeof daemon->listen, "127.0.0.1@%u", free_port());
    write_for_daemon(daemon, "a.zone",
                     "$ORIGIN a.test.\n$TTL 5\n@ SOA ns h 1 2 3 4 5\n@ NS ns\nns A 127.0.0.53\n"
                     "@ MX 1 mx\n_imap._tcp SRV 0 1 143 mx\nmx A 127.77.0.11\n");
    write_for_daemon(daemon, "log", "");
    return 0;
}

static int tear_down(void **state)
{
    struct daemon *daemon = *state;
    if (daemon->pid > 0) {
        kill(daemon->pid, SIGKILL);
        waitpid(daemon->pid, NULL, 0);
    }
    folder_remove(daemon->folder);
    free(daemon);
    return 0;
}

static unsigned count_text(const char *text, const char *part)
{
    unsigned count = 0;
    for (const char *at = text; (at = strstr(at, part)); at++)
        count++;
    return count;
}

/* Waits until the log tells something for the so-many-th time. */
static void await_log(const struct daemon *daemon, const char *part, unsigned times)
{
    int64_t deadline_ms = clock_now_ms() + DEADLINE_MS;
    for (;;) {
        size_t size;
        char *text = file_read_all(daemon->log, &size);
        bool told = count_text(text, part) >= times;
        if (!told && (clock_now_ms() > deadline_ms || waitpid(daemon->pid, NULL, WNOHANG) != 0))
            fail_msg("'%s' is not in the log: %s", part, text);
        free(text);
        if (told)
            return;
        usleep(20 * 1000);
    }
}

static void start(struct daemon *daemon)
{
    daemon->pid = fork();
    assert_true(daemon->pid >= 0);
    if (daemon->pid == 0)
        run_daemon(daemon);
    await_log(daemon, " ready on ", 1);
}

static void make_password(char password[PASSWORD_SIZE + 1])
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz012345";
    int source = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
    assert_int_equal(read(source, password, PASSWORD_SIZE), PASSWORD_SIZE);
    close(source);
    for (size_t i = 0; i < PASSWORD_SIZE; i++)
        password[i] = letters[(unsigned char)password[i] % 32];
    password[PASSWORD_SIZE] = '\0';
}

/* Memory as it is at one moment. */
static struct mappings_found search(const struct daemon *daemon, const char *text)
{
    int status;
    assert_int_equal(kill(daemon->pid, SIGSTOP), 0);
    assert_int_equal(waitpid(daemon->pid, &status, WUNTRACED), daemon->pid);
    struct mappings_found found = mappings_search(daemon->pid, text, strlen(text));
    assert_int_equal(kill(daemon->pid, SIGCONT), 0);
    return found;
}

/* Of a process that may be dumped, /proc shows its user; else root. */
static bool may_be_dumped(const struct daemon *daemon)
{
    char path[64];
    struct stat status;
    snprintf(path, sizeof path, "/proc/%d/mem", (int)daemon->pid);
    assert_int_equal(stat(path, &status), 0);
    return status.st_uid == OTHER_USER;
}

static void write_password(const struct daemon *daemon, const char *password)
{
    char text[128];
    snprintf(text, sizeof text, "user: probe\npassword: %s\n", password);
    write_for_daemon(daemon, "secret", text);
    write_for_daemon(daemon, "evermx.yaml",
                     "zones: [a.zone]\nchecks: {imap: {credentials: secret}}\n");
}

static void reload(const struct daemon *daemon, const char *password, unsigned times)
{
    write_password(daemon, password);
    assert_int_equal(kill(daemon->pid, SIGHUP), 0);
    await_log(daemon, "reload: done", times);
}

/* What evermxctl shows of it. */
static void expect_silence(const struct daemon *daemon, const char *password)
{
    static const char *const commands[] = {"status --json", "status", "metrics",
                                           "explain _imap._tcp.a.test SRV"};
    char program[PATH_MAX], command[PATH_MAX + 300], shown[65536];
    program_path("evermxctl", program);
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        snprintf(command, sizeof command, "%s -s %s %s 2>&1", program, daemon->control,
                 commands[i]);
        FILE *output = popen(command, "r");
        size_t size = fread(shown, 1, sizeof shown - 1, output);
        shown[size] = '\0';
        if (pclose(output) != 0 || !strstr(shown, "mx.a.test"))
            fail_msg("%s: %s", commands[i], shown);
        assert_null(strstr(shown, password));
    }
    size_t size;
    char *text = file_read_all(daemon->log, &size);
    assert_null(strstr(text, password));
    free(text);
}

static void no_trace(void **state)
{
    struct daemon *daemon = *state;
    char first[PASSWORD_SIZE + 1], second[PASSWORD_SIZE + 1];
    if (geteuid() != 0)
        skip();
    write_for_daemon(daemon, "evermx.yaml", "zones: [a.zone]\n");
    start(daemon);
    assert_true(may_be_dumped(daemon));
    make_password(first);
    assert_int_equal(search(daemon, first).kept_out, 0);

    reload(daemon, first, 1);
    assert_false(may_be_dumped(daemon));
    struct mappings_found found = search(daemon, first);
    assert_int_equal(found.dumped, 0);
    assert_true(found.kept_out > 0); /* it is there, and would be found */
    expect_silence(daemon, first);

    make_password(second);
    reload(daemon, second, 2);
    found = search(daemon, first);
    assert_int_equal(found.dumped + found.kept_out, 0);
    found = search(daemon, second);
    assert_int_equal(found.dumped, 0);
    assert_true(found.kept_out > 0);

    /* A file that is refused leaves nothing behind either. */
    char text[128];
    snprintf(text, sizeof text, "user: probe\npassword: %s: no\n", first);
    write_for_daemon(daemon, "secret", text);
    assert_int_equal(kill(daemon->pid, SIGHUP), 0);
    await_log(daemon, "nothing has changed", 1);
    found = search(daemon, first);
    assert_int_equal(found.dumped + found.kept_out, 0);
    expect_silence(daemon, first);
    assert_false(may_be_dumped(daemon));
}

/* What it was started with is forgotten as soon; that it may not be dumped stays. */
static void no_trace_of_the_start(void **state)
{
    struct daemon *daemon = *state;
    char first[PASSWORD_SIZE + 1], second[PASSWORD_SIZE + 1];
    if (geteuid() != 0)
        skip();
    make_password(first);
    make_password(second);
    write_password(daemon, first);
    start(daemon);
    assert_false(may_be_dumped(daemon));
    struct mappings_found found = search(daemon, first);
    assert_int_equal(found.dumped, 0);
    assert_true(found.kept_out > 0);

    reload(daemon, second, 1);
    found = search(daemon, first);
    assert_int_equal(found.dumped + found.kept_out, 0);
    assert_true(search(daemon, second).kept_out > 0);

    write_for_daemon(daemon, "evermx.yaml", "zones: [a.zone]\n");
    assert_int_equal(kill(daemon->pid, SIGHUP), 0);
    await_log(daemon, "reload: done", 2);
    found = search(daemon, second);
    assert_int_equal(found.dumped + found.kept_out, 0);
    assert_false(may_be_dumped(daemon));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(no_trace, set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_trace_of_the_start, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
