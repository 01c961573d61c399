/* SPDX-License-Identifier: BSD-2-Clause */
#include "canary.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

size_t canary_name(const struct canary *canary, const char *nonce, const char *zone,
                   uint8_t name[NAME_MAX_SIZE])
{
    char text[NAME_TEXT_SIZE], fails[24] = "";

    if (canary->fails_unix_s)
        snprintf(fails, sizeof fails, "f%" PRId64 ".", canary->fails_unix_s);
    int size = snprintf(text, sizeof text, "t%" PRIu32 ".p%" PRIu32 ".%s%s._canary.%s",
                        canary->ttl_s, canary->period_s, fails, nonce, zone);
    return size < (int)sizeof text ? name_from_text(text, name) : 0;
}

uint16_t canary_rrtype(const struct canary *canary)
{
    return canary->purpose == PURPOSE_ADDRESS ? LDNS_RR_TYPE_A : LDNS_RR_TYPE_TXT;
}

/* "KEY=DIGITS" between blanks. */
static bool read_number(const char *text, const char *key, uint64_t *value)
{
    const char *at = strstr(text, key);
    int size = 0;

    if (!at)
        return false;
    at += strlen(key);
    if (sscanf(at, "%" SCNu64 "%n", value, &size) != 1 || *at < '0' || *at > '9')
        return false;
    return at[size] == ' ' || at[size] == '\0';
}

static bool read_source(const char *text, struct address *from)
{
    char word[ADDRESS_TEXT_SIZE];
    const char *at = strstr(text, " from=");
    return at && sscanf(at, " from=%63s", word) == 1 && address_parse(word, from);
}

/* "canary time=MS epoch=N serial=N from=ADDRESS"; more words may follow one day. */
static bool read_text(const ldns_rr *record, struct observation *seen)
{
    const ldns_rdf *rdata = ldns_rr_rdf(record, 0);
    char text[UINT8_MAX + 1] = "";
    uint64_t time_ms;

    if (!rdata || ldns_rdf_size(rdata) < 1)
        return false;
    const uint8_t *bytes = ldns_rdf_data(rdata);
    if (1u + bytes[0] > ldns_rdf_size(rdata))
        return false;
    memcpy(text, bytes + 1, bytes[0]);
    if (strncmp(text, "canary ", 7) != 0 || !read_number(text, " time=", &time_ms) ||
        !read_number(text, " epoch=", &seen->epoch) ||
        !read_number(text, " serial=", &seen->serial) || time_ms > INT64_MAX / 2)
        return false;
    seen->time_ms = (int64_t)time_ms;
    if (!read_source(text, &seen->from))
        seen->from.family = 0;
    return true;
}

/* The lower 24 bits of the second in which it was fetched; it may have been that second's end. The
 * upper ones are those of now, 194 days being a long time to be kept. */
static bool read_address(const ldns_rr *record, int64_t now_s, struct observation *seen)
{
    const ldns_rdf *rdata = ldns_rr_rdf(record, 0);

    if (!rdata || ldns_rdf_size(rdata) != 4 || ldns_rdf_data(rdata)[0] != 127)
        return false;
    const uint8_t *bytes = ldns_rdf_data(rdata);
    int64_t low = bytes[1] << 16 | bytes[2] << 8 | bytes[3];
    int64_t second = (now_s & ~INT64_C(0xFFFFFF)) | low;
    if (second > now_s + (1 << 23))
        second -= 1 << 24;
    else if (second < now_s - (1 << 23))
        second += 1 << 24;
    seen->epoch = (uint64_t)second;
    seen->serial = 0;
    seen->from.family = 0;
    seen->time_ms = (second + 1) * 1000;
    return true;
}

void canary_read_answer(const struct canary *canary, const ldns_pkt *packet, int64_t now_s,
                        struct observation *seen)
{
    const ldns_rr_list *answer = ldns_pkt_answer(packet);

    seen->told = false;
    for (size_t i = 0; i < ldns_rr_list_rr_count(answer) && !seen->told; i++) {
        const ldns_rr *record = ldns_rr_list_rr(answer, i);
        if (ldns_rr_get_type(record) != (ldns_rr_type)canary_rrtype(canary))
            continue;
        seen->told = canary->purpose == PURPOSE_ADDRESS ? read_address(record, now_s, seen)
                                                        : read_text(record, seen);
        seen->ttl_s = ldns_rr_ttl(record);
    }
}
