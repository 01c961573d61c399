/* SPDX-License-Identifier: BSD-2-Clause */
/* What is answered to all that may stand in a query, case by case. The words of queries and answers
 * are those of support/packet.h. "Others" tells what BIND 9.18.49, NSD 4.6.1 and Knot DNS 3.2.6 did
 * with the same octets over loopback, where that is not the same; 1/n is one question and some
 * records. Theirs depends on what they are configured for: zone transfers off, NSID and cookies on.
 */
#include "base/memory.h"
#include "support/fixture.h"
#include "support/packet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { U = 1 << TRANSPORT_UDP, T = 1 << TRANSPORT_TCP };

#define MX     "q=example.test/MX "
#define GOOD   "NOERROR aa 1/1/0/0"
#define COOKIE "2464c4abcf10c957"
/* Labels of 63, 63, 63 and 61 octets, with the root: a name of 255 octets. */
#define L63 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define L48 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
/* Octets in hexadecimal digits. */
#define X16 "61616161616161616161616161616161"
#define X62 X16 X16 X16 "6161616161616161616161616161"
#define X63 X62 "61"
#define X64 X63 "61"
/* Records in octets. */
#define SOA_RR                                                                                     \
    "c00c00060001000000000016"                                                                     \
    "0000"                                                                                         \
    "0000000100000002000000030000000400000005 "
#define A_RR "c00c00010001000000090004c0000201 "
#define TSIG_RR                                                                                    \
    "016b0000fa00ff00000000001a"                                                                   \
    "08686d61632d6d643500"                                                                         \
    "000000000001012c0000123400000000 "
#define SIG0_RR                                                                                    \
    "00001800ff000000000003"                                                                       \
    "010203 "
#define OPT_TAIL "00291000000000000000 "

struct protocol_case {
    const char *query;
    unsigned transports;
    const char *answer;
    const char *rfc;    /* where it is said */
    const char *others; /* NULL: as we do */
};

/* clang-format off */
static const struct protocol_case cases[] = {
    /* The header. */
    {MX, U | T, GOOD,
     "RFC 1034 3.7", NULL},
    {MX "rd", U | T, "NOERROR aa rd 1/1/0/0",
     "RFC 1035 4.1.1: RD is copied", NULL},
    {MX "cd", U | T, "NOERROR aa cd 1/1/0/0",
     "RFC 4035 3: CD is copied (3.1.6 would rather have it cleared)", "NSD, Knot: NOERROR aa 1/n"},
    {MX "aa ra z", U | T, GOOD,
     "RFC 1035 4.1.1: of answers; RFC 6895 2.1: ignored", NULL},
    {MX "ad", U | T, GOOD,
     "RFC 6840 5.7: the client understands AD; we validate nothing", NULL},
    {MX "tc", U | T, GOOD,
     "RFC 1035 4.1.1: of answers", NULL},
    {MX "rcode=5", U | T, GOOD,
     "RFC 1035 4.1.1: of answers", "NSD: FORMERR 0/0"},
    {MX "qr", U | T, "silence",
     "RFC 1035 4.1.1: an answer; two servers would answer each other for ever", NULL},
    {MX "qr opcode=5", U | T, "silence",
     "the same, for every opcode", NULL},
    {MX "cut=19", U, "silence",
     "no whole header: nothing to answer to", NULL},
    {MX "opcode=1", U | T, "NOTIMP opcode=1 1/0/0/0",
     "RFC 3425 3: IQUERY", "NSD, BIND: NOTIMP opcode=1 0/0"},
    {MX "opcode=2", U | T, "NOTIMP opcode=2 1/0/0/0",
     "RFC 1035 4.1.1: STATUS", "NSD, BIND: NOTIMP opcode=2 0/0"},
    {MX "opcode=4", U | T, "NOTIMP opcode=4 1/0/0/0",
     "RFC 1996; no secondary here: NOTIFY", "NSD: REFUSED opcode=4 0/0; BIND: FORMERR opcode=4 1/0; Knot: NOTAUTH opcode=4 1/0"},
    {MX "opcode=5", U | T, "NOTIMP opcode=5 1/0/0/0",
     "RFC 2136; zones come from files: UPDATE", "NSD: NOTIMP opcode=5 0/0; BIND, Knot: FORMERR opcode=5 1/0"},
    {MX "opcode=6", U | T, "NOTIMP opcode=6 1/0/0/0",
     "RFC 8490; not kept here: DSO", "NSD, BIND: NOTIMP opcode=6 0/0"},
    {MX "opcode=3", U | T, "NOTIMP opcode=3 1/0/0/0",
     "RFC 6895 2.2: unassigned", "NSD, BIND: NOTIMP opcode=3 0/0"},
    {MX "opcode=15", U | T, "NOTIMP opcode=15 1/0/0/0",
     "RFC 6895 2.2: unassigned", "NSD, BIND: NOTIMP opcode=15 0/0"},
    {MX "opcode=2 opt", U | T, "NOTIMP opcode=2 1/0/0/0 edns error=21:no such opcode here",
     "RFC 6891 6.1.1: EDNS is answered with EDNS; RFC 8914 4.22", "NSD: NOTIMP opcode=2 0/0; BIND: NOTIMP opcode=2 0/0 edns"},
    {MX "opcode=4 an:" SOA_RR "opt", U | T, "NOTIMP opcode=4 1/0/0/0 edns error=21:no such opcode here",
     "the same behind records of other sections", "NSD: REFUSED opcode=4 0/0; BIND: FORMERR opcode=4 1/0 edns; Knot: NOTAUTH opcode=4 1/0 edns"},
    {"opcode=5 qdcount=1", U | T, "NOTIMP opcode=5 0/0/0/0",
     "RFC 1035 4.1.1: what cannot be read is not copied", "NSD: TCP silence; BIND: FORMERR opcode=5 0/0; Knot: silence"},
    /* Counts. */
    {"", U | T, "FORMERR 0/0/0/0",
     "RFC 9619 4: no question", "NSD: TCP silence"},
    {"opt", U | T, "FORMERR 0/0/0/0 edns",
     "RFC 9619 4", "NSD: NOERROR 0/0 edns"},
    {"opt o=10:" COOKIE, U | T, "NOERROR 0/0/0/0 edns cookie=24",
     "RFC 7873 5.4: asks for a cookie", "Knot: FORMERR 0/0 edns"},
    {"opt o=10:" COOKIE "0100000000000000ffffffffffffffff", U | T, "BADCOOKIE 0/0/0/0 edns cookie=24",
     "RFC 7873 5.4: asks whether the cookie is good", "NSD, BIND: NOERROR 0/0 edns cookie; Knot: FORMERR 0/0 edns"},
    {"opt o=10:" COOKIE "010000005cf79f110000000000000000", U, "BADCOOKIE 0/0/0/0 edns cookie=24",
     "RFC 7873 5.4", "NSD, BIND: NOERROR 0/0 edns cookie; Knot: FORMERR 0/0 edns"},
    {"opt o=3", U | T, "FORMERR 0/0/0/0 edns nsid=here",
     "RFC 7873 5.4: only a cookie may do without", "NSD: NOERROR 0/0 edns"},
    {"an:" SOA_RR "opt o=10:" COOKIE, U, "FORMERR 0/0/0/0 edns cookie=24",
     "RFC 7873 5.4: an empty query is empty", "NSD, BIND: FORMERR 0/0; Knot: silence"},
    {MX "q=mx.example.test/A", U | T, "FORMERR 0/0/0/0",
     "RFC 9619 4: at most one question", "Knot: silence"},
    {MX "q=mx.example.test/A opt", U | T, "FORMERR 0/0/0/0 edns",
     "RFC 9619 4; RFC 6891 6.1.1", "NSD, BIND: FORMERR 0/0; Knot: silence"},
    {MX "qdcount=65535", U | T, "FORMERR 0/0/0/0",
     "RFC 9619 4", "Knot: silence"},
    {MX "ancount=1", U | T, "FORMERR 1/0/0/0",
     "RFC 1035 4.1.1: the record is missing", "NSD: FORMERR 0/0"},
    {MX "an:" SOA_RR, U | T, "FORMERR 1/0/0/0",
     "RFC 1035 4.1: a query brings no answer", "NSD: FORMERR 0/0; BIND, Knot: NOERROR aa 1/n"},
    {MX "an:" SOA_RR "opt", U | T, "FORMERR 1/0/0/0 edns",
     "RFC 1035 4.1", "NSD: FORMERR 0/0; BIND, Knot: NOERROR aa 1/n edns"},
    {MX "ns:" SOA_RR, U | T, "FORMERR 1/0/0/0",
     "RFC 1035 4.1", "NSD: FORMERR 0/0; BIND, Knot: NOERROR aa 1/n"},
    {MX "arcount=1", U | T, "FORMERR 1/0/0/0",
     "RFC 1035 4.1.1: the record is missing", "NSD: FORMERR 0/0"},
    {MX "arcount=65535", U | T, "FORMERR 1/0/0/0",
     "RFC 1035 4.1.1", "NSD: FORMERR 0/0"},
    {MX "opt arcount=0", U | T, "FORMERR 1/0/0/0",
     "RFC 1035 4.1.1: octets that belong to nothing", "NSD, BIND: NOERROR aa 1/n"},
    {MX "tail:00", U | T, "FORMERR 1/0/0/0",
     "RFC 1035 4.1: octets that belong to nothing", "NSD, BIND: NOERROR aa 1/n"},
    {MX "opt tail:00", U | T, "FORMERR 1/0/0/0 edns",
     "RFC 1035 4.1", "NSD, BIND: NOERROR aa 1/n edns; Knot: FORMERR 1/0"},
    {MX "cut=1", U | T, "FORMERR 0/0/0/0",
     "RFC 1035 4.1.2", "Knot: silence"},
    /* The name asked for. */
    {"q=./NS", U | T, "REFUSED 1/0/0/0",
     "RFC 1034 4.3.2; no zone of ours", NULL},
    {"q=./NS opt", U | T, "REFUSED 1/0/0/0 edns error=20",
     "RFC 8914 4.21", NULL},
    {"q=other.test/MX opt", U | T, "REFUSED 1/0/0/0 edns error=20",
     "RFC 8914 4.21", NULL},
    {"q=no.example.test/MX opt", U | T, "NXDOMAIN aa 1/0/1/0 edns",
     "RFC 2308 3", NULL},
    {"q=mx.example.test/MX opt", U | T, "NOERROR aa 1/0/1/0 edns",
     "RFC 2308 3", NULL},
    {"q=x.bad.test/MX opt", U | T, "SERVFAIL 1/0/0/0 edns error=24:the zone file has errors",
     "RFC 8914 4.25: Invalid Data", NULL},
    {"q=x.bad.test/MX", U | T, "SERVFAIL 1/0/0/0",
     "RFC 8914 2: only with EDNS", NULL},
    {"q=" L63 "." L63 "." L63 "." L48 ".example.test/A", U | T, "NXDOMAIN aa 1/0/1/0",
     "RFC 1035 2.3.4: 255 octets are allowed", NULL},
    {"q:3f" X63 "3f" X63 "3f" X63 "3e" X62 "0000010001", U | T, "FORMERR 0/0/0/0",
     "RFC 1035 2.3.4: 256 are not", "Knot: silence"},
    {"q:40" X64 "00000f0001", U | T, "FORMERR 0/0/0/0",
     "RFC 6891 5: label type 01", "Knot: silence"},
    {"q:800000010001", U | T, "FORMERR 0/0/0/0",
     "RFC 1035 4.1.4: label type 10", "Knot: silence"},
    {"q:c00c000f0001", U | T, "FORMERR 0/0/0/0",
     "RFC 1035 4.1.4: a pointer to itself", "Knot: silence"},
    {"q:0378797ac004000f0001", U | T, "FORMERR 0/0/0/0",
     "RFC 1035 4.1.4: a pointer into the header; nothing stands before that it could name", "BIND: REFUSED 1/0; Knot: silence"},
    {"q:05612062006304746573740000010001", U | T, "REFUSED 1/0/0/0",
     "RFC 2181 11: any octet may stand in a label", NULL},
    /* Types and classes. */
    {"q=example.test/TYPE0", U | T, "NOERROR aa 1/0/1/0",
     "RFC 6895 3.1: 0 is reserved; a name without such records", "Knot: NOTIMP 1/0"},
    {"q=example.test/TYPE65280", U | T, "NOERROR aa 1/0/1/0",
     "RFC 3597 3", NULL},
    {"q=example.test/TYPE65535", U | T, "NOERROR aa 1/0/1/0",
     "RFC 6895 3.1: reserved", NULL},
    {"q=example.test/TYPE128", U | T, "NOERROR aa 1/0/1/0",
     "RFC 8906 3.1.2: unknown meta types, too", "BIND: FORMERR 1/0"},
    {"q=example.test/TYPE41", U | T, "FORMERR 1/0/0/0",
     "RFC 6891 6.1.1: OPT is asked for by nobody", "NSD, Knot: NOERROR aa 1/0"},
    {"q=example.test/TYPE250", U | T, "FORMERR 1/0/0/0",
     "RFC 8945 4.2: TSIG is asked for by nobody", "NSD, Knot: NOERROR aa 1/0"},
    {"q=example.test/TYPE249 opt", U | T, "NOTIMP 1/0/0/0 edns error=21:no such query type here",
     "RFC 2930 4: TKEY; no keys are agreed on here", "NSD, Knot: NOERROR aa 1/0 edns; BIND: FORMERR 1/0 edns"},
    {"q=example.test/MAILA opt", U | T, "NOTIMP 1/0/0/0 edns error=21:no such query type here",
     "RFC 1035 3.2.3: obsolete", "NSD, Knot: NOERROR aa 1/0 edns"},
    {"q=example.test/MAILB", U | T, "NOTIMP 1/0/0/0",
     "RFC 1035 3.2.3", "NSD, Knot: NOERROR aa 1/0"},
    {"q=example.test/AXFR opt", U | T, "REFUSED 1/0/0/0 edns error=21:no zone transfer from here",
     "RFC 5936 2.2.1, 4.2: none over UDP anyway", "NSD: UDP NOTIMP 1/0 edns; Knot: UDP NOTIMP 1/0 edns; TCP NOTAUTH 1/0 edns"},
    {"q=example.test/IXFR ns:" SOA_RR "opt", U | T, "REFUSED 1/0/0/0 edns error=21:no zone transfer from here",
     "RFC 1995 3: brings its SOA", "Knot: NOTAUTH 1/0 edns"},
    {"q=example.test/IXFR", U | T, "REFUSED 1/0/0/0",
     "RFC 1995 2", "Knot: NOTAUTH 1/0"},
    {"q=example.test/IXFR ns:" SOA_RR "ns:" SOA_RR, U, "FORMERR 1/0/0/0",
     "RFC 1995 3: one SOA", "NSD, BIND: REFUSED 1/0; Knot: NOTAUTH 1/0"},
    {"q=example.test/ANY", U | T, GOOD,
     "RFC 8482 4.2", NULL},
    {"q=example.test/MX/CH opt", U | T, "REFUSED 1/0/0/0 edns error=20",
     "RFC 1034 3.6: another class, another tree", NULL},
    {"q=version.bind/TXT/CH", U | T, GOOD,
     "RFC 4892 2", "NSD, Knot: NOERROR 1/n"},
    {"q=hostname.bind/TXT/CH", U | T, GOOD,
     "RFC 4892 2", "NSD, Knot: NOERROR 1/n"},
    {"q=id.server/TXT/CH opt", U | T, "NOERROR aa 1/1/0/0 edns",
     "RFC 4892 3", "NSD, Knot: NOERROR 1/n edns"},
    {"q=id.server/ANY/CH", U | T, GOOD,
     "RFC 4892 3", "NSD: NOERROR 1/n; Knot: REFUSED 1/0"},
    {"q=id.server/A/CH", U | T, "NOERROR aa 1/0/0/0",
     "RFC 2308 2.2: no such records", "NSD, Knot: REFUSED 1/0"},
    {"q=id.server/TXT/IN", U | T, "REFUSED 1/0/0/0",
     "RFC 1034 4.3.2", NULL},
    {"q=example.test/MX/HS opt", U | T, "REFUSED 1/0/0/0 edns error=21:no such class here",
     "RFC 1035 3.2.4", "NSD: REFUSED 0/0 edns"},
    {"q=example.test/MX/NONE opt", U | T, "REFUSED 1/0/0/0 edns error=21:no such class here",
     "RFC 2136 2.4: of updates", "NSD: REFUSED 0/0 edns; BIND: FORMERR 1/0 edns"},
    {"q=example.test/MX/ANY opt", U | T, "REFUSED 1/0/0/0 edns error=21:no such class here",
     "RFC 1035 3.2.5: we serve one class", "NSD: NOERROR 1/n edns; BIND: FORMERR 1/0 edns; Knot: NOERROR aa 1/n edns"},
    {"q=example.test/MX/0 opt", U | T, "REFUSED 1/0/0/0 edns error=21:no such class here",
     "RFC 6895 3.2: reserved", "NSD: REFUSED 0/0 edns; BIND: FORMERR 1/0 edns"},
    {"q=example.test/MX/65280 opt", U | T, "REFUSED 1/0/0/0 edns error=21:no such class here",
     "RFC 6895 3.2: private use", "NSD: REFUSED 0/0 edns; BIND: NOTIMP 1/0 edns"},
    /* Records that nobody here needs. */
    {MX "ar:" A_RR, U | T, GOOD,
     "RFC 1035 4.1: passed over", "NSD: FORMERR 0/0"},
    {MX "ar:" A_RR "opt", U | T, GOOD " edns",
     "RFC 6891 6.1.1: OPT may stand anywhere in the section", "NSD: FORMERR 0/0"},
    {MX "opt ar:" TSIG_RR, U | T, GOOD " edns",
     "RFC 8945 5.2 speaks to servers that know TSIG; unsigned, as the client will see", "NSD: NOTAUTH 0/0 edns; BIND, Knot: NOTAUTH 1/0 edns"},
    {MX "ar:" SIG0_RR, U | T, GOOD,
     "RFC 2931 3.2: SIG(0) is for who needs it", "NSD: FORMERR 0/0; BIND, Knot: FORMERR 1/0"},
    {MX "ar:c00c", U | T, "FORMERR 1/0/0/0",
     "RFC 1035 4.1.3: cut short", "NSD: FORMERR 0/0"},
    /* EDNS itself. */
    {MX "opt", U | T, GOOD " edns",
     "RFC 6891 6.1.1", NULL},
    {MX "opt=0", U | T, GOOD " edns",
     "RFC 6891 6.2.3: less than 512 counts as 512", NULL},
    {MX "opt=65535", U | T, GOOD " edns",
     "RFC 6891 6.2.5", NULL},
    {MX "opt do", U | T, GOOD " edns do",
     "RFC 3225 3: DO is copied", NULL},
    {MX "opt flags=ffff", U | T, GOOD " edns do",
     "RFC 6891 6.1.4: unknown flags are not", NULL},
    {MX "opt version=1", U | T, "BADVERS 1/0/0/0 edns",
     "RFC 6891 6.1.3: with the version that we have", NULL},
    {MX "opt version=255 o=65001:00 do", U | T, "BADVERS 1/0/0/0 edns do",
     "RFC 6891 6.1.3; RFC 8906 3.2.3", "NSD: BADVERS 1/0 edns"},
    {MX "opt version=1 o:000a", U | T, "BADVERS 1/0/0/0 edns",
     "RFC 6891 6.1.3: its options are not ours to judge", "BIND, Knot: FORMERR 1/0"},
    {MX "opt opt", U | T, "FORMERR 1/0/0/0 edns",
     "RFC 6891 6.1.1: at most one", "NSD: FORMERR 0/0; BIND, Knot: FORMERR 1/0"},
    {MX "ar:017800" OPT_TAIL, U | T, "FORMERR 1/0/0/0",
     "RFC 6891 6.1.2: owned by the root", "NSD: FORMERR 0/0; Knot: NOERROR aa 1/n edns"},
    {MX "ar:c019" OPT_TAIL, U | T, "FORMERR 1/0/0/0",
     "RFC 6891 6.1.2: by no pointer either", "NSD: FORMERR 0/0; BIND, Knot: NOERROR aa 1/n edns"},
    {MX "opt cut=1", U | T, "FORMERR 1/0/0/0",
     "RFC 1035 4.1.3: cut short", "NSD: FORMERR 0/0"},
    {MX "opt o=65001:0102 o=4 o=65535", U | T, GOOD " edns",
     "RFC 6891 6.1.2: unknown options are ignored", NULL},
    {MX "opt o:00", U | T, "FORMERR 1/0/0/0 edns",
     "RFC 6891 6.1.2: no whole option", "NSD: FORMERR 0/0; BIND, Knot: FORMERR 1/0"},
    {MX "opt o:fde90001", U | T, "FORMERR 1/0/0/0 edns",
     "RFC 6891 6.1.2: longer than the record", "NSD: FORMERR 0/0; BIND, Knot: FORMERR 1/0"},
    {MX "opt o=65001 o:000a00ff00", U | T, "FORMERR 1/0/0/0 edns",
     "RFC 6891 6.1.2", "NSD: FORMERR 0/0; BIND, Knot: FORMERR 1/0"},
    /* Cookies. */
    {MX "opt o=10:" COOKIE, U | T, GOOD " edns cookie=24",
     "RFC 7873 5.2.3: answered, with a server cookie", "Knot: UDP BADCOOKIE 1/0 edns cookie"},
    {MX "opt o=10:" COOKIE "0100000000000000ffffffffffffffff", U | T, GOOD " edns cookie=24",
     "RFC 7873 5.2.4: bad is no worse than none", "Knot: UDP BADCOOKIE 1/0 edns cookie"},
    {MX "opt o=10:" COOKIE "0011223344556677", U | T, GOOD " edns cookie=24",
     "RFC 7873 4: another server's, of 8 octets", "Knot: UDP BADCOOKIE 1/0 edns cookie"},
    {MX "opt o=10:" COOKIE X16 X16, U | T, GOOD " edns cookie=24",
     "RFC 7873 4: another server's, of 32 octets", "Knot: UDP BADCOOKIE 1/0 edns cookie"},
    {MX "opt o=10", U | T, "FORMERR 1/0/0/0 edns",
     "RFC 7873 5.2.2: no octets", "NSD: FORMERR 0/0"},
    {MX "opt o=10:24", U | T, "FORMERR 1/0/0/0 edns",
     "RFC 7873 5.2.2: fewer than 8", "NSD: FORMERR 0/0"},
    {MX "opt o=10:" COOKIE "00", U | T, "FORMERR 1/0/0/0 edns",
     "RFC 7873 5.2.2: 9", "NSD: FORMERR 0/0"},
    {MX "opt o=10:" COOKIE "00112233445566", U | T, "FORMERR 1/0/0/0 edns",
     "RFC 7873 5.2.2: 15", "NSD: FORMERR 0/0"},
    {MX "opt o=10:" COOKIE X16 X16 "00", U | T, "FORMERR 1/0/0/0 edns",
     "RFC 7873 5.2.2: more than 40", "NSD: FORMERR 0/0"},
    {MX "opt o=10:" COOKIE " o=10:00", U | T, GOOD " edns cookie=24",
     "RFC 7873 5.2: the first counts", "NSD: FORMERR 0/0; BIND, Knot: FORMERR 1/0 edns"},
    {"q=other.test/A opt o=10:" COOKIE, U | T, "REFUSED 1/0/0/0 edns cookie=24 error=20",
     "RFC 7873 5.2: whatever the answer", "Knot: UDP BADCOOKIE 1/0 edns cookie"},
    {MX "opcode=5 opt o=10:" COOKIE, U | T, "NOTIMP opcode=5 1/0/0/0 edns cookie=24 error=21:no such opcode here",
     "RFC 7873 5.2", "NSD: NOTIMP opcode=5 0/0; BIND: FORMERR opcode=5 1/0 edns cookie; Knot: UDP BADCOOKIE opcode=5 1/0 edns cookie; TCP FORMERR opcode=5 1/0 edns cookie"},
    {MX "opt version=1 o=10:" COOKIE, U | T, "BADVERS 1/0/0/0 edns",
     "RFC 6891 6.1.3", NULL},
    /* Options that are asked for. */
    {MX "opt o=3", U | T, GOOD " edns nsid=here",
     "RFC 5001 2.1", NULL},
    {MX "opt o=3:0102 o=3", U | T, GOOD " edns nsid=here",
     "RFC 5001 2.1: what it holds is ignored", NULL},
    {MX "opt o=11", U, GOOD " edns",
     "RFC 7828 3.2.1: of no meaning over UDP", NULL},
    {MX "opt o=11:0001", U, GOOD " edns",
     "RFC 7828 3.2.1", NULL},
    {MX "opt o=11", T, GOOD " edns keepalive=100",
     "RFC 7828 3.3.2: in units of 100 ms", "NSD, Knot: NOERROR aa 1/n edns"},
    {MX "opt o=11:0001", T, GOOD " edns keepalive=100",
     "RFC 7828 3.1: a client tells no time; this one asks all the same", "NSD, Knot: NOERROR aa 1/n edns"},
    {MX "opt o=12", U, GOOD " edns",
     "RFC 7830 6: over UDP it would amplify", NULL},
    {MX "opt o=12:0000", T, GOOD " edns padding",
     "RFC 7830 4, RFC 8467 4.1", "NSD, BIND, Knot: NOERROR aa 1/n edns"},
    {MX "opt o=12:ffff", T, GOOD " edns padding",
     "RFC 7830 3: its octets are ignored", "NSD, BIND, Knot: NOERROR aa 1/n edns"},
    {MX "opt o=15:0000", U | T, GOOD " edns",
     "RFC 8914 3: of answers", NULL},
    {MX "opt o=8:00011800c00002", U | T, GOOD " edns",
     "RFC 7871 7.2.1: no answer depends on the network of the client", "BIND: NOERROR aa 1/n edns option8"},
    {MX "opt do o=12 o=11 o=3 o=10:" COOKIE, T, GOOD " edns do cookie=24 keepalive=100 nsid=here padding",
     "all at once; RFC 8467 3: padding last", "NSD, Knot: NOERROR aa 1/n edns do cookie; BIND: NOERROR aa 1/n edns do cookie keepalive"},
};
/* clang-format on */

static const char zone[] = "$ORIGIN example.test.\n"
                           "@ 300 SOA ns h 1 2 3 4 5\n"
                           "@ 300 NS ns\n"
                           "ns 300 A 192.0.2.1\n"
                           "@ 300 MX 10 mx\n"
                           "mx 300 A 192.0.2.2\n";

static void check_case(struct fixture *fixture, const struct protocol_case *row,
                       enum transport transport)
{
    uint8_t packet[PACKET_MAX], *answer = memory_alloc(MESSAGE_MAX_SIZE);
    char got[PACKET_TEXT_MAX];
    size_t size = packet_make(row->query, packet);
    uint8_t *exact = memory_alloc(size ? size : 1); /* so that reading behind the end is seen */
    memcpy(exact, packet, size);
    size_t answered = respond(&fixture->responder, publisher_current(fixture->publisher),
                              test_client(transport), exact, size, answer);
    packet_describe(answer, answered, got);
    if (strcmp(got, row->answer) != 0)
        fail_msg("\n   query    %s (%s)\n   expected %s\n   got      %s\n   see      %s",
                 row->query, transport == TRANSPORT_TCP ? "TCP" : "UDP", row->answer, got,
                 row->rfc);
    if (answered)
        assert_memory_equal(answer, packet, 2);
    free(exact);
    free(answer);
}

static void table(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_init(&fixture, true,
                 (const char *const[]){zone, "$ORIGIN bad.test.\n@ 300 NS ns\n@ 300 QQ x\n", NULL});
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (unsigned transport = 0; transport < 2; transport++)
            if (cases[i].transports & 1u << transport)
                check_case(&fixture, &cases[i], (enum transport)transport);
    fixture_free(&fixture);
}

/* The letters of the question come back as they were (0x20), whatever becomes of it. */
static void letters_are_kept(void **state)
{
    static const char *const queries[] = {"q=eXAMPle.TEST/MX", "q=nO.Example.tesT/A",
                                          "q=oTHer.test/A", "q=Example.Test/AXFR opt",
                                          "q=ID.Server/TXT/CH"};
    struct fixture fixture;
    uint8_t query[PACKET_MAX], answer[UDP_ANSWER_MAX];
    (void)state;
    fixture_init(&fixture, false, (const char *const[]){zone, NULL});
    for (size_t i = 0; i < sizeof queries / sizeof *queries; i++) {
        size_t size = packet_make(queries[i], query);
        respond(&fixture.responder, publisher_current(fixture.publisher),
                test_client(TRANSPORT_UDP), query, size, answer);
        assert_string_equal((char *)answer + HEADER_SIZE, (char *)query + HEADER_SIZE);
    }
    fixture_free(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table),
        cmocka_unit_test(letters_are_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
