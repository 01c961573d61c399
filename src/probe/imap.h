/* SPDX-License-Identifier: BSD-2-Clause */
/* How IMAP is spoken, for those who go on behind its login. The event base's thread. */
#ifndef EVERMX_PROBE_IMAP_H
#define EVERMX_PROBE_IMAP_H

#include "probe/session.h"

/* Asks with a tag of its own; the verb is a literal, arguments begin with a space or are empty. */
void imap_ask(struct session *session, int state, enum outcome_step timed, const char *verb,
              const char *arguments);
/* LOGOUT: the `leave` of every protocol that goes on. */
void imap_leave(struct session *session);

enum imap_answer {
    IMAP_DATA,     /* "* ", text: what stands behind */
    IMAP_CONTINUE, /* "+" */
    IMAP_OK,       /* of the last command; text: behind OK */
    IMAP_NO,
    IMAP_BAD,
    IMAP_OTHER, /* not of the protocol, or within a literal */
};

/* RFC 9051 section 7. */
enum imap_answer imap_answer_of(const struct session *session, const char *line, const char **text);

#endif
