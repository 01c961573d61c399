/* SPDX-License-Identifier: BSD-2-Clause */
/* Files of credentials: what they may look like, who may read them, and that nothing in them is
 * ever shown, by messages or by memory that a core dump would hold. */
#include "config/config.h"
#include "config/option.h"
#include "config/tree.h"
#include "model/model.h"
#include "support/config_file.h"
#include "support/mappings.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define TEXT "checks: {imap: {credentials: secret}}\n"

static const char *secret_path(const struct config_file *file)
{
    static char path[128];
    folder_path(file->folder, "secret", path, sizeof path);
    return path;
}

static void secret_write(const struct config_file *file, const void *bytes, size_t size,
                         mode_t mode)
{
    file_write(secret_path(file), bytes, size);
    assert_int_equal(chmod(secret_path(file), mode), 0);
}

static const struct check_settings *settings_of(const struct config *config, enum check_kind kind)
{
    return &config->checks[kind].settings;
}

/* What was read means the same to a reader of all of YAML, which is a judge here only: its buffers
 * keep what they held. Octets that are no UTF-8 are no YAML; they are taken as they are. */
static void compare_with_yaml(const struct config_file *file, const struct check_settings *settings)
{
    struct arena *arena = arena_new();
    struct diagnostics diagnostics;
    diagnostics_init(&diagnostics);
    const struct tree_node *root = tree_read(arena, secret_path(file), &diagnostics);
    if (root && !diagnostics.count) {
        assert_int_equal(root->kind, TREE_MAPPING);
        assert_string_equal(tree_find(root, "user")->text, shared_text(settings->user));
        assert_string_equal(tree_find(root, "password")->text, shared_text(settings->password));
    } else if (!strstr(diagnostics.list[0].text, "UTF-8") &&
               !strstr(diagnostics.list[0].text, "control characters")) {
        diagnostics_describe(&diagnostics);
        fail_msg("is no YAML, but was read as %s, %s", shared_text(settings->user),
                 shared_text(settings->password));
    }
    diagnostics_free(&diagnostics);
    arena_free(arena);
}

static void good_files(void **state)
{
    static const struct {
        const char *text, *user, *password;
    } cases[] = {
        {"user: probe\npassword: secret\n", "probe", "secret"},
        {"password: secret\nuser: probe", "probe", "secret"},
        {"---\r\n# a comment\r\nuser: probe\r\n\r\n  # and one\r\npassword: secret\r\n", "probe",
         "secret"},
        {"\xEF\xBB\xBFuser:\tprobe@example.test  # who\npassword:   two words\t \n",
         "probe@example.test", "two words"},
        {"user: a#b\npassword: -x:y#z\n", "a#b", "-x:y#z"},
        {"user: 'it''s'\npassword: '# \"\\ {}: '  # quoted\n", "it's", "# \"\\ {}: "},
        {"user: \"a \\\"b\\\"\"\npassword: \"\\\\'#\"\n", "a \"b\"", "\\'#"},
        {"user: 'null'\npassword: \"~\"\n", "null", "~"},
        {"user: 12\npassword: gr\xC3\xBC\xC3\x9F"
         "e\n",
         "12",
         "gr\xC3\xBC\xC3\x9F"
         "e"},
        {NULL, NULL, NULL},
    };
    struct config_file *file = *state;
    for (size_t i = 0; cases[i].user; i++) {
        secret_write(file, cases[i].text, strlen(cases[i].text), 0600);
        struct config *config = config_file_load_good(file, TEXT);
        const struct check_settings *settings = settings_of(config, CHECK_IMAP);
        assert_true(config->has_credentials);
        assert_string_equal(shared_text(settings->user), cases[i].user);
        assert_string_equal(shared_text(settings->password), cases[i].password);
        assert_false(mapping_is_dumped(shared_text(settings->password)));
        assert_false(mapping_is_dumped(shared_text(settings->user)));
        assert_null(settings_of(config, CHECK_IMAPS)->user);
        compare_with_yaml(file, settings);
        config_free(config);
    }
}

/* One error, of the file's line, that shows nothing of it. */
static void expect_bad(struct config_file *file, const char *text, size_t size, int line,
                       const char *message)
{
    secret_write(file, text, size, 0600);
    assert_null(config_file_load(file, TEXT, sizeof TEXT - 1));
    const struct diagnostic *told = file->diagnostics.list;
    if (file->diagnostics.count != 1 || strcmp(told->file, secret_path(file)) != 0 ||
        told->line != line || told->column != 0 ||
        strncmp(told->text, message, strlen(message)) != 0) {
        diagnostics_describe(&file->diagnostics);
        fail_msg("expected %d: %s\nfor %s", line, message, text);
    }
    assert_null(strcasestr(told->text, "geheim"));
}

static void bad_files(void **state)
{
    static const char form[] = "a line must be 'user: NAME' or 'password: TEXT'";
    static const char quotes[] = "this value must stand in single quotes";
    static const struct {
        const char *text;
        int line;
        const char *message;
    } cases[] = {
        {"", 0, "'user' is missing"},
        {"# nothing\n", 0, "'user' is missing"},
        {"user: a\n", 0, "'password' is missing"},
        {"password: geheim\n", 0, "'user' is missing"},
        {"user: a\nuser: geheim\npassword: b\n", 2, "'user' is given twice"},
        {"geheim\n", 1, form},
        {"user: a\n\npasswort: geheim\n", 3, form},
        {"user:a\npassword: geheim\n", 1, form},
        {"user: a\n  password: geheim\n", 2, form},
        {"{user: a, password: geheim}\n", 1, form},
        {"user: a\n---\npassword: geheim\n", 2, form},
        {"user: a\npassword: geheim\n...\n", 3, form},
        {"user: a\npassword:\n", 2, "there is no value on this line"},
        {"user: a\npassword: ''\n", 2, "there is no value on this line"},
        {"user: a\npassword:  # geheim\n", 2, quotes},
        {"user: ~\npassword: geheim\n", 1, quotes},
        {"user: a\npassword: [geheim]\n", 2, quotes},
        {"user: a\npassword: &geheim\n", 2, quotes},
        {"user: a\npassword: !!str geheim\n", 2, quotes},
        {"user: a\npassword: |\n  geheim\n", 2, quotes},
        {"user: a\npassword: %geheim\n", 2, quotes},
        {"user: a\npassword: - geheim\n", 2, quotes},
        {"user: a\npassword: -\n", 2, quotes},
        {"user: a\npassword: ge: heim\n", 2, quotes},
        {"user: a\npassword: geheim:\n", 2, quotes},
        {"user: a\npassword: 'geheim\n", 2, "quotes that do not end where the line does"},
        {"user: a\npassword: 'ge'heim'\n", 2, "quotes that do not end where the line does"},
        {"user: a\npassword: \"geheim\n", 2, "quotes that do not end where the line does"},
        {"user: a\npassword: \"geheim\\\"\n", 2, "quotes that do not end where the line does"},
        {"user: a\npassword: \"geheim\\n\"\n", 2, "quotes that do not end where the line does"},
        {"user: a\npassword: \"geheim\" x\n", 2, "quotes that do not end where the line does"},
        {"user: a\npassword: ge\theim\n", 2, "the value holds a tab"},
        {"user: a\n# \rgeheim\n", 2, "the line holds control characters"},
        {"user: a\npassword: geheim\xC2\x85x\n", 2, "the line holds control characters"},
        {"user: a\npassword: geheim\x7F\n", 2, "the line holds control characters"},
        {"user: a\npassword: geheim\r\r\n", 2, "the line holds control characters"},
    };
    struct config_file *file = *state;
    char text[400];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect_bad(file, cases[i].text, strlen(cases[i].text), cases[i].line, cases[i].message);
    snprintf(text, sizeof text, "user: a\npassword: %0256d\n", 0);
    expect_bad(file, text, strlen(text), 2, "the value has more than 255 octets");
    snprintf(text, sizeof text, "user: a\npassword: %0255d\n", 0);
    secret_write(file, text, strlen(text), 0600);
    config_free(config_file_load_good(file, TEXT));
}

/* Cut short anywhere, and with octets of any kind: two texts, or an error. */
static void damaged_files(void **state)
{
    enum { ROUNDS = 5000 };
    static const char good[] = "---\n# c\nuser: \"pro\\\"be\"\npassword: 'it''s' # c\n";
    static const char favourites[] = "\n \t:'\"#\\-{}[]\r\x7F\xFF"
                                     "a";
    struct config_file *file = *state;
    char bytes[sizeof good];
    unsigned seed = 20261122;
    size_t loaded = 0;
    for (int round = 0; round < ROUNDS; round++) {
        size_t size = (size_t)round < sizeof good ? (size_t)round : sizeof good - 1;
        memcpy(bytes, good, sizeof good);
        for (int i = rand_r(&seed) % 4; (size_t)round > sizeof good && i >= 0; i--)
            bytes[(size_t)rand_r(&seed) % size] =
                rand_r(&seed) % 4 ? favourites[(size_t)rand_r(&seed) % sizeof favourites]
                                  : (char)rand_r(&seed);
        secret_write(file, bytes, size, 0600);
        struct config *config = config_file_load(file, TEXT, sizeof TEXT - 1);
        if (config)
            compare_with_yaml(file, settings_of(config, CHECK_IMAP));
        loaded += config != NULL;
        config_free(config);
    }
    assert_true(loaded > 0 && loaded < ROUNDS);
}

static void unusable_files(void **state)
{
    static const char marked[] = "checks: {imap: {credentials: ^secret}}";
    struct config_file *file = *state;
    char message[256], large[4097];
    config_file_expect(file, marked, "'credentials': opening ");
    assert_int_equal(mkdir(secret_path(file), 0700), 0);
    snprintf(message, sizeof message, "'credentials': %s is no file", secret_path(file));
    config_file_expect(file, marked, message);
    assert_int_equal(rmdir(secret_path(file)), 0);
    assert_int_equal(mkfifo(secret_path(file), 0600), 0);
    config_file_expect(file, marked, message);
    assert_int_equal(unlink(secret_path(file)), 0);
    config_file_expect(file, "checks: {imap: {credentials: ^/dev/zero}}",
                       "'credentials': /dev/zero is no file");
    memset(large, '#', sizeof large);
    secret_write(file, large, sizeof large, 0600);
    snprintf(message, sizeof message, "'credentials': %s has more than 4096 octets",
             secret_path(file));
    config_file_expect(file, marked, message);
    secret_write(file, "user: a\0\n", 9, 0600);
    snprintf(message, sizeof message, "'credentials': %s is no text", secret_path(file));
    config_file_expect(file, marked, message);
}

/* What ssh wants of a key, but for groups that may read all that we can: root's and our own. */
static void modes(void **state)
{
    static const char text[] = "user: a\npassword: b\n";
    static const mode_t good[] = {0600, 0400, 0700}, bad[] = {0604, 0602, 0601, 0644, 0666, 0607};
    struct config_file *file = *state;
    char message[256];
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        secret_write(file, text, strlen(text), good[i]);
        config_free(config_file_load_good(file, TEXT));
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        secret_write(file, text, strlen(text), bad[i]);
        snprintf(message, sizeof message,
                 "'credentials': others can read or change %s (mode %03o): chmod 600",
                 secret_path(file), (unsigned)bad[i]);
        config_file_expect(file, "checks: {imap: {credentials: ^secret}}", message);
    }
    secret_write(file, text, strlen(text), 0640);
    config_free(config_file_load_good(file, TEXT)); /* our own group's */
}

/* Of another group's only root can make a file. "nobody" is a user of every system, and the group
 * that it is in is ours where we are to become it. */
static void groups(void **state)
{
    static const char text[] = "user: a\npassword: b\n";
    struct config_file *file = *state;
    secret_write(file, text, strlen(text), 0600);
    if (chown(secret_path(file), (uid_t)-1, 65534) < 0)
        skip();
    assert_int_equal(chmod(secret_path(file), 0640), 0);
    config_file_expect(file, "checks: {imap: {credentials: ^secret}}",
                       "'credentials': others can read or change ");
    config_free(config_file_load_good(file, "server: {user: nobody}\n" TEXT));
    config_file_expect(file, "server: {user: daemon}\nchecks: {imap: {credentials: ^secret}}",
                       "'credentials': others can read or change ");
    assert_int_equal(chown(secret_path(file), (uid_t)-1, 0), 0);
    config_free(config_file_load_good(file, TEXT));
}

/* Where several name one file, it is read once, and what is wrong is told once. */
static void shared_files(void **state)
{
    static const char text[] = "user: a\npassword: b\n";
    struct config_file *file = *state;
    char both[300];
    secret_write(file, text, strlen(text), 0600);
    struct config *config = config_file_load_good(
        file,
        "checks: {imap: {credentials: secret}, imaps: {credentials: %s}}\n"
        "hosts: {a.test: {credentials: secret}, b.test: {checks: [pop3], credentials: secret}}\n",
        secret_path(file));
    struct check_settings settings;
    assert_ptr_equal(settings_of(config, CHECK_IMAP)->user, settings_of(config, CHECK_IMAPS)->user);
    config_host_settings(&config->hosts[1], &config->checks[CHECK_POP3], &settings);
    assert_string_equal(shared_text(settings.password), "b");
    assert_int_equal(config->nsources, 1);
    assert_string_equal(config->sources[0].path, secret_path(file));
    config_free(config);

    secret_write(file, "user: a\n", 8, 0600);
    snprintf(both, sizeof both,
             "checks: {imap: {credentials: secret}, imaps: {credentials: secret, "
             "sentinel: x}}\n");
    assert_null(config_file_load(file, both, strlen(both)));
    assert_int_equal(file->diagnostics.count, 2);
    assert_string_equal(file->diagnostics.list[0].file, file->path); /* its own messages first */
    assert_string_equal(file->diagnostics.list[1].file, secret_path(file));
}

/* Programs that serve nothing need no secret, and may not be allowed to read any. */
static void not_for_all_programs(void **state)
{
    struct config_file *file = *state;
    static const char text[] =
        "server: {control: /run/other.sock, ca-file: gone, cookie-secrets: gone}\n"
        "checks: {imap: {credentials: gone}, smtp: {probe-recipient: a@b.test, round-trip: 60s}}\n"
        "hosts: {a.test: {mailbox: b.test}}\n";
    file_write(file->path, text, strlen(text));
    struct config *config = config_load_bare(file->path, &file->diagnostics);
    assert_non_null(config);
    assert_string_equal(config->control, "/run/other.sock");
    assert_false(config->has_credentials);
    assert_int_equal(config->nsources, 0);
    config_free(config);
    assert_null(config_file_load(file, text, strlen(text)));
    assert_null(config_load_bare("/gone/evermx.yaml", &file->diagnostics));
}

/* Those that are forgotten are let go of everywhere, and nothing else is. */
static void forgotten(void **state)
{
    static const char text[] = "user: a\npassword: b\n";
    struct config_file *file = *state;
    secret_write(file, text, strlen(text), 0600);
    struct config *config = config_file_load_good(
        file, "checks: {imap: {credentials: secret}, smtp: {probe-recipient: a@b.test}}\n"
              "hosts: {a.test: {credentials: secret}}\n");
    config_forget_credentials(config);
    assert_null(settings_of(config, CHECK_IMAP)->user);
    assert_null(settings_of(config, CHECK_IMAP)->password);
    assert_null(config->hosts[0].overrides.password);
    assert_string_equal(shared_text(settings_of(config, CHECK_SMTP)->recipient), "a@b.test");
    config_free(config);
}

static void in_clear_text(void **state)
{
    static const char *const texts[] = {
        "checks: {imap: {tls: off, credentials: secret}}\n",
        "checks: {imap: {credentials: secret}}\nhosts: {a.test: {tls: off}}\n",
        "hosts: {a.test: {tls: off, credentials: secret}}\n",
    };
    struct config_file *file = *state;
    secret_write(file, "user: a\npassword: b\n", 20, 0600);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        config_free(config_file_load(file, texts[i], strlen(texts[i])));
        assert_int_equal(file->diagnostics.count, 1);
        assert_int_equal(file->diagnostics.errors, 0);
        assert_non_null(strstr(file->diagnostics.list[0].text, "clear text"));
    }
}

/* ---- what a core dump would hold ---- */

enum { PASSWORD_SIZE = 24 };

/* In a process that began before there was a password: loads, again and again, builds models, and
 * stands still while it holds them. */
static void load_and_wait(const struct config_file *file, int start, int ready)
{
    char octet;
    struct diagnostics diagnostics;
    struct model *model = NULL;
    struct config *config = NULL;
    diagnostics_init(&diagnostics);
    bool good = read(start, &octet, 1) == 1;
    for (int i = 0; i < 20 && good; i++) {
        struct config *next = config_load(file->path, &diagnostics);
        good = next && (model_free(model), true) &&
               (model = model_build(next, NULL, true, &diagnostics));
        config_free(config);
        config = next;
    }
    octet = good ? 'y' : 'n';
    if (write(ready, &octet, 1) == 1)
        while (read(start, &octet, 1) > 0)
            continue;
    _exit(0);
}

static void make_password(char password[PASSWORD_SIZE + 1])
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz012345";
    int source = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
    assert_int_equal(read(source, password, PASSWORD_SIZE), PASSWORD_SIZE);
    close(source);
    for (size_t i = 0; i < PASSWORD_SIZE; i++)
        password[i] = letters[(unsigned char)password[i] % 32];
    password[PASSWORD_SIZE] = '\0';
}

static void no_trace_in_core_dumps(void **state)
{
    struct config_file *file = *state;
    char password[PASSWORD_SIZE + 1], text[300], octet;
    int start[2], ready[2];
    assert_int_equal(pipe(start), 0);
    assert_int_equal(pipe(ready), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        close(start[1]);
        load_and_wait(file, start[0], ready[1]);
    }
    make_password(password);
    int size = snprintf(text, sizeof text, "user: probe\npassword: '%s' # none\n", password);
    secret_write(file, text, (size_t)size, 0600);
    folder_write(file->folder, "a.zone",
                 "$ORIGIN a.test.\n$TTL 5\n@ SOA ns h 1 2 3 4 5\n@ NS ns\nns A 127.0.0.53\n"
                 "_imap._tcp SRV 0 1 143 imap\nimap A 127.0.0.1\n@ MX 1 imap\n");
    folder_write(file->folder, "evermx.yaml",
                 "zones: [a.zone]\nchecks: {imap: {credentials: secret}}\n"
                 "hosts: {imap.a.test: {credentials: ./secret, fall: 3}}\n");
    assert_int_equal(write(start[1], "x", 1), 1);
    assert_int_equal(read(ready[0], &octet, 1), 1);
    assert_int_equal(octet, 'y');
    struct mappings_found found = mappings_search(child, password, PASSWORD_SIZE);
    struct mappings_found other = mappings_search(child, "imap.a.test", 11);
    assert_int_equal(found.dumped, 0);
    assert_true(found.kept_out > 0); /* it is there, and the search finds what is there */
    assert_true(other.dumped > 0);
    close(start[1]);
    assert_int_equal(waitpid(child, NULL, 0), child);
    close(start[0]), close(ready[0]), close(ready[1]);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, config_file_set_up, config_file_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(good_files),
        TEST(bad_files),
        TEST(damaged_files),
        TEST(unusable_files),
        TEST(modes),
        TEST(groups),
        TEST(shared_files),
        TEST(not_for_all_programs),
        TEST(forgotten),
        TEST(in_clear_text),
        TEST(no_trace_in_core_dumps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
