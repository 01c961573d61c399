/* SPDX-License-Identifier: BSD-2-Clause */
/* Lists of domains; see domains.h. Names stand one behind the other, as they end by themselves, and
 * an index of their places finds them. */
#include "model/domains.h"

#include "base/memory.h"
#include "config/domain.h"
#include "model/content.h"
#include "model/template.h"
#include "wire/name.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    CHUNK_SIZE = 64 * 1024,
    LINE_MAX_SIZE = 4096, /* more than any name takes, with each octet as \DDD, and a comment */
    INDEX_SMALLEST = 16,
    TOLD_MAX = 20, /* errors and warnings of a file, each */
};

struct domains {
    _Atomic uint32_t references;
    bool complete;
    struct file_identity identity;
    uint8_t *names;
    size_t size, capacity;
    uint32_t *index; /* places in names, plus 1; 0: free */
    uint32_t mask;
    size_t count, longest;
};

/* ---- the set ---- */

/* The slot of the name, or the free one where it belongs. Behind the last name there is room for
 * another, so that a whole name may be compared. */
static uint32_t *find_slot(const struct domains *domains, const uint8_t *lower, size_t size,
                           uint32_t hash)
{
    for (uint32_t at = hash & domains->mask;; at = (at + 1) & domains->mask) {
        uint32_t *slot = &domains->index[at];
        if (*slot == 0 || memcmp(domains->names + *slot - 1, lower, size) == 0)
            return slot;
    }
}

static void index_fill(struct domains *domains, size_t slots)
{
    free(domains->index);
    domains->index = memory_array(slots, sizeof *domains->index);
    domains->mask = (uint32_t)(slots - 1);
    size_t size;
    for (size_t at = 0; at < domains->size; at += size) {
        const uint8_t *name = domains->names + at;
        size = name_size(name);
        uint32_t free_at = name_hash(name, size) & domains->mask; /* no two names are equal */
        while (domains->index[free_at] != 0)
            free_at = (free_at + 1) & domains->mask;
        domains->index[free_at] = (uint32_t)at + 1;
    }
}

/* False: it is there already. */
static bool add(struct domains *domains, const uint8_t *lower, size_t size)
{
    uint32_t hash = name_hash(lower, size);
    uint32_t *slot = find_slot(domains, lower, size, hash);
    if (*slot != 0)
        return false;
    size_t slots = (size_t)domains->mask + 1;
    if (domains->count >= slots / 8 * 5) {
        index_fill(domains, 2 * slots);
        slot = find_slot(domains, lower, size, hash);
    }
    if (domains->capacity - domains->size < size + NAME_MAX_SIZE) {
        domains->capacity = domains->capacity * 3 / 2;
        domains->names = memory_resize(domains->names, domains->capacity, 1);
    }
    memcpy(domains->names + domains->size, lower, size);
    memset(domains->names + domains->size + size, 0, NAME_MAX_SIZE);
    *slot = (uint32_t)domains->size + 1;
    domains->size += size;
    domains->count++;
    if (domains->longest < size)
        domains->longest = size;
    return true;
}

static struct domains *domains_new(void)
{
    struct domains *domains = memory_alloc(sizeof *domains);
    domains->references = 1;
    domains->complete = true;
    domains->capacity = 2048;
    domains->names = memory_alloc(domains->capacity);
    index_fill(domains, INDEX_SMALLEST);
    return domains;
}

/* ---- the file ---- */

struct lines {
    int descriptor;
    char *bytes; /* with room for a NUL */
    size_t at, size;
    int number;
    bool ended;
    int error; /* errno */
};

struct job {
    const struct domains_request *request;
    struct diagnostics *diagnostics;
    struct domains *domains;
    struct lines lines;
    size_t errors, warnings;
};

static void more(struct lines *lines)
{
    memmove(lines->bytes, lines->bytes + lines->at, lines->size - lines->at);
    lines->size -= lines->at;
    lines->at = 0;
    ssize_t got;
    do
        got = read(lines->descriptor, lines->bytes + lines->size, CHUNK_SIZE - lines->size);
    while (got < 0 && errno == EINTR);
    lines->ended = got <= 0;
    lines->error = got < 0 ? errno : 0;
    lines->size += got > 0 ? (size_t)got : 0;
}

/* The next line, in place of its end a NUL; NULL: the file ends. *size is larger than LINE_MAX_SIZE
 * where the line is too long, of which only a part is there. */
static char *next_line(struct lines *lines, size_t *size)
{
    bool long_line = false;
    for (;;) {
        char *line = lines->bytes + lines->at;
        size_t left = lines->size - lines->at;
        char *end = memchr(line, '\n', left);
        if (end == NULL && !lines->ended) {
            if (left > LINE_MAX_SIZE) {
                long_line = true; /* drop what is known of it, and look for its end */
                lines->at = lines->size - 1;
            }
            more(lines);
            continue;
        }
        if (end == NULL && left == 0)
            return NULL;
        size_t length = end != NULL ? (size_t)(end - line) : left;
        lines->at += end != NULL ? length + 1 : length;
        lines->number++;
        line[length] = '\0';
        *size = long_line ? LINE_MAX_SIZE + 1 : length;
        return line;
    }
}

static bool is_blank(char character)
{
    return character == ' ' || character == '\t' || character == '\r';
}

/* Cuts off blanks and a comment. */
static char *trim(char *line, size_t *size)
{
    char *end = line + *size, *comment = memchr(line, '#', *size);
    if (comment != NULL)
        end = comment;
    while (line < end && is_blank(*line))
        line++;
    while (line < end && is_blank(end[-1]))
        end--;
    *end = '\0';
    *size = (size_t)(end - line);
    return line;
}

static bool tell_error(struct job *job, const char *text)
{
    job->domains->complete = false;
    if (job->errors++ < TOLD_MAX)
        diagnostics_error(job->diagnostics, job->request->file, job->lines.number, 0, "%s", text);
    return false;
}

static void tell_twice(struct job *job, const uint8_t *lower)
{
    char text[NAME_TEXT_SIZE];
    if (job->warnings++ < TOLD_MAX)
        diagnostics_warning(job->diagnostics, job->request->file, job->lines.number, 0,
                            "%s stands in the list twice; once is enough",
                            name_to_text(lower, text));
}

static bool parse(struct job *job, const char *text, size_t size, uint8_t lower[NAME_MAX_SIZE])
{
    struct error error;
    size_t prefix;
    if (memchr(text, '\0', size) != NULL)
        return tell_error(job, "NUL octet");
    if (domain_parse(text, lower, &error) == 0)
        return tell_error(job, error.text);
    if (name_is_wildcard(lower) || name_is_in_template(lower, &prefix)) {
        error_set(&error, "'%.260s' cannot be a zone", text);
        return tell_error(job, error.text);
    }
    return true;
}

static void take_line(struct job *job, char *line, size_t size)
{
    uint8_t lower[NAME_MAX_SIZE];
    struct error error;
    if (size > LINE_MAX_SIZE) { /* its end alone may look like a name */
        tell_error(job, "this long line is no domain name");
        return;
    }
    char *text = trim(line, &size);
    if (size == 0 || !parse(job, text, size, lower))
        return;
    size_t octets = name_size(lower), all = octets - 1 + job->request->longest_prefix + 1;
    const char *taken = job->request->taken != NULL
                            ? job->request->taken(job->request->context, lower, octets)
                            : NULL;
    if (all > NAME_MAX_SIZE) {
        error_set(&error,
                  "%.260s is too long: with the template's names before it, %zu octets of "
                  "at most 255",
                  text, all);
        tell_error(job, error.text);
    } else if (taken != NULL) {
        error_set(&error, "%.260s is %s", text, taken);
        tell_error(job, error.text);
    } else if (job->request->others + job->domains->size + octets > DOMAINS_SIZE_MAX) {
        tell_error(job, "the lists of domains take more than 2 GiB");
    } else if (!add(job->domains, lower, octets)) {
        tell_twice(job, lower);
    }
}

static void read_lines(struct job *job)
{
    size_t size;
    char *line;
    job->lines.bytes = memory_alloc(CHUNK_SIZE + 1);
    while ((line = next_line(&job->lines, &size)) != NULL) {
        bool marked = job->lines.number == 1 && size >= 3 && memcmp(line, "\xEF\xBB\xBF", 3) == 0;
        size_t mark = marked ? 3 : 0; /* the byte order mark that some editors write */
        take_line(job, line + mark, size - mark);
    }
    free(job->lines.bytes);
}

/* What is held, and no more. */
static void shrink(struct domains *domains)
{
    domains->capacity = domains->size + NAME_MAX_SIZE;
    domains->names = memory_resize(domains->names, domains->capacity, 1);
}

static void tell_end(struct job *job, const struct stat *begin)
{
    const char *file = job->request->file;
    if (job->lines.error != 0)
        job->domains->complete = diagnostics_error(
            job->diagnostics, file, 0, 0, "cannot be read: %s", strerror(job->lines.error));
    else if (!file_held_still(job->lines.descriptor, begin))
        job->domains->complete =
            diagnostics_error(job->diagnostics, file, 0, 0, "was changed while it was read");
    if (job->errors > TOLD_MAX)
        diagnostics_error(job->diagnostics, file, 0, 0, "... and %zu more errors",
                          job->errors - TOLD_MAX);
    if (job->warnings > TOLD_MAX)
        diagnostics_warning(job->diagnostics, file, 0, 0,
                            "... and %zu more names that stand in it twice",
                            job->warnings - TOLD_MAX);
    if (job->domains->count == 0 && job->domains->complete)
        diagnostics_warning(job->diagnostics, file, 0, 0,
                            "has no name: the template is for nobody");
}

struct domains *domains_read(const struct domains_request *request, struct diagnostics *diagnostics)
{
    struct job job = {.request = request, .diagnostics = diagnostics};
    int64_t now_ns = file_clock_ns();
    struct stat status;
    job.lines.descriptor = open(request->file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    job.domains = domains_new();
    if (job.lines.descriptor < 0 || fstat(job.lines.descriptor, &status) < 0) {
        job.domains->complete = diagnostics_error(diagnostics, request->file, 0, 0,
                                                  "cannot be read: %s", strerror(errno));
    } else if (!S_ISREG(status.st_mode)) {
        job.domains->complete =
            diagnostics_error(diagnostics, request->file, 0, 0, "is no regular file");
    } else {
        job.domains->identity = file_identity(&status, now_ns);
        read_lines(&job);
        tell_end(&job, &status);
        shrink(job.domains);
    }
    if (job.lines.descriptor >= 0)
        close(job.lines.descriptor);
    return job.domains;
}

static bool is_taken(const struct domains_request *request, const uint8_t *name)
{
    return request->taken != NULL &&
           request->taken(request->context, name, name_size(name)) != NULL;
}

struct domains *domains_keep(struct domains *domains, const struct domains_request *request)
{
    const uint8_t *name = domains_next(domains, NULL);
    while (name != NULL && !is_taken(request, name))
        name = domains_next(domains, name);
    if (name == NULL)
        return domains_share(domains);
    struct domains *kept = domains_new();
    kept->complete = domains->complete;
    kept->identity = domains->identity;
    for (name = domains_next(domains, NULL); name != NULL; name = domains_next(domains, name))
        if (!is_taken(request, name))
            add(kept, name, name_size(name));
    shrink(kept);
    return kept;
}

struct domains *domains_share(struct domains *domains)
{
    atomic_fetch_add_explicit(&domains->references, 1, memory_order_relaxed);
    return domains;
}

void domains_release(struct domains *domains)
{
    if (domains == NULL ||
        atomic_fetch_sub_explicit(&domains->references, 1, memory_order_acq_rel) > 1)
        return;
    free(domains->names);
    free(domains->index);
    free(domains);
}

/* ---- looking ---- */

size_t domains_count(const struct domains *domains)
{
    return domains->count;
}

size_t domains_bytes(const struct domains *domains)
{
    return sizeof *domains + domains->capacity +
           ((size_t)domains->mask + 1) * sizeof *domains->index;
}

size_t domains_size(const struct domains *domains)
{
    return domains->size;
}

size_t domains_longest(const struct domains *domains)
{
    return domains->longest;
}

bool domains_complete(const struct domains *domains)
{
    return domains->complete;
}

const struct file_identity *domains_identity(const struct domains *domains)
{
    return &domains->identity;
}

bool domains_has(const struct domains *domains, const uint8_t *lower, size_t size)
{
    return *find_slot(domains, lower, size, name_hash(lower, size)) != 0;
}

bool domains_has_name(const struct domains *domains, const uint8_t *lower)
{
    return domains_has(domains, lower, name_size(lower));
}

const uint8_t *domains_next(const struct domains *domains, const uint8_t *name)
{
    const uint8_t *next = name == NULL ? domains->names : name + name_size(name);
    return next < domains->names + domains->size ? next : NULL;
}

_Static_assert((int)DOMAIN_TEXT_SIZE == (int)NAME_TEXT_SIZE, "a domain is a name");

char *domain_to_text(const uint8_t *name, char text[DOMAIN_TEXT_SIZE])
{
    return name_to_text(name, text);
}
