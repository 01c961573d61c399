/* SPDX-License-Identifier: BSD-2-Clause */
#include "report.h"

#include <stdio.h>

static double per(uint64_t sum, uint64_t count)
{
    return count ? (double)sum / (double)count : 0;
}

static double rate_of(const struct drive *drive)
{
    double seconds = drive_seconds(drive);
    return seconds > 0 ? (double)drive->tally.right / seconds : 0;
}

static double micros(const struct drive *drive, double share)
{
    return (double)tally_quantile_ns(&drive->tally, share) / 1e3;
}

static uint64_t server_ns(const struct drive *drive)
{
    return drive->server_end_ns - drive->server_start_ns;
}

static void print_faults(const struct tally *tally)
{
    for (enum fault fault = FAULT_NONE + 1; fault < FAULTS; fault++)
        if (tally->faults[fault])
            printf("    %12ju  %s\n", (uintmax_t)tally->faults[fault], fault_text(fault));
}

static void print_rcodes(const struct tally *tally)
{
    static const char *const names[6] = {"NOERROR",  "FORMERR", "SERVFAIL",
                                         "NXDOMAIN", "NOTIMP",  "REFUSED"};
    const char *between = "  rcodes            ";
    if (tally->right + tally->wrong == 0)
        return;
    for (unsigned i = 0; i < 16; i++) {
        if (!tally->rcodes[i])
            continue;
        printf("%s%ju ", between, (uintmax_t)tally->rcodes[i]);
        if (i < 6)
            fputs(names[i], stdout);
        else
            printf("RCODE%u", i);
        between = ", ";
    }
    putchar('\n');
}

static void print_oddities(const struct tally *tally)
{
    if (tally->stray)
        printf("  stray %12ju  answers that nobody waited for (any more)\n",
               (uintmax_t)tally->stray);
    if (tally->refused)
        printf("  refused %10ju  times told that nobody listens there\n",
               (uintmax_t)tally->refused);
    if (tally->closed)
        printf("  closed %11ju  connections, by the server\n", (uintmax_t)tally->closed);
    if (tally->slipped_ns)
        printf("  slipped %10.3f  s: the sender could not keep the rate\n",
               (double)tally->slipped_ns / 1e9);
}

void report_print(const struct drive *drive)
{
    const struct drive_options *options = drive->options;
    const struct tally *tally = &drive->tally;
    char server[ADDRESS_TEXT_SIZE];
    endpoint_format(&options->address, options->port, server);
    printf("%s, %s, %u %s, ", server, options->tcp ? "TCP" : "UDP", options->sockets,
           options->tcp ? "connections" : "sockets");
    if (options->rate > 0)
        printf("%.0f q/s, ", options->rate);
    else
        printf("each with %u under way, ", options->window);
    printf("%.3f s\n", drive_seconds(drive));
    printf("  sent  %12ju\n", (uintmax_t)tally->sent);
    printf("  right %12ju  %.0f q/s, %.1f octets each\n", (uintmax_t)tally->right, rate_of(drive),
           per(tally->octets, tally->right));
    printf("  wrong %12ju\n", (uintmax_t)tally->wrong);
    print_faults(tally);
    printf("  lost  %12ju  no answer within %.3g s\n", (uintmax_t)tally->lost,
           (double)options->timeout_ns / 1e9);
    print_oddities(tally);
    print_rcodes(tally);
    printf(
        "  latency           p50 %.1f us, p90 %.1f us, p99 %.1f us, p99.9 %.1f us, max %.1f us\n",
        micros(drive, .5), micros(drive, .9), micros(drive, .99), micros(drive, .999),
        (double)tally->latency_max_ns / 1e3);
    if (options->pid)
        printf("  server            %.0f ns of CPU time for each right answer, %.2f of a core\n",
               per(server_ns(drive), tally->right),
               (double)server_ns(drive) / 1e9 / drive_seconds(drive));
}

void report_brief(const struct drive *drive)
{
    const struct tally *tally = &drive->tally;
    printf("sent=%ju right=%ju wrong=%ju lost=%ju stray=%ju refused=%ju closed=%ju seconds=%.3f "
           "qps=%.0f p50_us=%.1f p99_us=%.1f octets=%.1f",
           (uintmax_t)tally->sent, (uintmax_t)tally->right, (uintmax_t)tally->wrong,
           (uintmax_t)tally->lost, (uintmax_t)tally->stray, (uintmax_t)tally->refused,
           (uintmax_t)tally->closed, drive_seconds(drive), rate_of(drive), micros(drive, .5),
           micros(drive, .99), per(tally->octets, tally->right));
    if (drive->options->pid)
        printf(" server_ns=%.0f server_share=%.3f", per(server_ns(drive), tally->right),
               (double)server_ns(drive) / 1e9 / drive_seconds(drive));
    putchar('\n');
}
