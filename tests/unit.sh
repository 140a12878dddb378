#!/bin/sh
# Runs unit test programs (TAP on stdout), shows what failed, and ends with a
# line of counts. A program that dies or stops early fails, too.
good=0 bad=0 skipped=0 programs=0
for t; do
	programs=$((programs + 1))
	timeout -k 10 "${UNIT_TIMEOUT:-300}" "$t" >"$t.tap" 2>"$t.err"
	rc=$?
	g=$(grep -c '^ok ' "$t.tap")
	b=$(grep -c '^not ok ' "$t.tap")
	s=$(grep -ci '^ok .*# skip' "$t.tap")
	plan=$(sed -n 's/^1\.\.//p' "$t.tap")
	if [ "$rc" -ne 0 ] || [ "$b" -ne 0 ] ||
	    [ "${plan:-none}" != $((g + b)) ]; then
		[ "$b" -ne 0 ] || b=1
		echo "== $(basename "$t"): exit $rc, plan ${plan:-missing}"
		grep '^not ok ' "$t.tap" | head -40
		head -60 "$t.err"
	fi
	sed -n 's/^ok [0-9 -]*\(.*\)# [Ss][Kk][Ii][Pp]/  skipped: \1/p' "$t.tap"
	good=$((good + g)) bad=$((bad + b)) skipped=$((skipped + s))
done
echo "unit: $good ok, $bad failed, $skipped skipped, $programs programs"
[ "$bad" -eq 0 ]
