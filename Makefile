# SPDX-License-Identifier: Apache-2.0
# Cairn's one Makefile. `make help` lists the targets, `V=1` shows commands.

PROFILE ?= release
BUILD   ?= build
V       ?= 0
CC      := $(if $(filter default,$(origin CC)),gcc,$(CC))
PREFIX  ?= /usr/local
PYTHON  ?= /usr/bin/python3
NODE    ?= node
NPM     ?= npm

# Makes below us compile on all processors, unless -j has said how many.
JOBS     ?= $(shell nproc)
PARALLEL  = $(if $(filter -j% --jobserver%,$(MAKEFLAGS)),,-j$(JOBS))
SUBMAKE   = $(MAKE) --no-print-directory $(PARALLEL)

CAIRN_VECTORS ?= ../shared/vectors
export CAIRN_VECTORS := $(abspath $(CAIRN_VECTORS))
CAIRN_UNPACKED ?= $(BUILD)/vectors
export CAIRN_UNPACKED := $(abspath $(CAIRN_UNPACKED))

OUT := $(BUILD)/$(PROFILE)
Q   := $(if $(filter 1,$(V)),,@)
say  = $(if $(filter 1,$(V)),,@printf '  %-7s %s\n' '$(1)' '$(2)';)

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SECONDARY:

# ---- flags --------------------------------------------------------------------------------

WARN := -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Wstrict-prototypes \
        -Wmissing-prototypes -Wvla -Wundef -Wformat=2 -Wswitch-enum -Wimplicit-fallthrough \
        -Wdouble-promotion -Werror
COMMON := -std=gnu17 -I. -MMD -MP -D_GNU_SOURCE -fno-common $(WARN)
# Labels as values, __int128, statement expressions: GNU C that both compilers have.
COMMON += -Wno-pedantic
# Words of the EVM are written by limbs: wider loads of them would wait (vm/vm_impl.h).
CFLAGS_interp = -fno-tree-slp-vectorize -fno-tree-vectorize
# A short body that straddles two lines of the instruction cache takes half as long again. Asked when
# it is used: a profile chooses its compiler further down.
CFLAGS_interp += $(if $(findstring clang,$(CC)),,-falign-labels=32)
# A log line without fields has an empty format.
COMMON += -Wno-format-zero-length

# Programs are optimised as a whole; tests link the same objects the quick way.
FAT_OBJECTS := $(if $(findstring clang,$(CC)),,-ffat-lto-objects)

ifeq ($(PROFILE),release)
  CFLAGS  ?= -O2 -g
  PROFILE_CFLAGS  := -flto $(FAT_OBJECTS) -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fPIE
  PROFILE_LDFLAGS := -flto=auto -O2 -pie -Wl,-z,relro,-z,now
else ifeq ($(PROFILE),debug)
  CFLAGS  ?= -Og -g
  PROFILE_CFLAGS  := -DCAIRN_DEBUG
else ifeq ($(PROFILE),asan)
  CFLAGS  ?= -O1 -g
  PROFILE_CFLAGS  := -DCAIRN_DEBUG -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
  PROFILE_LDFLAGS := -fsanitize=address,undefined
else ifeq ($(PROFILE),tsan)
  CFLAGS  ?= -O1 -g
  PROFILE_CFLAGS  := -fsanitize=thread
  PROFILE_LDFLAGS := -fsanitize=thread
else ifeq ($(PROFILE),msan)
  CC := clang-14
  CFLAGS  ?= -O1 -g
  PROFILE_CFLAGS  := -fsanitize=memory -fno-omit-frame-pointer
  PROFILE_LDFLAGS := -fsanitize=memory
else ifeq ($(PROFILE),fuzz)
  CC := clang-14
  CFLAGS  ?= -O1 -g
  PROFILE_CFLAGS  := -DCAIRN_DEBUG -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
  PROFILE_LDFLAGS := -fsanitize=address,undefined
else ifeq ($(PROFILE),cov)
  CFLAGS  ?= -O0 -g
  PROFILE_CFLAGS  := --coverage
  PROFILE_LDFLAGS := --coverage
else
  $(error unknown PROFILE=$(PROFILE): release debug asan tsan msan fuzz cov)
endif

# Loops that make every test slow when they are not optimised.
ifneq ($(PROFILE),cov)
$(foreach F,keccak keccak_wide scrypt,$(eval CFLAGS_$(F) := -O2))
endif

AR := $(if $(findstring clang,$(CC)),llvm-ar-14,gcc-ar)

PKGS_chain     := libsecp256k1 lmdb libcrypto jansson zlib
PKGS_vm        := gmp
PKGS_consensus := libuv snappy
PKGS_rpc       := libmicrohttpd
PKGS_wallet    := libcurl
PKGS_test      := criterion gmp

ifneq ($(shell command -v pkg-config),)
pkg_libs = $(shell pkg-config --libs $(1) 2>/dev/null)
endif
LIBS_chain     = $(call pkg_libs,$(PKGS_chain)) -lpthread
LIBS_vm        = $(call pkg_libs,$(PKGS_vm))
LIBS_consensus = $(call pkg_libs,$(PKGS_consensus))
LIBS_rpc       = $(call pkg_libs,$(PKGS_rpc)) -lwslay
LIBS_wallet    = $(call pkg_libs,$(PKGS_wallet))
LIBS_test      = $(call pkg_libs,$(PKGS_test))

# ---- sources and libraries ----------------------------------------------------------------

LAYERS := chain vm consensus rpc wallet
src_of  = $(sort $(shell find $(1) -name '*.c' 2>/dev/null))
MAINS  := rpc/cairnd/main.c wallet/main.c

$(foreach L,$(LAYERS),$(eval SRC_$(L) := $(filter-out $(MAINS),$(call src_of,$(L)))))
$(foreach L,$(LAYERS),$(eval OBJ_$(L) := $(SRC_$(L):%.c=$(OUT)/obj/%.o)))
SRC_support := $(call src_of,test/support)
OBJ_support := $(SRC_support:%.c=$(OUT)/obj/%.o)

# Objects are made again when the flags change.
FLAGS_NOW := $(CC) $(COMMON) $(CFLAGS) $(PROFILE_CFLAGS)
.PHONY: FORCE
$(OUT)/flags: FORCE
	@mkdir -p $(@D); echo '$(FLAGS_NOW)' | cmp -s - $@ || echo '$(FLAGS_NOW)' >$@

$(OUT)/obj/%.o: %.c $(OUT)/flags
	@mkdir -p $(@D)
	$(call say,CC,$<)$(CC) $(COMMON) $(CFLAGS) $(PROFILE_CFLAGS) $(CFLAGS_$(basename $(notdir $<))) -c -o $@ $<

# Bytes of data files inside the binary: `embed/PATH.o` defines embed_<path with _> (start)
# and embed_<path with _>_end.
EMBED_rpc    := $(wildcard rpc/page/*.html rpc/page/*.css rpc/page/*.js genesis/artifacts/*.json)
EMBED_wallet := $(wildcard wallet/data/*)
$(foreach L,rpc wallet,$(eval OBJ_$(L) += $(EMBED_$(L):%=$(OUT)/embed/%.o)))
sym = $(subst /,_,$(subst .,_,$(subst -,_,$(1))))
$(OUT)/embed/%.o: %
	@mkdir -p $(@D)
	$(call say,EMBED,$<)printf '.section .rodata\n.global embed_%s\n.global embed_%s_end\n.balign 16\nembed_%s:\n.incbin "%s"\nembed_%s_end:\n.byte 0\n.section .note.GNU-stack,"",@progbits\n' \
	  $(call sym,$<) $(call sym,$<) $(call sym,$<) $< $(call sym,$<) | $(CC) -x assembler -c -o $@ -

define lib_rule
$$(OUT)/lib$(1).a: $$(OBJ_$(1))
	@mkdir -p $$(@D)
	@rm -f $$@
	$$(call say,AR,$$@)$$(AR) rcs $$@ $$^
endef
$(foreach L,$(LAYERS) support,$(eval $(call lib_rule,$(L))))

# What each layer may see: itself and those below. A forbidden upward call does not link.
BELOW_chain     := chain
BELOW_vm        := vm chain
BELOW_consensus := consensus vm chain
BELOW_rpc       := rpc consensus vm chain
BELOW_wallet    := wallet chain
libs_of  = $(foreach L,$(BELOW_$(1)),$(OUT)/lib$(L).a)
extra_of = $(foreach L,$(BELOW_$(1)),$(LIBS_$(L)))
link     = $(CC) $(CFLAGS) $(PROFILE_LDFLAGS) $(LDFLAGS) -o $@
link_quick = $(CC) $(CFLAGS) $(PROFILE_LDFLAGS) $(if $(FAT_OBJECTS),-fno-lto) $(LDFLAGS) -o $@

# ---- programs -----------------------------------------------------------------------------

PROGRAMS := $(if $(wildcard rpc/cairnd/main.c),$(OUT)/cairnd) $(if $(wildcard wallet/main.c),$(OUT)/cairn)

.PHONY: all
all: ## build everything (PROFILE=release debug asan tsan msan fuzz cov)
all: $(PROGRAMS) $(foreach L,$(LAYERS),$(if $(SRC_$(L)),$(OUT)/lib$(L).a)) $(if $(filter release,$(PROFILE)),programs-here)

$(OUT)/cairnd: $(OUT)/obj/rpc/cairnd/main.o $(call libs_of,rpc)
	$(call say,LINK,$@)$(link) $^ $(call extra_of,rpc)

$(OUT)/cairn: $(OUT)/obj/wallet/main.o $(call libs_of,wallet)
	$(call say,LINK,$@)$(link) $^ $(call extra_of,wallet)

.PHONY: programs-here
programs-here: $(PROGRAMS)
	@for p in $(notdir $(PROGRAMS)); do ln -sf $(PROFILE)/$$p $(BUILD)/$$p; done

# ---- unit tests: one program per layer, linked with that layer and those below --------------

define unit_rule
UNIT_SRC_$(1) := $$(call src_of,test/unit/$(1))
ifneq ($$(UNIT_SRC_$(1)),)
UNITS += $$(OUT)/test/unit_$(1)
$$(OUT)/test/unit_$(1): $$(UNIT_SRC_$(1):%.c=$$(OUT)/obj/%.o) $$(OUT)/libsupport.a $$(call libs_of,$(1))
	@mkdir -p $$(@D)
	$$(call say,LINK,$$@)$$(link_quick) $$^ $$(OUT)/libsupport.a $$(call libs_of,$(1)) $$(call extra_of,$(1)) $$(LIBS_test)
endif
endef
$(foreach L,$(LAYERS),$(eval $(call unit_rule,$(L))))

.PHONY: unit units
units: $(UNITS)
unit: $(UNITS)
	@test/run_units.sh $(UNITS)

# ---- official vectors: one program per file, linked with what it needs ----------------------

CONFORMANCE := $(patsubst test/conformance/%.c,$(OUT)/test/conformance_%,$(wildcard test/conformance/*.c))
$(OUT)/test/conformance_%: $(OUT)/obj/test/conformance/%.o $(OUT)/libsupport.a $(call libs_of,rpc)
	@mkdir -p $(@D)
	$(call say,LINK,$@)$(link_quick) $^ $(OUT)/libsupport.a $(call libs_of,rpc) $(call extra_of,rpc)

.PHONY: vectors
vectors: ## unpack the official vectors
	$(Q)test/unpack_vectors.sh $(CAIRN_VECTORS) $(CAIRN_UNPACKED)

.PHONY: conformance
conformance: $(CONFORMANCE) vectors
	$(Q)$(PYTHON) test/conformance/run.py $(CONFORMANCE_FLAGS) $(CONFORMANCE)

# ---- fuzz targets: PROFILE=fuzz ------------------------------------------------------------

FUZZERS := $(patsubst test/fuzz/%.c,$(OUT)/fuzz/%,$(wildcard test/fuzz/*.c))
$(OUT)/fuzz/%: $(OUT)/obj/test/fuzz/%.o $(OUT)/libsupport.a $(call libs_of,rpc) $(OUT)/libwallet.a
	@mkdir -p $(@D)
	$(call say,LINK,$@)$(link) -fsanitize=fuzzer $^ $(OUT)/libsupport.a $(call libs_of,rpc) $(call extra_of,rpc) $(LIBS_wallet)

FUZZ_SECONDS ?= 20
.PHONY: fuzz fuzz-build
fuzz-build: $(FUZZERS)
fuzz:
	+$(Q)$(SUBMAKE) PROFILE=fuzz fuzz-build
	$(Q)test/fuzz/run.sh $(BUILD)/fuzz/fuzz $(FUZZ_SECONDS)

# ---- the simulator, and with planted bugs --------------------------------------------------

SIM_OBJ := $(patsubst %.c,$(OUT)/obj/%.o,$(wildcard test/sim/*.c))
$(OUT)/cairn-sim: $(SIM_OBJ) $(call libs_of,consensus)
	@mkdir -p $(@D)
	$(call say,LINK,$@)$(link_quick) $^ $(call extra_of,consensus)
	@$(if $(filter release,$(PROFILE)),ln -sf $(PROFILE)/cairn-sim $(BUILD)/cairn-sim)

# Each planted bug is in one or two files of the core; the rest is as shipped.
MUTANTS := QUORUM_LESS_ONE:state LOCK_NOT_CARRIED:round_change GUARD_NOT_PERSISTED:state \
           SEND_BEFORE_PERSIST:state NO_JUSTIFICATION:justification DUPLICATE_AUTHORS:justification \
           ROUND_NOT_IN_DIGEST:message OWN_NOT_VALIDATED:proposal STALE_HEIGHT:intake \
           TIMER_NOT_RESET:state
mutant_name = $(firstword $(subst :, ,$(1)))
mutant_file = $(lastword $(subst :, ,$(1)))
define mutant_rule
$$(OUT)/mutant/$(call mutant_name,$(1)).o: consensus/qbft/$(call mutant_file,$(1)).c $$(OUT)/flags
	@mkdir -p $$(@D)
	$$(call say,MUTATE,$(call mutant_name,$(1)))$$(CC) $$(COMMON) $$(CFLAGS) $$(PROFILE_CFLAGS) -DCAIRN_MUTANT=MUTANT_$(call mutant_name,$(1)) -c -o $$@ $$<
$$(OUT)/mutant/$(call mutant_name,$(1)): $$(OUT)/mutant/$(call mutant_name,$(1)).o $$(SIM_OBJ) $$(call libs_of,consensus)
	$$(call say,LINK,$$@)$$(link_quick) $$^ $$(call extra_of,consensus)
endef
$(foreach M,$(MUTANTS),$(eval $(call mutant_rule,$(M))))
MUTANT_PROGRAMS := $(foreach M,$(MUTANTS),$(OUT)/mutant/$(call mutant_name,$(M)))

.PHONY: sim mutants
sim: $(OUT)/cairn-sim ## the simulator: seeds that failed once, then a campaign (SIM=quick ci soak)
	$(Q)$< --regress test/sim/regress.txt
	$(Q)$< --same 16
	$(Q)$< --campaign $(SIM) --jobs 2
SIM ?= ci

# The same seeds as other compilers see them: the simulator and the core are compiled anew, the rest
# is as shipped. A run must not depend on what a compiler may choose.
TWINS ?= gcc-O0 $(if $(shell command -v clang-14 2>/dev/null),clang-14-O2)
twin_flags = -$(lastword $(subst -, ,$(1)))
twin_cc = $(patsubst %$(call twin_flags,$(1)),%,$(1))
define twin_rule
$$(OUT)/twin/$(1)/%.o: %.c $$(OUT)/flags
	@mkdir -p $$(@D)
	$$(call say,TWIN,$(1) $$<)$(call twin_cc,$(1)) $$(COMMON) $(call twin_flags,$(1)) -fPIE -c -o $$@ $$<
$$(OUT)/twin/$(1)/cairn-sim: $$(patsubst %.c,$$(OUT)/twin/$(1)/%.o,$$(wildcard test/sim/*.c consensus/qbft/*.c)) $$(call libs_of,consensus)
	$$(call say,LINK,$$@)$$(link_quick) $$^ $$(call extra_of,consensus)
endef
$(foreach T,$(TWINS),$(eval $(call twin_rule,$(T))))
TWIN_PROGRAMS := $(foreach T,$(TWINS),$(OUT)/twin/$(T)/cairn-sim)

SIM_SAME ?= 24
.PHONY: sim-twins
sim-twins: $(OUT)/cairn-sim $(TWIN_PROGRAMS) ## seeds run alike whatever compiled them (TWINS='gcc-O0 gcc-O3 clang-14-O2')
	$(Q)SIM_SAME=$(SIM_SAME) test/sim/twins.sh $^

mutants: $(MUTANT_PROGRAMS) ## planted bugs: the simulator must find each within 2,000 seeds
	$(Q)test/sim/mutants.sh $^

# ---- the rules of QBFT as a model -----------------------------------------------------------

.PHONY: model
model: ## the QBFT model for spin: what must hold, and what must be found (MODEL=quick soak)
	$(Q).ci/deps.sh model
	$(Q)test/model/run.sh $(MODEL) $(BUILD)
MODEL ?= quick

# ---- benchmarks -----------------------------------------------------------------------------

BENCHES := $(patsubst test/bench/%.c,$(OUT)/bench/%,$(wildcard test/bench/*.c))
$(OUT)/bench/%: $(OUT)/obj/test/bench/%.o $(OUT)/libsupport.a $(call libs_of,rpc)
	@mkdir -p $(@D)
	$(call say,LINK,$@)$(link) $^ $(OUT)/libsupport.a $(call libs_of,rpc) $(call extra_of,rpc)

# What ours is held against is compiled for this machine alone, by clang where there is one.
NATIVE_CC := $(or $(firstword $(foreach C,clang clang-14,$(shell command -v $(C) 2>/dev/null))),$(CC))
$(OUT)/obj/test/bench/native/%.o: test/bench/native/%.c
	@mkdir -p $(@D)
	$(call say,NATIVE,$<)$(NATIVE_CC) $(COMMON) -O3 -march=native -fPIE -c -o $@ $<
$(OUT)/bench/bytes: $(OUT)/obj/test/bench/native/keccak_plain.o

B ?=
.PHONY: bench
bench: all tools $(BENCHES)
	$(Q)test/bench/run.sh $(OUT)/bench $(B)

-include $(shell find $(OUT)/obj $(OUT)/crash $(OUT)/twin -name '*.d' 2>/dev/null)

# ---- small tools that tests use -------------------------------------------------------------

TOOLS := $(patsubst test/tools/%.c,$(OUT)/tools/%,$(wildcard test/tools/*.c))
$(OUT)/tools/%: $(OUT)/obj/test/tools/%.o $(OUT)/libsupport.a $(call libs_of,rpc)
	@mkdir -p $(@D)
	$(call say,LINK,$@)$(link_quick) $^ $(OUT)/libsupport.a $(call libs_of,rpc) $(call extra_of,rpc)

# cairnd with places where it can be killed, and faults of a disk: for test/e2e only.
CRASH_SRC := $(shell grep -l CRASH_POINT -r $(LAYERS) --include='*.c')
CRASH_OBJ := $(CRASH_SRC:%.c=$(OUT)/crash/obj/%.o)
$(OUT)/crash/obj/%.o: %.c $(OUT)/flags
	@mkdir -p $(@D)
	$(call say,CC,$<)$(CC) $(COMMON) $(CFLAGS) $(PROFILE_CFLAGS) -DCAIRN_CRASH_POINTS -c -o $@ $<

$(OUT)/crash/cairnd: $(OUT)/obj/rpc/cairnd/main.o $(CRASH_OBJ) $(call libs_of,rpc)
	$(call say,LINK,$@)$(link_quick) $^ $(call extra_of,rpc)

# cairnd that lies: the calls between the core and its peers are bent, for test/e2e only.
BYZ_BENT := signer_new peering_multicast loop_take_message peering_on_head
$(OUT)/byz/cairnd: $(OUT)/obj/rpc/cairnd/main.o $(OUT)/obj/test/e2e/byz/byz.o $(call libs_of,rpc)
	@mkdir -p $(@D)
	$(call say,LINK,$@)$(link_quick) $(BYZ_BENT:%=-Wl,--wrap=%) $^ $(call extra_of,rpc)

$(OUT)/%.so: test/e2e/faults/%.c $(OUT)/flags
	@mkdir -p $(@D)
	$(call say,CC,$<)$(CC) $(COMMON) -O2 -g -fPIC -shared -o $@ $< -ldl -lpthread

.PHONY: tools
tools: $(TOOLS) $(OUT)/crash/cairnd $(OUT)/byz/cairnd $(OUT)/faults.so $(OUT)/clock.so

# ---- what a person calls ---------------------------------------------------------------------

# A newcomer's machine has neither the libraries nor pkg-config when make reads this file, so
# these install first and start again.
.PHONY: deps test test-now soak interop contracts contracts-check
deps: ## install the Debian packages that are missing (root or sudo)
	$(Q).ci/deps.sh build

test: ## install what is missing, build, pass every test that needs nothing but Debian
	$(Q).ci/deps.sh build
	$(Q)$(MAKE) --no-print-directory test-now

test-now:
	$(Q)MAKE='$(MAKE) $(PARALLEL)' PYTHON='$(PYTHON)' test/all.sh $(OUT)

.PHONY: tests
tests: all tools $(UNITS) $(CONFORMANCE) $(OUT)/cairn-sim $(MUTANT_PROGRAMS)

run: ## install what is missing, build, run a whole federated round on real data (ONCE=1: and end)
	$(Q).ci/deps.sh build
	+$(Q)$(SUBMAKE) all
	$(Q)ONCE=$(ONCE) CAIRN_BIN=$(abspath $(OUT)) $(PYTHON) genesis/demo/run.py
.PHONY: run

interop: ## tests against software from npm: ethers, viem, cast, contracts, another EVM
	$(Q).ci/deps.sh interop
	+$(Q)$(SUBMAKE) all tools
	$(Q)test/interop/run.sh $(abspath $(OUT))

soak: all tools $(OUT)/test/unit_chain ## long campaigns (SOAK_HOURS=12), report in build/soak/report.txt
	$(Q)test/soak.sh $(BUILD)

contracts: ## compile the system contracts again (needs node and npm)
	$(Q).ci/deps.sh interop
	$(Q)cd genesis/build && $(NPM) ci --silent --no-audit --no-fund --fetch-retries=5
	$(Q)$(NODE) genesis/build/build.mjs

contracts-check: ## fail if the committed artifacts are not what the sources compile to
	$(Q).ci/deps.sh interop
	$(Q)cd genesis/build && $(NPM) ci --silent --no-audit --no-fund --fetch-retries=5
	$(Q)$(NODE) genesis/build/build.mjs --check

# ---- linters ---------------------------------------------------------------------------------

# What ships. Tests compile under the same warnings; reading them all twice would double the time.
LINTED := $(sort $(foreach L,$(LAYERS),$(call src_of,$(L))))
FORMATTED = $(shell find $(LAYERS) test -name '*.[ch]')

# A profile whose objects say which headers a source reads: one that is built anyhow.
LINT_PROFILE ?= debug

.PHONY: lint lint-now fmt
lint: ## formatter, house rules, clang-tidy, cppcheck
	+$(Q)$(SUBMAKE) PROFILE=$(LINT_PROFILE) lint-now

lint-now: lint-fmt lint-house $(LINTED:%.c=$(OUT)/lint/%.tidy) lint-cppcheck
.PHONY: lint-fmt lint-house lint-cppcheck
lint-fmt:
	$(Q)clang-format-14 --dry-run -Werror $(FORMATTED)
lint-house:
	$(Q)$(PYTHON) test/lint/house_rules.py
lint-cppcheck:
	$(Q)mkdir -p $(BUILD)/cppcheck && cppcheck -q --std=c17 --enable=warning,performance,portability \
	  --inline-suppr --suppressions-list=test/lint/cppcheck.txt --error-exitcode=1 -I. \
	  --library=test/lint/cppcheck.cfg \
	  --cppcheck-build-dir=$(BUILD)/cppcheck -j2 $(foreach L,$(LAYERS),$(wildcard $(L)))
# A file is read again when it or anything it includes has changed: the object knows. Nearly all the
# time goes into paths through long functions: so many states of each are followed (soak: clang's own
# 225,000).
LINT_STATES ?= 50000
lint_states = -Xclang -analyzer-config -Xclang max-nodes=$(LINT_STATES)
$(OUT)/lint/%.tidy: $(OUT)/obj/%.o .clang-tidy
	@mkdir -p $(@D)
	$(call say,TIDY,$*.c)clang-tidy-14 --quiet $*.c -- -std=gnu17 -D_GNU_SOURCE -DCAIRN_DEBUG -I. $(lint_states) 2>/dev/null
	@touch $@

fmt: ## format every C file
	$(Q)clang-format-14 -i $(FORMATTED)

# ---- housekeeping ---------------------------------------------------------------------------

.PHONY: clean help install compile_commands.json
install: all ## programs under PREFIX
	install -d $(DESTDIR)$(PREFIX)/bin
	install -m 0755 $(PROGRAMS) $(DESTDIR)$(PREFIX)/bin

compile_commands.json: ## for editors
	$(Q)mkdir -p $(BUILD) && printf '%s\n' $(LINTED) | $(PYTHON) -c 'import json,os,sys; print(json.dumps([{"directory":os.getcwd(),"file":f.strip(),"arguments":["cc","-std=gnu17","-D_GNU_SOURCE","-I.","-c",f.strip()]} for f in sys.stdin], indent=1))' > $(BUILD)/compile_commands.json

clean: ## remove build products
	rm -rf $(BUILD)

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 20
