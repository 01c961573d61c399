/* SPDX-License-Identifier: BSD-2-Clause */
/* CAPABILITY and SELECT; then, again and again, SEARCH; and FETCH, STORE and EXPUNGE of what that
 * finds. At last the same of old messages: those that were found too late, or by nobody. */
#include "probe/mailbox.h"

#include "base/clock.h"
#include "probe/imap.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

enum mailbox_state {
    MAILBOX_CAPABILITY,
    MAILBOX_SELECT,
    MAILBOX_NOOP,
    MAILBOX_SEARCH,  /* by the header */
    MAILBOX_SUBJECT, /* by the subject: some servers search no other headers */
    MAILBOX_CLEAN,   /* for old ones */
    MAILBOX_FETCH,
    MAILBOX_STORE,
    MAILBOX_FLAGGED, /* SEARCH DELETED */
    MAILBOX_EXPUNGE,
};

enum {
    ARGUMENTS_MAX = 900,
    /* Whoever has sent a message has long given it up then, whatever his clock says. */
    OLD_S = 24 * 60 * 60,
};

static struct mailbox *mailbox_of(const struct session *session)
{
    return session->errand->context;
}

static void mailbox_ask(struct session *session, enum mailbox_state state, const char *verb,
                        const char *arguments)
{
    imap_ask(session, state, state == MAILBOX_SELECT ? TIMED_SELECT : TIMED_STEPS, verb, arguments);
}

/* ---- searches ---- */

static void mailbox_search(struct session *session, enum mailbox_state state, uint32_t from,
                           const char *to, const char *criteria)
{
    struct mailbox *mailbox = mailbox_of(session);
    char arguments[ARGUMENTS_MAX];

    mailbox->nuids = mailbox->nours = 0;
    snprintf(arguments, sizeof arguments, " SEARCH %" PRIu32 ":%s %s", from, to, criteria);
    mailbox_ask(session, state, "UID", arguments);
}

/* What has arrived last stands last. */
static void mailbox_search_for_family(struct session *session, enum mailbox_state state)
{
    const struct mailbox *mailbox = mailbox_of(session);
    uint32_t from = mailbox->exists > MAILBOX_WINDOW ? mailbox->exists - MAILBOX_WINDOW + 1 : 1;
    char criteria[ARGUMENTS_MAX / 2];

    snprintf(criteria, sizeof criteria, "%s \"%s\"",
             state == MAILBOX_SUBJECT ? "SUBJECT" : "HEADER " TOKEN_HEADER, mailbox->family);
    mailbox_search(session, state, from, "*", criteria);
}

static void mailbox_missing(struct session *session)
{
    const struct mailbox *mailbox = mailbox_of(session);
    session_idle(session);
    mailbox->missing(mailbox->context);
}

static void mailbox_find(struct session *session)
{
    if (mailbox_of(session)->exists) /* "1:*" of an empty mailbox is an error to some */
        mailbox_search_for_family(session, MAILBOX_SEARCH);
    else
        mailbox_missing(session);
}

void mailbox_look(struct session *session)
{
    mailbox_ask(session, MAILBOX_NOOP, "NOOP", "");
}

/* A part of the mailbox, another one each time: all of it at once may be long. */
static void mailbox_clean(struct session *session)
{
    struct mailbox *mailbox = mailbox_of(session);
    uint32_t windows = mailbox->exists / MAILBOX_WINDOW + 1;
    uint32_t from = (uint32_t)(clock_now_us() % windows) * MAILBOX_WINDOW + 1;
    time_t before = time(NULL) - OLD_S;
    struct tm day;
    char criteria[ARGUMENTS_MAX / 2], date[24], to[16];

    if (!mailbox->exists || !mailbox->writable) {
        session_complete(session);
        return;
    }
    mailbox->cleaning = true;
    if (from > mailbox->exists)
        from = 1;
    snprintf(to, sizeof to, "%" PRIu32,
             mailbox->exists - from < MAILBOX_WINDOW ? mailbox->exists : from + MAILBOX_WINDOW - 1);
    gmtime_r(&before, &day);
    strftime(date, sizeof date, "%d-%b-%Y", &day);
    snprintf(criteria, sizeof criteria, "HEADER " TOKEN_HEADER " \"\" BEFORE %s", date);
    mailbox_search(session, MAILBOX_CLEAN, from, to, criteria);
}

/* What was searched for has been found and deleted, or there is none of it. */
static void mailbox_next(struct session *session)
{
    const struct mailbox *mailbox = mailbox_of(session);
    if (mailbox->cleaning)
        session_complete(session);
    else if (mailbox->found)
        mailbox_clean(session);
    else
        mailbox_missing(session);
}

/* ---- what is found ---- */

static uint32_t read_uid(const char *text)
{
    char *end;
    unsigned long uid = isdigit((unsigned char)*text) ? strtoul(text, &end, 10) : 0;
    return uid && uid <= UINT32_MAX && (*end == '\0' || *end == ' ' || *end == ')') ? (uint32_t)uid
                                                                                    : 0;
}

static bool mailbox_has(const uint32_t *uids, size_t count, uint32_t uid)
{
    for (size_t i = 0; i < count; i++)
        if (uids[i] == uid)
            return true;
    return false;
}

/* The last ones are kept where there are too many. */
static void mailbox_note_found(struct mailbox *mailbox, uint32_t uid)
{
    if (mailbox_has(mailbox->uids, mailbox->nuids, uid))
        return;
    if (mailbox->nuids == MAILBOX_BATCH)
        memmove(mailbox->uids, mailbox->uids + 1, --mailbox->nuids * sizeof *mailbox->uids);
    mailbox->uids[mailbox->nuids++] = uid;
}

/* "SEARCH 3 4 17" */
static void mailbox_searched(struct session *session, const char *text)
{
    struct mailbox *mailbox = mailbox_of(session);
    for (const char *word = strchr(text, ' '); word; word = strchr(word + 1, ' ')) {
        uint32_t uid = read_uid(word + 1);
        if (!uid)
            continue;
        if (session->state == MAILBOX_FLAGGED)
            mailbox->others_flagged |= !mailbox_has(mailbox->uids, mailbox->nours, uid);
        else
            mailbox_note_found(mailbox, uid);
    }
}

static void write_set(const uint32_t *uids, size_t count, char *text, size_t size)
{
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < count; i++)
        used += (size_t)snprintf(text + used, size - used, "%s%" PRIu32, i ? "," : "", uids[i]);
}

static void mailbox_fetch(struct session *session)
{
    struct mailbox *mailbox = mailbox_of(session);
    char set[ARGUMENTS_MAX - 100], arguments[ARGUMENTS_MAX];

    mailbox->replies = 0;
    mailbox->uid = 0;
    mailbox->token[0] = '\0';
    write_set(mailbox->uids, mailbox->nuids, set, sizeof set);
    snprintf(arguments, sizeof arguments,
             " FETCH %s (UID BODY.PEEK[HEADER.FIELDS (" TOKEN_HEADER ")])", set);
    mailbox_ask(session, MAILBOX_FETCH, "UID", arguments);
}

/* One reply of a FETCH is complete: is that message ours, and to be deleted? Those of others than
 * this owner only when they are old: they may be looked for just now. Ours come to stand first. */
static void mailbox_judge(struct mailbox *mailbox)
{
    struct token token;
    uint32_t uid = mailbox->uid;

    mailbox->uid = 0;
    if (!uid || !token_read(mailbox->token, &token))
        return;
    bool of_family = strcmp(token.family, mailbox->family) == 0;
    if (of_family && token.number > mailbox->arrived && token.number > mailbox->found) {
        mailbox->found = token.number;
        mailbox->found_us = clock_now_us();
    }
    if (!of_family && time(NULL) - token.written_s < OLD_S)
        return;
    for (size_t i = mailbox->nours; i < mailbox->nuids; i++)
        if (mailbox->uids[i] == uid) {
            mailbox->uids[i] = mailbox->uids[mailbox->nours];
            mailbox->uids[mailbox->nours++] = uid;
            break;
        }
}

static void mailbox_note_uid(struct mailbox *mailbox, const char *text)
{
    for (const char *at = strcasestr(text, "UID "); at && !mailbox->uid;
         at = strcasestr(at + 4, "UID "))
        mailbox->uid = read_uid(at + 4);
}

/* "7 FETCH (UID 12 BODY[HEADER.FIELDS (X-Evermx-Probe)] {50}", and then the literal's lines. */
static void mailbox_fetched(struct session *session, const char *text)
{
    struct mailbox *mailbox = mailbox_of(session);
    if (++mailbox->replies > 2 * MAILBOX_BATCH) { /* others may change flags meanwhile */
        session_bad(session, text);
        return;
    }
    session_go_on(session);
    mailbox_judge(mailbox);
    mailbox->token[0] = '\0';
    mailbox_note_uid(mailbox, text);
}

static void mailbox_literal(struct session *session, const char *line)
{
    struct mailbox *mailbox = mailbox_of(session);
    const size_t size = strlen(TOKEN_HEADER);

    if (session->state != MAILBOX_FETCH) {
        session_bad(session, line);
    } else if (!strncasecmp(line, TOKEN_HEADER, size) && line[size] == ':') {
        line += size + 1;
        line += strspn(line, " \t");
        snprintf(mailbox->token, sizeof mailbox->token, "%s", line);
        mailbox->token[strcspn(mailbox->token, " \t")] = '\0';
    } else if (!mailbox->uid) {
        mailbox_note_uid(mailbox, line);
    }
}

/* ---- deleting ---- */

static void mailbox_delete(struct session *session)
{
    struct mailbox *mailbox = mailbox_of(session);
    char set[ARGUMENTS_MAX - 100], arguments[ARGUMENTS_MAX];

    mailbox_judge(mailbox); /* the last one */
    if (!mailbox->nours || !mailbox->writable) {
        mailbox_next(session);
        return;
    }
    write_set(mailbox->uids, mailbox->nours, set, sizeof set);
    snprintf(arguments, sizeof arguments, " STORE %s +FLAGS.SILENT (\\Deleted)", set);
    mailbox_ask(session, MAILBOX_STORE, "UID", arguments);
}

static void mailbox_expunge(struct session *session)
{
    struct mailbox *mailbox = mailbox_of(session);
    char set[ARGUMENTS_MAX - 100], arguments[ARGUMENTS_MAX];

    if (mailbox->uid_plus) {
        write_set(mailbox->uids, mailbox->nours, set, sizeof set);
        snprintf(arguments, sizeof arguments, " EXPUNGE %s", set);
        mailbox_ask(session, MAILBOX_EXPUNGE, "UID", arguments);
    } else {
        mailbox->others_flagged = false;
        mailbox_ask(session, MAILBOX_FLAGGED, "UID", " SEARCH DELETED");
    }
}

/* ---- replies ---- */

static void mailbox_found(struct session *session)
{
    const struct mailbox *mailbox = mailbox_of(session);
    if (mailbox->nuids)
        mailbox_fetch(session);
    else if (session->state == MAILBOX_SEARCH)
        mailbox_search_for_family(session, MAILBOX_SUBJECT);
    else
        mailbox_next(session);
}

static void mailbox_opened(struct session *session)
{
    mailbox_ask(session, MAILBOX_CAPABILITY, "CAPABILITY", ""); /* may have grown by the login */
}

static void mailbox_granted(struct session *session, const char *text)
{
    struct mailbox *mailbox = mailbox_of(session);

    switch ((enum mailbox_state)session->state) {
    case MAILBOX_CAPABILITY:
        mailbox_ask(session, MAILBOX_SELECT, "SELECT", " INBOX");
        break;
    case MAILBOX_SELECT:
        mailbox->opened = true;
        mailbox->writable = strncasecmp(text, "[READ-ONLY]", 11) != 0;
        mailbox_find(session);
        break;
    case MAILBOX_NOOP:
        mailbox_find(session);
        break;
    case MAILBOX_SEARCH:
    case MAILBOX_SUBJECT:
    case MAILBOX_CLEAN:
        mailbox_found(session);
        break;
    case MAILBOX_FETCH:
        mailbox_delete(session);
        break;
    case MAILBOX_STORE:
        mailbox_expunge(session);
        break;
    case MAILBOX_FLAGGED:
        if (mailbox->others_flagged)
            mailbox_next(session);
        else
            mailbox_ask(session, MAILBOX_EXPUNGE, "EXPUNGE", "");
        break;
    case MAILBOX_EXPUNGE:
        mailbox_next(session);
        break;
    }
}

/* That a message stays is no failure: it is deleted another time. */
static void mailbox_denied(struct session *session, enum judge_status status, const char *line,
                           const char *text)
{
    switch ((enum mailbox_state)session->state) {
    case MAILBOX_CAPABILITY:
        mailbox_granted(session, text);
        break;
    case MAILBOX_SEARCH:
        mailbox_search_for_family(session, MAILBOX_SUBJECT);
        break;
    case MAILBOX_CLEAN:
    case MAILBOX_STORE:
    case MAILBOX_FLAGGED:
    case MAILBOX_EXPUNGE:
        mailbox_next(session);
        break;
    case MAILBOX_SELECT:
    case MAILBOX_NOOP:
    case MAILBOX_SUBJECT:
    case MAILBOX_FETCH:
        session_refused(session, judge_imap(JUDGE_MAILBOX, status, text), line);
        break;
    }
}

/* "23 EXISTS", "4 EXPUNGE", "7 FETCH (...)", "SEARCH 3 4", "CAPABILITY IMAP4rev1 UIDPLUS" */
static void mailbox_data(struct session *session, const char *line, const char *text)
{
    struct mailbox *mailbox = mailbox_of(session);
    const char *word = text + strspn(text, "0123456789");
    uint32_t number = read_uid(text);

    if (word > text && *word == ' ')
        word++;
    if (session_has_word(word, "EXISTS"))
        mailbox->exists = number;
    else if (session_has_word(word, "EXPUNGE") && mailbox->exists)
        mailbox->exists--;
    else if (session_has_word(word, "FETCH") && session->state == MAILBOX_FETCH)
        mailbox_fetched(session, text);
    else if (session_has_word(word, "SEARCH"))
        mailbox_searched(session, text);
    else if (session_has_word(word, "CAPABILITY"))
        mailbox->uid_plus = strcasestr(text, " UIDPLUS");
    else if (session_has_word(word, "BYE"))
        session_refused(session, judge_imap(JUDGE_MAILBOX, JUDGE_BYE, text + strcspn(text, " ")),
                        line);
}

static void mailbox_line(struct session *session, const char *line)
{
    const char *text;
    enum imap_answer answer = imap_answer_of(session, line, &text);

    if (session->step == STEP_IDLE && answer != IMAP_DATA) {
        session_bad(session, line);
        return;
    }
    switch (answer) {
    case IMAP_DATA:
        mailbox_data(session, line, text);
        break;
    case IMAP_OK:
        mailbox_granted(session, text);
        break;
    case IMAP_NO:
        mailbox_denied(session, JUDGE_NO, line, text);
        break;
    case IMAP_BAD:
        mailbox_denied(session, JUDGE_BAD, line, text);
        break;
    case IMAP_CONTINUE:
    case IMAP_OTHER:
        mailbox_literal(session, line);
        break;
    }
}

const struct protocol mailbox_protocol = {
    .opened = mailbox_opened, .line = mailbox_line, .leave = imap_leave};
