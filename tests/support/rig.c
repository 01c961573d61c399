/* SPDX-License-Identifier: BSD-2-Clause */
#include "support/rig.h"

#include "base/clock.h"
#include "base/memory.h"

#include <ldns/ldns.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { START_PATIENCE_MS = 10000, STOP_PATIENCE_MS = 10000, PAUSE_MS = 20 };

/* Writes a text with %PORT% and %FOLDER% replaced. */
static void write_text(const struct rig *rig, const char *file, const char *text)
{
    char path[128];
    folder_path(rig->folder, file, path, sizeof path);
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    while (*text) {
        if (strncmp(text, "%PORT%", 6) == 0) {
            fprintf(out, "%u", rig->port);
            text += 6;
        } else if (strncmp(text, "%FOLDER%", 8) == 0) {
            fputs(rig->folder, out);
            text += 8;
        } else {
            putc(*text++, out);
        }
    }
    fclose(out);
}

static void run_daemon(const struct rig *rig)
{
    char program[300], configuration[128], log[128];
    snprintf(program, sizeof program, "%s/evermxd", rig->build);
    folder_path(rig->folder, "evermx.yaml", configuration, sizeof configuration);
    folder_path(rig->folder, "log", log, sizeof log);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    const char *cache = getenv("LAB_CACHE");
    if (cache) { /* the lab's certificate is its own authority */
        char authority[600];
        snprintf(authority, sizeof authority, "%s/cert/lab.pem", cache);
        setenv("SSL_CERT_FILE", authority, 1);
    }
    FILE *to = freopen(log, "w", stderr);
    if (to)
        execl(program, program, "-c", configuration, (char *)NULL);
    _exit(127);
}

void rig_print_log(const struct rig *rig)
{
    char path[128], line[1024];
    folder_path(rig->folder, "log", path, sizeof path);
    FILE *in = fopen(path, "r");
    while (in && fgets(line, sizeof line, in))
        fprintf(stderr, "    evermxd: %s", line);
    if (in)
        fclose(in);
}

void rig_start(struct rig *rig, const char *zone, const char *yaml)
{
    const char *build = getenv("EVERMX_BUILD");
    memset(rig, 0, sizeof *rig);
    snprintf(rig->build, sizeof rig->build, "%s", build ? build : "build");
    folder_make(rig->folder);
    rig->port = free_port();
    write_text(rig, "example.test.zone", zone);
    write_text(rig, "evermx.yaml", yaml);
    rig->daemon = fork();
    assert_true(rig->daemon >= 0);
    if (rig->daemon == 0)
        run_daemon(rig);
    struct answer answer;
    int64_t deadline_ms = clock_now_ms() + START_PATIENCE_MS;
    do {
        rig_answer(rig, "127.0.0.1", rig->port, "example.test", "SOA", &answer);
        if (answer.timed_out)
            poll(NULL, 0, PAUSE_MS);
    } while (answer.timed_out && clock_now_ms() < deadline_ms &&
             waitpid(rig->daemon, NULL, WNOHANG) == 0);
    if (answer.timed_out) {
        rig_print_log(rig);
        fail_msg("evermxd does not answer on 127.0.0.1@%u", rig->port);
    }
}

void rig_stop(struct rig *rig)
{
    int status = 0;
    pid_t ended = 0;
    kill(rig->daemon, SIGTERM);
    int64_t deadline_ms = clock_now_ms() + STOP_PATIENCE_MS;
    while ((ended = waitpid(rig->daemon, &status, WNOHANG)) == 0 && clock_now_ms() < deadline_ms)
        poll(NULL, 0, PAUSE_MS);
    bool clean = ended == rig->daemon && WIFEXITED(status) && WEXITSTATUS(status) == 0;
    if (!clean) {
        kill(rig->daemon, SIGKILL);
        rig_print_log(rig);
    }
    folder_remove(rig->folder);
    rig->daemon = 0;
    if (!clean)
        fail_msg("evermxd did not end cleanly on SIGTERM: wait status 0x%x", (unsigned)status);
}

/* The whole output of a command. */
static char *output_of(const char *command, int *status)
{
    FILE *from = popen(command, "r");
    assert_non_null(from);
    char *text = NULL, piece[4096];
    size_t size, got;
    FILE *to = open_memstream(&text, &size);
    while ((got = fread(piece, 1, sizeof piece, from)) > 0)
        fwrite(piece, 1, got, to);
    fclose(to);
    *status = pclose(from);
    return text;
}

int64_t rig_lab(const char *format, ...)
{
    char words[512], command[600];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(words, sizeof words, format, arguments);
    va_end(arguments);
    snprintf(command, sizeof command, "tests/e2e/lab.sh %s 2>&1", words);
    int status;
    char *output = output_of(command, &status);
    int64_t done_ms = clock_now_ms();
    const char *done = strstr(output, "done ");
    if (status != 0)
        fail_msg("%s: status %d\n%s", command, status, output);
    if (done)
        done_ms = strtoll(done + 5, NULL, 10);
    free(output);
    return done_ms;
}

char *rig_ctl(struct rig *rig, const char *format, ...)
{
    char words[512], command[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(words, sizeof words, format, arguments);
    va_end(arguments);
    snprintf(command, sizeof command, "%s/evermxctl -s %s/control.sock %s 2>&1", rig->build,
             rig->folder, words);
    int status;
    char *output = output_of(command, &status);
    if (status != 0)
        fail_msg("%s: status %d\n%s", command, status, output);
    return output;
}

static int compare_texts(const void *one, const void *other)
{
    return strcmp(*(char *const *)one, *(char *const *)other);
}

static void fill(struct answer *answer, const ldns_pkt *packet)
{
    if (ldns_pkt_get_rcode(packet) != LDNS_RCODE_NOERROR) {
        char *rcode = ldns_pkt_rcode2str(ldns_pkt_get_rcode(packet));
        snprintf(answer->text, sizeof answer->text, "%s", rcode);
        free(rcode);
        return;
    }
    const ldns_rr_list *list = ldns_pkt_answer(packet);
    char *texts[64];
    size_t count = ldns_rr_list_rr_count(list), used = 0;
    for (size_t i = 0; i < count && i < 64; i++) {
        const ldns_rr *rr = ldns_rr_list_rr(list, i);
        char *text = ldns_rr2str(rr), *tab = strrchr(text, '\t');
        tab[strcspn(tab, "\n")] = '\0';
        texts[i] = memory_strdup(tab + 1);
        answer->ttl_s = ldns_rr_ttl(rr);
        free(text);
    }
    qsort(texts, count, sizeof *texts, compare_texts);
    for (size_t i = 0; i < count; i++) {
        used += (size_t)snprintf(answer->text + used, sizeof answer->text - used, "%s%s",
                                 i ? "; " : "", texts[i]);
        free(texts[i]);
    }
}

void rig_answer(struct rig *rig, const char *server, uint16_t port, const char *name,
                const char *rrtype, struct answer *answer)
{
    memset(answer, 0, sizeof *answer);
    ldns_resolver *resolver = ldns_resolver_new();
    ldns_rdf *address = ldns_rdf_new_frm_str(LDNS_RDF_TYPE_A, server);
    ldns_resolver_push_nameserver(resolver, address);
    ldns_rdf_deep_free(address);
    ldns_resolver_set_port(resolver, port);
    ldns_resolver_set_retry(resolver, 1);
    ldns_resolver_set_timeout(resolver, (struct timeval){.tv_sec = 2});
    ldns_resolver_set_edns_udp_size(resolver, 1232);
    ldns_rdf *owner = ldns_dname_new_frm_str(name);
    ldns_pkt *packet = NULL;
    ldns_status status = ldns_resolver_send(
        &packet, resolver, owner, ldns_get_rr_type_by_name(rrtype), LDNS_RR_CLASS_IN, LDNS_RD);
    answer->timed_out = status != LDNS_STATUS_OK || !packet;
    if (packet && !answer->timed_out)
        fill(answer, packet);
    rig->queries++;
    ldns_pkt_free(packet);
    ldns_rdf_deep_free(owner);
    ldns_resolver_deep_free(resolver);
}

int64_t rig_wait(struct rig *rig, const char *server, uint16_t port, const char *name,
                 const char *rrtype, const char *expected, int64_t patience_ms)
{
    struct answer answer = {0};
    int64_t start_ms = clock_now_ms(), now_ms;
    do {
        rig_answer(rig, server, port, name, rrtype, &answer);
        now_ms = clock_now_ms();
        if (answer.timed_out || !answer.text[0] || strstr(answer.text, "NXDOMAIN"))
            break;
        if (strcmp(answer.text, expected) == 0)
            return now_ms;
        poll(NULL, 0, PAUSE_MS);
    } while (now_ms - start_ms < patience_ms);
    rig_print_log(rig);
    fail_msg("%s %s at %s@%u, after %lld ms\n   expected %s\n   got      %s", name, rrtype, server,
             port, (long long)(now_ms - start_ms), expected,
             answer.timed_out ? "no answer" : answer.text);
    return 0;
}
