/* SPDX-License-Identifier: BSD-2-Clause */
#include "queries.h"

#include "base/memory.h"
#include "wire/rrtype.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { EDNS_SIZE = 1232, MIX_COUNT = 20000, MIX_HOSTS = 4 };

static const struct {
    const char *word;
    int16_t expected;
} expectations[] = {
    {"ANY", EXPECT_ANY},          {"NOERROR", EXPECT_ANSWER}, {"0", EXPECT_ANSWER},
    {"NODATA", EXPECT_NO_DATA},   {"FORMERR", RCODE_FORMERR}, {"SERVFAIL", RCODE_SERVFAIL},
    {"NXDOMAIN", RCODE_NXDOMAIN}, {"NOTIMP", RCODE_NOTIMP},   {"REFUSED", RCODE_REFUSED},
};

static bool expectation_parse(const char *word, int16_t *expected)
{
    char *end;
    for (size_t i = 0; i < sizeof expectations / sizeof *expectations; i++) {
        if (strcasecmp(word, expectations[i].word) == 0) {
            *expected = expectations[i].expected;
            return true;
        }
    }
    long number = strtol(word, &end, 10);
    *expected = (int16_t)number;
    return end != word && *end == '\0' && number > 0 && number <= 15;
}

static void queries_add(struct queries *queries, const uint8_t *name, size_t name_octets,
                        uint16_t rrtype, int16_t expected)
{
    queries->list =
        memory_grow(queries->list, queries->count, &queries->capacity, sizeof *queries->list);
    struct asked *asked = &queries->list[queries->count++];
    memset(asked, 0, sizeof *asked);
    write_u16(asked->bytes + HEADER_QDCOUNT, 1);
    write_u16(asked->bytes + HEADER_ARCOUNT, queries->edns);
    memcpy(asked->bytes + HEADER_SIZE, name, name_octets);
    uint8_t *at = write_u16(asked->bytes + HEADER_SIZE + name_octets, rrtype);
    at = write_u16(at, RRCLASS_IN);
    asked->question_end = (uint16_t)(at - asked->bytes);
    if (queries->edns) {
        *at++ = 0;
        at = write_u16(at, RRTYPE_OPT);
        at = write_u16(at, EDNS_SIZE);
        at = write_u32(at, 0);
        at = write_u16(at, 0);
    }
    asked->size = (uint16_t)(at - asked->bytes);
    asked->expected = expected;
}

static bool read_line(struct queries *queries, char *line, struct error *error)
{
    char *rest, *name_text = strtok_r(line, " \t\r\n", &rest);
    if (!name_text || *name_text == '#')
        return true;
    char *type_text = strtok_r(NULL, " \t\r\n", &rest), *word = strtok_r(NULL, " \t\r\n", &rest);
    uint8_t name[NAME_MAX_SIZE];
    uint16_t rrtype;
    int16_t expected = EXPECT_ANY;
    size_t size = name_from_text(name_text, name);
    if (!size)
        return error_set(error, "'%.100s' is no domain name", name_text);
    if (!type_text)
        return error_set(error, "no type behind the name; lines are NAME TYPE [EXPECTED]");
    if (!rrtype_from_text(type_text, &rrtype))
        return error_set(error, "'%.100s' is no type of a record", type_text);
    if (word && !expectation_parse(word, &expected))
        return error_set(error,
                         "'%.100s' is no rcode; it is one of NOERROR, NODATA, NXDOMAIN, "
                         "REFUSED, SERVFAIL, ANY, or a number up to 15",
                         word);
    if (strtok_r(NULL, " \t\r\n", &rest))
        return error_set(error, "more than NAME TYPE EXPECTED");
    queries_add(queries, name, size, rrtype, expected);
    return true;
}

static bool read_stream(struct queries *queries, FILE *stream, const char *file,
                        struct error *error)
{
    struct error reason;
    char *line = NULL;
    size_t capacity = 0, number = 0;
    bool good = true;
    while (good && getline(&line, &capacity, stream) >= 0) {
        number++;
        good = read_line(queries, line, &reason) ||
               error_set(error, "%s:%zu: %s", file, number, reason.text);
    }
    free(line);
    if (good && ferror(stream))
        return error_set(error, "reading %s: %s", file, strerror(errno));
    return good && (queries->count > 0 || error_set(error, "%s: no query in it", file));
}

bool queries_read(struct queries *queries, const char *file, struct error *error)
{
    bool is_input = strcmp(file, "-") == 0;
    FILE *stream = is_input ? stdin : fopen(file, "re");
    if (!stream)
        return error_set(error, "opening %s: %s", file, strerror(errno));
    bool good = read_stream(queries, stream, is_input ? "standard input" : file, error);
    if (!is_input)
        fclose(stream);
    return good;
}

/* The same questions in every run: xorshift64 (Marsaglia, "Xorshift RNGs", 2003). */
static unsigned random_below(uint64_t *state, unsigned limit)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return (unsigned)(*state >> 33) % limit;
}

static void mix_next(const char *zone, uint64_t *random, char *line, size_t size)
{
    unsigned share = random_below(random, 100), host = 1 + random_below(random, MIX_HOSTS);
    if (share < 60)
        snprintf(line, size, "%s MX NOERROR", zone);
    else if (share < 95)
        snprintf(line, size, "mx%u.%s %s ANY", host, zone, share < 85 ? "A" : "AAAA");
    else
        snprintf(line, size, "nx%u.%s %s NXDOMAIN", random_below(random, 100000), zone,
                 host % 2 ? "A" : "MX");
}

bool queries_mix(struct queries *queries, const char *zone, struct error *error)
{
    uint8_t name[NAME_MAX_SIZE];
    char line[NAME_TEXT_SIZE + 64], plain[NAME_TEXT_SIZE];
    uint64_t random = 7;
    /* 8: the longest label that is put before it, "nx99999" */
    if (name_from_text(zone, name) < 2 || name_size(name) > NAME_MAX_SIZE - 8)
        return error_set(error, "'%.100s' is no name of a zone", zone);
    name_to_text(name, plain);
    for (unsigned i = 0; i < MIX_COUNT; i++) {
        mix_next(plain, &random, line, sizeof line);
        if (!read_line(queries, line, error))
            return false;
    }
    return true;
}

bool queries_regroup(struct queries *queries, unsigned train, struct error *error)
{
    struct asked *list = memory_array(queries->count, sizeof *list);
    size_t *waiting = memory_array((ASKED_MAX + 1) * (size_t)train, sizeof *waiting);
    unsigned counts[ASKED_MAX + 1] = {0};
    size_t done = 0;
    for (size_t i = 0; i < queries->count; i++) {
        uint16_t size = queries->list[i].size;
        size_t *run = waiting + size * (size_t)train;
        run[counts[size]++] = i;
        if (counts[size] < train)
            continue;
        for (unsigned k = 0; k < train; k++)
            list[done++] = queries->list[run[k]];
        counts[size] = 0;
    }
    free(waiting);
    free(queries->list);
    queries->list = list;
    queries->count = done;
    return done > 0 || error_set(error, "too few queries of one length for trains of %u", train);
}

void queries_free(struct queries *queries)
{
    free(queries->list);
    *queries = (struct queries){0};
}
