/* SPDX-License-Identifier: BSD-2-Clause */
#include "view.h"

#include "base/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SECOND_US = 1000000 };

static double seconds(int64_t us)
{
    return (double)us / SECOND_US;
}

static FILE *text_open(char **text, size_t *size)
{
    FILE *file = open_memstream(text, size);
    if (!file)
        memory_exhausted(BUFSIZ);
    return file;
}

static void put_rest(FILE *file, const struct screen *screen, const struct answer *answer)
{
    const char *plain = screen_colour(screen, PLAIN);
    if (answer->rcode != LDNS_RCODE_NOERROR) {
        const ldns_lookup_table *known = ldns_lookup_by_id(ldns_rcodes, (int)answer->rcode);
        fprintf(file, "%s%s%s", screen_colour(screen, RED), known ? known->name : "RCODE?", plain);
        return;
    }
    bool whole = answer->ttl_s == TTL_WHOLE_S;
    if (answer->strangers)
        fprintf(file, "%sand %zu more%s ", screen_colour(screen, RED), answer->strangers, plain);
    fprintf(file, "%sTTL %u s%s", whole ? "" : screen_colour(screen, YELLOW), answer->ttl_s,
            whole ? "" : plain);
}

static void put_answer(FILE *file, const struct screen *screen, enum question question,
                       const struct answer *answer)
{
    fprintf(file, "%-20s", question_text(question));
    if (!answer->came) {
        fprintf(file, "%sno answer%s\n", screen_colour(screen, RED), screen_colour(screen, PLAIN));
        return;
    }
    for (int host = 0; host < HOSTS; host++) {
        char cell[CELL_SIZE];
        bool is_there = answer->hosts & 1u << host;
        answer_cell(question, answer, host, cell);
        fprintf(file, "%s%-12s%s", screen_colour(screen, is_there ? GREEN : RED), cell,
                screen_colour(screen, PLAIN));
    }
    put_rest(file, screen, answer);
    putc('\n', file);
}

void view_print_answer(struct screen *screen, enum question question, const struct answer *answer,
                       int64_t at_us)
{
    char *text;
    size_t size;
    FILE *file = text_open(&text, &size);
    fprintf(file, "%7.2f s  ", seconds(at_us));
    put_answer(file, screen, question, answer);
    fclose(file);
    screen_print(screen, "%s", text);
    free(text);
}

static void put_hosts(FILE *file, const struct screen *screen, const struct view *view)
{
    fprintf(file, "%-31s", "");
    for (int host = 0; host < HOSTS; host++)
        fprintf(file, "%s%-12s%s", screen_colour(screen, BOLD), mail_hosts[host].name,
                screen_colour(screen, PLAIN));
    fprintf(file, "\n%11s%-20s", "", "the host");
    for (int host = 0; host < HOSTS; host++) {
        const char *state = view->states[host];
        bool works = strcmp(state, STATE_WORKS) == 0;
        fprintf(file, "%s%-12s%s", screen_colour(screen, works ? GREEN : RED), state,
                screen_colour(screen, PLAIN));
    }
    putc('\n', file);
}

void view_draw(struct screen *screen, const struct view *view)
{
    static const char *const phases[] = {
        [ACTING] = "", [WAITING] = "waiting for the answers to follow", [DONE] = "done"};
    char *text;
    size_t size;
    FILE *file = text_open(&text, &size);
    const char *plain = screen_colour(screen, PLAIN);
    fprintf(file, "\n%s---- step %d of %d: %s, %.1f s%s\n", screen_colour(screen, FAINT),
            (int)(view->step - steps) + 1, STEPS, view->step->title, seconds(view->whole_us),
            plain);
    put_hosts(file, screen, view);
    for (enum question question = 0; question < QUESTIONS; question++) {
        fprintf(file, "%11s", "");
        put_answer(file, screen, question, &view->answers[question]);
    }
    fprintf(file, "%s%7.2f s  %s%s\n", screen_colour(screen, view->phase == DONE ? GREEN : CYAN),
            seconds(view->phase == DONE ? view->took_us : view->step_us), phases[view->phase],
            plain);
    fclose(file);
    screen_draw(screen, text);
    free(text);
}

static void put_expected(FILE *file, const struct step *step, enum question question)
{
    static const char *const ttls[] = {
        [TTL_ANY] = "any TTL", [TTL_WHOLE] = "TTL 10 s", [TTL_FAIL_OPEN] = "TTL <= 5 s"};
    fprintf(file, "%-20s", question_text(question));
    for (int host = 0; host < HOSTS; host++)
        fprintf(file, "%-12s", step->expected[question] & 1u << host ? mail_hosts[host].name : "-");
    fprintf(file, "%s\n", ttls[step->ttl]);
}

void view_print_failure(struct screen *screen, const struct view *view, const char *why)
{
    char *text;
    size_t size;
    FILE *file = text_open(&text, &size);
    fprintf(file, "%7.2f s  %sFAILED: %s%s\n", seconds(view->step_us), screen_colour(screen, RED),
            why, screen_colour(screen, PLAIN));
    for (enum question question = 0; question < QUESTIONS && view->phase != ACTING; question++) {
        if (step_fits(view->step, question, &view->answers[question]))
            continue;
        fputs(" expected  ", file);
        put_expected(file, view->step, question);
        fputs("     seen  ", file);
        put_answer(file, screen, question, &view->answers[question]);
    }
    fclose(file);
    screen_print(screen, "%s", text);
    free(text);
}

static void print_result(struct screen *screen, int number, const struct result *result)
{
    static const struct {
        const char *word;
        enum colour colour;
    } verdicts[] = {[NOT_REACHED] = {"not reached", FAINT},
                    [HAPPENED] = {"ok", GREEN},
                    [FAILED] = {"FAILED", RED}};
    char took[32] = "", cached[32] = "";
    if (result->verdict == HAPPENED)
        snprintf(took, sizeof took, "%.2f s", seconds(result->took_us));
    if (result->verdict == HAPPENED && result->cached_us)
        snprintf(cached, sizeof cached, "%.1f s", seconds(result->cached_us));
    screen_print(screen, "  %d  %-26s %10s %14s   %s%s%s\n", number, steps[number - 1].title, took,
                 cached, screen_colour(screen, verdicts[result->verdict].colour),
                 verdicts[result->verdict].word, screen_colour(screen, PLAIN));
}

void view_print_results(struct screen *screen, const struct result results[STEPS])
{
    screen_print(screen, "\n%s     %-26s %10s %14s   %s%s\n", screen_colour(screen, BOLD), "step",
                 "answers", "caches", "verdict", screen_colour(screen, PLAIN));
    for (int i = 0; i < STEPS; i++)
        print_result(screen, i + 1, &results[i]);
    screen_print(
        screen,
        "\n  answers: from the event until all answers had followed\n"
        "  caches:  from the event until no resolver that keeps to TTLs has the dead host\n");
}
