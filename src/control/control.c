/* SPDX-License-Identifier: BSD-2-Clause */
/* Each client lives through: reading its request, being answered, closed; one deadline for either
 * half. A client that hangs costs a slot until then and nothing else. */
#include "control/control.h"

#include "base/log.h"
#include "base/memory.h"
#include "control/render.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { BACKLOG = 128 };

struct client {
    struct control *control; /* NULL: the slot is free */
    struct bufferevent *stream;
    struct event *deadline;
    bool answered; /* the answer is on its way */
    bool stop;     /* the process is to end when it has arrived */
};

struct control {
    struct event_base *base;
    struct evconnlistener *listener;
    struct event *resume; /* accepts again after a pause */
    char *path;
    struct stat identity; /* of our socket */
    struct command_parts parts;
    struct client clients[CONTROL_CLIENTS_MAX];
    size_t nclients;
};

/* ---- clients ---- */

static void client_deadline(struct client *client)
{
    struct timeval patience = {CONTROL_PATIENCE_MS / 1000, CONTROL_PATIENCE_MS % 1000 * 1000};
    event_add(client->deadline, &patience);
}

static void client_stop(struct client *client)
{
    const struct command_actions *actions = &client->control->parts.actions;
    if (client->stop)
        actions->stop(actions->context);
    client->stop = false;
}

static void client_close(struct client *client)
{
    struct control *control = client->control;
    client_stop(client);
    bufferevent_free(client->stream);
    event_free(client->deadline);
    client->control = NULL;
    if (control->nclients-- == CONTROL_CLIENTS_MAX)
        evconnlistener_enable(control->listener);
}

static void free_text(const void *text, size_t size, void *context)
{
    (void)size;
    (void)context;
    free((void *)(uintptr_t)text);
}

static void client_answer(struct client *client, json_t *answer)
{
    /* 12 digits: milliseconds over the uptime of 30 years. */
    char *text = json_dumps(answer, JSON_COMPACT | JSON_REAL_PRECISION(12));
    if (!text)
        memory_exhausted(CONTROL_LINE_MAX);
    json_decref(answer);
    struct evbuffer *output = bufferevent_get_output(client->stream);
    client->answered = true;
    evbuffer_add_reference(output, text, strlen(text), free_text, NULL);
    evbuffer_add(output, "\n", 1);
    client_deadline(client);
}

static unsigned client_uid(const struct client *client)
{
    struct ucred peer = {.uid = (uid_t)-1};
    socklen_t size = sizeof peer;
    getsockopt(bufferevent_getfd(client->stream), SOL_SOCKET, SO_PEERCRED, &peer, &size);
    return peer.uid;
}

/* Anything else has no meaning in a request, and no place in the log. */
static bool is_printable(const char *line, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if ((line[i] < ' ' || line[i] > '~') && line[i] != '\t')
            return false;
    return true;
}

static json_t *client_request(struct client *client, char *line, size_t size)
{
    if (size > CONTROL_LINE_MAX)
        return render_error("a request has at most %d octets", CONTROL_LINE_MAX);
    if (!is_printable(line, size))
        return render_error("a request has printable ASCII characters only");
    return command_run(&client->control->parts, line, client_uid(client), &client->stop);
}

static void on_read(struct bufferevent *stream, void *context)
{
    struct client *client = context;
    struct evbuffer *input = bufferevent_get_input(stream);
    size_t size = evbuffer_get_length(input);
    if (client->answered) { /* a request is one line: the rest is nothing to us */
        evbuffer_drain(input, size);
        return;
    }
    char *line = evbuffer_readln(input, &size, EVBUFFER_EOL_CRLF);
    if (!line && evbuffer_get_length(input) <= CONTROL_LINE_MAX + 1)
        return;
    client_answer(client, client_request(client, line, line ? size : SIZE_MAX));
    free(line);
}

static void on_written(struct bufferevent *stream, void *context)
{
    struct client *client = context;
    (void)stream;
    if (client->stop)
        client_stop(client); /* and stays open until the end: see control_free */
    else if (client->answered)
        client_close(client);
}

static void on_end(struct bufferevent *stream, short what, void *context)
{
    struct client *client = context;
    bool half = evbuffer_get_length(bufferevent_get_input(stream)) > 0;
    if (what & BEV_EVENT_ERROR || (!client->answered && !half))
        client_close(client);
    else if (!client->answered)
        client_answer(client, render_error("the request has no end of line"));
    /* else it closed its writing half, as it may, and waits for the answer */
}

static void on_deadline(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    client_close(context);
}

/* ---- the socket ---- */

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *address,
                      int address_size, void *context)
{
    struct control *control = context;
    struct client *client = control->clients;
    (void)address;
    (void)address_size;
    while (client->control)
        client++;
    *client = (struct client){.control = control};
    client->stream = bufferevent_socket_new(control->base, fd, BEV_OPT_CLOSE_ON_FREE);
    client->deadline = event_new(control->base, -1, 0, on_deadline, client);
    if (!client->stream || !client->deadline)
        memory_exhausted(sizeof *client);
    bufferevent_setcb(client->stream, on_read, on_written, on_end, client);
    /* No more of a request is read than tells that it is too long. */
    bufferevent_setwatermark(client->stream, EV_READ, 0, CONTROL_LINE_MAX + 2);
    bufferevent_enable(client->stream, EV_READ | EV_WRITE);
    client_deadline(client);
    if (++control->nclients == CONTROL_CLIENTS_MAX)
        evconnlistener_disable(listener);
}

/* Without a pause, a lack of descriptors would make main spin. */
static void on_accept_error(struct evconnlistener *listener, void *context)
{
    struct control *control = context;
    struct timeval pause = {1, 0};
    log_warning("control: accepting a client on %s: %s", control->path, strerror(errno));
    evconnlistener_disable(listener);
    event_add(control->resume, &pause);
}

static void on_resume(evutil_socket_t fd, short what, void *context)
{
    struct control *control = context;
    (void)fd;
    (void)what;
    if (control->nclients < CONTROL_CLIENTS_MAX)
        evconnlistener_enable(control->listener);
}

/* Makes way for a new socket: removes one that nobody listens on. */
static bool remove_stale(const struct sockaddr_un *address, struct error *error)
{
    struct stat found;
    if (lstat(address->sun_path, &found) < 0)
        return errno == ENOENT || error_set(error, "%s", strerror(errno));
    if (!S_ISSOCK(found.st_mode))
        return error_set(error, "a file of that name is in the way");
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return error_set(error, "%s", strerror(errno));
    bool refused =
        connect(fd, (const struct sockaddr *)address, sizeof *address) < 0 && errno == ECONNREFUSED;
    int reason = refused ? 0 : errno;
    close(fd);
    if (reason == EACCES || reason == EPERM)
        return error_set(error, "another socket is in the way: %s", strerror(reason));
    if (!refused)
        return error_set(error, "another evermxd listens there");
    return unlink(address->sun_path) == 0 || errno == ENOENT ||
           error_set(error, "removing a stale socket: %s", strerror(errno));
}

/* Returns the descriptor, or -1. The mode is right from the first moment on: Linux takes it from
 * the socket, less the umask, which chmod then makes up for. */
static int bind_socket(const struct sockaddr_un *address, struct error *error)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd >= 0 && fchmod(fd, 0660) == 0 &&
        bind(fd, (const struct sockaddr *)address, sizeof *address) == 0 &&
        chmod(address->sun_path, 0660) == 0)
        return fd;
    error_set(error, "%s", strerror(errno));
    if (fd >= 0)
        close(fd);
    return -1;
}

static int open_socket(const char *path, struct error *error)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct error reason;
    size_t size = strlen(path);
    int fd = -1;
    memcpy(address.sun_path, path, size < sizeof address.sun_path ? size : 0);
    if (size >= sizeof address.sun_path)
        error_set(&reason, "the path has more than %zu octets", sizeof address.sun_path - 1);
    else if (remove_stale(&address, &reason))
        fd = bind_socket(&address, &reason);
    if (fd < 0)
        error_set(error, "control socket %s: %s", path, reason.text);
    return fd;
}

struct control *control_new(struct event_base *base, const char *path, struct error *error)
{
    int fd = open_socket(path, error);
    if (fd < 0)
        return NULL;
    struct control *control = memory_alloc(sizeof *control);
    control->base = base;
    control->path = memory_strdup(path);
    if (stat(path, &control->identity) < 0)
        control->identity.st_ino = 0;
    control->resume = event_new(base, -1, 0, on_resume, control);
    control->listener = evconnlistener_new(
        base, on_accept, control, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_DISABLED,
        BACKLOG, fd);
    if (!control->resume || !control->listener)
        memory_exhausted(sizeof *control);
    evconnlistener_set_error_cb(control->listener, on_accept_error);
    return control;
}

void control_start(struct control *control, const struct command_parts *parts)
{
    control->parts = *parts;
    evconnlistener_enable(control->listener);
}

void control_free(struct control *control)
{
    struct stat found;
    if (!control)
        return;
    evconnlistener_free(control->listener);
    /* Without the right to remove it the next start will find it stale. */
    if (stat(control->path, &found) == 0 && found.st_ino == control->identity.st_ino &&
        found.st_dev == control->identity.st_dev)
        unlink(control->path);
    for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++) {
        if (control->clients[i].control) {
            bufferevent_free(control->clients[i].stream);
            event_free(control->clients[i].deadline);
        }
    }
    event_free(control->resume);
    free(control->path);
    free(control);
}
