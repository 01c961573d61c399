/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/roundtrip.h"

#include "base/clock.h"
#include "base/memory.h"
#include "base/shared.h"
#include "probe/mailbox.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Between two looks: short at first, for what is delivered at once; then patient. */
enum { PAUSE_FIRST_MS = 250, PAUSE_MOST_MS = 10000, PAUSE_LEAST_MS = 100 };

enum { MESSAGE_SIZE = 1024 }; /* what a session can send */

struct round_trip {
    const struct session_setting *setting;
    struct round_trip_plan plan;
    struct round_trip_reports reports;
    void *context;
    struct session_errand errand;
    struct session *session; /* NULL: the last moment of a phase */
    struct mailbox mailbox;
    struct event timer;  /* the next look */
    int64_t pause_ms;    /* before it */
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

static void trip_free(struct round_trip *trip)
{
    event_del(&trip->timer);
    free(trip);
}

void round_trip_cancel(struct round_trip *trip)
{
    if (trip->session)
        session_part(trip->session);
    trip_free(trip);
}

static void trip_end(struct round_trip *trip, enum reason reason)
{
    struct outcome outcome = trip->outcome;
    void (*done)(void *, const struct outcome *, uint64_t) = trip->reports.done;
    void *context = trip->context;
    uint64_t found = trip->mailbox.found;

    outcome.reason = reason;
    trip_free(trip);
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

/* ---- looking for it ---- */

static void trip_on_timer(evutil_socket_t fd, short what, void *context)
{
    struct round_trip *trip = context;
    (void)fd, (void)what;
    mailbox_look(trip->session);
}

static void trip_on_missing(void *context)
{
    struct round_trip *trip = context;
    int64_t now_ms = clock_now_ms();
    int64_t next_ms = now_ms + trip->pause_ms;
    int64_t latest_ms = trip->reports.missing(trip->context, now_ms);

    if (now_ms >= trip->plan.until_ms) {
        session_part(trip->session);
        trip->session = NULL;
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
    const int64_t wait_ms = next_ms - now_ms;
    const struct timeval wait = {.tv_sec = wait_ms / 1000, .tv_usec = wait_ms % 1000 * 1000};
    evtimer_add(&trip->timer, &wait);
}

static void trip_on_mailbox(void *context, const struct session_result *result)
{
    struct round_trip *trip = context;
    enum reason reason = result->reason;
    const char *detail = result->detail;

    trip->session = NULL;
    event_del(&trip->timer);
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
    int64_t now_ms = clock_now_ms();
    int64_t until_ms = trip->plan.until_ms > now_ms ? trip->plan.until_ms : now_ms;

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
    trip->accepted_us = result->accepted_us;
    trip->outcome.reason = result->reason;
    session_result_tell(result, &trip->outcome);
    trip->outcome.warning = REASON_NONE; /* the probes' business */
    if (trip->accepted_us >= 0)
        trip->reports.taken(trip->context, trip->accepted_us / 1000);
    else if (result->reason == REASON_OK) /* greylisted */
        trip->outcome.reason = REASON_DEFERRED;
    if (trip->accepted_us >= 0 || waits_for_others)
        trip_look(trip);
    else
        trip_end(trip, trip->outcome.reason);
}

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
    write_message(trip->message, plan);
    trip->errand.message = trip->message;
    trip->session =
        session_open_errand(setting, plan->smtp, &trip->errand,
                            clock_now_ms() + plan->smtp->check->timeout_ms, trip_on_sent, trip);
    return trip;
}
