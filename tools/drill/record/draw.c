/* SPDX-License-Identifier: BSD-2-Clause */
/* The plot's script given to gnuplot. */
#include "plot.h"

#include "base/clock.h"
#include "base/memory.h"
#include "draft.h"
#include "text.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static bool has_end(const char *path, const char *end)
{
    size_t size = strlen(path), end_size = strlen(end);
    return size > end_size && strcmp(path + size - end_size, end) == 0;
}

bool plot_can_make(const char *path)
{
    return has_end(path, ".svg") || has_end(path, ".png") || has_end(path, ".gp");
}

/* ---- gnuplot ---- */

/* Its own default settings (-d): what a user's ~/.gnuplot says is not meant for this. */
static int spawn(const char *program, int input, int output, int complaints, pid_t *pid)
{
    const char *const arguments[] = {program, "-d", NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t signals;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, complaints, STDERR_FILENO);
    posix_spawnattr_init(&attributes);
    sigemptyset(&signals);
    posix_spawnattr_setsigmask(&attributes, &signals);
    sigaddset(&signals, SIGPIPE);
    posix_spawnattr_setsigdefault(&attributes, &signals);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    int fault =
        posix_spawnp(pid, program, &actions, &attributes, (char *const *)arguments, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return fault;
}

/* False: it was still running, and has been ended. */
static bool await_end(pid_t pid, int limit_ms, int *status)
{
    const struct timespec pause = {.tv_nsec = 5 * 1000 * 1000};
    int64_t deadline_ms = clock_now_ms() + limit_ms;
    while (waitpid(pid, status, WNOHANG) == 0) {
        if (clock_now_ms() >= deadline_ms) {
            kill(pid, SIGKILL);
            waitpid(pid, status, 0);
            return false;
        }
        nanosleep(&pause, NULL);
    }
    return true;
}

/* What it has said last, on one line. */
static bool complain(const char *program, FILE *complaints, const char *what, struct error *error)
{
    char text[300] = "";
    long size = fseek(complaints, 0, SEEK_END) == 0 ? ftell(complaints) : 0;
    fseek(complaints, size < (long)sizeof text ? 0 : size - (long)sizeof text + 1, SEEK_SET);
    text[fread(text, 1, sizeof text - 1, complaints)] = '\0';
    for (char *at = text; (at = strpbrk(at, "\r\n\t")) != NULL;)
        *at = ' ';
    char *clean = text_clean(text, sizeof text);
    error_set(error, "%s %s%s%s", program, what, *clean ? ": " : "", clean + strspn(clean, " "));
    free(clean);
    return false;
}

static bool run_and_await(const char *program, int limit_ms, FILE *script, FILE *picture,
                          FILE *complaints, struct error *error)
{
    pid_t pid;
    int status = 0;
    fflush(picture);
    int fault = spawn(program, fileno(script), fileno(picture), fileno(complaints), &pid);
    if (fault == ENOENT)
        return error_set(error, "%s is missing (as root: apt-get install gnuplot-nox)", program);
    if (fault)
        return error_set(error, "starting %s: %s", program, strerror(fault));
    if (!await_end(pid, limit_ms, &status))
        return error_set(error, "%s was not done after %.1f s", program, limit_ms / 1000.0);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return complain(program, complaints, "failed", error);
    if (lseek(fileno(picture), 0, SEEK_END) == 0)
        return complain(program, complaints, "drew nothing", error);
    return true;
}

bool plot_run(const char *program, int limit_ms, FILE *script, FILE *picture, struct error *error)
{
    FILE *complaints = tmpfile();
    if (!complaints || fflush(script) != 0 || lseek(fileno(script), 0, SEEK_SET) != 0) {
        error_set(error, "drawing: %s", strerror(errno));
        if (complaints)
            fclose(complaints);
        return false;
    }
    bool good = run_and_await(program, limit_ms, script, picture, complaints, error);
    fclose(complaints);
    return good;
}

/* ---- files ---- */

/* path without its end, and with another one. */
static char *with_end(const char *path, const char *end)
{
    return memory_printf("%.*s%s", (int)(strrchr(path, '.') - path), path, end);
}

/* picture: what the script draws, in the folder where it is run. */
static bool write_script(struct record *record, const char *path, const char *picture,
                         struct error *error)
{
    struct draft draft;
    const char *slash = strrchr(picture, '/');
    if (!draft_begin(&draft, path, error))
        return false;
    /* gnuplot takes a name that begins with '|' for a command. */
    char *here = memory_printf("./%s", slash ? slash + 1 : picture);
    plot_print(record, has_end(picture, ".png") ? PLOT_PNG : PLOT_SVG, here, draft.file);
    free(here);
    return draft_end(&draft, true, error);
}

/* It draws a hundred thousand points in one; for a loaded machine. */
enum { GNUPLOT_MS = 20000 };

static bool draw(struct record *record, const char *path, struct error *error)
{
    struct draft draft;
    FILE *script = tmpfile();
    if (!script)
        return error_set(error, "drawing: %s", strerror(errno));
    plot_print(record, has_end(path, ".png") ? PLOT_PNG : PLOT_SVG, NULL, script);
    bool good = draft_begin(&draft, path, error);
    if (good) {
        good = plot_run("gnuplot", GNUPLOT_MS, script, draft.file, error);
        good = draft_end(&draft, good, error);
    }
    fclose(script);
    return good;
}

bool plot_write(struct record *record, const char *path, struct error *error)
{
    struct error why = {""};
    char *script, *picture;
    bool good;
    if (has_end(path, ".gp")) {
        picture = with_end(path, ".svg");
        good = write_script(record, path, picture, error);
        free(picture);
        return good;
    }
    if (draw(record, path, &why))
        return true;
    script = with_end(path, ".gp");
    if (write_script(record, script, path, error))
        error_set(error, "drawing %s: %s; its script is in %s", path, why.text, script);
    free(script);
    return false;
}
