# SPDX-License-Identifier: BSD-2-Clause
# A thin front of Meson and the tools. `make help` lists what there is.

BUILD        ?= build
BUILD_ASAN   ?= build-asan
BUILD_FUZZ   ?= build-fuzz
LWIP         ?=
PREFIX       ?= /usr/local
PYTHON       ?= $(firstword $(wildcard /usr/bin/python3) python3)
MESON_FLAGS  ?=
PYTEST_FLAGS ?=
FUZZ_SECONDS ?= 60
TEST_JOBS    ?= 2
export PYTHON LWIP
# Where a user's PATH ends, ip, sysctl, ethtool and dnsmasq may begin.
export PATH := $(PATH):/usr/sbin:/sbin

# Leave no caches in the source tree: it may belong to another user. pytest names its folder after
# LOGNAME, and would take the root of a user namespace for the real one.
pytest   = LOGNAME=$$(id -un) PYTHONDONTWRITEBYTECODE=1 $(PYTHON) -m pytest -q -p no:cacheprovider $(PYTEST_FLAGS)
asan_env = ASAN_OPTIONS=abort_on_error=1 UBSAN_OPTIONS=print_stacktrace=1
step     = @printf '\n== %s\n'

.PHONY: all demo check test test-asan integration structure lint bench fuzz install clean help
.PHONY: setup-build setup-demo setup-check

all: $(BUILD)/build.ninja ## build the program, build/netrig
	@ninja --quiet -C $(BUILD)

demo: setup-demo all ## build, measure on this machine, print a table
	@NETRIG=$(abspath $(BUILD))/netrig tools/demo

check: setup-check ## all that must hold: tests, sanitizers, structure, lint, a short fuzz
	$(step) 'build and unit tests'
	@$(MAKE) --no-print-directory test
	$(step) 'unit tests under ASan and UBSan'
	@$(MAKE) --no-print-directory test-asan
	$(step) 'structure: layers, sizes, headers, and that these checks can fail'
	@$(MAKE) --no-print-directory structure
	$(step) 'lint: format, clang-tidy, cppcheck'
	@$(MAKE) --no-print-directory lint
	$(step) 'integration tests, with the ASan and UBSan program'
	@$(MAKE) --no-print-directory integration
	$(step) 'fuzz, 5 s a target'
	@$(MAKE) --no-print-directory fuzz FUZZ_SECONDS=5
	@printf '\ncheck: all passed\n'

test: all ## unit tests
	@tools/quiet meson test -C $(BUILD) --print-errorlogs

test-asan: $(BUILD_ASAN)/build.ninja ## unit tests under ASan and UBSan
	@ninja --quiet -C $(BUILD_ASAN)
	@$(asan_env) tools/quiet meson test -C $(BUILD_ASAN) --print-errorlogs

# Two at a time: these tests wait more than they compute.
integration: $(BUILD_ASAN)/build.ninja ## integration tests under ASan and UBSan
	@ninja --quiet -C $(BUILD_ASAN)
	@$(asan_env) NETRIG=$(abspath $(BUILD_ASAN))/netrig $(pytest) -n $(TEST_JOBS) tests/integration

structure: all ## layers, sizes, headers
	@tools/check-layers $(BUILD)
	@tools/check-size
	@tools/check-headers
	@$(pytest) tests/unit

lint: all ## clang-format, clang-tidy, cppcheck
	@tools/lint $(BUILD)

bench: setup-demo all ## the figures of the README, each a ratio to its peer
	@NETRIG=$(abspath $(BUILD))/netrig bench/run

fuzz: $(BUILD_FUZZ)/build.ninja ## each parser's fuzzer, FUZZ_SECONDS=60 a target
	@ninja --quiet -C $(BUILD_FUZZ)
	@tools/fuzz $(BUILD_FUZZ) $(FUZZ_SECONDS)

install: all ## program, man pages, completion below PREFIX (and DESTDIR)
	@tools/quiet meson configure $(BUILD) -Dprefix=$(PREFIX)
	@tools/quiet meson install -C $(BUILD)
	@echo 'installed below $(DESTDIR)$(PREFIX)'

clean: ## remove what was built; keep lwIP's source in .cache
	rm -rf $(BUILD) $(BUILD_ASAN) $(BUILD_FUZZ)

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 22
	@echo 'Variables: BUILD=DIR LWIP=DIR PREFIX=DIR MESON_FLAGS=... PYTEST_FLAGS=... FUZZ_SECONDS=N TEST_JOBS=N'

# ---- build directories ----

setup-build setup-demo setup-check:
	@tools/setup $(@:setup-%=%)
	@$(if $(LWIP),,tools/get-lwip)

configure = tools/quiet meson setup $(@D) --prefix=$(PREFIX) $(if $(LWIP),-Dlwip=$(abspath $(LWIP)))

$(BUILD)/build.ninja: | setup-build
	@$(configure) $(MESON_FLAGS)

$(BUILD_ASAN)/build.ninja: | setup-build
	@$(configure) -Db_sanitize=address,undefined -Db_lundef=false \
		-Dc_args=-fno-sanitize-recover=all $(MESON_FLAGS)

$(BUILD_FUZZ)/build.ninja: | setup-check
	@CC=clang $(configure) -Dfuzz=true -Db_lundef=false $(MESON_FLAGS)
