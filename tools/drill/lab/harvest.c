/* SPDX-License-Identifier: BSD-2-Clause */
#include "harvest.h"

#include "mails.h"

#include "base/memory.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A server or a resolver: what watch calls by its address. */
struct place_row {
    char *address, *system, *name;
};

/* One repetition, as the commands that break and mend wrote it. Unix time. */
struct outage {
    char *kind;
    int64_t break_ms, mend_ms;
};

struct harvest {
    const char *folder;
    struct record *record;
    struct place_row *places;
    size_t nplaces, places_capacity;
    struct outage *outages;
    size_t noutages, outages_capacity;
    int64_t open_ms; /* of a break without its mend as yet; 0: none */
    struct error *error;
};

/* ---- files of lines ---- */

typedef bool take_line(struct harvest *harvest, void *context, char *line);

static bool complain(struct harvest *harvest, const char *file, const char *why)
{
    return error_set(harvest->error, "reading %s/%s: %s", harvest->folder, file, why);
}

/* One that is not there has no lines. */
static bool read_lines(struct harvest *harvest, const char *file, take_line *take, void *context)
{
    char *path = memory_printf("%s/%s", harvest->folder, file), *line = NULL;
    FILE *stream = fopen(path, "re");
    size_t size = 0;
    bool good = true;
    free(path);
    if (!stream)
        return errno == ENOENT || complain(harvest, file, strerror(errno));
    while (good && getline(&line, &size, stream) > 0) {
        line[strcspn(line, "\n")] = '\0';
        good = take(harvest, context, line) || complain(harvest, file, line);
    }
    free(line);
    fclose(stream);
    return good;
}

/* "ADDRESS@PORT", system, kind and name, by tabulators. */
static bool take_place(struct harvest *harvest, void *context, char *line)
{
    char *address = strsep(&line, "\t"), *system = strsep(&line, "\t");
    char *kind = strsep(&line, "\t"), *name = strsep(&line, "\t");
    (void)context;
    if (!kind || !name)
        return false;
    harvest->places = memory_grow(harvest->places, harvest->nplaces, &harvest->places_capacity,
                                  sizeof *harvest->places);
    harvest->places[harvest->nplaces++] = (struct place_row){
        .address = memory_strdup(address),
        .system = memory_strdup(system),
        .name = memory_strdup(name),
    };
    return true;
}

static bool take_setting(struct harvest *harvest, void *context, char *line)
{
    char *key = strsep(&line, "\t");
    (void)context;
    if (!line)
        return false;
    record_set(harvest->record, key, line);
    return true;
}

static bool take_left_out(struct harvest *harvest, void *context, char *line)
{
    unsigned *number = context;
    char *key = memory_printf("left out (%u)", ++*number);
    record_set(harvest->record, key, line);
    free(key);
    return true;
}

/* "KIND break|mend BEGUN-MS DONE-MS". What is mended twice, as at an early end, was mended the
 * first time. */
static bool take_event(struct harvest *harvest, void *context, char *line)
{
    char *kind = strsep(&line, " "), *verb = strsep(&line, " ");
    int64_t begun_ms = line ? strtoll(line, NULL, 10) : 0;
    (void)context;
    if (!verb || begun_ms <= 0)
        return false;
    if (strcmp(verb, "break") == 0) {
        harvest->open_ms = begun_ms;
        return true;
    }
    if (harvest->open_ms == 0)
        return true;
    harvest->outages = memory_grow(harvest->outages, harvest->noutages, &harvest->outages_capacity,
                                   sizeof *harvest->outages);
    harvest->outages[harvest->noutages++] =
        (struct outage){memory_strdup(kind), harvest->open_ms, begun_ms};
    harvest->open_ms = 0;
    return true;
}

static bool take_sent(struct harvest *harvest, void *context, char *line)
{
    int64_t sent_ms = strtoll(line, NULL, 10);
    (void)harvest;
    if (sent_ms <= 0)
        return false;
    mails_add(context, sent_ms);
    return true;
}

static bool take_log(struct harvest *harvest, void *context, char *line)
{
    (void)harvest;
    mails_read_line(context, line);
    return true;
}

/* ---- what watch found ---- */

static const struct place_row *find_place(const struct harvest *harvest, const char *address)
{
    for (size_t i = 0; i < harvest->nplaces; i++)
        if (strcmp(harvest->places[i].address, address) == 0)
            return &harvest->places[i];
    return NULL;
}

static void add_series(struct harvest *harvest, const struct series *from)
{
    const struct place_row *place = find_place(harvest, from->key.name);
    struct series_key key = from->key;
    if (place)
        key.system = place->system, key.name = place->name;
    struct figures *figures = &record_series(harvest->record, &key)->figures;
    for (size_t i = 0; i < from->figures.count; i++)
        figures_add(figures, from->figures.times_s[i]);
    for (size_t i = 0; i < from->figures.never; i++)
        figures_add_never(figures);
}

static void name_marks(const struct harvest *harvest, json_t *marks)
{
    size_t i;
    json_t *mark;
    json_array_foreach(marks, i, mark)
    {
        const char *address = json_string_value(json_object_get(mark, "name"));
        const struct place_row *place = address ? find_place(harvest, address) : NULL;
        if (!place)
            continue;
        json_object_set_new(mark, "system", json_string(place->system));
        json_object_set_new(mark, "name", json_string(place->name));
    }
}

/* "resolver 203.0.113.11@53": what was seen of its TTLs; and the seed of the moments. */
static void add_settings(struct harvest *harvest, const char *kind, json_t *settings)
{
    const char *key;
    json_t *value;
    json_object_foreach(settings, key, value)
    {
        const char *address = strchr(key, ' ');
        const struct place_row *place = address ? find_place(harvest, address + 1) : NULL;
        char *own = place ? memory_printf("%s: %s%s%s", kind, place->system,
                                          *place->name ? " " : "", place->name)
                          : memory_printf("%s: %s", kind, key);
        if (place || strcmp(key, "seed") == 0)
            json_object_set(harvest->record->settings, own, value);
        free(own);
    }
}

static void add_watch(struct harvest *harvest, const char *kind, struct record *watch)
{
    size_t i;
    json_t *repetition;
    add_settings(harvest, kind, watch->settings);
    for (i = 0; i < watch->nseries; i++)
        add_series(harvest, watch->series[i]);
    json_array_foreach(watch->repetitions, i, repetition)
    {
        json_object_set_new(repetition, "kind", json_string(kind));
        name_marks(harvest, json_object_get(repetition, "marks"));
        json_array_append(harvest->record->repetitions, repetition);
    }
}

/* Those of the kinds whose watch has come to an end. */
static bool read_watches(struct harvest *harvest, const char *kinds)
{
    char *rest = memory_strdup(kinds), *words = rest, *kind;
    bool good = true;
    while (good && (kind = strsep(&words, " "))) {
        char *path = memory_printf("%s/watch-%s.json", harvest->folder, kind);
        if (access(path, F_OK) == 0) {
            struct record *watch = record_read(path, harvest->error);
            good = watch != NULL;
            if (watch) {
                add_watch(harvest, kind, watch);
                record_free(watch);
            }
        }
        free(path);
    }
    free(rest);
    return good;
}

/* ---- mail ---- */

static struct figures *sender_figures(struct harvest *harvest, const char *system, const char *kind,
                                      const char *name)
{
    const struct series_key key = {
        .system = system,
        .kind = kind,
        .place = PLACE_SENDER,
        .name = name,
        .phase = PHASE_SERVED,
    };
    return &record_series(harvest->record, &key)->figures;
}

static void note_outage(struct harvest *harvest, const char *system, const char *kind,
                        const struct mails_outage *outage)
{
    json_t *object = json_pack(
        "{s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I}", "turn", "mail", "system", system, "kind",
        kind, "sent", (json_int_t)outage->sent, "at_once", (json_int_t)outage->at_once, "late",
        (json_int_t)outage->late, "held", (json_int_t)outage->held, "deferred",
        (json_int_t)outage->deferred, "bounced", (json_int_t)outage->bounced);
    if (!object)
        memory_exhausted(sizeof *outage);
    if (outage->served)
        json_object_set_new(object, "served_s", json_real(outage->served_s));
    json_array_append_new(harvest->record->repetitions, object);
}

static void tell_mail(struct harvest *harvest, const char *system, const char *kind,
                      const struct mails_outage *sum)
{
    char *key = memory_printf("mail of %s in %s", system, kind);
    char *text =
        memory_printf("%zu sent: %zu delivered at once, %zu late, %zu not before the mend;"
                      " %zu deferred, %zu bounced",
                      sum->sent, sum->at_once, sum->late, sum->held, sum->deferred, sum->bounced);
    record_set(harvest->record, key, text);
    free(text);
    free(key);
}

static void add_outages(struct harvest *harvest, const struct mails *mails, const char *system,
                        const char *kind)
{
    struct mails_outage sum = {0};
    for (size_t i = 0; i < harvest->noutages; i++) {
        const struct outage *each = &harvest->outages[i];
        if (strcmp(each->kind, kind) != 0)
            continue;
        struct mails_outage outage =
            mails_judge(mails, each->break_ms, each->mend_ms,
                        sender_figures(harvest, system, kind, "each message"));
        if (outage.sent == 0)
            continue;
        struct figures *served = sender_figures(harvest, system, kind, "all again");
        if (outage.served)
            figures_add(served, outage.served_s);
        else
            figures_add_never(served);
        note_outage(harvest, system, kind, &outage);
        sum.sent += outage.sent, sum.at_once += outage.at_once, sum.late += outage.late;
        sum.held += outage.held, sum.deferred += outage.deferred, sum.bounced += outage.bounced;
    }
    if (sum.sent)
        tell_mail(harvest, system, kind, &sum);
}

static bool read_sender(struct harvest *harvest, const char *system, const char *kinds)
{
    char *sent = memory_printf("sent-%s", system), *log = memory_printf("mail-%s.log", system);
    char *rest = memory_strdup(kinds), *words = rest, *kind;
    struct mails mails = {0};
    bool good =
        read_lines(harvest, sent, take_sent, &mails) && read_lines(harvest, log, take_log, &mails);
    while (good && mails.count && (kind = strsep(&words, " ")))
        add_outages(harvest, &mails, system, kind);
    mails_free(&mails);
    free(rest);
    free(log);
    free(sent);
    return good;
}

static const char *setting_of(const struct harvest *harvest, const char *key)
{
    const char *value = json_string_value(json_object_get(harvest->record->settings, key));
    return value ? value : "";
}

static bool read_senders(struct harvest *harvest, const char *kinds)
{
    char *rest = memory_strdup(setting_of(harvest, "systems")), *words = rest, *system;
    bool good = true;
    while (good && (system = strsep(&words, " ")))
        good = read_sender(harvest, system, kinds);
    free(rest);
    return good;
}

static void harvest_free(struct harvest *harvest)
{
    for (size_t i = 0; i < harvest->nplaces; i++) {
        free(harvest->places[i].address);
        free(harvest->places[i].system);
        free(harvest->places[i].name);
    }
    for (size_t i = 0; i < harvest->noutages; i++)
        free(harvest->outages[i].kind);
    free(harvest->places);
    free(harvest->outages);
}

bool harvest_folder(const char *folder, struct record *record, struct error *error)
{
    struct harvest harvest = {.folder = folder, .record = record, .error = error};
    unsigned left_out = 0;
    bool good = read_lines(&harvest, "settings", take_setting, NULL) &&
                read_lines(&harvest, "left-out", take_left_out, &left_out) &&
                read_lines(&harvest, "places", take_place, NULL) &&
                read_lines(&harvest, "events", take_event, NULL);
    char *kinds = memory_strdup(good ? setting_of(&harvest, "kinds") : "");
    good = good && read_watches(&harvest, kinds) && read_senders(&harvest, kinds);
    free(kinds);
    harvest_free(&harvest);
    return good;
}
