/* SPDX-License-Identifier: BSD-2-Clause */
/* Our messages in a mailbox: found, and deleted. An errand of an IMAP session, behind its login.
 * RFC 9051; RFC 4315 (UIDPLUS) where the server has it. The event base's thread.
 *
 * What a search finds is believed only when the message's own header says so, and nothing but such
 * a message is ever touched. Without UID EXPUNGE, messages of ours are expunged only where nobody
 * else has flagged one; else they stay flagged. */
#ifndef EVERMX_PROBE_MAILBOX_H
#define EVERMX_PROBE_MAILBOX_H

#include "probe/session.h"
#include "probe/token.h"

enum {
    MAILBOX_BATCH = 60,   /* messages that are looked at, or deleted, at once: a command's line */
    MAILBOX_WINDOW = 150, /* messages that are searched at once: a reply's line */
};

struct mailbox {
    /* the owner's */
    const char *family; /* of the tokens that are looked for */
    uint64_t arrived;   /* the number of the newest that is known to have arrived */
    /* A look has found nothing new: the session idles, until mailbox_look or session_part. Where it
     * has found something, the session ends by itself, with old messages of ours deleted. */
    void (*missing)(void *context);
    void *context;

    /* what it tells */
    bool opened;      /* at least that */
    uint64_t found;   /* the number of the newest that is there and was not known; 0: none */
    int64_t found_us; /* when that was seen */

    /* its own */
    uint32_t exists; /* how many messages the mailbox has */
    bool writable, uid_plus, cleaning;
    uint32_t uids[MAILBOX_BATCH]; /* found by a search; then those of them that are ours */
    size_t nuids, nours;
    unsigned replies; /* of a FETCH */
    uint32_t uid;     /* the one that a reply speaks of; 0: not told yet */
    char token[TOKEN_SIZE];
    bool others_flagged;
};

/* The session's errand: its context is the mailbox. */
extern const struct protocol mailbox_protocol;

void mailbox_look(struct session *session);

#endif
