/* SPDX-License-Identifier: BSD-2-Clause */
/* latency [REPETITIONS [SLACK-MS]]: from the break of a mail host to the changed answer, by kind of
 * break and rhythm, beside the goals. Hosts (tools/mailhost, which does in an instant what takes
 * real servers a while; `make measure` does one row with a real Postfix) break one by one, each at
 * a phase of its own between two of its probes: random, but spread evenly, a time in each of as
 * many slices of the interval as there are repetitions (default 90). So a median is hardly a matter
 * of luck: what is left of that, by the jitter of probes and a busy machine, was 50 ms at 2 s.
 * All rows run side by side: they mostly wait.
 *
 * The status is 1 where a median or the longest is above its goal by more than this can tell
 * (RESOLUTION_MS) and SLACK-MS (default 0). Run it by tests/e2e/apart.sh. `make latency`. */
#include "base/clock.h"
#include "base/memory.h"
#include "support/rig.h"

#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum {
    HOSTS = 90,         /* of each row: each breaks once, in 90 repetitions */
    BROKEN_AT_ONCE = 4, /* more than half of them silent at once would be our own uplink */
    REPETITIONS_MAX = 1000,
    LEARN_MS = 9000,    /* probes by which usual times become known */
    RELEARN_MS = 65000, /* after it was late: LEARN_STEADY greetings */
    PATIENCE_MS = 30000,
    RETURN_PATIENCE_MS = 90000,
    TURN_MS = 10,       /* between two questions whether the answer has changed */
    SELDOM_MS = 200,    /* and whether a host that was mended is back */
    RESOLUTION_MS = 20, /* a turn, and half of what a command takes that breaks a host */
    SOON_MS = 30,       /* that takes getting ready */
    RECORD_SIZE = 8,    /* a time in a row's file: "   1234\n" */
};

struct kind {
    const char *words;
    const char *breaks, *mends; /* shell: $address, $tell COMMAND */
    int goal_ms[2][2];          /* by rhythm: median, longest */
    bool apart;
};

static const char rules[] = "nft add table inet l; nft 'add set inet l dead { type ipv4_addr; }'; "
                            "nft 'add chain inet l i { type filter hook input priority 0; }'; "
                            "nft 'add rule inet l i ip daddr @dead drop'";

static const struct kind kinds[] = {
    {"killed, stopped",
     "$tell \"$address refuse\"",
     "$tell \"$address ok\"",
     {{1000, 2200}, {500, 1200}},
     false},
    {"power loss, black hole",
     "nft \"add element inet l dead { $address }\"",
     "nft \"delete element inet l dead { $address }\"",
     {{2500, 3600}, {1600, 2600}},
     true},
    {"hung (SIGSTOP), no greeting",
     "$tell \"$address hang\"",
     "$tell \"$address ok\"",
     {{3500, 4600}, {2600, 3600}},
     false},
    {"421",
     "$tell \"$address greet 421 4.3.2 Service not available\"",
     "$tell \"$address ok\"",
     {{1500, 2700}, {1000, 1700}},
     false},
};
enum { KINDS = sizeof kinds / sizeof *kinds };
static const int rhythms_ms[] = {2000, 1000};

enum { ROWS = 2 * KINDS };

enum phase { COMING, WAITING, READY, BROKEN };

struct host {
    char address[32];
    enum phase phase;
    bool again;                 /* it was broken before */
    int64_t since_ms, until_ms; /* WAITING, READY: breaks then; BROKEN: since */
};

/* A row of the table. Its process runs in parallel with those of the others. */
struct series {
    struct rig rig;
    const struct kind *kind;
    int interval_ms, row;
    struct host hosts[HOSTS];
    int phases_ms[REPETITIONS_MAX]; /* after a probe; in any order */
    int done, begun;
    FILE *times;
};

static int repetitions = 90, slack_ms;
static char folder[FOLDER_SIZE];

static const struct kind *row_kind(int row)
{
    return &kinds[row % KINDS];
}

static void row_path(const char *of, const char *what, int row, char *path, size_t size)
{
    char name[32];
    snprintf(name, sizeof name, "row-%d.%s", row, what);
    folder_path(of, name, path, size);
}

static int compare(const void *one, const void *other)
{
    int64_t a = *(const int64_t *)one, b = *(const int64_t *)other;
    return (a > b) - (a < b);
}

static const char *build_folder(void)
{
    const char *build = getenv("EVERMX_BUILD");
    return build ? build : "build";
}

static void shell(const char *address, const char *text)
{
    char command[1024];
    snprintf(command, sizeof command,
             "{ address=%s; tell='%s/mailhost --tell %s/sock'; %s; } >%s/said 2>&1", address,
             build_folder(), folder, text, folder);
    if (system(command) != 0)
        fail_msg("%s", command);
}

static pid_t start_hosts(struct series *series)
{
    char listen[HOSTS + 1][64], spare[32], socket[100], program[300];
    char *arguments[2 * (HOSTS + 1) + 4];
    int count = 0;
    snprintf(program, sizeof program, "%s/mailhost", build_folder());
    snprintf(socket, sizeof socket, "%s/sock", folder);
    arguments[count++] = program;
    arguments[count++] = (char *)"--control";
    arguments[count++] = socket;
    snprintf(spare, sizeof spare, "127.%d.0.1", 20 + series->row);
    for (int i = 0; i <= HOSTS; i++) {
        const char *address = i < HOSTS ? series->hosts[i].address : spare;
        snprintf(listen[i], sizeof listen[i], "smtp:%s", address);
        arguments[count++] = (char *)"--listen";
        arguments[count++] = listen[i];
    }
    arguments[count] = NULL;
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (!freopen("/dev/null", "w", stdout) || !freopen("/dev/null", "r", stdin))
            _exit(127);
        execv(program, arguments);
        _exit(127);
    }
    int64_t deadline_ms = clock_now_ms() + PATIENCE_MS;
    while (access(socket, F_OK) != 0 && clock_now_ms() < deadline_ms)
        poll(NULL, 0, TURN_MS);
    return pid;
}

static void start_evermxd(struct series *series)
{
    char zone[16384], yaml[512];
    int used = snprintf(zone, sizeof zone,
                        "$ORIGIN example.test.\n$TTL 300\n@ SOA ns1 h 1 3600 600 86400 5\n"
                        "@ NS ns1\nns1 A 127.0.0.1\nspare A 127.%d.0.1\n",
                        20 + series->row);
    for (int i = 0; i < HOSTS; i++)
        used += snprintf(zone + used, sizeof zone - (size_t)used,
                         "d%d MX 10 h%d\nd%d MX 20 spare\nh%d A %s\n", i, i, i, i,
                         series->hosts[i].address);
    /* Else hosts would be held back for longer with each repetition. */
    snprintf(yaml, sizeof yaml,
             "server: {listen: [\"127.0.0.1@%%PORT%%\"], control: %%FOLDER%%/control.sock}\n"
             "zones: [example.test.zone]\n"
             "checks: {smtp: {interval: %dms, hold: 0s, slow-start: 0s}}\n",
             series->interval_ms);
    rig_start(&series->rig, zone, yaml);
}

static bool is_answered(struct series *series, int index)
{
    struct answer answer;
    char owner[32], mark[32];
    snprintf(owner, sizeof owner, "d%d.example.test", index);
    snprintf(mark, sizeof mark, "h%d.example.test.", index);
    rig_answer(&series->rig, "127.0.0.1", series->rig.port, owner, "MX", &answer);
    if (answer.timed_out || !answer.text[0])
        fail_msg("no answer to %s MX", owner);
    return strstr(answer.text, mark) != NULL;
}

/* ---- a row: breaks hosts ---- */

static int broken_now(const struct series *series)
{
    int count = 0;
    for (int i = 0; i < HOSTS; i++)
        count += series->hosts[i].phase == BROKEN || series->hosts[i].phase == READY;
    return count;
}

/* One random time in each of as many slices of the time between two probes, shuffled. Probes come
 * up to a tenth sooner than the interval says. */
static void choose_phases(struct series *series)
{
    int mean_ms = series->interval_ms * 95 / 100;
    for (int i = 0; i < repetitions; i++) {
        int low_ms = mean_ms * i / repetitions, high_ms = mean_ms * (i + 1) / repetitions;
        int other = rand() % (i + 1), width_ms = high_ms > low_ms ? high_ms - low_ms : 1;
        series->phases_ms[i] = series->phases_ms[other];
        series->phases_ms[other] = low_ms + rand() % width_ms;
    }
}

/* When the last probe of a host ended. */
static int64_t probed_ms(struct series *series, const struct host *host)
{
    static const char key[] = "\"last_probe_s\":";
    char address[64];
    int64_t now_ms = clock_now_ms();
    char *status = rig_ctl(&series->rig, "--json status");
    snprintf(address, sizeof address, "\"%s\"", host->address);
    const char *at = strstr(status, address);
    at = at ? strstr(at, key) : NULL;
    if (!at)
        fail_msg("the status does not tell when %s was probed: %.200s", host->address, status);
    int64_t age_ms = (int64_t)(strtod(at + strlen(key), NULL) * 1000);
    free(status);
    return now_ms - age_ms;
}

/* What evermxd has told of a host: for the reader of a time that is too long. */
static void tell_story(const struct series *series, const struct host *host, int64_t took_ms)
{
    char path[128], line[1024];
    printf("%s, %lld ms:\n", host->address, (long long)took_ms);
    folder_path(series->rig.folder, "log", path, sizeof path);
    FILE *from = fopen(path, "r");
    while (from && fgets(line, sizeof line, from))
        if (strstr(line, host->address))
            fputs(line, stdout);
    if (from)
        fclose(from);
}

static void note(struct series *series, struct host *host, int64_t took_ms)
{
    if (took_ms > series->kind->goal_ms[series->row / KINDS][1])
        tell_story(series, host, took_ms);
    if (series->done++ < repetitions)
        fprintf(series->times, "%*lld\n", RECORD_SIZE - 1, (long long)took_ms);
    fflush(series->times);
    shell(host->address, series->kind->mends);
    host->phase = COMING;
    host->again = true;
    host->since_ms = clock_now_ms();
}

static void turn_coming(struct series *series, int index, int64_t now_ms)
{
    struct host *host = &series->hosts[index];
    if (is_answered(series, index)) {
        host->phase = WAITING;
        host->until_ms = now_ms + (host->again ? RELEARN_MS : LEARN_MS);
    } else if (now_ms - host->since_ms > RETURN_PATIENCE_MS) {
        fail_msg("%s does not come back", host->address);
    } else {
        host->until_ms = now_ms + SELDOM_MS;
    }
}

static void turn_waiting(struct series *series, struct host *host, int64_t now_ms)
{
    if (series->begun == repetitions || broken_now(series) >= BROKEN_AT_ONCE)
        return;
    host->phase = READY;
    host->until_ms = probed_ms(series, host) + series->phases_ms[series->begun++];
    while (host->until_ms < now_ms + SOON_MS)
        host->until_ms += series->interval_ms * 95 / 100;
}

static void turn_ready(struct series *series, int index)
{
    struct host *host = &series->hosts[index];
    if (!is_answered(series, index))
        fail_msg("%s was taken out while it was well", host->address);
    host->phase = BROKEN;
    int64_t from_ms = clock_now_ms();
    shell(host->address, series->kind->breaks);
    host->since_ms = (from_ms + clock_now_ms()) / 2;
}

static void turn(struct series *series, int index)
{
    struct host *host = &series->hosts[index];
    int64_t now_ms = clock_now_ms();
    if (host->phase != BROKEN && now_ms < host->until_ms)
        return;
    switch (host->phase) {
    case COMING:
        turn_coming(series, index, now_ms);
        break;
    case WAITING:
        turn_waiting(series, host, now_ms);
        break;
    case READY:
        turn_ready(series, index);
        break;
    case BROKEN:
        if (!is_answered(series, index) || now_ms - host->since_ms > PATIENCE_MS)
            note(series, host, clock_now_ms() - host->since_ms);
        break;
    }
}

/* `latency --row ROW REPETITIONS FOLDER`: what the process of a row does. */
static void run_series(void **state)
{
    struct series *series = *state;
    char path[128], above[FOLDER_SIZE];
    snprintf(above, sizeof above, "%s", folder);
    row_path(above, "times", series->row, path, sizeof path);
    series->times = fopen(path, "w");
    assert_non_null(series->times);
    folder_make(folder);
    choose_phases(series);
    for (int i = 0; i < HOSTS; i++)
        snprintf(series->hosts[i].address, sizeof series->hosts[i].address, "127.%d.%d.1",
                 20 + series->row, 20 + i);
    pid_t hosts = start_hosts(series);
    start_evermxd(series);
    for (int i = 0; i < HOSTS; i++)
        series->hosts[i].since_ms = clock_now_ms();
    while (series->done < repetitions) {
        for (int i = 0; i < HOSTS; i++)
            turn(series, i);
        poll(NULL, 0, TURN_MS);
    }
    rig_stop(&series->rig);
    kill(hosts, SIGKILL);
    waitpid(hosts, NULL, 0);
    folder_remove(folder);
    fclose(series->times);
}

static int row_main(int row)
{
    struct series *series = memory_array(1, sizeof *series);
    const struct CMUnitTest tests[] = {cmocka_unit_test_prestate(run_series, series)};
    series->row = row;
    series->kind = row_kind(row);
    series->interval_ms = rhythms_ms[row / KINDS];
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    srand((unsigned)clock_now_us() + (unsigned)row);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    free(series);
    return failed;
}

/* ---- all rows ---- */

static pid_t start_row(const char *program, int row)
{
    char number[16], times[16], path[128];
    row_path(folder, "said", row, path, sizeof path);
    snprintf(number, sizeof number, "%d", row);
    snprintf(times, sizeof times, "%d", repetitions);
    pid_t pid = fork();
    if (pid)
        return pid;
    if (freopen(path, "w", stdout) && dup2(STDOUT_FILENO, STDERR_FILENO) >= 0)
        execl(program, program, "--row", number, times, folder, (char *)NULL);
    _exit(127);
}

static int row_times(int row, int64_t times_ms[REPETITIONS_MAX])
{
    char path[128];
    long long ms;
    int count = 0;
    row_path(folder, "times", row, path, sizeof path);
    FILE *from = fopen(path, "r");
    while (from && count < REPETITIONS_MAX && fscanf(from, "%lld", &ms) == 1)
        times_ms[count++] = ms;
    if (from)
        fclose(from);
    return count;
}

static void print_progress(void)
{
    int done = 0, rows = 0;
    if (!isatty(STDERR_FILENO))
        return;
    for (int row = 0; row < ROWS; row++) {
        char path[128];
        struct stat status;
        row_path(folder, "times", row, path, sizeof path);
        if (stat(path, &status) == 0) {
            done += (int)(status.st_size / RECORD_SIZE);
            rows++;
        }
    }
    fprintf(stderr, "\r%d of %d breaks in %d rows ", done, rows * repetitions, rows);
}

/* Whether it is within its goals. */
static bool print_row(int row)
{
    int64_t times_ms[REPETITIONS_MAX];
    int n = row_times(row, times_ms), interval_s = rhythms_ms[row / KINDS] / 1000;
    const int *goal_ms = row_kind(row)->goal_ms[row / KINDS];
    if (n < repetitions) {
        printf("| %d s | %s | %d | failed | | | |\n", interval_s, row_kind(row)->words, n);
        return false;
    }
    qsort(times_ms, (size_t)n, sizeof *times_ms, compare);
    int64_t median_ms = (times_ms[(n - 1) / 2] + times_ms[n / 2]) / 2, max_ms = times_ms[n - 1];
    int allowed_ms = RESOLUTION_MS + slack_ms;
    bool above = median_ms > goal_ms[0] + allowed_ms || max_ms > goal_ms[1] + allowed_ms;
    printf("| %d s | %s | %d | %.2f | %.2f | %.2f | %.1f / %.1f%s |\n", interval_s,
           row_kind(row)->words, n, (double)median_ms / 1000,
           (double)times_ms[(n * 95 + 99) / 100 - 1] / 1000, (double)max_ms / 1000,
           (double)goal_ms[0] / 1000, (double)goal_ms[1] / 1000, above ? ", **above**" : "");
    return !above;
}

static void print_said(int row)
{
    char path[128], line[1024];
    row_path(folder, "said", row, path, sizeof path);
    FILE *from = fopen(path, "r");
    while (from && fgets(line, sizeof line, from))
        fputs(line, stdout);
    if (from)
        fclose(from);
}

/* Starts all, a little apart, and waits for all. False: one of them failed. */
static bool run_rows(const char *program)
{
    int running = 0, failed = 0, status;
    for (int row = 0; row < ROWS; row++) {
        if (row_kind(row)->apart && !getenv("EVERMX_APART"))
            continue;
        running += start_row(program, row) > 0;
        poll(NULL, 0, SELDOM_MS);
    }
    for (pid_t ended; running; running -= ended > 0) {
        print_progress();
        poll(NULL, 0, SELDOM_MS);
        ended = waitpid(-1, &status, WNOHANG);
        failed += ended > 0 && status != 0;
    }
    if (isatty(STDERR_FILENO))
        fprintf(stderr, "\r%60s\r", "");
    return failed == 0;
}

static bool measure(const char *program)
{
    folder_make(folder);
    if (getenv("EVERMX_APART") && system(rules) != 0)
        return false;
    bool above[ROWS] = {false}, good = run_rows(program);
    printf(
        "each break at a random phase of its own, spread evenly between two probes; told to %d ms\n"
        "| interval | break | times | median s | p95 s | longest s | goals |\n"
        "|---|---|---|---|---|---|---|\n",
        RESOLUTION_MS);
    for (int row = 0; row < ROWS; row++)
        if (!row_kind(row)->apart || getenv("EVERMX_APART"))
            above[row] = !print_row(row);
        else
            printf("| | %s | skipped: needs namespaces | | | | |\n", row_kind(row)->words);
    for (int row = 0; row < ROWS; row++) {
        good &= !above[row];
        if (above[row])
            print_said(row);
    }
    folder_remove(folder);
    return good;
}

int main(int argc, char **argv)
{
    bool is_row = argc == 5 && strcmp(argv[1], "--row") == 0;
    if (is_row)
        snprintf(folder, sizeof folder, "%s", argv[4]);
    if (argc > 1)
        repetitions = atoi(argv[is_row ? 3 : 1]);
    if (argc > 2 && !is_row)
        slack_ms = atoi(argv[2]);
    if (repetitions < 1 || repetitions > REPETITIONS_MAX) {
        fputs("usage: latency [REPETITIONS [SLACK-MS]]\n", stderr);
        return 2;
    }
    if (geteuid() != 0) {
        puts("needs root: hosts listen on port 25");
        return 77;
    }
    return is_row ? row_main(atoi(argv[2])) : !measure("/proc/self/exe");
}
