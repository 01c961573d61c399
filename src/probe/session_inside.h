/* SPDX-License-Identifier: BSD-2-Clause */
/* What session.c and session_tls.c share of a session's insides; the protocols have session.h. The
 * event base's thread. */
#ifndef EVERMX_PROBE_SESSION_INSIDE_H
#define EVERMX_PROBE_SESSION_INSIDE_H

#include "probe/session.h"

/* ---- session.c ---- */

bool session_tls_first(const struct session *session);
/* What goes into the result: printable, and without a password. */
void session_note(struct session *session, const char *text, size_t size);
void session_warn(struct session *session, enum reason reason, const char *text, size_t size);
/* From now on this step's deadline counts, and whose time it is. */
void session_enter(struct session *session, enum session_step step, enum outcome_step timed,
                   int64_t timeout_ms);
void session_await_reply(struct session *session, const char *asked);
void session_leave(struct session *session, enum reason reason);

/* ---- session_tls.c ---- */

void session_begin_tls(struct session *session);
/* The handshake is done: looks at the certificate. */
void session_examine(struct session *session);
/* Whether a fault concerns only an upgrade that senders can do without; and what it comes to. */
bool session_fault_is_optional(const struct session *session, enum reason reason);
void session_end_with_warning(struct session *session, enum reason reason, const char *about,
                              size_t size);

#endif
