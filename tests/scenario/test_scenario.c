/* SPDX-License-Identifier: BSD-2-Clause */
/* Plays the files *.scenario beside it: from outcomes of probes over a fake clock to the bytes of
 * answers. One test each. Arguments: other files to play. The language, line by line; a '#' begins
 * a comment:
 *
 *   zone FILE         a zone file of that name (lines up to "end"): new, or changed for a reload
 *   config            the configuration (lines up to "end")
 *   reload            reads both anew; the first reading happens by itself
 *   reload bad        the same, with zone files that are bad: these zones go on as they were
 *   at TIME           time goes on ("30s", "30.5s", "2m"), with the engine's heartbeats
 *   at TIME WHO CHECK REASON
 *                     and probes of WHO (a host, an address, or "*") by CHECK (a kind, or "*") end
 *                     for REASON ("ok", "refused"). Several lines with the same TIME happen in one
 *                     turn of the engine's loop
 *   addresses HOST [ADDRESS]...
 *                     what the resolver found for an external host
 *   force HOST up|down|drain|auto
 *   expect WHO CHECK unprobed|up|suspect|down|unknown
 *                     each such target is so, and there is one
 *   targets N         so many are probed now
 *   probing N M       so many probes were begun, and ended, since the last moment
 *   query NAME TYPE   asks; what follows is about the answer:
 *     answer RDATA [; ttl N]
 *                     one line for each record, in any order, and there are no more than these.
 *                     Records of another type than asked for begin with their type
 *     answer none
 *     rcode WORD      NOERROR unless given
 *   share NAME TYPE LOW HIGH RDATA
 *                     of 2000 answers between LOW and HIGH percent begin with it
 *   pool NAME TYPE normal|fail-open|servfail
 *   publications N    so many since the last moment, with what time brought by itself; and
 *   images N          so many compiled
 */
#include "base/log.h"
#include "base/memory.h"
#include "support/stage.h"
#include "wire/rrtype.h"

#include <ctype.h>
#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { WORDS_MAX = 12, ANSWERS_MAX = 64, SHARE_QUERIES = 2000 };

struct expected {
    char text[512];
    long ttl_s; /* -1: any */
    bool found;
};

struct play {
    const char *file;
    int line;
    FILE *in;
    struct stage stage;
    bool loaded;
    /* before time went on last */
    uint64_t serial, images;
    unsigned added, removed;
    /* the last question, until its answer has been looked at */
    ldns_pkt *packet;
    uint16_t rrtype;
    int question_line;
    bool expects_rcode, expects_answers;
    struct expected answers[ANSWERS_MAX];
    size_t nanswers;
};

#define wrong(play, ...) wrong_at((play), (play)->line, __VA_ARGS__)

__attribute__((format(printf, 3, 4))) _Noreturn static void
wrong_at(const struct play *play, int line, const char *format, ...)
{
    char text[2048];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    print_error("%s:%d: %s\n", play->file, line, text);
    fail();
    abort(); /* fail() does not return, which it does not say */
}

/* ---- answers ---- */

static void squeeze(char *text)
{
    char *to = text;
    for (char *at = text; *at; at++)
        if (!isspace((unsigned char)*at))
            *to++ = *at;
        else if (to > text && to[-1] != ' ')
            *to++ = ' ';
    while (to > text && to[-1] == ' ')
        to--;
    *to = '\0';
}

/* "10 mx1.example.test.", or "CNAME mx1.example.test." where something else was asked for. */
static void record_text(const ldns_rr *rr, uint16_t rrtype, char *text, size_t size)
{
    size_t used = 0;
    char type[RRTYPE_TEXT_SIZE];
    text[0] = '\0';
    if (ldns_rr_get_type(rr) != (ldns_rr_type)rrtype)
        used += (size_t)snprintf(text, size, "%s ",
                                 rrtype_to_text((uint16_t)ldns_rr_get_type(rr), type));
    for (size_t i = 0; i < ldns_rr_rd_count(rr) && used < size; i++) {
        char *rdata = ldns_rdf2str(ldns_rr_rdf(rr, i));
        used += (size_t)snprintf(text + used, size - used, "%s%s", i ? " " : "", rdata);
        free(rdata);
    }
}

static void print_answer(const struct play *play)
{
    char text[512];
    const ldns_rr_list *list = ldns_pkt_answer(play->packet);
    for (size_t i = 0; i < ldns_rr_list_rr_count(list); i++) {
        const ldns_rr *rr = ldns_rr_list_rr(list, i);
        record_text(rr, play->rrtype, text, sizeof text);
        print_error("    got answer %s ; ttl %u\n", text, ldns_rr_ttl(rr));
    }
}

static void match_record(struct play *play, const ldns_rr *rr)
{
    char text[512];
    record_text(rr, play->rrtype, text, sizeof text);
    for (size_t i = 0; i < play->nanswers; i++) {
        struct expected *expected = &play->answers[i];
        if (expected->found || strcmp(expected->text, text) != 0)
            continue;
        if (expected->ttl_s >= 0 && expected->ttl_s != (long)ldns_rr_ttl(rr))
            wrong_at(play, play->question_line, "%s: expected ttl %ld, got %u", text,
                     expected->ttl_s, ldns_rr_ttl(rr));
        expected->found = true;
        return;
    }
    print_answer(play);
    wrong_at(play, play->question_line, "got a record that is not expected: %s", text);
}

/* Looks at the last answer, now that all that is expected of it is known. */
static void settle(struct play *play)
{
    if (!play->packet)
        return;
    if (!play->expects_rcode && ldns_pkt_get_rcode(play->packet) != LDNS_RCODE_NOERROR)
        wrong_at(play, play->question_line, "expected NOERROR, got rcode %d",
                 (int)ldns_pkt_get_rcode(play->packet));
    if (!play->expects_rcode && !play->expects_answers)
        wrong_at(play, play->question_line, "nothing is expected of this query");
    const ldns_rr_list *list = ldns_pkt_answer(play->packet);
    for (size_t i = 0; i < ldns_rr_list_rr_count(list); i++)
        match_record(play, ldns_rr_list_rr(list, i));
    for (size_t i = 0; i < play->nanswers; i++)
        if (!play->answers[i].found) {
            print_answer(play);
            wrong_at(play, play->question_line, "expected, but not got: %s", play->answers[i].text);
        }
    ldns_pkt_free(play->packet);
    play->packet = NULL;
}

static uint16_t read_rrtype(const struct play *play, const char *word)
{
    uint16_t rrtype;
    if (!rrtype_from_text(word, &rrtype))
        wrong(play, "%s is no type", word);
    return rrtype;
}

static void do_query(struct play *play, char **words)
{
    stage_publish(&play->stage);
    play->rrtype = read_rrtype(play, words[1]);
    play->packet = stage_ask(&play->stage, words[0], play->rrtype);
    play->question_line = play->line;
    play->expects_rcode = play->expects_answers = false;
    play->nanswers = 0;
}

static void do_answer(struct play *play, char *text)
{
    if (!play->packet)
        wrong(play, "no query before");
    play->expects_answers = true;
    squeeze(text);
    if (strcmp(text, "none") == 0)
        return;
    if (play->nanswers == ANSWERS_MAX)
        wrong(play, "too many answers");
    struct expected *expected = &play->answers[play->nanswers++];
    *expected = (struct expected){.ttl_s = -1};
    char *ttl = strstr(text, "; ttl ");
    if (ttl) {
        expected->ttl_s = strtol(ttl + strlen("; ttl "), NULL, 10);
        *ttl = '\0';
        squeeze(text);
    }
    snprintf(expected->text, sizeof expected->text, "%s", text);
}

static void do_rcode(struct play *play, char **words)
{
    if (!play->packet)
        wrong(play, "no query before");
    const ldns_lookup_table *wanted = ldns_lookup_by_name(ldns_rcodes, words[0]);
    if (!wanted)
        wrong(play, "%s is no rcode", words[0]);
    if (wanted->id != (int)ldns_pkt_get_rcode(play->packet))
        wrong(play, "expected rcode %s, got number %d", words[0],
              (int)ldns_pkt_get_rcode(play->packet));
    play->expects_rcode = true;
}

static void do_share(struct play *play, char **words)
{
    uint16_t rrtype = read_rrtype(play, words[1]);
    long low = strtol(words[2], NULL, 10), high = strtol(words[3], NULL, 10), hits = 0;
    char wanted[512] = "", text[512];
    for (size_t i = 4; words[i]; i++)
        snprintf(wanted + strlen(wanted), sizeof wanted - strlen(wanted), "%s%s", i > 4 ? " " : "",
                 words[i]);
    stage_publish(&play->stage);
    for (int i = 0; i < SHARE_QUERIES; i++) {
        ldns_pkt *packet = stage_ask(&play->stage, words[0], rrtype);
        const ldns_rr *first = ldns_rr_list_rr(ldns_pkt_answer(packet), 0);
        if (!first)
            wrong(play, "an answer without records");
        record_text(first, rrtype, text, sizeof text);
        hits += strcmp(text, wanted) == 0;
        ldns_pkt_free(packet);
    }
    if (hits * 100 < low * SHARE_QUERIES || hits * 100 > high * SHARE_QUERIES)
        wrong(play, "%s: expected first in %ld..%ld %% of answers, got %.1f %%", wanted, low, high,
              (double)hits * 100 / SHARE_QUERIES);
}

/* ---- time and outcomes ---- */

static int64_t read_time(const struct play *play, const char *word)
{
    char *unit;
    double number = strtod(word, &unit);
    if (unit == word || (strcmp(unit, "s") != 0 && strcmp(unit, "m") != 0))
        wrong(play, "%s is no time", word);
    return (int64_t)(number * (*unit == 's' ? 1000 : 60000) + 0.5);
}

static enum reason read_reason(const struct play *play, const char *word)
{
    for (enum reason reason = REASON_OK; reason < REASON_COUNT; reason++)
        if (strcmp(word, reason_word(reason)) == 0)
            return reason;
    wrong(play, "%s is no reason", word);
}

static uint64_t count_images(const struct play *play)
{
    struct core_numbers numbers;
    core_numbers(play->stage.core, &numbers);
    return numbers.images;
}

static void take_counts(struct play *play)
{
    play->serial = publisher_serial(play->stage.publisher);
    play->images = count_images(play);
    play->added = play->stage.added;
    play->removed = play->stage.removed;
}

static void do_at(struct play *play, char **words)
{
    int64_t ms = read_time(play, words[0]),
            passes_ms = play->stage.start_ms + ms - play->stage.now_ms;
    if (passes_ms < 0)
        wrong(play, "time never goes back");
    if (passes_ms > 0) {
        stage_publish(&play->stage);
        take_counts(play);
        stage_at(&play->stage, ms);
    }
    if (!words[1])
        return;
    if (!words[2] || !words[3])
        wrong(play, "at TIME WHO CHECK REASON");
    if (stage_outcome(&play->stage, words[1], words[2], read_reason(play, words[3])) == 0)
        wrong(play, "%s %s: no such target", words[1], words[2]);
}

static void do_addresses(struct play *play, char **words)
{
    struct address addresses[WORDS_MAX];
    size_t count = 0;
    for (; words[1 + count]; count++)
        if (!address_parse(words[1 + count], &addresses[count]))
            wrong(play, "%s is no address", words[1 + count]);
    core_addresses(play->stage.core, words[0], addresses, count, play->stage.now_ms);
}

static void do_force(struct play *play, char **words)
{
    static const struct {
        const char *word;
        enum verdict_forced forced;
    } choices[] = {
        {"up", FORCED_UP}, {"down", FORCED_DOWN}, {"drain", FORCED_DRAIN}, {"auto", FORCED_NOT}};
    struct error error;
    size_t count;
    for (size_t i = 0; i < sizeof choices / sizeof *choices; i++)
        if (strcmp(words[1], choices[i].word) == 0) {
            if (!core_force(play->stage.core, words[0], choices[i].forced, play->stage.now_ms, &count, &error))
                wrong(play, "%s", error.text);
            return;
        }
    wrong(play, "%s is nothing to force", words[1]);
}

/* ---- what is so now ---- */

static void read_status(const struct play *play, struct engine_status *status)
{
    *status = (struct engine_status){.arena = arena_new()};
    core_status(play->stage.core, play->stage.now_ms, status);
}

static const char *state_word(const struct verdict *verdict)
{
    if (!verdict->probed)
        return "unprobed";
    return verdict->known ? verdict_status_word(verdict->status) : "unknown";
}

static void do_expect(struct play *play, char **words)
{
    struct engine_status status;
    char address[ADDRESS_TEXT_SIZE];
    size_t found = 0;
    read_status(play, &status);
    for (size_t i = 0; i < status.ntargets; i++) {
        const struct engine_target *target = &status.targets[i];
        address_format(&target->address, address);
        bool meant = strcmp(words[0], "*") == 0 || strcmp(words[0], target->host) == 0 ||
                     strcmp(words[0], address) == 0;
        if (!meant || (strcmp(words[1], "*") != 0 && strcmp(words[1], target->check) != 0))
            continue;
        found++;
        if (strcmp(state_word(&target->verdict), words[2]) != 0)
            wrong(play, "%s %s %s: expected %s, got %s", target->host, address, target->check,
                  words[2], state_word(&target->verdict));
    }
    if (!found)
        wrong(play, "%s %s: no such target", words[0], words[1]);
    arena_free(status.arena);
}

static void do_pool(struct play *play, char **words)
{
    struct engine_status status;
    char name[300];
    const char *state = NULL;
    stage_publish(&play->stage);
    read_status(play, &status);
    snprintf(name, sizeof name, "%s %s", words[0], words[1]);
    for (size_t i = 0; i < status.npools; i++)
        if (strcmp(status.pools[i].name, name) == 0)
            state = status.pools[i].servfail    ? "servfail"
                    : status.pools[i].fail_open ? "fail-open"
                                                : "normal";
    if (!state || strcmp(state, words[2]) != 0)
        wrong(play, "pool %s: expected %s, got %s", name, words[2], state ? state : "no such pool");
    arena_free(status.arena);
}

static void compare(const struct play *play, const char *what, const char *word, uint64_t got)
{
    if (strtoull(word, NULL, 10) != got)
        wrong(play, "%s: expected %s, got %llu", what, word, (unsigned long long)got);
}

static void do_targets(struct play *play, char **words)
{
    struct core_numbers numbers;
    core_numbers(play->stage.core, &numbers);
    compare(play, "targets", words[0], numbers.targets);
}

static void do_probing(struct play *play, char **words)
{
    compare(play, "probes begun", words[0], play->stage.added - play->added);
    compare(play, "probes ended", words[1], play->stage.removed - play->removed);
}

static void do_publications(struct play *play, char **words)
{
    stage_publish(&play->stage);
    compare(play, "publications", words[0], publisher_serial(play->stage.publisher) - play->serial);
}

static void do_images(struct play *play, char **words)
{
    stage_publish(&play->stage);
    compare(play, "images", words[0], count_images(play) - play->images);
}

/* ---- zones, configuration, and the lines ---- */

static char *read_section(struct play *play)
{
    size_t size = 0, room = 0;
    char *text = memory_strdup(""), *line = NULL;
    for (;;) {
        if (getline(&line, &room, play->in) < 0)
            wrong(play, "no \"end\" in sight");
        play->line++;
        if (strcmp(line, "end\n") == 0)
            break;
        size_t length = strlen(line);
        text = memory_resize(text, size + length + 1, 1);
        memcpy(text + size, line, length + 1);
        size += length;
    }
    free(line);
    return text;
}

static void do_zone(struct play *play, char **words)
{
    char *text = read_section(play);
    stage_zone(&play->stage, words[0], text);
    free(text);
}

static void do_config(struct play *play, char **words)
{
    (void)words;
    char *text = read_section(play);
    stage_config(&play->stage, text);
    free(text);
}

static void do_reload(struct play *play, char **words)
{
    if (!words[0])
        stage_load(&play->stage);
    else if (strcmp(words[0], "bad") == 0)
        stage_reload(&play->stage);
    else
        wrong(play, "reload: %s: only 'bad' may stand here", words[0]);
}

static const struct command {
    const char *word;
    size_t arguments; /* at least */
    bool reads;       /* a section: before zones and configuration are loaded */
    void (*act)(struct play *play, char **words);
} commands[] = {
    {"zone", 1, true, do_zone},
    {"config", 0, true, do_config},
    {"reload", 0, false, do_reload},
    {"at", 1, false, do_at},
    {"addresses", 1, false, do_addresses},
    {"force", 2, false, do_force},
    {"expect", 3, false, do_expect},
    {"targets", 1, false, do_targets},
    {"probing", 2, false, do_probing},
    {"query", 2, false, do_query},
    {"rcode", 1, false, do_rcode},
    {"share", 5, false, do_share},
    {"pool", 3, false, do_pool},
    {"publications", 1, false, do_publications},
    {"images", 1, false, do_images},
};

static void play_command(struct play *play, char **words, size_t nwords)
{
    const struct command *command = NULL;
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (strcmp(commands[i].word, words[0]) == 0)
            command = &commands[i];
    if (!command)
        wrong(play, "%s: no such command", words[0]);
    if (nwords - 1 < command->arguments)
        wrong(play, "%s: needs %zu words more", words[0], command->arguments - (nwords - 1));
    if (command->act != do_rcode)
        settle(play);
    if (!command->reads && !play->loaded) {
        stage_load(&play->stage);
        take_counts(play);
        play->loaded = true;
    }
    command->act(play, words + 1);
}

static void play_line(struct play *play, char *line)
{
    char *words[WORDS_MAX + 1] = {NULL}, *rest = line;
    size_t nwords = 0;
    line[strcspn(line, "#\n")] = '\0';
    squeeze(line);
    if (strncmp(line, "answer ", strlen("answer ")) == 0) {
        do_answer(play, line + strlen("answer "));
        return;
    }
    for (char *word; nwords < WORDS_MAX && (word = strsep(&rest, " "));)
        if (*word)
            words[nwords++] = word;
    if (nwords)
        play_command(play, words, nwords);
}

static void play_scenario(void **state)
{
    struct play play = {.file = *state};
    char *line = NULL;
    size_t room = 0;
    play.in = fopen(play.file, "r");
    if (!play.in)
        wrong(&play, "cannot be read");
    stage_init(&play.stage, true);
    while (getline(&line, &room, play.in) >= 0) {
        play.line++;
        play_line(&play, line);
    }
    settle(&play);
    if (!play.loaded)
        wrong(&play, "nothing happens");
    stage_free(&play.stage);
    fclose(play.in);
    free(line);
}

int main(int argc, char **argv)
{
    glob_t found = {0};
    size_t count = (size_t)(argc - 1);
    char **files = argv + 1;
    if (argc == 1) {
        glob("tests/scenario/*.scenario", 0, NULL, &found);
        count = found.gl_pathc;
        files = found.gl_pathv;
    }
    struct CMUnitTest *tests = memory_array(count, sizeof *tests);
    for (size_t i = 0; i < count; i++)
        tests[i] = (struct CMUnitTest){
            .name = files[i], .test_func = play_scenario, .initial_state = files[i]};
    log_set_level((enum log_level) - 1); /* quiet */
    int failed = count ? _cmocka_run_group_tests("scenarios", tests, count, NULL, NULL) : 1;
    free(tests);
    globfree(&found);
    return failed;
}
