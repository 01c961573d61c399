/* SPDX-License-Identifier: BSD-2-Clause */
/* Sessions. Callbacks come in from libevent at the bottom of this file; each of them moves the
 * session on as far as it goes and then settles it, and only settling frees it. */
#include "session.h"

#include "base/memory.h"
#include "dialogue.h"

#include <event2/buffer.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum {
    LINE_LIMIT = 4096,        /* RFC 5321 asks for 512, AUTH and IMAP for more */
    INPUT_LIMIT = 16 * 1024,  /* unread bytes we hold; more stay with the kernel */
    OUTPUT_LIMIT = 64 * 1024, /* no command is taken while the client does not read */
    FLUSH_LIMIT_S = 5,        /* for the last words of a session that ends */
    PATIENCE_LIMIT_S = 3700,  /* for sessions that we make wait: a bit above the longest delay */
};

static struct evbuffer *session_wire_in(const struct session *session)
{
    return bufferevent_get_input(session->connection);
}

static struct evbuffer *session_wire_out(const struct session *session)
{
    return bufferevent_get_output(session->connection);
}

static struct evbuffer *session_input(const struct session *session)
{
    return session->tls ? session->plain_in : session_wire_in(session);
}

enum mode session_mode(const struct session *session)
{
    return session->listener->behaviour.mode;
}

bool session_offers_starttls(const struct session *session)
{
    return !session->tls && !session->listener->protocol->implicit_tls &&
           session_mode(session) != MODE_NO_STARTTLS;
}

static void session_set_idle(struct session *session)
{
    uint32_t seconds = session->listener->host->idle_s;
    if (session->ending)
        seconds = FLUSH_LIMIT_S;
    else if (session->stalled || (session->begun && !session->greeted))
        seconds = PATIENCE_LIMIT_S;
    struct timeval limit = {.tv_sec = seconds};
    event_add(session->idle, &limit);
}

/* Sending */

static void session_send(struct session *session, const void *data, size_t size)
{
    struct evbuffer *out = session_wire_out(session);
    if (size == 0)
        return;
    if (session->tls && tls_stream_ready(session->tls)) {
        tls_stream_write(session->tls, data, size);
        tls_stream_send(session->tls, out, tls_stream_pending(session->tls));
    } else {
        evbuffer_add(out, data, size);
    }
}

void session_reply(struct session *session, const char *format, ...)
{
    struct evbuffer *line = evbuffer_new();
    va_list arguments;
    if (!line)
        memory_exhausted(strlen(format));
    va_start(arguments, format);
    evbuffer_add_vprintf(line, format, arguments);
    va_end(arguments);
    evbuffer_add(line, "\r\n", 2);
    session_send(session, evbuffer_pullup(line, -1), evbuffer_get_length(line));
    evbuffer_free(line);
}

void session_end(struct session *session)
{
    if (session->ending)
        return;
    session->ending = true;
    session->by_us = !session->peer_done;
    event_del(session->tick);
    if (session->tls && tls_stream_ready(session->tls)) {
        tls_stream_shutdown(session->tls);
        tls_stream_send(session->tls, session_wire_out(session), tls_stream_pending(session->tls));
    }
    session_set_idle(session);
}

void session_hold(struct session *session)
{
    struct evbuffer *input = session_input(session);
    evbuffer_prepend(input, "\r\n", 2);
    evbuffer_prepend(input, session->line, strlen(session->line));
    session->stalled = true;
}

/* The end */

static void session_count_end(struct session *session)
{
    struct counters *counters = &session->listener->counters;
    bool tcp = session->listener->protocol->family == FAMILY_TCP;
    if (session->quit || (tcp && session->orderly))
        counters->quit++;
    else if (session->by_us)
        counters->closed++;
    else
        counters->dropped++;
}

/* A close with unread bytes in the kernel would be a reset, which can overtake our last words. */
static void session_discard_unread(struct session *session)
{
    char bytes[4096];
    int fd = bufferevent_getfd(session->connection);
    for (int i = 0; i < 16 && recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT) > 0; i++)
        ;
}

static void session_free(struct session *session)
{
    struct listener *listener = session->listener;
    session_count_end(session);
    session_discard_unread(session);
    TAILQ_REMOVE(&listener->sessions, session, link);
    listener->open--;
    listener->host->sessions--;
    bufferevent_free(session->connection);
    evbuffer_free(session->plain_in);
    event_free(session->tick);
    event_free(session->idle);
    tls_stream_free(session->tls);
    greeting_clear(&session->greeting);
    free(session->imap.held);
    free(session);
    host_resume_paused(listener->host);
}

void session_free_all(struct listener *listener)
{
    while (!TAILQ_EMPTY(&listener->sessions))
        session_free(TAILQ_FIRST(&listener->sessions));
}

static void session_settle(struct session *session)
{
    if (session->ending && evbuffer_get_length(session_wire_out(session)) == 0)
        session_free(session);
}

/* Greeting */

static void session_note_talk(struct session *session)
{
    if (session->greeted || session->talked_early || session->ending)
        return;
    session->talked_early = true;
    session->listener->counters.pregreet++;
    if (!session->greeting.enforced)
        return;
    session_reply(session, "554 5.5.1 Protocol error: you talked before the greeting was complete");
    session_end(session);
}

/* Bytes that come before the greeting is complete; those of a TLS handshake are not meant. */
static void session_watch_talk(struct session *session)
{
    if (!session->tls && session->listener->protocol->implicit_tls)
        return;
    if (session->listener->protocol->family == FAMILY_TCP)
        return;
    if (!session->greeted && evbuffer_get_length(session_input(session)) > 0)
        session_note_talk(session);
}

static void session_finish_greeting(struct session *session)
{
    struct greeting *greeting = &session->greeting;
    switch (greeting->end) {
    case GREETING_READY:
        session->greeted = true;
        session->imap.authenticated = greeting->authenticated;
        session_set_idle(session);
        break;
    case GREETING_CLOSE:
        session_end(session);
        break;
    case GREETING_REPEAT:
        greeting->sent = greeting->repeat_from;
        greeting->step = greeting->size;
        break;
    case GREETING_SILENT:
        break;
    }
}

static void session_send_greeting(struct session *session, size_t size)
{
    struct greeting *greeting = &session->greeting;
    struct timeval interval = {.tv_sec = greeting->interval_ms / 1000,
                               .tv_usec = (greeting->interval_ms % 1000) * 1000};
    size_t left = greeting->size - greeting->sent;
    if (size > left)
        size = left;
    if (evbuffer_get_length(session_wire_out(session)) < OUTPUT_LIMIT) {
        session_send(session, greeting->text + greeting->sent, size);
        greeting->sent += size;
    }
    if (greeting->sent == greeting->size)
        session_finish_greeting(session);
    if (greeting->sent < greeting->size)
        event_add(session->tick, &interval);
}

static bool session_begin(struct session *session)
{
    struct listener *listener = session->listener;
    char byte;
    session->begun = true;
    session->greeting = greeting_plan(listener->protocol, &listener->behaviour,
                                      listener->host->name, session->tls != NULL);
    /* What lies in the kernel now was sent before we said a word. */
    if (!listener->protocol->implicit_tls && listener->protocol->family != FAMILY_TCP &&
        recv(bufferevent_getfd(session->connection), &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0)
        session_note_talk(session);
    session_set_idle(session);
    if (!session->ending)
        session_send_greeting(session, session->greeting.first);
    return session->greeted;
}

/* TLS */

static SSL_CTX *session_tls_context(const struct session *session)
{
    const struct certificates *certificates = &session->listener->host->certificates;
    if (session_mode(session) == MODE_CERT_EXPIRED)
        return certificates->expired;
    if (session_mode(session) == MODE_CERT_WRONG_NAME)
        return certificates->wrong_name;
    return certificates->good;
}

void session_start_tls(struct session *session, const char *reply, const char *injected)
{
    if (session_mode(session) == MODE_INJECT)
        session_reply(session, "%s\r\n%s", reply, injected);
    else
        session_reply(session, "%s", reply);
    session->tls = tls_stream_new(session_tls_context(session));
    session->smtp = (struct smtp_state){0}; /* RFC 3207: what was known before is forgotten */
}

/* Sends half of what the handshake has to say next. True if the mode wants that. */
static bool session_break_handshake(struct session *session)
{
    enum mode mode = session_mode(session);
    size_t pending = tls_stream_pending(session->tls);
    if (pending == 0 || (mode != MODE_TLS_STALL && mode != MODE_TLS_CLOSE))
        return false;
    tls_stream_send(session->tls, session_wire_out(session), pending / 2);
    if (mode == MODE_TLS_STALL)
        session->stalled = true;
    else
        session_end(session);
    return true;
}

/* Takes what the wire brought. False: there is nothing plain to look at for now. */
static bool session_receive_tls(struct session *session)
{
    bool was_ready = tls_stream_ready(session->tls);
    if (evbuffer_get_length(session->plain_in) < INPUT_LIMIT &&
        !tls_stream_receive(session->tls, session_wire_in(session), session->plain_in))
        session->peer_done = true;
    /* With pending bytes of before, this is a stalled handshake that is let go on. */
    if (!was_ready && session_break_handshake(session))
        return false;
    tls_stream_send(session->tls, session_wire_out(session), tls_stream_pending(session->tls));
    if (!tls_stream_ready(session->tls)) {
        if (session->peer_done)
            session_end(session);
        return false;
    }
    if (!session->tls_counted)
        session->listener->counters.tls++;
    session->tls_counted = true;
    return true;
}

/* Lines */

static void session_take_overlong(struct session *session)
{
    struct evbuffer *input = session_input(session);
    if (session->smtp.data) {
        session->smtp.broken_line = true;
        evbuffer_drain(input, evbuffer_get_length(input));
        return;
    }
    static const char *const words[] = {[FAMILY_SMTP] = "500 5.5.2 Line too long",
                                        [FAMILY_IMAP] = "* BYE Line too long",
                                        [FAMILY_POP3] = "-ERR Line too long"};
    session_reply(session, "%s", words[session->listener->protocol->family]);
    session_end(session);
}

static bool session_skip(struct session *session)
{
    struct evbuffer *input = session_input(session);
    size_t size = evbuffer_get_length(input);
    if (size > session->skip)
        size = session->skip;
    evbuffer_drain(input, size);
    session->skip -= size;
    return session->skip == 0;
}

static void session_dispatch(struct session *session)
{
    switch (session->listener->protocol->family) {
    case FAMILY_SMTP:
        smtp_take_line(session);
        break;
    case FAMILY_IMAP:
        imap_take_line(session);
        break;
    case FAMILY_POP3:
        pop3_take_line(session);
        break;
    case FAMILY_TCP:
        break;
    }
}

static bool session_take_line(struct session *session)
{
    struct evbuffer *input = session_input(session);
    size_t size;
    if (!session_skip(session))
        return false;
    char *line = evbuffer_readln(input, &size, EVBUFFER_EOL_CRLF);
    if (!line) {
        if (evbuffer_get_length(input) > LINE_LIMIT)
            session_take_overlong(session);
        return false;
    }
    if (size > LINE_LIMIT && !session->smtp.data) {
        session_take_overlong(session);
    } else {
        session->line = line;
        session_dispatch(session);
        session->line = NULL;
    }
    free(line);
    return true;
}

/* One step. False: nothing more can be done with what we have. */
static bool session_step(struct session *session)
{
    if (session->stalled || session->ending)
        return false;
    if (session->tls && !session_receive_tls(session))
        return false;
    if (!session->begun)
        return session_begin(session);
    session_watch_talk(session);
    if (!session->greeted || session->ending ||
        evbuffer_get_length(session_wire_out(session)) > OUTPUT_LIMIT)
        return false;
    if (session->listener->protocol->family == FAMILY_TCP) {
        evbuffer_drain(session_input(session), evbuffer_get_length(session_input(session)));
        return false;
    }
    return session_take_line(session);
}

static void session_advance(struct session *session)
{
    session_watch_talk(session);
    while (session_step(session))
        ;
    if (session->ending)
        evbuffer_drain(session_wire_in(session), evbuffer_get_length(session_wire_in(session)));
    else if (session->peer_done && !session->stalled)
        session_end(session);
    if (!session->ending)
        session_set_idle(session);
    session_settle(session);
}

/* Behaviour */

static void session_stall(struct session *session)
{
    session->stalled = true;
    event_del(session->tick);
    session_set_idle(session);
}

static void session_resume(struct session *session)
{
    bool was_stalled = session->stalled;
    session->stalled = false;
    if (was_stalled && session->begun && session->greeting.sent < session->greeting.size)
        event_active(session->tick, EV_TIMEOUT, 0);
    session_advance(session);
}

void session_follow_behaviour(struct listener *listener)
{
    struct session *next;
    for (struct session *session = TAILQ_FIRST(&listener->sessions); session; session = next) {
        next = TAILQ_NEXT(session, link);
        switch (listener->behaviour.mode) {
        case MODE_HANG:
        case MODE_SILENT:
            session_stall(session);
            break;
        case MODE_REFUSE: /* the process is dead: the kernel closes for it */
            session->by_us = true;
            session_free(session);
            break;
        default:
            session_resume(session);
            break;
        }
    }
}

/* Callbacks */

static void session_on_bytes(struct bufferevent *connection, void *argument)
{
    (void)connection;
    session_advance(argument);
}

static void session_on_event(struct bufferevent *connection, short what, void *argument)
{
    struct session *session = argument;
    (void)connection;
    session->peer_done = true;
    /* A client may close its side at once behind QUIT, and still wait for the answer. */
    bool answer = (what & BEV_EVENT_EOF) && (session->quit || session->ending);
    session->orderly = (what & BEV_EVENT_EOF) != 0;
    if (!answer) {
        session_free(session);
        return;
    }
    session_end(session);
    session_settle(session);
}

static void session_on_tick(evutil_socket_t fd, short what, void *argument)
{
    struct session *session = argument;
    (void)fd;
    (void)what;
    if (session->ending || session->stalled)
        return;
    session_send_greeting(session, session->greeting.step);
    session_advance(session);
}

static void session_on_idle(evutil_socket_t fd, short what, void *argument)
{
    (void)fd;
    (void)what;
    session_free(argument);
}

static void session_open_connection(struct session *session, int fd)
{
    struct event_base *base = session->listener->host->base;
    session->connection = bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);
    session->plain_in = evbuffer_new();
    session->tick = evtimer_new(base, session_on_tick, session);
    session->idle = evtimer_new(base, session_on_idle, session);
    if (!session->connection || !session->plain_in || !session->tick || !session->idle)
        memory_exhausted(sizeof(*session));
    bufferevent_setcb(session->connection, session_on_bytes, session_on_bytes, session_on_event,
                      session);
    bufferevent_setwatermark(session->connection, EV_READ, 0, INPUT_LIMIT);
    bufferevent_enable(session->connection, EV_READ | EV_WRITE);
}

void session_start(struct listener *listener, int fd)
{
    struct session *session = memory_alloc(sizeof(*session));
    session->listener = listener;
    session_open_connection(session, fd);
    TAILQ_INSERT_TAIL(&listener->sessions, session, link);
    listener->host->sessions++;
    if (++listener->open > listener->counters.max_open)
        listener->counters.max_open = listener->open;
    session->stalled =
        listener->behaviour.mode == MODE_HANG || listener->behaviour.mode == MODE_SILENT;
    if (listener->protocol->implicit_tls && !greeting_skips_tls(&listener->behaviour))
        session->tls = tls_stream_new(session_tls_context(session));
    session_advance(session);
}
