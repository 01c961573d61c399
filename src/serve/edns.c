/* SPDX-License-Identifier: BSD-2-Clause */
#include "serve/edns.h"

#include "wire/edns.h"

#include <string.h>

enum {
    PADDING_BLOCK = 468, /* octets (RFC 8467 section 4.1) */
    OPT_RDATA_SIZE = 9,  /* where the size of the options stands in the record */
};

/* RFC 8914 section 4; code 0 is "other", told by its text alone. */
static const struct {
    uint16_t code;
    const char *text;
} explanations[EXPLANATIONS] = {
    [EXPLAIN_STARTING] = {14, "the server is starting"},
    [EXPLAIN_BAD_ZONE] = {24, "the zone file has errors"},
    [EXPLAIN_ALL_DOWN] = {0, "all hosts are down"},
    [EXPLAIN_CANARY] = {0, "a canary name that fails from its time on"},
    [EXPLAIN_FAIL_OPEN] = {0, "all hosts are down, answered nevertheless"},
    [EXPLAIN_TOO_LARGE] = {0, "the records exceed 65535 octets"},
    [EXPLAIN_NOT_OURS] = {20, ""},
    [EXPLAIN_NO_TRANSFER] = {21, "no zone transfer from here"},
    [EXPLAIN_NO_TYPE] = {21, "no such query type here"},
    [EXPLAIN_NO_CLASS] = {21, "no such class here"},
    [EXPLAIN_NO_OPCODE] = {21, "no such opcode here"},
};

/* ---- the query's ---- */

static void read_cookie(struct message *message, const uint8_t *given, size_t size, uint32_t now_s)
{
    const struct dns_client *client = message->client;
    message->cookie = cookie_check(message->settings, client->address, client->address_size, now_s,
                                   given, size, message->cookie_answer);
    message->wanted |= WANTED_COOKIE;
    /* By TCP, which proves the address as well, the largest answers may go without. */
    if (client->transport == TRANSPORT_UDP)
        message->writer.end -= EDNS_OPTION_HEAD + COOKIE_SIZE;
}

/* Of several cookies the first counts (RFC 7873 section 5.2); the data of a request for NSID, of
 * keepalive and of padding are ignored (RFC 5001 section 2.1, RFC 7830 section 3). Keepalive and
 * padding are for TCP only: over UDP the one means nothing (RFC 7828 section 3.2.1), the other
 * would help to amplify.
 */
static bool read_option(struct message *message, enum edns_code code, const uint8_t *data,
                        size_t size, uint32_t now_s)
{
    bool tcp = message->client->transport == TRANSPORT_TCP;
    if (code == EDNS_NSID && message->settings->identity_size) {
        message->wanted |= WANTED_NSID;
    } else if (code == EDNS_COOKIE && message->settings->cookies &&
               !(message->wanted & WANTED_COOKIE)) {
        if (!cookie_size_valid(size))
            return false;
        read_cookie(message, data, size, now_s);
    } else if (code == EDNS_KEEPALIVE && tcp) {
        message->wanted |= WANTED_KEEPALIVE;
    } else if (code == EDNS_PADDING && tcp) {
        message->wanted |= WANTED_PADDING;
    }
    return true;
}

bool edns_read(struct message *message, const uint8_t *options, size_t size, uint32_t now_s)
{
    bool good = true;
    while (good && size >= EDNS_OPTION_HEAD) {
        size_t data_size = read_u16(options + 2);
        size -= EDNS_OPTION_HEAD;
        good = data_size <= size && read_option(message, (enum edns_code)read_u16(options),
                                                options + EDNS_OPTION_HEAD, data_size, now_s);
        if (good) {
            options += EDNS_OPTION_HEAD + data_size;
            size -= data_size;
        }
    }
    return good && size == 0;
}

/* ---- the answer's ---- */

/* Nothing where it does not fit. */
static uint8_t *write_option(uint8_t *at, const uint8_t *end, enum edns_code code, const void *data,
                             size_t size)
{
    if ((size_t)(end - at) < EDNS_OPTION_HEAD + size)
        return at;
    at = write_option_head(at, code, size);
    memcpy(at, data, size);
    return at + size;
}

/* In units of 100 ms (RFC 7828 section 3.1). */
static uint8_t *write_keepalive(uint8_t *at, const uint8_t *end, const struct dns_client *client)
{
    uint32_t units = client->tcp_idle_ms / 100;
    uint8_t data[2];
    write_u16(data, (uint16_t)(units < UINT16_MAX ? units : UINT16_MAX));
    return write_option(at, end, EDNS_KEEPALIVE, data, sizeof data);
}

static uint8_t *write_explanation(uint8_t *at, const uint8_t *end, uint8_t explanation)
{
    size_t size = strlen(explanations[explanation].text);
    if ((size_t)(end - at) < EDNS_OPTION_HEAD + 2 + size)
        return at;
    at = write_option_head(at, EDNS_ERROR, 2 + size);
    at = write_u16(at, explanations[explanation].code);
    memcpy(at, explanations[explanation].text, size);
    return at + size;
}

/* Up to whole blocks, or to the largest message there is. */
static uint8_t *write_padding(uint8_t *at, const uint8_t *start, const uint8_t *end)
{
    if (end - at < EDNS_OPTION_HEAD)
        return at;
    size_t size = (size_t)(at - start) + EDNS_OPTION_HEAD;
    size_t padded = (size + PADDING_BLOCK - 1) / PADDING_BLOCK * PADDING_BLOCK;
    if (padded > (size_t)(end - start))
        padded = (size_t)(end - start);
    at = write_option_head(at, EDNS_PADDING, padded - size);
    memset(at, 0, padded - size);
    return at + (padded - size);
}

uint8_t *edns_write(const struct message *message, uint8_t *at)
{
    const struct settings *settings = message->settings;
    const uint8_t *start = message->writer.start, *end = start + message_limit(message);
    uint8_t *opt = at;
    memcpy(opt, settings->opt, OPT_SIZE);
    opt[5] = (uint8_t)(message->rcode >> 4);
    opt[7] = (uint8_t)(message->query.edns_flags & EDNS_FLAG_DO ? 0x80 : 0);
    at += OPT_SIZE;
    if (message->wanted & WANTED_COOKIE)
        at = write_option(at, end, EDNS_COOKIE, message->cookie_answer, COOKIE_SIZE);
    if (message->wanted & WANTED_KEEPALIVE)
        at = write_keepalive(at, end, message->client);
    if (message->wanted & WANTED_NSID)
        at = write_option(at, end, EDNS_NSID, settings->identity, settings->identity_size);
    if (message->explanation)
        at = write_explanation(at, end, message->explanation);
    if (message->wanted & WANTED_PADDING)
        at = write_padding(at, start, end);
    write_u16(opt + OPT_RDATA_SIZE, (uint16_t)(at - opt - OPT_SIZE));
    return at;
}
