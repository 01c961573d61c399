/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/stream.h"

#include "base/clock.h"
#include "base/memory.h"
#include "probe/channel.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdlib.h>
#include <string.h>

enum {
    INPUT_MAX = STREAM_LINE_MAX + 2, /* the longest line with its CRLF */
    OUTPUT_MAX = STREAM_COMMAND_MAX,
};

enum stream_state {
    STATE_BROKEN, /* failed when it was opened: to be told from the loop */
    STATE_CONNECTING,
    STATE_HANDSHAKE,
    STATE_OPEN,
    STATE_ENDED, /* the last event has been told */
};

struct stream {
    struct channel channel;
    enum stream_state state;
    struct event_base *base;
    struct event io, timer;
    short wanted; /* what io waits for */
    int64_t deadline_ms;
    stream_handler *handler;
    void *context;
    bool busy;   /* a callback of ours is on the stack: freed at its end */
    bool closed; /* by the owner */
    size_t input_start, input_end, output_size;
    char input[INPUT_MAX + 1]; /* room for a NUL */
    char output[OUTPUT_MAX];
};

static void stream_on_io(evutil_socket_t fd, short what, void *context);
static void stream_on_timer(evutil_socket_t fd, short what, void *context);

/* ---- events of the loop ---- */

static void stream_want(struct stream *stream, short wanted)
{
    if (stream->wanted == wanted)
        return;
    if (stream->wanted)
        event_del(&stream->io);
    event_assign(&stream->io, stream->base, stream->channel.fd, wanted | EV_PERSIST, stream_on_io,
                 stream);
    event_add(&stream->io, NULL);
    stream->wanted = wanted;
}

static void stream_arm(struct stream *stream, int64_t wait_ms)
{
    if (wait_ms < 0)
        wait_ms = 0;
    struct timeval wait = {.tv_sec = wait_ms / 1000, .tv_usec = wait_ms % 1000 * 1000};
    event_add(&stream->timer, &wait);
}

void stream_set_deadline(struct stream *stream, int64_t at_ms)
{
    if (stream->state == STATE_BROKEN) /* its timer already stands at "now" */
        return;
    stream->deadline_ms = at_ms;
    stream_arm(stream, at_ms - clock_now_ms());
}

static void stream_disarm(struct stream *stream)
{
    if (stream->wanted)
        event_del(&stream->io);
    event_del(&stream->timer);
    stream->wanted = 0;
}

static struct stream *stream_new(struct event_base *base, stream_handler *handler, void *context)
{
    struct stream *stream = memory_alloc(sizeof *stream);
    stream->base = base;
    stream->handler = handler;
    stream->context = context;
    evtimer_assign(&stream->timer, base, stream_on_timer, stream);
    return stream;
}

struct stream *stream_adopt(struct event_base *base, const struct channel *channel,
                            stream_handler *handler, void *context)
{
    struct stream *stream = stream_new(base, handler, context);
    stream->channel = *channel;
    stream->state = STATE_OPEN;
    stream_want(stream, EV_READ);
    return stream;
}

struct stream *stream_open(struct event_base *base, const struct address *address, uint16_t port,
                           const struct address *source, stream_handler *handler, void *context)
{
    struct stream *stream = stream_new(base, handler, context);
    if (channel_connect(&stream->channel, address, port, source)) {
        stream->state = STATE_CONNECTING;
        stream_want(stream, EV_WRITE);
    } else {
        stream->state = STATE_BROKEN;
        stream_arm(stream, 0);
    }
    return stream;
}

void stream_close(struct stream *stream)
{
    stream_disarm(stream);
    channel_close(&stream->channel);
    explicit_bzero(stream->output, stream->output_size);
    stream->closed = true;
    if (!stream->busy)
        free(stream);
}

/* ---- what the owner is told ---- */

static void stream_tell(struct stream *stream, const struct stream_news *news)
{
    stream->handler(stream->context, news);
}

/* The last event, with what came of an unfinished line. */
static void stream_finish(struct stream *stream, enum stream_event event, enum reason reason)
{
    stream_disarm(stream);
    stream->state = STATE_ENDED;
    stream->input[stream->input_end] = '\0';
    stream_tell(stream, &(struct stream_news){.event = event,
                                              .reason = reason,
                                              .line = stream->input + stream->input_start,
                                              .size = stream->input_end - stream->input_start,
                                              .why = channel_why(&stream->channel)});
}

static void stream_fail(struct stream *stream, enum channel_phase phase)
{
    enum reason reason = REASON_TLS_FAILED;
    if (!stream->channel.tls_error)
        reason = channel_reason(&stream->channel, phase);
    stream_finish(stream, STREAM_ERROR, reason);
}

/* Waits for what a channel's call needs, or tells that it ended. */
static void stream_stopped(struct stream *stream, enum channel_result result)
{
    short output = stream->output_size ? EV_WRITE : 0;
    switch (result) {
    case CHANNEL_DONE:
        break;
    case CHANNEL_WAIT_READ:
        stream_want(stream, EV_READ | output);
        break;
    case CHANNEL_WAIT_WRITE:
        stream_want(stream, EV_WRITE);
        break;
    case CHANNEL_END:
        stream_finish(stream, STREAM_END, REASON_NONE);
        break;
    case CHANNEL_FAILED:
        stream_fail(stream, PHASE_CONNECTED);
        break;
    }
}

/* ---- lines ---- */

/* One whole line of the input, if there is one. Its end (LF, or CRs and LF) becomes NUL. */
static char *stream_take_line(struct stream *stream, size_t *size)
{
    char *line = stream->input + stream->input_start;
    char *end = memchr(line, '\n', stream->input_end - stream->input_start);
    if (!end)
        return NULL;
    stream->input_start = (size_t)(end - stream->input) + 1;
    while (end > line && end[-1] == '\r')
        end--;
    *end = '\0';
    *size = (size_t)(end - line);
    return line;
}

static void stream_deliver(struct stream *stream)
{
    size_t size;
    char *line;

    while (!stream->closed && stream->state == STATE_OPEN &&
           (line = stream_take_line(stream, &size))) {
        if (size > STREAM_LINE_MAX) {
            stream->input_start = (size_t)(line - stream->input);
            stream_finish(stream, STREAM_TOO_LONG, REASON_NONE);
            return;
        }
        stream_tell(stream, &(struct stream_news){
                                .event = STREAM_LINE, .line = line, .size = size, .why = ""});
    }
    if (stream->closed || stream->state != STATE_OPEN)
        return;
    stream->input_end -= stream->input_start;
    memmove(stream->input, stream->input + stream->input_start, stream->input_end);
    stream->input_start = 0;
    if (stream->input_end == INPUT_MAX)
        stream_finish(stream, STREAM_TOO_LONG, REASON_NONE);
}

static void stream_read(struct stream *stream)
{
    while (!stream->closed && stream->state == STATE_OPEN) {
        size_t got = 0;
        size_t room = INPUT_MAX - stream->input_end;
        enum channel_result result =
            channel_read(&stream->channel, stream->input + stream->input_end, room, &got);
        if (result != CHANNEL_DONE) {
            stream_stopped(stream, result);
            return;
        }
        stream->input_end += got;
        stream_deliver(stream);
        if (!stream->closed && !stream->channel.ssl && got < room)
            return; /* that was all; what comes next is another event */
    }
}

/* A failure to send is not told: what the peer said before it closed (a 421, say) is still to be
 * read, and after that the reading tells the end. */
static void stream_flush(struct stream *stream)
{
    size_t sent = 0;
    if (!stream->output_size)
        return;
    enum channel_result result =
        channel_write(&stream->channel, stream->output, stream->output_size, &sent);
    if (result == CHANNEL_END || result == CHANNEL_FAILED)
        sent = stream->output_size;
    stream->output_size -= sent;
    memmove(stream->output, stream->output + sent, stream->output_size);
    explicit_bzero(stream->output + stream->output_size, sent); /* it may have been a password */
    stream_want(stream, stream->output_size ? EV_READ | EV_WRITE : EV_READ);
}

void stream_send(struct stream *stream, const char *bytes, size_t size)
{
    /* Too much only when the peer has read nothing of what went before: then it will not answer,
     * and the deadline of the answer tells. */
    if (stream->state != STATE_OPEN || size > OUTPUT_MAX - stream->output_size)
        return;
    memcpy(stream->output + stream->output_size, bytes, size);
    stream->output_size += size;
    stream_flush(stream);
}

bool stream_has_input(const struct stream *stream)
{
    return stream->input_end > stream->input_start || channel_has_input(&stream->channel);
}

void stream_start_tls(struct stream *stream, const struct tls_client *client, const char *host)
{
    stream->input_start = stream->input_end = stream->output_size = 0;
    channel_start_tls(&stream->channel, client, host);
    stream->state = STATE_HANDSHAKE;
    stream_want(stream, EV_WRITE);
}

struct ssl_st *stream_tls(const struct stream *stream)
{
    return stream->channel.ssl;
}

int64_t stream_heard_us(const struct stream *stream)
{
    return stream->channel.heard_us;
}

int64_t stream_said_us(const struct stream *stream)
{
    return stream->channel.said_us;
}

bool stream_was_resent(const struct stream *stream)
{
    return stream->channel.fd >= 0 && channel_was_resent(&stream->channel);
}

bool stream_has_news(const struct stream *stream)
{
    return stream->channel.fd >= 0 && channel_ready(&stream->channel, true, false);
}

void stream_keep_alive(struct stream *stream)
{
    channel_keep_alive(&stream->channel);
}

bool stream_local_address(const struct stream *stream, struct address *address)
{
    return channel_local_address(&stream->channel, address);
}

/* ---- turns of the loop ---- */

static void stream_connected(struct stream *stream)
{
    if (channel_connected(&stream->channel) != CHANNEL_DONE) {
        stream_fail(stream, PHASE_UNDER_WAY);
        return;
    }
    stream->state = STATE_OPEN;
    stream_want(stream, EV_READ);
    stream_tell(stream, &(struct stream_news){.event = STREAM_CONNECTED, .line = "", .why = ""});
}

static void stream_handshake(struct stream *stream)
{
    enum channel_result result = channel_handshake(&stream->channel);
    if (result != CHANNEL_DONE) {
        stream_stopped(stream, result);
        return;
    }
    stream->state = STATE_OPEN;
    stream_want(stream, EV_READ);
    stream_tell(stream, &(struct stream_news){.event = STREAM_SECURE, .line = "", .why = ""});
    stream_read(stream); /* what TLS already holds raises no event */
}

static void stream_progress(struct stream *stream)
{
    stream->channel.budget = CHANNEL_TURN_BYTES;
    switch (stream->state) {
    case STATE_CONNECTING:
        stream_connected(stream);
        break;
    case STATE_HANDSHAKE:
        stream_handshake(stream);
        break;
    case STATE_OPEN:
        stream_flush(stream);
        stream_read(stream);
        break;
    case STATE_BROKEN:
    case STATE_ENDED:
        break;
    }
}

static void stream_expire(struct stream *stream)
{
    int64_t deadline_ms = stream->deadline_ms;
    if (channel_ready(&stream->channel, stream->wanted & EV_READ, stream->wanted & EV_WRITE))
        stream_progress(stream);
    if (!stream->closed && stream->state != STATE_ENDED && stream->deadline_ms == deadline_ms)
        stream_finish(stream, STREAM_TIMEOUT, REASON_NONE);
}

static void stream_leave(struct stream *stream)
{
    stream->busy = false;
    if (stream->closed)
        free(stream);
}

static void stream_on_io(evutil_socket_t fd, short what, void *context)
{
    struct stream *stream = context;
    (void)fd, (void)what;
    stream->busy = true;
    stream_progress(stream);
    stream_leave(stream);
}

static void stream_on_timer(evutil_socket_t fd, short what, void *context)
{
    struct stream *stream = context;
    int64_t left_ms = stream->deadline_ms - clock_now_ms();
    (void)fd, (void)what;

    stream->busy = true;
    if (stream->state == STATE_BROKEN)
        stream_fail(stream, PHASE_CONNECT);
    else if (left_ms > 0) /* the loop counts from when its turn began, which may be long ago */
        stream_arm(stream, left_ms);
    else
        stream_expire(stream);
    stream_leave(stream);
}
