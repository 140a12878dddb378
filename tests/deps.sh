#!/bin/sh
# Installs what is missing, by apt-get (Debian 12 and 13, Ubuntu 24.04):
#   tests/deps.sh build   what `make` needs
#   tests/deps.sh run     … and `make run`: nginx, curl, jq
#   tests/deps.sh test    … and `make test`: Node.js and tools
#   tests/deps.sh bench   … and `make bench`
# Says what and why first; says nothing where nothing is missing.
set -eu

build='gcc make pkg-config libc6-dev libfcgi-dev libcurl4-openssl-dev
	libcjson-dev libwebsockets-dev libjwt-dev libsqlite3-dev libssl-dev
	zlib1g-dev libjpeg-dev'
run='nginx-light curl jq'
tests='openssl procps'
# What is used where it is there: pictures are not converted without.
optional=

case ${1:-build} in
build) want=$build why='to build comfygate' ;;
run) want="$build $run" why='to build comfygate and run it behind nginx' ;;
test) want="$build $run $tests" why='to build comfygate and test it' ;;
bench) want="$build $run" why='to build comfygate and measure it' ;;
*) echo "usage: tests/deps.sh build|run|test|bench" >&2; exit 2 ;;
esac

# Any nginx and any Node.js (18 or newer) that is there will do.
have() {
	case $1 in
	nginx-light) command -v nginx || test -x /usr/sbin/nginx ;;
	nodejs | npm) command -v "$(echo "$1" | sed 's/js$//')" ;;
	*) dpkg-query -W -f '${Status}' "$1" 2>/dev/null |
		grep -q 'install ok installed' ;;
	esac >/dev/null 2>&1
}

case ${1:-build} in
test) want="$want nodejs npm" optional=libvips-dev ;;
run) optional=libvips-dev ;;
esac

missing=
for package in $want; do
	have "$package" || missing="$missing $package"
done
maybe=
for package in $optional; do
	have "$package" || maybe="$maybe $package"
done
[ -n "$missing$maybe" ] || exit 0

if ! command -v apt-get >/dev/null; then
	echo "There is no apt-get here, so nothing is installed. Wanted," \
		"$why, are the counterparts of these:$missing$maybe" >&2
	exit 0
fi
echo "Installing with apt-get, $why:$missing$maybe"
as_root=
if [ "$(id -u)" -ne 0 ]; then
	if ! command -v sudo >/dev/null; then
		echo "Neither root nor sudo: run this as root:" \
			"apt-get install$missing" >&2
		exit 1
	fi
	as_root=sudo
fi
$as_root apt-get update -qq
for package in $maybe; do
	if apt-cache show "$package" >/dev/null 2>&1; then
		missing="$missing $package"
	fi
done
[ -n "$missing" ] || exit 0
# The nginx of the system stays off, now and after the next boot: only one with
# a prefix of its own is started here. RUNLEVEL is for init scripts,
# SYSTEMD_OFFLINE for systemd.
# shellcheck disable=SC2086
$as_root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 SYSTEMD_OFFLINE=1 \
	apt-get install -y -qq --no-install-recommends $missing >/dev/null
case $missing in
*nginx*)
	[ ! -d /run/systemd/system ] ||
		$as_root systemctl --quiet disable --now nginx ||
		echo "nginx.service could not be disabled" >&2
	;;
esac
