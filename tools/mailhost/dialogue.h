/* SPDX-License-Identifier: BSD-2-Clause */
/* What the lines of a client mean: one function a protocol, each a table of commands. The line
 * comes without its end and is not changed, since a held command is taken once more. */
#ifndef EVERMX_MAILHOST_DIALOGUE_H
#define EVERMX_MAILHOST_DIALOGUE_H

#include <stdbool.h>
#include <stddef.h>

struct session;

void smtp_take_line(struct session *session);
void imap_take_line(struct session *session);
void pop3_take_line(struct session *session);

/* What a greeting and CAPABILITY tell. */
const char *imap_capabilities(bool starttls);

/* Is `word` the first word of the line? Then *arguments is what stands behind it. */
bool dialogue_match(const char *line, const char *word, const char **arguments);

#endif
