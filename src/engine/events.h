/* SPDX-License-Identifier: BSD-2-Clause */
/* What has happened: the last events, each with a number that rises by one. Each is a line of the
 * log, too. Belongs to the engine's thread. */
#ifndef EVERMX_ENGINE_EVENTS_H
#define EVERMX_ENGINE_EVENTS_H

#include "base/arena.h"
#include "base/log.h"
#include "engine/slots.h"

#include <stdint.h>

struct events;
struct engine_events;

enum { EVENTS_KEPT = 1000 };

struct events *events_new(void);
void events_free(struct events *events);

/* kind is a word for programs, a literal: "down". */
void events_of_target(struct events *events, enum log_level level, const char *kind,
                      const struct slot *slot, int64_t now_ms, const char *format, ...)
    __attribute__((format(printf, 6, 7)));
/* Of a pool or host, or of the whole (subject NULL). */
void events_of(struct events *events, enum log_level level, const char *kind, const char *subject,
               int64_t now_ms, const char *format, ...) __attribute__((format(printf, 6, 7)));

/* Copies those with a number above `after`, the oldest first. */
void events_copy(const struct events *events, uint64_t after, struct engine_events *copy);

#endif
