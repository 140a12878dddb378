#!/bin/sh
# `make test`: everything. Called by the Makefile with the packages installed
# and the programs built; BUILD is the build folder, SAN the sanitizer or empty.
# The last line is "N passed, M failed".
cd "$(dirname "$0")/.." || exit 2
export BUILD="${BUILD:-build}"
export ASAN_OPTIONS="${ASAN_OPTIONS:-abort_on_error=1:detect_leaks=1}"
export TSAN_OPTIONS="${TSAN_OPTIONS:-halt_on_error=1}"
# RECORDINGS=DIR and WORKFLOWS=DIR: whole recordings and workflows of real
# servers, for those who have some, as absolute paths. Without them the replay
# takes the condensed ones, and a test over workflows says that it was skipped.

out=$BUILD/test
mkdir -p "$out"
passed=0 failed=0
began=$(date +%s)

# NAME PASSED FAILED: adds to the counts; says so, and how long it took.
count() {
	passed=$((passed + $2)) failed=$((failed + $3))
	now=$(date +%s)
	echo "$1: $2 passed, $3 failed ($((now - began)) s)"
	began=$now
}

# NAME COMMAND…: one check that passes when the command exits with 0.
check() {
	name=$1
	shift
	if "$@" >"$out/$name.log" 2>&1; then
		count "$name" 1 0
	else
		tail -n 40 "$out/$name.log"
		count "$name" 0 1
	fi
}

# NAME SCRIPT: a script that prints TAP.
tap() {
	sh "$2" >"$out/$1.tap" 2>"$out/$1.err"
	rc=$?
	good=$(grep -c '^ok ' "$out/$1.tap")
	bad=$(grep -c '^not ok ' "$out/$1.tap")
	[ "$rc" -eq 0 ] || [ "$bad" -gt 0 ] || bad=1
	if [ "$bad" -gt 0 ]; then
		grep '^not ok' "$out/$1.tap"
		tail -n 30 "$out/$1.err"
	fi
	count "$1" "$good" "$bad"
}

# node:test files, one after another: each starts servers of its own.
node_tests() {
	for file; do
		[ -f "$file" ] || continue
		name=$(basename "$file" .test.mjs)
		timeout -k 10 900 node --test --test-reporter=tap "$file" \
			>"$out/$name.tap" 2>"$out/$name.err"
		rc=$?
		good=$(sed -n 's/^# pass //p' "$out/$name.tap")
		bad=$(sed -n 's/^# fail //p' "$out/$name.tap")
		[ "$rc" -eq 0 ] || [ "${bad:-0}" -gt 0 ] || bad=1
		if [ "${bad:-0}" -gt 0 ]; then
			grep -A 30 -E '^ *not ok' "$out/$name.tap" | head -n 120
			tail -n 20 "$out/$name.err"
		fi
		sed -n 's/^ *ok .*# SKIP/  skipped:/p' "$out/$name.tap"
		count "$name" "${good:-0}" "${bad:-0}"
	done
}

check layers tests/layers.sh src
set --
for source in tests/unit/test_*.c; do
	set -- "$@" "$BUILD/unit/$(basename "$source" .c)"
done
tests/unit.sh "$@" | tee "$out/unit.log"
line=$(tail -n 1 "$out/unit.log")
good=$(echo "$line" | sed -n 's/^unit: \([0-9]*\) ok.*/\1/p')
bad=$(echo "$line" | sed -n 's/.* \([0-9]*\) failed.*/\1/p')
count unit "${good:-0}" "${bad:-1}"

if (cd tests && npm ci --ignore-scripts --no-audit --no-fund) \
    >"$out/npm.log" 2>&1; then
	for script in tests/e2e/*.sh; do
		[ -f "$script" ] && tap "$(basename "$script" .sh)" "$script"
	done
	node_tests tests/*.test.mjs tests/standin/*.test.mjs \
		tests/e2e/*.test.mjs
else
	tail -n 20 "$out/npm.log"
	count npm 0 1
fi

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
