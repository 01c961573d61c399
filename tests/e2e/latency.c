/* SPDX-License-Identifier: BSD-2-Clause */
/* latency [REPETITIONS [SLACK-MS]]: from the break of a mail host to the changed answer, at random
 * phases, by kind of break and rhythm, beside the goals. Ten hosts (tools/mailhost, which does in
 * an instant what takes real servers a while; `make measure` does one row with a real Postfix)
 * break and come back one by one. The status is 1 where a median or the longest is above its goal
 * and SLACK-MS (default 0), a median by more than chance: of so few phases it is itself uncertain.
 * Run it by tests/e2e/apart.sh. `make latency`. */
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
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum {
    HOSTS = 10,
    BROKEN_AT_ONCE = 3, /* more than half of them silent at once would be our own uplink */
    REPETITIONS_MAX = 1000,
    LEARN_MS = 9000, /* probes by which usual times become known */
    PATIENCE_MS = 30000,
    RETURN_PATIENCE_MS = 90000,
    TURN_MS = 10,
};

struct kind {
    const char *words;
    const char *breaks, *mends; /* shell: $address, $tell COMMAND */
    int goal_ms[2][2];          /* by rhythm: median, longest */
    bool apart;
};

#define RULES                                                                                      \
    "nft add table inet l; nft 'add chain inet l i { type filter hook input priority 0; }'; "

static const struct kind kinds[] = {
    {"killed, stopped",
     "$tell \"$address refuse\"",
     "$tell \"$address ok\"",
     {{1000, 2200}, {500, 1200}},
     false},
    {"power loss, black hole",
     RULES "nft add rule inet l i ip daddr $address drop",
     "nft flush chain inet l i",
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
static const int rhythms_ms[] = {2000, 1000};

enum phase { COMING, WAITING, BROKEN };

struct host {
    char address[32], name[24];
    enum phase phase;
    int64_t since_ms, until_ms; /* WAITING: breaks then; BROKEN: since */
};

struct series {
    struct rig rig;
    const struct kind *kind;
    int rhythm;
    struct host hosts[HOSTS];
    int64_t times_ms[REPETITIONS_MAX];
    int done, begun, never;
};

static int repetitions = 30, slack_ms, above;
static char folder[FOLDER_SIZE];

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
    char listen[HOSTS + 1][64], socket[100], program[300];
    char *arguments[2 * (HOSTS + 1) + 4];
    int count = 0;
    snprintf(program, sizeof program, "%s/mailhost", build_folder());
    snprintf(socket, sizeof socket, "%s/sock", folder);
    arguments[count++] = program;
    arguments[count++] = (char *)"--control";
    arguments[count++] = socket;
    for (int i = 0; i <= HOSTS; i++) {
        const char *address = i < HOSTS ? series->hosts[i].address : "127.9.0.1";
        snprintf(listen[i], sizeof listen[i], "smtp:%s", address);
        arguments[count++] = (char *)"--listen";
        arguments[count++] = listen[i];
    }
    arguments[count] = NULL;
    pid_t pid = fork();
    if (pid == 0) {
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
    char zone[4096], yaml[512];
    int used = snprintf(zone, sizeof zone,
                        "$ORIGIN example.test.\n$TTL 300\n@ SOA ns1 h 1 3600 600 86400 5\n"
                        "@ NS ns1\nns1 A 127.0.0.1\nspare A 127.9.0.1\n");
    for (int i = 0; i < HOSTS; i++)
        used += snprintf(zone + used, sizeof zone - (size_t)used,
                         "d%d MX 10 h%d\nd%d MX 20 spare\nh%d A %s\n", i, i, i, i,
                         series->hosts[i].address);
    /* Else hosts would be held back for longer with each repetition. */
    snprintf(yaml, sizeof yaml,
             "server: {listen: [\"127.0.0.1@%%PORT%%\"], control: %%FOLDER%%/control.sock}\n"
             "zones: [example.test.zone]\n"
             "checks: {smtp: {interval: %dms, hold: 0s, slow-start: 0s}}\n",
             rhythms_ms[series->rhythm]);
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

static int broken_now(const struct series *series)
{
    int count = 0;
    for (int i = 0; i < HOSTS; i++)
        count += series->hosts[i].phase == BROKEN;
    return count;
}

static void note(struct series *series, struct host *host, int64_t took_ms)
{
    if (series->done < repetitions)
        series->times_ms[series->done++] = took_ms;
    series->never += took_ms >= PATIENCE_MS;
    if (strchr(series->kind->mends, '$'))
        shell(host->address, series->kind->mends);
    host->phase = COMING;
    host->since_ms = clock_now_ms();
}

/* A rule of nft mends all at once: those that break so go one at a time. */
static bool may_break(const struct series *series)
{
    int limit = strchr(series->kind->mends, '$') ? BROKEN_AT_ONCE : 1;
    return series->begun < repetitions && broken_now(series) < limit;
}

static void turn(struct series *series, int index)
{
    struct host *host = &series->hosts[index];
    int64_t now_ms = clock_now_ms();
    switch (host->phase) {
    case COMING:
        if (is_answered(series, index)) {
            host->phase = WAITING;
            host->until_ms = now_ms + LEARN_MS + rand() % (2 * rhythms_ms[series->rhythm]);
        } else if (now_ms - host->since_ms > RETURN_PATIENCE_MS) {
            fail_msg("%s does not come back", host->address);
        }
        break;
    case WAITING:
        if (now_ms < host->until_ms || !may_break(series))
            break;
        if (!is_answered(series, index)) { /* a false removal, none of ours */
            host->phase = COMING;
            break;
        }
        shell(host->address, series->kind->breaks);
        host->phase = BROKEN;
        host->since_ms = clock_now_ms();
        series->begun++;
        break;
    case BROKEN:
        if (!is_answered(series, index) || now_ms - host->since_ms > PATIENCE_MS) {
            if (!strchr(series->kind->mends, '$'))
                shell(host->address, series->kind->mends);
            note(series, host, clock_now_ms() - host->since_ms);
        }
        break;
    }
}

static void print_line(struct series *series)
{
    int n = series->done;
    int64_t *times_ms = series->times_ms;
    qsort(times_ms, (size_t)n, sizeof *times_ms, compare);
    const int *goal_ms = series->kind->goal_ms[series->rhythm];
    int64_t median_ms = (times_ms[(n - 1) / 2] + times_ms[n / 2]) / 2, max_ms = times_ms[n - 1];
    /* Two standard deviations of the median of n phases of an interval. */
    int root = 1;
    while ((root + 1) * (root + 1) <= n)
        root++;
    int chance_ms = rhythms_ms[series->rhythm] / root;
    bool is_above = median_ms > goal_ms[0] + chance_ms + slack_ms || max_ms > goal_ms[1] + slack_ms;
    above += is_above;
    printf("| %d s | %s | %d | %.2f | %.2f | %.2f | %.1f / %.1f%s |\n",
           rhythms_ms[series->rhythm] / 1000, series->kind->words, n, (double)median_ms / 1000,
           (double)times_ms[(n * 95 + 99) / 100 - 1] / 1000, (double)max_ms / 1000,
           (double)goal_ms[0] / 1000, (double)goal_ms[1] / 1000, is_above ? ", **above**" : "");
    fflush(stdout);
}

static void run_series(int rhythm, const struct kind *kind)
{
    struct series *series = memory_array(1, sizeof *series);
    series->kind = kind;
    series->rhythm = rhythm;
    folder_make(folder);
    for (int i = 0; i < HOSTS; i++)
        snprintf(series->hosts[i].address, sizeof series->hosts[i].address, "127.9.%d.1", 20 + i);
    pid_t hosts = start_hosts(series);
    start_evermxd(series);
    for (int i = 0; i < HOSTS; i++)
        series->hosts[i].since_ms = clock_now_ms();
    while (series->done < repetitions) {
        for (int i = 0; i < HOSTS; i++)
            if (series->hosts[i].phase != WAITING || clock_now_ms() >= series->hosts[i].until_ms)
                turn(series, i);
        fprintf(stderr, "\r%d s, %s: %d of %d ", rhythms_ms[rhythm] / 1000, kind->words,
                series->done, repetitions);
        poll(NULL, 0, TURN_MS);
    }
    fprintf(stderr, "\r%60s\r", "");
    rig_stop(&series->rig);
    kill(hosts, SIGKILL);
    waitpid(hosts, NULL, 0);
    folder_remove(folder);
    print_line(series);
    free(series);
}

static void measure(void **state)
{
    (void)state;
    puts("| interval | break | times | median s | p95 s | longest s | goals |\n"
         "|---|---|---|---|---|---|---|");
    for (int rhythm = 0; rhythm < 2; rhythm++)
        for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
            if (!kinds[i].apart || getenv("EVERMX_APART"))
                run_series(rhythm, &kinds[i]);
            else
                printf("| | %s | skipped: needs namespaces | | | | |\n", kinds[i].words);
    assert_int_equal(above, 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(measure)};
    if (argc > 1)
        repetitions = atoi(argv[1]);
    if (argc > 2)
        slack_ms = atoi(argv[2]);
    if (repetitions < 1 || repetitions > REPETITIONS_MAX) {
        fputs("usage: latency [REPETITIONS [SLACK-MS]]\n", stderr);
        return 2;
    }
    if (geteuid() != 0) {
        puts("needs root: hosts listen on port 25");
        return 77;
    }
    srand((unsigned)clock_now_us());
    return cmocka_run_group_tests(tests, NULL, NULL);
}
