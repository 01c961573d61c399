/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads the files of `credentials`: a user and a password, in two lines of YAML. Not by libyaml,
 * whose buffers would leave the password in memory that is freed as it is: what is read here stands
 * in pages that are kept out of core dumps and wiped. Nothing that a file holds is ever told. */
#include "config/schema.h"

#include "base/memory.h"
#include "base/privileges.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    FILE_MAX_BYTES = 4096, /* comments, too */
    VALUE_MAX_BYTES = 255, /* as PLAIN (RFC 4616) both must fit into a command of 1 KiB */
};

struct credentials {
    struct shared *user, *password; /* NULL: the file is bad, which was reported */
};

struct credentials_files {
    struct table *by_path; /* of the paths in the configuration's arena */
    struct credentials *list;
    size_t count, capacity;
};

struct credentials_files *credentials_files_new(void)
{
    struct credentials_files *files = memory_alloc(sizeof *files);
    files->by_path = table_new(0);
    return files;
}

void credentials_files_free(struct credentials_files *files)
{
    for (size_t i = 0; i < files->count; i++) {
        shared_release(files->list[i].user);
        shared_release(files->list[i].password);
    }
    table_free(files->by_path);
    free(files->list);
    free(files);
}

/* ---- the text ---- */

/* All of it secret: bytes is the file's, ended by a NUL, and value as large. */
struct scan {
    struct diagnostics *diagnostics;
    const char *file;
    char *bytes, *value;
    int line;
    struct credentials *found;
};

#define refuse(scan, ...)                                                                          \
    diagnostics_error((scan)->diagnostics, (scan)->file, (scan)->line, 0, __VA_ARGS__)

static bool is_blank(char character)
{
    return character == ' ' || character == '\t';
}

/* Whether nothing but a comment follows; one begins at a # behind a blank. */
static bool ends_here(const char *text)
{
    const char *rest = text + strspn(text, " \t");
    return !*rest || (*rest == '#' && rest > text);
}

/* Also what older YAML takes for the end of a line: NEL, LS and PS of Unicode, a single CR. */
static bool has_control(const char *text)
{
    static const char *const breaks[] = {"\xC2\x85", "\xE2\x80\xA8", "\xE2\x80\xA9"};
    for (size_t i = 0; i < sizeof breaks / sizeof *breaks; i++)
        if (strstr(text, breaks[i]))
            return true;
    for (; *text; text++)
        if (((unsigned char)*text < ' ' && *text != '\t') || *text == 0x7F)
            return true;
    return false;
}

/* 'it''s': returns what follows, NULL where the end is missing. */
static const char *unquote_single(const char *text, char *value)
{
    for (text++; *text; *value++ = *text++)
        if (*text == '\'' && *++text != '\'') {
            *value = '\0';
            return text;
        }
    return NULL;
}

/* "a \"b\"": NULL also for escapes of other kinds. */
static const char *unquote_double(const char *text, char *value)
{
    for (text++; *text; *value++ = *text++) {
        if (*text == '"') {
            *value = '\0';
            return text + 1;
        }
        if (*text == '\\' && *++text != '"' && *text != '\\')
            return NULL;
    }
    return NULL;
}

/* Whether a text means in YAML what it looks like without quotes. */
static bool is_plain(const char *text)
{
    static const char *const nothings[] = {"~", "null", "Null", "NULL"};
    for (size_t i = 0; i < sizeof nothings / sizeof *nothings; i++)
        if (strcmp(text, nothings[i]) == 0)
            return false;
    if (strchr(",[]{}#&*!|>'\"%@`", *text) ||
        (strchr("-?:", *text) && (is_blank(text[1]) || !text[1])))
        return false;
    return !strstr(text, ": ") && !strstr(text, ":\t") && text[strlen(text) - 1] != ':';
}

/* Up to a comment or the end, without the blanks there. */
static void copy_plain(const char *text, char *value)
{
    size_t size = 0;
    while (!ends_here(text + size))
        size++;
    memcpy(value, text, size);
    value[size] = '\0';
}

/* The value on the rest of a line, into scan->value. */
static bool scan_value(struct scan *scan, const char *text)
{
    const char *rest = NULL;
    if (*text == '\'')
        rest = unquote_single(text, scan->value);
    else if (*text == '"')
        rest = unquote_double(text, scan->value);
    if ((*text == '\'' || *text == '"') && (!rest || !ends_here(rest)))
        return refuse(scan, "quotes that do not end where the line does, or an escape: single "
                            "quotes take everything as it is, and '' for one of their own");
    if (!rest) {
        copy_plain(text, scan->value);
        if (*scan->value && !is_plain(scan->value))
            return refuse(scan, "this value must stand in single quotes, with '' for each of its "
                                "own");
    }
    size_t size = strlen(scan->value);
    if (size == 0)
        return refuse(scan, "there is no value on this line");
    if (size > VALUE_MAX_BYTES)
        return refuse(scan, "the value has more than %d octets", VALUE_MAX_BYTES);
    if (strchr(scan->value, '\t'))
        return refuse(scan, "the value holds a tab");
    return true;
}

/* "user: NAME" */
static bool scan_line(struct scan *scan, const char *text)
{
    const struct {
        const char *key;
        struct shared **field;
    } keys[] = {{"user:", &scan->found->user}, {"password:", &scan->found->password}};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        size_t size = strlen(keys[i].key);
        if (strncmp(text, keys[i].key, size) != 0 || (text[size] && !is_blank(text[size])))
            continue;
        if (*keys[i].field)
            return refuse(scan, "'%.*s' is given twice", (int)size - 1, text);
        if (!scan_value(scan, text + size + strspn(text + size, " \t")))
            return false;
        *keys[i].field = shared_new(scan->value, strlen(scan->value), true);
        return true;
    }
    return refuse(scan,
                  "a line must be 'user: NAME' or 'password: TEXT', from its first column on");
}

static bool scan_lines(struct scan *scan)
{
    char *next = scan->bytes;
    if (strncmp(next, "\xEF\xBB\xBF", 3) == 0)
        next += 3;
    while (next) {
        char *text = next, *end = strchr(text, '\n');
        next = end ? end + 1 : NULL;
        if (end)
            *end = '\0';
        size_t size = strlen(text);
        if (end && size && text[size - 1] == '\r')
            text[size - 1] = '\0';
        scan->line++;
        if (has_control(text))
            return refuse(scan, "the line holds control characters");
        bool begins = !scan->found->user && !scan->found->password && strncmp(text, "---", 3) == 0;
        const char *rest = text + strspn(text, " "); /* YAML has no tabs there */
        if (!*rest || *rest == '#' || (begins && ends_here(text + 3)))
            continue;
        if (!scan_line(scan, text))
            return false;
    }
    scan->line = 0;
    if (!scan->found->user || !scan->found->password)
        return refuse(scan, "'%s' is missing", scan->found->user ? "password" : "user");
    return true;
}

/* ---- the file ---- */

/* As ssh and others do: who can read it can read mail. Its group may, where nobody is in that
 * who cannot anyway. */
static bool is_private(const struct reader *reader, const struct stat *status)
{
    if (status->st_mode & S_IRWXO)
        return false;
    return !(status->st_mode & S_IRWXG) ||
           privileges_has_group(status->st_gid, reader->config->user);
}

/* -1 after reporting. Something that is no file must not make us wait. */
static int file_open(struct reader *reader, struct config_place place, const char *path,
                     struct stat *status)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 || fstat(fd, status) < 0)
        report(reader, place, "'credentials': opening %s: %s", path, strerror(errno));
    else if (!S_ISREG(status->st_mode))
        report(reader, place, "'credentials': %s is no file", path);
    else if (!is_private(reader, status))
        report(reader, place,
               "'credentials': others can read or change %s (mode %03o): chmod 600, or 640 where "
               "its group is root's or evermxd's",
               path, (unsigned)status->st_mode & 0777);
    else if (status->st_size > FILE_MAX_BYTES)
        report(reader, place, "'credentials': %s has more than %d octets", path, FILE_MAX_BYTES);
    else
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

/* False after reporting. bytes: room for FILE_MAX_BYTES and a NUL. */
static bool file_read(struct reader *reader, struct config_place place, const char *path, int fd,
                      const struct stat *status, char *bytes)
{
    size_t size = 0;
    ssize_t got;
    do {
        got = read(fd, bytes + size, FILE_MAX_BYTES - size);
        if (got > 0)
            size += (size_t)got;
    } while (got > 0 || (got < 0 && errno == EINTR));
    if (got < 0)
        return report(reader, place, "'credentials': reading %s: %s", path, strerror(errno));
    if (!file_held_still(fd, status))
        return report(reader, place, "'credentials': %s was changed while it was read", path);
    if (memchr(bytes, '\0', size))
        return report(reader, place, "'credentials': %s is no text: it holds octets of NUL", path);
    return true;
}

/* The secrets, both or none. */
static struct credentials credentials_load(struct reader *reader, struct config_place place,
                                           const char *path)
{
    enum { ROOM = FILE_MAX_BYTES + 1 };
    struct credentials found = {NULL, NULL};
    int64_t now_ns = file_clock_ns();
    struct stat status;
    int fd = file_open(reader, place, path, &status);
    if (fd < 0)
        return found;
    char *room = secret_alloc(2 * ROOM);
    struct scan scan = {.diagnostics = reader->diagnostics,
                        .file = path,
                        .bytes = room,
                        .value = room + ROOM,
                        .found = &found};
    if (!file_read(reader, place, path, fd, &status, room) || !scan_lines(&scan)) {
        shared_release(found.user);
        shared_release(found.password);
        found = (struct credentials){NULL, NULL};
    }
    secret_free(room, 2 * ROOM);
    close(fd);
    source_add(reader->config, path, &status, now_ns);
    return found;
}

void credentials_read(struct reader *reader, const struct tree_node *node, void *record)
{
    struct credentials_files *files = reader->credentials;
    struct check_settings *settings = record;
    const char *path = path_resolve(reader, node->text);
    uint32_t number;
    if (reader->bare)
        return;
    if (!table_get(files->by_path, path, strlen(path), &number)) {
        number = (uint32_t)files->count;
        files->list = memory_grow(files->list, files->count, &files->capacity, sizeof *files->list);
        files->list[files->count++] = credentials_load(reader, node->place, path);
        table_put(files->by_path, path, strlen(path), number);
    }
    settings->user = shared_hold(files->list[number].user);
    settings->password = shared_hold(files->list[number].password);
    reader->config->has_credentials |= settings->user != NULL;
}
