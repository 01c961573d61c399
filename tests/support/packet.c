/* SPDX-License-Identifier: BSD-2-Clause */
#include "support/packet.h"

#include "wire/edns.h"
#include "wire/name.h"
#include "wire/rrtype.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- from words ---- */

struct maker {
    uint8_t *packet, *at;
    uint8_t *opt; /* the OPT record begun last; NULL: none */
};

static const struct {
    const char *name;
    uint16_t bit;
} flags[] = {{"qr", 0x8000}, {"aa", 0x0400}, {"tc", 0x0200}, {"rd", 0x0100},
             {"ra", 0x0080}, {"z", 0x0040},  {"ad", 0x0020}, {"cd", 0x0010}};

enum { FLAGS = sizeof flags / sizeof *flags };

static void raise_count(struct maker *maker, unsigned offset)
{
    write_u16(maker->packet + offset, (uint16_t)(read_u16(maker->packet + offset) + 1));
}

static void add_hex(struct maker *maker, const char *hex)
{
    for (; *hex; hex += 2) {
        char digits[3] = {hex[0], hex[1], '\0'}, *end;
        *maker->at++ = (uint8_t)strtoul(digits, &end, 16);
        if (end != digits + 2)
            fail_msg("no hexadecimal digits: %s", hex);
    }
}

static uint16_t class_of(const char *text)
{
    static const struct {
        const char *name;
        uint16_t number;
    } classes[] = {{"IN", 1}, {"CH", 3}, {"HS", 4}, {"NONE", 254}, {"ANY", 255}};
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++)
        if (strcmp(text, classes[i].name) == 0)
            return classes[i].number;
    return (uint16_t)atoi(text);
}

static void add_question(struct maker *maker, const char *text)
{
    char copy[NAME_TEXT_SIZE + 64], *rest;
    uint16_t rrtype = 0;
    snprintf(copy, sizeof copy, "%s", text);
    const char *name = strtok_r(copy, "/", &rest), *type = strtok_r(NULL, "/", &rest);
    const char *class = strtok_r(NULL, "/", &rest);
    size_t size = name_from_text(name, maker->at);
    bool known = type && rrtype_from_text(type, &rrtype);
    if (!size || !known)
        fail_msg("no question: %s", text);
    maker->at = write_u16(maker->at + size, rrtype);
    maker->at = write_u16(maker->at, class ? class_of(class) : 1);
    raise_count(maker, HEADER_QDCOUNT);
}

static void add_opt(struct maker *maker, const char *size)
{
    maker->opt = maker->at;
    memset(maker->at, 0, OPT_SIZE);
    write_u16(maker->at + 1, RRTYPE_OPT);
    write_u16(maker->at + 3, (uint16_t)(size ? atoi(size) : 4096));
    maker->at += OPT_SIZE;
    raise_count(maker, HEADER_ARCOUNT);
}

static void add_option(struct maker *maker, const char *text)
{
    uint8_t *head = maker->at;
    const char *data = strchr(text, ':');
    maker->at += EDNS_OPTION_HEAD;
    if (data)
        add_hex(maker, data + 1);
    write_option_head(head, (enum edns_code)atoi(text), (size_t)(maker->at - head) - 4);
}

/* The value of "NAME=VALUE"; NULL for another name. */
static const char *value_of(const char *word, const char *name)
{
    size_t size = strlen(name);
    return strncmp(word, name, size) == 0 ? word + size : NULL;
}

static bool add_section(struct maker *maker, const char *word)
{
    static const char *const names[] = {"q:", "an:", "ns:", "ar:"};
    static const char *const counts[] = {"qdcount=", "ancount=", "nscount=", "arcount="};
    const char *value;
    for (unsigned i = 0; i < 4; i++) {
        unsigned offset = HEADER_QDCOUNT + 2 * i;
        if ((value = value_of(word, names[i]))) {
            add_hex(maker, value);
            raise_count(maker, offset);
            maker->opt = NULL;
            return true;
        }
        if ((value = value_of(word, counts[i]))) {
            write_u16(maker->packet + offset, (uint16_t)atoi(value));
            return true;
        }
    }
    return false;
}

static bool add_flag(struct maker *maker, const char *word)
{
    uint8_t *at = maker->packet + HEADER_FLAGS_HIGH;
    const char *value;
    uint16_t bits = 0;
    for (unsigned i = 0; i < FLAGS; i++)
        if (strcmp(word, flags[i].name) == 0)
            bits = flags[i].bit;
    if ((value = value_of(word, "opcode=")))
        bits = (uint16_t)(atoi(value) << 11);
    else if ((value = value_of(word, "rcode=")))
        bits = (uint16_t)atoi(value);
    write_u16(at, read_u16(at) | bits);
    return bits != 0;
}

static bool add_of_opt(struct maker *maker, const char *word)
{
    const char *value;
    if (!maker->opt)
        return false;
    if (strcmp(word, "do") == 0)
        maker->opt[7] |= 0x80;
    else if ((value = value_of(word, "version=")))
        maker->opt[6] = (uint8_t)atoi(value);
    else if ((value = value_of(word, "flags=")))
        write_u16(maker->opt + 7, (uint16_t)strtoul(value, NULL, 16));
    else if ((value = value_of(word, "o=")))
        add_option(maker, value);
    else if ((value = value_of(word, "o:")))
        add_hex(maker, value);
    else
        return false;
    write_u16(maker->opt + 9, (uint16_t)(maker->at - maker->opt - OPT_SIZE));
    return true;
}

static void add_word(struct maker *maker, const char *word)
{
    const char *value;
    if (add_flag(maker, word) || add_section(maker, word) || add_of_opt(maker, word))
        return;
    if ((value = value_of(word, "q=")))
        add_question(maker, value);
    else if (strcmp(word, "opt") == 0)
        add_opt(maker, NULL);
    else if ((value = value_of(word, "opt=")))
        add_opt(maker, value);
    else if ((value = value_of(word, "tail:")))
        add_hex(maker, value);
    else if ((value = value_of(word, "cut=")))
        maker->at -= atoi(value);
    else
        fail_msg("no word of a query: %s", word);
}

size_t packet_make(const char *words, uint8_t packet[PACKET_MAX])
{
    char copy[4096], *rest;
    struct maker maker = {.packet = packet, .at = packet + HEADER_SIZE};
    memset(packet, 0, HEADER_SIZE);
    write_u16(packet, 0x1234);
    assert_true(strlen(words) < sizeof copy);
    strcpy(copy, words);
    for (char *word = strtok_r(copy, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
        add_word(&maker, word);
        assert_true(maker.at - packet < PACKET_MAX / 2);
    }
    return (size_t)(maker.at - packet);
}

/* ---- to words ---- */

__attribute__((format(printf, 2, 3))) static void say(char *text, const char *format, ...)
{
    va_list arguments;
    size_t used = strlen(text);
    va_start(arguments, format);
    vsnprintf(text + used, PACKET_TEXT_MAX - used, format, arguments);
    va_end(arguments);
}

static const char *rcode_name(unsigned rcode, char text[16])
{
    static const char *const names[] = {"NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN",
                                        "NOTIMP",  "REFUSED", "YXDOMAIN"};
    if (rcode < sizeof names / sizeof *names)
        return names[rcode];
    snprintf(text, 16, "RCODE%u", rcode);
    return rcode == RCODE_BADVERS ? "BADVERS" : rcode == RCODE_BADCOOKIE ? "BADCOOKIE" : text;
}

static void describe_option(const uint8_t *data, unsigned code, size_t size, size_t whole,
                            char *text)
{
    switch (code) {
    case EDNS_NSID:
        say(text, " nsid=%.*s", (int)size, (const char *)data);
        return;
    case EDNS_COOKIE:
        say(text, " cookie=%zu", size);
        return;
    case EDNS_KEEPALIVE:
        assert_int_equal(size, 2);
        say(text, " keepalive=%u", read_u16(data));
        return;
    case EDNS_ERROR:
        assert_true(size >= 2);
        say(text, " error=%u%s%.*s", read_u16(data), size > 2 ? ":" : "", (int)size - 2,
            (const char *)data + 2);
        return;
    case EDNS_PADDING:
        for (size_t i = 0; i < size; i++)
            assert_int_equal(data[i], 0);
        assert_true(whole % 468 == 0 || whole == 65535);
        say(text, " padding");
        return;
    default:
        say(text, " option%u", code);
    }
}

static void describe_opt(const uint8_t *opt, size_t size, size_t whole, char *text)
{
    assert_int_equal(opt[0], 0);
    assert_int_equal(size, OPT_SIZE + read_u16(opt + 9));
    say(text, " edns");
    if (read_u16(opt + 3) != 1232)
        say(text, "=%u", read_u16(opt + 3));
    if (opt[6])
        say(text, " v%u", opt[6]);
    uint16_t bits = read_u16(opt + 7);
    if (bits & 0x8000)
        say(text, " do");
    if (bits & 0x7FFF)
        say(text, " flags=%x", bits & 0x7FFF);
    for (size_t at = OPT_SIZE; at < size;) {
        size_t option_size = read_u16(opt + at + 2);
        assert_true(at + EDNS_OPTION_HEAD + option_size <= size);
        describe_option(opt + at + EDNS_OPTION_HEAD, read_u16(opt + at), option_size, whole, text);
        at += EDNS_OPTION_HEAD + option_size;
    }
}

/* Over a name, and type, class, TTL, rdata of a record. */
static size_t pass_over(const uint8_t *packet, size_t size, size_t at, bool record)
{
    while (at < size && packet[at] && packet[at] < POINTER_BITS)
        at += packet[at] + 1u;
    at += at < size && packet[at] ? 2 : 1;
    at += record ? RR_FIXED_SIZE : 4;
    if (record && at <= size)
        at += read_u16(packet + at - 2);
    assert_true(at <= size);
    return at;
}

char *packet_describe(const uint8_t *packet, size_t size, char text[PACKET_TEXT_MAX])
{
    strcpy(text, size ? "" : "silence");
    if (!size)
        return text;
    assert_true(size >= HEADER_SIZE);
    uint16_t bits = read_u16(packet + HEADER_FLAGS_HIGH);
    unsigned counts[4], additional, rcode = bits & 0x0F;
    char name[16];
    for (unsigned i = 0; i < 4; i++)
        counts[i] = read_u16(packet + HEADER_QDCOUNT + 2 * i);
    size_t at = HEADER_SIZE, opt = 0, opt_end = 0;
    for (unsigned i = 0; i < counts[0]; i++)
        at = pass_over(packet, size, at, false);
    additional = counts[3];
    for (unsigned i = 0; i < counts[1] + counts[2] + additional; i++) {
        size_t begin = at;
        at = pass_over(packet, size, at, true);
        if (i < counts[1] + counts[2] || read_u16(packet + begin + 1) != RRTYPE_OPT)
            continue;
        assert_int_equal(opt, 0);
        opt = begin, opt_end = at, counts[3]--;
    }
    assert_int_equal(at, size);
    if (opt)
        rcode |= (unsigned)packet[opt + 5] << 4;
    say(text, "%s", rcode_name(rcode, name));
    assert_true(bits & flags[0].bit);
    if (bits >> 11 & 0x0F)
        say(text, " opcode=%u", bits >> 11 & 0x0F);
    for (unsigned i = 1; i < FLAGS; i++)
        if (bits & flags[i].bit)
            say(text, " %s", flags[i].name);
    say(text, " %u/%u/%u/%u", counts[0], counts[1], counts[2], counts[3]);
    if (opt)
        describe_opt(packet + opt, opt_end - opt, size, text);
    return text;
}
