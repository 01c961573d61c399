/* SPDX-License-Identifier: BSD-2-Clause */
/* mailhost as its users see it: the program is started on loopback addresses and high ports, told
 * how to behave, and talked to as a client would. Most cases are rows of a table of dialogues. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

/* What is expected is waited for as long as a loaded machine may take; silence is believed after a
 * moment. */
enum { PATIENCE_MS = 10000, SILENCE_MS = 50 };

struct program {
    pid_t pid;
    int input;
    FILE *output;
};

struct client {
    int fd;
    SSL *ssl;
    char bytes[65536];
    size_t size;
};

/* The program that most tests share, and the TLS context of the clients. */
static struct program shared;
static SSL_CTX *client_context;

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* The program */

static const char *mailhost_path(void)
{
    static char path[4096];
    if (getenv("MAILHOST"))
        return getenv("MAILHOST");
    /* The test is BUILD/tests/tools/test_mailhost. */
    ssize_t size = readlink("/proc/self/exe", path, sizeof(path) - 32);
    assert_true(size > 0);
    path[size] = '\0';
    strcpy(strrchr(path, '/'), "/../../mailhost");
    return path;
}

/* Addresses of our own, so that two runs of the test at once do not meet. */
static void own_address(unsigned last, char text[32])
{
    snprintf(text, 32, "127.%u.%u.%u", 64 + (unsigned)getpid() / 250 % 64,
             1 + (unsigned)getpid() % 250, last);
}

static void place(const char *protocol, unsigned last, unsigned port, const char *more,
                  char text[128])
{
    char address[32];
    own_address(last, address);
    snprintf(text, 128, "%s:%s@%u%s", protocol, address, port, more);
}

static void program_child(char *const arguments[], int input, int output, bool quiet)
{
    dup2(input, STDIN_FILENO);
    dup2(output, STDOUT_FILENO);
    if (quiet)
        dup2(output, STDERR_FILENO);
    execv(mailhost_path(), arguments);
    fprintf(stderr, "cannot run %s: %s; `make` builds it, MAILHOST=PATH names another one\n",
            mailhost_path(), strerror(errno));
    _exit(127);
}

static void program_spawn(struct program *program, char *const arguments[], bool quiet)
{
    int to[2], from[2];
    assert_int_equal(pipe2(to, O_CLOEXEC), 0);
    assert_int_equal(pipe2(from, O_CLOEXEC), 0);
    program->pid = fork();
    assert_true(program->pid >= 0);
    if (program->pid == 0)
        program_child(arguments, to[0], from[1], quiet);
    close(to[0]);
    close(from[1]);
    program->input = to[1];
    program->output = fdopen(from[0], "r");
    assert_non_null(program->output);
}

static void program_read(struct program *program, char *line, size_t size)
{
    assert_non_null(fgets(line, (int)size, program->output));
    line[strcspn(line, "\n")] = '\0';
}

static void program_start(struct program *program, char *const arguments[])
{
    char line[256];
    program_spawn(program, arguments, false);
    program_read(program, line, sizeof(line));
    assert_string_equal(line, "ready");
}

static int program_wait(struct program *program)
{
    int status;
    close(program->input);
    assert_int_equal(waitpid(program->pid, &status, 0), program->pid);
    fclose(program->output);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

static int program_stop(struct program *program)
{
    kill(program->pid, SIGTERM);
    return program_wait(program);
}

static void program_send(struct program *program, const char *command)
{
    char line[512];
    int size = snprintf(line, sizeof(line), "%s\n", command);
    assert_int_equal(write(program->input, line, (size_t)size), size);
}

/* Sends a command; the answer's last line goes to `last`, the one before it to `data`. */
static void program_ask(struct program *program, const char *command, char data[2048],
                        char last[2048])
{
    program_send(program, command);
    data[0] = '\0';
    program_read(program, last, 2048);
    while (strcmp(last, "ok") != 0 && strncmp(last, "error: ", 7) != 0) {
        memcpy(data, last, 2048);
        program_read(program, last, 2048);
    }
}

static void program_command(struct program *program, const char *command)
{
    char data[2048], last[2048];
    program_ask(program, command, data, last);
    if (strcmp(last, "ok") != 0)
        fail_msg("%s: %s", command, last);
}

static long program_counter(struct program *program, const char *command, const char *name)
{
    char data[2048], last[2048], key[64];
    program_ask(program, command, data, last);
    assert_string_equal(last, "ok");
    snprintf(key, sizeof(key), "\"%s\": ", name);
    const char *at = strstr(data, key);
    assert_non_null(at);
    return strtol(at + strlen(key), NULL, 10);
}

/* The program counts the end of a session when it sees it: a moment after the client's close. */
static void expect_counter(struct program *program, const char *command, const char *name,
                           long expected)
{
    int64_t deadline = now_ms() + PATIENCE_MS;
    long value;
    while ((value = program_counter(program, command, name)) != expected && now_ms() < deadline)
        usleep(5000);
    assert_int_equal(value, expected);
}

/* The client */

static int client_try(unsigned last, unsigned port, int timeout_ms)
{
    char address[32];
    own_address(last, address);
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    assert_int_equal(inet_pton(AF_INET, address, &name.sin_addr), 1);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int error = 0;
    socklen_t size = sizeof(error);
    assert_true(fd >= 0);
    if (connect(fd, (struct sockaddr *)&name, sizeof(name)) != 0)
        error = errno;
    struct pollfd waiting = {.fd = fd, .events = POLLOUT};
    if (error == EINPROGRESS && poll(&waiting, 1, timeout_ms) == 1)
        getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error == 0)
        return fd;
    close(fd);
    errno = error == EINPROGRESS ? ETIMEDOUT : error;
    return -1;
}

static void client_open(struct client *client, unsigned last, unsigned port)
{
    client->ssl = NULL;
    client->size = 0;
    client->fd = client_try(last, port, PATIENCE_MS);
    /* A host that resets what it accepts can be faster than our call returns. */
    if (client->fd < 0 && errno != ECONNRESET)
        fail_msg("connecting to port %u: %s", port, strerror(errno));
}

static void client_close(struct client *client)
{
    SSL_free(client->ssl);
    if (client->fd >= 0)
        close(client->fd);
}

static bool client_wait(const struct client *client, int64_t deadline)
{
    struct pollfd waiting = {.fd = client->fd, .events = POLLIN};
    int64_t left = deadline - now_ms();
    if (client->ssl && SSL_pending(client->ssl) > 0)
        return true;
    return left > 0 && poll(&waiting, 1, (int)left) == 1;
}

/* More than 0: bytes came; 0: end of file; -1: connection reset; -2: nothing came in time. */
static int client_fill(struct client *client, int timeout_ms)
{
    int64_t deadline = now_ms() + timeout_ms;
    size_t room = sizeof(client->bytes) - client->size;
    char *at = client->bytes + client->size;
    while (client_wait(client, deadline)) {
        int got =
            client->ssl ? SSL_read(client->ssl, at, (int)room) : (int)recv(client->fd, at, room, 0);
        if (client->ssl && got <= 0 && SSL_get_error(client->ssl, got) == SSL_ERROR_WANT_READ)
            continue;
        if (got > 0)
            client->size += (size_t)got;
        return client->ssl && got < 0 ? 0 : got;
    }
    return -2;
}

static void client_take(struct client *client, size_t size)
{
    client->size -= size;
    memmove(client->bytes, client->bytes + size, client->size);
}

static void client_line(struct client *client, char *line, size_t size)
{
    char *end;
    while (!(end = memchr(client->bytes, '\n', client->size))) {
        int got = client_fill(client, PATIENCE_MS);
        if (got <= 0)
            fail_msg("no line, but %s; read so far: \"%.*s\"",
                     got == 0    ? "the end"
                     : got == -1 ? "a reset"
                                 : "silence",
                     (int)client->size, client->bytes);
    }
    size_t whole = (size_t)(end - client->bytes) + 1;
    snprintf(line, size, "%.*s", (int)(whole - 2), client->bytes);
    client_take(client, whole);
}

static void client_expect(struct client *client, const char *start)
{
    char line[4096];
    client_line(client, line, sizeof(line));
    if (strncmp(line, start, strlen(start)) != 0)
        fail_msg("expected \"%s...\", got \"%s\"", start, line);
}

static void client_send(struct client *client, const char *text)
{
    int size = (int)strlen(text);
    if (client->ssl)
        assert_int_equal(SSL_write(client->ssl, text, size), size);
    else
        assert_int_equal(send(client->fd, text, (size_t)size, MSG_NOSIGNAL), size);
}

static void client_expect_end(struct client *client, int expected)
{
    if (client->fd < 0 && expected == -1)
        return;
    if (client->size == 0) {
        int got = client_fill(client, expected == -2 ? SILENCE_MS : PATIENCE_MS);
        if (got <= 0) {
            assert_int_equal(got, expected);
            return;
        }
    }
    fail_msg("expected nothing more, got \"%.*s\"", (int)client->size, client->bytes);
}

/* True when the handshake is done; false when it fails or does not end in time. */
static bool client_try_tls(struct client *client, int timeout_ms)
{
    int64_t deadline = now_ms() + timeout_ms;
    client->ssl = SSL_new(client_context);
    assert_non_null(client->ssl);
    SSL_set_fd(client->ssl, client->fd);
    int result;
    while ((result = SSL_connect(client->ssl)) != 1) {
        if (SSL_get_error(client->ssl, result) != SSL_ERROR_WANT_READ)
            return false;
        if (!client_wait(client, deadline))
            return false;
    }
    return true;
}

static void client_start_tls(struct client *client)
{
    assert_int_equal(client->size, 0);
    assert_true(client_try_tls(client, PATIENCE_MS));
}

/* A script is steps separated by "|":
 *   <TEXT  a line comes that begins so      >TEXT  this line is sent
 *   =TEXT  exactly these bytes come         T      TLS handshake
 *   .      end of file comes                R      a reset comes
 *   ~      nothing comes                    !CMD   a command to the program
 * Whatever the last step, the client then closes. */
static void client_step(struct client *client, const char *step)
{
    char line[4096];
    switch (step[0]) {
    case '<':
        client_expect(client, step + 1);
        break;
    case '>':
        snprintf(line, sizeof(line), "%s\r\n", step + 1);
        client_send(client, line);
        break;
    case '=':
        while (client->size < strlen(step + 1))
            assert_true(client_fill(client, PATIENCE_MS) > 0);
        assert_memory_equal(client->bytes, step + 1, strlen(step + 1));
        client_take(client, strlen(step + 1));
        break;
    case 'T':
        client_start_tls(client);
        break;
    case '.':
        client_expect_end(client, 0);
        break;
    case 'R':
        client_expect_end(client, -1);
        break;
    case '~':
        client_expect_end(client, -2);
        break;
    case '!':
        program_command(&shared, step + 1);
        break;
    default:
        fail_msg("no such step: %s", step);
    }
}

static void client_play(struct client *client, const char *script)
{
    char *copy = strdup(script);
    char *rest = copy;
    char *step;
    while ((step = strsep(&rest, "|")) != NULL)
        client_step(client, step);
    free(copy);
}

/* The dialogues */

static const struct {
    const char *name;
    unsigned port;
} PORTS[] = {
    {"smtp", 2525},  {"submission", 5870}, {"smtps", 4650}, {"imap", 1430},
    {"imaps", 9930}, {"pop3", 1100},       {"pop3s", 9950}, {"tcp", 7777},
};

enum { PORT_COUNT = sizeof(PORTS) / sizeof(PORTS[0]) };

struct dialogue {
    const char *protocol;
    const char *mode;
    const char *script;
};

#define EHLO_PLAIN                                                                                 \
    ">EHLO probe.test|<250-mx1.example.test|<250-PIPELINING|<250-SIZE|<250-ENHANCED|<250-STARTTLS" \
    "|<250 8BITMIME"
#define EHLO_TLS  ">EHLO probe.test|<250-mx1.example.test|<250-PIPELINING|<250-SIZE|<250-ENHANCED"
#define SMTP_QUIT ">QUIT|<221 |."
#define IMAP_QUIT ">z LOGOUT|<* BYE|<z OK|."
#define POP3_QUIT ">QUIT|<+OK|."
#define IMAP_IN   "<* OK [CAPABILITY|>a LOGIN u p|<a OK"

static const struct dialogue DIALOGUES[] = {
    /* Healthy servers. */
    {"smtp", "ok",
     "<220 mx1.example.test ESMTP|" EHLO_PLAIN "|>MAIL FROM:<>|<250|>RCPT TO:<a@b.test>|<250"
     "|>RSET|<250|>RCPT TO:<a@b.test>|<503|>MAIL FROM:<>|<250|>DATA|<503|>RCPT TO:<a@b.test>|<250"
     "|>DATA|<354|>Subject: x|>|>QUIT|>..|>.|<250|>NOOP|<250|>VRFY "
     "a|<252|>nonsense|<500|" SMTP_QUIT},
    {"smtp", "ok", "<220 |>HELO probe.test|<250 mx1|>MAIL FROM:<>|<250|>MAIL FROM:<>|<503"},
    {"smtp", "ok", "<220 |>MAIL FROM:<>|<503|>EHLO|<501|>STARTTLS now|<501|>AUTH PLAIN x|<503"},
    {"smtp", "ok", "<220 |>STARTTLS|<220|T|" EHLO_TLS "|<250 8BITMIME|>STARTTLS|<502|" SMTP_QUIT},
    {"submission", "ok",
     "<220 |" EHLO_PLAIN
     "|>MAIL FROM:<a@b.test>|<530|>AUTH PLAIN AHUAcA==|<503|>STARTTLS|<220|T|" EHLO_TLS
     "|<250-AUTH PLAIN LOGIN|<250 8BITMIME|>AUTH PLAIN AHUAcA==|<235"
     "|>MAIL FROM:<a@b.test>|<250|" SMTP_QUIT},
    {"smtps", "ok",
     "T|<220 |" EHLO_TLS "|<250-AUTH|<250 |>AUTH PLAIN|<334|>*|<501|>AUTH LOGIN|<334 VXNl|>dQ=="
     "|<334 UGFz|>cA==|<235|>AUTH PLAIN|<503|" SMTP_QUIT},
    {"imap", "ok",
     "<* OK [CAPABILITY IMAP4rev1|>a CAPABILITY|<* CAPABILITY IMAP4rev1|<a OK|>b SELECT INBOX|<b "
     "BAD"
     "|>c login u p|<c OK|>d SELECT INBOX|<* FLAGS|<* 0 EXISTS|<* 0 RECENT|<* OK|<* OK|<d OK"
     "|>e NOOP|<e OK|>f IDLE|<+ |>DONE|<f OK|>g UID SEARCH ALL|<* SEARCH|<g OK|>h x|<h BAD|>i|<* "
     "BAD|" IMAP_QUIT},
    {"imap", "ok", "<* OK|>a LOGIN {4}|<+ |>user {4+}|>pass|<a OK|>b LOGIN {9999999}|<* BYE|."},
    {"imap", "ok", "<* OK|>a AUTHENTICATE PLAIN|<+ |>AHUAcA==|<a OK|" IMAP_QUIT},
    {"imap", "ok", "<* OK|>a STARTTLS|<a OK|T|>b STARTTLS|<b BAD|>c LOGIN u p|<c OK|" IMAP_QUIT},
    {"imaps", "ok", "T|<* OK [CAPABILITY|>a LOGIN u p|<a OK|" IMAP_QUIT},
    {"pop3", "ok",
     "<+OK|>STAT|<-ERR|>CAPA|<+OK|<CAPA|<TOP|<UIDL|<RESP|<USER|<STLS|<.|>PASS x|<-ERR|>USER u|<+OK"
     "|>PASS x|<+OK|>STAT|<+OK 0 0|>LIST|<+OK|<.|>x|<-ERR|" POP3_QUIT},
    {"pop3", "ok",
     "<+OK|>STLS|<+OK|T|>STLS|<-ERR|>CAPA|<+OK|<CAPA|<TOP|<UIDL|<RESP|<USER|<.|" POP3_QUIT},
    {"pop3s", "ok", "T|<+OK|>USER u|<+OK|>PASS p|<+OK|" POP3_QUIT},
    {"tcp", "ok", "~|>anything|~"},

    /* Hangs, and what comes when they end. */
    {"smtp", "hang", "~|!smtp ok|<220 |" SMTP_QUIT},
    {"smtp", "ok", "<220 |!smtp hang|>NOOP|~|!smtp ok|<250|" SMTP_QUIT},
    {"imaps", "hang", "~|!imaps ok|T|<* OK|" IMAP_QUIT},
    {"tcp", "hang", "~"},
    {"smtp", "late 60000", "~|!smtp hang|~|!smtp ok|<220 |" SMTP_QUIT},
    {"smtp", "ehlo-hang", "<220 |>EHLO a|~|!smtp ok|<250-mx1"},
    {"smtp", "ehlo-hang", "<220 |>HELO a|~"},
    {"smtp", "quit-hang", "<220 |>QUIT|~|!smtp ok|<221|."},
    {"imap", "quit-hang", "<* OK|>a LOGOUT|~|!imap ok|<* BYE|<a OK|."},
    {"pop3", "quit-hang", "<+OK|>QUIT|~|!pop3 ok|<+OK|."},
    {"smtp", "mail-hang", "<220 |>HELO a|<250|>MAIL FROM:<>|~|!smtp ok|<250"},
    {"smtp", "rcpt-hang", "<220 |>HELO a|<250|>MAIL FROM:<>|<250|>RCPT TO:<a@b>|~|!smtp ok|<250"},
    {"imap", "capability-hang", "<* OK|>a CAPABILITY|~|!imap ok|<* CAPABILITY|<a OK"},
    {"pop3", "capability-hang", "<+OK|>CAPA|~"},
    {"imap", "login-hang", "<* OK|>a LOGIN u {1}|<+|>p|~|!imap ok|<a OK"},
    {"smtps", "login-hang", "T|<220 |>AUTH PLAIN AHUAcA==|~|!smtps ok|<235"},
    {"smtps", "login-hang", "T|<220 |>AUTH PLAIN|<334|>AHUAcA==|~|!smtps ok|<235"},
    {"pop3", "login-hang", "<+OK|>USER u|<+OK|>PASS p|~|!pop3 ok|<+OK"},

    /* Connections that end. */
    {"smtp", "close", "."},
    {"imaps", "close", "."},
    {"smtp", "reset", "R"},
    {"tcp", "reset", "R"},
    {"smtp", "ok", "<220 |!smtp refuse|."},

    /* Greetings. */
    {"smtp", "late 400", "~|<220 |" SMTP_QUIT},
    {"imap", "late 400", "~|<* OK|" IMAP_QUIT},
    {"pop3s", "late 400", "T|~|<+OK|" POP3_QUIT},
    {"smtp", "multiline", "<220-mx1|<220-|<220 |" SMTP_QUIT},
    {"smtps", "multiline", "T|<220-mx1|<220-|<220 |" SMTP_QUIT},
    {"smtp", "slow-multiline 400", "<220-mx1|~|<220 mx1|" SMTP_QUIT},
    {"smtp", "slow-multiline 400", "<220-mx1|>QUIT|~|<220 mx1|<221|."},
    {"smtp", "pregreet 300", "<220-mx1|~|<220 mx1|" SMTP_QUIT},
    {"smtp", "pregreet 60000", "<220-mx1|>QUIT|<554 5.5.1|."},
    {"smtp", "greet 421 4.3.2 Service not available", "<421 4.3.2 Service not available|."},
    {"smtp", "greet 554 5.7.1 Access denied", "<554 5.7.1|>EHLO a|<503|" SMTP_QUIT},
    {"smtp", "greet 451 4.3.5 Server configuration error", "<451 4.3.5|" SMTP_QUIT},
    {"smtp", "greet 220 other words", "<220 other words|>HELO a|<250"},
    {"smtp", "code-change", "<220-mx1|<554 "},
    {"smtp", "partial", "=220 mx1.example.test ESMTP mailhost|~"},
    {"imap", "partial",
     "=* OK [CAPABILITY |=IMAP4rev1 |"
     "=LITERAL+ SASL-IR ID IDLE STARTTLS AUTH=PLAIN] mx1.example.test ready|~"},
    {"pop3", "partial", "=+OK mx1.example.test ready|~"},
    {"smtp", "endless 10", "<220-|<220-|<220-|<220-|<220-|<220-|<220-|<220-"},
    {"imap", "endless 10", "=* OK mx1.example.test is starting, mx1.example.test is starting, mx1"},
    {"pop3", "endless 10", "=+OK mx1.example.test is starting, mx1.example.test is starting, mx1"},
    {"smtp", "drip 400", "=2|~|=2|~"},
    {"imap", "drip 5", "<* OK|" IMAP_QUIT},
    {"smtp", "wrong-protocol", "<HTTP/1.1 400|<Content-Type|<Connection|<|<400|."},
    {"imaps", "wrong-protocol", "<HTTP/1.1 400|<Content-Type|<Connection|<|<400|."},
    {"imap", "bye", "<* BYE|."},
    {"imap", "preauth", "<* PREAUTH [CAPABILITY|>a SELECT x|<* FLAGS|<*|<*|<*|<*|<a OK|" IMAP_QUIT},
    {"pop3", "err", "<-ERR|."},

    /* STARTTLS. */
    {"smtp", "no-starttls",
     "<220 |>EHLO a|<250-mx1|<250-PIPE|<250-SIZE|<250-ENH|<250 8BIT|>STARTTLS|<502|" SMTP_QUIT},
    {"submission", "no-starttls", "<220 |>AUTH PLAIN AHUAcA==|<235"},
    {"imap", "no-starttls",
     "<* OK [CAPABILITY IMAP4rev1 LITERAL+ SASL-IR ID IDLE AUTH=PLAIN]|>a STARTTLS|<a BAD"},
    {"pop3", "no-starttls", "<+OK|>STLS|<-ERR|>CAPA|<+OK|<CAPA|<TOP|<UIDL|<RESP|<USER|<."},
    {"smtp", "starttls-454", "<220 |" EHLO_PLAIN "|>STARTTLS|<454 4.7.0|" SMTP_QUIT},
    {"imap", "starttls-454", "<* OK|>a STARTTLS|<a NO|" IMAP_QUIT},
    {"pop3", "starttls-454", "<+OK|>STLS|<-ERR|" POP3_QUIT},
    {"smtp", "inject", "<220 |>STARTTLS|<220 |<250 2.0.0 injected|T|" EHLO_TLS "|<250 "},
    {"imap", "inject", "<* OK|>a STARTTLS|<a OK|<* OK injected|T|" IMAP_QUIT},
    {"pop3", "inject", "<+OK|>STLS|<+OK|<+OK injected|T|" POP3_QUIT},
    {"smtp", "ok", "<220 |>STARTTLS|<220 |>EHLO in plain where TLS is due"},

    /* Commands. */
    {"smtp", "ehlo-500", "<220 |>EHLO a|<500|>HELO a|<250 mx1|" SMTP_QUIT},
    {"smtp", "mail 452 4.3.1 Insufficient system storage",
     "<220 |>HELO a|<250|>MAIL FROM:<>|<452 4.3.1 Insufficient|" SMTP_QUIT},
    {"smtp", "rcpt 450 4.2.0 Greylisted",
     "<220 |>HELO a|<250|>MAIL FROM:<>|<250|>RCPT TO:<a@b>|<450 4.2.0 Greylisted|>DATA|<503"},
    {"imap", "capability-no", "<* OK|>a CAPABILITY|<a NO|" IMAP_QUIT},
    {"pop3", "capability-no", "<+OK|>CAPA|<-ERR|" POP3_QUIT},
    {"imap", "login-no", "<* OK|>a LOGIN u p|<a NO [UNAVAILABLE]|>b SELECT x|<b BAD|" IMAP_QUIT},
    {"pop3", "login-no", "<+OK|>USER u|<+OK|>PASS p|<-ERR [SYS/TEMP]|" POP3_QUIT},
    {"smtps", "login-no", "T|<220 |>AUTH PLAIN AHUAcA==|<535 5.7.8|" SMTP_QUIT},
    {"imap", "select-no", IMAP_IN "|>b SELECT INBOX|<b NO [SERVERBUG]|" IMAP_QUIT},
};

enum { DIALOGUE_COUNT = sizeof(DIALOGUES) / sizeof(DIALOGUES[0]) };

static unsigned port_of(const char *protocol)
{
    for (size_t i = 0; i < PORT_COUNT; i++) {
        if (strcmp(PORTS[i].name, protocol) == 0)
            return PORTS[i].port;
    }
    fail_msg("no port for %s", protocol);
    return 0;
}

static void set_mode(const char *protocol, const char *mode)
{
    char command[256];
    snprintf(command, sizeof(command), "%s %s", protocol, mode);
    program_command(&shared, command);
}

static void test_dialogue(void **state)
{
    const struct dialogue *dialogue = *state;
    struct client client;
    set_mode(dialogue->protocol, dialogue->mode);
    client_open(&client, 1, port_of(dialogue->protocol));
    client_play(&client, dialogue->script);
    client_close(&client);
    set_mode(dialogue->protocol, "ok");
    expect_counter(&shared, "total", "open", 0);
}

/* What no script can tell */

static void test_refuse_resets_and_comes_back(void **state)
{
    (void)state;
    set_mode("smtp", "refuse");
    assert_int_equal(client_try(1, 2525, PATIENCE_MS), -1);
    assert_int_equal(errno, ECONNREFUSED);
    set_mode("smtp", "ok");
    struct client client;
    client_open(&client, 1, 2525);
    client_play(&client, "<220 |" SMTP_QUIT);
    client_close(&client);
}

static void test_silent_answers_no_syn(void **state)
{
    (void)state;
    struct client client;
    client_open(&client, 1, 2525);
    client_play(&client, "<220 |!smtp silent|>NOOP|~");
    assert_int_equal(client_try(1, 2525, SILENCE_MS), -1);
    assert_int_equal(errno, ETIMEDOUT);
    client_play(&client, "!smtp ok|<250|" SMTP_QUIT);
    client_close(&client);
    program_command(&shared, "zero");
    client_open(&client, 1, 2525);
    client_play(&client, "<220 |" SMTP_QUIT);
    client_close(&client);
    /* The connection that filled the queue is not counted. */
    expect_counter(&shared, "stats smtp", "connections", 1);
    set_mode("smtp", "refuse");
    set_mode("smtp", "silent");
    assert_int_equal(client_try(1, 2525, SILENCE_MS), -1);
    assert_int_equal(errno, ETIMEDOUT);
    set_mode("smtp", "ok");
}

static void test_junk_is_binary(void **state)
{
    (void)state;
    struct client client;
    set_mode("smtp", "junk");
    client_open(&client, 1, 2525);
    while (client.size < 512)
        assert_true(client_fill(&client, PATIENCE_MS) > 0);
    assert_int_equal(client.size, 512);
    assert_non_null(memchr(client.bytes, '\0', client.size));
    client.size = 0;
    client_expect_end(&client, -2);
    client_close(&client);
    set_mode("smtp", "ok");
}

static void test_long_line_has_its_length(void **state)
{
    (void)state;
    struct client client;
    char line[8192];
    set_mode("smtp", "long-line 5000");
    client_open(&client, 1, 2525);
    client_line(&client, line, sizeof(line));
    assert_int_equal(strlen(line) + 2, 5000);
    client_play(&client, SMTP_QUIT);
    client_close(&client);
    set_mode("smtp", "ok");
}

static void test_inject_comes_in_one_packet(void **state)
{
    (void)state;
    struct client client;
    set_mode("smtp", "inject");
    client_open(&client, 1, 2525);
    client_play(&client, "<220 |>STARTTLS");
    assert_true(client_fill(&client, PATIENCE_MS) > 0);
    assert_non_null(memmem(client.bytes, client.size, "\r\n250 2.0.0 injected\r\n", 22));
    client_close(&client);
    set_mode("smtp", "ok");
}

static void check_stall(const char *protocol, const char *before)
{
    struct client client;
    set_mode(protocol, "tls-stall");
    client_open(&client, 1, port_of(protocol));
    if (before)
        client_play(&client, before);
    assert_false(client_try_tls(&client, SILENCE_MS));
    /* It has begun: the server's hello has come, but not what follows. */
    assert_true(BIO_number_read(SSL_get_rbio(client.ssl)) > 0);
    assert_int_equal(SSL_want(client.ssl), SSL_READING);
    set_mode(protocol, "ok");
    int64_t deadline = now_ms() + PATIENCE_MS;
    while (SSL_connect(client.ssl) != 1)
        assert_true(client_wait(&client, deadline));
    client_close(&client);
}

static void test_tls_stall_stops_within_the_handshake(void **state)
{
    (void)state;
    check_stall("smtp", "<220 |>STARTTLS|<220");
    check_stall("imap", "<* OK|>a STARTTLS|<a OK");
    check_stall("pop3", "<+OK|>STLS|<+OK");
    check_stall("imaps", NULL);
    check_stall("smtps", NULL);
}

static void test_tls_close_ends_the_handshake(void **state)
{
    (void)state;
    struct client client;
    set_mode("imaps", "tls-close");
    client_open(&client, 1, port_of("imaps"));
    assert_false(client_try_tls(&client, PATIENCE_MS));
    assert_true(BIO_number_read(SSL_get_rbio(client.ssl)) > 0);
    client_close(&client);
    set_mode("imaps", "ok");
}

static X509 *fetch_certificate(const char *mode)
{
    struct client client;
    set_mode("smtps", mode);
    client_open(&client, 1, port_of("smtps"));
    client_start_tls(&client);
    X509 *certificate = SSL_get1_peer_certificate(client.ssl);
    assert_non_null(certificate);
    client_close(&client);
    set_mode("smtps", "ok");
    return certificate;
}

static void check_certificate(const char *mode, bool valid_now, bool valid_name)
{
    X509 *certificate = fetch_certificate(mode);
    bool now = X509_cmp_current_time(X509_get0_notBefore(certificate)) < 0 &&
               X509_cmp_current_time(X509_get0_notAfter(certificate)) > 0;
    assert_int_equal(now, valid_now);
    assert_int_equal(X509_check_host(certificate, "mx1.example.test", 0, 0, NULL) == 1, valid_name);
    X509_free(certificate);
}

static void test_certificates(void **state)
{
    (void)state;
    check_certificate("ok", true, true);
    check_certificate("cert-expired", false, true);
    check_certificate("cert-wrong-name", true, false);
}

static void play_and_close(const char *protocol, const char *script)
{
    struct client client;
    client_open(&client, 1, port_of(protocol));
    client_play(&client, script);
    client_close(&client);
}

static void test_sessions_are_counted_by_their_end(void **state)
{
    (void)state;
    program_command(&shared, "zero smtp");
    play_and_close("smtp", "<220 |" SMTP_QUIT);
    play_and_close("smtp", "<220 |>STARTTLS|<220|T|" EHLO_TLS "|<250 |" SMTP_QUIT);
    play_and_close("smtp", "<220 |>EHLO probe.test");
    play_and_close("smtp", "<220 |!smtp greet 421 4.3.2 no");
    play_and_close("smtp", "<421|.");
    set_mode("smtp", "close");
    play_and_close("smtp", ".");
    set_mode("smtp", "quit-hang");
    play_and_close("smtp", "<220 |>QUIT|~");
    set_mode("smtp", "ok");
    expect_counter(&shared, "stats smtp", "quit", 3);
    expect_counter(&shared, "stats smtp", "dropped", 2);
    expect_counter(&shared, "stats smtp", "closed", 2);
    expect_counter(&shared, "stats smtp", "connections", 7);
    expect_counter(&shared, "stats smtp", "tls", 1);
    expect_counter(&shared, "stats smtp", "open", 0);
    expect_counter(&shared, "stats smtp", "pregreet", 0);
}

static void test_quit_with_end_of_file_is_answered(void **state)
{
    (void)state;
    struct client client;
    program_command(&shared, "zero smtp");
    client_open(&client, 1, 2525);
    client_expect(&client, "220 ");
    client_send(&client, "EHLO a\r\nQUIT\r\n");
    shutdown(client.fd, SHUT_WR);
    client_play(&client, "<250-|<250-|<250-|<250-|<250-|<250 |<221|.");
    client_close(&client);
    expect_counter(&shared, "stats smtp", "quit", 1);
    program_command(&shared, "zero tcp");
    play_and_close("tcp", "~");
    expect_counter(&shared, "stats tcp", "quit", 1);
}

static void check_pregreet(const char *protocol, const char *mode, const char *script, long count)
{
    char command[64];
    snprintf(command, sizeof(command), "stats %s", protocol);
    set_mode(protocol, "ok");
    program_command(&shared, "zero");
    set_mode(protocol, mode);
    play_and_close(protocol, script);
    expect_counter(&shared, command, "open", 0);
    expect_counter(&shared, command, "pregreet", count);
    set_mode(protocol, "ok");
}

static void test_early_talk_is_counted_in_every_mode(void **state)
{
    (void)state;
    check_pregreet("smtp", "pregreet 60000", "<220-|>E|<554 5.5.1|.", 1);
    check_pregreet("smtp", "pregreet 100", "<220-|<220 |" SMTP_QUIT, 0);
    check_pregreet("smtp", "slow-multiline 200", "<220-|>NOOP|>NOOP|<220 |<250|<250", 1);
    check_pregreet("smtp", "hang", ">QUIT|~", 1);
    check_pregreet("smtp", "late 200", ">QUIT|<220|<221|.", 1);
    check_pregreet("imap", "partial", "=* OK|>a LOGOUT", 1);
    check_pregreet("imaps", "late 300", "T|~|<* OK|" IMAP_QUIT, 0);
    check_pregreet("imaps", "late 200", "T|>a LOGOUT|<* OK|<* BYE|<a OK|.", 1);
    check_pregreet("imaps", "hang", ">not looked at|~", 0);
    check_pregreet("tcp", "hang", ">anything|~", 0);
}

static void test_stats_tell_the_greatest_number_at_once_and_the_last_name(void **state)
{
    (void)state;
    struct client clients[3];
    char data[2048], last[2048];
    program_command(&shared, "zero smtp");
    for (size_t i = 0; i < 3; i++) {
        client_open(&clients[i], 1, 2525);
        client_expect(&clients[i], "220 ");
    }
    client_play(&clients[0], ">EHLO a\"\\\xc3\xa4|<250-");
    expect_counter(&shared, "stats smtp", "open", 3);
    for (size_t i = 0; i < 3; i++)
        client_close(&clients[i]);
    expect_counter(&shared, "stats smtp", "open", 0);
    expect_counter(&shared, "stats smtp", "max_open", 3);
    program_ask(&shared, "stats smtp", data, last);
    assert_non_null(strstr(data, "\"last_ehlo\": \"a\\u0022\\u005c\\u00c3\\u00a4\"}"));
    assert_non_null(strstr(data, "{\"protocol\": \"smtp\", \"address\": \"127."));
    assert_non_null(strstr(data, "\"port\": 2525, \"mode\": \"ok\", \"connections\": 3, "));
    set_mode("smtp", "greet 421 a\"b");
    program_ask(&shared, "stats smtp", data, last);
    assert_non_null(strstr(data, "\"mode\": \"greet 421 a\\u0022b\""));
    set_mode("smtp", "ok");
}

static void check_error(const char *command, const char *expected)
{
    char data[2048], last[2048];
    program_ask(&shared, command, data, last);
    if (strncmp(last, "error: ", 7) != 0 || !strstr(last, expected))
        fail_msg("%s: expected error with \"%s\", got \"%s\"", command, expected, last);
}

static void test_bad_commands_change_nothing(void **state)
{
    (void)state;
    check_error("smtp nonsense", "no such mode");
    check_error("smtp", "no such mode");
    check_error("nonsense hang", "needs an address");
    check_error("192.0.2.1 hang", "no such listener");
    check_error("smtp:127.0.0.300 hang", "needs an address");
    check_error("127.0.0.1/8 hang", "no prefix");
    check_error("127.0.0.0/33 hang", "no prefix");
    check_error("all multiline", "cannot do \"multiline\"");
    check_error("smtps inject", "cannot do");
    check_error("smtp login-no", "cannot do");
    check_error("tcp late 5", "cannot do");
    check_error("smtp late", "number of milliseconds");
    check_error("smtp late -5", "number of milliseconds");
    check_error("smtp late 5x", "number of milliseconds");
    check_error("smtp late 99999999", "number of milliseconds");
    check_error("smtp long-line 9999999", "number of bytes");
    check_error("smtp greet 42", "needs a reply");
    check_error("smtp greet 4211", "needs a reply");
    check_error("smtp hang 5", "takes no argument");
    check_error("stats 192.0.2.1", "no such listener");
    check_error("stats nonsense", "needs an address");
    play_and_close("smtp", "<220 |" SMTP_QUIT);
    program_command(&shared, "help");
}

static void test_places_choose_listeners(void **state)
{
    (void)state;
    char address[32], command[128];
    own_address(1, address);
    snprintf(command, sizeof(command), "smtp:%s@2525 greet 421 a", address);
    program_command(&shared, command);
    play_and_close("smtp", "<421 a|.");
    snprintf(command, sizeof(command), "%s@2525 greet 421 b", address);
    program_command(&shared, command);
    play_and_close("smtp", "<421 b|.");
    play_and_close("pop3", "<+OK|" POP3_QUIT);
    snprintf(command, sizeof(command), "%s close", address);
    program_command(&shared, command);
    play_and_close("pop3", ".");
    program_command(&shared, "127.0.0.0/8 ok");
    play_and_close("pop3", "<+OK|" POP3_QUIT);
    program_command(&shared, "all refuse");
    program_command(&shared, "all ok");
    play_and_close("smtp", "<220 |" SMTP_QUIT);
}

static void send_bytes(struct client *client, size_t size)
{
    char *bytes = malloc(size + 1);
    assert_non_null(bytes);
    memset(bytes, 'x', size);
    bytes[size] = '\0';
    client_send(client, bytes);
    free(bytes);
}

static void test_long_lines_are_refused_but_in_messages(void **state)
{
    (void)state;
    struct client client;
    client_open(&client, 1, 2525);
    client_expect(&client, "220 ");
    send_bytes(&client, 6000);
    client_play(&client, "<500 5.5.2|.");
    client_close(&client);
    client_open(&client, 1, 2525);
    client_play(&client, "<220 |>HELO a|<250|>MAIL FROM:<>|<250|>RCPT TO:<a@b>|<250|>DATA|<354");
    send_bytes(&client, 30000);
    /* Not the end of the message: it is the end of a long line. */
    client_play(&client, ">.|~|>.|<250|" SMTP_QUIT);
    client_close(&client);
}

/* Programs of their own */

static void test_binding_failure_is_told(void **state)
{
    (void)state;
    struct program program;
    char taken[128], line[1024];
    place("smtp", 1, 2525, "", taken);
    char *arguments[] = {(char *)"mailhost", (char *)"--listen", taken, NULL};
    program_spawn(&program, arguments, true);
    program_read(&program, line, sizeof(line));
    assert_non_null(strstr(line, "@2525 for smtp: Address already in use; another program"));
    assert_int_equal(program_wait(&program), 1);
    char *nowhere[] = {(char *)"mailhost", (char *)"--listen", (char *)"imap:192.0.2.1@1430", NULL};
    program_spawn(&program, nowhere, true);
    program_read(&program, line, sizeof(line));
    assert_non_null(strstr(line, "192.0.2.1@1430 for imap: Cannot assign requested address; no "));
    assert_int_equal(program_wait(&program), 1);
}

static void check_option_error(const char *option, const char *value, const char *expected)
{
    struct program program;
    char line[1024];
    char *arguments[] = {(char *)"mailhost", (char *)option, (char *)value, NULL};
    program_spawn(&program, arguments, true);
    program_read(&program, line, sizeof(line));
    if (!strstr(line, expected))
        fail_msg("%s %s: expected \"%s\", got \"%s\"", option, value, expected, line);
    assert_int_equal(program_wait(&program), 1);
}

static void test_bad_options_are_told(void **state)
{
    (void)state;
    check_option_error("--listen", "smtp", "needs PROTOCOL:ADDRESS");
    check_option_error("--listen", "127.0.0.1@25", "needs PROTOCOL:ADDRESS");
    check_option_error("--listen", "smtp:127.0.0.1@2525,bye", "smtp cannot do this");
    check_option_error("--listen", "smtp:127.0.0.0/8@2525", "more than 65536 addresses");
    check_option_error("--listen", "tcp:127.0.0.1", "no port of its own");
    check_option_error("--name", "a", "nothing to listen on");
    check_option_error("--idle", "0", "needs a number");
    check_option_error("--tell", "/nonexistent", "needs a command");
}

static void test_options_set_behaviours(void **state)
{
    (void)state;
    struct program program;
    struct client client;
    char one[128], two[128], three[128];
    place("smtp", 2, 2525, ",greet 421 4.3.2 one", one);
    place("smtp", 3, 2525, "", two);
    place("imap", 3, 1430, ",refuse", three);
    char *arguments[] = {(char *)"mailhost",
                         (char *)"--listen",
                         one,
                         (char *)"--listen",
                         two,
                         (char *)"--listen",
                         three,
                         (char *)"--behave",
                         (char *)"smtp greet 421 two",
                         (char *)"--with-parent",
                         NULL};
    program_start(&program, arguments);
    client_open(&client, 2, 2525);
    client_play(&client, "<421 two|.");
    client_close(&client);
    assert_int_equal(client_try(3, 1430, PATIENCE_MS), -1);
    assert_int_equal(program_stop(&program), 0);
}

static void test_a_prefix_is_many_listeners(void **state)
{
    (void)state;
    struct program program;
    struct client client;
    char address[32], argument[64], command[64];
    own_address(0, address);
    snprintf(argument, sizeof(argument), "smtp:%s/24@2600", address);
    char *arguments[] = {(char *)"mailhost", (char *)"--listen", argument, (char *)"--with-parent",
                         NULL};
    program_start(&program, arguments);
    assert_int_equal(program_counter(&program, "total", "listeners"), 256);
    for (unsigned last = 0; last < 256; last += 51) {
        client_open(&client, last, 2600);
        client_play(&client, "<220 |" SMTP_QUIT);
        client_close(&client);
    }
    expect_counter(&program, "total", "quit", 6);
    own_address(128, address);
    snprintf(command, sizeof(command), "smtp:%s/25 refuse", address);
    program_command(&program, command);
    assert_int_equal(client_try(255, 2600, PATIENCE_MS), -1);
    client_open(&client, 127, 2600);
    client_play(&client, "<220 |" SMTP_QUIT);
    client_close(&client);
    assert_int_equal(program_stop(&program), 0);
}

static void test_connections_are_bounded(void **state)
{
    (void)state;
    struct program program;
    struct client clients[6];
    char one[128], two[128];
    place("smtp", 4, 2525, "", one);
    place("smtp", 5, 2525, "", two);
    char *arguments[] = {(char *)"mailhost",
                         (char *)"--listen",
                         one,
                         (char *)"--listen",
                         two,
                         (char *)"--max-connections",
                         (char *)"4",
                         (char *)"--with-parent",
                         NULL};
    program_start(&program, arguments);
    for (unsigned i = 0; i < 6; i++) {
        client_open(&clients[i], 4 + i % 2, 2525);
        if (i < 4)
            client_expect(&clients[i], "220 ");
    }
    client_expect_end(&clients[4], -2);
    client_expect_end(&clients[5], -2);
    for (unsigned i = 0; i < 4; i++)
        client_close(&clients[i]);
    for (unsigned i = 4; i < 6; i++) {
        client_play(&clients[i], "<220 |" SMTP_QUIT);
        client_close(&clients[i]);
    }
    assert_int_equal(program_stop(&program), 0);
}

static void test_idle_sessions_end(void **state)
{
    (void)state;
    struct program program;
    struct client client;
    char one[128];
    place("imap", 6, 1430, "", one);
    char *arguments[] = {(char *)"mailhost", (char *)"--listen",      one, (char *)"--idle",
                         (char *)"1",        (char *)"--with-parent", NULL};
    program_start(&program, arguments);
    client_open(&client, 6, 1430);
    client_play(&client, "<* OK|.");
    client_close(&client);
    expect_counter(&program, "stats", "dropped", 1);
    assert_int_equal(program_stop(&program), 0);
}

static void test_with_parent_ends_with_standard_input(void **state)
{
    (void)state;
    struct program program;
    char one[128];
    place("imap", 7, 1430, "", one);
    char *arguments[] = {(char *)"mailhost", (char *)"--listen", one, (char *)"--with-parent",
                         NULL};
    program_start(&program, arguments);
    assert_int_equal(program_wait(&program), 0);
    program_start(&program, arguments);
    program_command(&program, "stop");
    assert_int_equal(program_wait(&program), 0);
}

/* Runs --tell; returns the exit status and the first line of the answer. */
static int tell(const char *path, const char *command, char line[1024])
{
    struct program program;
    char *arguments[] = {(char *)"mailhost", (char *)"--tell", (char *)path, (char *)command, NULL};
    program_spawn(&program, arguments, true);
    program_read(&program, line, 1024);
    return program_wait(&program);
}

static void test_control_socket(void **state)
{
    (void)state;
    struct program program, second;
    char one[128], line[1024], path[64];
    snprintf(path, sizeof(path), "/tmp/test_mailhost.%d.sock", (int)getpid());
    place("imap", 8, 1430, "", one);
    char *arguments[] = {(char *)"mailhost",
                         (char *)"--listen",
                         one,
                         (char *)"--control",
                         path,
                         (char *)"--with-parent",
                         NULL};
    program_start(&program, arguments);
    assert_int_equal(tell(path, "imap hang", line), 0);
    assert_string_equal(line, "ok");
    assert_int_equal(tell(path, "stats", line), 0);
    assert_non_null(strstr(line, "\"mode\": \"hang\""));
    assert_int_equal(tell(path, "imap nonsense", line), 1);
    /* A second one may not take the socket over. */
    place("imap", 9, 1430, "", one);
    program_spawn(&second, arguments, true);
    program_read(&second, line, sizeof(line));
    assert_non_null(strstr(line, "control socket"));
    assert_int_equal(program_wait(&second), 1);
    assert_int_equal(tell(path, "stop", line), 0);
    assert_int_equal(program_wait(&program), 0);
    assert_int_equal(access(path, F_OK), -1);
    assert_int_equal(tell(path, "stop", line), 1);
}

static void test_a_control_socket_left_behind_is_replaced(void **state)
{
    (void)state;
    struct program program;
    char one[128], line[1024], path[64];
    snprintf(path, sizeof(path), "/tmp/test_mailhost.%d.sock", (int)getpid());
    place("imap", 8, 1430, "", one);
    char *arguments[] = {(char *)"mailhost",
                         (char *)"--listen",
                         one,
                         (char *)"--control",
                         path,
                         (char *)"--with-parent",
                         NULL};
    program_start(&program, arguments);
    kill(program.pid, SIGKILL);
    program_wait(&program);
    assert_int_equal(access(path, F_OK), 0);
    program_start(&program, arguments);
    assert_int_equal(tell(path, "stop", line), 0);
    assert_int_equal(program_wait(&program), 0);
}

static void check_trusted(const char *certificate, unsigned last)
{
    struct client client;
    SSL_CTX *others = client_context;
    client_context = SSL_CTX_new(TLS_client_method());
    assert_int_equal(SSL_CTX_load_verify_file(client_context, certificate), 1);
    SSL_CTX_set_verify(client_context, SSL_VERIFY_PEER, NULL);
    client_open(&client, last, 9930);
    client_play(&client, "T|<* OK|" IMAP_QUIT);
    client_close(&client);
    SSL_CTX_free(client_context);
    client_context = others;
}

static void test_the_certificate_can_be_trusted(void **state)
{
    (void)state;
    struct program program;
    char one[128], path[64];
    snprintf(path, sizeof(path), "/tmp/test_mailhost.%d.pem", (int)getpid());
    place("imaps", 10, 9930, "", one);
    char *arguments[] = {(char *)"mailhost",
                         (char *)"--listen",
                         one,
                         (char *)"--write-cert",
                         path,
                         (char *)"--with-parent",
                         NULL};
    program_start(&program, arguments);
    check_trusted(path, 10);
    assert_int_equal(program_stop(&program), 0);
    unlink(path);
}

/* Writes a certificate and its key into one file, as certificate and key may stand. */
static void write_pem(const char *path, bool with_key)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = X509_new();
    X509_set_version(certificate, 2);
    X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC,
                               (const unsigned char *)"file.test", -1, -1, 0);
    X509_set_issuer_name(certificate, X509_get_subject_name(certificate));
    X509_set_pubkey(certificate, key);
    assert_true(X509_sign(certificate, key, EVP_sha256()) > 0);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(PEM_write_X509(file, certificate), 1);
    if (with_key)
        assert_int_equal(PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL), 1);
    fclose(file);
    X509_free(certificate);
    EVP_PKEY_free(key);
}

static void test_a_certificate_from_files(void **state)
{
    (void)state;
    struct program program;
    char one[128], line[1024], path[64];
    snprintf(path, sizeof(path), "/tmp/test_mailhost.%d.pem", (int)getpid());
    place("imaps", 10, 9930, "", one);
    char *arguments[] = {(char *)"mailhost",
                         (char *)"--listen",
                         one,
                         (char *)"--with-parent",
                         (char *)"--cert",
                         path,
                         (char *)"--key",
                         path,
                         NULL};
    write_pem(path, true);
    program_start(&program, arguments);
    check_trusted(path, 10);
    assert_int_equal(program_stop(&program), 0);
    write_pem(path, false);
    program_spawn(&program, arguments, true);
    program_read(&program, line, sizeof(line));
    assert_non_null(strstr(line, "reading private key /tmp/test_mailhost."));
    assert_int_equal(program_wait(&program), 1);
    unlink(path);
}

static int group_start(void **state)
{
    (void)state;
    static char places[PORT_COUNT][128];
    char *arguments[2 * PORT_COUNT + 5] = {(char *)"mailhost", (char *)"--name",
                                           (char *)"mx1.example.test", (char *)"--with-parent"};
    size_t count = 4;
    for (size_t i = 0; i < PORT_COUNT; i++) {
        place(PORTS[i].name, 1, PORTS[i].port, "", places[i]);
        arguments[count++] = (char *)"--listen";
        arguments[count++] = places[i];
    }
    signal(SIGPIPE, SIG_IGN);
    client_context = SSL_CTX_new(TLS_client_method());
    program_start(&shared, arguments);
    return 0;
}

static int group_end(void **state)
{
    (void)state;
    SSL_CTX_free(client_context);
    return program_stop(&shared);
}

static int restore(void **state)
{
    (void)state;
    program_command(&shared, "all ok");
    return 0;
}

#define TEST(name)                                                                                 \
    {                                                                                              \
#name, name, restore, NULL, NULL                                                           \
    }

int main(void)
{
    static const struct CMUnitTest others[] = {
        TEST(test_refuse_resets_and_comes_back),
        TEST(test_silent_answers_no_syn),
        TEST(test_junk_is_binary),
        TEST(test_long_line_has_its_length),
        TEST(test_inject_comes_in_one_packet),
        TEST(test_tls_stall_stops_within_the_handshake),
        TEST(test_tls_close_ends_the_handshake),
        TEST(test_certificates),
        TEST(test_sessions_are_counted_by_their_end),
        TEST(test_quit_with_end_of_file_is_answered),
        TEST(test_early_talk_is_counted_in_every_mode),
        TEST(test_stats_tell_the_greatest_number_at_once_and_the_last_name),
        TEST(test_bad_commands_change_nothing),
        TEST(test_places_choose_listeners),
        TEST(test_long_lines_are_refused_but_in_messages),
        TEST(test_binding_failure_is_told),
        TEST(test_bad_options_are_told),
        TEST(test_options_set_behaviours),
        TEST(test_a_prefix_is_many_listeners),
        TEST(test_connections_are_bounded),
        TEST(test_idle_sessions_end),
        TEST(test_with_parent_ends_with_standard_input),
        TEST(test_control_socket),
        TEST(test_a_control_socket_left_behind_is_replaced),
        TEST(test_the_certificate_can_be_trusted),
        TEST(test_a_certificate_from_files),
    };
    enum { OTHER_COUNT = sizeof(others) / sizeof(others[0]) };
    static struct CMUnitTest tests[DIALOGUE_COUNT + OTHER_COUNT];
    static char names[DIALOGUE_COUNT][96];
    for (size_t i = 0; i < DIALOGUE_COUNT; i++) {
        snprintf(names[i], sizeof(names[i]), "dialogue: %s %s", DIALOGUES[i].protocol,
                 DIALOGUES[i].mode);
        tests[i] = (struct CMUnitTest){names[i], test_dialogue, restore, NULL,
                                       (void *)(uintptr_t)&DIALOGUES[i]};
    }
    memcpy(tests + DIALOGUE_COUNT, others, sizeof(others));
    return cmocka_run_group_tests_name("mailhost", tests, group_start, group_end);
}
