/* SPDX-License-Identifier: BSD-2-Clause */
/* What the control socket answers, as JSON (evermxctl(1) documents it; other programs read it, so
 * that fields are added but never changed). Pure. Never NULL; strings are always valid UTF-8. */
#ifndef EVERMX_CONTROL_RENDER_H
#define EVERMX_CONTROL_RENDER_H

#include "base/diagnostics.h"
#include "control/changes.h"
#include "engine/engine.h"
#include "serve/server.h"

#include <jansson.h>

json_t *render_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
json_t *render_status(const struct engine_status *status, const struct server_numbers *numbers);
json_t *render_explanation(const char *name, const char *rrtype,
                           const struct engine_explanation *explanation);
json_t *render_events(const struct engine_events *events);
/* A monotonic time by the clock as it is now: RFC 3339, in UTC. */
json_t *render_time(int64_t at_ms, int64_t now_ms);
json_t *render_failovers(const struct engine_status *status);
json_t *render_drain(const struct engine_drain *drain);
json_t *render_forced(const char *host, enum verdict_forced forced, size_t targets);
json_t *render_reload(bool done, const struct diagnostics *diagnostics,
                      const struct changes *changes);
json_t *render_metrics(const char *content_type, const char *text);
json_t *render_stopping(void);

#endif
