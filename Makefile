# One Makefile, no generated build files. It calls itself only to build after
# the missing packages were installed.
#
#   make                 build/comfygate, and build/standin for the tests;
#                        where libvips is, build/comfygate-media
#   make run             try it: nginx, daemon and stand-in on loopback, and a
#                        sample job; PORT=, COMFYUI="URL …", ENDPOINTS=DIR,
#                        STATE=DIR, ONCE=1
#   make test            all tests, through the real nginx
#   make unit            the unit tests alone
#   make bench           measure it
#   make fuzz            what reads hostile bytes, FUZZ_SECONDS= each; clang
#   make lint            static checks; `make layers` only looks at who includes
#                        whom
#   make install         DESTDIR=, PREFIX=/usr/local
#   make deps            what a build needs, by apt-get; all of the above that
#                        build ask for it where a library is missing
#   make clean
#
#   make SAN=address …   with a sanitizer (address, undefined, thread)
#   make CC=clang …      with another compiler
#   make V=1 …           show the whole commands
#
# Each combination of SAN and CC has a build folder of its own.
ifeq ($(origin CC),default)
CC       = cc
else
CC_TAG  := -$(notdir $(firstword $(CC)))
endif
BUILD   ?= build$(CC_TAG)$(SAN:%=-%)
AR      ?= ar
PREFIX  ?= /usr/local
SHARE    = $(DESTDIR)$(PREFIX)/share/comfygate
DOC      = $(DESTDIR)$(PREFIX)/share/doc/comfygate
WARN     = -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes \
           -Wmissing-prototypes -Wvla -Wconversion -Werror
CFLAGS  ?= -O2 -g

say      = $(if $(V),,@echo "  $(1) $@";)

PKGS     = libcurl libcjson libwebsockets libjwt sqlite3 openssl zlib
PKG_INC := $(patsubst -I%,-isystem %,$(shell pkg-config --cflags-only-I $(PKGS) 2>/dev/null))
PKG_LIB := $(shell pkg-config --libs $(PKGS) 2>/dev/null)
LIBS     = $(PKG_LIB) -lfcgi -lm -lpthread
# What decodes pictures: a program of its own, only where libvips is there.
VIPS_INC := $(patsubst -I%,-isystem %,$(shell pkg-config --cflags-only-I vips 2>/dev/null))
VIPS_LIB := $(shell pkg-config --libs vips 2>/dev/null)
STANDIN_LIBS := $(shell pkg-config --libs libwebsockets libcjson zlib 2>/dev/null) \
           -ljpeg -lm -lpthread

override CFLAGS += -std=c11 -D_GNU_SOURCE $(WARN) -MMD -MP -Isrc -Itests \
           $(PKG_INC)
ifneq ($(SAN),)
override CFLAGS  += -fsanitize=$(SAN) -fno-sanitize-recover=all \
           -fno-omit-frame-pointer
override LDFLAGS += -fsanitize=$(SAN)
endif

MAIN     = $(wildcard src/main.c)
HELPER_SRC = $(wildcard src/helper/*.c)
HELPER_OBJ = $(HELPER_SRC:%.c=$(BUILD)/%.o)
HELPER   = $(if $(VIPS_LIB),$(BUILD)/comfygate-media)
SRC      = $(filter-out $(HELPER_SRC),$(wildcard src/config*.c src/*/*.c))
OBJ      = $(SRC:%.c=$(BUILD)/%.o)
LIB      = $(BUILD)/libcomfygate.a
PROG     = $(MAIN:src/main.c=$(BUILD)/comfygate)
STANDIN_SRC = $(wildcard tests/standin/*.c)
STANDIN_OBJ = $(STANDIN_SRC:%.c=$(BUILD)/%.o)
STANDIN  = $(if $(STANDIN_SRC),$(BUILD)/standin)
UNIT     = $(patsubst tests/unit/%.c,$(BUILD)/unit/%,\
           $(wildcard tests/unit/test_*.c))
BENCH    = $(patsubst tests/bench/%.c,$(BUILD)/bench/%,\
           $(wildcard tests/bench/*.c))

# On a fresh system the packages come first; pkg-config is asked anew then.
ifeq ($(PKG_LIB)$(DEPS_ASKED),)
all unit install:
	@tests/deps.sh build
	@$(MAKE) --no-print-directory DEPS_ASKED=1 $@
else
all: $(LIB) $(PROG) $(STANDIN) $(HELPER)
	$(if $(MAKECMDGOALS),@:,@echo "$(PROG) is built; make help tells the rest")

unit: $(STANDIN) $(HELPER) $(UNIT)
	@tests/unit.sh $(UNIT)

install: all
	install -D -m 755 $(PROG) "$(DESTDIR)$(PREFIX)/bin/comfygate"
	$(if $(HELPER),install -D -m 755 $(HELPER) \
	    "$(DESTDIR)$(PREFIX)/libexec/comfygate-media")
	for f in nginx/* $$(find endpoints -type f); do \
	    install -D -m 644 "$$f" "$(SHARE)/$$f" || exit 1; done
	for f in LICENSE README.md docs/*.md docs/*.json; do \
	    install -D -m 644 "$$f" "$(DOC)/$${f##*/}" || exit 1; done
endif

$(BUILD)/comfygate: $(BUILD)/src/main.o $(LIB)
	$(call say,LD)$(CC) $(LDFLAGS) -o $@ $^ $(LIBS)

$(BUILD)/comfygate-media: $(HELPER_OBJ) $(LIB)
	$(call say,LD)$(CC) $(LDFLAGS) -o $@ $^ $(VIPS_LIB) -lm -lpthread

$(HELPER_OBJ): override CFLAGS += $(VIPS_INC)

# Written anew, so that no object of a file that is gone stays in it.
$(LIB): $(OBJ)
	@rm -f $@
	$(call say,AR)$(AR) rcs $@ $(OBJ)

$(BUILD)/standin: $(STANDIN_OBJ)
	$(call say,LD)$(CC) $(LDFLAGS) -o $@ $^ $(STANDIN_LIBS)

$(BUILD)/unit/%: $(BUILD)/tests/unit/%.o $(LIB)
	@mkdir -p $(@D)
	$(call say,LD)$(CC) $(LDFLAGS) -o $@ $^ $(LIBS)

$(BUILD)/bench/%: $(BUILD)/tests/bench/%.o $(LIB)
	@mkdir -p $(@D)
	$(call say,LD)$(CC) $(LDFLAGS) -o $@ $^ $(LIBS)

# With the sources instead of the library: these want to be built with it.
FUZZ     = $(patsubst tests/fuzz/%.c,build-fuzz/%,\
           $(wildcard tests/fuzz/fuzz_*.c))
FUZZ_CC ?= clang
FUZZ_SECONDS ?= 60

build-fuzz/fuzz_%: tests/fuzz/fuzz_%.c $(SRC) $(wildcard src/*/*.h)
	@mkdir -p $(@D)
	$(call say,CC)$(FUZZ_CC) -std=c11 -D_GNU_SOURCE -O1 -g -Isrc -Itests \
	    $(PKG_INC) -fsanitize=fuzzer,address -o $@ $< $(SRC) $(LIBS)

fuzz: $(FUZZ)
	@for f in $(FUZZ); do \
	    n=$${f##*/fuzz_}; mkdir -p build-fuzz/corpus/$$n; \
	    echo "  FUZZ $$n"; \
	    $$f -max_total_time=$(FUZZ_SECONDS) -max_len=16384 \
	        -artifact_prefix=build-fuzz/$$n- build-fuzz/corpus/$$n \
	        $$(for d in tests/fuzz/corpus/$$n tests/cases/$$n; do \
	            if test -d $$d; then echo $$d; fi; done) \
	        >build-fuzz/$$n.log 2>&1 || { tail -40 build-fuzz/$$n.log; \
	            exit 1; }; \
	    tail -1 build-fuzz/$$n.log; done

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC)$(CC) $(CFLAGS) -c -o $@ $<

test:
	@tests/deps.sh test
	@$(MAKE) --no-print-directory all $(UNIT)
	@BUILD=$(BUILD) SAN=$(SAN) exec tests/test.sh

run:
	@tests/deps.sh run
	@$(MAKE) --no-print-directory all
	@BUILD=$(BUILD) exec tests/run.sh

bench:
	@tests/deps.sh bench
	@$(MAKE) --no-print-directory all $(BENCH)
	@BUILD=$(BUILD) exec tests/bench.sh

deps:
	@tests/deps.sh build

help:
	@sed -n '/^ifeq/q; s/^#   /  /p; s/^#$$//p' $(firstword $(MAKEFILE_LIST))

layers:
	@tests/layers.sh src && echo "layers ok"

lint:
	@tests/lint.sh

clean:
	rm -rf build build-*

.PHONY: all help unit test run bench fuzz deps layers lint install clean
.SECONDARY:
-include $(OBJ:.o=.d) $(HELPER_OBJ:.o=.d) $(STANDIN_OBJ:.o=.d) $(BUILD)/src/main.d \
    $(UNIT:$(BUILD)/unit/%=$(BUILD)/tests/unit/%.d) \
    $(BENCH:$(BUILD)/bench/%=$(BUILD)/tests/bench/%.d)
