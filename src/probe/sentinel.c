/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/sentinel.h"

#include "base/clock.h"
#include "base/memory.h"
#include "probe/imap.h"
#include "probe/peers.h"
#include "probe/stream.h"

#include <stdlib.h>

/* Servers log out who idles long before; and a session must not become older than a mail server's
 * certificate or configuration. */
enum { SENTINEL_LIFE_MS = 24 * 60 * 60 * 1000 };

struct sentinel {
    const struct session_setting *setting;
    const struct probe_target *target;
    struct peer *peer;
    struct peer_seat seat;
    struct session *session; /* NULL: waits for its place */
    struct session_errand errand;
    bool watched;
    sentinel_ended *ended;
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

static void sentinel_free(struct sentinel *sentinel)
{
    struct peers *peers = sentinel->setting->peers;
    peer_release(peers, &sentinel->seat);
    peers_leave(peers, sentinel->peer);
    free(sentinel);
}

static void sentinel_end(struct sentinel *sentinel, enum sentinel_end how)
{
    sentinel_ended *ended = sentinel->ended;
    void *context = sentinel->context;
    sentinel_free(sentinel);
    ended(context, how);
}

static void sentinel_on_session(void *context, const struct session_result *result)
{
    struct sentinel *sentinel = context;
    (void)result;
    sentinel->session = NULL;
    sentinel_end(sentinel, sentinel->watched ? SENTINEL_BROKEN : SENTINEL_UNGREETED);
}

/* ---- its place ---- */

static void sentinel_open(struct sentinel *sentinel)
{
    const struct session_setting *setting = sentinel->setting;
    peer_rank(setting->peers, &sentinel->seat, RANK_SENTINEL, true);
    sentinel->session =
        session_open_errand(setting, sentinel->target, &sentinel->errand,
                            clock_now_ms() + SENTINEL_LIFE_MS, sentinel_on_session, sentinel);
}

static void sentinel_on_granted(void *context)
{
    sentinel_open(context);
}

static void sentinel_on_give_up(void *context)
{
    struct sentinel *sentinel = context;
    session_part(sentinel->session);
    sentinel_end(sentinel, SENTINEL_YIELDED);
}

struct sentinel *sentinel_start(const struct session_setting *setting,
                                const struct probe_target *target, sentinel_ended *ended,
                                void *context)
{
    struct sentinel *sentinel = memory_alloc(sizeof *sentinel);

    sentinel->setting = setting;
    sentinel->target = target;
    sentinel->ended = ended;
    sentinel->context = context;
    sentinel->errand =
        (struct session_errand){.after_greeting = &sentinel_protocol, .context = sentinel};
    sentinel->seat.granted = sentinel_on_granted;
    sentinel->seat.give_up = sentinel_on_give_up;
    sentinel->seat.context = sentinel;
    sentinel->peer = peers_join(setting->peers, &target->address);
    if (peer_take(setting->peers, sentinel->peer, &sentinel->seat, RANK_SENTINEL))
        sentinel_open(sentinel);
    return sentinel;
}

void sentinel_stop(struct sentinel *sentinel)
{
    if (sentinel->session)
        session_part(sentinel->session);
    sentinel_free(sentinel);
}
