/* SPDX-License-Identifier: BSD-2-Clause */
#include "tally.h"

/* Below 64 ns a class is 1 ns wide; from there on each doubling is cut into 64 classes. */
static unsigned class_of(uint64_t latency_ns)
{
    unsigned doublings = 0;
    if (latency_ns >= TALLY_STEPS)
        doublings = 57 - (unsigned)__builtin_clzll(latency_ns);
    return doublings * TALLY_STEPS + (unsigned)(latency_ns >> doublings);
}

static uint64_t class_start_ns(unsigned number)
{
    if (number < 2 * TALLY_STEPS)
        return number;
    unsigned doublings = number / TALLY_STEPS - 1;
    return (uint64_t)(TALLY_STEPS + number % TALLY_STEPS) << doublings;
}

void tally_latency(struct tally *tally, uint64_t latency_ns)
{
    unsigned number = class_of(latency_ns);
    tally->latencies[number < TALLY_CLASSES ? number : TALLY_CLASSES - 1]++;
    if (latency_ns > tally->latency_max_ns)
        tally->latency_max_ns = latency_ns;
}

uint64_t tally_quantile_ns(const struct tally *tally, double share)
{
    uint64_t all = 0, sum = 0;
    for (unsigned i = 0; i < TALLY_CLASSES; i++)
        all += tally->latencies[i];
    for (unsigned i = 0; all && i < TALLY_CLASSES; i++) {
        sum += tally->latencies[i];
        if ((double)sum >= share * (double)all)
            return class_start_ns(i);
    }
    return 0;
}

const char *fault_text(enum fault fault)
{
    static const char *const texts[FAULTS] = {
        [FAULT_NONE] = "right",
        [FAULT_SHORT] = "too short for an answer",
        [FAULT_QUERY] = "no answers at all (QR is not set)",
        [FAULT_QUESTION] = "with another question",
        [FAULT_TRUNCATED] = "truncated",
        [FAULT_RCODE] = "with another rcode",
        [FAULT_RECORDS] = "without an answer record, or with one too many",
    };
    return texts[fault];
}
