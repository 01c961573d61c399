/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/roundtrip.h"

#include "base/clock.h"
#include "base/memory.h"
#include "base/shared.h"
#include "probe/mailbox.h"
#include "probe/peers.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Between two looks: short at first, for what is delivered at once; then patient. */
enum { PAUSE_FIRST_MS = 250, PAUSE_MOST_MS = 10000, PAUSE_LEAST_MS = 100 };

/* A session without an octet for so long gives its place up to whoever waits for it. */
enum { SILENT_MS = 1000 };

enum { MESSAGE_SIZE = 1024 }; /* what a session can send */

/* Of a phase: sending, or looking. */
enum trip_state {
    TRIP_WAITS, /* for a place */
    TRIP_TALKS,
    TRIP_IDLES,  /* between two looks, with the session open */
    TRIP_PAUSES, /* the same without one: its place was asked for */
};

struct round_trip {
    const struct session_setting *setting;
    struct round_trip_plan plan;
    struct round_trip_reports reports;
    void *context;
    const struct probe_target *target; /* of the phase */
    int64_t latest_ms;                 /* when it may wait for its place no longer */
    enum trip_state state;
    struct peer *peer; /* NULL: the last moment of a phase; so is the session */
    struct peer_seat seat;
    struct session_errand errand;
    struct session *session;
    struct mailbox mailbox;
    struct event timer;  /* the end of the state, as trip_on_timer has it */
    int64_t pause_ms;    /* before the next look */
    int64_t accepted_us; /* -1: the message was not taken */
    struct outcome outcome;
    char message[MESSAGE_SIZE];
};

/* ---- the message ---- */

/* RFC 5322; RFC 3834 keeps it from being answered. To and from the recipient itself: another
 * address might not exist. */
static void write_message(char message[MESSAGE_SIZE], const struct round_trip_plan *plan)
{
    const char *recipient = shared_text(plan->smtp->check->recipient);
    const char *domain = strrchr(recipient, '@');
    struct token token = {.number = plan->number, .written_s = (int64_t)time(NULL)};
    char text[TOKEN_SIZE], date[40];
    struct tm now;

    memcpy(token.family, plan->family, sizeof token.family);
    token_write(&token, text);
    gmtime_r(&(time_t){token.written_s}, &now);
    strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S +0000", &now);
    snprintf(message, MESSAGE_SIZE,
             "Date: %s\r\nFrom: <%s>\r\nTo: <%s>\r\nMessage-ID: <%s@%s>\r\nSubject: probe %s\r\n"
             "Auto-Submitted: auto-generated\r\n" TOKEN_HEADER ": %s\r\n\r\n"
             "A message of evermxd, to see that mail is delivered. It is deleted when it is.\r\n.",
             date, recipient, recipient, text, domain ? domain + 1 : "localhost", text, text);
}

/* ---- the end ---- */

static void trip_arm(struct round_trip *trip, int64_t wait_ms)
{
    const struct timeval wait = {.tv_sec = wait_ms / 1000, .tv_usec = wait_ms % 1000 * 1000};
    evtimer_add(&trip->timer, &wait);
}

/* The end of a phase: nothing stays of it. */
static void trip_leave(struct round_trip *trip)
{
    struct peers *peers = trip->setting->peers;
    event_del(&trip->timer);
    if (trip->session)
        session_part(trip->session);
    trip->session = NULL;
    if (!trip->peer)
        return;
    peer_release(peers, &trip->seat);
    peers_leave(peers, trip->peer);
    trip->peer = NULL;
}

void round_trip_cancel(struct round_trip *trip)
{
    trip_leave(trip);
    free(trip);
}

static void trip_end(struct round_trip *trip, enum reason reason)
{
    struct outcome outcome = trip->outcome;
    void (*done)(void *, const struct outcome *, uint64_t) = trip->reports.done;
    void *context = trip->context;
    uint64_t found = trip->mailbox.found;

    outcome.reason = reason;
    round_trip_cancel(trip);
    done(context, &outcome, found);
}

static void trip_time_delivery(struct round_trip *trip, int64_t now_us)
{
    int64_t took_us = now_us - trip->accepted_us;
    if (trip->accepted_us < 0)
        return;
    trip->outcome.step_us[TIMED_DELIVERY] = took_us > INT32_MAX ? INT32_MAX : (int32_t)took_us;
}

static void trip_found(struct round_trip *trip)
{
    trip->outcome.detail[0] = '\0';
    if (trip->mailbox.found == trip->plan.number)
        trip_time_delivery(trip, trip->mailbox.found_us);
    trip_end(trip, REASON_OK);
}

/* A message that was not taken is not missed: what the sending came to stands in the outcome. */
static void trip_not_found(struct round_trip *trip)
{
    trip_time_delivery(trip, clock_now_us());
    trip_end(trip, trip->accepted_us < 0 ? trip->outcome.reason : REASON_UNDELIVERED);
}

/* No place has come in time. Why the message was not taken says more, where it was not. */
static void trip_too_late(struct round_trip *trip)
{
    bool told = trip->accepted_us < 0 && trip->outcome.reason != REASON_NONE;
    trip_end(trip, told ? trip->outcome.reason : REASON_LATE);
}

/* ---- its place ---- */

static void trip_send(struct round_trip *trip);
static void trip_look(struct round_trip *trip);

static int64_t trip_until_ms(const struct round_trip *trip, int64_t now_ms)
{
    return trip->plan.until_ms > now_ms ? trip->plan.until_ms : now_ms;
}

static bool trip_sends(const struct round_trip *trip)
{
    return trip->target == trip->plan.smtp;
}

static void trip_open(struct round_trip *trip)
{
    trip->state = TRIP_TALKS;
    trip_arm(trip, SILENT_MS);
    if (trip_sends(trip))
        trip_send(trip);
    else
        trip_look(trip);
}

static void trip_wait(struct round_trip *trip)
{
    int64_t wait_ms = trip->latest_ms - clock_now_ms();
    trip->state = TRIP_WAITS;
    trip_arm(trip, wait_ms > 0 ? wait_ms : 0);
    if (peer_take(trip->setting->peers, trip->peer, &trip->seat, RANK_TRIP))
        trip_open(trip);
}

/* A message is sent within its own time only; but there is one look at least. */
static void trip_begin(struct round_trip *trip, const struct probe_target *target)
{
    trip->target = target;
    trip->latest_ms = trip_until_ms(trip, clock_now_ms());
    if (!trip_sends(trip))
        trip->latest_ms += target->check->timeout_ms;
    trip->peer = peers_join(trip->setting->peers, &target->address);
    trip_wait(trip);
}

static void trip_on_granted(void *context)
{
    trip_open(context);
}

static void trip_part(struct round_trip *trip)
{
    session_part(trip->session);
    trip->session = NULL;
    peer_release(trip->setting->peers, &trip->seat);
}

/* Between two looks its place is left until the next one; a silent session begins anew. */
static void trip_on_give_up(void *context)
{
    struct round_trip *trip = context;

    if (trip->state == TRIP_IDLES) {
        trip->state = TRIP_PAUSES;
        trip_part(trip);
    } else if (session_heard_us(trip->session)) {
        peer_rank(trip->setting->peers, &trip->seat, RANK_TRIP, false);
    } else {
        trip_part(trip);
        if (clock_now_ms() < trip->latest_ms)
            trip_wait(trip);
        else
            trip_too_late(trip);
    }
}

/* Another whole dialogue may be under way there now: then it has to wait for its turn again. */
static void trip_look_again(struct round_trip *trip)
{
    if (peer_is_deep(trip->peer)) {
        trip_part(trip);
        trip_wait(trip);
        return;
    }
    trip->state = TRIP_TALKS;
    peer_rank(trip->setting->peers, &trip->seat, RANK_TRIP, false);
    mailbox_look(trip->session);
}

static void trip_on_timer(evutil_socket_t fd, short what, void *context)
{
    struct round_trip *trip = context;
    (void)fd, (void)what;

    switch (trip->state) {
    case TRIP_WAITS:
        trip_too_late(trip);
        break;
    case TRIP_TALKS:
        if (!session_heard_us(trip->session))
            peer_rank(trip->setting->peers, &trip->seat, RANK_SLOW, true);
        break;
    case TRIP_IDLES:
        trip_look_again(trip);
        break;
    case TRIP_PAUSES:
        trip_wait(trip);
        break;
    }
}

/* ---- looking for it ---- */

static void trip_on_missing(void *context)
{
    struct round_trip *trip = context;
    int64_t now_ms = clock_now_ms();
    int64_t next_ms = now_ms + trip->pause_ms;
    int64_t latest_ms = trip->reports.missing(trip->context, now_ms);

    if (now_ms >= trip->plan.until_ms) {
        trip_not_found(trip);
        return;
    }
    trip->pause_ms = 2 * trip->pause_ms < PAUSE_MOST_MS ? 2 * trip->pause_ms : PAUSE_MOST_MS;
    if (next_ms > latest_ms)
        next_ms = latest_ms;
    if (next_ms > trip->plan.until_ms)
        next_ms = trip->plan.until_ms;
    if (next_ms < now_ms + PAUSE_LEAST_MS)
        next_ms = now_ms + PAUSE_LEAST_MS;
    trip->state = TRIP_IDLES;
    trip_arm(trip, next_ms - now_ms);
    peer_rank(trip->setting->peers, &trip->seat, RANK_SENTINEL, true);
}

static void trip_on_mailbox(void *context, const struct session_result *result)
{
    struct round_trip *trip = context;
    enum reason reason = result->reason;
    const char *detail = result->detail;

    trip->session = NULL;
    trip_leave(trip);
    if (trip->mailbox.found) { /* how the session ended then does not matter */
        trip_found(trip);
        return;
    }
    if (reason == REASON_OK) { /* nobody asked for a login, as there was no TLS */
        reason = REASON_LOGIN_REFUSED;
        detail = result->warning_detail;
    }
    if (trip->accepted_us >= 0 || trip->outcome.reason == REASON_OK) {
        trip->outcome.reason = reason;
        snprintf(trip->outcome.detail, sizeof trip->outcome.detail, "%s: %.120s",
                 check_kind_name(trip->plan.imap->check->kind), detail);
    }
    trip_end(trip, trip->outcome.reason);
}

static void trip_look(struct round_trip *trip)
{
    const struct probe_target *imap = trip->plan.imap;
    int64_t until_ms = trip_until_ms(trip, clock_now_ms());

    trip->mailbox = (struct mailbox){.family = trip->plan.family,
                                     .arrived = trip->plan.arrived,
                                     .missing = trip_on_missing,
                                     .context = trip};
    trip->errand =
        (struct session_errand){.after_login = &mailbox_protocol, .context = &trip->mailbox};
    trip->session = session_open_errand(trip->setting, imap, &trip->errand,
                                        until_ms + imap->check->timeout_ms, trip_on_mailbox, trip);
}

/* ---- sending it ---- */

static void trip_on_sent(void *context, const struct session_result *result)
{
    struct round_trip *trip = context;
    bool waits_for_others = trip->plan.number > trip->plan.arrived + 1;

    trip->session = NULL;
    trip_leave(trip);
    trip->accepted_us = result->accepted_us;
    trip->outcome.reason = result->reason;
    session_result_tell(result, &trip->outcome);
    trip->outcome.warning = REASON_NONE; /* the probes' business */
    if (trip->accepted_us >= 0)
        trip->reports.taken(trip->context, trip->accepted_us / 1000);
    else if (result->reason == REASON_OK) /* greylisted */
        trip->outcome.reason = REASON_DEFERRED;
    if (trip->accepted_us >= 0 || waits_for_others)
        trip_begin(trip, trip->plan.imap);
    else
        trip_end(trip, trip->outcome.reason);
}

static void trip_send(struct round_trip *trip)
{
    const struct probe_target *smtp = trip->plan.smtp;

    write_message(trip->message, &trip->plan);
    trip->errand = (struct session_errand){.message = trip->message};
    trip->session =
        session_open_errand(trip->setting, smtp, &trip->errand,
                            clock_now_ms() + smtp->check->timeout_ms, trip_on_sent, trip);
}

/* ---- the beginning ---- */

struct round_trip *round_trip_start(const struct session_setting *setting,
                                    const struct round_trip_plan *plan,
                                    const struct round_trip_reports *reports, void *context)
{
    struct round_trip *trip = memory_alloc(sizeof *trip);

    trip->setting = setting;
    trip->plan = *plan;
    trip->reports = *reports;
    trip->context = context;
    trip->pause_ms = PAUSE_FIRST_MS;
    trip->accepted_us = -1;
    trip->outcome = (struct outcome){.depth = DEPTH_ROUND_TRIP, .sessions = 2, .rtt_us = -1};
    evtimer_assign(&trip->timer, setting->base, trip_on_timer, trip);
    trip->seat.granted = trip_on_granted;
    trip->seat.give_up = trip_on_give_up;
    trip->seat.context = trip;
    trip_begin(trip, plan->smtp);
    return trip;
}
