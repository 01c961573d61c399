/* SPDX-License-Identifier: BSD-2-Clause */
/* Credentials over reloads: a target whose password changes is probed anew, and stays what it is
 * held for; one whose password is only read again goes on. */
#include "support/stage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

static void write_password(struct stage *stage, const char *password)
{
    char text[128], path[128];
    snprintf(text, sizeof text, "user: probe\npassword: %s\n", password);
    folder_write(stage->folder, "secret", text);
    folder_path(stage->folder, "secret", path, sizeof path);
    assert_int_equal(chmod(path, 0600), 0);
}

static const struct stage_probe *probe_of(const struct stage *stage, uint16_t port)
{
    for (size_t i = 0; i < stage->nprobes; i++)
        if (stage->probes[i].on && stage->probes[i].port == port)
            return &stage->probes[i];
    fail_msg("port %u is not probed", port);
    return NULL;
}

static const char *password_of(const struct stage *stage)
{
    return shared_text(probe_of(stage, 143)->settings->password);
}

static void expect_imap(struct stage *stage, enum verdict_status expected)
{
    struct engine_status status = {.arena = arena_new()};
    core_status(stage->core, stage->now_ms, &status);
    size_t found = 0;
    for (size_t i = 0; i < status.ntargets; i++) {
        if (strcmp(status.targets[i].check, "imap") != 0)
            continue;
        assert_int_equal(status.targets[i].verdict.status, expected);
        found++;
    }
    assert_int_equal(found, 1);
    engine_status_free(&status);
}

static void passwords_change(void **state)
{
    struct stage stage;
    (void)state;
    stage_init(&stage, true);
    write_password(&stage, "first");
    stage_zone(&stage, "a.zone",
               ZONE_HEAD "@ MX 10 mx1\nmx1 A 127.0.0.11\n_imap._tcp SRV 0 1 143 mx1\n");
    stage_config(&stage, "checks: {imap: {credentials: secret, fall: 1}}\n");
    stage_load(&stage);
    assert_string_equal(password_of(&stage), "first");
    assert_null(probe_of(&stage, 25)->settings->password);
    stage_outcome(&stage, "*", "imap", REASON_REFUSED);
    expect_imap(&stage, VERDICT_DOWN);
    unsigned added = stage.added;

    stage_load(&stage); /* read again, and the same */
    assert_int_equal(stage.added, added);
    assert_string_equal(password_of(&stage), "first");
    expect_imap(&stage, VERDICT_DOWN);

    write_password(&stage, "second");
    stage_load(&stage);
    assert_int_equal(stage.added, added + 1);
    assert_int_equal(stage.removed, 1);
    assert_string_equal(password_of(&stage), "second");
    expect_imap(&stage, VERDICT_DOWN);

    stage_config(&stage, "checks: {imap: {fall: 1}}\n");
    stage_load(&stage);
    assert_int_equal(stage.added, added + 2);
    assert_null(password_of(&stage));
    expect_imap(&stage, VERDICT_DOWN);
    for (int i = 0; i < 50; i++) {
        stage_config(&stage, i % 2 ? "checks: {imap: {fall: 1}}\n"
                                   : "checks: {imap: {credentials: secret, fall: 1}}\n");
        stage_load(&stage);
    }
    stage_free(&stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(passwords_change)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
