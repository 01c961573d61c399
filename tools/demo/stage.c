/* SPDX-License-Identifier: BSD-2-Clause */
#include "stage.h"

#include "base/memory.h"
#include "certificate.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PORT_WANTED = 5300, PORT_TRIES = 20 };

/* What each mail host offers, by the ports of the zone's SRV records; SMTP's is the
 * configuration's. */
static const struct {
    const char *check;
    uint16_t port;
} services[] = {
    {"smtp", 2525}, {"submission", 1587}, {"smtps", 1465}, {"imap", 1143}, {"imaps", 1993},
};

enum { SERVICES = sizeof services / sizeof *services };

/* ---- files ---- */

static char *path_of(const struct stage *stage, const char *name, const char *ending)
{
    return memory_printf("%s/%s%s", stage->directory, name, ending);
}

static char *own_directory(void)
{
    char path[PATH_MAX];
    ssize_t size = readlink("/proc/self/exe", path, sizeof path - 1);
    if (size <= 0)
        return NULL;
    path[size] = '\0';
    *strrchr(path, '/') = '\0';
    return memory_strdup(path);
}

/* As a double-quoted scalar of YAML. */
static void put_quoted(FILE *file, const char *text)
{
    putc('"', file);
    for (; *text; text++)
        fprintf(file, *text == '"' || *text == '\\' ? "\\%c" : "%c", *text);
    putc('"', file);
}

static bool write_config(const struct stage *stage, const char *path, struct error *error)
{
    FILE *file = fopen(path, "we");
    if (!file)
        return error_set(error, "writing %s: %s", path, strerror(errno));
    char *control = path_of(stage, "control", ".sock");
    fprintf(file, "server:\n  listen: [\"127.0.0.1@%u\"]\n  control: ", stage->port);
    put_quoted(file, control);
    fputs("\nzones:\n  - ", file);
    put_quoted(file, stage->zone);
    fputs("\nchecks:\n", file);
    free(control);
    for (size_t i = 0; i < SERVICES; i++)
        fprintf(file,
                "  %s: {port: %u, interval: %dms, greeting-timeout: %dms, reply-timeout: %dms}\n",
                services[i].check, services[i].port, DEMO_INTERVAL_MS, DEMO_TIMEOUT_MS,
                DEMO_TIMEOUT_MS);
    if (fclose(file) != 0)
        return error_set(error, "writing %s: %s", path, strerror(errno));
    return true;
}

static void remove_directory(const char *path)
{
    DIR *directory = opendir(path);
    const struct dirent *entry;
    while (directory && (entry = readdir(directory)))
        if (entry->d_type != DT_DIR)
            unlinkat(dirfd(directory), entry->d_name, 0);
    if (directory)
        closedir(directory);
    rmdir(path);
}

/* ---- the port ---- */

/* Bound by UDP and TCP for a moment, then let go. port 0: any. Returns it, or 0. */
static uint16_t try_port(uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    socklen_t size = sizeof address;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), yes = 1;
    int udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    setsockopt(tcp, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    bool is_free = bind(tcp, (struct sockaddr *)&address, size) == 0 &&
                   getsockname(tcp, (struct sockaddr *)&address, &size) == 0 &&
                   bind(udp, (struct sockaddr *)&address, size) == 0;
    close(tcp);
    close(udp);
    return is_free ? ntohs(address.sin_port) : 0;
}

static uint16_t find_port(void)
{
    uint16_t port = try_port(PORT_WANTED);
    for (int i = 0; !port && i < PORT_TRIES; i++)
        port = try_port(0);
    return port;
}

/* ---- start ---- */

/* evermxd is told by the environment to trust it, as OpenSSL has it. */
static bool make_certificate(const struct stage *stage, struct error *error)
{
    char *cert = path_of(stage, "cert", ".pem"), *key = path_of(stage, "key", ".pem");
    bool made = certificate_write(cert, key, error) && setenv("SSL_CERT_FILE", cert, 1) == 0;
    free(cert);
    free(key);
    return made;
}

bool stage_open(struct stage *stage, const char *zone, struct error *error)
{
    const char *temporary = getenv("TMPDIR");
    stage->zone = realpath(zone, NULL);
    if (!stage->zone)
        return error_set(error, "%s: %s", zone, strerror(errno));
    stage->programs = own_directory();
    stage->port = find_port();
    if (!stage->programs || !stage->port)
        return error_set(error, "no free port on 127.0.0.1, or no /proc");
    stage->directory =
        memory_printf("%s/evermx-demo.XXXXXX", temporary && *temporary ? temporary : "/tmp");
    if (mkdtemp(stage->directory))
        return make_certificate(stage, error);
    error_set(error, "making %s: %s", stage->directory, strerror(errno));
    free(stage->directory);
    stage->directory = NULL;
    return false;
}

/* The last line of a log, for a message; "" when there is none. */
static void last_line(const char *path, char *line, size_t size)
{
    char next[256];
    FILE *file = fopen(path, "re");
    *line = '\0';
    while (file && fgets(next, sizeof next, file))
        snprintf(line, size, "%.*s", (int)strcspn(next, "\n"), next);
    if (file)
        fclose(file);
}

/* Adds to a message what the program that it is about says itself. */
static bool blame(const struct stage *stage, const char *program, struct error *error,
                  const char *what, const char *why)
{
    char line[256], *log = path_of(stage, program, ".log");
    last_line(log, line, sizeof line);
    free(log);
    return error_set(error, "%s %s%s%s%s%s", program, what, *why ? ": " : "", why,
                     *line ? ": " : "", line);
}

static bool start(const struct stage *stage, struct child *child, const char *name,
                  const char *const arguments[], struct error *error)
{
    char *log = path_of(stage, name, ".log");
    bool started = child_start(child, arguments, log, error);
    free(log);
    return started;
}

bool stage_start_server(struct stage *stage, struct error *error)
{
    char *program = memory_printf("%s/evermxd", stage->programs);
    char *config = path_of(stage, "evermx", ".yaml");
    const char *const arguments[] = {program, "-c", config, NULL};
    bool started = write_config(stage, config, error) &&
                   start(stage, &stage->server, "evermxd", arguments, error);
    free(program);
    free(config);
    return started;
}

static bool await_ready(struct stage *stage, int host, struct error *error)
{
    struct error why;
    return child_await(&stage->hosts[host], "ready", stage->interrupt, &why) ||
           blame(stage, mail_hosts[host].name, error, "did not start", why.text);
}

bool stage_start_host(struct stage *stage, int host, struct error *error)
{
    const struct mail_host *known = &mail_hosts[host];
    char *program = stage->mailhost ? memory_strdup(stage->mailhost)
                                    : memory_printf("%s/mailhost", stage->programs);
    char *listen[SERVICES];
    char *cert = path_of(stage, "cert", ".pem"), *key = path_of(stage, "key", ".pem");
    const char *arguments[7 + 2 * SERVICES + 1] = {program, "--name", known->domain, "--cert", cert,
                                                   "--key", key};
    for (size_t i = 0; i < SERVICES; i++) {
        listen[i] = memory_printf("%s:%s@%u", services[i].check, known->address, services[i].port);
        arguments[7 + 2 * i] = "--listen";
        arguments[8 + 2 * i] = listen[i];
    }
    bool started = start(stage, &stage->hosts[host], known->name, arguments, error) &&
                   await_ready(stage, host, error);
    for (size_t i = 0; i < SERVICES; i++)
        free(listen[i]);
    free(program);
    free(cert);
    free(key);
    return started;
}

bool stage_tell_host(struct stage *stage, int host, const char *command, struct error *error)
{
    struct child *child = &stage->hosts[host];
    struct error why;
    if (child_tell(child, command, &why) && child_await(child, "ok", stage->interrupt, &why))
        return true;
    return error_set(error, "telling %s \"%s\": %s", mail_hosts[host].name, command, why.text);
}

bool stage_kill_host(struct stage *stage, int host, struct error *error)
{
    if (!child_signal(&stage->hosts[host], SIGKILL, error))
        return false;
    child_end(&stage->hosts[host]);
    return true;
}

char *stage_explain(const struct stage *stage, bool coloured, struct error *error)
{
    char *program = memory_printf("%s/evermxctl", stage->programs);
    char *control = path_of(stage, "control", ".sock"), *text = NULL;
    const char *const arguments[] = {
        program,   "-s",           control, coloured ? "--color=always" : "--color=never",
        "explain", "example.test", "MX",    NULL};
    struct child child;
    if (start(stage, &child, "evermxctl", arguments, error)) {
        text = child_read_all(&child, stage->interrupt);
        child_end(&child);
        if (!*text) {
            blame(stage, "evermxctl", error, "explains nothing", "");
            free(text);
            text = NULL;
        }
    }
    free(program);
    free(control);
    return text;
}

bool stage_check(const struct stage *stage, struct error *error)
{
    if (stage->server.pid && child_has_ended(&stage->server))
        return blame(stage, "evermxd", error, "has ended", "");
    for (int i = 0; i < HOSTS; i++)
        if (stage->hosts[i].pid && child_has_ended(&stage->hosts[i]))
            return blame(stage, mail_hosts[i].name, error, "has ended", "");
    return true;
}

void stage_close(struct stage *stage, bool keep)
{
    child_end(&stage->server);
    for (int i = 0; i < HOSTS; i++)
        child_end(&stage->hosts[i]);
    if (stage->directory && !keep)
        remove_directory(stage->directory);
    free(stage->directory);
    free(stage->programs);
    free(stage->zone);
}
