#!/bin/sh
# The files of nginx/: nginx takes them whole, as includes of another server
# and in the prefix of tests/nginx.sh; and what they promise holds, with the
# daemon's own edge (tests/e2e/edge.c) behind them. Prints TAP.
#
#   BUILD=DIR   where libcomfygate.a is (build), SAN=... as for make
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
build=${BUILD:-build}
case $build in /*) ;; *) build=$top/$build ;; esac
dir=$(mktemp -d) || exit 1
PATH=$PATH:/usr/sbin:/sbin
count=0 failed=0 edge_pid=''
export LC_ALL=C

stop_all() {
	"$top/tests/nginx.sh" stop "$dir/ng"
	[ -z "$edge_pid" ] || {
		kill -TERM "$edge_pid" 2>/dev/null
		wait "$edge_pid" 2>/dev/null
	}
	rm -rf "$dir"
}
trap stop_all EXIT
trap 'exit 1' INT TERM

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
		[ ! -f "$dir/answer" ] || sed 's/^/#   /' "$dir/answer" |
			head -30 >&2
	fi
}

no() { ! "$@"; }

# get PATH [curl options]: headers and body into $dir/answer, without CR.
get() {
	path=$1
	shift
	curl -sS -i --max-time 20 "$@" "$url$path" >"$dir/raw" 2>"$dir/curl"
	tr -d '\r' <"$dir/raw" >"$dir/answer"
}

# The answer just got, or what is in a file:
has() { grep -qi -- "^$1\$" "$dir/answer"; }
status() { head -n 1 "$dir/answer" | grep -q "^HTTP/[0-9.]* $1\( \|\$\)"; }
body() { sed '1,/^$/d' "$dir/answer"; }
header() { sed -n "s/^$1: //Ip" "$dir/answer"; }

# A problem of nginx's own: status and type, in the body too, with the id.
problem() {
	status "$1" && has 'content-type: application/problem+json' &&
		body | jq -e --arg id "$(header x-request-id)" \
			--arg type "/problems/$2" --argjson status "$1" \
			'.type == $type and .status == $status and
			 .request_id == $id and ($id | length) > 0 and
			 (.title | length) > 0 and (.detail | length) > 0'
}

# await PATTERN FILE
await() { timeout 20 sh -c 'tail -n +1 -f "$1" | grep -q -m 1 -- "$2"' - \
	"$2" "$1"; }

# nginx's own folders for them may not be ours.
temporary='client_body_temp_path body; fastcgi_temp_path fastcgi;
	proxy_temp_path proxy; scgi_temp_path scgi; uwsgi_temp_path uwsgi;'
temporary=$(echo "$temporary" | tr '\n\t' '  ')

test_syntax() {
	"$top/tests/nginx.sh" write "$dir/w" 8080 "$dir/s" "$dir/files"
	ok 'nginx -t: the prefix of tests/nginx.sh' \
		nginx -t -q -p "$dir/w" -c "$dir/w/nginx.conf" -e stderr
	TLS=1 CORS='https://a.example' "$top/tests/nginx.sh" write "$dir/wt" \
		8080 "$dir/s" "$dir/files"
	ok 'nginx -t: with TLS and CORS' \
		nginx -t -q -p "$dir/wt" -c "$dir/wt/nginx.conf" -e stderr

	# As it is shipped, but for the paths, ports and user.
	sed -e 's|/etc/comfygate/tls/fullchain.pem|tls.pem|' \
		-e 's|/etc/comfygate/tls/privkey.pem|tls.key|' \
		-e 's|/etc/nginx/mime.types|mime.types|' \
		-e 's|/var/log/nginx/|logs/|' \
		-e 's|/run/nginx.pid|whole.pid|' \
		-e "s|^http {|&$temporary|" \
		-e 's|listen 80;|listen 127.0.0.1:8081;|' \
		-e 's|listen 443 |listen 127.0.0.1:8443 |' \
		-e '/^user /d' "$top/nginx/comfygate.conf" >"$dir/wt/whole.conf"
	echo 'types { text/html html; }' >"$dir/wt/mime.types"
	ok 'nginx -t: comfygate.conf' \
		nginx -t -q -p "$dir/wt" -c "$dir/wt/whole.conf" -e stderr

	mkdir -p "$dir/wt/logs"
	cat >"$dir/wt/other.conf" <<-END
	pid other.pid;
	error_log logs/other.log;
	events { }
	http {
		$temporary
		access_log off;
		include comfygate/comfygate-http.conf;
		server {
			listen 127.0.0.1:8082;
			include comfygate/comfygate-server.conf;
			location / { return 200 "the site"; }
			location ~ \.png$ { expires 1d; }
		}
	}
	END
	ok 'nginx -t: the includes in another server' \
		nginx -t -q -p "$dir/wt" -c "$dir/wt/other.conf" -e stderr
}

start() {
	# shellcheck disable=SC2086
	${CC:-cc} -std=c11 -D_GNU_SOURCE -O1 -g ${SAN:+-fsanitize=$SAN} \
		-I"$top/src" -o "$dir/edge" "$top/tests/e2e/edge.c" \
		"$build/libcomfygate.a" -lfcgi -lcrypto -lpthread || {
		echo "Bail out! tests/e2e/edge.c does not build"
		exit 1
	}
	mkdir -p "$dir/files/job"
	printf '<svg xmlns="http://www.w3.org/2000/svg"/>' >"$dir/files/job/0"
	echo secret >"$dir/outside"
	ln -s "$dir/outside" "$dir/files/job/link"
	ln -s "$dir" "$dir/files/up"
	port=$(CORS='https://a.example http://localhost:5173' \
		"$top/tests/nginx.sh" start "$dir/ng" 0 "$dir/s" "$dir/files") || {
		echo "Bail out! nginx does not start"
		exit 1
	}
	url=http://127.0.0.1:$port
}

start_edge() {
	: >"$dir/edge.log"
	"$dir/edge" "$dir/s" >"$dir/edge.log" 2>"$dir/edge.err" &
	edge_pid=$!
	ok 'the edge listens' await ready "$dir/edge.log"
}

test_down() {
	get /v1/describe
	ok 'no daemon: 503 shutting-down' problem 503 shutting-down
	ok 'with Retry-After' has 'retry-after: [0-9]*'
	ok 'not to be cached' has 'cache-control: no-store'
	get /v1/describe -H 'X-Request-Id: mine-1'
	ok "with the caller's id" has 'x-request-id: mine-1'
	get /v1/describe -H 'Origin: https://a.example'
	ok 'a listed origin may read it' \
		has 'access-control-allow-origin: https://a.example'
}

test_passed() {
	get /v1/a%2Fb/../c?x=%20y -X POST -H 'Prefer: wait=3' \
		-H 'Content-Type: application/json' -d '{}' --path-as-is
	ok 'POST' status 200
	for line in 'method=POST' 'path=/v1/a%2Fb/../c' 'query=x=%20y' \
		'scheme=http' "host=127.0.0.1:$port" 'addr=127.0.0.1' 'body=2' \
		'type=application/json' 'prefer=wait=3'; do
		ok "the daemon sees $line" grep -qx -- "$line" "$dir/answer"
	done
	id=$(header x-request-id)
	ok 'one id: daemon, header' grep -qx "id=$id" "$dir/answer"
	ok 'and access log' await " $id " "$dir/ng/logs/access.log"
	ok 'one X-Request-Id' test "$(header x-request-id | wc -l)" -eq 1
	get /v1/describe -H 'X-Request-Id: a.B_c-9'
	ok "the caller's id" grep -qx 'id=a.B_c-9' "$dir/answer"
	trace=4bf92f3577b34da6a3ce929d0e0e4736
	get /v1/describe -H "traceparent: 00-$trace-00f067aa0ba902b7-01"
	ok 'the trace id' grep -qx "id=$trace" "$dir/answer"
	ok 'in the log, too' await " $trace " "$dir/ng/logs/access.log"
	get /v1/describe -H 'X-Request-Id: a/b' \
		-H "traceparent: 00-$trace-0000000000000000-01"
	ok 'neither is well formed: a new one' \
		grep -qE '^id=[0-9a-f]{32}$' "$dir/answer"
	ok 'nosniff' has 'x-content-type-options: nosniff'
	ok 'no version told' has 'server: nginx'
	get /v1/describe -H 'Transfer-Encoding: chunked' --data-binary \
		"@$top/tests/e2e/nginx.sh"
	ok 'a chunked body' grep -qx \
		"body=$(wc -c <"$top/tests/e2e/nginx.sh")" "$dir/answer"
	get '/v1/status?503'
	ok "the daemon's own 503 is left alone" status 503
	ok 'body and all' test "$(body)" = '{"mine": true}'
	get '/v1/status?404'
	ok 'so is its 404' test "$(body)" = '{"mine": true}'
	get /v1/describe -I
	ok 'HEAD' status 200
	get /v1
	ok 'no redirect of /v1' grep -qx 'path=/v1' "$dir/answer"
	get /v1/files
	ok 'nor of /v1/files' grep -qx 'path=/v1/files' "$dir/answer"
}

# RFC 9457: a type has one title, whoever answers.
titles() {
	grep -o '"title": "[^"]*"' "$top/nginx/comfygate-http.conf" |
		cut -d '"' -f 4 | sort -u >"$dir/titles"
	test -s "$dir/titles" || return 1
	while IFS= read -r title; do
		grep -qF "\"$title\"" "$top/src/api/problem_table.c" || {
			echo "not in src/api/problem_table.c: $title"
			return 1
		}
	done <"$dir/titles"
}

# As much as the daemon takes for an upload, and forms as curl writes them.
test_uploads() {
	head -c 104857600 /dev/zero >"$dir/big"
	get /v1/upload --data-binary "@$dir/big" -H 'Expect:' \
		-H 'Content-Type: image/png'
	ok 'a body of 100 MiB passes' grep -qx 'bytes=104857600' "$dir/answer"
	get /v1/upload --data-binary "@$dir/big" -H 'Transfer-Encoding: chunked' \
		-H 'Content-Type: image/png'
	ok 'chunked, too' grep -qx 'bytes=104857600' "$dir/answer"
	get /v1/upload -F 'prompt=a "sea" captain' \
		-F "photo=@$dir/big;type=image/png;filename=\"a \\\"b\\\".png\"" \
		-F "empty=@/dev/null;type=Text/Plain; charset=utf-8"
	ok 'a form of 100 MiB: its field' \
		grep -qx 'part=prompt filename=- type=- bytes=15' "$dir/answer"
	ok 'its file' grep -qx \
		'part=photo filename=a .*b.*\.png type=image/png bytes=104857600' \
		"$dir/answer"
	ok 'and an empty one' grep -qx \
		'part=empty filename=null type=text/plain bytes=0' "$dir/answer"
	for size in 0 1 131072 1000000; do
		head -c $size "$dir/big" >"$dir/small"
		get /v1/upload --data-binary "@$dir/small"
		ok "a body of $size bytes" grep -qx "bytes=$size" "$dir/answer"
	done
	rm "$dir/big" "$dir/small"
}

test_errors() {
	ok "nginx's problems have the daemon's titles" titles
	head -c 110000000 /dev/zero >"$dir/big"
	get /v1/describe --data-binary "@$dir/big" -H 'Expect:'
	ok 'a body of 110 MB: 413' problem 413 too-large
	rm "$dir/big"
	long=$(head -c 20000 /dev/zero | tr '\0' a)
	get "/v1/$long"
	ok 'a long request line: 414' problem 414 malformed-request
	get /v1/describe -H "X-Long: $long"
	ok 'a long header: 431' problem 431 malformed-request
	get /v1/describe -H "Authorization: Bearer $(
		head -c 8192 /dev/zero | tr '\0' a)"
	ok 'a token of 8 KiB passes' status 200
	seq 1 200 | sed 's/.*/-H\nX-A&: b/' >"$dir/many"
	printf '%s\n' "$url/v1/describe" >>"$dir/many"
	xargs -d '\n' curl -sS -i <"$dir/many" | tr -d '\r' >"$dir/answer"
	ok '200 headers: 431' problem 431 malformed-request
	printf 'GET /v1/describe HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n' |
		timeout 20 curl -sS --max-time 5 "telnet://127.0.0.1:$port" |
		tr -d '\r' >"$dir/answer"
	ok 'two Hosts: 400' problem 400 malformed-request
	printf 'nonsense\r\n\r\n' |
		timeout 20 curl -sS --max-time 5 "telnet://127.0.0.1:$port" |
		tr -d '\r' >"$dir/answer"
	ok 'no HTTP at all: 400' problem 400 malformed-request
	get /_comfygate/problem/413
	ok 'problems have no address of their own' problem 404 not-found
	get /_comfygate/files/job/0
	ok 'nor have files' problem 404 not-found
}

test_cors() {
	get /v1/portrait -X OPTIONS -H 'Origin: https://a.example' \
		-H 'Access-Control-Request-Method: POST'
	ok 'preflight of a listed origin' status 204
	ok 'is allowed' has 'access-control-allow-origin: https://a.example'
	ok 'with methods' has 'access-control-allow-methods: .*POST.*'
	ok 'and headers' has 'access-control-allow-headers: authorization.*'
	ok 'and an id' has 'x-request-id: [0-9a-f]*'
	get /v1/portrait -X OPTIONS -H 'Origin: https://b.example' \
		-H 'Access-Control-Request-Method: POST'
	ok 'one that is not listed goes to the daemon' \
		grep -qx 'method=OPTIONS' "$dir/answer"
	ok 'and gets no word of CORS' no grep -qi '^access-control' \
		"$dir/answer"
	get /v1/describe -H 'Origin: http://localhost:5173'
	ok 'the second of the list' \
		has 'access-control-allow-origin: http://localhost:5173'
	ok 'may read headers' has 'access-control-expose-headers: location.*'
	ok 'but is told no methods' no has 'access-control-allow-methods: .*'
	ok 'Vary' has 'vary: origin'
	get /v1/describe
	ok 'no origin, no CORS' no grep -qi '^access-control\|^vary' \
		"$dir/answer"
}

test_files() {
	get '/v1/file?job/0'
	ok 'a file' status 200
	ok 'its bytes' test "$(body)" = \
		'<svg xmlns="http://www.w3.org/2000/svg"/>'
	for line in 'content-type: image/svg+xml' \
		'content-disposition: inline; filename="a.svg"' \
		'x-content-type-options: nosniff' \
		"content-security-policy: sandbox; default-src 'none'" \
		'cross-origin-resource-policy: cross-origin' \
		'cache-control: private' 'accept-ranges: bytes' \
		'x-request-id: [0-9a-f]*'; do
		ok "with $line" has "$line"
	done
	ok 'the daemon chose one id' \
		test "$(header x-request-id | wc -l)" -eq 1
	etag=$(header etag)
	get '/v1/file?job/0' -H "If-None-Match: $etag"
	ok 'unchanged' status 304
	get '/v1/file?job/0' -H 'Range: bytes=1-3'
	ok 'a range' status 206
	ok 'of it' test "$(body)" = svg
	get /v1/files/job/1 -H 'Range: bytes=0-5'
	ok 'a range of what the daemon sends itself' status 206
	ok 'of that' test "$(body)" = method
	get /v1/describe -H 'Range: bytes=0-5'
	ok 'but of files alone' status 200
	get '/v1/file?job/link'
	ok 'a symbolic link is not followed' problem 403 forbidden
	get '/v1/file?up/outside'
	ok 'nor one on the way' problem 410 gone
	get '/v1/file?../outside'
	ok 'nor ..' no status 200
	get '/v1/file?job/'
	ok 'a folder is not listed' problem 403 forbidden
	get '/v1/file?job/gone'
	ok 'a file that went after the daemon looked' problem 410 gone
	ok 'and is not to be cached' has 'cache-control: no-store'
	get '/v1/file?job/gone' -I
	ok 'HEAD of it' status 410
	get '/v1/file?job/0&expires=9&signature=topsecret' \
		-H 'X-Request-Id: signed-1'
	ok 'its line in the access log' await ' signed-1 ' \
		"$dir/ng/logs/access.log"
	ok 'has no signature' no grep -q topsecret \
		"$dir/ng/logs/access.log"
	get /metrics
	ok 'metrics from here' status 200
}

test_hang_up() {
	curl -sS --max-time 60 -H 'X-Request-Id: parked-1' "$url/v1/park" \
		>/dev/null 2>&1 &
	waiter=$!
	ok 'a caller waits' await 'parked parked-1' "$dir/edge.log"
	kill -TERM $waiter
	wait $waiter 2>/dev/null
	ok 'and hangs up: the daemon knows' await 'gone parked-1' \
		"$dir/edge.log"
	curl -sS -N --max-time 60 -H 'X-Request-Id: stream-1' "$url/v1/stream" \
		>"$dir/stream" 2>&1 &
	waiter=$!
	ok 'an event comes while the stream is open' await 'data: first' \
		"$dir/stream"
	kill -TERM $waiter
	wait $waiter 2>/dev/null
	ok 'its reader is gone' await 'gone stream-1' "$dir/edge.log"
}

test_restart() {
	kill -TERM "$edge_pid"
	wait "$edge_pid"
	ok 'the edge ends cleanly' test $? -eq 0
	edge_pid=''
	get /v1/describe
	ok 'nginx says so meanwhile' problem 503 shutting-down
	start_edge
	get /v1/describe
	ok 'and goes on' status 200
}

test_other() {
	sed -i "s|127.0.0.1:8082|\"unix:$dir/other.sock\"|;
		s|^pid .*|pid nginx.pid;|" "$dir/wt/other.conf"
	[ "$(id -u)" -ne 0 ] ||
		sed -i "1i user $(id -un) $(id -gn);" "$dir/wt/other.conf"
	ok 'another server with the includes starts' \
		nginx -p "$dir/wt" -c "$dir/wt/other.conf" -e "$dir/wt/err"
	url=http://localhost
	get /v1/describe --unix-socket "$dir/other.sock"
	ok 'our routes' grep -qx 'path=/v1/describe' "$dir/answer"
	get '/v1/file?job/0' --unix-socket "$dir/other.sock"
	ok 'our files' status 200
	get /x --unix-socket "$dir/other.sock"
	ok 'its own pages' test "$(body)" = 'the site'
	"$top/tests/nginx.sh" stop "$dir/wt"
}

command -v nginx >/dev/null || {
	echo "Bail out! there is no nginx"
	exit 1
}
test_syntax
start
test_down
start_edge
test_passed
test_uploads
test_errors
test_cors
test_files
test_hang_up
test_restart
test_other
echo "1..$count"
[ $failed -eq 0 ]
