# One Makefile, no generated build files. It calls itself only to build after
# the missing packages were installed.
#
#   make                 build/comfygate (and build/standin for the tests)
#   make unit            build and run the unit tests
#   make SAN=address …   with a sanitizer (address, undefined, thread)
#   make CC=clang …      with another compiler
#   make V=1 …           show the whole commands
#   make lint layers     static checks; who may include whom
#   make test bench run  the daemon as a whole, see tests/
#   make install DESTDIR=… PREFIX=…
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
WARN     = -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes \
           -Wmissing-prototypes -Wvla -Wconversion -Werror
CFLAGS  ?= -O2 -g

say      = $(if $(V),,@echo "  $(1) $@";)

PKGS     = libcurl libcjson libwebsockets libjwt sqlite3 openssl zlib
PKG_INC := $(patsubst -I%,-isystem %,$(shell pkg-config --cflags-only-I $(PKGS) 2>/dev/null))
PKG_LIB := $(shell pkg-config --libs $(PKGS) 2>/dev/null)
LIBS     = $(PKG_LIB) -lfcgi -lm -lpthread
STANDIN_LIBS := $(shell pkg-config --libs libwebsockets libcjson zlib 2>/dev/null) \
           -lm -lpthread

override CFLAGS += -std=c11 -D_GNU_SOURCE $(WARN) -MMD -MP -Isrc -Itests \
           $(PKG_INC)
ifneq ($(SAN),)
override CFLAGS  += -fsanitize=$(SAN) -fno-sanitize-recover=all \
           -fno-omit-frame-pointer
override LDFLAGS += -fsanitize=$(SAN)
endif

MAIN     = $(wildcard src/main.c)
SRC      = $(wildcard src/config*.c src/*/*.c)
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

all: $(LIB) $(PROG) $(STANDIN)

$(BUILD)/comfygate: $(BUILD)/src/main.o $(LIB)
	$(call say,LD)$(CC) $(LDFLAGS) -o $@ $^ $(LIBS)

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

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC)$(CC) $(CFLAGS) -c -o $@ $<

unit: $(STANDIN) $(UNIT)
	@tests/unit.sh $(UNIT)

# The packages that are missing come first: pkg-config is asked anew then.
test:
	@tests/deps.sh test
	@$(MAKE) --no-print-directory all $(UNIT)
	@BUILD=$(BUILD) SAN=$(SAN) tests/test.sh

run:
	@tests/deps.sh run
	@$(MAKE) --no-print-directory all
	@BUILD=$(BUILD) tests/run.sh

bench:
	@tests/deps.sh bench
	@$(MAKE) --no-print-directory all $(BENCH)
	@BUILD=$(BUILD) tests/bench.sh

deps:
	@tests/deps.sh build

layers:
	@tests/layers.sh src && echo "layers ok"

C_FILES  = $(wildcard src/*.[ch] src/*/*.[ch] tests/*.h tests/*/*.[ch])

lint: layers
	clang-format --dry-run -Werror $(C_FILES)
	cppcheck --quiet --std=c11 --language=c --error-exitcode=1 -j 2 \
	    --enable=warning,performance,portability --inline-suppr \
	    --suppress=missingIncludeSystem -D_GNU_SOURCE -Isrc src
	printf '%s\n' $(MAIN) $(SRC) | xargs -P 2 -n 4 sh -c \
	    'clang-tidy --quiet --warnings-as-errors="*" "$$@" -- \
	    -std=c11 -D_GNU_SOURCE -Isrc $(PKG_INC) 2>/dev/null' tidy

install: all
	install -d $(DESTDIR)$(PREFIX)/bin
	install -m 755 $(PROG) $(DESTDIR)$(PREFIX)/bin/comfygate

clean:
	rm -rf build build-*

.PHONY: all unit test run bench deps layers lint install clean
.SECONDARY:
-include $(OBJ:.o=.d) $(STANDIN_OBJ:.o=.d) $(BUILD)/src/main.d \
    $(UNIT:$(BUILD)/unit/%=$(BUILD)/tests/unit/%.d) \
    $(BENCH:$(BUILD)/bench/%=$(BUILD)/tests/bench/%.d)
