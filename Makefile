# evermx: make, make demo, make check, make asan, make tsan, make install. See README.md.
#
# All that is built goes to $(BUILD); a variant is the same Makefile with another BUILD and other flags,
# so that `make asan` and `make check` never mix objects.

VERSION := $(shell sed -n '1s/^evermx \([0-9.]*\).*/\1/p' CHANGES 2>/dev/null)
PREFIX ?= /usr/local
BUILD  ?= build
CC     ?= cc

WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith \
            -Wwrite-strings -Wvla -Werror
OPTIMIZE ?= -O2 -g
HARDEN   ?= -fstack-protector-strong -fPIE -D_FORTIFY_SOURCE=2
SANITIZE ?=
CFLAGS_ALL = -std=gnu11 -pthread $(OPTIMIZE) $(HARDEN) $(WARNINGS) $(SANITIZE) $(CFLAGS)
CPPFLAGS_ALL = -D_GNU_SOURCE -DEVERMX_VERSION='"$(VERSION)"' -Isrc -MMD -MP $(CPPFLAGS)
LDFLAGS_ALL = -pthread -pie -Wl,-z,relro,-z,now $(SANITIZE) $(LDFLAGS)
LIBS := -lldns -levent_extra -levent_core -levent_openssl -levent_pthreads -lyaml -ljansson \
        -lssl -lcrypto -lurcu-qsbr -lurcu-common

SOURCES   := $(filter-out src/main.c,$(wildcard src/*/*.c))
OBJECTS   := $(SOURCES:%.c=$(BUILD)/%.o)
TESTS     := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/*/test_*.c))
SUPPORT   := $(patsubst %.c,$(BUILD)/%.o,$(wildcard tests/support/*.c))
PROGRAMS  := $(BUILD)/evermxd $(BUILD)/evermxctl
TOOLS     := $(BUILD)/mailhost $(BUILD)/demo

.PHONY: all
all: $(PROGRAMS)

$(BUILD)/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) -c -o $@ $<

$(BUILD)/libevermx.a: $(OBJECTS)
	@rm -f $@
	ar crs $@ $^

$(BUILD)/evermxd: $(BUILD)/src/main.o $(BUILD)/libevermx.a
	$(CC) $(LDFLAGS_ALL) -o $@ $^ $(LIBS)

# Programs in tools/ are one file, or one file and a folder of the same name.
$(BUILD)/evermxctl: $(BUILD)/tools/evermxctl.o $(BUILD)/libevermx.a
$(BUILD)/mailhost: $(BUILD)/tools/mailhost.o $(patsubst %.c,$(BUILD)/%.o,$(wildcard tools/mailhost/*.c)) $(BUILD)/libevermx.a
$(BUILD)/demo: $(BUILD)/tools/demo.o $(patsubst %.c,$(BUILD)/%.o,$(wildcard tools/demo/*.c)) $(BUILD)/libevermx.a
$(BUILD)/evermxctl $(BUILD)/mailhost $(BUILD)/demo:
	$(CC) $(LDFLAGS_ALL) -o $@ $^ $(LIBS)

$(BUILD)/tests/%: $(BUILD)/tests/%.o $(SUPPORT) $(BUILD)/libevermx.a
	$(CC) $(LDFLAGS_ALL) -o $@ $^ -lcmocka $(LIBS)

-include $(shell find $(BUILD)/src $(BUILD)/tools $(BUILD)/tests -name '*.d' 2>/dev/null)
