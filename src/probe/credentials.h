/* SPDX-License-Identifier: BSD-2-Clause */
/* User and password as the protocols want them on the wire. What is made here is secret: whoever
 * has it wipes it. Pure; any thread. */
#ifndef EVERMX_PROBE_CREDENTIALS_H
#define EVERMX_PROBE_CREDENTIALS_H

#include "base/shared.h"

#include <stdbool.h>
#include <stddef.h>

struct credentials {
    const struct shared *user, *password;
};

/* Base64 with a NUL at its end. False: there is no room. */
bool credentials_encode(const void *octets, size_t size, char *text, size_t room);
/* NUL user NUL password, in base64: SASL's PLAIN (RFC 4616). */
bool credentials_plain(const struct credentials *credentials, char *text, size_t room);

/* Whether a text can stand in a line: no controls. */
bool credentials_fit_line(const struct shared *text);

/* Whether IMAP can quote a text (RFC 9051 section 9: quoted): else it goes as a literal. */
bool credentials_can_quote(const struct shared *text);
/* "text", with quotes. False: there is no room. */
bool credentials_quote(const struct shared *text, char *quoted, size_t room);

/* Makes asterisks of what of the password stands in a text, as it is or encoded in any way that we
 * send it, or a part of it: servers quote commands that they do not understand. */
void credentials_hide(const struct credentials *credentials, char *text, size_t size);

#endif
