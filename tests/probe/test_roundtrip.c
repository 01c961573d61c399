/* SPDX-License-Identifier: BSD-2-Clause */
/* Round trips between scripted servers: what is said, what is touched, and what is made of servers
 * that lie, stall, refuse and delete nothing. */
#include "base/clock.h"
#include "base/memory.h"
#include "base/shared.h"
#include "probe/channel.h"
#include "probe/peers.h"
#include "probe/roundtrip.h"
#include "support/probe_once.h"

#include <event2/event.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define FAMILY "00c0ffee00c0ffeet7n"
#define OTHER  "0123456789abcdeft1n"
enum { NUMBER = 5, LOOKING_MS = 1500 };

/* clang-format off */
#define HELLO     SAY("220 mx\r\n"), HEAR("EHLO probe.example.test\r\n"), SAY("250 mx\r\n"), \
                  HEAR("MAIL FROM:<>\r\n")
#define TO_RCPT   HELLO, SAY("250 2.1.0 ok\r\n"), HEAR("RCPT TO:<probe@example.test>\r\n")
#define TO_DATA   TO_RCPT, SAY("250 2.1.5 ok\r\n"), HEAR("DATA\r\n")
#define TO_DOT    TO_DATA, SAY("354 go on\r\n"), HEAR("Date: "), HEAR("From: <probe@example.test>\r\n"), \
                  HEAR("To: <probe@example.test>\r\n"), HEAR("Message-ID: <" FAMILY "5s"), \
                  HEAR("Subject: probe " FAMILY "5s"), HEAR("Auto-Submitted: auto-generated\r\n"), \
                  HEAR("X-Evermx-Probe: " FAMILY "5s"), HEAR("\r\n"), HEAR("A message of evermxd"), \
                  HEAR(".\r\n")
#define QUITS     HEAR("QUIT\r\n"), SAY("221 bye\r\n"), GONE
#define RESETS    HEAR("RSET\r\n"), SAY("250 ok\r\n"), QUITS
#define TAKES     STEPS(TO_DOT, SAY("250 2.0.0 queued\r\n"), QUITS)

#define LOGIN     SAY("* OK ready\r\n"), HEAR("e1 CAPABILITY\r\n"), \
                  SAY("* CAPABILITY IMAP4rev1\r\ne1 OK\r\n"), HEAR("e2 LOGIN \"probe\" \"secret\"\r\n")
#define TO_SELECT LOGIN, SAY("e2 OK\r\n"), HEAR("e3 CAPABILITY\r\n"), \
                  SAY("* CAPABILITY IMAP4rev1 UIDPLUS\r\ne3 OK\r\n"), HEAR("e4 SELECT INBOX\r\n")
#define SELECTED  TO_SELECT, SAY("* FLAGS ()\r\n* 2 EXISTS\r\ne4 OK [READ-WRITE] ok\r\n")
#define NO_PLUS   LOGIN, SAY("e2 OK\r\n"), HEAR("e3 CAPABILITY\r\n"), SAY("e3 BAD what?\r\n"), \
                  HEAR("e4 SELECT INBOX\r\n"), SAY("* 2 EXISTS\r\ne4 OK ok\r\n")
#define SEARCH(tag, range) HEAR(tag " UID SEARCH " range " HEADER X-Evermx-Probe \"" FAMILY "\"\r\n")
#define SUBJECT(tag, range) HEAR(tag " UID SEARCH " range " SUBJECT \"" FAMILY "\"\r\n")
#define FETCH(tag, set) HEAR(tag " UID FETCH " set " (UID BODY.PEEK[HEADER.FIELDS (X-Evermx-Probe)])\r\n")
#define MAIL(uid, token) "* 2 FETCH (UID " uid " BODY[HEADER.FIELDS (X-EVERMX-PROBE)] {60}\r\n" \
                  "X-Evermx-Probe: " token "\r\n\r\n)\r\n"
#define OURS(uid, number) MAIL(uid, FAMILY number "s1795322072z")
#define STORE(tag, set) HEAR(tag " UID STORE " set " +FLAGS.SILENT (\\Deleted)\r\n")
#define EXPUNGE(tag, set) HEAR(tag " UID EXPUNGE " set "\r\n")
#define CLEAN(tag) HEAR(tag " UID SEARCH 1:"), SAY("* SEARCH\r\n" tag " OK\r\n")
#define NOTHING(one, two) SEARCH(one, "1:*"), SAY("* SEARCH\r\n" one " OK\r\n"), \
                  SUBJECT(two, "1:*"), SAY("* SEARCH\r\n" two " OK\r\n")
#define LOGOUT(tag) HEAR(tag " LOGOUT\r\n"), SAY("* BYE bye\r\n" tag " OK\r\n"), GONE
/* The one message is there at once, and is deleted. */
#define FOUND     SELECTED, SEARCH("e5", "1:*"), SAY("* SEARCH 12\r\ne5 OK\r\n"), FETCH("e6", "12"), \
                  SAY(OURS("12", "5") "e6 OK\r\n"), STORE("e7", "12")
#define DELETED   FOUND, SAY("e7 OK\r\n"), EXPUNGE("e8", "12"), SAY("* 2 EXPUNGE\r\ne8 OK\r\n")
/* clang-format on */

struct row {
    const char *name;
    const struct script_step *smtp, *imap; /* imap NULL: nobody asks */
    enum reason reason;
    uint64_t arrived;   /* as told at the end */
    const char *detail; /* stands somewhere in it */
    uint64_t before;    /* arrived before; 0: all but this one */
    unsigned missing;   /* looks that found nothing, at least */
};

static const struct row rows[] = {
    {"delivered at once", TAKES, STEPS(DELETED, CLEAN("e9"), LOGOUT("e10")), REASON_OK, 5, "", 0,
     0},
    {"delivered by the second look", TAKES,
     STEPS(SELECTED, NOTHING("e5", "e6"), HEAR("e7 NOOP\r\n"), SAY("* 3 EXISTS\r\ne7 OK\r\n"),
           SEARCH("e8", "1:*"), SAY("* SEARCH 12\r\ne8 OK\r\n"), FETCH("e9", "12"),
           SAY(OURS("12", "5") "e9 OK\r\n"), STORE("e10", "12"), SAY("e10 OK\r\n"),
           EXPUNGE("e11", "12"), SAY("e11 OK\r\n"), CLEAN("e12"), LOGOUT("e13")),
     REASON_OK, 5, "", 0, 1},
    {"an empty mailbox is not searched", TAKES,
     STEPS(TO_SELECT, SAY("* 0 EXISTS\r\ne4 OK\r\n"), HEAR("e5 NOOP\r\n"), SAY("e5 OK\r\n"),
           HEAR("e6 NOOP\r\n"), SAY("e6 OK\r\n"), HEAR("e7 NOOP\r\n"), SAY("e7 OK\r\n"),
           LOGOUT("e8")),
     REASON_UNDELIVERED, 0, "", 0, 3},
    {"a large mailbox is searched at its end", TAKES,
     STEPS(TO_SELECT, SAY("* 1000 EXISTS\r\ne4 OK\r\n"), SEARCH("e5", "851:*"),
           SAY("* SEARCH 12\r\ne5 OK\r\n"), FETCH("e6", "12"), SAY(OURS("12", "5") "e6 OK\r\n"),
           STORE("e7", "12"), SAY("e7 OK\r\n"), EXPUNGE("e8", "12"), SAY("e8 OK\r\n"),
           HEAR("e9 UID SEARCH "), SAY("e9 NO not so\r\n"), LOGOUT("e10")),
     REASON_OK, 5, "", 0, 0},
    {"an older one arrives late", TAKES,
     STEPS(SELECTED, SEARCH("e5", "1:*"), SAY("* SEARCH 11\r\ne5 OK\r\n"), FETCH("e6", "11"),
           SAY(OURS("11", "4") "e6 OK\r\n"), STORE("e7", "11"), SAY("e7 OK\r\n"),
           EXPUNGE("e8", "11"), SAY("e8 OK\r\n"), CLEAN("e9"), LOGOUT("e10")),
     REASON_OK, 4, "", 2, 0},
    {"one that was found before, and stays: no news", TAKES,
     STEPS(SELECTED, SEARCH("e5", "1:*"), SAY("* SEARCH 11\r\ne5 OK\r\n"), FETCH("e6", "11"),
           SAY(OURS("11", "4") "e6 OK\r\n"), STORE("e7", "11"), SAY("e7 NO not you\r\n"), STALL),
     REASON_REPLY_TIMEOUT, 0, "imap: ", 4, 1},
    {"several, and UID behind the literal", TAKES,
     STEPS(SELECTED, SEARCH("e5", "1:*"), SAY("* SEARCH 11 12\r\ne5 OK\r\n"), FETCH("e6", "11,12"),
           SAY("* 1 FETCH (BODY[HEADER.FIELDS (X-Evermx-Probe)] {60}\r\nx-evermx-probe:" FAMILY
               "5s1z\r\n\r\n UID 11)\r\n" OURS("12", "4") "e6 OK\r\n"),
           STORE("e7", "11,12"), SAY("e7 OK\r\n"), EXPUNGE("e8", "11,12"), SAY("e8 OK\r\n"),
           CLEAN("e9"), LOGOUT("e10")),
     REASON_OK, 5, "", 3, 0},

    /* servers that are not as they should be */
    {"searches no headers", TAKES,
     STEPS(SELECTED, SEARCH("e5", "1:*"), SAY("e5 BAD only subjects\r\n"), SUBJECT("e6", "1:*"),
           SAY("* SEARCH 12\r\ne6 OK\r\n"), FETCH("e7", "12"), SAY(OURS("12", "5") "e7 OK\r\n"),
           STORE("e8", "12"), SAY("e8 OK\r\n"), EXPUNGE("e9", "12"), SAY("e9 OK\r\n"), CLEAN("e10"),
           LOGOUT("e11")),
     REASON_OK, 5, "", 0, 0},
    {"finds no headers", TAKES,
     STEPS(SELECTED, SEARCH("e5", "1:*"), SAY("* SEARCH\r\ne5 OK\r\n"), SUBJECT("e6", "1:*"),
           SAY("* SEARCH 12\r\ne6 OK\r\n"), FETCH("e7", "12"), SAY(OURS("12", "5") "e7 OK\r\n"),
           STORE("e8", "12"), SAY("e8 OK\r\n"), EXPUNGE("e9", "12"), SAY("e9 OK\r\n"), CLEAN("e10"),
           LOGOUT("e11")),
     REASON_OK, 5, "", 0, 0},
    {"finds everything: what is not ours is let alone", TAKES,
     STEPS(SELECTED, SEARCH("e5", "1:*"), SAY("* SEARCH 10 11 12 13\r\ne5 OK\r\n"),
           FETCH("e6", "10,11,12,13"),
           SAY("* 1 FETCH (UID 10 BODY[HEADER.FIELDS (X-Evermx-Probe)] {2}\r\n\r\n)\r\n" MAIL(
               "11", "hello") OURS("12", "5") MAIL("13", FAMILY "5") "e6 OK\r\n"),
           STORE("e7", "12"), SAY("e7 OK\r\n"), EXPUNGE("e8", "12"), SAY("e8 OK\r\n"), CLEAN("e9"),
           LOGOUT("e10")),
     REASON_OK, 5, "", 0, 0},
    {"tells of a message that nobody asked for", TAKES,
     STEPS(SELECTED, SEARCH("e5", "1:*"), SAY("* SEARCH 12\r\ne5 OK\r\n"), FETCH("e6", "12"),
           SAY(OURS("99", "4") OURS("12", "5") "e6 OK\r\n"), STORE("e7", "12"), SAY("e7 OK\r\n"),
           EXPUNGE("e8", "12"), SAY("e8 OK\r\n"), CLEAN("e9"), LOGOUT("e10")),
     REASON_OK, 5, "", 0, 0},
    {"no UIDPLUS, and nothing else is flagged", TAKES,
     STEPS(NO_PLUS, SEARCH("e5", "1:*"), SAY("* SEARCH 12\r\ne5 OK\r\n"), FETCH("e6", "12"),
           SAY(OURS("12", "5") "e6 OK\r\n"), STORE("e7", "12"), SAY("e7 OK\r\n"),
           HEAR("e8 UID SEARCH DELETED\r\n"), SAY("* SEARCH 12\r\ne8 OK\r\n"),
           HEAR("e9 EXPUNGE\r\n"), SAY("* 2 EXPUNGE\r\ne9 OK\r\n"), CLEAN("e10"), LOGOUT("e11")),
     REASON_OK, 5, "", 0, 0},
    {"no UIDPLUS, and somebody else has flagged one", TAKES,
     STEPS(NO_PLUS, SEARCH("e5", "1:*"), SAY("* SEARCH 12\r\ne5 OK\r\n"), FETCH("e6", "12"),
           SAY(OURS("12", "5") "e6 OK\r\n"), STORE("e7", "12"), SAY("e7 OK\r\n"),
           HEAR("e8 UID SEARCH DELETED\r\n"), SAY("* SEARCH 3 12\r\ne8 OK\r\n"), CLEAN("e9"),
           LOGOUT("e10")),
     REASON_OK, 5, "", 0, 0},
    {"deletes nothing", TAKES, STEPS(FOUND, SAY("e7 NO never\r\n"), CLEAN("e8"), LOGOUT("e9")),
     REASON_OK, 5, "", 0, 0},
    {"read-only", TAKES,
     STEPS(TO_SELECT, SAY("* 2 EXISTS\r\ne4 OK [READ-ONLY] ok\r\n"), SEARCH("e5", "1:*"),
           SAY("* SEARCH 12\r\ne5 OK\r\n"), FETCH("e6", "12"), SAY(OURS("12", "5") "e6 OK\r\n"),
           LOGOUT("e7")),
     REASON_OK, 5, "", 0, 0},
    {"stalls once it is found", TAKES, STEPS(FOUND, STALL), REASON_OK, 5, "", 0, 0},
    {"closes once it is found", TAKES, STEPS(FOUND, RESET), REASON_OK, 5, "", 0, 0},
    {"other flags change meanwhile", TAKES,
     STEPS(SELECTED, SEARCH("e5", "1:*"), SAY("* SEARCH 12\r\ne5 OK\r\n"), FETCH("e6", "12"),
           SAY("* 1 FETCH (FLAGS (\\Seen) UID 11)\r\n" OURS("12", "5") "* 3 EXISTS\r\ne6 OK\r\n"),
           STORE("e7", "12"), SAY("e7 OK\r\n"), EXPUNGE("e8", "12"), SAY("e8 OK\r\n"), CLEAN("e9"),
           LOGOUT("e10")),
     REASON_OK, 5, "", 0, 0},

    /* old ones */
    {"of others only old ones are deleted", TAKES,
     STEPS(DELETED, HEAR("e9 UID SEARCH 1:1 HEADER X-Evermx-Probe \"\" BEFORE "),
           SAY("* SEARCH 2 3 4\r\ne9 OK\r\n"), FETCH("e10", "2,3,4"),
           SAY(MAIL("2", OTHER "1s1600000000z") MAIL("3", OTHER "1s9600000000z")
                   MAIL("4", "hello") "e10 OK\r\n"),
           STORE("e11", "2"), SAY("e11 OK\r\n"), EXPUNGE("e12", "2"), SAY("e12 OK\r\n"),
           LOGOUT("e13")),
     REASON_OK, 5, "", 0, 0},
    {"old ones of ours too", TAKES,
     STEPS(DELETED, HEAR("e9 UID SEARCH 1:1 HEADER"), SAY("* SEARCH 2\r\ne9 OK\r\n"),
           FETCH("e10", "2"), SAY(OURS("2", "1") "e10 OK\r\n"), STORE("e11", "2"),
           SAY("e11 OK\r\n"), EXPUNGE("e12", "2"), SAY("e12 OK\r\n"), LOGOUT("e13")),
     REASON_OK, 5, "", 0, 0},

    /* it does not arrive */
    {"never arrives", TAKES,
     STEPS(SELECTED, NOTHING("e5", "e6"), HEAR("e7 NOOP\r\n"), SAY("e7 OK\r\n"),
           NOTHING("e8", "e9"), HEAR("e10 NOOP\r\n"), SAY("e10 OK\r\n"), NOTHING("e11", "e12"),
           HEAR("e13 NOOP\r\n"), SAY("e13 OK\r\n"), NOTHING("e14", "e15"), LOGOUT("e16")),
     REASON_UNDELIVERED, 0, "", 0, 4},

    /* nothing can be said */
    {"smtp: does not greet", STEPS(GONE), NULL, REASON_GREETING_TIMEOUT, 0, "", 0, 0},
    {"smtp: MAIL is refused", STEPS(HELLO, SAY("452 4.3.1 full\r\n"), QUITS), NULL,
     REASON_REPLY_4XX, 0, "452 4.3.1 full", 0, 0},
    {"smtp: RCPT is refused", STEPS(TO_RCPT, SAY("550 5.1.1 who?\r\n"), RESETS), NULL,
     REASON_RECIPIENT_REFUSED, 0, "550 5.1.1 who?", 0, 0},
    {"smtp: greylisted", STEPS(TO_RCPT, SAY("450 4.2.0 Greylisted\r\n"), RESETS), NULL,
     REASON_DEFERRED, 0, "450 4.2.0 Greylisted", 0, 0},
    {"smtp: DATA is refused", STEPS(TO_DATA, SAY("451 4.3.0 later\r\n"), RESETS), NULL,
     REASON_REPLY_4XX, 0, "451 4.3.0 later", 0, 0},
    {"smtp: DATA is taken for the message", STEPS(TO_DATA, SAY("250 ok\r\n"), GONE), NULL,
     REASON_REPLY_BAD, 0, "250 ok", 0, 0},
    {"smtp: no reply to DATA", STEPS(TO_DATA, STALL), NULL, REASON_REPLY_TIMEOUT, 0,
     "no reply to DATA", 0, 0},
    {"smtp: no reply to the message", STEPS(TO_DOT, STALL), NULL, REASON_REPLY_TIMEOUT, 0,
     "no reply to the message", 0, 0},
    {"smtp: closed behind the message", STEPS(TO_DOT, END), NULL, REASON_REPLY_CLOSED, 0, "", 0, 0},
    {"smtp: the message is refused for now", STEPS(TO_DOT, SAY("452 4.3.1 full\r\n"), QUITS), NULL,
     REASON_REPLY_4XX, 0, "452 4.3.1 full", 0, 0},
    {"smtp: taken, and no reply to QUIT", STEPS(TO_DOT, SAY("250 ok\r\n"), STALL),
     STEPS(DELETED, CLEAN("e9"), LOGOUT("e10")), REASON_OK, 5, "", 0, 0},
    {"smtp: refused, and an older one is found", STEPS(TO_RCPT, SAY("550 5.1.1 who?\r\n"), RESETS),
     STEPS(SELECTED, SEARCH("e5", "1:*"), SAY("* SEARCH 11\r\ne5 OK\r\n"), FETCH("e6", "11"),
           SAY(OURS("11", "4") "e6 OK\r\n"), STORE("e7", "11"), SAY("e7 OK\r\n"),
           EXPUNGE("e8", "11"), SAY("e8 OK\r\n"), CLEAN("e9"), LOGOUT("e10")),
     REASON_OK, 4, "", 3, 0},
    {"smtp: refused, and no older one is found", STEPS(TO_RCPT, SAY("550 5.1.1 who?\r\n"), RESETS),
     STEPS(TO_SELECT, SAY("* 0 EXISTS\r\ne4 OK\r\n"), HEAR("e5 NOOP\r\n"), SAY("e5 OK\r\n"),
           HEAR("e6 NOOP\r\n"), SAY("e6 OK\r\n"), HEAR("e7 NOOP\r\n"), SAY("e7 OK\r\n"),
           LOGOUT("e8")),
     REASON_RECIPIENT_REFUSED, 0, "550 5.1.1 who?", 3, 1},
    {"imap: does not greet", TAKES, STEPS(GONE), REASON_GREETING_TIMEOUT, 0, "imap: ", 0, 0},
    {"imap: the login is refused", TAKES,
     STEPS(LOGIN, SAY("e2 NO [AUTHENTICATIONFAILED] no\r\n"), LOGOUT("e3")), REASON_LOGIN_REFUSED,
     0, "imap: e2 NO [AUTHENTICATIONFAILED] no", 0, 0},
    {"imap: the mailbox is broken", TAKES,
     STEPS(TO_SELECT, SAY("e4 NO [SERVERBUG] Internal error\r\n"), LOGOUT("e5")),
     REASON_MAILBOX_BROKEN, 0, "imap: e4 NO [SERVERBUG]", 0, 0},
    {"imap: no search at all", TAKES,
     STEPS(SELECTED, SEARCH("e5", "1:*"), SAY("e5 BAD\r\n"), SUBJECT("e6", "1:*"),
           SAY("e6 NO [SERVERBUG] no\r\n"), LOGOUT("e7")),
     REASON_MAILBOX_BROKEN, 0, "imap: e6 NO", 0, 0},
    {"imap: stalls", TAKES, STEPS(SELECTED, STALL), REASON_REPLY_TIMEOUT, 0, "imap: no reply", 0,
     0},
    {"imap: closes while it idles", TAKES, STEPS(SELECTED, NOTHING("e5", "e6"), END),
     REASON_REPLY_CLOSED, 0, "imap: ", 0, 1},
    {"imap: says goodbye while it idles", TAKES,
     STEPS(SELECTED, NOTHING("e5", "e6"), SAY("* BYE shutting down\r\n"), LOGOUT("e7")),
     REASON_MAILBOX_BROKEN, 0, "imap: * BYE shutting down", 0, 1},
    {"imap: speaks while it idles", TAKES,
     STEPS(SELECTED, NOTHING("e5", "e6"), SAY("e6 OK again\r\n"), GONE), REASON_REPLY_BAD, 0,
     "imap: e6 OK again", 0, 1},
    {"imap: floods a fetch", TAKES,
     STEPS(SELECTED, SEARCH("e5", "1:*"), SAY("* SEARCH 12\r\ne5 OK\r\n"), FETCH("e6", "12"),
           FLOOD(MAIL("12", "hello"))),
     REASON_REPLY_BAD, 0, "imap: ", 0, 0},
    {"imap: floods a literal", TAKES,
     STEPS(SELECTED, SEARCH("e5", "1:*"), SAY("* SEARCH 12\r\ne5 OK\r\n"), FETCH("e6", "12"),
           FLOOD("X-Evermx-Probe: hello\r\n")),
     REASON_REPLY_BAD, 0, "imap: ", 0, 0},
    {"imap: a search's line without end", TAKES,
     STEPS(SELECTED, SEARCH("e5", "1:*"), SAY("* SEARCH"), FLOOD(" 1234567890")), REASON_REPLY_BAD,
     0, "imap: ", 0, 0},
    {"imap: numbers that are none", TAKES,
     STEPS(SELECTED, SEARCH("e5", "1:*"),
           SAY("* SEARCH 0 -1 99999999999 0x3 99999999999999999999999 x\r\ne5 OK\r\n"),
           SUBJECT("e6", "1:*"), SAY("e6 OK\r\n"), END),
     REASON_REPLY_CLOSED, 0, "imap: ", 0, 1},
};

/* ---- the harness ---- */

struct seen {
    struct event_base *base;
    unsigned reports, taken, missing;
    struct outcome outcome;
    uint64_t arrived;
};

static void on_taken(void *context, int64_t now_ms)
{
    struct seen *seen = context;
    (void)now_ms;
    seen->taken++;
}

static int64_t on_missing(void *context, int64_t now_ms)
{
    struct seen *seen = context;
    (void)now_ms;
    seen->missing++;
    return INT64_MAX;
}

static void on_done(void *context, const struct outcome *outcome, uint64_t arrived)
{
    struct seen *seen = context;
    seen->reports++;
    seen->outcome = *outcome;
    seen->arrived = arrived;
    event_base_loopbreak(seen->base);
}

static const struct round_trip_reports reports = {
    .taken = on_taken, .missing = on_missing, .done = on_done};

struct stand {
    struct event_base *base;
    struct tls_client tls;
    struct session_setting setting;
    struct check_settings smtp_check, imap_check;
    struct probe_target smtp, imap;
    struct script_server *smtp_server, *imap_server;
    struct seen seen;
};

static struct check_settings settings_of(enum check_kind kind)
{
    return (struct check_settings){.kind = kind,
                                   .tls = CHECK_TLS_OFF,
                                   .timeout_ms = PROBE_MS,
                                   .connect_timeout_ms = STEP_MS,
                                   .greeting_timeout_ms = STEP_MS,
                                   .reply_timeout_ms = STEP_MS};
}

static void stand_start(struct stand *stand, const struct script_step *smtp,
                        const struct script_step *imap)
{
    struct error error;
    *stand = (struct stand){.base = event_base_new()};
    assert_true(tls_client_init(&stand->tls, NULL, &error));
    stand->setting = (struct session_setting){
        .base = stand->base,
        .tls = &stand->tls,
        .ehlo_name = "probe.example.test",
        .peers = peers_new(stand->base, 16),
    };
    stand->smtp_server = script_start("127.0.0.1", smtp);
    stand->imap_server = script_start("127.0.0.1", imap ? imap : STEPS(GONE));
    stand->smtp_check = settings_of(CHECK_SMTP);
    stand->imap_check = settings_of(CHECK_IMAP);
    stand->smtp_check.recipient = shared_new("probe@example.test", 18, false);
    stand->imap_check.user = shared_new("probe", 5, false);
    stand->imap_check.password = shared_new("secret", 6, true);
    stand->smtp = (struct probe_target){.port = script_port(stand->smtp_server),
                                        .check = &stand->smtp_check,
                                        .host = "mx.example.test"};
    stand->imap = (struct probe_target){.port = script_port(stand->imap_server),
                                        .check = &stand->imap_check,
                                        .host = "mx.example.test"};
    assert_true(address_parse("127.0.0.1", &stand->smtp.address));
    stand->imap.address = stand->smtp.address;
    stand->seen.base = stand->base;
}

static struct round_trip *stand_trip(struct stand *stand, uint64_t arrived)
{
    const struct round_trip_plan plan = {
        .smtp = &stand->smtp,
        .imap = &stand->imap,
        .family = FAMILY,
        .number = NUMBER,
        .arrived = arrived ? arrived : NUMBER - 1,
        .until_ms = clock_now_ms() + LOOKING_MS,
    };
    return round_trip_start(&stand->setting, &plan, &reports, &stand->seen);
}

static void stand_run(struct stand *stand, int64_t ms)
{
    const struct timeval wait = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
    event_base_loopexit(stand->base, &wait);
    event_base_dispatch(stand->base);
}

/* What went wrong in the scripts, to be freed; NULL: nothing. */
static char *stand_stop(struct stand *stand)
{
    char *smtp = script_stop(stand->smtp_server), *imap = script_stop(stand->imap_server);
    char *wrong = smtp || imap ? memory_printf("smtp: %s; imap: %s", smtp ? smtp : "well",
                                               imap ? imap : "well")
                               : NULL;
    free(smtp);
    free(imap);
    check_settings_release(&stand->smtp_check);
    check_settings_release(&stand->imap_check);
    peers_free(stand->setting.peers); /* dies where a place is left taken, or a host joined */
    tls_client_clear(&stand->tls);
    event_base_free(stand->base);
    return wrong;
}

static unsigned check_row(const struct row *row)
{
    struct stand stand;
    stand_start(&stand, row->smtp, row->imap);
    stand_trip(&stand, row->before);
    stand_run(&stand, PATIENCE_MS);
    stand_run(&stand, 10); /* no second report */
    unsigned asked = script_connections(stand.imap_server);
    char *wrong = stand_stop(&stand);
    const struct seen *seen = &stand.seen;
    bool good = seen->reports == 1 && seen->outcome.reason == row->reason &&
                seen->outcome.depth == DEPTH_ROUND_TRIP && seen->arrived == row->arrived &&
                strstr(seen->outcome.detail, row->detail) && seen->missing >= row->missing &&
                asked == (row->imap != NULL) && !wrong;
    if (!good)
        print_error("%s: %u reports, %s (%s), arrived %llu, missing %u, imap asked %u; %s\n",
                    row->name, seen->reports, reason_word(seen->outcome.reason),
                    seen->outcome.detail, (unsigned long long)seen->arrived, seen->missing, asked,
                    wrong ? wrong : "scripts are well");
    free(wrong);
    return good ? 0 : 1;
}

static void all_rows(void **state)
{
    (void)state;
    unsigned bad = 0;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        bad += check_row(&rows[i]);
    assert_int_equal(bad, 0);
}

/* From the message's acceptance until it was seen, not until all was tidied up. */
static void delivery_is_timed(void **state)
{
    (void)state;
    struct stand stand;
    stand_start(&stand, TAKES,
                STEPS(SELECTED, NOTHING("e5", "e6"), HEAR("e7 NOOP\r\n"), SAY("e7 OK\r\n"),
                      SEARCH("e8", "1:*"), SAY("* SEARCH 12\r\ne8 OK\r\n"), FETCH("e9", "12"),
                      SAY(OURS("12", "5") "e9 OK\r\n"), STORE("e10", "12"), PAUSE(400),
                      SAY("e10 NO\r\n"), CLEAN("e11"), LOGOUT("e12")));
    stand_trip(&stand, 0);
    int64_t start_us = clock_now_us();
    stand_run(&stand, PATIENCE_MS);
    int64_t took_us = clock_now_us() - start_us;
    assert_int_equal(stand.seen.outcome.reason, REASON_OK);
    assert_int_equal(stand.seen.taken, 1);
    assert_true(stand.seen.outcome.step_us[TIMED_DELIVERY] >= 250 * 1000);
    assert_true(stand.seen.outcome.step_us[TIMED_DELIVERY] <= took_us - 390 * 1000);
    assert_true(stand.seen.outcome.step_us[TIMED_GREETING] > 0);
    char *wrong = stand_stop(&stand);
    assert_null(wrong);
}

/* At each moment: nothing is reported, nothing is left. */
static void cancelled_at_any_time(void **state)
{
    (void)state;
    for (int64_t ms = 0; ms <= 100; ms += ms < 10 ? 2 : 15) {
        struct stand stand;
        stand_start(&stand, TAKES, STEPS(SELECTED, NOTHING("e5", "e6"), GONE));
        struct round_trip *trip = stand_trip(&stand, 0);
        stand_run(&stand, ms);
        round_trip_cancel(trip);
        stand_run(&stand, 10);
        assert_int_equal(stand.seen.reports, 0);
        free(stand_stop(&stand)); /* which of them it was broken off in is not told */
    }
}

static void leaves_politely_when_cancelled(void **state)
{
    (void)state;
    struct stand stand;
    stand_start(&stand, TAKES, STEPS(SELECTED, NOTHING("e5", "e6"), HEAR("e7 LOGOUT\r\n")));
    struct round_trip *trip = stand_trip(&stand, 0);
    for (int i = 0; i < 500 && !stand.seen.missing; i++)
        stand_run(&stand, 1);
    assert_int_equal(stand.seen.missing, 1);
    round_trip_cancel(trip);
    char *wrong = stand_stop(&stand);
    if (wrong)
        print_error("%s\n", wrong);
    assert_null(wrong);
}

/* ---- places at the host: both targets are of one address ---- */

/* Another session at the same host. */
struct guest {
    struct peer_seat seat;
    int64_t granted_ms; /* 0: not yet */
};

struct guests {
    struct stand *stand;
    struct peer *host;
    struct guest list[2];
};

static void guest_granted(void *context)
{
    struct guest *guest = context;
    guest->granted_ms = clock_now_ms();
}

static void guest_comes(struct guests *guests, unsigned which, enum peer_rank rank)
{
    struct guest *guest = &guests->list[which];
    *guest = (struct guest){.seat = {.granted = guest_granted, .context = guest}};
    if (peer_take(guests->stand->setting.peers, guests->host, &guest->seat, rank))
        guest_granted(guest);
}

static void guest_goes(struct guests *guests, unsigned which)
{
    peer_release(guests->stand->setting.peers, &guests->list[which].seat);
}

static void guests_start(struct guests *guests, struct stand *stand)
{
    *guests = (struct guests){.stand = stand};
    guests->host = peers_join(stand->setting.peers, &stand->smtp.address);
}

static void guests_stop(struct guests *guests)
{
    for (unsigned i = 0; i < 2; i++)
        if (guests->list[i].seat.state != SEAT_NONE)
            guest_goes(guests, i);
    peers_leave(guests->stand->setting.peers, guests->host);
}

static void run_to_missing(struct stand *stand, unsigned looks)
{
    for (int i = 0; i < 2000 && stand->seen.missing < looks; i++)
        stand_run(stand, 1);
    assert_int_equal(stand->seen.missing, looks);
}

static void assert_well(char *wrong)
{
    if (wrong)
        print_error("%s\n", wrong);
    assert_null(wrong);
}

/* One session, that finds nothing; then it idles until it is told to go. */
#define LOOKS_ONCE(logout) STEPS(SELECTED, NOTHING("e5", "e6"), HEAR(logout " LOGOUT\r\n"))

/* Two sessions are under way: no third, neither to send nor to look. */
static void waits_for_its_place(void **state)
{
    (void)state;
    static const enum peer_rank others[][2] = {{RANK_LIVENESS, RANK_LIVENESS},
                                               {RANK_SERVICE, RANK_LIVENESS},
                                               {RANK_LIVENESS, RANK_HEDGE},
                                               {RANK_SENTINEL, RANK_SLOW}};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        struct stand stand;
        struct guests guests;
        stand_start(&stand, TAKES, STEPS(DELETED, CLEAN("e9"), LOGOUT("e10")));
        guests_start(&guests, &stand);
        guest_comes(&guests, 0, others[i][0]);
        guest_comes(&guests, 1, others[i][1]);
        stand_trip(&stand, 0);
        stand_run(&stand, 100);
        assert_int_equal(script_connections(stand.smtp_server), 0);
        assert_int_equal(peers_taken(stand.setting.peers), 2);
        guest_goes(&guests, 0);
        stand_run(&stand, PATIENCE_MS);
        assert_int_equal(stand.seen.reports, 1);
        assert_int_equal(stand.seen.outcome.reason, REASON_OK);
        assert_int_equal(peers_taken(stand.setting.peers), 1);
        guests_stop(&guests);
        assert_well(stand_stop(&stand));
    }
}

/* Another whole dialogue alone keeps it waiting, too. */
static void waits_for_a_whole_dialogue(void **state)
{
    (void)state;
    struct stand stand;
    struct guests guests;
    stand_start(&stand, TAKES, STEPS(DELETED, CLEAN("e9"), LOGOUT("e10")));
    guests_start(&guests, &stand);
    guest_comes(&guests, 0, RANK_SERVICE);
    stand_trip(&stand, 0);
    stand_run(&stand, 100);
    assert_int_equal(script_connections(stand.smtp_server), 0);
    guest_goes(&guests, 0);
    stand_run(&stand, PATIENCE_MS);
    assert_int_equal(stand.seen.outcome.reason, REASON_OK);
    guests_stop(&guests);
    assert_well(stand_stop(&stand));
}

/* It idles between two looks: a probe gets its place at once, and it comes back for the next. */
static void an_idling_look_yields(void **state)
{
    (void)state;
    struct stand stand;
    struct guests guests;
    stand_start(&stand, TAKES, LOOKS_ONCE("e7"));
    guests_start(&guests, &stand);
    struct round_trip *trip = stand_trip(&stand, 0);
    run_to_missing(&stand, 1);
    assert_int_equal(peers_taken(stand.setting.peers), 1);

    int64_t start_ms = clock_now_ms();
    guest_comes(&guests, 0, RANK_SERVICE); /* an idling session is no whole dialogue */
    assert_true(guests.list[0].granted_ms);
    guest_comes(&guests, 1, RANK_LIVENESS);
    assert_false(guests.list[1].granted_ms); /* not while there are two */
    stand_run(&stand, 50);
    assert_true(guests.list[1].granted_ms);
    assert_in_range(guests.list[1].granted_ms - start_ms, 0, 45);
    assert_int_equal(peers_taken(stand.setting.peers), 2);

    stand_run(&stand, 400); /* the time of the next look has come, and no place is free */
    assert_int_equal(script_connections(stand.imap_server), 1);
    assert_int_equal(stand.seen.missing, 1);
    guest_goes(&guests, 1);
    stand_run(&stand, 50); /* one is; but there is a whole dialogue */
    assert_int_equal(stand.seen.missing, 1);
    guest_goes(&guests, 0);
    run_to_missing(&stand, 2);
    assert_int_equal(script_connections(stand.imap_server), 2);
    round_trip_cancel(trip);
    guests_stop(&guests);
    assert_well(stand_stop(&stand));
}

/* Nobody asks for its place; but when the next look is due, it is not its turn. */
static void a_look_waits_for_its_turn(void **state)
{
    (void)state;
    struct stand stand;
    struct guests guests;
    stand_start(&stand, TAKES, LOOKS_ONCE("e7"));
    guests_start(&guests, &stand);
    struct round_trip *trip = stand_trip(&stand, 0);
    run_to_missing(&stand, 1);
    guest_comes(&guests, 0, RANK_SERVICE);
    stand_run(&stand, 400);
    assert_int_equal(stand.seen.missing, 1);
    assert_int_equal(peers_taken(stand.setting.peers), 1); /* it has left meanwhile */
    guest_goes(&guests, 0);
    run_to_missing(&stand, 2);
    round_trip_cancel(trip);
    guests_stop(&guests);
    assert_well(stand_stop(&stand));
}

/* A session that hangs keeps two probes from nothing for long. */
static void a_silent_session_yields(void **state)
{
    (void)state;
    struct stand stand;
    struct guests guests;
    stand_start(&stand, STEPS(GONE), NULL);
    stand.smtp_check.greeting_timeout_ms = stand.smtp_check.timeout_ms = PATIENCE_MS;
    guests_start(&guests, &stand);
    stand_trip(&stand, 0);
    int64_t start_ms = clock_now_ms();
    guest_comes(&guests, 0, RANK_SERVICE); /* the trip itself is one: not beside it */
    guest_comes(&guests, 1, RANK_LIVENESS);
    assert_true(guests.list[1].granted_ms);
    guest_goes(&guests, 1);
    guest_comes(&guests, 1, RANK_SLOW);
    stand_run(&stand, 500);
    assert_false(guests.list[0].granted_ms);
    stand_run(&stand, 800);
    assert_true(guests.list[0].granted_ms);
    assert_in_range(guests.list[0].granted_ms - start_ms, 900, 1300);
    stand_run(&stand, PATIENCE_MS); /* and it gets no other in time */
    assert_int_equal(stand.seen.reports, 1);
    assert_int_equal(stand.seen.outcome.reason, REASON_LATE);
    assert_int_equal(script_connections(stand.smtp_server), 1);
    guests_stop(&guests);
    assert_well(stand_stop(&stand));
}

/* No place in all the time: nothing can be said. */
static void no_place_in_time(void **state)
{
    (void)state;
    struct stand stand;
    struct guests guests;
    stand_start(&stand, TAKES, NULL);
    guests_start(&guests, &stand);
    guest_comes(&guests, 0, RANK_LIVENESS);
    guest_comes(&guests, 1, RANK_LIVENESS);
    stand_trip(&stand, 0);
    int64_t start_ms = clock_now_ms();
    stand_run(&stand, PATIENCE_MS);
    assert_in_range(clock_now_ms() - start_ms, LOOKING_MS - 10, LOOKING_MS + 500);
    assert_int_equal(stand.seen.reports, 1);
    assert_int_equal(stand.seen.outcome.reason, REASON_LATE);
    assert_int_equal(script_connections(stand.smtp_server), 0);
    guests_stop(&guests);
    free(stand_stop(&stand));
}

/* A message that was taken, and never looked for again, is not said to be missing. */
static void no_place_to_look_again(void **state)
{
    (void)state;
    struct stand stand;
    struct guests guests;
    stand_start(&stand, TAKES, LOOKS_ONCE("e7"));
    guests_start(&guests, &stand);
    stand_trip(&stand, 0);
    run_to_missing(&stand, 1);
    guest_comes(&guests, 0, RANK_SERVICE);
    guest_comes(&guests, 1, RANK_LIVENESS);
    stand_run(&stand, PATIENCE_MS);
    assert_int_equal(stand.seen.reports, 1);
    assert_int_equal(stand.seen.taken, 1);
    assert_int_equal(stand.seen.outcome.reason, REASON_LATE);
    guests_stop(&guests);
    assert_well(stand_stop(&stand));
}

/* Before it sends, and between two looks without and with its time come: nothing is left. */
static void cancelled_while_it_waits(void **state)
{
    (void)state;
    static const int64_t after_ms[] = {0, 20, 400};
    for (size_t i = 0; i < 2 * sizeof after_ms / sizeof *after_ms; i++) {
        struct stand stand;
        struct guests guests;
        bool looks = i % 2;
        stand_start(&stand, TAKES, LOOKS_ONCE("e7"));
        guests_start(&guests, &stand);
        struct round_trip *trip = looks ? stand_trip(&stand, 0) : NULL;
        if (looks)
            run_to_missing(&stand, 1);
        guest_comes(&guests, 0, RANK_SERVICE);
        guest_comes(&guests, 1, RANK_LIVENESS);
        if (!looks)
            trip = stand_trip(&stand, 0);
        stand_run(&stand, after_ms[i / 2]);
        round_trip_cancel(trip);
        guests_stop(&guests);
        stand_run(&stand, 10);
        assert_int_equal(stand.seen.reports, 0);
        assert_int_equal(peers_taken(stand.setting.peers), 0);
        free(stand_stop(&stand));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_rows),
        cmocka_unit_test(delivery_is_timed),
        cmocka_unit_test(cancelled_at_any_time),
        cmocka_unit_test(leaves_politely_when_cancelled),
        cmocka_unit_test(waits_for_its_place),
        cmocka_unit_test(waits_for_a_whole_dialogue),
        cmocka_unit_test(an_idling_look_yields),
        cmocka_unit_test(a_look_waits_for_its_turn),
        cmocka_unit_test(a_silent_session_yields),
        cmocka_unit_test(no_place_in_time),
        cmocka_unit_test(no_place_to_look_again),
        cmocka_unit_test(cancelled_while_it_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
