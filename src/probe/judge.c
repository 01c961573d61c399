/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/judge.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

/* ---- words ---- */

/* Lists end with NULL. Any case; "*" stands for any text. */

/* Limits for each client. A server that is full for everybody says "too many connections" too, but
 * not from whom. */
static const char *const limits[] = {"too many*from",
                                     "too much*from",
                                     "connections from user",
                                     "concurrent*from",
                                     "too many open connections", /* Sendmail's conncontrol */
                                     "too many simultaneous connections",
                                     "too many*for this host",
                                     "too many errors",
                                     "per source",
                                     "per-source",
                                     "per client",
                                     "per-client",
                                     "per ip",
                                     "per host",
                                     "rate limit",
                                     "rate-limit",
                                     "ratelimit",
                                     "unusual rate",
                                     "too fast",
                                     "slow down",
                                     "throttl",
                                     NULL};

/* postscreen's, of one client, says so by its code only; it has 4.3.2 for what holds for all. */
static const char *const crowd[] = {"too many connections", NULL};

/* Lists of bad clients, names and manners of ours. Postfix puts "Client host rejected:" before
 * whatever it says of a client, "Server configuration error" too: that is not enough. */
static const char *const dislike[] = {"from your",
                                      "your ip",
                                      "your host",
                                      "your network",
                                      "cannot find your",
                                      "reputation",
                                      "blacklist",
                                      "black list",
                                      "blocklist",
                                      "block list",
                                      "dnsbl",
                                      " rbl",
                                      "spamhaus",
                                      "blocked",
                                      "banned",
                                      "greylist",
                                      "graylist",
                                      "reverse hostname",
                                      "reverse dns",
                                      "rdns",
                                      " ptr ",
                                      "helo command",
                                      "protocol error",        /* postscreen's */
                                      "synchronization error", /* Exim's */
                                      "access denied",
                                      NULL};

static const char *const client_host[] = {"client host", NULL};

static const char *const greylist[] = {"greylist",  "graylist", "grey list", "gray list",
                                       "grey-list", "greyl",    NULL};

static const char *const relay[] = {"relay", NULL};

static const char *const no_such_user[] = {"user unknown",  "unknown user",      "no such user",
                                           "unknown local", "no such recipient", NULL};

/* The machine, not the message. */
static const char *const broken[] = {
    "local problem", "local error",   "lookup failure", "lookup failed",
    "internal",      "configuration", "system",         "resource",
    "disk",          " space",        "memory",         "queue file",
    "database",      "unable to",     "out of",         NULL};

/* A login that failed although nothing was found to be wrong with the credentials. */
static const char *const login_broken[] = {"temporar",
                                           "service unavailable",
                                           "server unavailable",
                                           "currently unavailable",
                                           "not available",
                                           "later",
                                           "internal",
                                           "generic failure",
                                           "connection lost",
                                           "server error",
                                           "system error",
                                           "timed out",
                                           "timeout",
                                           "unable to connect",
                                           "auth process",
                                           NULL};

/* Postfix in front of Dovecot, be the password wrong or Dovecot's data base away. */
static const char *const login_unclear[] = {"reason unavailable", NULL};

static const char *const in_use[] = {"locked", "lock busy", "already in use", "is in use", NULL};

static const char *const not_connected[] = {"not connected",
                                            NULL}; /* Exchange: no mailbox server */

/* Finds the part of a pattern before its "*", and goes on behind it. */
static bool text_matches(const char *text, const char *pattern)
{
    for (;;) {
        size_t size = strcspn(pattern, "*");
        while (*text && strncasecmp(text, pattern, size) != 0)
            text++;
        if (strncasecmp(text, pattern, size) != 0)
            return false;
        if (!pattern[size])
            return true;
        text += size;
        pattern += size + 1;
    }
}

static bool text_has(const char *text, const char *const *words)
{
    for (; *words; words++)
        if (text_matches(text, *words))
            return true;
    return false;
}

/* ---- SMTP ---- */

#define AT(step) (1u << JUDGE_##step)
#define ANY_STEP (~0u)
enum { ANY = -1, NONE = -2 };

/* "4.3.1" at the beginning, or qmail's "(#4.3.1)" anywhere. */
struct enhanced {
    int subject, detail; /* NONE: there is no such code */
};

static struct enhanced enhanced_of(const char *text)
{
    const struct enhanced none = {NONE, NONE};
    const char *at = strstr(text, "(#");
    at = at ? at + 2 : text;
    int subject = 0, detail = 0;

    if (*at != '2' && *at != '4' && *at != '5')
        return none;
    if (*++at != '.' || !isdigit((unsigned char)*++at))
        return none;
    for (; isdigit((unsigned char)*at) && subject < 1000; at++)
        subject = subject * 10 + (*at - '0');
    if (*at != '.' || !isdigit((unsigned char)*++at))
        return none;
    for (; isdigit((unsigned char)*at) && detail < 1000; at++)
        detail = detail * 10 + (*at - '0');
    return (struct enhanced){subject, detail};
}

struct smtp_row {
    unsigned steps;
    unsigned from, to; /* codes */
    int subject, detail;
    const char *const *words; /* NULL: whatever it says */
    enum reason reason;
};

/* The first row that fits holds. */
static const struct smtp_row smtp_rows[] = {
    {AT(GREETING), 500, 599, ANY, ANY, NULL, REASON_PROBER_REFUSED},
    {AT(GREETING), 400, 499, ANY, ANY, limits, REASON_PROBER_REFUSED},
    {AT(GREETING), 400, 499, 3, ANY, NULL, REASON_GREETING_4XX},
    {AT(GREETING), 400, 499, ANY, ANY, dislike, REASON_PROBER_REFUSED},
    {AT(GREETING), 400, 499, 7, ANY, client_host, REASON_PROBER_REFUSED},
    {AT(GREETING), 400, 499, 7, ANY, crowd, REASON_PROBER_REFUSED},
    {AT(GREETING), 400, 499, ANY, ANY, NULL, REASON_GREETING_4XX},

    {AT(HELLO), 400, 599, ANY, ANY, limits, REASON_PROBER_REFUSED},
    {AT(HELLO), 400, 499, 3, ANY, NULL, REASON_REPLY_4XX},
    {AT(HELLO), 400, 599, ANY, ANY, dislike, REASON_PROBER_REFUSED},
    {AT(HELLO), 500, 599, 7, ANY, NULL, REASON_PROBER_REFUSED},

    {AT(LOGIN), 400, 599, ANY, ANY, limits, REASON_PROBER_REFUSED},
    {AT(LOGIN), 400, 599, 3, ANY, NULL, REASON_LOGIN_UNAVAILABLE},
    {AT(LOGIN), 400, 599, ANY, ANY, dislike, REASON_PROBER_REFUSED},
    {AT(LOGIN), 400, 499, ANY, ANY, NULL, REASON_LOGIN_UNAVAILABLE},
    {AT(LOGIN), 500, 599, ANY, ANY, login_broken, REASON_LOGIN_UNAVAILABLE},
    {AT(LOGIN), 530, 538, ANY, ANY, NULL, REASON_LOGIN_REFUSED},
    {AT(LOGIN), 500, 599, 7, ANY, NULL, REASON_LOGIN_REFUSED},
    {AT(LOGIN), 501, 504, ANY, ANY, NULL, REASON_LOGIN_REFUSED},

    /* put off: for how the message is, for how we are, or because the server is broken? */
    {AT(MAIL) | AT(RCPT), 400, 499, ANY, ANY, greylist, REASON_OK},
    {AT(MAIL) | AT(RCPT), 450, 450, 2, ANY, NULL, REASON_OK},
    {AT(MAIL) | AT(RCPT), 400, 499, ANY, ANY, limits, REASON_PROBER_REFUSED},
    {AT(MAIL) | AT(RCPT), 400, 499, 3, ANY, NULL, REASON_REPLY_4XX},
    {AT(MAIL) | AT(RCPT), 400, 499, ANY, ANY, dislike, REASON_PROBER_REFUSED},
    {AT(MAIL) | AT(RCPT), 400, 499, 7, ANY, client_host, REASON_PROBER_REFUSED},
    {AT(RCPT), 400, 499, 2, ANY, NULL, REASON_RECIPIENT_REFUSED},
    {AT(RCPT), 400, 499, ANY, ANY, no_such_user, REASON_RECIPIENT_REFUSED},
    {AT(MAIL) | AT(RCPT), 452, 452, ANY, ANY, NULL, REASON_REPLY_4XX},
    {AT(MAIL) | AT(RCPT), 400, 499, 7, ANY, NULL, REASON_DEFERRED},
    {AT(MAIL) | AT(RCPT), 421, 421, ANY, ANY, NULL, REASON_REPLY_4XX},
    {AT(MAIL) | AT(RCPT), 400, 499, NONE, ANY, broken, REASON_REPLY_4XX},
    {AT(MAIL) | AT(RCPT), 400, 499, ANY, ANY, NULL, REASON_DEFERRED},

    {AT(RCPT), 500, 599, ANY, ANY, relay, REASON_RECIPIENT_REFUSED},
    {AT(MAIL) | AT(RCPT), 500, 599, ANY, ANY, limits, REASON_PROBER_REFUSED},
    {AT(MAIL) | AT(RCPT), 500, 599, ANY, ANY, dislike, REASON_PROBER_REFUSED},
    {AT(MAIL) | AT(RCPT), 500, 599, 7, ANY, client_host, REASON_PROBER_REFUSED},
    {AT(RCPT), 500, 599, 3, 5, NULL, REASON_REPLY_5XX}, /* the mail system is configured wrongly */
    {AT(RCPT), 500, 599, ANY, ANY, NULL, REASON_RECIPIENT_REFUSED},
    {AT(MAIL), 500, 599, 3, ANY, NULL, REASON_REPLY_5XX},
    {AT(MAIL), 500, 599, 7, ANY, NULL, REASON_PROBER_REFUSED},
    {AT(MAIL), 500, 599, 1, ANY, NULL, REASON_PROBER_REFUSED},   /* takes no null sender */
    {AT(MAIL), 530, 530, ANY, ANY, NULL, REASON_PROBER_REFUSED}, /* login or TLS first */
    {AT(MAIL), 550, 551, ANY, ANY, NULL, REASON_PROBER_REFUSED},
    {AT(MAIL), 553, 554, ANY, ANY, NULL, REASON_PROBER_REFUSED},

    {ANY_STEP, 400, 499, ANY, ANY, NULL, REASON_REPLY_4XX},
    {ANY_STEP, 500, 599, ANY, ANY, NULL, REASON_REPLY_5XX},
};

static bool number_fits(int wanted, int number)
{
    return wanted == ANY || wanted == number;
}

enum reason judge_smtp(enum judge_step step, unsigned code, const char *text,
                       const struct judge_hints *hints)
{
    const struct enhanced enhanced = enhanced_of(text);

    if (step == JUDGE_GREETING && code / 100 == 5 && hints->refusal_is_down)
        return REASON_GREETING_5XX;
    if (step == JUDGE_LOGIN && code == 535 && hints->login_worked && text_has(text, login_unclear))
        return REASON_LOGIN_UNAVAILABLE;
    for (size_t i = 0; i < sizeof smtp_rows / sizeof *smtp_rows; i++) {
        const struct smtp_row *row = &smtp_rows[i];
        if (row->steps & 1u << step && code >= row->from && code <= row->to &&
            number_fits(row->subject, enhanced.subject) &&
            number_fits(row->detail, enhanced.detail) &&
            (!row->words || text_has(text, row->words)))
            return row->reason;
    }
    return step == JUDGE_GREETING ? REASON_GREETING_BAD : REASON_REPLY_BAD;
}

/* ---- IMAP and POP3 ---- */

#define ON(status) (1u << JUDGE_##status)
#define ANY_STATUS (~0u)

struct word_row {
    unsigned steps, statuses;
    const char *code;         /* in brackets at the beginning; NULL: any, or none */
    const char *const *words; /* NULL: whatever it says */
    enum reason reason;
};

static const struct word_row imap_rows[] = {
    {ANY_STEP, ANY_STATUS, NULL, limits, REASON_PROBER_REFUSED},
    {ANY_STEP, ANY_STATUS, NULL, dislike, REASON_PROBER_REFUSED},
    {AT(GREETING), ANY_STATUS, NULL, NULL, REASON_GREETING_4XX},

    {AT(LOGIN), ON(BYE), NULL, NULL, REASON_LOGIN_UNAVAILABLE},
    {AT(LOGIN), ANY_STATUS, "UNAVAILABLE", NULL, REASON_LOGIN_UNAVAILABLE},
    {AT(LOGIN), ANY_STATUS, "SERVERBUG", NULL, REASON_LOGIN_UNAVAILABLE},
    {AT(LOGIN), ANY_STATUS, "INUSE", NULL, REASON_LOGIN_UNAVAILABLE},
    {AT(LOGIN), ANY_STATUS, "LIMIT", NULL, REASON_LOGIN_UNAVAILABLE},
    {AT(LOGIN), ANY_STATUS, "CORRUPTION", NULL, REASON_LOGIN_UNAVAILABLE},
    {AT(LOGIN), ANY_STATUS, "AUTHENTICATIONFAILED", NULL, REASON_LOGIN_REFUSED},
    {AT(LOGIN), ANY_STATUS, "AUTHORIZATIONFAILED", NULL, REASON_LOGIN_REFUSED},
    {AT(LOGIN), ANY_STATUS, "EXPIRED", NULL, REASON_LOGIN_REFUSED},
    {AT(LOGIN), ANY_STATUS, "PRIVACYREQUIRED", NULL, REASON_LOGIN_REFUSED},
    {AT(LOGIN), ANY_STATUS, "CONTACTADMIN", NULL, REASON_LOGIN_REFUSED},
    {AT(LOGIN), ANY_STATUS, NULL, login_broken, REASON_LOGIN_UNAVAILABLE},
    {AT(LOGIN), ANY_STATUS, NULL, NULL, REASON_LOGIN_REFUSED},

    /* Every account has an INBOX (RFC 9051 section 5.1): it is not for the client to be wrong. */
    {AT(MAILBOX), ON(NO) | ON(BYE), NULL, NULL, REASON_MAILBOX_BROKEN},
    {AT(MAILBOX), ON(BAD), NULL, not_connected, REASON_MAILBOX_BROKEN},

    {ANY_STEP, ON(BAD), NULL, NULL, REASON_REPLY_5XX},
    {ANY_STEP, ANY_STATUS, NULL, NULL, REASON_REPLY_4XX},
};

static const struct word_row pop3_rows[] = {
    {ANY_STEP, ANY_STATUS, NULL, limits, REASON_PROBER_REFUSED},
    {ANY_STEP, ANY_STATUS, NULL, dislike, REASON_PROBER_REFUSED},
    {ANY_STEP, ANY_STATUS, "LOGIN-DELAY", NULL, REASON_PROBER_REFUSED},
    {AT(GREETING), ANY_STATUS, NULL, NULL, REASON_GREETING_4XX},

    /* One at a time may have a maildrop open (RFC 1939 section 4); the credentials were right. */
    {AT(LOGIN), ANY_STATUS, "IN-USE", NULL, REASON_OK},
    {AT(LOGIN), ANY_STATUS, "SYS/TEMP", NULL, REASON_LOGIN_UNAVAILABLE},
    {AT(LOGIN), ANY_STATUS, "SYS/PERM", NULL, REASON_LOGIN_UNAVAILABLE},
    {AT(LOGIN), ANY_STATUS, "AUTH", NULL, REASON_LOGIN_REFUSED},
    {AT(LOGIN), ANY_STATUS, NULL, in_use, REASON_OK},
    {AT(LOGIN), ANY_STATUS, NULL, login_broken, REASON_LOGIN_UNAVAILABLE},
    {AT(LOGIN), ANY_STATUS, NULL, NULL, REASON_LOGIN_REFUSED},

    {AT(MAILBOX), ANY_STATUS, NULL, NULL, REASON_MAILBOX_BROKEN},
    {ANY_STEP, ANY_STATUS, NULL, NULL, REASON_REPLY_4XX},
};

/* "[UNAVAILABLE] text", "[UNAVAILABLE more] text" */
static bool text_has_code(const char *text, const char *code)
{
    size_t size = strlen(code);
    return text[0] == '[' && !strncasecmp(text + 1, code, size) &&
           (text[1 + size] == ']' || text[1 + size] == ' ');
}

static enum reason judge_words(const struct word_row *row, enum judge_step step,
                               enum judge_status status, const char *text)
{
    while (!(row->steps & 1u << step) || !(row->statuses & 1u << status) ||
           (row->code && !text_has_code(text, row->code)) ||
           (row->words && !text_has(text, row->words)))
        row++; /* the last row fits everything */
    return row->reason;
}

enum reason judge_imap(enum judge_step step, enum judge_status status, const char *text)
{
    return judge_words(imap_rows, step, status, text);
}

enum reason judge_pop3(enum judge_step step, const char *text)
{
    return judge_words(pop3_rows, step, JUDGE_NO, text);
}
