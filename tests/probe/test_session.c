/* SPDX-License-Identifier: BSD-2-Clause */
/* Every dialogue and every way it can go wrong: one probe of a scripted server gives one outcome.
 */
#include "base/clock.h"
#include "base/memory.h"
#include "probe/probe.h"
#include "probe/session.h"
#include "support/probe_once.h"

#include <event2/event.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* clang-format off */
#define EHLO       HEAR("EHLO probe.example.test\r\n")
#define HELO       HEAR("HELO probe.example.test\r\n")
#define SMTP_BYE   HEAR("QUIT\r\n"), SAY("221 2.0.0 Bye\r\n"), GONE
#define SMTP_START SAY("220 mx.example.test ESMTP\r\n"), EHLO
#define SMTP_TLS   SAY("250-mx.example.test\r\n250-PIPELINING\r\n250-STARTTLS\r\n250 8BITMIME\r\n")
#define SMTP_ASKED SMTP_START, SMTP_TLS, HEAR("STARTTLS\r\n")
#define IMAP_BYE(tag) HEAR(tag " LOGOUT\r\n"), SAY("* BYE logging out\r\n" tag " OK done\r\n"), GONE
#define POP3_BYE   HEAR("QUIT\r\n"), SAY("+OK bye\r\n"), GONE

#define TEXT_50    "12345678901234567890123456789012345678901234567890"
#define TEXT_200   TEXT_50 TEXT_50 TEXT_50 TEXT_50
#define TEXT_1000  TEXT_200 TEXT_200 TEXT_200 TEXT_200 TEXT_200
#define TEXT_2000  TEXT_1000 TEXT_1000
#define LINE       "220-a\r\n"
#define LINES_9    LINE LINE LINE LINE LINE LINE LINE LINE LINE
#define LINES_90   LINES_9 LINES_9 LINES_9 LINES_9 LINES_9 LINES_9 LINES_9 LINES_9 LINES_9 LINES_9
#define LONG       "220-" TEXT_2000 "\r\n"
#define LONG_32    LONG LONG LONG LONG LONG LONG LONG LONG LONG LONG LONG LONG LONG LONG LONG LONG \
                   LONG LONG LONG LONG LONG LONG LONG LONG LONG LONG LONG LONG LONG LONG LONG LONG
/* clang-format on */

struct dialogue {
    const char *name;
    enum check_kind kind;
    enum check_tls tls;
    const struct script_step *steps;
    enum reason reason;
    const char *detail; /* stands somewhere in it; "": there is none */
};

static const struct dialogue dialogues[] = {
    /* SMTP that works */
    {"smtp: EHLO, no STARTTLS", CHECK_SMTP, CHECK_TLS_OPTIONAL,
     STEPS(SMTP_START, SAY("250-mx\r\n250 8BITMIME\r\n"), SMTP_BYE), REASON_OK, ""},
    {"smtp: nothing is said before the last line of the greeting", CHECK_SMTP, CHECK_TLS_OPTIONAL,
     STEPS(QUIET, SAY("220-wait\r\n"), QUIET, SAY("220-still\r\n22"), QUIET, SAY("0 mx\r"), QUIET,
           SAY("\n"), EHLO, SAY("250 mx\r\n"), SMTP_BYE),
     REASON_OK, ""},
    {"smtp: bare LF, code alone, TAB, bytes above ASCII", CHECK_SMTP, CHECK_TLS_OPTIONAL,
     STEPS(SAY("220-\tgr\xc3\xbc\xc3\x9f dich\n220\n"), EHLO, SAY("250\n"), SMTP_BYE), REASON_OK,
     ""},
    {"smtp: HELO for those who know no EHLO", CHECK_SMTP, CHECK_TLS_OPTIONAL,
     STEPS(SMTP_START, SAY("502 what?\r\n"), HELO, SAY("250 mx\r\n"), SMTP_BYE), REASON_OK, ""},
    {"smtp: STARTTLS and EHLO again", CHECK_SMTP, CHECK_TLS_OPTIONAL,
     STEPS(SMTP_ASKED, SAY("220 go\r\n"), TLS, EHLO, SAY("250-mx\r\n250 8BITMIME\r\n"), SMTP_BYE),
     REASON_OK, ""},
    {"smtp: STARTTLS offered again inside TLS is let alone", CHECK_SUBMISSION, CHECK_TLS_REQUIRED,
     STEPS(SMTP_ASKED, SAY("220 go\r\n"), TLS, EHLO, SMTP_TLS, SMTP_BYE), REASON_OK, ""},
    {"smtp: STARTTLS in lower case", CHECK_SMTP, CHECK_TLS_REQUIRED,
     STEPS(SMTP_START, SAY("250-mx\r\n250 starttls\r\n"), HEAR("STARTTLS\r\n"), SAY("220 go\r\n"),
           TLS, EHLO, SAY("250 mx\r\n"), SMTP_BYE),
     REASON_OK, ""},
    {"smtp: the host's own name is no keyword", CHECK_SMTP, CHECK_TLS_REQUIRED,
     STEPS(SMTP_START, SAY("250-STARTTLS\r\n250 STARTTLSX\r\n"), SMTP_BYE), REASON_TLS_NOT_OFFERED,
     ""},
    {"smtp: tls off", CHECK_SMTP, CHECK_TLS_OFF, STEPS(SMTP_START, SMTP_TLS, SMTP_BYE), REASON_OK,
     ""},
    {"smtps: TLS from the first byte", CHECK_SMTPS, CHECK_TLS_REQUIRED,
     STEPS(TLS, SMTP_START, SMTP_TLS, SMTP_BYE), REASON_OK, ""},
    {"smtp: no reply to QUIT", CHECK_SMTP, CHECK_TLS_OFF,
     STEPS(SMTP_START, SAY("250 mx\r\n"), HEAR("QUIT\r\n"), STALL), REASON_OK, ""},
    {"smtp: junk as reply to QUIT", CHECK_SMTP, CHECK_TLS_OFF,
     STEPS(SMTP_START, SAY("250 mx\r\n"), HEAR("QUIT\r\n"), SAY("what?\r\n"), GONE), REASON_OK, ""},
    {"smtp: closed at QUIT", CHECK_SMTP, CHECK_TLS_OFF,
     STEPS(SMTP_START, SAY("250 mx\r\n"), HEAR("QUIT\r\n")), REASON_OK, ""},
    {"smtp: reset at QUIT", CHECK_SMTP, CHECK_TLS_OFF,
     STEPS(SMTP_START, SAY("250 mx\r\n"), HEAR("QUIT\r\n"), RESET), REASON_OK, ""},
    {"smtp: the longest line allowed", CHECK_SMTP, CHECK_TLS_OFF,
     STEPS(SAY("220 " TEXT_2000 "12345678901234567890123456789012345678901234\r\n"), EHLO,
           SAY("250 mx\r\n"), SMTP_BYE),
     REASON_OK, ""},
    {"smtp: the most lines allowed", CHECK_SMTP, CHECK_TLS_OFF,
     STEPS(SAY(LINES_90 LINES_9 "220 mx\r\n"), EHLO, SAY("250 mx\r\n"), SMTP_BYE), REASON_OK, ""},

    {"smtp: the most octets allowed", CHECK_SMTP, CHECK_TLS_OFF,
     STEPS(SAY(LONG_32 "220 mx\r\n"), EHLO, SAY("250 mx\r\n"), SMTP_BYE), REASON_OK, ""},

    /* greetings that are none */
    {"smtp: hang", CHECK_SMTP, CHECK_TLS_OPTIONAL, STEPS(GONE), REASON_GREETING_TIMEOUT, ""},
    {"smtp: half a greeting", CHECK_SMTP, CHECK_TLS_OPTIONAL, STEPS(SAY("220 mx.exa"), GONE),
     REASON_GREETING_TIMEOUT, "220 mx.exa"},
    {"smtp: a greeting without its last line", CHECK_SMTP, CHECK_TLS_OPTIONAL,
     STEPS(SAY("220-please wait\r\n220-more\r\n"), GONE), REASON_GREETING_TIMEOUT,
     "220-please wait"},
    {"smtp: closed at once", CHECK_SMTP, CHECK_TLS_OPTIONAL, STEPS(END), REASON_GREETING_CLOSED,
     ""},
    {"smtp: reset at once", CHECK_SMTP, CHECK_TLS_OPTIONAL, STEPS(RESET), REASON_GREETING_CLOSED,
     "Connection reset"},
    {"smtp: closed within the greeting", CHECK_SMTP, CHECK_TLS_OPTIONAL,
     STEPS(SAY("220-a\r\n"), END), REASON_GREETING_CLOSED, "220-a"},
    {"smtp: greeting without its end, closed", CHECK_SMTP, CHECK_TLS_OPTIONAL,
     STEPS(SAY("220 mx"), END), REASON_GREETING_CLOSED, "220 mx"},
    {"smtp: another protocol", CHECK_SMTP, CHECK_TLS_OPTIONAL,
     STEPS(SAY("SSH-2.0-OpenSSH_9.2\r\n"), GONE), REASON_GREETING_BAD, "SSH-2.0-OpenSSH_9.2"},
    {"smtp: a code without a space", CHECK_SMTP, CHECK_TLS_OPTIONAL, STEPS(SAY("220mx\r\n"), GONE),
     REASON_GREETING_BAD, "220mx"},
    {"smtp: a code of another meaning", CHECK_SMTP, CHECK_TLS_OPTIONAL,
     STEPS(SAY("354 go ahead\r\n"), GONE), REASON_GREETING_BAD, "354 go ahead"},
    {"smtp: an empty line", CHECK_SMTP, CHECK_TLS_OPTIONAL, STEPS(SAY("\r\n"), GONE),
     REASON_GREETING_BAD, ""},
    {"smtp: the code changes", CHECK_SMTP, CHECK_TLS_OPTIONAL,
     STEPS(SAY("220-a\r\n554 b\r\n"), GONE), REASON_GREETING_BAD, "554 b"},
    {"smtp: NUL", CHECK_SMTP, CHECK_TLS_OPTIONAL, STEPS(SAY_OCTETS("220 m\0x\r\n"), GONE),
     REASON_GREETING_BAD, "220 m?x"},
    {"smtp: NUL first", CHECK_SMTP, CHECK_TLS_OPTIONAL, STEPS(SAY_OCTETS("\0\x01\x02\r\n"), GONE),
     REASON_GREETING_BAD, "???"},
    {"smtp: terminal escapes are not passed on", CHECK_SMTP, CHECK_TLS_OPTIONAL,
     STEPS(SAY("220 \x1b[31m\x07\x7f\r\n"), GONE), REASON_GREETING_BAD, "220 ?[31m??"},
    {"smtp: one line too long", CHECK_SMTP, CHECK_TLS_OPTIONAL,
     STEPS(SAY("220 " TEXT_2000 "123456789012345678901234567890123456789012345\r\n"), GONE),
     REASON_GREETING_BAD, "220 1234567890"},
    {"smtp: a line without end", CHECK_SMTP, CHECK_TLS_OPTIONAL, STEPS(FLOOD(TEXT_2000)),
     REASON_GREETING_BAD, "1234567890"},
    {"smtp: a greeting without end", CHECK_SMTP, CHECK_TLS_OPTIONAL, STEPS(FLOOD("220-more\r\n")),
     REASON_GREETING_BAD, "220-more"},
    {"smtp: one line too many", CHECK_SMTP, CHECK_TLS_OPTIONAL,
     STEPS(SAY(LINES_90 LINES_9 LINE "220 mx\r\n"), GONE), REASON_GREETING_BAD, "220 mx"},
    {"smtp: few lines, but too many octets", CHECK_SMTP, CHECK_TLS_OPTIONAL,
     STEPS(SAY(LONG_32 LONG), STALL), REASON_GREETING_BAD, "220-1234567890"},
    {"smtp: one byte now and then", CHECK_SMTP, CHECK_TLS_OPTIONAL, STEPS(DRIBBLE("220-drip\r\n")),
     REASON_GREETING_TIMEOUT, "220-drip"},

    /* refusals: said goodbye to, too */
    {"smtp: 421", CHECK_SMTP, CHECK_TLS_OPTIONAL,
     STEPS(SAY("421 4.3.2 Service not available\r\n"), END), REASON_GREETING_4XX,
     "421 4.3.2 Service not available"},
    {"smtp: 451", CHECK_SMTP, CHECK_TLS_OPTIONAL,
     STEPS(SAY("451 4.3.5 Server configuration error\r\n"), SMTP_BYE), REASON_GREETING_4XX,
     "451 4.3.5 Server configuration error"},
    {"smtp: 554", CHECK_SMTP, CHECK_TLS_OPTIONAL,
     STEPS(SAY("554-5.7.1 Access denied\r\n554 go away\r\n"), SMTP_BYE), REASON_PROBER_REFUSED,
     "554-5.7.1 Access denied"},
    {"smtp: 421 to EHLO", CHECK_SMTP, CHECK_TLS_OPTIONAL,
     STEPS(SMTP_START, SAY("421 4.7.0 too many\r\n"), END), REASON_REPLY_4XX, "421 4.7.0 too many"},
    {"smtp: neither EHLO nor HELO", CHECK_SMTP, CHECK_TLS_OPTIONAL,
     STEPS(SMTP_START, SAY("550 no\r\n"), HELO, SAY("550 never\r\n"), SMTP_BYE), REASON_REPLY_5XX,
     "550 never"},

    /* replies that are none */
    {"smtp: no reply", CHECK_SMTP, CHECK_TLS_OPTIONAL, STEPS(SMTP_START, GONE),
     REASON_REPLY_TIMEOUT, "no reply to EHLO"},
    {"smtp: closed instead of a reply", CHECK_SMTP, CHECK_TLS_OPTIONAL, STEPS(SMTP_START, END),
     REASON_REPLY_CLOSED, "no reply to EHLO"},
    {"smtp: reset instead of a reply", CHECK_SMTP, CHECK_TLS_OPTIONAL, STEPS(SMTP_START, RESET),
     REASON_REPLY_CLOSED, "Connection reset"},
    {"smtp: junk instead of a reply", CHECK_SMTP, CHECK_TLS_OPTIONAL,
     STEPS(SMTP_START, SAY("hello?\r\n"), GONE), REASON_REPLY_BAD, "hello?"},
    {"smtp: the code changes in a reply", CHECK_SMTP, CHECK_TLS_OPTIONAL,
     STEPS(SMTP_START, SAY("250-mx\r\n251 x\r\n"), GONE), REASON_REPLY_BAD, "251 x"},
    {"smtp: a reply byte by byte", CHECK_SMTP, CHECK_TLS_OPTIONAL,
     STEPS(SMTP_START, DRIBBLE("250-mx\r\n")), REASON_REPLY_TIMEOUT, "250-mx"},
    {"smtp: each step in time, all of them not", CHECK_SMTP, CHECK_TLS_REQUIRED,
     STEPS(PAUSE(400), SMTP_START, PAUSE(400), SMTP_TLS, HEAR("STARTTLS\r\n"), PAUSE(400),
           SAY("220 go\r\n"), STALL),
     REASON_TIMEOUT, ""},

    /* STARTTLS that is not to be had */
    {"smtp: TLS required, not offered", CHECK_SMTP, CHECK_TLS_REQUIRED,
     STEPS(SMTP_START, SAY("250-mx\r\n250 8BITMIME\r\n"), SMTP_BYE), REASON_TLS_NOT_OFFERED, ""},
    {"smtp: TLS required, only HELO", CHECK_SMTP, CHECK_TLS_REQUIRED,
     STEPS(SMTP_START, SAY("500 what?\r\n"), HELO, SAY("250 mx\r\n"), SMTP_BYE),
     REASON_TLS_NOT_OFFERED, ""},
    {"smtp: STARTTLS refused, required", CHECK_SMTP, CHECK_TLS_REQUIRED,
     STEPS(SMTP_ASKED, SAY("454 4.7.0 no key\r\n"), SMTP_BYE), REASON_TLS_REFUSED,
     "454 4.7.0 no key"},
    {"smtp: STARTTLS refused, optional", CHECK_SMTP, CHECK_TLS_OPTIONAL,
     STEPS(SMTP_ASKED, SAY("454 4.7.0 no key\r\n"), SMTP_BYE), REASON_OK, ""},
    {"smtp: no reply to STARTTLS", CHECK_SMTP, CHECK_TLS_OPTIONAL, STEPS(SMTP_ASKED, GONE),
     REASON_REPLY_TIMEOUT, "no reply to STARTTLS"},
    {"smtp: the handshake stalls, required", CHECK_SMTP, CHECK_TLS_REQUIRED,
     STEPS(SMTP_ASKED, SAY("220 go\r\n"), STALL), REASON_TLS_TIMEOUT, ""},
    {"smtp: the handshake stalls, optional", CHECK_SMTP, CHECK_TLS_OPTIONAL,
     STEPS(SMTP_ASKED, SAY("220 go\r\n"), STALL), REASON_OK, ""},
    {"smtp: the handshake stalls in the middle, required", CHECK_SMTP, CHECK_TLS_REQUIRED,
     STEPS(SMTP_ASKED, SAY("220 go\r\n"), HALF_TLS), REASON_TLS_TIMEOUT, ""},
    {"smtp: the handshake stalls in the middle, optional", CHECK_SMTP, CHECK_TLS_OPTIONAL,
     STEPS(SMTP_ASKED, SAY("220 go\r\n"), HALF_TLS), REASON_OK, ""},
    {"smtp: plain text instead of the handshake, required", CHECK_SMTP, CHECK_TLS_REQUIRED,
     STEPS(SMTP_ASKED, SAY("220 go\r\n"), PAUSE(LISTEN_MS), SAY("500 what?\r\n"), STALL),
     REASON_TLS_FAILED, "wrong version number"},
    {"smtp: plain text instead of the handshake, optional", CHECK_SMTP, CHECK_TLS_OPTIONAL,
     STEPS(SMTP_ASKED, SAY("220 go\r\n"), PAUSE(LISTEN_MS), SAY("500 what?\r\n"), STALL), REASON_OK,
     ""},
    {"smtp: closed within the handshake", CHECK_SMTP, CHECK_TLS_REQUIRED,
     STEPS(SMTP_ASKED, SAY("220 go\r\n"), PAUSE(LISTEN_MS), END), REASON_TLS_FAILED,
     "Connection reset by peer"},
    {"smtp: injection", CHECK_SMTP, CHECK_TLS_REQUIRED,
     STEPS(SMTP_ASKED, SAY("220 go\r\n250 mine\r\n"), STALL), REASON_INJECTION, ""},
    {"smtp: injection of half a line, TLS optional", CHECK_SMTP, CHECK_TLS_OPTIONAL,
     STEPS(SMTP_ASKED, SAY("220 go\r\n2"), STALL), REASON_OK, ""},
    {"smtp: silence after the handshake", CHECK_SMTP, CHECK_TLS_REQUIRED,
     STEPS(SMTP_ASKED, SAY("220 go\r\n"), TLS, EHLO, STALL), REASON_REPLY_TIMEOUT,
     "no reply to EHLO"},
    {"smtps: hang", CHECK_SMTPS, CHECK_TLS_OPTIONAL, STEPS(STALL), REASON_GREETING_TIMEOUT, ""},
    {"smtps: the handshake stalls in the middle", CHECK_SMTPS, CHECK_TLS_OPTIONAL, STEPS(HALF_TLS),
     REASON_TLS_TIMEOUT, ""},
    {"smtps: plain text", CHECK_SMTPS, CHECK_TLS_OPTIONAL, STEPS(SAY("220 mx\r\n"), STALL),
     REASON_TLS_FAILED, "wrong version number"},
    {"smtps: no greeting inside", CHECK_SMTPS, CHECK_TLS_OPTIONAL, STEPS(TLS, STALL),
     REASON_GREETING_TIMEOUT, ""},
    {"smtps: 421 inside", CHECK_SMTPS, CHECK_TLS_OPTIONAL, STEPS(TLS, SAY("421 no\r\n"), END),
     REASON_GREETING_4XX, "421 no"},

    /* IMAP */
    {"imap: greeting, CAPABILITY, LOGOUT", CHECK_IMAP, CHECK_TLS_OPTIONAL,
     STEPS(QUIET, SAY("* OK [CAPABILITY IMAP4rev1 STARTTLS] ready\r\n"), HEAR("e1 CAPABILITY\r\n"),
           SAY("* CAPABILITY IMAP4rev1 IDLE\r\ne1 OK done\r\n"), IMAP_BYE("e2")),
     REASON_OK, ""},
    {"imap: STARTTLS", CHECK_IMAP, CHECK_TLS_REQUIRED,
     STEPS(SAY("* OK ready\r\n"), HEAR("e1 CAPABILITY\r\n"),
           SAY("* CAPABILITY IMAP4rev1 StartTLS IDLE\r\n"), SAY("e1 OK done\r\n"),
           HEAR("e2 STARTTLS\r\n"), SAY("e2 OK go\r\n"), TLS, HEAR("e3 CAPABILITY\r\n"),
           SAY("* CAPABILITY IMAP4rev1\r\ne3 OK done\r\n"), IMAP_BYE("e4")),
     REASON_OK, ""},
    {"imap: STARTTLS refused, optional", CHECK_IMAP, CHECK_TLS_OPTIONAL,
     STEPS(SAY("* OK ready\r\n"), HEAR("e1 CAPABILITY\r\n"),
           SAY("* CAPABILITY IMAP4rev1 STARTTLS\r\ne1 OK done\r\n"), HEAR("e2 STARTTLS\r\n"),
           SAY("e2 BAD no key\r\n"), IMAP_BYE("e3")),
     REASON_OK, ""},
    {"imap: injection", CHECK_IMAP, CHECK_TLS_REQUIRED,
     STEPS(SAY("* OK ready\r\n"), HEAR("e1 CAPABILITY\r\n"),
           SAY("* CAPABILITY IMAP4rev1 STARTTLS\r\ne1 OK done\r\n"), HEAR("e2 STARTTLS\r\n"),
           SAY("e2 OK go\r\n* CAPABILITY IMAP4rev1\r\n"), STALL),
     REASON_INJECTION, ""},
    {"imap: injection of half a line, TLS optional", CHECK_IMAP, CHECK_TLS_OPTIONAL,
     STEPS(SAY("* OK ready\r\n"), HEAR("e1 CAPABILITY\r\n"),
           SAY("* CAPABILITY IMAP4rev1 STARTTLS\r\ne1 OK done\r\n"), HEAR("e2 STARTTLS\r\n"),
           SAY("e2 OK go\r\n* "), STALL),
     REASON_OK, ""},
    {"imap: the handshake stalls in the middle", CHECK_IMAP, CHECK_TLS_REQUIRED,
     STEPS(SAY("* OK ready\r\n"), HEAR("e1 CAPABILITY\r\n"),
           SAY("* CAPABILITY IMAP4rev1 STARTTLS\r\ne1 OK done\r\n"), HEAR("e2 STARTTLS\r\n"),
           SAY("e2 OK go\r\n"), HALF_TLS),
     REASON_TLS_TIMEOUT, ""},
    {"imap: greeting without CRLF", CHECK_IMAP, CHECK_TLS_OPTIONAL, STEPS(SAY("* OK ready"), GONE),
     REASON_GREETING_TIMEOUT, "* OK ready"},
    {"imap: one byte now and then", CHECK_IMAP, CHECK_TLS_OPTIONAL, STEPS(DRIBBLE("* OK dripping")),
     REASON_GREETING_TIMEOUT, "* OK dripping"},
    {"imap: junk", CHECK_IMAP, CHECK_TLS_OPTIONAL, STEPS(SAY_OCTETS("\x16\x03\x01\0\n"), GONE),
     REASON_GREETING_BAD, "????"},
    {"imap: a line without end", CHECK_IMAP, CHECK_TLS_OPTIONAL, STEPS(FLOOD(TEXT_2000)),
     REASON_GREETING_BAD, "1234567890"},
    {"imap: a reply byte by byte", CHECK_IMAP, CHECK_TLS_OPTIONAL,
     STEPS(SAY("* OK ready\r\n"), HEAR("e1 CAPABILITY\r\n"), DRIBBLE("* CAPABILITY\r\n")),
     REASON_REPLY_TIMEOUT, "* CAPABILITY"},
    {"imap: a continuation that nobody waits for", CHECK_IMAP, CHECK_TLS_OPTIONAL,
     STEPS(SAY("* OK ready\r\n"), HEAR("e1 CAPABILITY\r\n"), SAY("+ go on\r\n"), GONE),
     REASON_REPLY_BAD, "+ go on"},
    {"imaps: plain text", CHECK_IMAPS, CHECK_TLS_OPTIONAL, STEPS(SAY("* OK ready\r\n"), STALL),
     REASON_TLS_FAILED, "wrong version number"},
    {"imaps: the handshake stalls in the middle", CHECK_IMAPS, CHECK_TLS_REQUIRED, STEPS(HALF_TLS),
     REASON_TLS_TIMEOUT, ""},
    {"imap: TLS required, not offered", CHECK_IMAP, CHECK_TLS_REQUIRED,
     STEPS(SAY("* OK ready\r\n"), HEAR("e1 CAPABILITY\r\n"),
           SAY("* CAPABILITY IMAP4rev1 XSTARTTLS\r\ne1 OK done\r\n"), IMAP_BYE("e2")),
     REASON_TLS_NOT_OFFERED, ""},
    {"imap: PREAUTH, where STARTTLS must not be asked for", CHECK_IMAP, CHECK_TLS_OPTIONAL,
     STEPS(SAY("* PREAUTH welcome\r\n"), HEAR("e1 CAPABILITY\r\n"),
           SAY("* CAPABILITY IMAP4rev1 STARTTLS\r\ne1 OK done\r\n"), IMAP_BYE("e2")),
     REASON_OK, ""},
    {"imaps", CHECK_IMAPS, CHECK_TLS_OFF,
     STEPS(TLS, SAY("* OK ready\r\n"), HEAR("e1 CAPABILITY\r\n"),
           SAY("* CAPABILITY IMAP4rev1\r\ne1 OK done\r\n"), IMAP_BYE("e2")),
     REASON_OK, ""},
    {"imap: BYE", CHECK_IMAP, CHECK_TLS_OPTIONAL, STEPS(SAY("* BYE overloaded\r\n"), END),
     REASON_GREETING_4XX, "* BYE overloaded"},
    {"imap: SMTP there", CHECK_IMAP, CHECK_TLS_OPTIONAL, STEPS(SAY("220 mx\r\n"), GONE),
     REASON_GREETING_BAD, "220 mx"},
    {"imap: OKAY is not OK", CHECK_IMAP, CHECK_TLS_OPTIONAL, STEPS(SAY("* OKAY\r\n"), GONE),
     REASON_GREETING_BAD, "* OKAY"},
    {"imap: hang", CHECK_IMAP, CHECK_TLS_OPTIONAL, STEPS(GONE), REASON_GREETING_TIMEOUT, ""},
    {"imap: BYE instead of a reply", CHECK_IMAP, CHECK_TLS_OPTIONAL,
     STEPS(SAY("* OK ready\r\n"), HEAR("e1 CAPABILITY\r\n"), SAY("* BYE shutting down\r\n"), END),
     REASON_REPLY_4XX, "* BYE shutting down"},
    {"imap: NO", CHECK_IMAP, CHECK_TLS_OPTIONAL,
     STEPS(SAY("* OK ready\r\n"), HEAR("e1 CAPABILITY\r\n"), SAY("e1 NO [UNAVAILABLE] not now\r\n"),
           IMAP_BYE("e2")),
     REASON_REPLY_4XX, "e1 NO [UNAVAILABLE] not now"},
    {"imap: BAD", CHECK_IMAP, CHECK_TLS_OPTIONAL,
     STEPS(SAY("* OK ready\r\n"), HEAR("e1 CAPABILITY\r\n"), SAY("e1 BAD what?\r\n"),
           IMAP_BYE("e2")),
     REASON_REPLY_5XX, "e1 BAD what?"},
    {"imap: another command's tag", CHECK_IMAP, CHECK_TLS_OPTIONAL,
     STEPS(SAY("* OK ready\r\n"), HEAR("e1 CAPABILITY\r\n"), SAY("e10 OK done\r\n"), GONE),
     REASON_REPLY_BAD, "e10 OK done"},
    {"imap: untagged lines without end", CHECK_IMAP, CHECK_TLS_OPTIONAL,
     STEPS(SAY("* OK ready\r\n"), HEAR("e1 CAPABILITY\r\n"), FLOOD("* 1 EXISTS\r\n")),
     REASON_REPLY_BAD, "* 1 EXISTS"},

    /* POP3 */
    {"pop3: greeting, CAPA, QUIT", CHECK_POP3, CHECK_TLS_OPTIONAL,
     STEPS(QUIET, SAY("+OK ready <1@x>\r\n"), HEAR("CAPA\r\n"), SAY("+OK list\r\nUIDL\r\n.\r\n"),
           POP3_BYE),
     REASON_OK, ""},
    {"pop3: STLS", CHECK_POP3, CHECK_TLS_REQUIRED,
     STEPS(SAY("+OK ready\r\n"), HEAR("CAPA\r\n"), SAY("+OK\r\nTOP\r\nSTLS\r\n.\r\n"),
           HEAR("STLS\r\n"), SAY("+OK go\r\n"), TLS, HEAR("CAPA\r\n"), SAY("+OK\r\nTOP\r\n.\r\n"),
           POP3_BYE),
     REASON_OK, ""},
    {"pop3: no CAPA", CHECK_POP3, CHECK_TLS_OPTIONAL,
     STEPS(SAY("+OK\r\n"), HEAR("CAPA\r\n"), SAY("-ERR what?\r\n"), POP3_BYE), REASON_OK, ""},
    {"pop3: no CAPA, TLS required", CHECK_POP3, CHECK_TLS_REQUIRED,
     STEPS(SAY("+OK\r\n"), HEAR("CAPA\r\n"), SAY("-ERR what?\r\n"), POP3_BYE),
     REASON_TLS_NOT_OFFERED, ""},
    {"pop3: STLS refused, required", CHECK_POP3, CHECK_TLS_REQUIRED,
     STEPS(SAY("+OK\r\n"), HEAR("CAPA\r\n"), SAY("+OK\r\nSTLS\r\n.\r\n"), HEAR("STLS\r\n"),
           SAY("-ERR no key\r\n"), POP3_BYE),
     REASON_TLS_REFUSED, "-ERR no key"},
    {"pop3s", CHECK_POP3S, CHECK_TLS_REQUIRED,
     STEPS(TLS, SAY("+OK\r\n"), HEAR("CAPA\r\n"), SAY("+OK\r\nTOP\r\n.\r\n"), POP3_BYE), REASON_OK,
     ""},
    {"pop3: -ERR", CHECK_POP3, CHECK_TLS_OPTIONAL, STEPS(SAY("-ERR [SYS/TEMP] not now\r\n"), END),
     REASON_GREETING_4XX, "-ERR [SYS/TEMP] not now"},
    {"pop3: IMAP there", CHECK_POP3, CHECK_TLS_OPTIONAL, STEPS(SAY("* OK ready\r\n"), GONE),
     REASON_GREETING_BAD, "* OK ready"},
    {"pop3: a list without end", CHECK_POP3, CHECK_TLS_OPTIONAL,
     STEPS(SAY("+OK\r\n"), HEAR("CAPA\r\n"), SAY("+OK\r\n"), FLOOD("X\r\n")), REASON_REPLY_BAD,
     "X"},

    {"pop3: injection", CHECK_POP3, CHECK_TLS_REQUIRED,
     STEPS(SAY("+OK\r\n"), HEAR("CAPA\r\n"), SAY("+OK\r\nSTLS\r\n.\r\n"), HEAR("STLS\r\n"),
           SAY("+OK go\r\n+OK\r\nTOP\r\n.\r\n"), STALL),
     REASON_INJECTION, ""},
    {"pop3: injection of an octet, TLS optional", CHECK_POP3, CHECK_TLS_OPTIONAL,
     STEPS(SAY("+OK\r\n"), HEAR("CAPA\r\n"), SAY("+OK\r\nSTLS\r\n.\r\n"), HEAR("STLS\r\n"),
           SAY("+OK go\r\n+"), STALL),
     REASON_OK, ""},
    {"pop3: the handshake stalls in the middle", CHECK_POP3, CHECK_TLS_REQUIRED,
     STEPS(SAY("+OK\r\n"), HEAR("CAPA\r\n"), SAY("+OK\r\nSTLS\r\n.\r\n"), HEAR("STLS\r\n"),
           SAY("+OK go\r\n"), HALF_TLS),
     REASON_TLS_TIMEOUT, ""},
    {"pop3: hang", CHECK_POP3, CHECK_TLS_OPTIONAL, STEPS(GONE), REASON_GREETING_TIMEOUT, ""},
    {"pop3: greeting without CRLF", CHECK_POP3, CHECK_TLS_OPTIONAL, STEPS(SAY("+OK ready"), GONE),
     REASON_GREETING_TIMEOUT, "+OK ready"},
    {"pop3: one byte now and then", CHECK_POP3, CHECK_TLS_OPTIONAL, STEPS(DRIBBLE("+OK dripping")),
     REASON_GREETING_TIMEOUT, "+OK dripping"},
    {"pop3: junk", CHECK_POP3, CHECK_TLS_OPTIONAL, STEPS(SAY_OCTETS("\x16\x03\x01\0\n"), GONE),
     REASON_GREETING_BAD, "????"},
    {"pop3: a line without end", CHECK_POP3, CHECK_TLS_OPTIONAL, STEPS(FLOOD(TEXT_2000)),
     REASON_GREETING_BAD, "1234567890"},
    {"pop3s: the handshake stalls in the middle", CHECK_POP3S, CHECK_TLS_REQUIRED, STEPS(HALF_TLS),
     REASON_TLS_TIMEOUT, ""},

    /* any TCP */
    {"tcp: nothing but a connection", CHECK_TCP, CHECK_TLS_OPTIONAL, STEPS(GONE), REASON_OK, ""},
};

static struct outcome probe_kind(const char *address, uint16_t port, enum check_kind kind,
                                 enum check_tls tls)
{
    const struct check_settings settings = {.kind = kind, .tls = tls};
    return probe_once(address, port, &settings, NULL);
}

static void test_dialogue(void **state)
{
    const struct dialogue *dialogue = *state;
    struct script_server *server = script_start("127.0.0.1", dialogue->steps);
    int64_t start_ms = clock_now_ms();
    const struct check_settings settings = {.kind = dialogue->kind, .tls = dialogue->tls};
    struct outcome outcome =
        probe_once("127.0.0.1", script_port(server), &settings, script_ca_file(server));
    int64_t took_ms = clock_now_ms() - start_ms;
    unsigned connections = script_connections(server);
    char *wrong = script_stop(server);

    if (wrong)
        fail_msg("the script: %s", wrong);
    assert_int_equal(connections, 1);
    assert_string_equal(reason_word(outcome.reason), reason_word(dialogue->reason));
    if (!strstr(outcome.detail, dialogue->detail) || (!*dialogue->detail && *outcome.detail))
        fail_msg("detail is \"%s\"", outcome.detail);
    if (reason_status(outcome.reason) == OUTCOME_UNKNOWN)
        assert_int_equal(outcome.rtt_us, -1);
    else
        assert_in_range(outcome.rtt_us, 0, took_ms * 1000 + 999);
}

static void test_refused(void **state)
{
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof here;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    (void)state;

    /* bound, so that no one else takes it, and not listening */
    assert_int_equal(bind(fd, (struct sockaddr *)&here, size), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&here, &size), 0);
    struct outcome outcome =
        probe_kind("127.0.0.1", ntohs(here.sin_port), CHECK_SMTP, CHECK_TLS_OPTIONAL);
    assert_int_equal(outcome.reason, REASON_REFUSED);
    assert_string_equal(outcome.detail, "Connection refused");
    close(fd);
}

/* A full backlog drops SYNs: the silence of a dead host. */
static void test_connect_timeout(void **state)
{
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof here;
    int fd = socket(AF_INET, SOCK_STREAM, 0), fillers[4];
    (void)state;

    assert_int_equal(bind(fd, (struct sockaddr *)&here, size), 0);
    assert_int_equal(listen(fd, 0), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&here, &size), 0);
    for (size_t i = 0; i < 4; i++) {
        fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)!connect(fillers[i], (struct sockaddr *)&here, size);
    }
    struct outcome outcome =
        probe_kind("127.0.0.1", ntohs(here.sin_port), CHECK_SMTP, CHECK_TLS_OPTIONAL);
    assert_int_equal(outcome.reason, REASON_CONNECT_TIMEOUT);
    assert_in_range((outcome.rtt_us + 999) / 1000, STEP_MS, PATIENCE_MS);
    for (size_t i = 0; i < 4; i++)
        close(fillers[i]);
    close(fd);
}

/* Linux has no route for TCP to the broadcast address: it says so at once, and sends nothing. */
static void test_no_route(void **state)
{
    (void)state;
    struct outcome outcome = probe_kind("255.255.255.255", 25, CHECK_SMTP, CHECK_TLS_OPTIONAL);
    assert_int_equal(outcome.reason, REASON_LOCAL);
    assert_string_equal(outcome.detail, "Network is unreachable");
    assert_int_equal(outcome.rtt_us, -1);
}

static void test_rtt_is_of_the_greeting(void **state)
{
    const struct script_step steps[] = {PAUSE(100),        SMTP_START, PAUSE(400),
                                        SAY("250 mx\r\n"), SMTP_BYE,   END};
    struct script_server *server = script_start("127.0.0.1", steps);
    struct outcome outcome =
        probe_kind("127.0.0.1", script_port(server), CHECK_SMTP, CHECK_TLS_OPTIONAL);
    (void)state;
    assert_null(script_stop(server));
    assert_int_equal(outcome.reason, REASON_OK);
    assert_in_range(outcome.rtt_us / 1000, 90, 450); /* not 500 */
}

struct seen {
    struct event_base *base;
    unsigned reports;
    struct outcome outcome;
};

static void run_for(struct event_base *base, int64_t ms)
{
    struct timeval wait = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
    event_base_loopexit(base, &wait);
    event_base_dispatch(base);
}

static void on_done(void *context, const struct session_result *result)
{
    struct seen *seen = context;
    seen->reports++;
    seen->outcome.reason = result->reason;
    event_base_loopbreak(seen->base);
}

/* One session, without a prober around it. Returns how long it took; it must be OK. */
static int64_t session_once(const char *address, const struct script_step *steps)
{
    const struct check_settings settings = {.connect_timeout_ms = PATIENCE_MS,
                                            .greeting_timeout_ms = PATIENCE_MS,
                                            .reply_timeout_ms = PATIENCE_MS};
    struct script_server *server = script_start(address, steps);
    struct probe_target target = {.port = script_port(server), .check = &settings, .host = "mx"};
    struct seen seen = {.base = event_base_new()};
    const struct session_setting setting = {.base = seen.base};
    int64_t start_ms = clock_now_ms();

    assert_true(address_parse(address, &target.address));
    session_open(&setting, &target, DEPTH_SERVICE, start_ms + PATIENCE_MS, on_done, &seen);
    run_for(seen.base, PATIENCE_MS);
    int64_t took_ms = clock_now_ms() - start_ms;
    char *wrong = script_stop(server);
    if (wrong)
        fail_msg("the script: %s", wrong);
    assert_int_equal(seen.reports, 1);
    assert_int_equal(seen.outcome.reason, REASON_OK);
    event_base_free(seen.base);
    return took_ms;
}

/* A client without a name gives its address as a literal: RFC 5321 section 4.1.3. */
static void check_literal(const char *address, const char *hello)
{
    const struct script_step steps[] = {SAY("220 mx\r\n"), HEAR(hello), SAY("250 mx\r\n"), SMTP_BYE,
                                        END};
    session_once(address, steps);
}

static void test_goodbye_is_short(void **state)
{
    const struct script_step steps[] = {SAY("220 mx\r\n"), HEAR("EHLO "), SAY("250 mx\r\n"),
                                        HEAR("QUIT\r\n"),  GONE,          END};
    (void)state;
    assert_in_range(session_once("127.0.0.1", steps), 900, PATIENCE_MS / 2);
}

static bool has_ipv6(void)
{
    struct sockaddr_in6 loopback = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    int fd = socket(AF_INET6, SOCK_STREAM, 0);
    bool has = fd >= 0 && bind(fd, (struct sockaddr *)&loopback, sizeof loopback) == 0;
    close(fd);
    return has;
}

static void test_ehlo_literal(void **state)
{
    (void)state;
    check_literal("127.0.0.1", "EHLO [127.0.0.1]\r\n");
    if (has_ipv6())
        check_literal("::1", "EHLO [IPv6:::1]\r\n");
}

int main(void)
{
    enum { COUNT = sizeof dialogues / sizeof *dialogues };
    struct CMUnitTest tests[COUNT + 6] = {
        cmocka_unit_test(test_refused),      cmocka_unit_test(test_connect_timeout),
        cmocka_unit_test(test_no_route),     cmocka_unit_test(test_rtt_is_of_the_greeting),
        cmocka_unit_test(test_ehlo_literal), cmocka_unit_test(test_goodbye_is_short),
    };
    for (size_t i = 0; i < COUNT; i++)
        tests[6 + i] = (struct CMUnitTest){.name = dialogues[i].name,
                                           .test_func = test_dialogue,
                                           .initial_state = (void *)(uintptr_t)&dialogues[i]};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
