#!/bin/sh
# `make lint`: the static checks; quiet and 0 where nothing is found.
#   tests/lint.sh [layers|shell|format|cppcheck|tidy|analyzer]…   all: no name
#
# CLANG_FORMAT, CLANG_TIDY, CPPCHECK, SHELLCHECK and GCC name other programs,
# JOBS how many run at once. What clang-format prints depends on its version:
# 14 decides (Debian 12), and no other is asked.
set -u
cd "$(dirname "$0")/.." || exit 2
jobs=${JOBS:-2}
status=0

missing() {
	echo "make lint: $1 is missing: apt-get install $2" >&2
	status=1
}

# Only what is in the project: no build folder, nothing of npm.
c_files() {
	find src tests -name node_modules -prune -o -name "$1" -print | sort
}

# Runs COMMAND on the names from stdin, a few at a time, $jobs at once.
each() {
	nice xargs -n 4 -P "$jobs" "$@"
}

layers() {
	tests/layers.sh src || status=1
}

shell() {
	program=${SHELLCHECK:-shellcheck}
	command -v "$program" >/dev/null || {
		missing shellcheck shellcheck
		return
	}
	# dash and busybox know ulimit -H and -n (3045); a counter of a loop
	# has a name even where it is not looked at (2034).
	"$program" -S warning -e SC3045,SC2034 tests/*.sh tests/bench/*.sh \
		tests/e2e/*.sh .ci/run || status=1
}

format() {
	program=${CLANG_FORMAT:-$(command -v clang-format-14 ||
		command -v clang-format)}
	case $("$program" --version 2>/dev/null) in
	*' version 14.'*) ;;
	'') missing "clang-format 14" "clang-format-14"; return ;;
	*)
		echo "make lint: the format is that of clang-format 14, this" \
			"is $("$program" --version); name one by CLANG_FORMAT" >&2
		status=1
		return
		;;
	esac
	c_files '*.[ch]' | each "$program" --dry-run -Werror || status=1
}

cppcheck_() {
	program=${CPPCHECK:-cppcheck}
	command -v "$program" >/dev/null || {
		missing cppcheck cppcheck
		return
	}
	for part in src "tests/unit tests/standin tests/bench tests/e2e"; do
		# shellcheck disable=SC2086
		nice "$program" --quiet --std=c11 --language=c -j "$jobs" \
			--error-exitcode=1 --inline-suppr \
			--enable=warning,performance,portability \
			--suppressions-list=tests/cppcheck.supp \
			-D_GNU_SOURCE -Isrc -Itests $part || status=1
	done
}

flags() {
	pkg-config --exists vips || missing libvips libvips-dev
	echo "-std=c11 -D_GNU_SOURCE -Isrc -Itests"
	pkg-config --cflags-only-I libcurl libcjson libwebsockets libjwt \
		sqlite3 openssl zlib vips | sed 's/-I/-isystem /g'
}

# On stderr clang-tidy counts what it did not show.
tidy() {
	program=${CLANG_TIDY:-clang-tidy}
	command -v "$program" >/dev/null || {
		missing clang-tidy clang-tidy
		return
	}
	# shellcheck disable=SC2016
	c_files '*.c' | each sh -c '
		program=$1 flags=$2
		shift 2
		"$program" --quiet "$@" -- $flags 2>/dev/null' \
		tidy "$program" "$(flags | tr '\n' ' ')" || status=1
}

# gcc's own; of the daemon's sources only.
analyzer() {
	program=${GCC:-gcc}
	command -v "$program" >/dev/null || {
		missing gcc gcc
		return
	}
	# shellcheck disable=SC2016
	find src -name '*.c' | sort | each sh -c '
		program=$1 flags=$2 status=0
		shift 2
		for file; do
			"$program" $flags -O1 -fanalyzer -Werror -c \
				-o /dev/null "$file" || status=1
		done
		exit $status' analyzer "$program" "$(flags | tr '\n' ' ')" ||
		status=1
}

[ $# -gt 0 ] || set -- layers shell format cppcheck tidy analyzer
for part; do
	case $part in
	cppcheck) cppcheck_ ;;
	layers | shell | format | tidy | analyzer) $part ;;
	*)
		sed -n '3s/^# *//p' "$0" >&2
		exit 2
		;;
	esac
done
exit $status
