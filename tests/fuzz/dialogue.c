/* SPDX-License-Identifier: BSD-2-Clause */
#include "fuzz/dialogue.h"

#include "base/clock.h"
#include "fuzz/fuzz.h"
#include "probe/channel.h"
#include "probe/mailbox.h"
#include "probe/session.h"

#include <errno.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <poll.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    INPUT_MAX = 1 << 18, /* more than a session reads */
    FAKE_SOCKET = 1 << 20,
    STEP_MS = 500,
    PROBE_MS = 1500,
    LEAVING_MS = 1000, /* what a session gives the reply to QUIT */
    START_US = 5000000,
    TURN_US = 10,
    COMMAND_MAX = 1024,
    LOOKS = 3,   /* at a mailbox where nothing new is found */
    TELLING = 6, /* octets of a password in a row that must not be told */
};

struct login {
    const char *user, *password;
    const char *forms[4]; /* of the password, as it is sent; NULL: no more */
};

static const struct login quotable = {
    .user = "probe",
    .password = "sesame\"open",
    .forms = {"sesame\"open", "sesame\\\"open", "c2VzYW1lIm9wZW4=", "AHByb2JlAHNlc2FtZSJvcGVu"},
};
static const struct login literals = {
    .user = "probe\xc3\xb6",
    .password = "\xc3\xb6sesame",
    .forms = {"\xc3\xb6sesame", "w7ZzZXNhbWU="},
};

/* The peer, the kernel and the loop of the session under way. */
static struct {
    bool active; /* else what is wrapped is the real thing */
    bool open;   /* the client's socket */
    const uint8_t *at, *end;
    uint8_t setting;
    int64_t now_us, due_us;
    struct event *io, *timer; /* those added */
    bool deaf, full;          /* of the next sending */
    bool handshake;           /* the client is in one that is not OpenSSL's */
    bool openssl;             /* the client's octets are OpenSSL's */
    bool line_said;           /* the client has read the end of a line */
    bool secured;
    char heard[COMMAND_MAX];
    size_t heard_size;
    const struct login *login; /* NULL: none */
    bool told_password;
    bool deletes; /* the client has asked for that */
    size_t said_size;
    unsigned missed;
    bool look; /* it idles: is to look again */
    unsigned done;
} peer;

/* What the client has read so far. */
static char said[INPUT_MAX];

/* ---- the script ---- */

static int next_order(void)
{
    if (peer.at < peer.end)
        return *peer.at;
    return peer.setting & DIALOGUE_STAY ? DIALOGUE_WAIT : DIALOGUE_END;
}

static bool is_readable(void)
{
    int order = next_order();
    return order < DIALOGUE_END || order == DIALOGUE_END || order == DIALOGUE_AGAIN ||
           order == DIALOGUE_RESET || (order == DIALOGUE_SECURE && peer.handshake);
}

static ssize_t fail(int error)
{
    errno = error;
    return -1;
}

static ssize_t take_octets(uint8_t *bytes, size_t room, bool keep)
{
    const uint8_t *at = peer.at;
    size_t size = 0;
    while (size < room && at < peer.end && *at < DIALOGUE_END) {
        peer.line_said |= *at == '\n' && !keep;
        if (!keep)
            said[peer.said_size++] = (char)*at;
        bytes[size++] = *at++;
    }
    if (!keep)
        peer.at = at;
    return (ssize_t)size;
}

static bool has_part_of(const char *text, size_t size, const char *secret)
{
    for (size_t from = 0; secret && from + TELLING <= strlen(secret); from++)
        if (memmem(text, size, secret + from, TELLING))
            return true;
    return false;
}

static bool has_password(const char *text, size_t size)
{
    for (size_t i = 0; peer.login && i < 4; i++)
        if (has_part_of(text, size, peer.login->forms[i]))
            return true;
    return false;
}

/* No password in plain text, unless TLS is configured off. */
static void hear_line(const char *line, size_t size)
{
    bool secret = has_password(line, size);
    FUZZ_CHECK(size > 3 && line[size - 2] == '\r');
    FUZZ_CHECK(memchr(line, '\r', size - 2) == NULL);
    FUZZ_CHECK(!secret || peer.secured || (peer.setting & DIALOGUE_TLS) == CHECK_TLS_OFF);
    peer.told_password |= secret;
    peer.deletes |= memmem(line, size, " STORE ", 7) || memmem(line, size, "EXPUNGE", 7);
    FUZZ_CHECK(size > 5 || peer.login); /* only what a login takes is so short */
}

/* The client speaks in whole lines, and never before it has been greeted. */
static void hear(const char *bytes, size_t size)
{
    FUZZ_CHECK(peer.line_said);
    for (size_t i = 0; i < size; i++) {
        char octet = bytes[i];
        FUZZ_CHECK(peer.heard_size < COMMAND_MAX);
        FUZZ_CHECK((octet >= ' ' && octet <= '~') || octet == '\r' || octet == '\n' ||
                   (octet < 0 && peer.login == &literals));
        peer.heard[peer.heard_size++] = octet;
        if (octet != '\n')
            continue;
        hear_line(peer.heard, peer.heard_size);
        peer.heard_size = 0;
    }
}

/* ---- the kernel ---- */

int __real_socket(int family, int type, int protocol);
int __wrap_socket(int family, int type, int protocol);
int __real_connect(int fd, const struct sockaddr *address, socklen_t size);
int __wrap_connect(int fd, const struct sockaddr *address, socklen_t size);
int __real_setsockopt(int fd, int level, int option, const void *value, socklen_t size);
int __wrap_setsockopt(int fd, int level, int option, const void *value, socklen_t size);
int __real_getsockopt(int fd, int level, int option, void *value, socklen_t *size);
int __wrap_getsockopt(int fd, int level, int option, void *value, socklen_t *size);
int __real_getsockname(int fd, struct sockaddr *address, socklen_t *size);
int __wrap_getsockname(int fd, struct sockaddr *address, socklen_t *size);
int __real_poll(struct pollfd *fds, nfds_t count, int wait_ms);
int __wrap_poll(struct pollfd *fds, nfds_t count, int wait_ms);
ssize_t __real_recv(int fd, void *bytes, size_t room, int flags);
ssize_t __wrap_recv(int fd, void *bytes, size_t room, int flags);
ssize_t __real_send(int fd, const void *bytes, size_t size, int flags);
ssize_t __wrap_send(int fd, const void *bytes, size_t size, int flags);
int __real_close(int fd);
int __wrap_close(int fd);

int __wrap_socket(int family, int type, int protocol)
{
    if (!peer.active)
        return __real_socket(family, type, protocol);
    FUZZ_CHECK(!peer.open && type & SOCK_NONBLOCK);
    peer.open = true;
    return FAKE_SOCKET;
}

int __wrap_connect(int fd, const struct sockaddr *address, socklen_t size)
{
    return fd == FAKE_SOCKET ? (int)fail(EINPROGRESS) : __real_connect(fd, address, size);
}

int __wrap_setsockopt(int fd, int level, int option, const void *value, socklen_t size)
{
    return fd == FAKE_SOCKET ? 0 : __real_setsockopt(fd, level, option, value, size);
}

/* How connecting ended. */
int __wrap_getsockopt(int fd, int level, int option, void *value, socklen_t *size)
{
    if (fd != FAKE_SOCKET)
        return __real_getsockopt(fd, level, option, value, size);
    FUZZ_CHECK(peer.open && level == SOL_SOCKET && option == SO_ERROR);
    *(int *)value = next_order() == DIALOGUE_RESET ? ECONNREFUSED : 0;
    return 0;
}

int __wrap_getsockname(int fd, struct sockaddr *address, socklen_t *size)
{
    if (fd != FAKE_SOCKET)
        return __real_getsockname(fd, address, size);
    const struct sockaddr_in local = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0xC00002C8)};
    FUZZ_CHECK(peer.open && *size >= sizeof local);
    memcpy(address, &local, sizeof local);
    *size = sizeof local;
    return 0;
}

int __wrap_poll(struct pollfd *fds, nfds_t count, int wait_ms)
{
    if (!peer.active || fds->fd != FAKE_SOCKET)
        return __real_poll(fds, count, wait_ms);
    FUZZ_CHECK(peer.open && count == 1 && wait_ms == 0);
    fds->revents = fds->events & POLLOUT;
    if (is_readable())
        fds->revents |= fds->events & POLLIN;
    return fds->revents != 0;
}

ssize_t __wrap_recv(int fd, void *bytes, size_t room, int flags)
{
    if (fd != FAKE_SOCKET)
        return __real_recv(fd, bytes, room, flags);
    FUZZ_CHECK(peer.open && room > 0);
    int order = next_order();
    switch (order) {
    case DIALOGUE_END:
        return 0;
    case DIALOGUE_RESET:
        return fail(ECONNRESET);
    case DIALOGUE_AGAIN:
        if (flags & MSG_PEEK)
            return fail(EAGAIN);
        peer.at++;
        return fail(room & 1 ? EINTR : EAGAIN);
    default:
        return order < DIALOGUE_END ? take_octets(bytes, room, flags & MSG_PEEK) : fail(EAGAIN);
    }
}

ssize_t __wrap_send(int fd, const void *bytes, size_t size, int flags)
{
    if (fd != FAKE_SOCKET)
        return __real_send(fd, bytes, size, flags);
    FUZZ_CHECK(peer.open && size > 0 && flags & MSG_NOSIGNAL);
    bool deaf = peer.deaf, full = peer.full;
    peer.deaf = peer.full = false;
    if (deaf)
        return fail(EPIPE);
    size = full ? 1 : size;
    if (!peer.openssl)
        hear(bytes, size);
    return (ssize_t)size;
}

int __wrap_close(int fd)
{
    if (fd != FAKE_SOCKET)
        return __real_close(fd);
    FUZZ_CHECK(peer.open);
    peer.open = false;
    return 0;
}

/* ---- TLS ---- */

void __real_channel_start_tls(struct channel *channel, const struct tls_client *client,
                              const char *host);
void __wrap_channel_start_tls(struct channel *channel, const struct tls_client *client,
                              const char *host);
enum channel_result __real_channel_handshake(struct channel *channel);
enum channel_result __wrap_channel_handshake(struct channel *channel);

void __wrap_channel_start_tls(struct channel *channel, const struct tls_client *client,
                              const char *host)
{
    /* Octets before the handshake are an attack, and no session goes on after them. */
    FUZZ_CHECK(peer.setting & DIALOGUE_FIRST || next_order() >= DIALOGUE_END);
    FUZZ_CHECK(!peer.secured);
    peer.openssl = (peer.setting & DIALOGUE_OPENSSL) == DIALOGUE_OPENSSL;
    peer.handshake = !peer.openssl;
    if (peer.openssl)
        __real_channel_start_tls(channel, client, host);
}

enum channel_result __wrap_channel_handshake(struct channel *channel)
{
    if (!peer.handshake)
        return __real_channel_handshake(channel);
    int order = next_order();
    if (order == DIALOGUE_SECURE) {
        peer.at++;
        peer.handshake = false;
        peer.secured = true;
        return CHANNEL_DONE;
    }
    if (order == DIALOGUE_AGAIN)
        peer.at++;
    if (order < DIALOGUE_END) {
        channel->tls_error = ERR_PACK(ERR_LIB_SSL, 0, SSL_R_WRONG_VERSION_NUMBER);
        return CHANNEL_FAILED;
    }
    channel->error = order == DIALOGUE_RESET ? ECONNRESET : 0;
    return order == DIALOGUE_RESET || order == DIALOGUE_END ? CHANNEL_END : CHANNEL_WAIT_READ;
}

/* ---- the clock and the loop ---- */

int64_t __real_clock_now_ms(void);
int64_t __wrap_clock_now_ms(void);
int64_t __real_clock_now_us(void);
int64_t __wrap_clock_now_us(void);
int __real_event_add(struct event *event, const struct timeval *wait);
int __wrap_event_add(struct event *event, const struct timeval *wait);
int __real_event_del(struct event *event);
int __wrap_event_del(struct event *event);

int64_t __wrap_clock_now_ms(void)
{
    return peer.active ? peer.now_us / 1000 : __real_clock_now_ms();
}

int64_t __wrap_clock_now_us(void)
{
    return peer.active ? peer.now_us : __real_clock_now_us();
}

int __wrap_event_add(struct event *event, const struct timeval *wait)
{
    if (!peer.active)
        return __real_event_add(event, wait);
    if (wait) {
        FUZZ_CHECK(!peer.timer || peer.timer == event);
        peer.timer = event;
        peer.due_us = peer.now_us + wait->tv_sec * 1000000 + wait->tv_usec;
    } else {
        FUZZ_CHECK(!peer.io || peer.io == event);
        peer.io = event;
    }
    return 0;
}

int __wrap_event_del(struct event *event)
{
    if (!peer.active)
        return __real_event_del(event);
    if (peer.timer == event)
        peer.timer = NULL;
    if (peer.io == event)
        peer.io = NULL;
    return 0;
}

static void fire(struct event *event, short what)
{
    event_get_callback(event)(event_get_fd(event), what, event_get_callback_arg(event));
}

static void wait_for_deadline(void)
{
    struct event *timer = peer.timer;
    FUZZ_CHECK(timer); /* else it would wait for ever */
    peer.timer = NULL;
    if (peer.due_us > peer.now_us)
        peer.now_us = peer.due_us;
    fire(timer, EV_TIMEOUT);
}

static void obey_order(void)
{
    int order = next_order();
    if (peer.at < peer.end)
        peer.at++;
    if (order == DIALOGUE_WAIT)
        wait_for_deadline();
    else if (order == DIALOGUE_DEAF)
        peer.deaf = true;
    else if (order == DIALOGUE_FULL)
        peer.full = true;
}

static void turn(void)
{
    short ready = 0;
    if (peer.io) {
        short wanted = event_get_events(peer.io);
        ready = wanted & EV_WRITE;
        if (is_readable())
            ready |= wanted & EV_READ;
    }
    peer.now_us += TURN_US;
    if (ready)
        fire(peer.io, ready);
    else if (peer.at < peer.end && !peer.io && is_readable())
        peer.at++; /* nobody reads it */
    else if (!peer.io && is_readable())
        wait_for_deadline();
    else
        obey_order();
}

/* ---- the session ---- */

static void check_text(const char *text, size_t room)
{
    FUZZ_CHECK(memchr(text, '\0', room));
    for (const char *at = text; *at; at++)
        FUZZ_CHECK(*at >= ' ' && *at <= '~');
}

static void check_result(const struct session_result *result)
{
    bool secure_only =
        (peer.setting & DIALOGUE_TLS) >= CHECK_TLS_REQUIRED && peer.setting & DIALOGUE_SERVICE;
    FUZZ_CHECK(result->reason >= REASON_OK && result->reason < REASON_LOCAL);
    FUZZ_CHECK(result->greeted_us >= 0 || result->reason != REASON_OK);
    FUZZ_CHECK(result->reason != REASON_OK || peer.secured || !secure_only);
    check_text(result->detail, sizeof result->detail);
    FUZZ_CHECK(!peer.told_password || !has_password(result->detail, strlen(result->detail)));
    check_text(result->warning_detail, sizeof result->warning_detail);
    FUZZ_CHECK(result->warning == REASON_NONE || reason_status(result->warning) == OUTCOME_FAIL);
    for (size_t i = 0; i < TIMED_STEPS; i++)
        FUZZ_CHECK(result->step_us[i] >= 0 && result->step_us[i] <= PROBE_MS * 1000 + 100000);
}

static void on_done(void *context, const struct session_result *result)
{
    (void)context;
    FUZZ_CHECK(++peer.done == 1);
    FUZZ_CHECK(!peer.open && !peer.io && !peer.timer);
    check_result(result);
}

static const struct session_setting *prepare_setting(bool literal)
{
    static struct tls_client tls;
    static struct session_setting setting;
    struct error error;
    if (!setting.base) {
        FUZZ_CHECK(tls_client_init(&tls, NULL, &error));
        setting = (struct session_setting){.base = event_base_new(), .tls = &tls};
    }
    setting.ehlo_name = literal ? NULL : "probe.example.test";
    return &setting;
}

/* errand NULL: a probe's. */
static void run_session(const struct check_settings *check, const struct session_errand *errand)
{
    const struct session_setting *setting = prepare_setting(peer.setting & DIALOGUE_LITERAL);
    const struct probe_target target = {.address = {.family = 4, .bytes = {192, 0, 2, 1}},
                                        .port = 25,
                                        .check = check,
                                        .host = "mx.example.test"};
    const int64_t deadline_ms = START_US / 1000 + PROBE_MS;
    const bool whole = peer.setting & DIALOGUE_SERVICE;
    size_t turns = 100 + 8 * (size_t)(peer.end - peer.at);
    peer.active = true;
    struct session *session =
        errand ? session_open_errand(setting, &target, errand, deadline_ms, on_done, NULL)
               : session_open(setting, &target, whole ? DEPTH_SERVICE : DEPTH_LIVENESS, deadline_ms,
                              on_done, NULL);
    while (!peer.done && turns--) {
        if (peer.look) {
            peer.look = false;
            mailbox_look(session);
        } else {
            turn();
        }
    }
    peer.active = false;
    FUZZ_CHECK(peer.done); /* else it spins */
    FUZZ_CHECK(peer.now_us < START_US + (PROBE_MS + LEAVING_MS + 100) * 1000);
}

static struct shared *shared_of(const char *text)
{
    return shared_new(text, strlen(text), false); /* a page for each would be slow */
}

/* False: there is no input. */
static bool begin(struct check_settings *check, const uint8_t *data, size_t size)
{
    if (size < 1 || size > INPUT_MAX)
        return false;
    const unsigned tls = data[0] & DIALOGUE_TLS;
    *check = (struct check_settings){
        .tls = tls < CHECK_TLS_REQUIRED ? tls : CHECK_TLS_REQUIRED,
        .connect_timeout_ms = STEP_MS,
        .greeting_timeout_ms = STEP_MS,
        .reply_timeout_ms = STEP_MS,
        .timeout_ms = PROBE_MS,
    };
    memset(&peer, 0, sizeof peer);
    peer.setting = data[0];
    peer.at = data + 1;
    peer.end = data + size;
    peer.now_us = START_US;
    return true;
}

static void give_login(struct check_settings *check, const struct login *login)
{
    peer.login = login;
    check->user = shared_of(login->user);
    check->password = shared_of(login->password);
    check->recipient = shared_of("probe@example.test");
}

static void end(struct check_settings *check)
{
    shared_release(check->user);
    shared_release(check->password);
    shared_release(check->recipient);
}

void dialogue_run(enum check_kind kind, enum check_kind secure_kind, const uint8_t *data,
                  size_t size)
{
    struct check_settings check;
    if (!begin(&check, data, size))
        return;
    check.kind = peer.setting & DIALOGUE_FIRST ? secure_kind : kind;
    if ((peer.setting & DIALOGUE_OPENSSL) == DIALOGUE_QUOTABLE)
        give_login(&check, &quotable);
    else if ((peer.setting & DIALOGUE_OPENSSL) == DIALOGUE_LITERALS)
        give_login(&check, &literals);
    run_session(&check, NULL);
    end(&check);
}

/* ---- the mailbox ---- */

static void on_missing(void *context)
{
    struct mailbox *mailbox = context;
    FUZZ_CHECK(mailbox->opened && !mailbox->found);
    peer.look = ++peer.missed < LOOKS;
}

static bool was_said(const char *word)
{
    size_t length = strlen(word);
    for (size_t at = 0; at + length <= peer.said_size; at++)
        if (strncasecmp(said + at, word, length) == 0)
            return true;
    return false;
}

void dialogue_run_mailbox(const char *family, const uint8_t *data, size_t size)
{
    struct check_settings check;
    struct mailbox mailbox = {.family = family, .arrived = 7, .missing = on_missing};
    const struct session_errand errand = {.after_login = &mailbox_protocol, .context = &mailbox};
    mailbox.context = &mailbox;
    if (!begin(&check, data, size))
        return;
    peer.setting |= DIALOGUE_SERVICE;
    check.kind = peer.setting & DIALOGUE_FIRST ? CHECK_IMAPS : CHECK_IMAP;
    bool counts = (peer.setting & DIALOGUE_OPENSSL) == DIALOGUE_LITERALS;
    give_login(&check, counts ? &literals : &quotable);
    run_session(&check, &errand);
    end(&check);
    /* Only what says itself that it is ours is found, and only then is anything deleted. */
    FUZZ_CHECK(!mailbox.found || (mailbox.found > 7 && was_said(family)));
    FUZZ_CHECK(!peer.deletes || was_said(TOKEN_HEADER ":"));
    FUZZ_CHECK(mailbox.nours <= mailbox.nuids && mailbox.nuids <= MAILBOX_BATCH);
}
