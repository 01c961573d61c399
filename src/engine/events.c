/* SPDX-License-Identifier: BSD-2-Clause */
#include "engine/events.h"

#include "base/memory.h"
#include "engine/engine.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct kept {
    int64_t at_ms;
    enum log_level level;
    const char *kind;
    char *subject, *text; /* subject NULL: the whole */
};

/* A ring: event number n stands at n % EVENTS_KEPT. */
struct events {
    uint64_t count; /* ever */
    struct kept list[EVENTS_KEPT];
};

struct events *events_new(void)
{
    return memory_alloc(sizeof(struct events));
}

static void clear(struct kept *kept)
{
    free(kept->subject);
    free(kept->text);
    *kept = (struct kept){0};
}

void events_free(struct events *events)
{
    for (size_t i = 0; i < EVENTS_KEPT; i++)
        clear(&events->list[i]);
    free(events);
}

static void add(struct events *events, enum log_level level, const char *kind, const char *subject,
                int64_t now_ms, const char *format, va_list arguments)
{
    char text[1024];
    vsnprintf(text, sizeof text, format, arguments);
    log_write(level, "%s%s%s", subject ? subject : "", subject ? ": " : "", text);
    struct kept *kept = &events->list[++events->count % EVENTS_KEPT];
    clear(kept);
    *kept = (struct kept){
        .at_ms = now_ms,
        .level = level,
        .kind = kind,
        .subject = subject ? memory_strdup(subject) : NULL,
        .text = memory_strdup(text),
    };
}

void events_of_target(struct events *events, enum log_level level, const char *kind,
                      const struct slot *slot, int64_t now_ms, const char *format, ...)
{
    char address[ADDRESS_TEXT_SIZE];
    address_format(&slot->address, address);
    char *subject = memory_printf("%s %s port %u %s", slot->host, address, slot->port, slot->check);
    va_list arguments;
    va_start(arguments, format);
    add(events, level, kind, subject, now_ms, format, arguments);
    va_end(arguments);
    free(subject);
}

void events_of(struct events *events, enum log_level level, const char *kind, const char *subject,
               int64_t now_ms, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    add(events, level, kind, subject, now_ms, format, arguments);
    va_end(arguments);
}

void events_copy(const struct events *events, uint64_t after, struct engine_events *copy)
{
    uint64_t first = events->count > EVENTS_KEPT ? events->count - EVENTS_KEPT + 1 : 1;
    if (after >= first)
        first = after + 1;
    copy->last = events->count;
    copy->count = 0;
    copy->list = NULL;
    if (first > events->count)
        return;
    copy->list = ARENA_ARRAY(copy->arena, struct engine_event, (size_t)(events->count - first + 1));
    for (uint64_t number = first; number <= events->count; number++) {
        const struct kept *kept = &events->list[number % EVENTS_KEPT];
        copy->list[copy->count++] = (struct engine_event){
            .number = number,
            .at_ms = kept->at_ms,
            .level = kept->level,
            .kind = kept->kind,
            .subject = kept->subject ? arena_strdup(copy->arena, kept->subject) : NULL,
            .text = arena_strdup(copy->arena, kept->text),
        };
    }
}
