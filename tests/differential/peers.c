/* SPDX-License-Identifier: BSD-2-Clause */
/* Starting and ending the four; see peers.h. */
#include "differential/peers.h"

#include "base/clock.h"
#include "base/memory.h"
#include "wire/message.h"
#include "wire/rrtype.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { START_PATIENCE_MS = 15000, STOP_PATIENCE_MS = 5000, PAUSE_MS = 50 };

/* ---- configurations: all answer what they must and nothing that they may (minimal responses), by
 * UDP at most 1232 octets, with one thread ---- */

static void print_evermx(FILE *out, const char *folder, uint16_t port, const struct world *world)
{
    fprintf(out,
            "server:\n  listen: [\"127.0.0.1@%u\"]\n  workers: 1\n  probing: off\n"
            "  control: %s/evermx.sock\nzones:\n",
            port, folder);
    for (size_t i = 0; i < world->nzones; i++)
        fprintf(out, "  - %s/zones/%zu\n", folder, i);
}

static void print_nsd(FILE *out, const char *folder, uint16_t port, const struct world *world)
{
    fprintf(out,
            "server:\n  ip-address: 127.0.0.1\n  port: %u\n  server-count: 1\n  username: \"\"\n"
            "  database: \"\"\n  zonesdir: \"%s\"\n  zonelistfile: \"%s/nsd.list\"\n"
            "  xfrdfile: \"%s/nsd.xfrd\"\n  pidfile: \"%s/nsd.pid\"\n  xfrdir: \"%s\"\n"
            "  rrl-ratelimit: 0\n  minimal-responses: yes\n  ipv4-edns-size: 1232\n"
            "  tcp-count: 100\n  tcp-timeout: 60\nremote-control:\n  control-enable: no\n",
            port, folder, folder, folder, folder, folder);
    for (size_t i = 0; i < world->nzones; i++)
        fprintf(out, "zone:\n  name: \"%s\"\n  zonefile: \"%s/nsd/%zu\"\n",
                world_text((struct world *)world, world->zones[i].apex), folder, i);
}

static void print_knot(FILE *out, const char *folder, uint16_t port, const struct world *world)
{
    fprintf(out,
            "server:\n  rundir: %s/knot\n  listen: 127.0.0.1@%u\n  udp-workers: 1\n"
            "  tcp-workers: 1\n  background-workers: 1\n  udp-max-payload: 1232\n"
            "  tcp-idle-timeout: 60\nlog:\n  - target: stderr\n    any: error\n"
            "database:\n  storage: %s/knot\ntemplate:\n  - id: default\n    storage: %s/knot\n"
            "    zonefile-sync: -1\n    journal-content: none\n    semantic-checks: off\nzone:\n",
            folder, port, folder, folder);
    for (size_t i = 0; i < world->nzones; i++)
        fprintf(out, "  - domain: %s\n    file: %zu\n",
                world_text((struct world *)world, world->zones[i].apex), i);
}

static void print_bind(FILE *out, const char *folder, uint16_t port, const struct world *world)
{
    fprintf(
        out,
        "options {\n  directory \"%s\"; pid-file none; session-keyfile \"%s/named.key\";\n"
        "  listen-on port %u { 127.0.0.1; }; listen-on-v6 { none; };\n"
        "  recursion no; minimal-responses yes; notify no; dnssec-validation no;\n"
        "  empty-zones-enable no; allow-transfer { none; }; minimal-any no;\n"
        "  max-udp-size 1232; nocookie-udp-size 1232; check-names primary ignore;\n"
        "  check-integrity no; check-mx ignore; check-mx-cname ignore; check-srv-cname ignore;\n"
        "  check-sibling no; check-wildcard no; check-dup-records ignore; zero-no-soa-ttl no;\n"
        "  max-records-per-type 0; max-types-per-name 0;\n"
        "  tcp-idle-timeout 600; tcp-initial-timeout 600;\n};\n"
        "controls { };\nlogging { category default { stderr; }; channel stderr { stderr; severity"
        " warning; }; };\n",
        folder, folder, port);
    for (size_t i = 0; i < world->nzones; i++)
        fprintf(out, "zone \"%s\" { type primary; file \"%s/zones/%zu\"; };\n",
                world_text((struct world *)world, world->zones[i].apex), folder, i);
}

/* ---- programs ---- */

struct program {
    const char *name;
    void (*print)(FILE *, const char *folder, uint16_t port, const struct world *world);
    const char *arguments[6]; /* before the configuration */
};

static const struct program programs[PEERS] = {
    [PEER_EVERMX] = {"evermxd", print_evermx, {"-c"}},
    [PEER_NSD] = {"nsd", print_nsd, {"-d", "-c"}},
    [PEER_KNOT] = {"knotd", print_knot, {"-c"}},
    [PEER_BIND] = {"named", print_bind, {"-f", "-4", "-n", "1", "-c"}},
};

static FILE *open_in(const char *folder, const char *file)
{
    char path[FOLDER_SIZE + 64];
    snprintf(path, sizeof path, "%s/%s", folder, file);
    FILE *out = fopen(path, "w");
    if (!out) {
        perror(path);
        exit(1);
    }
    return out;
}

static void write_zones(const struct peers *peers, const struct world *world)
{
    static const char *const folders[] = {
        [WORLD_FOR_ALL] = "zones",
        [WORLD_FOR_KNOT] = "knot",
        [WORLD_FOR_NSD] = "nsd",
    };
    char name[64], path[FOLDER_SIZE + 16];
    for (enum world_reader reader = WORLD_FOR_ALL; reader <= WORLD_FOR_NSD; reader++) {
        snprintf(path, sizeof path, "%s/%s", peers->folder, folders[reader]);
        mkdir(path, 0755);
        for (size_t i = 0; i < world->nzones; i++) {
            snprintf(name, sizeof name, "%s/%zu", folders[reader], i);
            FILE *out = open_in(peers->folder, name);
            world_print_zone(&world->zones[i], reader, out);
            fclose(out);
        }
    }
}

/* A child that goes with us, even when we are killed; nsd ends its own children. evermxd is that of
 * the build, the others are those on PATH. */
static void run(const struct peers *peers, const struct program *program, const char *build)
{
    char path[300], configuration[128], log[128];
    const char *words[8];
    size_t count = 0;
    snprintf(path, sizeof path, "%s/evermxd", build);
    snprintf(configuration, sizeof configuration, "%s/%s.conf", peers->folder, program->name);
    snprintf(log, sizeof log, "%s/%s.log", peers->folder, program->name);
    words[count++] = program->name;
    for (size_t i = 0; program->arguments[i]; i++)
        words[count++] = program->arguments[i];
    words[count++] = configuration;
    words[count] = NULL;
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, program == &programs[PEER_NSD] ? SIGTERM : SIGKILL);
    int to = open(log, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    if (to >= 0 && dup2(to, STDOUT_FILENO) >= 0 && dup2(to, STDERR_FILENO) >= 0)
        execvp(program == &programs[PEER_EVERMX] ? path : program->name, (char *const *)words);
    _exit(127);
}

static void start(struct peers *peers, size_t number, const struct world *world, const char *build)
{
    const struct program *program = &programs[number];
    struct peer *peer = &peers->all[number];
    char file[64];
    snprintf(file, sizeof file, "%s.conf", program->name);
    peer->name = program->name;
    peer->port = free_port();
    FILE *out = open_in(peers->folder, file);
    program->print(out, peers->folder, peer->port, world);
    fclose(out);
    peer->process = fork();
    if (peer->process == 0)
        run(peers, program, build);
    peer->udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons(peer->port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    if (connect(peer->udp, (struct sockaddr *)&address, sizeof address) != 0)
        perror("connect");
}

static void print_log(const struct peers *peers, const struct peer *peer)
{
    char path[128], line[1024];
    snprintf(path, sizeof path, "%s/%s.log", peers->folder, peer->name);
    FILE *in = fopen(path, "r");
    for (int i = 0; i < 40 && in && fgets(line, sizeof line, in); i++)
        fprintf(stderr, "    %s: %s", peer->name, line);
    if (in)
        fclose(in);
}

/* One question, outside all batches, as the server may not be there yet. */
static bool answers(const struct peer *peer, const uint8_t *apex)
{
    const struct question question = {.name = apex, .rrtype = RRTYPE_SOA};
    uint8_t query[QUERY_MAX_SIZE], answer[UINT16_MAX];
    size_t size = question_query(&question, 7, query);
    struct pollfd wait = {peer->udp, POLLIN, 0};
    if (send(peer->udp, query, size, 0) < 0 || poll(&wait, 1, 500) != 1)
        return false;
    ssize_t got = recv(peer->udp, answer, sizeof answer, 0);
    return got > HEADER_SIZE && answer[1] == 7 && (answer[HEADER_FLAGS_LOW] & 0x0F) == 0 &&
           answer[HEADER_FLAGS_HIGH] & FLAG_HIGH_AA;
}

static bool is_ready(const struct peers *peers, struct peer *peer, const struct world *world)
{
    char name[NAME_TEXT_SIZE];
    int64_t deadline_ms = clock_now_ms() + START_PATIENCE_MS;
    for (size_t i = 0; i < world->nzones; i++) {
        while (!answers(peer, world->zones[i].apex)) {
            bool ended = waitpid(peer->process, NULL, WNOHANG) != 0;
            if (ended)
                peer->process = 0;
            if (ended || clock_now_ms() > deadline_ms) {
                fprintf(stderr, "%s does not serve zone %zu, %s\n", peer->name, i,
                        name_to_text(world->zones[i].apex, name));
                print_log(peers, peer);
                return false;
            }
            poll(NULL, 0, PAUSE_MS);
        }
    }
    return true;
}

bool peers_start(struct peers *peers, const struct world *world, const char *build)
{
    memset(peers, 0, sizeof *peers);
    folder_make(peers->folder);
    write_zones(peers, world);
    for (size_t i = 0; i < PEERS; i++)
        start(peers, i, world, build);
    bool ready = true;
    for (size_t i = 0; ready && i < PEERS; i++)
        ready = is_ready(peers, &peers->all[i], world);
    return ready;
}

static void stop(struct peer *peer)
{
    int64_t deadline_ms = clock_now_ms() + STOP_PATIENCE_MS;
    pid_t ended;
    if (peer->process <= 0)
        return;
    kill(peer->process, SIGTERM);
    while ((ended = waitpid(peer->process, NULL, WNOHANG)) == 0 && clock_now_ms() < deadline_ms)
        poll(NULL, 0, PAUSE_MS);
    kill(-peer->process, SIGKILL); /* what it left, or itself */
    if (ended == 0)
        waitpid(peer->process, NULL, 0);
    peer->process = 0;
}

void peers_stop(struct peers *peers)
{
    for (size_t i = 0; i < PEERS; i++) {
        stop(&peers->all[i]);
        close(peers->all[i].udp);
    }
    folder_remove(peers->folder);
}
