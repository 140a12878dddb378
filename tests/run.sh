#!/bin/sh
# `make run`: the whole thing on loopback, without touching the system. nginx
# with a prefix of its own, the daemon and, where no ComfyUI is named, the
# stand-in; then one sample job, and it stays until Ctrl-C.
#
#   PORT=8080       where nginx listens; a free port where none is given
#   COMFYUI="URL …" real servers to run on, in place of the stand-in
#   ENDPOINTS=DIR   the published workflows (endpoints/)
#   STATE=DIR       database, files, keys and logs (state/)
#   ONCE=1          end after the sample, with its status
set -u

top=$(cd "$(dirname "$0")/.." && pwd)
build=$top/${BUILD:-build}
state=${STATE:-$top/state}
endpoints=${ENDPOINTS:-$top/endpoints}
comfyui=${COMFYUI:-}
standin_pid='' daemon_pid='' nginx_up='' status=1

say() { printf '%s\n' "$@"; }
fail() {
	say "" "make run: $1" >&2
	[ -z "${2:-}" ] || say "  $2" >&2
	exit 1
}

# Ends what was started, each by its own pid, in the reverse order.
stop_all() {
	trap '' INT TERM
	[ -z "$nginx_up" ] || "$top/tests/nginx.sh" stop "$state/nginx"
	for pid in $daemon_pid $standin_pid; do
		kill -TERM "$pid" 2>/dev/null
		wait "$pid" 2>/dev/null
	done
}
trap stop_all EXIT
trap 'say ""; exit $status' INT TERM

# Waits for a line in a file while its writer lives: FILE PID PATTERN
await_line() {
	tail -n +1 -f --pid="$2" "$1" 2>/dev/null | grep -m 1 -E "$3"
}

start_standin() {
	: >"$state/standin.log"
	"$build/standin" --port 0 --dir "$state/standin" \
		--step-ms "${STEP_MS:-60}" >"$state/standin.log" 2>&1 &
	standin_pid=$!
	line=$(await_line "$state/standin.log" $standin_pid '^listening on ') ||
		fail "the stand-in for ComfyUI did not start" \
			"see $state/standin.log"
	comfyui=http://${line#listening on }
	say "ComfyUI   stand-in (no models, pretended samplers) at $comfyui"
}

start_daemon() {
	: >"$state/comfygate.log"
	COMFYGATE_ENDPOINTS=$endpoints COMFYGATE_STATE=$state \
	COMFYGATE_SOCKET=$state/run/comfygate.sock \
	COMFYGATE_SECRET_FILE=$state/dev.key \
	COMFYGATE_PUBLIC_URL=$url COMFYGATE_BACKENDS=$comfyui \
		"$build/comfygate" serve 2>"$state/comfygate.log" &
	daemon_pid=$!
	if ! await_line "$state/comfygate.log" $daemon_pid \
	    ' serve\.ready ' >/dev/null; then
		tail -n 5 "$state/comfygate.log" >&2
		fail "the daemon did not start" "see $state/comfygate.log"
	fi
	say "comfygate pid $daemon_pid, log $state/comfygate.log"
}

api() {
	curl -sS --fail-with-body --max-time 330 \
		-H "Authorization: Bearer $token" "$@"
}

# The endpoint of the sample: one with an example, or that wants no input; on
# a real ComfyUI one that needs no model, where it is there.
choose() {
	names=$(api "$url/v1/endpoints" | jq -r '.endpoints[] |
		"v\(.version)/\(.name)"')
	[ -n "$names" ] || fail "no endpoint is published from $endpoints" \
		"run: $build/comfygate check $endpoints"
	wish='v1/portrait'
	[ -z "${COMFYUI:-}" ] || wish='v1/color-card'
	for name in $(say "$names" | grep -x "$wish") $names; do
		api "$url/$name" | jq -e '.examples[0] or
			.inputs.required == []' >/dev/null || continue
		say "$name"
		return
	done
}

# Follows the job's event stream and draws its progress on one line.
follow() {
	curl -sS -N --max-time 600 "$1" | while IFS= read -r line; do
		case $line in
		'data: '*)
			say "${line#data: }" | jq -r '"\(.status) " +
				(if .progress.fraction then
				"\(.progress.fraction * 100 | floor)% " +
				"\(.progress.node // "") " +
				(if .progress.steps then
				"\(.progress.step)/\(.progress.steps)" else ""
				end) else "" end)' |
			while IFS= read -r text; do
				if [ -t 1 ]; then
					printf '\r\033[K  %s' "$text"
				else
					printf '  %s\n' "$text"
				fi
			done ;;
		esac
	done
	[ ! -t 1 ] || say ""
}

sample() {
	route=$(choose) || exit 1
	if [ -z "$route" ]; then
		[ -z "${ONCE:-}" ] || fail "no endpoint has an example to run"
		say "" "No sample: no endpoint has an example in its manifest." \
			"What is published:" "" "curl -sS $url/v1/endpoints \\" \
			"  -H 'Authorization: Bearer $token'" ""
		return
	fi
	body=$(api "$url/$route" | jq -c '.examples[0].inputs // {}')
	say "" "A sample job: POST /$route $body"
	job=$(api -H 'Prefer: respond-async' -H 'Content-Type: application/json' \
		-d "$body" "$url/$route") || {
		say "$job" | jq . >&2 2>/dev/null
		fail "the sample was not accepted" "see $state/comfygate.log"
	}
	follow "$(say "$job" | jq -r .urls.events)"
	job=$(api "$(say "$job" | jq -r .urls.self)")
	say "$job" | jq .
	[ "$(say "$job" | jq -r .status)" = succeeded ] ||
		fail "the sample job did not succeed" \
			"see $state/comfygate.log"
	say "$job" | jq -r '.outputs[] | if type == "array" then .[] else . end |
		.url? // empty' | while IFS= read -r file; do
		curl -sS --fail -o /dev/null "$file" ||
			fail "an output URL does not open: $file"
	done || exit 1
	say "" "Again, from another terminal:" "" \
		"curl -sS $url/$route \\" \
		"  -H 'Authorization: Bearer $token' \\" \
		"  -H 'Content-Type: application/json' \\" \
		"  -d '$body'" ""
}

command -v jq >/dev/null || fail "jq is missing" "run: tests/deps.sh run"
[ -d "$endpoints" ] || fail "there is no folder $endpoints" \
	"give one: make run ENDPOINTS=DIR"
umask 077
mkdir -p "$state/run" "$state/files" || fail "cannot write to $state" \
	"give another folder: make run STATE=DIR"

[ -n "$comfyui" ] || start_standin
port=$("$top/tests/nginx.sh" start "$state/nginx" "${PORT:-0}" \
	"$state/run/comfygate.sock" "$state/files") ||
	fail "nginx did not start" "is port ${PORT:-0} taken? see $state/nginx"
nginx_up=1
url=http://127.0.0.1:$port
say "nginx     $url"
token=$(COMFYGATE_STATE=$state "$build/comfygate" token --sub app-user \
	--scope "$(jq -r '.access.scope // "\(.name):run"' \
		"$endpoints"/*/manifest.json 2>/dev/null | paste -sd ' ' -)" \
	--lifetime 24h) || fail "no development token could be made"
start_daemon
sample
status=0
[ -z "${ONCE:-}" ] || exit 0
say "Ctrl-C ends it."
wait $daemon_pid
fail "the daemon ended by itself" "see $state/comfygate.log"
