/* SPDX-License-Identifier: BSD-2-Clause */
/* Greetings, good and bad. */
#include "greeting.h"

#include "base/memory.h"
#include "dialogue.h"

#include <stdlib.h>
#include <string.h>

enum { JUNK_SIZE = 512 };

bool greeting_skips_tls(const struct behaviour *behaviour)
{
    return behaviour->mode == MODE_JUNK || behaviour->mode == MODE_WRONG_PROTOCOL;
}

/* The first line without its end. */
static char *greeting_line(const struct protocol *protocol, const struct behaviour *behaviour,
                           const char *name, bool tls)
{
    bool starttls = !tls && behaviour->mode != MODE_NO_STARTTLS;
    switch (protocol->family) {
    case FAMILY_SMTP:
        return memory_printf("220 %s ESMTP mailhost", name);
    case FAMILY_IMAP:
        return memory_printf("* %s [CAPABILITY %s] %s ready",
                             behaviour->mode == MODE_PREAUTH ? "PREAUTH" : "OK",
                             imap_capabilities(starttls), name);
    case FAMILY_POP3:
        return memory_printf("+OK %s ready", name);
    case FAMILY_TCP:
        break;
    }
    return NULL;
}

static void greeting_set(struct greeting *greeting, char *text)
{
    free(greeting->text);
    greeting->text = text;
    greeting->size = greeting->first = strlen(text);
}

static void greeting_set_junk(struct greeting *greeting)
{
    free(greeting->text);
    greeting->text = memory_alloc(JUNK_SIZE);
    greeting->size = greeting->first = JUNK_SIZE;
    /* The same bytes each time, of all values: a failing test can be run again. */
    uint32_t number = 1;
    for (size_t i = 0; i < JUNK_SIZE; i++) {
        number = number * 1664525U + 1013904223U;
        greeting->text[i] = (char)(number >> 24);
    }
}

static void greeting_set_long(struct greeting *greeting, size_t size)
{
    size_t prefix = strlen(greeting->text) - 2;
    if (size < prefix + 2)
        size = prefix + 2;
    char *text = memory_alloc(size + 1);
    memset(text, 'x', size);
    memcpy(text, greeting->text, prefix);
    memcpy(text + size - 2, "\r\n", 2);
    greeting_set(greeting, text);
}

/* In IMAP and POP3 one line is the whole greeting; what never ends there is the line. */
static void greeting_set_endless(struct greeting *greeting, enum family family, const char *name)
{
    if (family == FAMILY_SMTP) {
        greeting_set(greeting, memory_printf("220-%s is starting\r\n", name));
    } else {
        const char *word = family == FAMILY_IMAP ? "* OK " : "+OK ";
        greeting_set(greeting, memory_printf("%s%s is starting, ", word, name));
        greeting->repeat_from = strlen(word);
    }
    greeting->end = GREETING_REPEAT;
    greeting->step = greeting->size;
}

static void greeting_set_reply(struct greeting *greeting, const char *reply)
{
    greeting_set(greeting, memory_printf("%s\r\n", reply));
    greeting->refuses = reply[0] == '4' || reply[0] == '5';
    /* RFC 5321, 3.8: who says 421 closes; after 554 the client says QUIT. */
    if (strncmp(reply, "421", 3) == 0)
        greeting->end = GREETING_CLOSE;
}

static void greeting_set_closing(struct greeting *greeting, char *text)
{
    greeting_set(greeting, text);
    greeting->end = GREETING_CLOSE;
}

/* The modes whose greeting is the usual one in another rhythm. */
static void greeting_set_rhythm(struct greeting *greeting, const struct behaviour *behaviour)
{
    switch (behaviour->mode) {
    case MODE_LATE:
        greeting->first = 0;
        greeting->step = greeting->size;
        break;
    case MODE_DRIP:
        greeting->first = 1;
        greeting->step = 1;
        break;
    case MODE_PARTIAL:
        greeting->size = greeting->first = greeting->size - 2;
        greeting->end = GREETING_SILENT;
        break;
    case MODE_PREAUTH:
        greeting->authenticated = true;
        break;
    default:
        break;
    }
}

static void greeting_set_lines(struct greeting *greeting, const struct behaviour *behaviour,
                               const char *name)
{
    switch (behaviour->mode) {
    case MODE_MULTILINE:
        greeting_set(greeting, memory_printf("220-%s ESMTP mailhost\r\n220-No mail is kept here\r\n"
                                             "220 %s is ready\r\n",
                                             name, name));
        break;
    case MODE_SLOW_MULTILINE:
    case MODE_PREGREET:
        greeting_set(greeting,
                     memory_printf("220-%s ESMTP\r\n220 %s ESMTP mailhost\r\n", name, name));
        greeting->first = strlen("220- ESMTP\r\n") + strlen(name);
        greeting->step = greeting->size;
        greeting->enforced = behaviour->mode == MODE_PREGREET;
        break;
    case MODE_CODE_CHANGE:
        greeting_set(
            greeting,
            memory_printf("220-%s ESMTP mailhost\r\n554 %s says another code\r\n", name, name));
        break;
    default:
        break;
    }
}

static void greeting_set_other(struct greeting *greeting, const struct protocol *protocol,
                               const struct behaviour *behaviour, const char *name)
{
    switch (behaviour->mode) {
    case MODE_GREET:
        greeting_set_reply(greeting, behaviour->text);
        break;
    case MODE_JUNK:
        greeting_set_junk(greeting);
        greeting->end = GREETING_SILENT;
        break;
    case MODE_ENDLESS:
        greeting_set_endless(greeting, protocol->family, name);
        break;
    case MODE_LONG_LINE:
        greeting_set_long(greeting, behaviour->number);
        break;
    case MODE_WRONG_PROTOCOL:
        greeting_set_closing(greeting,
                             memory_strdup("HTTP/1.1 400 Bad Request\r\n"
                                           "Content-Type: text/plain\r\n"
                                           "Connection: close\r\n\r\n400 Bad Request\r\n"));
        break;
    case MODE_BYE:
        greeting_set_closing(greeting, memory_printf("* BYE %s is shutting down\r\n", name));
        break;
    case MODE_ERR:
        greeting_set_closing(greeting,
                             memory_printf("-ERR [SYS/TEMP] %s is not available\r\n", name));
        break;
    default:
        break;
    }
}

struct greeting greeting_plan(const struct protocol *protocol, const struct behaviour *behaviour,
                              const char *name, bool tls)
{
    struct greeting greeting = {.interval_ms = behaviour->number, .end = GREETING_READY};
    char *line = greeting_line(protocol, behaviour, name, tls);
    if (!line)
        return greeting;
    greeting_set(&greeting, memory_printf("%s\r\n", line));
    free(line);
    greeting_set_rhythm(&greeting, behaviour);
    greeting_set_lines(&greeting, behaviour, name);
    greeting_set_other(&greeting, protocol, behaviour, name);
    return greeting;
}

void greeting_clear(struct greeting *greeting)
{
    free(greeting->text);
    greeting->text = NULL;
}
