#!/bin/sh
# `make install` puts everything in its place, and what lies there works
# without the sources. Prints TAP.
set -u
cd "$(dirname "$0")/../.." || exit 1
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' INT TERM
root="$dir/a root"
usr="$root/opt/gate"
count=0 failed=0

# ok NAME COMMAND...: the command's status decides.
ok() {
	name=$1
	shift
	count=$((count + 1))
	if "$@" >"$dir/out" 2>&1; then
		echo "ok $count - $name"
	else
		failed=$((failed + 1))
		echo "not ok $count - $name"
		sed 's/^/# /' "$dir/out" | head -20 >&2
	fi
}

same() { diff -r "$1" "$2"; }

version() {
	(cd / && "$usr/bin/comfygate" --version) | grep -x 'comfygate [0-9.]*'
}

check() { (cd / && "$usr/bin/comfygate" check "$usr/share/comfygate/endpoints"); }

# A broken folder among them is told: check did look at these.
check_broken() {
	cp -r "$usr/share/comfygate/endpoints" "$dir/broken" &&
		echo '{' >"$dir/broken/portrait/manifest.json" || return 1
	(cd / && "$usr/bin/comfygate" check "$dir/broken")
	[ $? -eq 1 ]
}

# Any user may read all of it, and run the program.
readable() {
	[ "$(stat -c %a "$usr/bin/comfygate")" = 755 ] &&
		[ -z "$(find "$root" -type f ! -perm -444)" ] &&
		[ -z "$(find "$root" -mindepth 1 -type d ! -perm -555)" ]
}

nothing_else() {
	find "$root" -type f | sed "s|^$usr/||" |
		grep -v -E -e '^(bin/comfygate|share/(doc/)?comfygate/)' \
			-e '^libexec/comfygate-media$' >"$dir/more"
	cat "$dir/more"
	[ ! -s "$dir/more" ]
}

# Found from where it lies; without libvips there is none.
helper() {
	[ -x "${BUILD:-build}/comfygate-media" ] || return 0
	cp -r "$usr/share/comfygate/endpoints/color-card" "$dir/small" &&
		sed -i 's|"from": "2.images"|&, "blurhash": true|' \
			"$dir/small/manifest.json" || return 1
	(cd / && "$usr/bin/comfygate" check "$dir/small") &&
		rm "$usr/libexec/comfygate-media" || return 1
	(cd / && "$usr/bin/comfygate" check "$dir/small") 2>&1 |
		grep 'needs the program comfygate-media'
}

docs() {
	for f in LICENSE README.md docs/*.md docs/manifest.schema.json; do
		cmp "$f" "$usr/share/doc/comfygate/${f##*/}" || return 1
	done
}

umask 077
ok 'make install DESTDIR=… PREFIX=…' "${MAKE:-make}" --no-print-directory \
	install "BUILD=${BUILD:-build}" "SAN=${SAN:-}" "DESTDIR=$root" \
	PREFIX=/opt/gate
ok 'the program tells its version' version
ok 'the endpoints pass check' check
ok 'check finds a mistake in them' check_broken
ok 'the endpoints are those of the sources' \
	same endpoints "$usr/share/comfygate/endpoints"
ok 'so are the files for nginx' same nginx "$usr/share/comfygate/nginx"
ok 'documentation, schema and license' docs
ok 'nothing beside that' nothing_else
ok 'anybody may read it, whatever the umask was' readable
ok 'what converts pictures is found, or told to be missing' helper
echo "1..$count"
[ "$failed" -eq 0 ]
