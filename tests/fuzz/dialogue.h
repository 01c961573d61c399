/* SPDX-License-Identifier: BSD-2-Clause */
/* One session of the prober with a peer that is made of the input's octets. Session, stream and
 * channel are the real ones; the socket below them, the loop's events and the clock are this
 * file's.
 *
 * The first octet is the setting, by enum dialogue_setting. The others are said by the peer as they
 * are, but for those from 0xF8 on, which no UTF-8 text holds: enum dialogue_order. What stands
 * between two DIALOGUE_PAUSE arrives at once; the next piece when the client has nothing left to
 * read. */
#ifndef EVERMX_TESTS_FUZZ_DIALOGUE_H
#define EVERMX_TESTS_FUZZ_DIALOGUE_H

#include "config/config.h"

#include <stddef.h>
#include <stdint.h>

enum dialogue_setting {
    DIALOGUE_TLS = 0x03,     /* enum check_tls; 3 is as 2 */
    DIALOGUE_SERVICE = 0x04, /* the whole dialogue, not only the greeting */
    DIALOGUE_FIRST = 0x08,   /* TLS from the first octet: smtps, imaps, pop3s */
    DIALOGUE_LITERAL = 0x10, /* without an EHLO name */
    DIALOGUE_OPENSSL = 0xA0, /* both: the handshake is OpenSSL's, slow and never successful; else it
                                succeeds by DIALOGUE_SECURE. One of them alone, there are
                                credentials and a recipient: */
    DIALOGUE_QUOTABLE = 0x20,
    DIALOGUE_LITERALS = 0x80, /* user and password hold what IMAP cannot quote */
    DIALOGUE_STAY = 0x40,     /* silence at the end of the input, not the end of the connection */
};

enum dialogue_order {
    DIALOGUE_PAUSE = 0xFF,  /* the end of a piece */
    DIALOGUE_SECURE = 0xFE, /* the handshake succeeds */
    DIALOGUE_RESET = 0xFD,  /* ECONNRESET at the next reading */
    DIALOGUE_WAIT = 0xFC,   /* time passes until the deadline that is next */
    DIALOGUE_DEAF = 0xFB,   /* the next sending fails: EPIPE */
    DIALOGUE_FULL = 0xFA,   /* the next sending takes one octet */
    DIALOGUE_AGAIN = 0xF9,  /* the next reading is interrupted, or has nothing after all */
    DIALOGUE_END = 0xF8,    /* the peer closes */
};

/* kind, and what it is with TLS from the first octet. */
void dialogue_run(enum check_kind kind, enum check_kind secure_kind, const uint8_t *data,
                  size_t size);

/* A session that looks for messages of ours: IMAP, or imaps; always with credentials. family: of
 * the tokens that are looked for. */
void dialogue_run_mailbox(const char *family, const uint8_t *data, size_t size);

#endif
