# Xinyi: build, test, demo. `make help` lists the targets.
#
# Layers (docs/ARCHITECTURE.md): base <- engine <- persist, base <- protocol, server -> all three, client -> protocol.
# Every layer is a static library of its own and every unit test links only what its layer may use, so a breach of the
# layers fails at link time; `make tidy` checks the includes as well.

.DEFAULT_GOAL := all
JOBS := $(shell nproc)
SHELL := /bin/bash

CC ?= gcc
ifeq ($(origin CC),default)
CC := gcc
endif

# SANITIZE=address,undefined | thread: a build directory of its own each.
SANITIZE ?=
comma := ,
ifeq ($(SANITIZE),)
B := build
OPT ?= -O3
else
B := build/san-$(subst $(comma),-,$(SANITIZE))
OPT ?= -O1 -fno-omit-frame-pointer
SANFLAGS := -fsanitize=$(SANITIZE) -fno-sanitize-recover=all
endif

WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wpointer-arith -Wundef -Wformat=2 \
        -Wwrite-strings -Wnull-dereference -Wno-missing-field-initializers -Wno-format-truncation -Wno-unknown-warning-option
ifeq ($(WERROR),1)
WARN += -Werror
endif

PKGS := libevent libevent_pthreads libxxhash yaml-0.1 jansson smartcols openssl liburcu-qsbr
HAVE_PKGS := $(shell pkg-config --exists $(PKGS) 2>/dev/null && echo yes)
ifeq ($(HAVE_PKGS),yes)
PKG_CFLAGS := $(shell pkg-config --cflags $(PKGS))
endif

CPPFLAGS += -I. -I$(B)/gen -D_GNU_SOURCE $(PKG_CFLAGS)
CFLAGS += -std=c17 -g $(OPT) $(WARN) $(SANFLAGS) -fPIC -fvisibility=hidden -pthread
LDFLAGS += $(SANFLAGS) -pthread

# The server's allocator: folding allocates and frees tens of megabytes on other threads, and the C library's arenas keep
# what jemalloc gives back (measured after importing 5 M subjects: 126 bytes a subject with it against 81).
ifeq ($(SANITIZE),)
LIB_alloc    := -ljemalloc
endif
LIB_base     := -lurcu-qsbr -lurcu-common
LIB_engine   := -lxxhash -lyaml
LIB_protocol := -lxxhash
LIB_persist  := -lrocksdb -lxxhash
LIB_server   := -levent_core -levent_pthreads -ljansson -lcrypto
LIB_client   := -lxxhash
LIB_cli      := -ljansson -lsmartcols -lcsv -lyaml -lcrypto
LIB_bench    := -ljansson -lm

# ---------------------------------------------------------------- sources
# client/ holds the library (client/*.c) and the command line (client/cli/*.c).
SRC_base     := $(wildcard base/*.c)
SRC_engine   := $(wildcard engine/*.c)
SRC_protocol := $(wildcard protocol/*.c)
SRC_persist  := $(wildcard persist/*.c)
SRC_server   := $(filter-out server/main.c,$(wildcard server/*.c))
SRC_client   := $(wildcard client/*.c)
SRC_cli      := $(filter-out client/cli/main.c,$(wildcard client/cli/*.c))
SRC_bench    := $(filter-out bench/main.c bench/micro_%.c,$(wildcard bench/*.c))
LAYERS       := base engine protocol persist server client cli bench

objs = $(patsubst %.c,$(B)/obj/%.o,$(1))
lib  = $(B)/lib/lib$(1)-layer.a

OBJ_base := $(call objs,$(SRC_base)) $(B)/obj/gen/division_table.o

.PHONY: all help deps demo test unit tidy format clean fuzz-short bench-redis install
all: deps
	@$(MAKE) --no-print-directory -j$(JOBS) binaries

binaries: $(B)/xinyid $(B)/xinyi $(B)/xinyi-bench $(B)/libxinyi.a $(B)/libxinyi.so $(B)/xinyi.pc
.PHONY: binaries

help:
	@echo 'make             build build/xinyid, build/xinyi, build/xinyi-bench, build/libxinyi.a and .so'
	@echo 'make demo        a province of 1,000,000 subjects: import, decisions, quota, restart, load test'
	@echo 'make test        every test, ends with "N passed, N failed"'
	@echo 'make unit        the unit tests only'
	@echo 'make crash       kill -9 under many clients, linearizability checked, for CRASH_SECONDS (600)'
	@echo 'make overload    ten times more than the server can do, for OVERLOAD_SECONDS (120)'
	@echo 'make fuzz-short  every fuzz target for FUZZ_SECONDS (60)'
	@echo 'make disks       disks that fill and turn read-only under load, DISK_ROUNDS (100) times; as root'
	@echo 'make simulate    the ledger on a simulated disk, clock and network, for SIMULATE_SECONDS (600)'
	@echo 'make coverage    line coverage of the rules by the unit tests; fails below 95 %'
	@echo 'make tidy        format, forbidden functions, layer rule, duplicate includes'
	@echo 'make format      rewrite the sources with clang-format'
	@echo 'make bench-redis the same work against redis-server, side by side'
	@echo 'make deps        install the Debian packages that are missing (asks apt)'
	@echo 'make install     PREFIX=/usr/local: programs, library, header, pkg-config file'
	@echo 'make clean       remove build/'
	@echo
	@echo 'CC=clang, WERROR=1, SANITIZE=address,undefined and SANITIZE=thread work with every target.'

deps:
	@tests/deps.sh

# ---------------------------------------------------------------- compile
# One short line a step; V=1 shows the commands.
ifeq ($(V),1)
Q :=
say =
else
Q := @
say = @printf '  %-4s %s\n' $(1) $(2)
endif

$(B)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c $< -o $@

$(B)/gen/division_table.c: base/divisions.tsv base/divisions.awk
	@mkdir -p $(@D)
	$(Q)LC_ALL=C awk -f base/divisions.awk $< > $@.tmp && mv $@.tmp $@

$(B)/obj/gen/division_table.o: $(B)/gen/division_table.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -c $< -o $@

define LAYER_RULE
OBJ_$(1) ?= $$(call objs,$$(SRC_$(1)))
$$(call lib,$(1)): $$(OBJ_$(1))
	@mkdir -p $$(@D)
	@rm -f $$@
	$$(Q)$$(AR) rcs $$@ $$^
endef
$(foreach l,$(LAYERS),$(eval $(call LAYER_RULE,$(l))))

# ---------------------------------------------------------------- programs and the client library
# What each layer links, itself first: this is the layer rule, as a linker sees it.
USES_base     := base
USES_engine   := engine base
USES_protocol := protocol base
USES_persist  := persist engine base
USES_server   := server persist engine protocol base
USES_client   := client protocol base
USES_cli      := cli client engine protocol base
USES_bench    := bench client engine protocol base

link_libs = $(foreach u,$(USES_$(1)),$(call lib,$(u)))
link_sys  = $(foreach u,$(USES_$(1)),$(LIB_$(u)))

$(B)/xinyid: $(B)/obj/server/main.o $(call link_libs,server)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(call link_sys,server) $(LIB_alloc)

$(B)/xinyi: $(B)/obj/client/cli/main.o $(call link_libs,cli)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(call link_sys,cli)

$(B)/xinyi-bench: $(B)/obj/bench/main.o $(call link_libs,bench)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(call link_sys,bench)

# Stand-alone micro-benchmarks: bench/micro_NAME.c becomes build/micro_NAME. Not part of `all`.
$(B)/micro_%: $(B)/obj/bench/micro_%.o $(call lib,engine) $(call lib,base)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LIB_engine) $(LIB_base)

# Both libraries show xinyi_* only: what is hidden in the shared one is made local in the static one, so that names of
# the project never meet a program's own. They need nothing but libc: base/rcu.c, which needs more, stays out.
LIBXINYI_OBJS = $(OBJ_client) $(OBJ_protocol) $(filter-out %/base/rcu.o,$(OBJ_base))
OBJCOPY ?= objcopy
$(B)/libxinyi.a: $(LIBXINYI_OBJS)
	@rm -f $@
	$(call say,AR,$@)
	$(Q)$(LD) -r -o $(B)/obj/libxinyi.o $^ && $(OBJCOPY) --localize-hidden $(B)/obj/libxinyi.o && $(AR) rcs $@ $(B)/obj/libxinyi.o
$(B)/libxinyi.so: $(LIBXINYI_OBJS)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -shared -Wl,-soname,libxinyi.so.1 -o $@ $^

PREFIX ?= /usr/local
VERSION := $(shell sed -n 's/.*XINYI_VERSION "\(.*\)"/\1/p' base/version.h)
$(B)/xinyi.pc: Makefile base/version.h
	@mkdir -p $(@D)
	@printf '%s\n' 'prefix=$(PREFIX)' 'libdir=$${prefix}/lib' 'includedir=$${prefix}/include' '' 'Name: xinyi' \
	  'Description: client library of the Xinyi credit evaluation engine' 'Version: $(VERSION)' \
	  'Libs: -L$${libdir} -lxinyi' 'Libs.private: -pthread' 'Cflags: -I$${includedir}' > $@

install: all
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/lib/pkgconfig $(DESTDIR)$(PREFIX)/include
	install -m 755 $(B)/xinyid $(B)/xinyi $(B)/xinyi-bench $(DESTDIR)$(PREFIX)/bin
	install -m 644 $(B)/libxinyi.a $(DESTDIR)$(PREFIX)/lib
	install -m 755 $(B)/libxinyi.so $(DESTDIR)$(PREFIX)/lib/libxinyi.so.1
	ln -sf libxinyi.so.1 $(DESTDIR)$(PREFIX)/lib/libxinyi.so
	install -m 644 client/xinyi.h $(DESTDIR)$(PREFIX)/include
	install -m 644 $(B)/xinyi.pc $(DESTDIR)$(PREFIX)/lib/pkgconfig

# ---------------------------------------------------------------- tests
# tests/unit/LAYER/NAME_test.c becomes build/tests/LAYER/NAME_test and links LAYER and what LAYER may use, no more.
# tests/unit/*.h are helpers any test may include.
ifeq ($(SANITIZE),thread)
TSAN_SHIM := $(B)/obj/tests/unit/criterion_tsan.o
endif
define UNIT_RULE
UNIT_$(1) := $$(patsubst tests/unit/$(1)/%.c,$$(B)/tests/$(1)/%,$$(wildcard tests/unit/$(1)/*_test.c))
$$(B)/tests/$(1)/%: $$(B)/obj/tests/unit/$(1)/%.o $$(TSAN_SHIM) $$(call link_libs,$(1))
	@mkdir -p $$(@D)
	$$(call say,LD,$$@)
	$$(Q)$$(CC) $$(LDFLAGS) -o $$@ $$^ $$(call link_sys,$(1)) -lcriterion -lm
endef
$(foreach l,$(LAYERS),$(eval $(call UNIT_RULE,$(l))))
UNITS := $(foreach l,$(LAYERS),$(UNIT_$(l)))
# tests/tools/NAME.c: programs that integration tests use; they know nothing but xinyi.h and libxinyi. The exception is
# hostile, hostile_credit and idle, which must be able to do what libxinyi never would.
# stepped_clock is preloaded into a server, so it is a shared object, and without sanitizers.
TOOLS := $(patsubst tests/tools/%.c,$(B)/tests/tools/%,$(filter-out %/stepped_clock.c,$(wildcard tests/tools/*.c))) \
         $(B)/tests/tools/stepped_clock.so
$(B)/tests/tools/%.so: tests/tools/%.c
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) -std=c17 -O2 $(WARN) -D_GNU_SOURCE -fPIC -fvisibility=hidden -shared -o $@ $<
HOSTILE := $(B)/tests/tools/hostile $(B)/tests/tools/hostile_credit $(B)/tests/tools/idle
$(HOSTILE): $(B)/tests/tools/%: $(B)/obj/tests/tools/%.o $(call link_libs,protocol)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(call link_sys,protocol)
$(B)/tests/tools/%: $(B)/obj/tests/tools/%.o $(B)/libxinyi.a
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LIB_client) $(LIB_base)
# tests/sim: the engine on a simulated disk (tests/sim/ledger_sim.c). Of persist it knows the formats only.
SIM_OBJS := $(call objs,$(wildcard tests/sim/*.c)) $(B)/obj/persist/format.o
$(B)/sim/ledger_sim: $(SIM_OBJS) $(call lib,engine) $(call lib,base)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LIB_engine) $(LIB_base)
# As many runs as fit into SIMULATE_SECONDS, from a seed that is told (or SIMULATE_SEED).
SIMULATE_SECONDS ?= 600
.PHONY: simulate
simulate: deps
	@$(MAKE) --no-print-directory -j$(JOBS) $(B)/sim/ledger_sim
	@$(B)/sim/ledger_sim --seed $(or $(SIMULATE_SEED),$$RANDOM$$RANDOM) --seconds $(SIMULATE_SECONDS)
.SECONDARY:
.PHONY: units
units: $(UNITS) $(TOOLS) $(B)/sim/ledger_sim
# Those with more than one thread: what the thread sanitizer has something to say about.
.PHONY: units-threaded
units-threaded: $(filter %/rcu_test %/tally_test %/store_threads_test %/dossier_threads_test %/snapshot_threads_test %/impact_test %/impact_trouble_test $(B)/tests/client/% $(B)/tests/persist/% $(B)/tests/server/%, \
                $(filter-out %/format_test %/repair_test %/verify_test %/journal_damage_test %/journal_random_damage_test, $(UNITS))) $(TOOLS)
unit: deps
	@tests/run.sh unit

test: deps
	@tests/run.sh all
# Which lines of the engine's rules the engine's unit tests run (gcovr, installed for this target alone). Arenas have a
# chunk for each request there, so that each can fail.
.PHONY: coverage coverage-units
coverage: deps
	@tests/deps.sh gcovr
	@$(MAKE) --no-print-directory -j$(JOBS) B=build/coverage OPT=-O1 \
	  SANFLAGS='--coverage -fprofile-update=atomic -DCHUNK_BYTES=1' coverage-units
	@tests/coverage.sh
coverage-units: $(UNIT_engine)
demo: deps
	@$(MAKE) --no-print-directory -j$(JOBS) binaries
	@tests/demo.sh

# tests/fuzz/LAYER_NAME.c becomes build/fuzz/LAYER_NAME, built by clang with libFuzzer, ASan and UBSan together with the
# sources of its layer.
FUZZ := $(patsubst tests/fuzz/%.c,build/fuzz/%,$(wildcard tests/fuzz/*.c))
fuzz_layer = $(firstword $(subst _, ,$(1)))
fuzz_objs  = $(foreach u,$(USES_$(call fuzz_layer,$(1))),$(patsubst %.c,build/fuzz/obj/%.o,$(SRC_$(u))))
FUZZ_FLAGS := -std=c17 -g -O1 -I. -Ibuild/gen -D_GNU_SOURCE $(PKG_CFLAGS) -fno-sanitize-recover=all -pthread
.PHONY: fuzzers
fuzzers: $(FUZZ)
build/fuzz/obj/%.o: %.c
	@mkdir -p $(@D)
	$(call say,FUZZ,$<)
	$(Q)clang $(FUZZ_FLAGS) -fsanitize=fuzzer-no-link,address,undefined -MMD -MP -c $< -o $@
.SECONDEXPANSION:
build/fuzz/%: build/fuzz/obj/tests/fuzz/%.o $$(call fuzz_objs,$$*) build/fuzz/obj/build/gen/division_table.o
	$(call say,LD,$@)
	$(Q)clang $(FUZZ_FLAGS) -fsanitize=fuzzer,address,undefined -o $@ $^ $(call link_sys,$(call fuzz_layer,$*)) $(LIB_base)
fuzz-short: deps fuzzers
	@tests/fuzz.sh

# Long form of tests/integration/disks.sh, which make test runs with four rounds.
.PHONY: disks
disks: all
	@$(MAKE) --no-print-directory $(TOOLS)
	@DISK_ROUNDS=$${DISK_ROUNDS:-100} tests/integration/disks.sh

# The crash tests again and again, each time with another seed, for CRASH_SECONDS.
CRASH_SECONDS ?= 600
.PHONY: crash
crash: all
	@$(MAKE) --no-print-directory -j$(JOBS) $(TOOLS)
	@end=$$((SECONDS + $(CRASH_SECONDS))); while [ $$SECONDS -lt $$end ]; do \
	  left=$$((end - SECONDS)); LINEAR_SECONDS=$$((left < 60 ? left : 60)) tests/integration/linear.sh || exit 1; \
	  [ $$SECONDS -lt $$end ] || break; \
	  tests/integration/crash.sh || exit 1; tests/integration/crash_credit.sh || exit 1; done

# Ten times more than the server can do, for OVERLOAD_SECONDS.
OVERLOAD_SECONDS ?= 120
.PHONY: overload
overload: all
	@$(MAKE) --no-print-directory -j$(JOBS) $(TOOLS)
	@OVERLOAD_SECONDS=$(OVERLOAD_SECONDS) tests/integration/overload.sh

bench-redis: all
	@bench/compare-redis.sh

# ---------------------------------------------------------------- order in the house
tidy:
	@tests/tidy.sh
format:
	clang-format -i $$(git ls-files '*.c' '*.h')
clean:
	rm -rf build

-include $(shell find $(B)/obj build/fuzz/obj -name '*.d' 2>/dev/null)
