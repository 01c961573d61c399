/* SPDX-License-Identifier: BSD-2-Clause */
#include "drive.h"

#include "base/memory.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    EVENTS = 64,
    RECEIVE_BUFFER = 2 << 20, /* answers that come while we are not running */
    EXPIRY_NS = 5000000,      /* how often we look for losses */
    SLEEP_MAX_NS = 1000000,   /* so that the end and losses are seen in time */
    SLIP_NS = 50000000,       /* further behind than this, a rate is not caught up with */
    BURST_MAX = 16,           /* and then in pieces */
    COUNT_LIMIT_S = 300,      /* for a count of queries, however slow the server is */
};

/* ---- time ---- */

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec now;
    if (clock_gettime(clock, &now) != 0)
        return 0;
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

uint64_t process_cpu_ns(pid_t pid)
{
    clockid_t clock;
    return clock_getcpuclockid(pid, &clock) == 0 ? clock_ns(clock) : 0;
}

double drive_seconds(const struct drive *drive)
{
    return drive->end_ns > drive->start_ns ? (double)(drive->end_ns - drive->start_ns) / 1e9 : 0;
}

/* ---- lines ---- */

static bool line_open(struct drive *drive, struct line *line, struct error *error)
{
    const struct drive_options *options = drive->options;
    struct sockaddr_storage name;
    socklen_t size = address_to_sockaddr(&options->address, options->port, &name);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = line};
    int buffer = RECEIVE_BUFFER, on = 1;
    line->fd = socket(name.ss_family, drive->transport->type | SOCK_CLOEXEC, 0);
    line->nin = line->nout = 0;
    line->answers = false;
    if (line->fd < 0)
        return error_set(error, "opening a socket: %s", strerror(errno));
    setsockopt(line->fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
    if (options->tcp)
        setsockopt(line->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(line->fd, (struct sockaddr *)&name, size) == 0 &&
        epoll_ctl(drive->epoll, EPOLL_CTL_ADD, line->fd, &event) == 0)
        return true;
    error_set(error, "connecting: %s", strerror(errno));
    close(line->fd);
    line->fd = -1;
    return false;
}

/* A connection that has served is opened again: servers may close them. One that never has would
 * only be closed again. */
static void line_ended(struct drive *drive, struct line *line)
{
    bool again = line->answers && !drive->ended;
    close(line->fd);
    line->fd = -1;
    drive->tally.closed++;
    flight_expire(&line->flight, UINT64_MAX, &drive->tally);
    if (again)
        line_open(drive, line, NULL);
}

static bool drive_open(struct drive *drive, struct error *error)
{
    const struct drive_options *options = drive->options;
    drive->epoll = epoll_create1(EPOLL_CLOEXEC);
    drive->lines = memory_array(options->sockets, sizeof *drive->lines);
    drive->room = drive->transport->room_new(drive);
    for (unsigned i = 0; i < options->sockets; i++) {
        flight_init(&drive->lines[i].flight, options->window + drive->transport->room);
        drive->lines[i].fd = -1;
    }
    for (unsigned i = 0; i < options->sockets; i++)
        if (!line_open(drive, &drive->lines[i], error))
            return false;
    return true;
}

void drive_free(struct drive *drive)
{
    for (unsigned i = 0; drive->lines && i < drive->options->sockets; i++) {
        struct line *line = &drive->lines[i];
        if (line->fd >= 0)
            close(line->fd);
        flight_free(&line->flight);
        free(line->in);
        free(line->out);
    }
    if (drive->lines)
        close(drive->epoll);
    free(drive->lines);
    free(drive->room);
}

/* ---- queries and answers ---- */

/* At a rate a query counts from the moment at which it was due, sent or not: a server that stalls
 * would otherwise be asked less while it does, and look better than it is. */
static uint64_t due_ns(const struct drive *drive)
{
    double rate = drive->options->rate;
    return rate > 0 ? drive->begin_ns + (uint64_t)((double)drive->begun * 1e9 / rate)
                    : drive->now_ns;
}

const struct asked *drive_take(struct drive *drive, struct line *line, uint16_t *id)
{
    const struct asked *asked = &drive->queries->list[drive->position];
    if (++drive->position == drive->queries->count)
        drive->position = 0;
    *id = flight_begin(&line->flight, asked, due_ns(drive), drive->measures, &drive->tally);
    drive->begun++;
    return asked;
}

void drive_answer(struct drive *drive, struct line *line, const uint8_t *answer, size_t size)
{
    line->answers = true;
    flight_end(&line->flight, answer, size, drive->now_ns, drive->options->unchecked,
               &drive->tally);
}

/* ---- the plan ---- */

/* How many queries may go out now, over all lines. */
static uint64_t allowance(struct drive *drive)
{
    const struct drive_options *options = drive->options;
    uint64_t left = options->count ? options->count - drive->begun : UINT64_MAX;
    if (drive->ended)
        return 0;
    if (options->rate <= 0)
        return left;
    uint64_t due = due_ns(drive), behind = drive->now_ns > due ? drive->now_ns - due : 0;
    if (behind > SLIP_NS) {
        drive->begin_ns += behind;
        drive->tally.slipped_ns += drive->measures ? behind : 0;
        behind = 0;
    }
    uint64_t wanted =
        drive->now_ns >= due ? 1 + (uint64_t)((double)behind * options->rate / 1e9) : 0;
    return wanted < left ? wanted : left;
}

static unsigned line_room(const struct drive *drive, const struct line *line, uint64_t allowed)
{
    const struct drive_options *options = drive->options;
    if (line->fd < 0 || line->flight.waiting >= options->window)
        return 0;
    unsigned room = options->window - line->flight.waiting;
    if (options->rate > 0 && room > BURST_MAX)
        room = BURST_MAX;
    if (room > allowed)
        room = (unsigned)allowed;
    return room - room % options->train;
}

/* Gives each line its turn; each turn begins with the line behind the last one that sent. */
static bool send_round(struct drive *drive, bool *sent, struct error *error)
{
    uint64_t allowed = allowance(drive);
    for (unsigned i = 0; allowed && i < drive->options->sockets; i++) {
        struct line *line = &drive->lines[drive->next_line];
        unsigned room = line_room(drive, line, allowed);
        drive->next_line = (drive->next_line + 1) % drive->options->sockets;
        if (!room)
            continue;
        uint64_t before = drive->begun;
        if (!drive->transport->send(drive, line, room, error))
            return false;
        *sent = *sent || drive->begun > before;
        allowed -= drive->begun - before;
    }
    return true;
}

static void receive_round(struct drive *drive, bool may_sleep)
{
    struct epoll_event events[EVENTS];
    uint64_t due = due_ns(drive), sleep_ns = SLEEP_MAX_NS;
    if (drive->options->rate > 0 && due > drive->now_ns && due - drive->now_ns < sleep_ns)
        sleep_ns = due - drive->now_ns;
    struct timespec patience = {0, may_sleep ? (long)sleep_ns : 0};
    int count = epoll_pwait2(drive->epoll, events, EVENTS, &patience, NULL);
    drive->now_ns = clock_ns(CLOCK_MONOTONIC);
    for (int i = 0; i < count; i++) {
        struct line *line = events[i].data.ptr;
        if (!drive->transport->receive(drive, line))
            line_ended(drive, line);
    }
}

static void pass_start(struct drive *drive)
{
    drive->measures = true;
    drive->start_ns = drive->now_ns;
    drive->end_ns = drive->now_ns + drive->options->length_ns;
    if (drive->options->count)
        drive->end_ns = drive->now_ns + COUNT_LIMIT_S * UINT64_C(1000000000);
    drive->server_start_ns = process_cpu_ns(drive->options->pid);
}

static void pass_end(struct drive *drive)
{
    drive->ended = true;
    drive->end_ns = drive->now_ns;
    drive->server_end_ns = process_cpu_ns(drive->options->pid);
}

static uint64_t waiting(const struct drive *drive)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < drive->options->sockets; i++)
        sum += drive->lines[i].flight.waiting;
    return sum;
}

static bool has_line(const struct drive *drive)
{
    for (unsigned i = 0; i < drive->options->sockets; i++)
        if (drive->lines[i].fd >= 0)
            return true;
    return false;
}

static void expire_all(struct drive *drive)
{
    uint64_t before = drive->now_ns - drive->options->timeout_ns;
    for (unsigned i = 0; i < drive->options->sockets; i++)
        flight_expire(&drive->lines[i].flight, before, &drive->tally);
}

/* A refusal ends the run where no answer ever came: a server that is there is not to be missed by
 * one that starts or ends meanwhile. */
static bool has_server(const struct drive *drive, struct error *error)
{
    const struct tally *tally = &drive->tally;
    if (!has_line(drive))
        return error_set(error, "all connections were closed by the server");
    for (unsigned i = 0; tally->refused && i < drive->options->sockets; i++)
        if (drive->lines[i].answers)
            return true;
    return !tally->refused || error_set(error, "connection refused: nobody listens there");
}

/* At a rate, what was due before has been sent before: a machine that is late does not count it. */
static bool is_warm(const struct drive *drive)
{
    uint64_t warm_ns = drive->begin_ns + drive->options->warm_up_ns;
    return drive->now_ns >= warm_ns && (drive->options->rate <= 0 || due_ns(drive) >= warm_ns);
}

/* A count has ended with its last answer, a time when it is over; answers are awaited either way.
 */
static bool is_over(struct drive *drive)
{
    const struct drive_options *options = drive->options;
    bool all_sent = options->count && drive->begun >= options->count;
    if (!drive->measures && is_warm(drive))
        pass_start(drive);
    if (drive->measures && !drive->ended &&
        (drive->now_ns >= drive->end_ns || (all_sent && !waiting(drive))))
        pass_end(drive);
    return drive->ended && !waiting(drive);
}

bool drive_run(struct drive *drive, const struct drive_options *options,
               const struct queries *queries, struct error *error)
{
    *drive = (struct drive){.options = options, .queries = queries};
    drive->transport = options->tcp ? &transport_tcp : &transport_udp;
    if (!drive_open(drive, error))
        return false;
    uint64_t expiry_ns = 0;
    bool sent = false;
    drive->now_ns = drive->begin_ns = clock_ns(CLOCK_MONOTONIC);
    while (!is_over(drive)) {
        sent = false;
        if (!send_round(drive, &sent, error))
            return false;
        receive_round(drive, !options->spin && !sent);
        if (drive->now_ns - expiry_ns > EXPIRY_NS) {
            expiry_ns = drive->now_ns;
            expire_all(drive);
            if (!has_server(drive, error))
                return false;
        }
    }
    return true;
}
