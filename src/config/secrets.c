/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads the file of `cookie-secrets`: a secret of 32 hexadecimal digits on each line, the one that
 * makes cookies first. Empty lines and those that begin with # are passed over. What a line holds
 * is never told. */
#include "config/schema.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int digit_value(char digit)
{
    return isdigit((unsigned char)digit) ? digit - '0' : tolower((unsigned char)digit) - 'a' + 10;
}

static bool secret_parse(const char *line, uint8_t secret[COOKIE_SECRET_SIZE])
{
    enum { DIGITS = 2 * COOKIE_SECRET_SIZE };
    if (strlen(line) != DIGITS || strspn(line, "0123456789abcdefABCDEF") != DIGITS)
        return false;
    for (size_t i = 0; i < COOKIE_SECRET_SIZE; i++)
        secret[i] = (uint8_t)(digit_value(line[2 * i]) << 4 | digit_value(line[2 * i + 1]));
    return true;
}

/* NULL after reporting. Something that is no file must not make us wait. */
static FILE *secrets_open(struct reader *reader, struct config_place place, const char *path)
{
    int64_t now_ns = file_clock_ns();
    struct stat status;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    FILE *file = fd >= 0 ? fdopen(fd, "r") : NULL;
    if (!file) {
        report(reader, place, "'cookie-secrets': opening %s: %s", path, strerror(errno));
        if (fd >= 0)
            close(fd);
        return NULL;
    }
    if (fstat(fd, &status) < 0 || !S_ISREG(status.st_mode)) {
        report(reader, place, "'cookie-secrets': %s is no file", path);
        fclose(file);
        return NULL;
    }
    source_add(reader->config, path, &status, now_ns);
    if (status.st_mode & S_IROTH)
        warn(reader, place,
             "'cookie-secrets': everybody can read %s: who knows a secret can make cookies for any "
             "address",
             path);
    return file;
}

static void secrets_read(struct reader *reader, struct config_place place, const char *path,
                         FILE *file)
{
    struct config *config = reader->config;
    char line[128]; /* a longer one comes in parts, none of which is a secret */
    unsigned number = 0;
    uint8_t(*secrets)[COOKIE_SECRET_SIZE] =
        arena_alloc(config->arena, COOKIE_SECRETS_LIMIT * sizeof *secrets);
    while (fgets(line, sizeof line, file)) {
        number++;
        line[strcspn(line, "\r\n")] = '\0';
        if (line[0] == '\0' || line[0] == '#')
            continue;
        uint8_t secret[COOKIE_SECRET_SIZE];
        if (!secret_parse(line, secret)) {
            report(reader, place, "'cookie-secrets': %s, line %u: not 32 hexadecimal digits", path,
                   number);
            return;
        }
        if (config->ncookie_secrets == COOKIE_SECRETS_LIMIT) {
            report(reader, place, "'cookie-secrets': %s has more than %d secrets", path,
                   COOKIE_SECRETS_LIMIT);
            return;
        }
        memcpy(secrets[config->ncookie_secrets++], secret, sizeof secret);
    }
    if (ferror(file))
        report(reader, place, "'cookie-secrets': reading %s: %s", path, strerror(errno));
    else if (!config->ncookie_secrets)
        report(reader, place, "'cookie-secrets': %s holds no secret", path);
    config->cookie_secrets = (const uint8_t(*)[COOKIE_SECRET_SIZE])secrets;
}

void cookie_secrets_read(struct reader *reader, const struct tree_node *node, void *config)
{
    (void)config;
    const char *path = path_resolve(reader, node->text);
    FILE *file = reader->bare ? NULL : secrets_open(reader, node->place, path);
    if (!file)
        return;
    secrets_read(reader, node->place, path, file);
    fclose(file);
}
