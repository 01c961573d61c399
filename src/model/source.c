/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading master files; see source.h. Entries are cleaned in the file's own buffer, as what is
 * written never gets ahead of what is read. */
#include "model/source.h"

#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool source_read(struct source *source, int descriptor, size_t expected, struct error *error)
{
    size_t capacity =
        expected + 2; /* room to see the end without a second round, and for the NUL */
    source->text = memory_alloc(capacity);
    for (;;) {
        if (source->size + 1 == capacity)
            source->text = memory_resize(source->text, capacity *= 2, 1);
        ssize_t got = read(descriptor, source->text + source->size, capacity - source->size - 1);
        if (got < 0 && errno != EINTR)
            return error_set(error, "cannot be read: %s", strerror(errno));
        if (got == 0)
            break;
        source->size += got > 0 ? (size_t)got : 0;
    }
    source->text[source->size] = '\0';
    return true;
}

bool source_open(struct source *source, const char *path, struct error *error)
{
    *source = (struct source){.line = 1};
    int64_t now_ns = file_clock_ns();
    /* Not to wait for the writer of a pipe. */
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (descriptor < 0)
        return error_set(error, "cannot be read: %s", strerror(errno));
    struct stat status;
    bool good = false;
    if (fstat(descriptor, &status) < 0)
        error_set(error, "cannot be read: %s", strerror(errno));
    else if (S_ISDIR(status.st_mode))
        error_set(error, "is a directory");
    else if (!S_ISREG(status.st_mode))
        error_set(error, "is no regular file");
    else if (status.st_size >= INT_MAX) /* lines are counted in an int */
        error_set(error, "is larger than 2 GiB");
    else
        good = source_read(source, descriptor, (size_t)status.st_size, error) &&
               (file_held_still(descriptor, &status) ||
                error_set(error, "was changed while it was read"));
    close(descriptor);
    if (!good) {
        source_close(source);
        return false;
    }
    source->identity = file_identity(&status, now_ns);
    if (source->size >= 3 && memcmp(source->text, "\xEF\xBB\xBF", 3) == 0)
        source->at = 3; /* the byte order mark that some editors write */
    return true;
}

void source_close(struct source *source)
{
    free(source->text);
    source->text = NULL;
}

/* Cleaning one entry. */
struct scan {
    char *out;
    int parentheses; /* open ones */
    int opened_line; /* of the outermost */
    bool blank;      /* a blank is due before the next character */
    bool done;
    bool bad; /* *error is set; the first error of an entry is told */
};

static void scan_fail(struct scan *scan, struct entry *entry, struct error *error, int line,
                      const char *text)
{
    if (!scan->bad) {
        error_set(error, "%s", text);
        entry->line = line;
    }
    scan->bad = true;
}

static void scan_put(struct scan *scan, const struct entry *entry, char character)
{
    if (scan->blank && scan->out > entry->text)
        *scan->out++ = ' ';
    scan->blank = false;
    *scan->out++ = character;
}

/* An escaped character stands for itself: it neither ends nor begins anything. */
static void scan_escape(struct source *source, struct scan *scan, const struct entry *entry)
{
    scan_put(scan, entry, source->text[source->at++]);
    if (source->text[source->at] != '\n' && source->text[source->at] != '\0')
        *scan->out++ = source->text[source->at++];
}

/* From one quotation mark to the other. A line that ends between them is an error, and ends the
 * entry, so that one forgotten mark does not eat the rest of the file. */
static void scan_quoted(struct source *source, struct scan *scan, struct entry *entry,
                        struct error *error)
{
    scan_put(scan, entry, source->text[source->at++]);
    while (source->at < source->size && source->text[source->at] != '\n') {
        char character = source->text[source->at];
        if (character == '\\') {
            scan_escape(source, scan, entry);
            continue;
        }
        if (character == '\0')
            scan_fail(scan, entry, error, source->line, "NUL octet");
        *scan->out++ = character;
        source->at++;
        if (character == '"')
            return;
    }
    scan_fail(scan, entry, error, source->line, "the quotation mark is not closed on its line");
    scan->parentheses = 0;
}

static void scan_newline(struct source *source, struct scan *scan)
{
    source->at++;
    source->line++;
    scan->blank = true;
    scan->done = scan->parentheses == 0;
}

static void scan_parenthesis(struct source *source, struct scan *scan, struct entry *entry,
                             struct error *error)
{
    scan->blank = true;
    if (source->text[source->at++] == '(') {
        if (scan->parentheses++ == 0)
            scan->opened_line = source->line;
    } else if (scan->parentheses-- == 0) {
        scan->parentheses = 0;
        scan_fail(scan, entry, error, source->line, "\")\" without \"(\" before it");
    }
}

static void scan_step(struct source *source, struct scan *scan, struct entry *entry,
                      struct error *error)
{
    char character = source->text[source->at];
    switch (character) {
    case '\n':
        scan_newline(source, scan);
        break;
    case ' ':
    case '\t':
    case '\r':
        scan->blank = true;
        source->at++;
        break;
    case ';':
        while (source->at < source->size && source->text[source->at] != '\n')
            source->at++;
        break;
    case '(':
    case ')':
        scan_parenthesis(source, scan, entry, error);
        break;
    case '"':
        scan_quoted(source, scan, entry, error);
        break;
    case '\\':
        scan_escape(source, scan, entry);
        break;
    case '\0':
        scan_fail(scan, entry, error, source->line, "NUL octet");
        source->at++;
        break;
    default:
        scan_put(scan, entry, character);
        source->at++;
    }
}

/* Reads to the end of one entry, which may turn out to be empty. */
static struct scan source_scan(struct source *source, struct entry *entry, struct error *error)
{
    char first = source->text[source->at];
    *entry = (struct entry){.text = source->text + source->at,
                            .line = source->line,
                            .blank_first = first == ' ' || first == '\t'};
    struct scan scan = {.out = entry->text};
    while (!scan.done && source->at < source->size) {
        if (scan.out == entry->text && !scan.bad)
            entry->line = source->line; /* the line of the first character that counts */
        scan_step(source, &scan, entry, error);
    }
    if (!scan.done && scan.parentheses > 0)
        scan_fail(&scan, entry, error, scan.opened_line, "the parenthesis is never closed");
    *scan.out = '\0';
    return scan;
}

enum source_result source_next(struct source *source, struct entry *entry, struct error *error)
{
    while (source->at < source->size) {
        struct scan scan = source_scan(source, entry, error);
        if (scan.bad)
            return SOURCE_BAD;
        if (scan.out > entry->text)
            return SOURCE_ENTRY;
    }
    return SOURCE_END;
}

/* The end of a token at text: the closing quotation mark, or a blank, or the NUL. */
static char *token_end(char *text, bool quoted)
{
    while (*text != '\0' && *text != (quoted ? '"' : ' ')) {
        if (*text == '\\' && text[1] != '\0')
            text++;
        text++;
    }
    return text;
}

bool token_next(char **text, struct token *token)
{
    char *begin = *text;
    if (*begin == ' ')
        begin++;
    if (*begin == '\0')
        return false;
    token->quoted = *begin == '"';
    token->text = begin + (token->quoted ? 1 : 0);
    char *end = token_end(token->text, token->quoted);
    token->size = (size_t)(end - token->text);
    *text = *end == '\0' ? end : end + 1;
    *end = '\0';
    return true;
}
