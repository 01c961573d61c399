/* SPDX-License-Identifier: BSD-2-Clause */
#include "support/status.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct status {
    json_t *root;
};

struct status *status_ask(struct rig *rig)
{
    struct status *status = malloc(sizeof *status);
    assert_non_null(status);
    char *text = rig_ctl(rig, "status --json");
    json_error_t error;
    status->root = json_loads(text, 0, &error);
    if (!status->root)
        fail_msg("status --json, line %d: %s", error.line, error.text);
    free(text);
    return status;
}

void status_free(struct status *status)
{
    json_decref(status->root);
    free(status);
}

static void copy(const json_t *object, const char *key, char *text, size_t size)
{
    const char *value = json_string_value(json_object_get(object, key));
    snprintf(text, size, "%s", value ? value : "");
}

static void fill(struct target_status *target, const json_t *json)
{
    memset(target, 0, sizeof *target);
    copy(json, "verdict", target->verdict, sizeof target->verdict);
    copy(json, "reason", target->reason, sizeof target->reason);
    copy(json, "detail", target->detail, sizeof target->detail);
    const json_t *unheard = json_object_get(json, "unheard"),
                 *warning = json_object_get(json, "warning");
    copy(unheard, "reason", target->unheard, sizeof target->unheard);
    copy(warning, "reason", target->warning, sizeof target->warning);
    copy(target->unheard[0] ? unheard : warning, "detail", target->said, sizeof target->said);
    target->is_known = json_is_true(json_object_get(json, "known"));
    target->rtt_ms = json_number_value(json_object_get(json, "rtt_ms"));
    target->probes = json_integer_value(json_object_get(json, "probes"));
    target->failures = json_integer_value(json_object_get(json, "failures"));
    target->unknowns = json_integer_value(json_object_get(json, "unknowns"));
}

void status_find(const struct status *status, const char *address, int port,
                 struct target_status *target)
{
    size_t i;
    json_t *json;
    json_array_foreach(json_object_get(status->root, "targets"), i, json)
    {
        const char *found = json_string_value(json_object_get(json, "address"));
        if (found && strcmp(found, address) == 0 &&
            json_integer_value(json_object_get(json, "port")) == port) {
            fill(target, json);
            return;
        }
    }
    fail_msg("status --json tells nothing of %s@%d", address, port);
}
