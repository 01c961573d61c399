/* SPDX-License-Identifier: BSD-2-Clause */
/* compare_peers SEED ZONES [NAME TYPE [EDNS-SIZE]]: evermxd, nsd, knotd and named serve the same
 * zones, made up from a seed, and are asked the same questions. What differs is either explained by
 * a rule (rules.c) or fails the test. With a name, that question alone is asked, and all answers
 * are shown. The servers are those on PATH. Exit status: 0 all is explained, 1 not so. */
#include "base/memory.h"
#include "differential/peers.h"
#include "differential/rules.h"
#include "wire/rrtype.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SHOWN_MAX = 20, TCP_SAMPLE = 16, TIME_LIMIT_S = 900 };

struct run {
    struct world *world;
    struct peers peers;
    struct questions questions;
    struct rule_counts *counts;
    size_t asked_udp, asked_tcp, deviations, unexplained;
    const char *zones; /* their number as given */
    bool show;         /* all answers, whatever they are */
};

/* A question, with what was answered by UDP and, where that was asked, by TCP. */
struct round {
    const struct question *question;
    struct answer udp[PEERS], tcp[PEERS];
    bool by_tcp;
};

static void show(const struct run *run, const struct round *round, bool tcp)
{
    static const char *const names[PEERS] = {"evermxd", "nsd", "knotd", "named"};
    const struct question *question = round->question;
    const struct answer *answers = tcp ? round->tcp : round->udp;
    const char *name = world_text(run->world, question->name);
    char type[RRTYPE_TEXT_SIZE];
    rrtype_to_text(question->rrtype, type);
    printf("  %s %s by %s, EDNS %u, zone %s\n  again: tests/differential/run %llu %s '%s' %s %u\n",
           name, type, tcp ? "TCP" : "UDP", question->edns_size,
           world_text(run->world, run->world->zones[question->zone].apex),
           (unsigned long long)run->world->seed, run->zones, name, type, question->edns_size);
    for (size_t i = 0; i < PEERS; i++) {
        printf("  %s:\n", names[i]);
        answer_print(&answers[i], stdout);
    }
    printf("\n");
}

static void judge(struct run *run, const struct round *round, bool tcp)
{
    static const char *const names[PEERS] = {"evermxd", "nsd", "knotd", "named"};
    const struct answer *answers = tcp ? round->tcp : round->udp;
    bool bad = false;
    for (size_t i = PEER_NSD; i < PEERS; i++) {
        struct deviation deviation = {
            .world = run->world,
            .question = round->question,
            .tcp = tcp,
            .ours = &answers[PEER_EVERMX],
            .theirs = &answers[i],
            .ours_whole = round->by_tcp ? &round->tcp[PEER_EVERMX] : NULL,
            .theirs_whole = round->by_tcp ? &round->tcp[i] : NULL,
            .peer = (enum peer_number)i,
            .aspects = answers_differ(&answers[PEER_EVERMX], &answers[i]),
        };
        if (!deviation.aspects)
            continue;
        run->deviations++;
        unsigned left = rules_explain(&deviation, run->counts);
        if (!left)
            continue;
        if (run->unexplained++ < SHOWN_MAX) {
            printf("not explained: %s differs in", names[i]);
            aspects_print(left, stdout);
            printf("\n");
            bad = true;
        }
    }
    if (bad || run->show)
        show(run, round, tcp);
}

static void read_all(struct answer answers[PEERS], struct arena *arena, struct reply replies[PEERS])
{
    for (size_t i = 0; i < PEERS; i++) {
        answer_read(&answers[i], arena, replies[i].bytes, replies[i].size);
        free(replies[i].bytes);
    }
}

/* What is truncated for anybody is asked by TCP, and one in so many besides. */
static bool wants_tcp(const struct run *run, const struct round *round, size_t number)
{
    bool wanted = number % TCP_SAMPLE == 0 || run->show;
    for (size_t i = 0; i < PEERS; i++)
        wanted |= round->udp[i].tc;
    return wanted;
}

static bool ask_batch(struct run *run, size_t from, size_t count)
{
    struct round *rounds = memory_array(count, sizeof *rounds);
    struct reply(*replies)[PEERS] = memory_array(count, sizeof *replies);
    const struct question *asked[BATCH_MAX];
    struct arena *arena = arena_new();
    size_t again[BATCH_MAX], nagain = 0;
    for (size_t i = 0; i < count; i++)
        asked[i] = rounds[i].question = &run->questions.list[from + i];
    bool good = peers_ask_udp(&run->peers, asked, count, replies);
    for (size_t i = 0; i < count; i++) {
        read_all(rounds[i].udp, arena, replies[i]);
        rounds[i].by_tcp = good && wants_tcp(run, &rounds[i], from + i);
        if (rounds[i].by_tcp)
            again[nagain++] = i;
    }
    for (size_t i = 0; i < nagain; i++)
        asked[i] = rounds[again[i]].question;
    good = good && (!nagain || peers_ask_tcp(&run->peers, asked, nagain, replies));
    for (size_t i = 0; good && i < nagain; i++)
        read_all(rounds[again[i]].tcp, arena, replies[i]);
    for (size_t i = 0; good && i < count; i++) {
        judge(run, &rounds[i], false);
        if (rounds[i].by_tcp)
            judge(run, &rounds[i], true);
    }
    run->asked_udp += count;
    run->asked_tcp += nagain;
    arena_free(arena);
    free(replies);
    free(rounds);
    return good;
}

static bool ask_all(struct run *run)
{
    for (size_t i = 0; i < run->questions.count; i += BATCH_MAX) {
        size_t left = run->questions.count - i;
        if (!ask_batch(run, i, left < BATCH_MAX ? left : BATCH_MAX))
            return false;
    }
    return true;
}

static void add_questions(struct run *run, int count, char **words)
{
    if (!count) {
        for (size_t i = 0; i < run->world->nzones; i++)
            questions_add_zone(&run->questions, run->world, i);
        questions_add_others(&run->questions, run->world);
        return;
    }
    static uint8_t name[NAME_MAX_SIZE];
    static struct question question;
    if (!name_from_text(words[0], name) || !rrtype_from_text(words[1], &question.rrtype)) {
        fprintf(stderr, "no name or no type: %s %s\n", words[0], words[1]);
        exit(2);
    }
    question.name = name;
    question.edns_size = count > 2 ? (uint16_t)atoi(words[2]) : 0;
    run->show = true;
    run->questions.list = memory_alloc(sizeof question);
    run->questions.list[0] = question;
    run->questions.count = 1;
}

static int report(const struct run *run, bool good)
{
    printf("seed %llu: %zu zones, %zu questions by UDP, %zu by TCP, to each of four; %zu answers "
           "deviate from ours\n",
           (unsigned long long)run->world->seed, run->world->nzones, run->asked_udp, run->asked_tcp,
           run->deviations);
    rule_counts_print(run->counts, stdout);
    if (run->unexplained > SHOWN_MAX)
        printf("%zu are not explained, %d of them are shown\n", run->unexplained, SHOWN_MAX);
    good = good && !run->unexplained;
    printf("%d passed, %d failed\n", good, !good);
    return good ? 0 : 1;
}

int main(int count, char **words)
{
    const char *build = getenv("EVERMX_BUILD");
    if (count < 3 || count == 4) {
        fprintf(stderr, "usage: compare_peers SEED ZONES [NAME TYPE [EDNS-SIZE]]\n");
        return 2;
    }
    alarm(TIME_LIMIT_S);
    struct run run = {.counts = rule_counts_new(), .zones = words[2]};
    run.world = world_new(strtoull(words[1], NULL, 10), (size_t)atoi(words[2]));
    bool good = peers_start(&run.peers, run.world, build ? build : "build");
    if (good) {
        add_questions(&run, count - 3, words + 3);
        good = ask_all(&run);
    }
    peers_stop(&run.peers);
    int status = report(&run, good);
    questions_free(&run.questions);
    world_free(run.world);
    free(run.counts);
    return status;
}
