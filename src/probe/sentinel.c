/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/sentinel.h"

#include "base/clock.h"
#include "base/memory.h"
#include "probe/imap.h"
#include "probe/stream.h"

#include <stdlib.h>

/* Servers log out who idles long before; and a session must not become older than a mail server's
 * certificate or configuration. */
enum { SENTINEL_LIFE_MS = 24 * 60 * 60 * 1000 };

struct sentinel {
    struct session *session;
    struct session_errand errand;
    bool watched;
    sentinel_broken *broken;
    void *context;
};

static void sentinel_opened(struct session *session)
{
    struct sentinel *sentinel = session->errand->context;
    sentinel->watched = true;
    stream_keep_alive(session->stream);
    session_idle(session);
}

/* "* BYE" and the end follow each other: the end is enough. */
static void sentinel_line(struct session *session, const char *line)
{
    (void)session, (void)line;
}

static const struct protocol sentinel_protocol = {
    .opened = sentinel_opened, .line = sentinel_line, .leave = imap_leave};

static void sentinel_on_session(void *context, const struct session_result *result)
{
    struct sentinel *sentinel = context;
    sentinel_broken *broken = sentinel->broken;
    void *broken_context = sentinel->context;
    bool watched = sentinel->watched;

    (void)result;
    free(sentinel);
    broken(broken_context, watched);
}

struct sentinel *sentinel_start(const struct session_setting *setting,
                                const struct probe_target *target, sentinel_broken *broken,
                                void *context)
{
    struct sentinel *sentinel = memory_alloc(sizeof *sentinel);

    sentinel->broken = broken;
    sentinel->context = context;
    sentinel->errand =
        (struct session_errand){.after_greeting = &sentinel_protocol, .context = sentinel};
    sentinel->session =
        session_open_errand(setting, target, &sentinel->errand, clock_now_ms() + SENTINEL_LIFE_MS,
                            sentinel_on_session, sentinel);
    return sentinel;
}

void sentinel_stop(struct sentinel *sentinel)
{
    session_part(sentinel->session);
    free(sentinel);
}
