/* SPDX-License-Identifier: BSD-2-Clause */
/* The commands and the two ways they come in by. */
#include "control.h"

#include "base/memory.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/listener.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { COMMAND_LIMIT = 1024, INPUT_LIMIT = 16 * 1024 };

struct control {
    struct host *host;
    struct event *stdin_event;
    struct evbuffer *stdin_lines;
    bool end_with_stdin;
    struct evconnlistener *listener;
    char *path;
};

/* Statistics */

static void control_add_json_text(struct evbuffer *out, const char *text)
{
    evbuffer_add(out, "\"", 1);
    for (const unsigned char *at = (const unsigned char *)text; *at != '\0'; at++) {
        /* EHLO names come from outside; other bytes than ASCII need not be UTF-8. */
        if (*at < 0x20 || *at >= 0x7f || *at == '"' || *at == '\\')
            evbuffer_add_printf(out, "\\u%04x", *at);
        else
            evbuffer_add(out, at, 1);
    }
    evbuffer_add(out, "\"", 1);
}

static void control_add_counters(struct evbuffer *out, const struct counters *counters,
                                 uint32_t open)
{
    evbuffer_add_printf(out,
                        "\"connections\": %ju, \"quit\": %ju, \"dropped\": %ju, \"closed\": %ju, "
                        "\"open\": %u, \"max_open\": %u, \"pregreet\": %ju, \"tls\": %ju",
                        (uintmax_t)counters->connections, (uintmax_t)counters->quit,
                        (uintmax_t)counters->dropped, (uintmax_t)counters->closed, open,
                        counters->max_open, (uintmax_t)counters->pregreet,
                        (uintmax_t)counters->tls);
}

static void control_add_stats(struct evbuffer *out, const struct listener *listener)
{
    char where[ADDRESS_TEXT_SIZE];
    char mode[BEHAVIOUR_TEXT_SIZE + 64];
    address_format(&listener->address, where);
    behaviour_format(&listener->behaviour, mode, sizeof(mode));
    evbuffer_add_printf(out, "{\"protocol\": \"%s\", \"address\": \"%s\", \"port\": %u, \"mode\": ",
                        listener->protocol->name, where, listener->port);
    control_add_json_text(out, mode);
    evbuffer_add_printf(out, ", ");
    control_add_counters(out, &listener->counters, listener->open);
    evbuffer_add_printf(out, ", \"last_ehlo\": ");
    control_add_json_text(out, listener->counters.last_ehlo);
    evbuffer_add_printf(out, "}\n");
}

static void control_sum(struct counters *sum, const struct counters *one)
{
    sum->connections += one->connections;
    sum->quit += one->quit;
    sum->dropped += one->dropped;
    sum->closed += one->closed;
    sum->pregreet += one->pregreet;
    sum->tls += one->tls;
    /* Of the whole host: the largest of any one listener, not a sum of moments. */
    if (one->max_open > sum->max_open)
        sum->max_open = one->max_open;
}

/* Commands */

/* Calls act for each listener at a place: "" is everywhere. */
static bool control_each(struct control *control, const char *where, struct evbuffer *out,
                         void (*act)(struct evbuffer *out, struct listener *listener, void *data),
                         void *data, struct error *error)
{
    struct place place;
    struct host *host = control->host;
    size_t matches = 0;
    if (!place_parse(*where == '\0' ? "all" : where, &place, error))
        return false;
    for (size_t i = 0; i < host->listener_count; i++) {
        struct listener *listener = host->listeners[i];
        if (!place_contains(&place, listener->protocol, &listener->address, listener->port))
            continue;
        act(out, listener, data);
        matches++;
    }
    return matches > 0 || error_set(error, "%s: no such listener", where);
}

static void control_act_stats(struct evbuffer *out, struct listener *listener, void *data)
{
    (void)data;
    control_add_stats(out, listener);
}

struct control_total {
    struct counters counters;
    uint32_t open;
    uint32_t listeners;
};

static void control_act_total(struct evbuffer *out, struct listener *listener, void *data)
{
    struct control_total *total = data;
    (void)out;
    control_sum(&total->counters, &listener->counters);
    total->open += listener->open;
    total->listeners++;
}

static void control_act_zero(struct evbuffer *out, struct listener *listener, void *data)
{
    (void)out;
    (void)data;
    /* Sessions that are open count anew: connections are always the sum of ended and open ones. */
    listener->counters =
        (struct counters){.connections = listener->open, .max_open = listener->open};
}

static bool control_do_stats(struct control *control, const char *where, struct evbuffer *out,
                             struct error *error)
{
    return control_each(control, where, out, control_act_stats, NULL, error);
}

static bool control_do_total(struct control *control, const char *where, struct evbuffer *out,
                             struct error *error)
{
    struct control_total total = {0};
    if (!control_each(control, where, out, control_act_total, &total, error))
        return false;
    evbuffer_add_printf(out, "{\"listeners\": %u, ", total.listeners);
    control_add_counters(out, &total.counters, total.open);
    evbuffer_add_printf(out, "}\n");
    return true;
}

static bool control_do_zero(struct control *control, const char *where, struct evbuffer *out,
                            struct error *error)
{
    return control_each(control, where, out, control_act_zero, NULL, error);
}

static bool control_do_help(struct control *control, const char *where, struct evbuffer *out,
                            struct error *error)
{
    char line[160];
    (void)control;
    (void)where;
    (void)error;
    evbuffer_add_printf(out, "WHERE MODE     behave so; WHERE is all, smtp, 127.0.0.11, "
                             "smtp:127.0.0.11@25, 127.1.0.0/24, ...\n"
                             "stats [WHERE]  counters, a line of JSON for each listener\n"
                             "total [WHERE]  their sum, one line\n"
                             "zero [WHERE]   set them to 0\n"
                             "stop           end the program\n"
                             "modes:\n");
    for (size_t i = 0; behaviour_describe(i, line, sizeof(line)); i++)
        evbuffer_add_printf(out, "  %s\n", line);
    return true;
}

static bool control_do_stop(struct control *control, const char *where, struct evbuffer *out,
                            struct error *error)
{
    /* Leaves the loop a moment later, so that the answer gets out. */
    struct timeval moment = {.tv_usec = 20000};
    (void)where;
    (void)out;
    (void)error;
    event_base_loopexit(control->host->base, &moment);
    return true;
}

static bool control_run(struct control *control, const char *line, struct evbuffer *out,
                        struct error *error)
{
    static const struct {
        const char *word;
        bool (*act)(struct control *control, const char *where, struct evbuffer *out,
                    struct error *error);
    } commands[] = {
        {"stats", control_do_stats}, {"total", control_do_total}, {"zero", control_do_zero},
        {"help", control_do_help},   {"stop", control_do_stop},
    };
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        size_t size = strlen(commands[i].word);
        if (strncmp(line, commands[i].word, size) != 0)
            continue;
        if (line[size] == '\0' || line[size] == ' ')
            return commands[i].act(control, line + size + strspn(line + size, " "), out, error);
    }
    return host_command(control->host, line, error);
}

static void control_execute(struct control *control, char *line, struct evbuffer *out)
{
    struct error error;
    line += strspn(line, " \t");
    for (size_t size = strlen(line); size > 0 && strchr(" \t", line[size - 1]); size--)
        line[size - 1] = '\0';
    if (*line == '\0' || *line == '#')
        return;
    if (control_run(control, line, out, &error))
        evbuffer_add_printf(out, "ok\n");
    else
        evbuffer_add_printf(out, "error: %s\n", error.text);
}

static void control_take_lines(struct control *control, struct evbuffer *in, struct evbuffer *out)
{
    char *line;
    while ((line = evbuffer_readln(in, NULL, EVBUFFER_EOL_CRLF)) != NULL) {
        control_execute(control, line, out);
        free(line);
    }
    if (evbuffer_get_length(in) > COMMAND_LIMIT) {
        evbuffer_drain(in, evbuffer_get_length(in));
        evbuffer_add_printf(out, "error: a command has at most %d bytes\n", COMMAND_LIMIT);
    }
}

/* Standard input. The answers are written in blocking mode: whoever gives commands reads them. */

static void control_answer_stdout(struct evbuffer *out)
{
    while (evbuffer_get_length(out) > 0 && evbuffer_write(out, STDOUT_FILENO) > 0)
        ;
}

/* False at the end of the input. */
static bool control_read_stdin(struct control *control)
{
    struct evbuffer *out = evbuffer_new();
    int size = evbuffer_read(control->stdin_lines, STDIN_FILENO, 4096);
    if (size == 0 && evbuffer_get_length(control->stdin_lines) > 0)
        evbuffer_add(control->stdin_lines, "\n", 1);
    control_take_lines(control, control->stdin_lines, out);
    control_answer_stdout(out);
    evbuffer_free(out);
    if (size == 0 && control->end_with_stdin)
        event_base_loopbreak(control->host->base);
    return size > 0 || (size < 0 && (errno == EAGAIN || errno == EINTR));
}

static void control_on_stdin(evutil_socket_t fd, short what, void *argument)
{
    struct control *control = argument;
    (void)fd;
    (void)what;
    if (!control_read_stdin(control))
        event_del(control->stdin_event);
}

void control_start_stdin(struct control *control, bool end_with_stdin)
{
    struct stat status;
    if (fstat(STDIN_FILENO, &status) != 0)
        return;
    /* Files and /dev/null cannot be waited for: they are read to their end, which says nothing of a
     * parent. A shell gives /dev/null to what it starts with "&". */
    if (S_ISREG(status.st_mode) || (S_ISCHR(status.st_mode) && !isatty(STDIN_FILENO))) {
        while (S_ISREG(status.st_mode) && control_read_stdin(control))
            ;
        return;
    }
    control->end_with_stdin = end_with_stdin;
    control->stdin_event = event_new(control->host->base, STDIN_FILENO, EV_READ | EV_PERSIST,
                                     control_on_stdin, control);
    if (control->stdin_event)
        event_add(control->stdin_event, NULL);
}

/* The UNIX socket */

static void control_on_lines(struct bufferevent *connection, void *argument)
{
    control_take_lines(argument, bufferevent_get_input(connection),
                       bufferevent_get_output(connection));
}

static void control_on_sent(struct bufferevent *connection, void *argument)
{
    (void)argument;
    /* Only after the end of the client's side, when reading is off, is there nothing to wait for.
     */
    if (!(bufferevent_get_enabled(connection) & EV_READ))
        bufferevent_free(connection);
}

static void control_on_event(struct bufferevent *connection, short what, void *argument)
{
    (void)argument;
    bufferevent_disable(connection, EV_READ);
    if (!(what & BEV_EVENT_EOF) || evbuffer_get_length(bufferevent_get_output(connection)) == 0)
        bufferevent_free(connection);
}

static void control_on_client(struct evconnlistener *listener, evutil_socket_t fd,
                              struct sockaddr *name, int size, void *argument)
{
    struct bufferevent *connection =
        bufferevent_socket_new(evconnlistener_get_base(listener), fd, BEV_OPT_CLOSE_ON_FREE);
    struct timeval limit = {.tv_sec = 600};
    (void)name;
    (void)size;
    if (!connection) {
        close(fd);
        return;
    }
    bufferevent_setcb(connection, control_on_lines, control_on_sent, control_on_event, argument);
    bufferevent_setwatermark(connection, EV_READ, 0, INPUT_LIMIT);
    bufferevent_set_timeouts(connection, &limit, &limit);
    bufferevent_enable(connection, EV_READ | EV_WRITE);
}

static bool control_set_path(struct sockaddr_un *name, const char *path, struct error *error)
{
    *name = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(name->sun_path))
        return error_set(error, "control socket %s: a path has at most %zu bytes", path,
                         sizeof(name->sun_path) - 1);
    memcpy(name->sun_path, path, strlen(path) + 1);
    return true;
}

/* A socket file that nobody serves was left behind by a host that was killed. */
static void control_remove_stale(const struct sockaddr_un *name)
{
    struct stat status;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && lstat(name->sun_path, &status) == 0 && S_ISSOCK(status.st_mode) &&
        connect(fd, (const struct sockaddr *)name, sizeof(*name)) != 0 && errno == ECONNREFUSED)
        unlink(name->sun_path);
    if (fd >= 0)
        close(fd);
}

static bool control_listen(struct control *control, const char *path, struct error *error)
{
    struct sockaddr_un name;
    if (!control_set_path(&name, path, error))
        return false;
    control_remove_stale(&name);
    mode_t mask = umask(0077); /* who may connect may command */
    control->listener = evconnlistener_new_bind(control->host->base, control_on_client, control,
                                                LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 16,
                                                (struct sockaddr *)&name, sizeof(name));
    int error_number = errno;
    umask(mask);
    if (!control->listener)
        return error_set(error, "control socket %s: %s", path, strerror(error_number));
    control->path = memory_strdup(path);
    return true;
}

struct control *control_new(struct host *host, const char *path, struct error *error)
{
    struct control *control = memory_alloc(sizeof(*control));
    control->host = host;
    control->stdin_lines = evbuffer_new();
    if (!control->stdin_lines)
        memory_exhausted(sizeof(*control));
    if (path && !control_listen(control, path, error)) {
        control_free(control);
        return NULL;
    }
    return control;
}

void control_free(struct control *control)
{
    if (!control)
        return;
    if (control->stdin_event)
        event_free(control->stdin_event);
    evbuffer_free(control->stdin_lines);
    if (control->listener)
        evconnlistener_free(control->listener);
    if (control->path)
        unlink(control->path);
    free(control->path);
    free(control);
}

/* The client's side */

static int control_connect(const char *path, struct error *error)
{
    struct sockaddr_un name;
    if (!control_set_path(&name, path, error))
        return -1;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&name, sizeof(name)) == 0)
        return fd;
    error_set(error, "connecting to %s: %s; does a mailhost run with --control %s?", path,
              strerror(errno), path);
    if (fd >= 0)
        close(fd);
    return -1;
}

static bool control_send_words(int fd, char *const words[], int count)
{
    struct evbuffer *line = evbuffer_new();
    for (int i = 0; i < count; i++)
        evbuffer_add_printf(line, "%s%s", i > 0 ? " " : "", words[i]);
    evbuffer_add(line, "\n", 1);
    while (evbuffer_get_length(line) > 0 && evbuffer_write(line, fd) > 0)
        ;
    bool sent = evbuffer_get_length(line) == 0;
    evbuffer_free(line);
    return sent && shutdown(fd, SHUT_WR) == 0;
}

int control_tell(const char *path, char *const words[], int count)
{
    struct error error;
    int fd = control_connect(path, &error);
    if (fd < 0) {
        fprintf(stderr, "mailhost: %s\n", error.text);
        return 1;
    }
    FILE *answer = control_send_words(fd, words, count) ? fdopen(fd, "r") : NULL;
    char line[2048] = "";
    while (answer && fgets(line, sizeof(line), answer))
        fputs(line, stdout);
    if (answer)
        fclose(answer);
    else
        close(fd);
    return strcmp(line, "ok\n") == 0 ? 0 : 1;
}
