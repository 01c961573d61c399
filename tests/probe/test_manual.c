/* SPDX-License-Identifier: BSD-2-Clause */
/* evermx-probing(7) says of each reason what the table of reasons says: its kind, its sentence, its
 * advice; and of the settings that it names, their defaults. */
#include "base/memory.h"
#include "config/schema.h"
#include "support/config_file.h"
#include "verdict/verdict.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define PAGE "src/probe/evermx-probing.7"

static char *page_read(void)
{
    size_t size;
    return file_read_all(PAGE, &size);
}

static const char *kind_of(enum reason reason)
{
    static const char *const kinds[] = {
        [EVIDENCE_REFUSAL] = "refusal",
        [EVIDENCE_SILENCE] = "silence",
        [EVIDENCE_SICK] = "sick",
        [EVIDENCE_DOUBT] = "doubt",
    };
    if (reason == REASON_CERT_EXPIRES)
        return "warning";
    if (reason_status(reason) == OUTCOME_OK)
        return "good";
    return reason_status(reason) == OUTCOME_UNKNOWN ? "unknown" : kinds[reason_evidence(reason)];
}

/* What an item says, without its macros, in one line. */
static void item_text(const char *item, char *text, size_t size)
{
    size_t length = 0;
    *text = '\0';
    while (strncmp(item, ".It", 3) != 0 && strncmp(item, ".El", 3) != 0) {
        const char *end = strchr(item, '\n');
        assert_non_null(end);
        if (strncmp(item, ".Cm ", 4) == 0)
            item += 4;
        assert_true(length + (size_t)(end - item) + 2 < size);
        length +=
            (size_t)sprintf(text + length, "%s%.*s", length ? " " : "", (int)(end - item), item);
        item = end + 1;
    }
    for (char *at; (at = strstr(text, " .")) || (at = strstr(text, " ,"));)
        memmove(at, at + 1, strlen(at));
}

/* A sentence of the table, as people write one: a capital, a full stop, no quotes, and no reference
 * from the page to itself. */
static void append_sentence(char *text, const char *sentence)
{
    static const char itself[] = ": evermx-probing(7)";
    size_t length = strlen(text), size = strlen(sentence);
    const char *reference = strstr(sentence, itself);
    if (reference && !reference[strlen(itself)])
        size = (size_t)(reference - sentence);
    if (length)
        text[length++] = ' ';
    for (size_t i = 0; i < size; i++)
        if (sentence[i] != '`')
            text[length++] = i ? sentence[i] : (char)toupper((unsigned char)sentence[i]);
    strcpy(text + length, ".");
}

static void test_reasons(void **state)
{
    (void)state;
    char *page = page_read();
    for (enum reason reason = REASON_NONE; reason < REASON_COUNT; reason++) {
        char tag[100], expected[600] = "", found[1000];
        snprintf(tag, sizeof tag, "\n.It Cm %s Pq %s\n", reason_word(reason), kind_of(reason));
        const char *item = strstr(page, tag);
        if (!item)
            fail_msg(PAGE " does not have%s", tag);
        append_sentence(expected, reason_sentence(reason));
        if (reason_advice(reason))
            append_sentence(expected, reason_advice(reason));
        item_text(item + strlen(tag), found, sizeof found);
        assert_string_equal(found, expected);
    }
    free(page);
}

/* Of "name Pq 2s" and "name\n(2s)", where name is a setting. */
static void test_defaults(void **state)
{
    (void)state;
    char *page = page_read();
    size_t found = 0;
    for (size_t i = 0; i < section_settings.count; i++) {
        const struct option *option = &section_settings.rows[i];
        char tag[64];
        size_t size = (size_t)snprintf(tag, sizeof tag, "Cm %s", option->name);
        for (const char *at = page; (at = strstr(at, tag)); at += size) {
            const char *value = at + size;
            if (strncmp(at - 4, ".It ", 4) == 0)
                continue; /* a reason: "timeout" is one, too */
            if (strncmp(value, " Pq ", 4) == 0)
                value += 4;
            else if (strncmp(value, "\n(", 2) == 0)
                value += 2;
            else
                continue;
            size_t length = strcspn(value, ")\n");
            const char *fallback = strcmp(option->fallback, "0") == 0 ? "off" : option->fallback;
            if (strlen(fallback) != length || strncmp(value, fallback, length) != 0)
                fail_msg(PAGE ": %s is not %.*s", option->name, (int)length, value);
            found++;
        }
    }
    assert_true(found >= 6);
    free(page);
}

/* The figures of coming back. */
static void test_figures(void **state)
{
    (void)state;
    static const struct {
        const char *before;
        int figure;
        const char *behind;
    } figures[] = {
        {"each fall adds ", FLAP_PENALTY, " to its penalty"},
        {"brings it to ", FLAP_SUPPRESS, " or more"},
        {"its penalty is ", FLAP_READMIT, " or more"},
        {"is gone after ", FLAP_HALF_LIFE_MS / 60000, " minutes"},
    };
    char *page = page_read(), text[64];
    for (size_t i = 0; i < sizeof figures / sizeof *figures; i++) {
        snprintf(text, sizeof text, "%s%d%s", figures[i].before, figures[i].figure,
                 figures[i].behind);
        if (!strstr(page, text))
            fail_msg(PAGE " does not say '%s'", text);
    }
    free(page);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reasons),
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_figures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
