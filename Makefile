# What can be made, and what it does, stands at the end of README.md.
#
# All that is built goes to $(BUILD). A variant (sanitizers, clang) is the same Makefile called with another
# BUILD and other flags, so that their objects never mix.

VERSION := $(shell sed -n '1s/^evermx \([0-9.]*\).*/\1/p' CHANGES)
PREFIX  ?= /usr/local
DESTDIR ?=
BUILD   ?= build
CC      ?= cc
JOBS    ?= $(shell nproc)

WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith \
            -Wwrite-strings -Wvla -Werror
OPTIMIZE ?= -O2 -g
HARDEN   ?= -fstack-protector-strong -D_FORTIFY_SOURCE=2
SANITIZE ?=
CFLAGS_ALL   = -std=gnu11 -pthread -fPIE $(OPTIMIZE) $(HARDEN) $(WARNINGS) $(SANITIZE) $(CFLAGS)
CPPFLAGS_ALL = -D_GNU_SOURCE -DEVERMX_VERSION='"$(VERSION)"' -Isrc -Itests -MMD -MP $(CPPFLAGS)
LDFLAGS_ALL  = -pthread -pie -Wl,-z,relro,-z,now $(SANITIZE) $(LDFLAGS)
LIBS := -lldns -levent_extra -levent_core -levent_openssl -levent_pthreads -lyaml -ljansson \
        -lssl -lcrypto -lurcu-qsbr -lurcu-common -lm

SOURCES  := $(filter-out src/main.c,$(wildcard src/*/*.c))
SUPPORT  := $(patsubst %.c,$(BUILD)/%.o,$(wildcard tests/support/*.c))
UNITS    := $(patsubst %.c,$(BUILD)/%,$(filter-out tests/e2e/%,$(wildcard tests/*/test_*.c)))
E2E      := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/e2e/test_*.c))
PROGRAMS := $(BUILD)/evermxd $(BUILD)/evermxctl $(BUILD)/evermx-drill
TOOLS    := $(BUILD)/mailhost $(BUILD)/demo $(BUILD)/load
# tests/fuzz: a target is a file and a folder of stored inputs; the rest of the folder is what targets share.
FUZZ_TARGETS := query zone template config control smtp imap pop3 mailbox certificate tcp
FUZZ_SHARED  := $(filter-out $(FUZZ_TARGETS:%=tests/fuzz/%.c) tests/fuzz/replay.c,$(wildcard tests/fuzz/*.c))
REPLAYS  := $(FUZZ_TARGETS:%=$(BUILD)/tests/fuzz/replay_%)
FUZZERS  := $(FUZZ_TARGETS:%=$(BUILD)/tests/fuzz/fuzz_%)
objects   = $(patsubst %.c,$(BUILD)/%.o,$(wildcard $(1)))

.PHONY: all
all: $(PROGRAMS)

.PHONY: everything
everything: $(PROGRAMS) $(TOOLS) $(UNITS) $(E2E) $(REPLAYS) $(BUILD)/tests/differential/compare_peers

.PHONY: fuzzers
fuzzers: $(FUZZERS)
	@:

# Told once, and not by each file that includes it.
HEADERS := ldns/ldns.h event2/event.h yaml.h jansson.h openssl/ssl.h urcu-qsbr.h
$(BUILD)/libraries-are-here: Makefile
	@mkdir -p $(@D)
	@printf '#include <%s>\n' $(HEADERS) | $(CC) $(CPPFLAGS) -E -x c -o /dev/null - || \
	    { echo "A library is missing; as root, 'tools/install-deps build' installs what it takes."; exit 1; }
	@touch $@

$(BUILD)/%.o: %.c Makefile CHANGES | $(BUILD)/libraries-are-here
	@mkdir -p $(@D)
	@echo "  CC      $@"
	@$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) -c -o $@ $<

$(BUILD)/libevermx.a: $(SOURCES:%.c=$(BUILD)/%.o)
	@echo "  AR      $@"
	@rm -f $@
	@ar crs $@ $^

# A program in tools/ is one file, or one file and a folder of the same name.
$(BUILD)/evermxd: $(BUILD)/src/main.o $(BUILD)/libevermx.a
$(BUILD)/evermxctl: $(BUILD)/tools/evermxctl.o $(call objects,tools/evermxctl/*.c) $(BUILD)/libevermx.a
$(BUILD)/evermx-drill: $(BUILD)/tools/drill.o $(call objects,tools/drill/*.c tools/drill/*/*.c) $(BUILD)/libevermx.a
$(BUILD)/mailhost: $(BUILD)/tools/mailhost.o $(call objects,tools/mailhost/*.c) $(BUILD)/libevermx.a
$(BUILD)/demo: $(BUILD)/tools/demo.o $(call objects,tools/demo/*.c) $(BUILD)/libevermx.a
$(BUILD)/load: $(BUILD)/tools/load.o $(call objects,tools/load/*.c) $(BUILD)/libevermx.a
$(PROGRAMS) $(TOOLS):
	@echo "  LD      $@"
	@$(CC) $(LDFLAGS_ALL) -o $@ $^ $(LIBS)

# Zones made up from a seed are shared by the tests of that folder.
DIFFERENTIAL := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/differential/test_*.c) tests/differential/compare_peers.c)
$(DIFFERENTIAL): $(filter-out $(DIFFERENTIAL:%=%.o),$(call objects,tests/differential/*.c))

$(patsubst %.c,$(BUILD)/%,$(wildcard tests/drill/test_*.c)): $(call objects,tools/drill/*.c tools/drill/*/*.c)

$(BUILD)/tests/%: $(BUILD)/tests/%.o $(SUPPORT) $(BUILD)/libevermx.a
	@echo "  LD      $@"
	@$(CC) $(LDFLAGS_ALL) -o $@ $(filter %.o,$^) $(filter %.a,$^) -lcmocka $(LIBS)

# The load's parts are tested without a socket, too.
$(BUILD)/tests/tools/test_load: $(patsubst %,$(BUILD)/tools/load/%.o,queries tally flight)
$(BUILD)/tests/tools/test_evermxctl_text: $(BUILD)/tools/evermxctl/text.o

# What a target has instead of the real thing (--wrap): a fence around files; the engine's thread; the kernel below a
# session, its clock and its loop.
WRAPPED_files   := open
WRAPPED_control := $(WRAPPED_files) engine_status engine_explain engine_force engine_drain engine_heartbeat_ms server_numbers
WRAPPED_tcp     := $(WRAPPED_files) accept4 getpeername event_base_new
WRAPPED_session := socket connect setsockopt getsockopt getsockname poll recv send close clock_now_ms clock_now_us \
                   event_add event_del channel_start_tls channel_handshake
# What OpenSSL says of a handshake.
WRAPPED_certificate := SSL_get1_peer_certificate SSL_version SSL_get_version SSL_get_verify_result \
                       SSL_CTX_set_cert_verify_callback
$(foreach target,query zone template config,$(eval WRAPPED_$(target) := $(WRAPPED_files)))
$(foreach target,smtp imap pop3 mailbox,$(eval WRAPPED_$(target) := $(WRAPPED_session)))
fuzz_libraries = $(BUILD)/tests/fuzz/libshared.a $(BUILD)/libevermx.a $(WRAPPED_$(1):%=-Wl,--wrap=%) $(LIBS)

$(BUILD)/tests/fuzz/libshared.a: $(FUZZ_SHARED:%.c=$(BUILD)/%.o)
	@rm -f $@
	@ar crs $@ $^

$(REPLAYS): $(BUILD)/tests/fuzz/replay_%: $(BUILD)/tests/fuzz/%.o $(BUILD)/tests/fuzz/replay.o $(BUILD)/tests/fuzz/libshared.a $(BUILD)/libevermx.a
	@echo "  LD      $@"
	@$(CC) $(LDFLAGS_ALL) -o $@ $(filter %.o,$^) $(call fuzz_libraries,$*)

$(FUZZERS): $(BUILD)/tests/fuzz/fuzz_%: $(BUILD)/tests/fuzz/%.o $(BUILD)/tests/fuzz/libshared.a $(BUILD)/libevermx.a
	@echo "  LD      $@"
	@$(CC) $(LDFLAGS_ALL) -fsanitize=fuzzer -o $@ $< $(call fuzz_libraries,$*)

.SECONDARY:
-include $(shell find $(BUILD)/src $(BUILD)/tools $(BUILD)/tests -name '*.d' 2>/dev/null)

# ---- what people call ----

.PHONY: demo
demo:
	@tools/install-deps build
	@mkdir -p $(BUILD)
	@echo "building"
	@$(MAKE) --no-print-directory -j$(JOBS) $(PROGRAMS) $(TOOLS) >$(BUILD)/make.log 2>&1 || { cat $(BUILD)/make.log; exit 1; }
	@$(BUILD)/demo zones/example.test.zone

# Everything that a change must pass. Each variant is built once; `tests/run` runs what it is given, shows how
# far it is, and closes with one line of counts.
# The sanitizers' code hides from gcc how long texts can be: -Wformat-truncation is left to the plain build.
ASAN  := BUILD=$(BUILD)/asan OPTIMIZE="-O1 -g" HARDEN= SANITIZE="-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer -Wno-format-truncation"
TSAN  := BUILD=$(BUILD)/tsan OPTIMIZE="-O1 -g" HARDEN= SANITIZE="-fsanitize=thread -Wno-format-truncation"
CLANG := BUILD=$(BUILD)/clang CC=clang
FUZZ  := BUILD=$(BUILD)/fuzz CC=clang OPTIMIZE="-O1 -g" HARDEN= SANITIZE="-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer"

TSAN_TESTS := answer/test_snapshot serve/test_server serve/test_tcp serve/test_configure engine/test_engine engine/test_call \
              engine/test_asked

.PHONY: check
check:
	@tools/install-deps
	@tests/e2e/lab.sh fetch || [ $$? = 77 ] # not root: its tests are skipped
	@$(MAKE) --no-print-directory -j$(JOBS) everything
	@$(MAKE) --no-print-directory -j$(JOBS) $(CLANG) everything
	@$(MAKE) --no-print-directory -j$(JOBS) $(ASAN) everything
	@$(MAKE) --no-print-directory -j$(JOBS) $(TSAN) $(TSAN_TESTS:%=$(BUILD)/tsan/tests/%)
	@tests/run $(BUILD)

.PHONY: asan
asan:
	@$(MAKE) --no-print-directory -j$(JOBS) $(ASAN) everything
	@tests/run $(BUILD) asan

.PHONY: tsan
tsan:
	@$(MAKE) --no-print-directory -j$(JOBS) $(TSAN) $(TSAN_TESTS:%=$(BUILD)/tsan/tests/%)
	@tests/run $(BUILD) tsan

# Each fuzz target for FUZZ_SECONDS (60), or one: TARGET=query. tests/fuzz/run tells more.
.PHONY: fuzz
fuzz:
	@tools/install-deps build check
	@$(MAKE) --no-print-directory -j$(JOBS) $(FUZZ) fuzzers
	@tests/fuzz/run $(BUILD) once $(or $(TARGET),$(FUZZ_TARGETS))

# How long until a real Postfix that was killed is out of the answers; 20 kills, about 4 minutes.
.PHONY: measure
measure: all $(BUILD)/tests/e2e/measure
	@LAB_DIR=$(BUILD)/lab/measure tests/e2e/lab.sh run $(BUILD)/tests/e2e/measure $(HOW)

# From the break of a host to the changed answer, by kind and rhythm, beside the goals; HOW="90" repetitions.
.PHONY: latency
latency: all $(BUILD)/mailhost $(BUILD)/tests/e2e/latency
	@EVERMX_BUILD=$(BUILD) tests/e2e/apart.sh $(BUILD)/tests/e2e/latency $(HOW)

# How often living hosts are removed under packet loss; HOW="SECONDS HOSTS".
.PHONY: false-removals
false-removals: all $(BUILD)/mailhost
	@EVERMX_BUILD=$(BUILD) tests/e2e/false-removals $(HOW)

# What evermx-drill predicts, against what it measures in its laboratory; HOW="REPETITIONS".
.PHONY: prediction
prediction: all
	@tests/e2e/lab.sh fetch
	@EVERMX_BUILD=$(BUILD) tests/e2e/prediction $(HOW)

# What takes minutes: the long rows of the catalogue, latencies with loose limits, loss, predictions.
.PHONY: check-long
check-long: all $(BUILD)/mailhost $(BUILD)/tests/e2e/test_catalogue $(BUILD)/tests/e2e/latency
	@tests/e2e/lab.sh fetch
	@EVERMX_BUILD=$(BUILD) LAB_DIR=$(CURDIR)/$(BUILD)/lab/check-long tests/e2e/apart.sh tests/e2e/lab.sh run \
	    $(BUILD)/tests/e2e/test_catalogue long
	@EVERMX_BUILD=$(BUILD) tests/e2e/apart.sh $(BUILD)/tests/e2e/latency 6 1500
	@EVERMX_BUILD=$(BUILD) LOSSES=5 tests/e2e/false-removals 120
	@EVERMX_BUILD=$(BUILD) tests/e2e/prediction 40

# How fast it answers on this machine, next to the ceiling of all servers; about 40 s.
.PHONY: bench
bench:
	@tools/install-deps build
	@mkdir -p $(BUILD)
	@$(MAKE) --no-print-directory -j$(JOBS) $(BUILD)/evermxd $(BUILD)/load >$(BUILD)/make.log 2>&1 || { cat $(BUILD)/make.log; exit 1; }
	@EVERMX_BUILD=$(BUILD) tests/bench/bench.sh $(HOW)

# What it costs to probe 10,000 targets, beside the goal; about 45 s. HOW="TARGETS INTERVAL_MS SECONDS plain".
.PHONY: bench-probing
bench-probing: $(BUILD)/tests/bench/probing
	@$(BUILD)/tests/bench/probing $(HOW)

.PHONY: install
install: all
	install -D -m 755 $(BUILD)/evermxd $(DESTDIR)$(PREFIX)/sbin/evermxd
	install -D -m 755 $(BUILD)/evermxctl $(DESTDIR)$(PREFIX)/sbin/evermxctl
	install -D -m 755 $(BUILD)/evermx-drill $(DESTDIR)$(PREFIX)/bin/evermx-drill
	install -d $(DESTDIR)$(PREFIX)/libexec/evermx/lab/servers/lab
	install -m 644 $(filter-out %/failover-lab.sh,$(wildcard tools/drill/lab/*.sh)) $(DESTDIR)$(PREFIX)/libexec/evermx/lab
	install -m 755 tools/drill/lab/failover-lab.sh $(DESTDIR)$(PREFIX)/libexec/evermx/lab
	install -m 755 tests/e2e/lab.sh tests/e2e/apart.sh $(DESTDIR)$(PREFIX)/libexec/evermx/lab/servers
	install -m 644 tests/e2e/lab/*.sh $(DESTDIR)$(PREFIX)/libexec/evermx/lab/servers/lab
	install -D -m 644 src/evermxd.8 $(DESTDIR)$(PREFIX)/share/man/man8/evermxd.8
	install -D -m 644 src/config/evermx.yaml.5 $(DESTDIR)$(PREFIX)/share/man/man5/evermx.yaml.5
	install -D -m 644 src/probe/evermx-probing.7 $(DESTDIR)$(PREFIX)/share/man/man7/evermx-probing.7
	install -D -m 644 tools/evermxctl.1 $(DESTDIR)$(PREFIX)/share/man/man1/evermxctl.1
	install -D -m 644 tools/drill/evermx-drill.1 $(DESTDIR)$(PREFIX)/share/man/man1/evermx-drill.1
	install -D -m 644 tools/drill/simulate/resolvers.yaml $(DESTDIR)$(PREFIX)/share/evermx/resolvers.yaml

.PHONY: clean
clean:
	rm -rf $(BUILD)
