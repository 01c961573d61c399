/* SPDX-License-Identifier: BSD-2-Clause */
/* The tables of protocols and modes. A new mode is one row here, one word in the enum, its code in
 * greeting.c or in a dialogue, and one line of the manual. */
#include "behaviour.h"

#include "base/error.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const struct protocol PROTOCOLS[] = {
    {"smtp", FAMILY_SMTP, 25, false, false},       {"imap", FAMILY_IMAP, 143, false, true},
    {"submission", FAMILY_SMTP, 587, false, true}, {"imaps", FAMILY_IMAP, 993, true, true},
    {"smtps", FAMILY_SMTP, 465, true, true},       {"pop3", FAMILY_POP3, 110, false, true},
    {"tcp", FAMILY_TCP, 0, false, false},          {"pop3s", FAMILY_POP3, 995, true, true},
};

/* Which protocols a mode is for: one of the families, and all of what it needs beside. */
enum {
    FOR_SMTP = 1 << FAMILY_SMTP,
    FOR_IMAP = 1 << FAMILY_IMAP,
    FOR_POP3 = 1 << FAMILY_POP3,
    FOR_TCP = 1 << FAMILY_TCP,
    FOR_MAIL = FOR_SMTP | FOR_IMAP | FOR_POP3,
    FOR_ALL = FOR_MAIL | FOR_TCP,
    NEEDS_STARTTLS = 1 << 8,
    NEEDS_LOGIN = 1 << 9,
};

enum argument {
    ARGUMENT_NONE,
    ARGUMENT_NUMBER, /* must be given where the default is 0 */
    ARGUMENT_REPLY,  /* a code of three digits and a text */
};

struct mode_row {
    const char *name;
    unsigned scope;
    enum argument argument;
    uint32_t number_default;
    uint32_t number_max;
    const char *help;
};

/* An hour is longer than any greeting timeout that is of use; a line of 1 MiB longer than any
 * limit. */
enum { DELAY_MAX_MS = 3600 * 1000, LINE_MAX_BYTES = 1 << 20 };

/* In the order of enum mode. */
static const struct mode_row MODES[] = {
    [MODE_OK] = {"ok", FOR_ALL, ARGUMENT_NONE, 0, 0, "a healthy server"},
    [MODE_HANG] = {"hang", FOR_ALL, ARGUMENT_NONE, 0, 0, "accept, never a byte, as if stopped"},
    [MODE_REFUSE] = {"refuse", FOR_ALL, ARGUMENT_NONE, 0, 0, "no listening socket: reset"},
    [MODE_SILENT] = {"silent", FOR_ALL, ARGUMENT_NONE, 0, 0,
                     "no answer to a SYN, as after power loss"},
    [MODE_CLOSE] = {"close", FOR_ALL, ARGUMENT_NONE, 0, 0, "accept, close at once"},
    [MODE_RESET] = {"reset", FOR_ALL, ARGUMENT_NONE, 0, 0, "accept, reset at once"},
    [MODE_LATE] = {"late", FOR_MAIL, ARGUMENT_NUMBER, 0, DELAY_MAX_MS, "greeting after MS"},
    [MODE_MULTILINE] = {"multiline", FOR_SMTP, ARGUMENT_NONE, 0, 0, "greeting of three lines"},
    [MODE_SLOW_MULTILINE] = {"slow-multiline", FOR_SMTP, ARGUMENT_NUMBER, 6000, DELAY_MAX_MS,
                             "220- at once, last line after MS, as postscreen"},
    [MODE_PREGREET] = {"pregreet", FOR_SMTP, ARGUMENT_NUMBER, 1000, DELAY_MAX_MS,
                       "slow-multiline, and 554 for who talks before its end"},
    [MODE_GREET] = {"greet", FOR_SMTP, ARGUMENT_REPLY, 0, 0, "this greeting"},
    [MODE_CODE_CHANGE] = {"code-change", FOR_SMTP, ARGUMENT_NONE, 0, 0,
                          "greeting of 220-, then 554"},
    [MODE_PARTIAL] = {"partial", FOR_MAIL, ARGUMENT_NONE, 0, 0,
                      "greeting without end of line, then nothing"},
    [MODE_JUNK] = {"junk", FOR_MAIL, ARGUMENT_NONE, 0, 0, "binary bytes, then nothing"},
    [MODE_ENDLESS] = {"endless", FOR_MAIL, ARGUMENT_NUMBER, 100, DELAY_MAX_MS,
                      "a 220- line each MS, for ever"},
    [MODE_DRIP] = {"drip", FOR_MAIL, ARGUMENT_NUMBER, 1000, DELAY_MAX_MS,
                   "a byte of the greeting each MS"},
    [MODE_LONG_LINE] = {"long-line", FOR_MAIL, ARGUMENT_NUMBER, 100000, LINE_MAX_BYTES,
                        "greeting line of N bytes"},
    [MODE_WRONG_PROTOCOL] = {"wrong-protocol", FOR_MAIL, ARGUMENT_NONE, 0, 0,
                             "an HTTP reply, then close"},
    [MODE_BYE] = {"bye", FOR_IMAP, ARGUMENT_NONE, 0, 0, "greeting * BYE, then close"},
    [MODE_PREAUTH] = {"preauth", FOR_IMAP, ARGUMENT_NONE, 0, 0, "greeting * PREAUTH"},
    [MODE_ERR] = {"err", FOR_POP3, ARGUMENT_NONE, 0, 0, "greeting -ERR, then close"},
    [MODE_NO_STARTTLS] = {"no-starttls", FOR_MAIL | NEEDS_STARTTLS, ARGUMENT_NONE, 0, 0,
                          "STARTTLS neither offered nor known"},
    [MODE_STARTTLS_454] = {"starttls-454", FOR_MAIL | NEEDS_STARTTLS, ARGUMENT_NONE, 0, 0,
                           "STARTTLS offered, then refused"},
    [MODE_INJECT] = {"inject", FOR_MAIL | NEEDS_STARTTLS, ARGUMENT_NONE, 0, 0,
                     "plain text behind the answer to STARTTLS, in one packet"},
    [MODE_TLS_STALL] = {"tls-stall", FOR_MAIL, ARGUMENT_NONE, 0, 0, "stop within the handshake"},
    [MODE_TLS_CLOSE] = {"tls-close", FOR_MAIL, ARGUMENT_NONE, 0, 0, "close within the handshake"},
    [MODE_CERT_EXPIRED] = {"cert-expired", FOR_MAIL, ARGUMENT_NONE, 0, 0,
                           "certificate of last year"},
    [MODE_CERT_WRONG_NAME] = {"cert-wrong-name", FOR_MAIL, ARGUMENT_NONE, 0, 0,
                              "certificate for another name"},
    [MODE_EHLO_HANG] = {"ehlo-hang", FOR_SMTP, ARGUMENT_NONE, 0, 0, "no answer to EHLO and HELO"},
    [MODE_EHLO_500] = {"ehlo-500", FOR_SMTP, ARGUMENT_NONE, 0, 0, "EHLO unknown, HELO works"},
    [MODE_MAIL] = {"mail", FOR_SMTP, ARGUMENT_REPLY, 0, 0, "this answer to MAIL"},
    [MODE_MAIL_HANG] = {"mail-hang", FOR_SMTP, ARGUMENT_NONE, 0, 0, "no answer to MAIL"},
    [MODE_RCPT] = {"rcpt", FOR_SMTP, ARGUMENT_REPLY, 0, 0, "this answer to RCPT"},
    [MODE_RCPT_HANG] = {"rcpt-hang", FOR_SMTP, ARGUMENT_NONE, 0, 0, "no answer to RCPT"},
    [MODE_CAPABILITY_HANG] = {"capability-hang", FOR_IMAP | FOR_POP3, ARGUMENT_NONE, 0, 0,
                              "no answer to CAPABILITY, CAPA"},
    [MODE_CAPABILITY_NO] = {"capability-no", FOR_IMAP | FOR_POP3, ARGUMENT_NONE, 0, 0,
                            "NO, -ERR to CAPABILITY, CAPA"},
    [MODE_LOGIN_HANG] = {"login-hang", FOR_MAIL | NEEDS_LOGIN, ARGUMENT_NONE, 0, 0,
                         "no answer to LOGIN, AUTH, PASS"},
    [MODE_LOGIN_NO] = {"login-no", FOR_MAIL | NEEDS_LOGIN, ARGUMENT_NONE, 0, 0,
                       "login fails, as with a dead password database"},
    [MODE_SELECT_NO] = {"select-no", FOR_IMAP, ARGUMENT_NONE, 0, 0,
                        "SELECT fails, as with a broken mail store"},
    [MODE_QUIT_HANG] = {"quit-hang", FOR_MAIL, ARGUMENT_NONE, 0, 0, "no answer to QUIT, LOGOUT"},
};

enum { MODE_COUNT = sizeof(MODES) / sizeof(MODES[0]) };

const struct protocol *protocol_find(const char *word, size_t size)
{
    for (size_t i = 0; i < sizeof(PROTOCOLS) / sizeof(PROTOCOLS[0]); i++) {
        if (strlen(PROTOCOLS[i].name) == size && strncmp(PROTOCOLS[i].name, word, size) == 0)
            return &PROTOCOLS[i];
    }
    return NULL;
}

static bool mode_find(const char *word, size_t size, enum mode *mode)
{
    for (size_t i = 0; i < MODE_COUNT; i++) {
        if (strlen(MODES[i].name) == size && strncmp(MODES[i].name, word, size) == 0) {
            *mode = (enum mode)i;
            return true;
        }
    }
    return false;
}

static bool behaviour_parse_number(const char *text, const struct mode_row *row, uint32_t *number,
                                   struct error *error)
{
    if (*text == '\0' && row->number_default > 0) {
        *number = row->number_default;
        return true;
    }
    char *end;
    unsigned long value = strtoul(text, &end, 10);
    if (!isdigit((unsigned char)*text) || *end != '\0' || value == 0 || value > row->number_max)
        return error_set(error, "%s: \"%s\": needs a number of %s from 1 to %" PRIu32, row->name,
                         text, row->number_max == LINE_MAX_BYTES ? "bytes" : "milliseconds",
                         row->number_max);
    *number = (uint32_t)value;
    return true;
}

static bool behaviour_parse_reply(const char *text, const struct mode_row *row,
                                  char reply[BEHAVIOUR_TEXT_SIZE], struct error *error)
{
    bool valid = text[0] >= '2' && text[0] <= '5' && isdigit((unsigned char)text[1]) &&
                 isdigit((unsigned char)text[2]) && (text[3] == '\0' || text[3] == ' ');
    for (const char *at = text; *at != '\0'; at++)
        valid = valid && isprint((unsigned char)*at);
    if (!valid || strlen(text) >= BEHAVIOUR_TEXT_SIZE)
        return error_set(error, "%s: \"%s\": needs a reply such as 421 4.3.2 Service not available",
                         row->name, text);
    snprintf(reply, BEHAVIOUR_TEXT_SIZE, "%s", text);
    return true;
}

bool behaviour_parse(const char *text, struct behaviour *behaviour, struct error *error)
{
    size_t size = strcspn(text, " ");
    *behaviour = (struct behaviour){.mode = MODE_OK};
    if (!mode_find(text, size, &behaviour->mode))
        return error_set(error, "\"%.*s\": no such mode; `help` names all", (int)size, text);
    const struct mode_row *row = &MODES[behaviour->mode];
    const char *argument = text + size + strspn(text + size, " ");
    switch (row->argument) {
    case ARGUMENT_NUMBER:
        return behaviour_parse_number(argument, row, &behaviour->number, error);
    case ARGUMENT_REPLY:
        return behaviour_parse_reply(argument, row, behaviour->text, error);
    case ARGUMENT_NONE:
        break;
    }
    if (*argument != '\0')
        return error_set(error, "%s: takes no argument, got \"%s\"", row->name, argument);
    return true;
}

bool behaviour_fits(const struct behaviour *behaviour, const struct protocol *protocol)
{
    unsigned scope = MODES[behaviour->mode].scope;
    if ((scope & NEEDS_STARTTLS) && protocol->implicit_tls)
        return false;
    if ((scope & NEEDS_LOGIN) && !protocol->login)
        return false;
    return (scope & (1U << protocol->family)) != 0;
}

const char *behaviour_name(const struct behaviour *behaviour)
{
    return MODES[behaviour->mode].name;
}

void behaviour_format(const struct behaviour *behaviour, char *text, size_t size)
{
    const struct mode_row *row = &MODES[behaviour->mode];
    switch (row->argument) {
    case ARGUMENT_NUMBER:
        snprintf(text, size, "%s %" PRIu32, row->name, behaviour->number);
        break;
    case ARGUMENT_REPLY:
        snprintf(text, size, "%s %s", row->name, behaviour->text);
        break;
    case ARGUMENT_NONE:
        snprintf(text, size, "%s", row->name);
        break;
    }
}

static void mode_describe_usage(const struct mode_row *row, char *usage, size_t size)
{
    const char *word = row->number_max == LINE_MAX_BYTES ? "N" : "MS";
    if (row->argument == ARGUMENT_REPLY)
        snprintf(usage, size, "%s CODE TEXT", row->name);
    else if (row->argument == ARGUMENT_NONE)
        snprintf(usage, size, "%s", row->name);
    else if (row->number_default == 0)
        snprintf(usage, size, "%s %s", row->name, word);
    else
        snprintf(usage, size, "%s [%s=%" PRIu32 "]", row->name, word, row->number_default);
}

bool behaviour_describe(size_t index, char *line, size_t size)
{
    if (index >= MODE_COUNT)
        return false;
    const struct mode_row *row = &MODES[index];
    char usage[64];
    mode_describe_usage(row, usage, sizeof(usage));
    snprintf(line, size, "%-26s %s%s%s%s%s%s", usage, row->help,
             (row->scope & FOR_ALL) == FOR_SMTP ? " (SMTP)" : "",
             (row->scope & FOR_ALL) == FOR_IMAP ? " (IMAP)" : "",
             (row->scope & FOR_ALL) == FOR_POP3 ? " (POP3)" : "",
             (row->scope & FOR_ALL) == (FOR_IMAP | FOR_POP3) ? " (IMAP, POP3)" : "",
             (row->scope & NEEDS_STARTTLS) ? " (where STARTTLS is)" : "");
    return true;
}
