/* SPDX-License-Identifier: BSD-2-Clause */
#include "support/sink.h"

#include "base/clock.h"
#include "base/memory.h"

#include <arpa/inet.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <event2/listener.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

struct sink {
    struct sink_options options;
    int listener;
    uint16_t port;
    pid_t process;
    struct event_base *base;
    struct visit *visits;         /* open ones */
    unsigned *open_at;            /* by the last 16 bits of the address */
    struct sink_numbers *numbers; /* shared with the test */
};

struct visit {
    struct sink *sink;
    struct visit *next, **link;
    struct bufferevent *events;
    struct event timer;
    bool greeted, left;
    bool owes; /* the reply to EHLO */
    unsigned at;
};

/* A polite client ends the session by QUIT, before it may open another. */
static void visit_leave(struct visit *visit)
{
    if (visit->left)
        return;
    visit->left = true;
    visit->sink->numbers->open--;
    visit->sink->open_at[visit->at]--;
}

static void visit_free(struct visit *visit)
{
    visit_leave(visit);
    *visit->link = visit->next;
    if (visit->next)
        visit->next->link = visit->link;
    event_del(&visit->timer);
    bufferevent_free(visit->events);
    free(visit);
}

static void visit_say(struct visit *visit, const char *line)
{
    bufferevent_write(visit->events, line, strlen(line));
}

static void visit_wait(struct visit *visit, int ms)
{
    struct timeval wait = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
    if (ms)
        event_add(&visit->timer, &wait);
}

static void visit_greet(struct visit *visit)
{
    visit->greeted = true;
    visit_say(visit, "220 sink ESMTP\r\n");
    visit_wait(visit, visit->sink->options.silence_ms);
}

/* Time to greet, or enough of the client's silence. */
static void visit_on_timer(evutil_socket_t fd, short what, void *context)
{
    struct visit *visit = context;
    (void)fd, (void)what;
    if (!visit->greeted) {
        visit_greet(visit);
        return;
    }
    if (visit->owes) {
        visit->owes = false;
        visit_say(visit, "250 sink\r\n");
        return;
    }
    visit_say(visit, "421 4.4.2 sink: timeout exceeded\r\n");
    bufferevent_flush(visit->events, EV_WRITE, BEV_FINISHED);
    shutdown(bufferevent_getfd(visit->events), SHUT_WR);
}

static void sink_look_at(struct sink_numbers *numbers, const char *line)
{
    if (!*numbers->stop_at || strncmp(line, numbers->stop_at, strlen(numbers->stop_at)) != 0)
        return;
    *numbers->stop_at = '\0';
    numbers->stopped_ms = clock_now_ms();
    raise(SIGSTOP);
}

static void visit_on_command(struct visit *visit, const char *line)
{
    const struct sink_options *options = &visit->sink->options;
    struct sink_numbers *numbers = visit->sink->numbers;
    bool quit = strcmp(line, "QUIT") == 0, hello = strncmp(line, "EHLO", 4) == 0;
    sink_look_at(numbers, line);
    numbers->quits += quit;
    numbers->hellos += hello;
    bool sick = hello && numbers->hellos <= options->sick;
    visit->owes = hello && numbers->hello_ms;
    if (!visit->owes)
        visit_say(visit, quit ? "221 bye\r\n" : sick ? "451 sick\r\n" : "250 sink\r\n");
    if (quit)
        visit_leave(visit);
    visit_wait(visit, visit->owes ? numbers->hello_ms : options->silence_ms);
}

static void visit_on_read(struct bufferevent *events, void *context)
{
    struct visit *visit = context;
    struct evbuffer *input = bufferevent_get_input(events);
    char *line;

    if (!visit->greeted)
        visit->sink->numbers->impatient++;
    while ((line = evbuffer_readln(input, NULL, EVBUFFER_EOL_CRLF_STRICT))) {
        visit_on_command(visit, line);
        free(line);
    }
}

static void visit_on_event(struct bufferevent *events, short what, void *context)
{
    (void)events;
    if (what & (BEV_EVENT_EOF | BEV_EVENT_ERROR))
        visit_free(context);
}

static void sink_count(struct sink *sink, const struct visit *visit)
{
    struct sink_numbers *numbers = sink->numbers;
    numbers->accepted++;
    if (++numbers->open > numbers->open_max)
        numbers->open_max = numbers->open;
    if (++sink->open_at[visit->at] > numbers->open_max_address)
        numbers->open_max_address = sink->open_at[visit->at];
}

static void sink_on_accept(struct evconnlistener *listener, evutil_socket_t fd,
                           struct sockaddr *from, int from_size, void *context)
{
    struct sink *sink = context;
    struct visit *visit = memory_alloc(sizeof *visit);
    struct sockaddr_in local = {0};
    socklen_t size = sizeof local;
    (void)listener, (void)from_size;

    getsockname(fd, (struct sockaddr *)&local, &size);
    sink->numbers->last_from = ntohl(((struct sockaddr_in *)from)->sin_addr.s_addr);
    visit->at = ntohl(local.sin_addr.s_addr) & 0xffff;
    visit->sink = sink;
    visit->next = sink->visits;
    visit->link = &sink->visits;
    if (visit->next)
        visit->next->link = &visit->next;
    sink->visits = visit;
    sink_count(sink, visit);
    visit->events = bufferevent_socket_new(sink->base, fd, BEV_OPT_CLOSE_ON_FREE);
    bufferevent_setcb(visit->events, visit_on_read, NULL, visit_on_event, visit);
    bufferevent_enable(visit->events, EV_READ | EV_WRITE);
    evtimer_assign(&visit->timer, sink->base, visit_on_timer, visit);
    if (sink->numbers->greet_ms)
        visit_wait(visit, sink->numbers->greet_ms);
    else if (sink->numbers->open_max >= sink->options.hold)
        for (visit = sink->visits; visit; visit = visit->next)
            if (!visit->greeted)
                visit_greet(visit);
}

static _Noreturn void sink_run(struct sink *sink)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGPIPE, SIG_IGN);
    sink->open_at = memory_array(65536, sizeof *sink->open_at);
    sink->base = event_base_new();
    evconnlistener_new(sink->base, sink_on_accept, sink, LEV_OPT_CLOSE_ON_FREE, 0, sink->listener);
    event_base_dispatch(sink->base);
    _exit(1);
}

struct sink *sink_start(const struct sink_options *options)
{
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_ANY)};
    struct sink *sink = memory_alloc(sizeof *sink);
    socklen_t size = sizeof any;
    struct rlimit limit;

    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    sink->options = *options;
    sink->numbers = mmap(NULL, sizeof *sink->numbers, PROT_READ | PROT_WRITE,
                         MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    sink->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    setsockopt(sink->listener, SOL_SOCKET, SO_BINDTODEVICE, "lo", sizeof "lo");
    if (sink->numbers == MAP_FAILED || bind(sink->listener, (struct sockaddr *)&any, size) < 0 ||
        listen(sink->listener, 4096) < 0 ||
        getsockname(sink->listener, (struct sockaddr *)&any, &size) < 0) {
        perror("sink_start");
        abort();
    }
    sink->numbers->greet_ms = options->greet_ms;
    sink->numbers->hello_ms = options->hello_ms;
    sink->port = ntohs(any.sin_port);
    sink->process = fork();
    if (sink->process == 0)
        sink_run(sink);
    return sink;
}

void sink_freeze(struct sink *sink, bool frozen)
{
    kill(sink->process, frozen ? SIGSTOP : SIGCONT);
    if (frozen) /* it may run on, on another processor, and take connections meanwhile */
        waitpid(sink->process, NULL, WUNTRACED);
}

void sink_backlog(struct sink *sink, int backlog)
{
    listen(sink->listener, backlog);
}

void sink_stop_at(struct sink *sink, const char *verb)
{
    snprintf(sink->numbers->stop_at, sizeof sink->numbers->stop_at, "%s", verb);
}

void sink_greet_after(struct sink *sink, int greet_ms)
{
    ((volatile struct sink_numbers *)sink->numbers)->greet_ms = greet_ms;
}

void sink_hello_after(struct sink *sink, int hello_ms)
{
    ((volatile struct sink_numbers *)sink->numbers)->hello_ms = hello_ms;
}

uint16_t sink_port(const struct sink *sink)
{
    return sink->port;
}

struct sink_numbers sink_numbers(const struct sink *sink)
{
    return *(volatile struct sink_numbers *)sink->numbers;
}

void sink_stop(struct sink *sink)
{
    kill(sink->process, SIGKILL);
    waitpid(sink->process, NULL, 0);
    close(sink->listener);
    munmap(sink->numbers, sizeof *sink->numbers);
    free(sink);
}
