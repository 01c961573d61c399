/* SPDX-License-Identifier: BSD-2-Clause */
/* What a listener speaks (protocol) and how it behaves (mode and its argument): the two tables of
 * words, and the reading and writing of them. Pure: no socket, no clock. */
#ifndef EVERMX_MAILHOST_BEHAVIOUR_H
#define EVERMX_MAILHOST_BEHAVIOUR_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum family { FAMILY_SMTP, FAMILY_IMAP, FAMILY_POP3, FAMILY_TCP };

struct protocol {
    const char *name;
    enum family family;
    uint16_t port;     /* the one registered for it */
    bool implicit_tls; /* TLS from the first byte; all others but tcp offer STARTTLS */
    bool login;        /* clients log in: IMAP, POP3 and SMTP for submission */
};

/* NULL if there is no such protocol. The word need not end with NUL. */
const struct protocol *protocol_find(const char *word, size_t size);

enum mode {
    MODE_OK,
    MODE_HANG,
    MODE_REFUSE,
    MODE_SILENT,
    MODE_CLOSE,
    MODE_RESET,
    MODE_LATE,
    MODE_MULTILINE,
    MODE_SLOW_MULTILINE,
    MODE_PREGREET,
    MODE_GREET,
    MODE_CODE_CHANGE,
    MODE_PARTIAL,
    MODE_JUNK,
    MODE_ENDLESS,
    MODE_DRIP,
    MODE_LONG_LINE,
    MODE_WRONG_PROTOCOL,
    MODE_BYE,
    MODE_PREAUTH,
    MODE_ERR,
    MODE_NO_STARTTLS,
    MODE_STARTTLS_454,
    MODE_INJECT,
    MODE_TLS_STALL,
    MODE_TLS_CLOSE,
    MODE_CERT_EXPIRED,
    MODE_CERT_WRONG_NAME,
    MODE_EHLO_HANG,
    MODE_EHLO_500,
    MODE_MAIL,
    MODE_MAIL_HANG,
    MODE_RCPT,
    MODE_RCPT_HANG,
    MODE_CAPABILITY_HANG,
    MODE_CAPABILITY_NO,
    MODE_LOGIN_HANG,
    MODE_LOGIN_NO,
    MODE_SELECT_NO,
    MODE_QUIT_HANG,
};

enum { BEHAVIOUR_TEXT_SIZE = 256 };

struct behaviour {
    enum mode mode;
    uint32_t number;                /* milliseconds or bytes, for the modes that take one */
    char text[BEHAVIOUR_TEXT_SIZE]; /* "421 4.3.2 Service not available", likewise */
};

/* Reads "hang", "late 5000", "greet 421 4.3.2 Service not available". */
bool behaviour_parse(const char *text, struct behaviour *behaviour, struct error *error);
bool behaviour_fits(const struct behaviour *behaviour, const struct protocol *protocol);

/* Writes it in the same form. */
void behaviour_format(const struct behaviour *behaviour, char *text, size_t size);

/* One line of help for each mode: false behind the last one. */
bool behaviour_describe(size_t index, char *line, size_t size);

/* The mode of such a name, for messages. */
const char *behaviour_name(const struct behaviour *behaviour);

#endif
