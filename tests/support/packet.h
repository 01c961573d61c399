/* SPDX-License-Identifier: BSD-2-Clause */
/* Queries of any kind, good or odd, from words, and answers as words. For tests. */
#ifndef EVERMX_TESTS_PACKET_H
#define EVERMX_TESTS_PACKET_H

#include <stddef.h>
#include <stdint.h>

enum { PACKET_MAX = 2048, PACKET_TEXT_MAX = 1024 };

/* Makes a query of words with a blank between them; returns its size. The words, in the order of
 * the message; each record raises its section's count:
 *
 *   qr aa tc rd ra z ad cd        flags; opcode=N rcode=N
 *   q=NAME/TYPE[/CLASS]           a question; CLASS: IN (default), CH, HS, NONE, ANY, a number
 *   q:HEX an:HEX ns:HEX ar:HEX    octets of a question, or of a record of that section
 *   opt[=SIZE]                    an OPT record, SIZE octets for UDP (4096); what belongs to it:
 *   version=N flags=HEX do        its fields
 *   o=CODE[:HEX]                  an option of it; o:HEX: any octets of its data
 *   qdcount=N ancount=N nscount=N arcount=N      another count than that of the records
 *   tail:HEX                      octets behind it all; cut=N: the last N octets less */
size_t packet_make(const char *words, uint8_t packet[PACKET_MAX]);

/* An answer as words:
 *
 *   RCODE[ opcode=N][ aa][ tc][ rd][ ra][ z][ ad][ cd] Q/AN/NS/AR[ edns[=SIZE][ vN][ do][
 * flags=HEX]...]
 *
 * AR without OPT; SIZE where it is not 1232; options: nsid=TEXT, cookie=OCTETS, keepalive=N,
 * error=CODE[:TEXT], padding (then the answer is made of whole blocks of 468). "silence" for size
 * 0; fails the test where the answer is no whole message. */
char *packet_describe(const uint8_t *packet, size_t size, char text[PACKET_TEXT_MAX]);

#endif
