/* SPDX-License-Identifier: BSD-2-Clause */
#include "ask.h"

#include "base/memory.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* As long as evermxd takes at most: 10 s in its queue, 5 s for the engine, and a large reload. */
enum { PATIENCE_S = 120, ANSWER_MAX = 256 << 20 };

_Noreturn static void no_server(const char *path, const char *why, const char *hint)
{
    fprintf(stderr, "evermxctl: %s: %s%s\n", path, why, hint);
    exit(EXIT_NO_SERVER);
}

_Noreturn static void cannot_connect(const char *path, int reason)
{
    const char *hint = "";
    if (reason == ENOENT)
        hint =
            "; does evermxd run, and with this control socket? (-s PATH or -c FILE names another)";
    else if (reason == ECONNREFUSED)
        hint = "; nobody listens there: evermxd does not run, or was killed";
    else if (reason == EACCES || reason == EPERM)
        hint = "; only root, evermxd's user and its group may: use sudo, or join the group";
    no_server(path, strerror(reason), hint);
}

static int open_socket(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct timeval patience = {PATIENCE_S, 0};
    if (strlen(path) >= sizeof address.sun_path)
        no_server(path, "too long for the path of a socket", "");
    memcpy(address.sun_path, path, strlen(path));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience) < 0 ||
        connect(fd, (const struct sockaddr *)&address, sizeof address) < 0)
        cannot_connect(path, errno);
    return fd;
}

/* All until end of file, as text. */
static char *receive(int fd, const char *path)
{
    size_t size = 0, capacity = 4096;
    char *text = memory_array(capacity, 1);
    for (;;) {
        ssize_t got = recv(fd, text + size, capacity - size - 1, 0);
        if (got == 0 || (got < 0 && errno == ECONNRESET && size > 0))
            break;
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            no_server(path, "no answer", errno == EAGAIN ? " in time: evermxd is stuck" : "");
        size += (size_t)got;
        if (size > ANSWER_MAX)
            no_server(path, "the answer has no end", "");
        if (capacity - size < 2)
            text = memory_resize(text, capacity *= 2, 1);
    }
    text[size] = '\0';
    return text;
}

json_t *ask_server(const char *path, const char *request)
{
    int fd = open_socket(path);
    json_error_t error;
    size_t size = strlen(request);
    if (send(fd, request, size, MSG_NOSIGNAL) != (ssize_t)size)
        no_server(path, "sending the request: ", strerror(errno));
    char *text = receive(fd, path);
    close(fd);
    json_t *answer = json_loads(text, 0, &error);
    if (!json_is_object(answer))
        no_server(path,
                  *text ? "this is no answer of evermxd's"
                        : "the connection ended without an answer; see evermxd's log",
                  "");
    free(text);
    return answer;
}
