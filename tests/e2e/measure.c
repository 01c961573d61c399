/* SPDX-License-Identifier: BSD-2-Clause */
/* measure [kill|pause|stop] [REPETITIONS]: how long after a real Postfix host died its record is
 * out of evermxd's MX answer, at default settings and random phases. Needs root (port 25). `make
 * measure`. */
#include "base/clock.h"
#include "base/memory.h"
#include "support/rig.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define MX1 "127.0.0.65"
#define MX2 "127.0.0.66"

static const char zone[] = "$ORIGIN example.test.\n$TTL 300\n"
                           "@ SOA ns1 hostmaster 1 3600 600 86400 5\n@ NS ns1\nns1 A 127.0.0.1\n"
                           "@ MX 10 mx1\n@ MX 10 mx2\nmx1 A " MX1 "\nmx2 A " MX2 "\n";

static const char yaml[] =
    "server: {listen: [\"127.0.0.1@%PORT%\"], control: %FOLDER%/control.sock}\n"
    "zones: [example.test.zone]\n"
    "checks: {smtp: {hold: 0s, slow-start: 0s}}\n"; /* the next repetition comes soon */

enum { PATIENCE_MS = 60000, INTERVAL_MS = 2000 };

static const char *how = "kill";
static int repetitions = 20;

static int compare(const void *one, const void *other)
{
    int64_t a = *(const int64_t *)one, b = *(const int64_t *)other;
    return (a > b) - (a < b);
}

static void measure(void **state)
{
    (void)state;
    struct rig rig;
    rig_lab("cleanup");
    rig_lab("start postfix mx1 " MX1);
    rig_lab("start postfix mx2 " MX2);
    rig_start(&rig, zone, yaml);
    int64_t *times_ms = memory_array((size_t)repetitions, sizeof *times_ms);
    for (int i = 0; i < repetitions; i++) {
        rig_wait(&rig, "127.0.0.1", rig.port, "example.test", "MX",
                 "10 mx1.example.test.; 10 mx2.example.test.", PATIENCE_MS);
        poll(NULL, 0, INTERVAL_MS + rand() % INTERVAL_MS); /* any phase of the interval */
        int64_t start_ms = rig_lab("%s mx1", how);
        int64_t end_ms = rig_wait(&rig, "127.0.0.1", rig.port, "example.test", "MX",
                                  "10 mx2.example.test.", PATIENCE_MS);
        times_ms[i] = end_ms - start_ms;
        printf("%2d  %6.2f s\n", i + 1, (double)times_ms[i] / 1000);
        fflush(stdout);
        rig_lab("%s mx1", strcmp(how, "pause") == 0 ? "continue" : "restart");
    }
    qsort(times_ms, (size_t)repetitions, sizeof *times_ms, compare);
    printf("%s, %d times: median %.2f s, p95 %.2f s, max %.2f s\n", how, repetitions,
           (double)times_ms[(repetitions - 1) / 2] / 1000,
           (double)times_ms[(repetitions * 95 + 99) / 100 - 1] / 1000,
           (double)times_ms[repetitions - 1] / 1000);
    free(times_ms);
    rig_stop(&rig);
    rig_lab("cleanup");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(measure)};
    if (argc > 1)
        how = argv[1];
    if (argc > 2)
        repetitions = atoi(argv[2]);
    if (repetitions < 1 || repetitions > 1000) {
        fputs("usage: measure [kill|pause|stop] [REPETITIONS]\n", stderr);
        return 2;
    }
    srand((unsigned)clock_now_us());
    return cmocka_run_group_tests(tests, NULL, NULL);
}
