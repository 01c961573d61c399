/* SPDX-License-Identifier: BSD-2-Clause */
/* Zones: from master files to nodes and RRsets, and all that may be wrong with them. */
#include "fixture.h"

#include <dirent.h>
#include <ldns/ldns.h>
#include <sys/stat.h>
#include <time.h>

#define HEAD                                                                                       \
    "$ORIGIN example.test.\n$TTL 60\n"                                                             \
    "@ SOA ns.example. h.example. 1 2 3 4 5\n@ NS ns.example.\n"

static void to_hex(const struct rdata *record, char *hex)
{
    for (size_t i = 0; i < record->size; i++)
        sprintf(hex + 2 * i, "%02x", record->bytes[i]);
    hex[2 * (size_t)record->size] = '\0';
}

/* ---- records ---- */

/* Owner "x" in example.test; the octets are taken from the RFC that each type is of. */
static const struct {
    const char *text, *hex;
} records[] = {
    {"A 192.0.2.1", "c0000201"},
    {"AAAA 2001:db8::1", "20010db8000000000000000000000001"},
    {"NS a", "0161076578616d706c65047465737400"},
    {"CNAME A.B.", "0141014200"},
    {"PTR @", "076578616d706c65047465737400"},
    {"DNAME .", "00"},
    {"MX 10 Mail.Example.", "000a044d61696c074578616d706c6500"}, /* case kept, not compressed */
    {"MX 65535 .", "ffff00"},
    {"TXT a", "0161"},
    {"TXT \"a\" b \"c d\" \"\"", "0161016203632064"
                                 "00"},
    {"TXT \"\\\"\" \"\\\\\" \\065 \"; ( )\" \\;", "0122015c01410"
                                                  "53b2028202901"
                                                  "3b"},
    {"SPF \"v=spf1 -all\"", "0b763d73706631202d616c6c"},
    {"HINFO \"CPU x\" OS", "054350552078024f53"},
    {"SRV 1 2 3 t.", "000100020003017400"},
    {"CAA 0 issue \"ca.test\"", "0005697373756563612e74657374"},
    {"CAA 0 issue \"\"", "00056973737565"},
    {"TLSA 3 1 1 00 1122", "030101001122"},
    {"SSHFP 4 2 0123", "04020123"},
    {"DS 12345 8 2 AB cd", "30390802abcd"},
    {"DS 12345 RSASHA256 2 abcd", "30390802abcd"},
    {"DNSKEY 257 3 13 AQ I=", "0101030d0102"},
    {"NAPTR 100 10 \"U\" \"E2U+sip\" \"!^.*$!sip:x!\" .",
     "0064000a0155074532552b7369700c215e2e2a24217369703a782100"},
    /* RFC 1876 */
    {"LOC 52 22 23.000 N 4 53 32.000 E -2.00m 0.00m 10000m 10m",
     "000016138b3cf018810cbce0009895b8"},
    /* RFC 4034 section 4.3 */
    {"NSEC host.example.com. A MX RRSIG NSEC TYPE1234",
     "04686f7374076578616d706c6503636f6d000006400100000003041b"
     "000000000000000000000000000000000000000000000000000020"},
    {"NSEC3PARAM 1 0 12 aabbccdd", "0100000c04aabbccdd"},
    {"NSEC3PARAM 1 0 0 -", "0100000000"},
    {"EUI48 00-00-5e-00-53-2a", "00005e00532a"},
    {"URI 10 1 \"ftp://x\"", "000a00016674703a2f2f78"},
    {"OPENPGPKEY AQI=", "0102"},
    /* RFC 3123 section 5 */
    {"APL 1:192.168.32.0/21 !1:192.168.38.0/28", "00011503c0a82000011c83c0a826"},
    {"APL", ""},
    /* RFC 9460 */
    {"SVCB 1 . alpn=h2 port=443", "000100000100030268320003000201bb"},
    {"SVCB 1 . port=443 alpn=\"h2\"", "000100000100030268320003000201bb"},
    {"HTTPS 0 svc.", "00000373766300"},
    {"RP a. b.", "016100016200"},
    /* RFC 4025 section 3; blanks may stand in base64 */
    {"IPSECKEY 10 1 2 192.0.2.38 AQ I=", "0a0102c00002260102"},
    {"IPSECKEY 10 0 2 . AQI=", "0a00020102"},
    {"IPSECKEY 10 3 2 gw AQI=", "0a0302026777076578616d706c650474657374000102"},
    {"IPSECKEY 10 3 0 gw.", "0a030002677700"},
    {"SOA a. b. 1 1h 15m 2w 1d1s", NULL}, /* a second SOA: only to be refused elsewhere */
    /* RFC 3597 */
    {"TYPE65280 \\# 3 01 0203", "010203"},
    {"TYPE65280 \\# 0", ""},
    {"TYPE1 192.0.2.1", "c0000201"},
    {"A \\# 4 C0000201", "c0000201"},
    {"MX \\# 5 000a 0161 00", "000a016100"},
    {"TXT \\# 4 0161 0162", "01610162"},
    {"HIP \\# 8 02 05 0001 aabb cc 00", "02050001aabbcc00"},
    {"NULL \\# 0", ""},
};

static void test_records(void **state)
{
    struct fixture *fixture = *state;
    char zone[1000], hex[1000], type[20];
    for (size_t i = 0; i < sizeof records / sizeof records[0]; i++) {
        if (records[i].hex == NULL)
            continue;
        snprintf(zone, sizeof zone, HEAD "x %s\n", records[i].text);
        sscanf(records[i].text, "%19s", type);
        fixture_configure(fixture, NULL);
        fixture_write(fixture, "example.test.zone", zone);
        fixture_add(fixture, "example.test.zone");
        fixture_build(fixture, true);
        assert_int_equal(fixture->diagnostics.errors, 0);
        const struct rrset *rrset = fixture_rrset(fixture, "x.example.test", type);
        assert_non_null(rrset);
        assert_int_equal(rrset->count, 1);
        to_hex(&rrset->records[0], hex);
        assert_string_equal(hex, records[i].hex);
    }
}

/* Types that the table above leaves out: what ldns makes of the whole line. */
static void test_records_as_ldns(void **state)
{
    static const char *const texts[] = {
        "MD a",
        "MF a",
        "MB a",
        "MG a",
        "MR a",
        "MINFO a b",
        "AFSDB 1 a",
        "X25 311061700956",
        "ISDN 150862028003217 004",
        "ISDN 150862028003217",
        "RT 2 relay.example.",
        "NSAP 0x47.0005.80.005a00.0000.0001.e133.ffffff000162.00",
        "PX 10 a b",
        "GPOS -32.6882 116.8652 10.0",
        "KX 10 a",
        "CERT PGP 0 0 AQI=",
        "CERT 1 2 RSASHA256 AQI=",
        "IPSECKEY 10 1 2 192.0.2.38 AQNRU3mG7TVTO2BkR47usntb102uFJtugbo6BSGvgqt4AQ==",
        "IPSECKEY 10 0 2 . AQNRU3mG7TVTO2BkR47usntb102uFJtugbo6BSGvgqt4AQ==",
        "RRSIG A 5 3 86400 20300322173103 20300220173103 2642 example.com. AQIDBA==",
        "NSEC3 1 1 12 aabbccdd 2vptu5timamqttgl4luu9kg21e0aor3s A RRSIG",
        "DHCID AAIBY2/AuCccgoJbsaxcQc9TUapptP69lOjxfNuVAA2kjEA=",
        "SMIMEA 3 0 0 308202c5",
        "HIP 2 200100107B1A74DF365639CC39F1D578 AQIDBA== rvs.example.com. rvs2",
        "TALINK a b",
        "CDS 1 8 2 abcd",
        "CDNSKEY 257 3 8 AQI=",
        "CSYNC 66 3 A NS AAAA",
        "ZONEMD 1 1 1 0011223344556677889900112233445566778899001122334455667788",
        "NID 10 0014:4fff:ff20:ee64",
        "L32 10 10.1.2.0",
        "L64 10 2001:0DB8:1140:1000",
        "LP 10 l64-subnet1.example.com.",
        "EUI64 00-00-5e-ef-10-00-00-2a",
        "DLV 1 8 2 abcd",
        "SVCB 16 foo.example. mandatory=ipv4hint,alpn alpn=h2,h3-19 ipv4hint=192.0.2.1",
        "HTTPS 1 . alpn=\"h2,h3\" ipv6hint=2001:db8::1 key667=hello",
        "CAA 128 tbs \"Unknown\"",
    };
    struct fixture *fixture = *state;
    char zone[1000], line[1000], type[20], hex[1000], expected[1000];
    ldns_rdf *origin = ldns_dname_new_frm_str("example.test.");
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        snprintf(zone, sizeof zone, HEAD "x %s\n", texts[i]);
        snprintf(line, sizeof line, "x 60 IN %s", texts[i]);
        sscanf(texts[i], "%19s", type);
        fixture_zone(fixture, zone);
        const struct rrset *rrset = fixture_rrset(fixture, "x.example.test", type);
        assert_non_null(rrset);
        to_hex(&rrset->records[0], hex);
        ldns_rr *record;
        assert_int_equal(ldns_rr_new_frm_str(&record, line, 0, origin, NULL), LDNS_STATUS_OK);
        expected[0] = '\0';
        for (size_t j = 0; j < ldns_rr_rd_count(record); j++) {
            const ldns_rdf *rdf = ldns_rr_rdf(record, j);
            struct rdata part = {(uint16_t)ldns_rdf_size(rdf), ldns_rdf_data(rdf)};
            to_hex(&part, expected + strlen(expected));
        }
        ldns_rr_free(record);
        assert_string_equal(hex, expected);
    }
    ldns_rdf_deep_free(origin);
}

/* The wire form given back by number (RFC 3597) must be taken, and no prefix of it but itself. */
static void test_records_by_number(void **state)
{
    struct fixture *fixture = *state;
    char zone[2000], type[20];
    for (size_t i = 0; i < sizeof records / sizeof records[0]; i++) {
        const char *hex = records[i].hex;
        sscanf(records[i].text, "%19s", type);
        if (hex == NULL || hex[0] == '\0' || strncmp(type, "TYPE6", 5) == 0)
            continue;
        for (size_t size = 1; size <= strlen(hex) / 2; size++) {
            snprintf(zone, sizeof zone, HEAD "x %s \\# %zu %.*s\n", type, size, (int)size * 2, hex);
            fixture_configure(fixture, NULL);
            fixture_write(fixture, "example.test.zone", zone);
            fixture_add(fixture, "example.test.zone");
            bool good = fixture_build(fixture, true);
            if (size == strlen(hex) / 2)
                assert_true(good);
            else if (good) /* then the octets must be kept as they are */
                assert_int_equal(fixture_rrset(fixture, "x.example.test", type)->records[0].size,
                                 size);
        }
    }
}

/* ---- how records may be written ---- */

static void test_forms(void **state)
{
    struct fixture *fixture = *state;
    /* Byte order mark, CRLF, tabs, comments, parentheses, any order of TTL and class, either case,
     * no newline at the end. */
    fixture_zone(fixture, "\xEF\xBB\xBF; a comment\r\n"
                          "$origin example.test. ; another\r\n"
                          "\r\n"
                          "   \t ; nothing\r\n"
                          "@\t1h IN\tSOA ns.example. h.example. (1 ; serial\r\n"
                          "\t2 3(\r\n 4)\r\n\r\n5)\r\n"
                          "\tIN 1h NS ns.example.\r\n"
                          " ( ) 1h ns (ns2.example.) ; no owner: the line begins with a blank\r\n"
                          "Www 60 a 192.0.2.1\r\n"
                          "\t60 cLASS1 AAAA ::1\r\n"
                          "www.example.test. 60 TXT x;y\r\n"
                          "a\\.b 1d1h1m1s TXT \"x;y\"\r\n"
                          "(paren 60\r\n A) 192.0.2.2\r\n"
                          "in 60 in a 192.0.2.3\r\n"
                          "last 0 A 192.0.2.4");
    const struct rrset *txt = fixture_rrset(fixture, "www.example.test", "TXT");
    assert_memory_equal(txt->records[0].bytes, "\1x", 2);
    assert_int_equal(txt->records[0].size, 2);
    assert_memory_equal(fixture_node(fixture, "www.example.test")->name, "\3Www", 4);
    assert_non_null(fixture_rrset(fixture, "www.example.test", "AAAA"));
    assert_int_equal(fixture_rrset(fixture, "a\\.b.example.test", "TXT")->ttl_s, 90061);
    assert_non_null(fixture_rrset(fixture, "paren.example.test", "A"));
    assert_non_null(fixture_rrset(fixture, "in.example.test", "A"));
    assert_int_equal(fixture_rrset(fixture, "last.example.test", "A")->ttl_s, 0);
    assert_int_equal(fixture_rrset(fixture, "last.example.test", "A")->line, 19);
    assert_int_equal(fixture_rrset(fixture, "paren.example.test", "A")->line, 16);
    assert_int_equal(fixture->model->zones[0].serial, 1);
    assert_int_equal(fixture->model->zones[0].negative_ttl_s, 5);
}

static void test_escapes_at_the_end(void **state)
{
    struct fixture *fixture = *state;
    fixture_zone(fixture, HEAD "a TXT \"ends in a backslash\\\\\"\n"
                               "b TXT \\\"not quoted\\\"\n"
                               "\\$dollar A 192.0.2.1\n"
                               "\\@ A 192.0.2.1\n"
                               "a\\032b A 192.0.2.1\n");
    const struct rdata *record = &fixture_rrset(fixture, "a.example.test", "TXT")->records[0];
    assert_int_equal(record->bytes[record->size - 1], '\\');
    record = &fixture_rrset(fixture, "b.example.test", "TXT")->records[0];
    assert_memory_equal(record->bytes, "\4\"not\7quoted\"", 13);
    assert_non_null(fixture_node(fixture, "\\$dollar.example.test"));
    assert_non_null(fixture_node(fixture, "\\@.example.test"));
    assert_non_null(fixture_node(fixture, "a b.example.test"));
}

/* RFC 2308 section 4; before $TTL the last TTL stated (RFC 1035), or the SOA's minimum. */
static void test_ttls(void **state)
{
    struct fixture *fixture = *state;
    fixture_zone(fixture, "$ORIGIN example.test.\n"
                          "@ SOA ns.example. h.example. 1 2 3 4 7\n" /* its own minimum */
                          "@ NS ns.example.\n"
                          "a 30 A 192.0.2.1\n"
                          "b A 192.0.2.1\n"
                          "$TTL 2m\n"
                          "c A 192.0.2.1\n"
                          "d 30 A 192.0.2.1\n"
                          "e A 192.0.2.1\n"
                          "f 2147483647 A 192.0.2.1\n");
    static const struct {
        const char *name, *type;
        uint32_t ttl_s;
    } expected[] = {{"example.test", "SOA", 7},   {"example.test", "NS", 7},
                    {"a.example.test", "A", 30},  {"b.example.test", "A", 30},
                    {"c.example.test", "A", 120}, {"d.example.test", "A", 30},
                    {"e.example.test", "A", 120}, {"f.example.test", "A", 2147483647}};
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++)
        assert_int_equal(fixture_rrset(fixture, expected[i].name, expected[i].type)->ttl_s,
                         expected[i].ttl_s);
    /* min(TTL of the SOA, minimum) */
    fixture_zone(fixture,
                 "@ 3 SOA ns.example. h.example. 4294967295 2 3 4 7\n@ 3 NS ns.example.\n");
    assert_int_equal(fixture->model->zones[0].negative_ttl_s, 3);
    assert_int_equal(fixture->model->zones[0].serial, 4294967295u);
}

static void test_origin_from_file_name(void **state)
{
    struct fixture *fixture = *state;
    static const char *const files[] = {"db.example.org", "example.org.zone", "example.org"};
    for (size_t i = 0; i < 3; i++) {
        fixture_configure(fixture, NULL);
        fixture_write(fixture, files[i], "@ 5 SOA ns h 1 2 3 4 5\n@ 5 NS ns\nns 5 A 192.0.2.1\n");
        fixture_add(fixture, files[i]);
        assert_true(fixture_build(fixture, true));
        fixture_expect_none(fixture);
        assert_string_equal(fixture->model->zones[0].name, "example.org");
        assert_non_null(fixture_node(fixture, "ns.example.org"));
    }
    /* What the file says counts, not what it is called. */
    fixture_zone(fixture,
                 "$ORIGIN Other.Test.\n@ 5 SOA ns.example. h 1 2 3 4 5\n@ 5 NS ns.example.\n");
    assert_string_equal(fixture->model->zones[0].name, "other.test");
    assert_memory_equal(fixture->model->zones[0].apex, "\5other\4test", 12);
    assert_memory_equal(fixture->model->zones[0].nodes[0]->name, "\5Other\4Test", 12);
    /* The SOA may come last. */
    fixture_zone(fixture, "$ORIGIN test.\nwww.a 5 A 192.0.2.1\na 5 NS ns.example.\n"
                          "a 5 SOA ns.example. h 1 2 3 4 5\n");
    assert_string_equal(fixture->model->zones[0].name, "a.test");
    assert_memory_equal(fixture->model->zones[0].nodes[0]->name, "\1a\4test", 7);
}

/* ---- $INCLUDE ---- */

static void test_include(void **state)
{
    struct fixture *fixture = *state;
    mkdir(fixture_path(fixture, "sub"), 0700);
    fixture_write(fixture, "sub/part.inc",
                  "$ORIGIN deep\n"
                  "@ A 192.0.2.3\n"
                  "$INCLUDE \"other.inc\"\n"
                  " 60 A 192.0.2.5\n");
    fixture_write(fixture, "sub/other.inc", "x A 192.0.2.4\n$TTL 30");
    fixture_zone(fixture, HEAD "www A 192.0.2.1\n"
                               "$INCLUDE sub/part.inc sub ; an origin\n"
                               " 60 A 192.0.2.2\n"
                               "mail A 192.0.2.6\n"
                               "$INCLUDE sub/other.inc\n");
    /* Origin and owner are what they were before (RFC 1035 section 5.1). */
    assert_int_equal(fixture_rrset(fixture, "www.example.test", "A")->count, 2);
    const struct rrset *deep = fixture_rrset(fixture, "deep.sub.example.test", "A");
    assert_int_equal(deep->count, 2);
    assert_int_equal(deep->line, 2);
    assert_non_null(strstr(deep->file, "/sub/part.inc"));
    assert_non_null(fixture_rrset(fixture, "x.deep.sub.example.test", "A"));
    assert_non_null(fixture_rrset(fixture, "x.example.test", "A"));
    /* $TTL goes on, as if the text stood there. */
    assert_int_equal(fixture_rrset(fixture, "mail.example.test", "A")->ttl_s, 30);
}

static void test_include_limits(void **state)
{
    struct fixture *fixture = *state;
    char name[32], text[64];
    for (int i = 0; i < 20; i++) { /* each includes the next */
        snprintf(name, sizeof name, "%d.inc", i);
        snprintf(text, sizeof text, "a%d A 192.0.2.1\n$INCLUDE %d.inc\n", i, i + 1);
        fixture_write(fixture, name, text);
    }
    fixture_configure(fixture, NULL);
    fixture_write(fixture, "example.test.zone", HEAD "$INCLUDE 0.inc\n");
    fixture_add(fixture, "example.test.zone");
    assert_false(fixture_build(fixture, true));
    fixture_expect_all(fixture, "15.inc:2: error: $INCLUDE 16.inc: more than 16 files deep");

    /* Twice the next: 2^16 files, if nobody counted. */
    for (int i = 0; i < 20; i++) {
        snprintf(name, sizeof name, "%d.inc", i);
        snprintf(text, sizeof text, "$INCLUDE %d.inc\n$INCLUDE %d.inc\n", i + 1, i + 1);
        fixture_write(fixture, name, text);
    }
    fixture_configure(fixture, NULL);
    fixture_add(fixture, "example.test.zone");
    assert_false(fixture_build(fixture, true));
    char last[2048];
    fixture_message(fixture, fixture->diagnostics.count - 1, last, sizeof last);
    assert_non_null(strstr(last, "more than 1000 files in one zone"));
}

/* ---- the tree ---- */

static void test_tree(void **state)
{
    struct fixture *fixture = *state;
    fixture_zone(fixture, HEAD "a.b.c A 192.0.2.1\n"
                               "x.c A 192.0.2.1\n"
                               "*.w A 192.0.2.1\n"
                               "c TXT y\n"
                               "C TXT z\n");
    const struct zone *zone = &fixture->model->zones[0];
    assert_int_equal(zone->nnodes, 7); /* apex, c, b.c, a.b.c, x.c, w, *.w */
    assert_null(zone->nodes[0]->parent);
    assert_memory_equal(zone->nodes[0]->name, zone->apex, name_size(zone->apex));
    for (size_t i = 1; i < zone->nnodes; i++) {
        size_t parent = 0;
        while (zone->nodes[parent] != zone->nodes[i]->parent)
            assert_true(++parent < i); /* a parent stands before its children */
        assert_true(name_equal(name_parent(zone->nodes[i]->name), zone->nodes[parent]->name));
    }
    assert_null(fixture_node(fixture, "b.c.example.test")->rrsets); /* an empty non-terminal */
    assert_int_equal(fixture_rrset(fixture, "c.example.test", "TXT")->count, 2);
    assert_ptr_equal(fixture_node(fixture, "w.example.test")->wildcard,
                     fixture_node(fixture, "*.w.example.test"));
    assert_null(fixture_node(fixture, "c.example.test")->wildcard);
    assert_null(fixture_node(fixture, "nothing.example.test"));
}

/* The node that a name is answered from, as text; "-" for none. */
static void check_lookup(const struct fixture *fixture, const char *name, const char *expected)
{
    uint8_t wire[NAME_MAX_SIZE];
    char text[NAME_TEXT_SIZE] = "-";
    name_from_text(name, wire);
    const struct zone *zone = model_zone(fixture->model, wire);
    const struct node *node = zone_lookup(fixture->model, zone, wire);
    if (node != NULL)
        name_to_text(node->name, text);
    assert_string_equal(text, expected);
}

static void test_lookup(void **state)
{
    struct fixture *fixture = *state;
    fixture_configure(fixture, NULL);
    fixture_write(fixture, "example.test.zone", /* RFC 4592 section 2.2.1, and more */
                  HEAD "* TXT w\n"
                       "sub.* TXT s\n"
                       "host1 A 192.0.2.1\n"
                       "_ssh._tcp.host1 SRV 0 0 22 host1\n"
                       "subdel NS ns.example.\n"
                       "deep.subdel A 192.0.2.1\n"
                       "moved DNAME other.example.\n"
                       "x.moved A 192.0.2.1\n"
                       "*.ent.y A 192.0.2.2\n"
                       "*.cut NS ns.example.\n");
    fixture_add(fixture, "example.test.zone");
    assert_true(fixture_build(fixture, true));
    assert_int_equal(fixture->diagnostics.errors, 0);
    check_lookup(fixture, "EXAMPLE.test", "example.test");
    check_lookup(fixture, "host1.example.test", "host1.example.test");
    check_lookup(fixture, "host3.example.test", "*.example.test");
    check_lookup(fixture, "foo.bar.example.test", "*.example.test");
    check_lookup(fixture, "telnet.host1.example.test", "-"); /* host1 is the closest encloser */
    check_lookup(fixture, "_tcp.host1.example.test", "_tcp.host1.example.test");
    check_lookup(fixture, "_telnet._tcp.host1.example.test", "-");
    check_lookup(fixture, "ghost.*.example.test", "-");
    check_lookup(fixture, "sub.*.example.test", "sub.*.example.test");
    check_lookup(fixture, "subdel.example.test", "-");
    check_lookup(fixture, "host.subdel.example.test", "-");
    check_lookup(fixture, "deep.subdel.example.test", "-");
    check_lookup(fixture, "moved.example.test", "moved.example.test");
    check_lookup(fixture, "x.moved.example.test", "-");
    check_lookup(fixture, "y.moved.example.test", "-");
    check_lookup(fixture, "y.example.test", "y.example.test");
    check_lookup(fixture, "ent.y.example.test", "ent.y.example.test");
    check_lookup(fixture, "a.b.ent.y.example.test", "*.ent.y.example.test");
    check_lookup(fixture, "a.cut.example.test", "-");
    uint8_t outside[NAME_MAX_SIZE];
    name_from_text("example.org", outside);
    assert_null(model_zone(fixture->model, outside));
}

static void test_cuts(void **state)
{
    struct fixture *fixture = *state;
    fixture_configure(fixture, NULL);
    fixture_write(fixture, "example.test.zone",
                  HEAD "sub NS ns.sub\n"
                       "ns.sub A 192.0.2.1\n"
                       "deep.sub NS ns.sub\n"
                       "ns.deep.sub A 192.0.2.1\n"
                       "moved DNAME x.example.\n"
                       "cut.moved NS ns.example.\n"
                       "moved.sub DNAME x.example.\n"
                       "y.moved.sub A 192.0.2.1\n");
    fixture_add(fixture, "example.test.zone");
    assert_true(fixture_build(fixture, true));
    const struct node *sub = fixture_node(fixture, "sub.example.test");
    const struct node *moved = fixture_node(fixture, "moved.example.test");
    assert_null(fixture->model->zones[0].nodes[0]->cut); /* NS at the apex delegates nothing */
    assert_ptr_equal(sub->cut, sub);
    assert_ptr_equal(fixture_node(fixture, "ns.sub.example.test")->cut, sub);
    assert_ptr_equal(fixture_node(fixture, "deep.sub.example.test")->cut, sub);
    assert_ptr_equal(fixture_node(fixture, "ns.deep.sub.example.test")->cut, sub);
    assert_null(moved->dname);
    assert_null(moved->cut);
    assert_ptr_equal(fixture_node(fixture, "cut.moved.example.test")->dname, moved);
    assert_null(fixture_node(fixture, "cut.moved.example.test")->cut);
    assert_ptr_equal(fixture_node(fixture, "y.moved.sub.example.test")->cut, sub);
    assert_null(fixture_node(fixture, "y.moved.sub.example.test")->dname);
}

/* ---- many zones ---- */

static void test_nested_zones(void **state)
{
    struct fixture *fixture = *state;
    fixture_configure(fixture, NULL);
    fixture_write(fixture, "child",
                  "$ORIGIN child.example.test.\n$TTL 60\n"
                  "@ SOA ns h 1 2 3 4 5\n@ NS ns\nns A 192.0.2.1\n");
    fixture_write(fixture, "parent", HEAD "child NS ns.child\nns.child A 192.0.2.1\n");
    fixture_write(fixture, "root",
                  "$ORIGIN .\n@ 60 SOA a. h. 1 2 3 4 5\n@ 60 NS a.example.test.\n"
                  "test. 60 NS a.example.test.\n");
    fixture_add(fixture, "child");
    fixture_add(fixture, "parent");
    fixture_add(fixture, "root");
    assert_true(fixture_build(fixture, true));
    uint8_t name[NAME_MAX_SIZE];
    static const struct {
        const char *name, *zone;
    } expected[] = {{"ns.child.example.test", "child.example.test"},
                    {"CHILD.example.test", "child.example.test"},
                    {"achild.example.test", "example.test"},
                    {"example.test", "example.test"},
                    {"xample.test", "."},
                    {".", "."}};
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        name_from_text(expected[i].name, name);
        assert_string_equal(model_zone(fixture->model, name)->name, expected[i].zone);
    }
    /* Each zone has its own node for the child's name: the parent's is a cut. */
    name_from_text("child.example.test", name);
    const struct node *apex = zone_node(fixture->model, &fixture->model->zones[0], name);
    const struct node *cut = zone_node(fixture->model, &fixture->model->zones[1], name);
    assert_null(apex->cut);
    assert_non_null(node_rrset(apex, RRTYPE_SOA));
    assert_ptr_equal(cut->cut, cut);
    assert_null(node_rrset(cut, RRTYPE_SOA));
}

static void check_failed(struct fixture *fixture, const char *file, const char *text,
                         const char *name)
{
    fixture_configure(fixture, NULL);
    fixture_write(fixture, file, text);
    fixture_write(fixture, "good",
                  "$ORIGIN good.test.\n@ 5 SOA ns.example. h 1 2 3 4 5\n"
                  "@ 5 NS ns.example.\n");
    fixture_add(fixture, file);
    fixture_add(fixture, "good");
    assert_true(fixture_build(fixture, false));
    assert_true(fixture->diagnostics.errors > 0);
    const struct model *model = fixture->model;
    assert_int_equal(model->nzones, name != NULL ? 2 : 1);
    assert_false(model->zones[model->nzones - 1].failed);
    assert_non_null(fixture_node(fixture, "good.test"));
    if (name != NULL) {
        uint8_t wire[NAME_MAX_SIZE];
        assert_true(model->zones[0].failed);
        assert_string_equal(model->zones[0].name, name);
        assert_int_equal(model->zones[0].nnodes, 0);
        name_from_text(name, wire);
        assert_ptr_equal(model_zone(model, wire), &model->zones[0]);
        assert_null(zone_node(model, &model->zones[0], wire));
        assert_null(zone_lookup(model, &model->zones[0], wire));
    }
    /* At a reload it ends the build. */
    model_free(fixture->model);
    assert_false(fixture_build(fixture, true));
}

static void test_failed_zones(void **state)
{
    struct fixture *fixture = *state;
    check_failed(fixture, "x.zone", "$ORIGIN bad.test.\n@ 5 SOA ns.example. h 1 2 3 4 5\na 5 A x\n",
                 "bad.test");
    check_failed(fixture, "x.zone", "$ORIGIN bad.test.\n@ 5 A 192.0.2.1\n$ORIGIN sub\n",
                 "bad.test");
    check_failed(fixture, "bad.test.zone", "@ 5 A 192.0.2.1\n", "bad.test");
    /* Not the root: it would take in all names that are nobody's. */
    check_failed(fixture, "bad.test.zone", "$ORIGIN .\n@ 5 A 192.0.2.1\n", "bad.test");
    check_failed(fixture, "bad.test.zone", "", "bad.test");
    check_failed(fixture, "bad", "", NULL);
    check_failed(fixture, "..zone", "", NULL);
}

static void test_same_zone_twice(void **state)
{
    struct fixture *fixture = *state;
    for (int strict = 0; strict < 2; strict++) {
        fixture_configure(fixture, NULL);
        fixture_write(fixture, "one", HEAD);
        fixture_write(fixture, "two", "$ORIGIN EXAMPLE.TEST.\n\n@ 5 SOA a. b. 1 2 3 4 5\n");
        fixture_add(fixture, "one");
        fixture_add(fixture, "two");
        assert_false(fixture_build(fixture, strict)); /* the configuration is wrong, not a file */
        fixture_expect_all(fixture, "two: warning: the zone example.test has no NS record",
                           "two:3: error: the zone example.test is already read from one");
    }
    /* A broken file that only may hold the zone does not stand in the way of the one that does. */
    for (int first = 0; first < 2; first++) {
        fixture_configure(fixture, NULL);
        fixture_write(fixture, "example.test.zone", "broken");
        fixture_add(fixture, first ? "example.test.zone" : "one");
        fixture_add(fixture, first ? "one" : "example.test.zone");
        assert_true(fixture_build(fixture, false));
        assert_int_equal(fixture->model->nzones, 1);
        assert_false(fixture->model->zones[0].failed);
        assert_non_null(fixture_rrset(fixture, "example.test", "NS"));
    }
}

/* ---- what is wrong ---- */

/* Files in tests/model/bad state in their first lines what must be told of them:
 *   ; expect LINE TEXT    or    ; expect FILE:LINE TEXT    (LINE 0: the file as a whole)  */
static size_t read_expectations(const char *folder, const char *file, char **expected, size_t most)
{
    char path[512], line[1024], place[256];
    size_t count = 0;
    int at;
    snprintf(path, sizeof path, "%s/%s", folder, file);
    FILE *stream = fopen(path, "r");
    assert_non_null(stream);
    while (fgets(line, sizeof line, stream) != NULL && line[0] == ';') {
        line[strcspn(line, "\n")] = '\0';
        if (sscanf(line, "; expect %255s %n", place, &at) != 1)
            continue;
        assert_true(count + 1 < most);
        const char *colon = strchr(place, ':');
        const char *number = colon != NULL ? colon + 1 : place;
        bool whole = strcmp(number, "0") == 0;
        assert_true(asprintf(&expected[count++], "%s/%.*s%s%s: %s", folder,
                             colon != NULL ? (int)(colon - place) : (int)strlen(file),
                             colon != NULL ? place : file, whole ? "" : ":", whole ? "" : number,
                             line + at) > 0);
    }
    fclose(stream);
    expected[count] = NULL;
    return count;
}

static void test_bad_files(void **state)
{
    struct fixture *fixture = *state;
    const char *folder = "tests/model/bad";
    char *expected[64], path[512];
    DIR *directory = opendir(folder);
    assert_non_null(directory);
    int files = 0;
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        size_t size = strlen(entry->d_name);
        if (size < 5 || strcmp(entry->d_name + size - 5, ".zone") != 0)
            continue;
        print_message("    %s\n", entry->d_name);
        size_t count = read_expectations(folder, entry->d_name, expected, 64);
        assert_true(count > 0);
        fixture_configure(fixture, NULL);
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        config_add_zone(fixture->config, path);
        bool built = fixture_build(fixture, true);
        fixture_expect(fixture, (const char *const *)expected);
        assert_int_equal(built, fixture->diagnostics.errors == 0);
        while (count > 0)
            free(expected[--count]);
        files++;
    }
    closedir(directory);
    assert_true(files >= 14);
}

static void check_unreadable(struct fixture *fixture, const char *file, const char *expected)
{
    fixture_configure(fixture, NULL);
    fixture_add(fixture, file);
    assert_false(fixture_build(fixture, true));
    fixture_expect_all(fixture, expected);
}

static void test_unreadable(void **state)
{
    struct fixture *fixture = *state;
    mkdir(fixture_path(fixture, "folder"), 0700);
    mkfifo(fixture_path(fixture, "fifo"), 0600);
    fixture_write(fixture, "empty", "");
    fixture_write(fixture, "comment", "; nothing\n\n");
    check_unreadable(fixture, "missing",
                     "missing: error: cannot be read: No such file or directory");
    check_unreadable(fixture, "folder", "folder: error: is a directory");
    check_unreadable(fixture, "fifo", "fifo: error: is no regular file"); /* and does not wait */
    check_unreadable(fixture, "empty", "empty: error: is empty");
    check_unreadable(fixture, "comment", "comment: error: the zone has no SOA record");
    if (geteuid() != 0) {
        fixture_write(fixture, "secret", HEAD);
        chmod(fixture_path(fixture, "secret"), 0);
        check_unreadable(fixture, "secret", "secret: error: cannot be read: Permission denied");
    }
}

static void test_nul_octets(void **state)
{
    struct fixture *fixture = *state;
    static const char zone[] = HEAD "a A 192.0.2.1\0\n"
                                    "b TXT \"x\0y\"\n"
                                    "c TXT x\\\0y\n"
                                    "\0\n"
                                    "d TXT ; in a comment\0\n"
                                    "e A 192.0.2.1\n";
    fixture_configure(fixture, NULL);
    fixture_write_bytes(fixture, "nul", zone, sizeof zone - 1);
    fixture_add(fixture, "nul");
    assert_false(fixture_build(fixture, true));
    fixture_expect_all(fixture, "nul:5: error: NUL octet", "nul:6: error: NUL octet",
                       "nul:7: error: NUL octet", "nul:8: error: NUL octet",
                       "nul:9: error: TXT: the record ends too early");
}

static void build_text(struct fixture *fixture, const char *text)
{
    fixture_configure(fixture, NULL);
    fixture_write(fixture, "long", text);
    fixture_add(fixture, "long");
    fixture_build(fixture, true);
}

static void test_long_lines(void **state)
{
    struct fixture *fixture = *state;
    const size_t room = 400000;
    char *text = malloc(room);

    /* 255 strings of 255 octets: 65280 octets of rdata. */
    char *end = text + sprintf(text, HEAD "x TXT");
    for (int i = 0; i < 255; i++)
        end += sprintf(end, " \"%0255d\"", i);
    strcpy(end, "\n");
    build_text(fixture, text);
    fixture_expect_none(fixture);
    assert_int_equal(fixture_rrset(fixture, "x.example.test", "TXT")->records[0].size, 65280);

    /* One string more: 65536. */
    sprintf(end, " %0255d\n", 1);
    build_text(fixture, text);
    fixture_expect_all(fixture, "long:5: error: TXT: the record is larger than 65535 octets");

    /* By number: 65400 octets fit a message, 65535 do not. */
    end = text + sprintf(text, HEAD "x TYPE65280 \\# 65400 (");
    for (int i = 0; i < 65400; i++)
        end += sprintf(end, i % 100 == 0 ? "\n%02x" : "%02x", i % 256);
    strcpy(end, ")\n");
    build_text(fixture, text);
    fixture_expect_none(fixture);
    assert_int_equal(fixture_rrset(fixture, "x.example.test", "TYPE65280")->records[0].size, 65400);
    end = text + sprintf(text, HEAD "x TYPE65280 \\# 65535 ");
    memset(end, '0', 2 * 65535);
    strcpy(end + 2 * 65535, "\n");
    build_text(fixture, text);
    fixture_expect_all(fixture, "long:5: error: x.example.test TYPE65280: an answer would have");

    /* The largest that fits beside OPT, which resolvers send and get, and one octet more: header
     * 12, name 16, type and class 4, record 12, OPT 11. */
    for (unsigned size = 65480; size <= 65481; size++) {
        end = text + sprintf(text, HEAD "x TYPE65280 \\# %u ", size);
        memset(end, '0', 2 * size);
        strcpy(end + 2 * size, "\n");
        build_text(fixture, text);
        if (size == 65480)
            fixture_expect_none(fixture);
        else
            fixture_expect_all(fixture, "long:5: error: x.example.test TYPE65280: an answer would "
                                        "have 65536 octets");
    }

    /* A word, a name, a field and a comment without end. */
    static const struct {
        const char *before, *expected;
    } words[] = {
        {"x A ", "long:5: error: A: a field is longer than"},
        {"x MX 10 ", "long:5: error: MX: \"aaaa"},
        {"x TXT ", "long:5: error: TXT: a field is longer than"},
        {"x CAA 0 issue ", "long:5: error: CAA: a field is longer than"},
        {"x SVCB 1 . key7=", "long:5: error: SVCB: a field is longer than"},
        {"x NSEC . ", "long:5: error: NSEC: \"aaaa"},
        {"", "long:5: error: \"aaaa"},
        {"x ", "long:5: error: \"aaaa"},
        {"$ORIGIN ", "long:5: error: \"aaaa"},
        {"$", "long:5: error: $aaaa"},
        {"$INCLUDE ", "long:5: error: $INCLUDE "},
        {"; ", NULL},
    };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        end = text + sprintf(text, HEAD "%s", words[i].before);
        memset(end, 'a', 300000);
        end[300000] = '\0';
        build_text(fixture, text);
        if (words[i].expected != NULL)
            fixture_expect_all(fixture, words[i].expected);
        else
            fixture_expect_none(fixture);
    }

    /* NSEC's reader in ldns has room for so many types on its stack. */
    end = text + sprintf(text, HEAD "x NSEC .");
    for (int i = 0; i < 70000; i++)
        end += sprintf(end, " A");
    build_text(fixture, text);
    fixture_expect_all(fixture, "long:5: error: NSEC: a field is longer than");
    free(text);
}

/* An RRset of 100,000 lines that are all the same must not be compared each with each. */
static void test_many_duplicates(void **state)
{
    struct fixture *fixture = *state;
    const int count = 100000;
    char *text = malloc(1000 + 20 * (size_t)count), *end = text + sprintf(text, HEAD);
    for (int i = 0; i < count; i++)
        end += sprintf(end, "x A 192.0.%d.%d\n", i % 8, i / 8 % 256);
    build_text(fixture, text);
    assert_int_equal(fixture->diagnostics.errors, 0);
    assert_int_equal(fixture_rrset(fixture, "x.example.test", "A")->count, 2048);
    assert_int_equal(fixture->diagnostics.count + fixture->diagnostics.dropped, count - 2048);

    end = text + sprintf(text, HEAD);
    for (int i = 0; i < 5000; i++) /* 5000 * 16 octets: no message holds them */
        end += sprintf(end, "x A 192.0.%d.%d\n", i / 256, i % 256);
    build_text(fixture, text);
    fixture_expect_all(fixture, "long:5: error: x.example.test A: an answer would have 80043");
    free(text);
}

/* ---- whole files ---- */

static char *read_file(const char *path, size_t *size)
{
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    char *text = malloc(1 << 20);
    *size = fread(text, 1, 1 << 20, file);
    fclose(file);
    return text;
}

static void test_example_zone(void **state)
{
    struct fixture *fixture = *state;
    fixture_configure(fixture, NULL);
    config_add_zone(fixture->config, "zones/example.test.zone");
    assert_true(fixture_build(fixture, true));
    fixture_expect_none(fixture);
    assert_int_equal(fixture_rrset(fixture, "example.test", "MX")->count, 3);
    assert_int_equal(fixture_rrset(fixture, "imap.example.test", "A")->count, 3);
    assert_int_equal(fixture->model->zones[0].negative_ttl_s, 10);
}

/* Whatever a file ends in, or has in the place of an octet, it is told, not fatal. */
static void test_damaged_files(void **state)
{
    struct fixture *fixture = *state;
    size_t size;
    char *text = read_file("zones/example.test.zone", &size);
    for (size_t cut = 0; cut <= size; cut++) {
        fixture_configure(fixture, NULL);
        fixture_write_bytes(fixture, "example.test.zone", text, cut);
        fixture_add(fixture, "example.test.zone");
        assert_true(fixture_build(fixture, false));
        assert_int_equal(fixture->model->nzones, 1);
        if (cut == size)
            fixture_expect_none(fixture);
    }
    static const char odd[] = "\0\"();\\\n\r\t $@.*\xff"
                              "09az";
    unsigned seed = 1;
    for (int round = 0; round < 3000; round++) {
        char *damaged = malloc(size);
        memcpy(damaged, text, size);
        for (int i = 0; i <= round % 4; i++)
            damaged[(size_t)rand_r(&seed) % size] = odd[(size_t)rand_r(&seed) % (sizeof odd - 1)];
        fixture_configure(fixture, NULL);
        fixture_write_bytes(fixture, "example.test.zone", damaged, size);
        fixture_add(fixture, "example.test.zone");
        fixture_build(fixture, false);
        free(damaged);
    }
    free(text);
}

static void test_many_zones(void **state)
{
    struct fixture *fixture = *state;
    const int count = 20000;
    char name[32], text[600];
    struct timespec begin, end;
    fixture_configure(fixture, NULL);
    for (int i = 0; i < count; i++) {
        snprintf(name, sizeof name, "d%d.test.zone", i);
        snprintf(text, sizeof text,
                 "$ORIGIN d%d.test.\n$TTL 300\n@ SOA ns1.host.example. h.host.example. 1 2 3 4 10\n"
                 "@ NS ns1.host.example.\n@ NS ns2.host.example.\n@ MX 10 mx1.host.example.\n"
                 "@ MX 10 mx2.host.example.\n@ A 192.0.2.1\nwww CNAME @\n"
                 "@ TXT \"v=spf1 mx -all\"\n_dmarc TXT \"v=DMARC1; p=none\"\nftp A 192.0.2.2\n",
                 i);
        fixture_write(fixture, name, text);
        fixture_add(fixture, name);
    }
    clock_gettime(CLOCK_MONOTONIC, &begin);
    assert_true(fixture_build(fixture, true));
    clock_gettime(CLOCK_MONOTONIC, &end);
    double seconds =
        (double)(end.tv_sec - begin.tv_sec) + (double)(end.tv_nsec - begin.tv_nsec) / 1e9;
    print_message("    %d zones of 10 records: %.2f s, %zu KiB\n", count, seconds,
                  arena_bytes(fixture->model->arena) / 1024);
    fixture_expect_none(fixture);
    assert_int_equal(fixture->model->nzones, count);
    assert_int_equal(fixture->model->npools, 1); /* all share one */
    assert_int_equal(fixture->model->pools[0].nowners, count);
    assert_non_null(fixture_rrset(fixture, "ftp.d19999.test", "A"));
    assert_true(seconds < 30);
    assert_true(arena_bytes(fixture->model->arena) < (size_t)count * 2048);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_records),
        TEST(test_records_as_ldns),
        TEST(test_records_by_number),
        TEST(test_forms),
        TEST(test_escapes_at_the_end),
        TEST(test_ttls),
        TEST(test_origin_from_file_name),
        TEST(test_include),
        TEST(test_include_limits),
        TEST(test_tree),
        TEST(test_lookup),
        TEST(test_cuts),
        TEST(test_nested_zones),
        TEST(test_failed_zones),
        TEST(test_same_zone_twice),
        TEST(test_bad_files),
        TEST(test_unreadable),
        TEST(test_nul_octets),
        TEST(test_long_lines),
        TEST(test_many_duplicates),
        TEST(test_example_zone),
        TEST(test_damaged_files),
        TEST(test_many_zones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
