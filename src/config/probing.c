/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads what probes come from and ask with: `probe-source`, `ehlo-name`, `ca-file` and `canaries`
 * of the server, `probe-recipient` and `mailbox` of checks. */
#include "base/hostname.h"
#include "config/domain.h"
#include "config/schema.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
    LOCAL_PART_MAX = 64, /* octets (RFC 5321 section 4.5.3.1) */
    MAILBOX_MAX = 254,   /* a path of 256, without its brackets */
};

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS  "0123456789"

/* ---- server ---- */

/* No machine's own: 0.0.0.0 and ::, multicast, broadcast. */
static bool address_is_special(const struct address *address)
{
    static const uint8_t zeroes[16];
    uint8_t multicast = address->family == 4 ? 0xE0 : 0xFF;
    return memcmp(address->bytes, zeroes, address_size(address)) == 0 ||
           address->bytes[0] >= multicast;
}

static void probe_source_add(struct reader *reader, const struct tree_node *node)
{
    struct config *config = reader->config;
    struct address address;
    if (!tree_expect(reader, node, TREE_TEXT, "an address of 'probe-source'"))
        return;
    if (!address_parse(node->text, &address) || address_is_special(&address)) {
        report(reader, node->place,
               "'probe-source': '%.100s' is no address of a machine, without a port: like "
               "192.0.2.1 or \"2001:db8::1\"",
               node->text);
        return;
    }
    for (size_t i = 0; i < config->nprobe_sources; i++)
        if (config->probe_sources[i].family == address.family) {
            report(reader, node->place,
                   "'probe-source': a second address of IPv%d: probes come from one of each family",
                   address.family);
            return;
        }
    config->probe_sources = array_grow(config->arena, config->probe_sources, config->nprobe_sources,
                                       sizeof *config->probe_sources);
    config->probe_sources[config->nprobe_sources++] = address;
}

void probe_source_read(struct reader *reader, const struct tree_node *node, void *config)
{
    (void)config;
    reader->config->probe_sources_place = node->place;
    if (node->kind == TREE_TEXT)
        probe_source_add(reader, node);
    else if (tree_expect(reader, node, TREE_LIST, "'probe-source'"))
        for (const struct tree_node *item = node->first; item; item = item->next)
            probe_source_add(reader, item);
}

void ehlo_name_read(struct reader *reader, const struct tree_node *node, void *record)
{
    struct config *config = record;
    if (hostname_is_domain(node->text) || hostname_is_literal(node->text))
        config->ehlo_name = arena_strdup(config->arena, node->text);
    else
        report(reader, node->place,
               "'ehlo-name': '%.260s' is no full name of a host, like probe.example.test, nor the "
               "literal of an address, like \"[192.0.2.1]\"",
               node->text);
}

/* How many certificates a file holds up to the first that is none; *damaged: there is one. */
static unsigned certificates_count(FILE *file, bool *damaged)
{
    unsigned count = 0;
    X509 *certificate;
    ERR_clear_error();
    while ((certificate = PEM_read_X509_AUX(file, NULL, NULL, NULL))) {
        X509_free(certificate);
        count++;
    }
    *damaged = ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE;
    ERR_clear_error();
    return count;
}

static FILE *ca_file_open(struct reader *reader, struct config_place place, const char *path)
{
    struct stat status;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    FILE *file = NULL;
    if (fd < 0 || fstat(fd, &status) < 0)
        report(reader, place, "'ca-file': opening %s: %s", path, strerror(errno));
    else if (!S_ISREG(status.st_mode))
        report(reader, place, "'ca-file': %s is no file", path);
    else
        file = fdopen(fd, "r");
    if (!file && fd >= 0)
        close(fd);
    return file;
}

void ca_file_read(struct reader *reader, const struct tree_node *node, void *record)
{
    struct config *config = record;
    const char *path = path_resolve(reader, node->text);
    FILE *file = reader->bare ? NULL : ca_file_open(reader, node->place, path);
    bool damaged;
    if (!file)
        return;
    unsigned count = certificates_count(file, &damaged);
    fclose(file);
    if (damaged)
        report(reader, node->place, "'ca-file': certificate %u in %s cannot be read", count + 1,
               path);
    else if (!count)
        report(reader, node->place, "'ca-file': %s holds no certificate in PEM form", path);
    else
        config->ca_file = path;
}

static void canary_add(struct reader *reader, struct table *seen, const struct tree_node *node)
{
    struct config *config = reader->config;
    struct config_endpoint canary = {.port = 0};
    char text[ADDRESS_TEXT_SIZE];
    uint32_t line;
    if (!tree_expect(reader, node, TREE_TEXT, "an address of 'canaries'"))
        return;
    if ((!address_parse(node->text, &canary.address) &&
         !endpoint_parse(node->text, 0, &canary.address, &canary.port)) ||
        address_is_special(&canary.address)) {
        report(reader, node->place,
               "'canaries': '%.100s' is no address: like 192.0.2.1, 192.0.2.1@443 or "
               "\"[2001:db8::1]@443\"",
               node->text);
        return;
    }
    endpoint_format(&canary.address, canary.port, text);
    if (!key_is_new(reader->scratch, seen, text, strlen(text), node->place, &line)) {
        report(reader, node->place, "'canaries': %.100s is given twice, first in line %u",
               node->text, line);
        return;
    }
    config->canaries =
        array_grow(config->arena, config->canaries, config->ncanaries, sizeof *config->canaries);
    config->canaries[config->ncanaries++] = canary;
}

void canaries_read(struct reader *reader, const struct tree_node *node, void *config)
{
    (void)config;
    struct table *seen = table_new(0);
    size_t count = 0;
    for (const struct tree_node *item = node->first; item; item = item->next) {
        if (++count > CANARIES_LIMIT) {
            report(reader, item->place,
                   "'canaries': more than %d: all are asked at once, and one answer is enough",
                   CANARIES_LIMIT);
            break;
        }
        canary_add(reader, seen, item);
    }
    table_free(seen);
}

/* ---- checks ---- */

/* A dot-string (RFC 5321 section 4.1.2). */
static bool local_part_is_good(const char *text, size_t size)
{
    static const char atoms[] = LETTERS DIGITS "!#$%&'*+-/=?^_`{|}~";
    if (size == 0 || size > LOCAL_PART_MAX || text[0] == '.' || text[size - 1] == '.')
        return false;
    for (size_t i = 0; i < size; i++)
        if (text[i] == '.' ? text[i - 1] == '.' : !strchr(atoms, text[i]))
            return false;
    return true;
}

/* As it stands behind an @: also one label alone, for who delivers to such. */
static bool mail_domain_is_good(const char *text)
{
    uint8_t key[DOMAIN_MAX_SIZE];
    if (hostname_is_literal(text))
        return true;
    return !text[strspn(text, LETTERS DIGITS "-.")] && domain_parse(text, key, NULL) &&
           text[strlen(text) - 1] != '.';
}

void recipient_read(struct reader *reader, const struct tree_node *node, void *record)
{
    struct check_settings *settings = record;
    const char *text = node->text, *at = strrchr(text, '@');
    if (!at || strlen(text) > MAILBOX_MAX || !local_part_is_good(text, (size_t)(at - text)) ||
        !mail_domain_is_good(at + 1))
        report(reader, node->place,
               "'probe-recipient': '%.260s' is no mail address that can stand in RCPT without "
               "quotes: like probe@example.test",
               text);
    else
        settings->recipient = shared_new(text, strlen(text), false);
}

void mailbox_read(struct reader *reader, const struct tree_node *node, void *record)
{
    struct check_settings *settings = record;
    uint8_t key[DOMAIN_MAX_SIZE];
    char name[4 * DOMAIN_MAX_SIZE + 1]; /* each octet as \DDD */
    struct error error;
    size_t size = strlen(node->text);
    if (!domain_parse(node->text, key, &error)) {
        report(reader, node->place, "'mailbox': %s", error.text);
        return;
    }
    size -= node->text[size - 1] == '.' && size > 1 && node->text[size - 2] != '\\';
    for (size_t i = 0; i < size; i++)
        name[i] = node->text[i] >= 'A' && node->text[i] <= 'Z' ? (char)(node->text[i] | 0x20)
                                                               : node->text[i];
    settings->mailbox = shared_new(name, size, false);
}
