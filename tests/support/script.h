/* SPDX-License-Identifier: BSD-2-Clause */
/* A server that follows a script, for tests of clients: says, hears, waits, stalls, breaks. Its own
 * thread; one connection after another, each by the same script. */
#ifndef EVERMX_TESTS_SCRIPT_H
#define EVERMX_TESTS_SCRIPT_H

#include <stddef.h>
#include <stdint.h>

enum script_op {
    SCRIPT_END,      /* closes */
    SCRIPT_SAY,      /* text, or its first `number` octets */
    SCRIPT_HEAR,     /* a line with CRLF that begins with text; else the script has failed */
    SCRIPT_QUIET,    /* the client has not sent a byte that was not heard, nor closed */
    SCRIPT_PAUSE,    /* number: ms */
    SCRIPT_TLS,      /* the handshake as a server; the client must ask for the name in text (SNI);
                        number: enum script_certificate */
    SCRIPT_HALF_TLS, /* begins the handshake, and stalls after half of its first flight */
    SCRIPT_DRIBBLE,  /* text byte by byte, number: ms between two, again and again till the client
                        goes */
    SCRIPT_FLOOD,    /* text again and again till the client goes */
    SCRIPT_GONE,     /* the client closes, without another byte of dialogue */
    SCRIPT_STALL,    /* until the client closes, whatever it says */
    SCRIPT_RESET,    /* closes by RST */
};

/* Of an authority that script_ca_file tells, valid, and for mx.example.test, but for what the name
 * says. */
enum script_certificate {
    CERTIFICATE_GOOD, /* for a hundred days */
    CERTIFICATE_EXPIRED,
    CERTIFICATE_EARLY, /* not valid yet */
    CERTIFICATE_OF_OTHER,
    CERTIFICATE_OF_TERMINAL, /* for names that a terminal would obey */
    CERTIFICATE_OF_PATTERN,  /* for *.example.test */
    CERTIFICATE_OF_NOBODY,   /* its own authority */
    CERTIFICATE_SOON,        /* expires in less than ten days */
    CERTIFICATE_OLD_TLS,     /* good, but TLS 1.1 is all that is spoken */
};

struct script_step {
    enum script_op op;
    const char *text;
    int number;
};

struct script_server;

/* Listens at an address of loopback, at a port of its own. Steps end with SCRIPT_END. */
struct script_server *script_start(const char *address, const struct script_step *steps);
uint16_t script_port(const struct script_server *server);
const char *script_ca_file(const struct script_server *server); /* until script_stop */
unsigned script_connections(const struct script_server *server);
/* Lets the connection under way come to its end, for at most 5 s. Returns what went wrong first, to
 * be freed; NULL: all went by the script. */
char *script_stop(struct script_server *server);

#endif
