/* SPDX-License-Identifier: BSD-2-Clause */
#include "fetches.h"

#include "base/memory.h"

#include <stdlib.h>

static struct fetch *find(struct fetches *fetches, int64_t time_ms, uint64_t serial)
{
    for (size_t i = fetches->count; i-- > 0;)
        if (fetches->list[i].time_ms == time_ms && fetches->list[i].serial == serial)
            return &fetches->list[i];
    return NULL;
}

static void take(struct fetches *fetches, const struct observation *seen, int64_t offset_ms)
{
    struct fetch *fetch = find(fetches, seen->time_ms - offset_ms, seen->serial);

    if (!fetch) {
        fetches->list =
            memory_grow(fetches->list, fetches->count, &fetches->capacity, sizeof *fetches->list);
        fetch = &fetches->list[fetches->count++];
        *fetch = (struct fetch){.time_ms = seen->time_ms - offset_ms,
                                .serial = seen->serial,
                                .first_ms = seen->came_ms,
                                .end_ms = seen->came_ms + (int64_t)seen->ttl_s * 1000};
    }
    fetch->answers++;
    fetch->last_ms = seen->asked_ms > fetch->first_ms ? seen->asked_ms : fetch->first_ms;
    fetches->answers++;
}

void fetches_gather(const struct observed *observed, size_t canary, int64_t offset_ms,
                    struct fetches *fetches)
{
    *fetches = (struct fetches){0};
    for (size_t i = 0; i < observed->count; i++)
        if (observed->list[i].canary == canary && observed->list[i].told)
            take(fetches, &observed->list[i], offset_ms);
}

void fetches_free(struct fetches *fetches)
{
    free(fetches->list);
    *fetches = (struct fetches){0};
}

unsigned fetches_alive(const struct fetches *fetches)
{
    unsigned most = 0;

    for (size_t i = 0; i < fetches->count; i++) {
        unsigned alive = 0; /* when this one came first */
        for (size_t other = 0; other < fetches->count; other++)
            alive += fetches->list[other].first_ms <= fetches->list[i].first_ms &&
                     fetches->list[other].last_ms >= fetches->list[i].first_ms;
        most = alive > most ? alive : most;
    }
    return most;
}

static const struct observation *first_of(const struct observed *observed, size_t canary)
{
    for (size_t i = 0; i < observed->count; i++)
        if (observed->list[i].canary == canary)
            return &observed->list[i];
    return NULL;
}

bool clock_find(const struct observed *observed, int64_t *offset_ms, double *error_ms)
{
    int64_t least_ms = INT64_MAX;

    for (size_t canary = 0; canary < observed->ncanaries; canary++) {
        const struct observation *first = first_of(observed, canary);
        if (!first || !first->told || observed->canaries[canary].purpose == PURPOSE_ADDRESS)
            continue; /* an address tells no more than the second */
        int64_t took_ms = first->came_ms - first->asked_ms;
        if (took_ms < least_ms) {
            least_ms = took_ms;
            *offset_ms = first->time_ms - (first->asked_ms + took_ms / 2);
        }
    }
    if (least_ms == INT64_MAX)
        return false;
    *error_ms = (double)least_ms / 2 + 1;
    /* Nothing comes before it was fetched, unless several servers' clocks differ. */
    for (size_t i = 0; i < observed->count; i++) {
        const struct observation *seen = &observed->list[i];
        double before_ms = (double)(seen->time_ms - *offset_ms - seen->came_ms);
        if (seen->told && observed->canaries[seen->canary].purpose != PURPOSE_ADDRESS &&
            before_ms > *error_ms)
            *error_ms = before_ms;
    }
    return true;
}
