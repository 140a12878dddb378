#!/bin/sh
# `make bench`: the figures of docs/benchmarks.md, on this machine, in one run.
# Client, nginx, daemon and stand-in share its cores: look at ratios and at CPU
# per job. JOBS, CALLERS, WAITERS, SLOTS, TURNS change the sizes.
set -u
top=$(cd "$(dirname "$0")/.." && pwd)
build=$top/${BUILD:-build}
dir=$(mktemp -d)
jobs=${JOBS:-12800} callers=${CALLERS:-64} waiters=${WAITERS:-10000}
slots=${SLOTS:-64}
pids=''
ulimit -n "$(ulimit -H -n)"

stop_all() {
	trap '' INT TERM
	"$top/tests/nginx.sh" stop "$dir/nginx" 2>/dev/null
	"$top/tests/nginx.sh" stop "$dir/hello-nginx" 2>/dev/null
	for pid in $pids; do
		kill "$pid" 2>/dev/null
		wait "$pid" 2>/dev/null
	done
	rm -rf "$dir"
}
trap stop_all EXIT
trap 'exit 1' INT TERM

die() {
	echo "bench: $1" >&2
	exit 1
}

# FILE PID PATTERN: the first line like that, while its writer lives.
await_line() {
	: >>"$1" # its writer may not have made it yet
	tail -n +1 -f --pid="$2" "$1" 2>/dev/null | grep -m 1 -E "$3"
}

# User and system time of a process or thread so far, in ms: /proc path
cpu_ms() {
	sed 's/.*) //' "$1/stat" | awk -v hz="$(getconf CLK_TCK)" \
		'{ printf "%d\n", ($12 + $13) * 1000 / hz }'
}

# … of nginx's workers together: PREFIX
nginx_ms() {
	total=0
	for pid in $(cat "/proc/$(cat "$1/nginx.pid")/task/"*/children); do
		total=$((total + $(cpu_ms "/proc/$pid")))
	done
	echo $total
}

# NAME MS TIMES: CPU per job in µs.
per_job() {
	awk -v n="$1" -v ms="$2" -v jobs="$3" \
		'BEGIN { printf "  %-26s %7.1f µs\n", n, ms * 1000 / jobs }'
}

# The daemon's threads by name: "name ms" lines.
threads_ms() {
	for task in /proc/"$1"/task/*; do
		echo "$(sed 's/[-0-9]*$//' "$task/comm") $(cpu_ms "$task")"
	done | awk '{ sum[$1] += $2 } END { for (n in sum) print n, sum[n] }' |
		sort
}

# shellcheck source=tests/bench/uploads.sh
. "$top/tests/bench/uploads.sh"

# One endpoint: a picture of 64 × 64 without any limit.
mkdir -p "$dir/endpoints/dot" "$dir/state/files"
cat >"$dir/endpoints/dot/workflow.json" <<'J'
{"1": {"class_type": "EmptyImage", "inputs": {"width": 64, "height": 64,
       "batch_size": 1, "color": 3368601}},
 "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0],
       "filename_prefix": "dot"}}}
J
cat >"$dir/endpoints/dot/manifest.json" <<'J'
{"name": "dot", "version": 1, "title": "Dot", "workflow": "workflow.json",
 "inputs": {"color": {"type": "integer", "minimum": 0, "maximum": 16777215,
            "default": 255, "to": "1.color"}},
 "outputs": {"image": {"type": "image", "from": "2"}},
 "limits": {"queue": 0, "concurrency": 0, "wait": "5m", "timeout": "10m"}}
J

"$build/standin" --port 0 --fast --quiet >"$dir/standin.log" 2>&1 &
standin=$!
pids="$standin $pids"
line=$(await_line "$dir/standin.log" $standin '^listening on ') ||
	die "the stand-in did not start"
comfyui=http://${line#listening on }

put_conf >"$dir/put.conf"
port=$(EXTRA=$dir/put.conf "$top/tests/nginx.sh" start "$dir/nginx" 0 \
	"$dir/gate.sock" "$dir/state/files") || die "nginx did not start"
"$build/comfygate" token --help >/dev/null 2>&1
token=$(COMFYGATE_STATE=$dir/state "$build/comfygate" token --sub bench \
	--scope dot:run) || die "no token"
COMFYGATE_ENDPOINTS=$dir/endpoints COMFYGATE_STATE=$dir/state \
COMFYGATE_SOCKET=$dir/gate.sock COMFYGATE_LOG_LEVEL=warn \
COMFYGATE_SECRET_FILE=$dir/state/dev.key COMFYGATE_SLOTS=$slots \
COMFYGATE_PUBLIC_URL=http://127.0.0.1:$port COMFYGATE_BACKENDS=$comfyui \
COMFYGATE_MIN_FREE_BYTES=0 COMFYGATE_MAX_UPLOADS_EACH_BYTES=0 \
COMFYGATE_MAX_WAITING=$((waiters + 1000)) \
COMFYGATE_MAX_WAITING_EACH=$((waiters + 1000)) \
COMFYGATE_MAX_CONNECTIONS=$((waiters + 2000)) \
	"$build/comfygate" serve 2>"$dir/gate.log" &
daemon=$!
pids="$daemon $pids"

auth="Authorization: Bearer $token"
json='Content-Type: application/json'
ready() {
	curl -sS --retry 50 --retry-delay 0 --retry-all-errors --fail \
		"http://127.0.0.1:$port/readyz" >/dev/null 2>&1
}
until ready; do
	kill -0 $daemon 2>/dev/null || die "$(tail -n 3 "$dir/gate.log")"
done

echo "Disk: time of one fsync"
"$build/bench/fsync" "$dir/state" || true

"$build/bench/hello_fcgi" "$dir/hello.sock" >"$dir/hello.log" &
hello=$!
pids="$hello $pids"
await_line "$dir/hello.log" $hello '^ready' >/dev/null || die "no hello"
hello_port=$("$top/tests/nginx.sh" start "$dir/hello-nginx" 0 \
	"$dir/hello.sock" "$dir/state/files") || die "nginx did not start"
call() { # PORT PATH REQUESTS-EACH
	"$build/bench/waiters" -n "$callers" -k "$3" -t 300 -H "$auth" \
		-H "$json" -b '{"color":255}' "127.0.0.1:$1" "$2"
}

# In turns with the floor, so that both have the same days, good and bad.
echo "The whole path, $callers callers, $slots slots, jobs that take no time;
and the floor: the same nginx and a libfcgi program that says hello"
each=$((jobs / callers / 4))
hellos=$((each * 4 * callers * 4)) jobs=$((each * callers * 4))
call "$port" /v1/dot 20 >/dev/null || die "warming up failed"
h0=$(($(nginx_ms "$dir/hello-nginx") + $(cpu_ms /proc/$hello)))
n0=$(nginx_ms "$dir/nginx") d0=$(cpu_ms /proc/$daemon)
s0=$(cpu_ms /proc/$standin)
threads_ms $daemon >"$dir/threads0"
for turn in 1 2 3 4; do
	printf 'hello: '
	call "$hello_port" /hello $((each * 4)) || die "wrong answers, $turn"
	printf 'path: '
	call "$port" /v1/dot $each ||
		die "wrong answers, $turn: $(tail -n 3 "$dir/gate.log")"
done
h=$(($(nginx_ms "$dir/hello-nginx") + $(cpu_ms /proc/$hello) - h0))
n=$(($(nginx_ms "$dir/nginx") - n0)) d=$(($(cpu_ms /proc/$daemon) - d0))
per_job "hello, with its nginx" $h $hellos
per_job nginx $n "$jobs"
per_job comfygate $d "$jobs"
threads_ms $daemon >"$dir/threads1"
join "$dir/threads0" "$dir/threads1" | while read -r name before after; do
	per_job "  thread $name" $((after - before)) "$jobs"
done
per_job stand-in $(($(cpu_ms /proc/$standin) - s0)) "$jobs"
awk -v a=$((n + d)) -v b=$h -v na="$jobs" -v nb="$hellos" 'BEGIN {
	printf "  a job takes the CPU of %.1f hellos\n", a / na / (b / nb) }'

echo "One job at a time: straight to the stand-in, and through comfygate"
sed 's/3368601/255/' "$dir/endpoints/dot/workflow.json" >"$dir/prompt.json"
"$build/bench/latency" "$comfyui" "$dir/prompt.json" \
	"http://127.0.0.1:$port/v1/dot" "$token" '{"color":255}' 2000 ||
	die "latency"

echo "Uploads of 50 MB; nginx's own PUTs of the same files"
uploads

echo "$waiters callers wait at once, then all are answered"
idle=$(awk '/VmRSS/ { print $2 }' /proc/$daemon/status)
curl -sS -d '{"kind":"hang","times":1}' "$comfyui/standin/fault" >/dev/null
"$build/bench/waiters" -n "$waiters" -r 4000 -t 280 -H "$auth" -H "$json" \
	-H 'X-Request-Id: {id}' -b '{"color":255}' "127.0.0.1:$port" /v1/dot \
	>"$dir/waiters.out" 2>"$dir/waiters.err" &
client=$!
await_line "$dir/waiters.err" $client '^sent' >/dev/null ||
	die "$(cat "$dir/waiters.err")"
full=$(awk '/VmRSS/ { print $2 }' /proc/$daemon/status)
curl -sS -d '{}' "$comfyui/standin/release" >/dev/null
wait $client || die "$(cat "$dir/waiters.out" "$dir/waiters.err")"
cat "$dir/waiters.out"
peak=$(awk '/VmHWM/ { print $2 }' /proc/$daemon/status)
echo "  daemon: $idle KB idle, $full KB with all waiting, $peak KB at most"

echo "Injection"
"$build/bench/inject"
