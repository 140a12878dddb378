#!/bin/sh
# A private nginx for `make run`, the tests and the benchmarks: the files of
# nginx/ with their paths replaced, under a prefix of its own, on loopback, by
# whoever calls. It touches nothing of the system's nginx.
#
#   tests/nginx.sh start DIR PORT SOCKET FILES   prints the port; 0: a free one
#   tests/nginx.sh stop DIR
#   tests/nginx.sh write DIR PORT SOCKET FILES   only writes DIR/nginx.conf
#
# CORS="https://a.example ..." lists origins, EXTRA=FILE is included in the
# server, TLS=1 listens with a certificate made on the spot, ACCESS_LOG stands in
# place of "logs/access.log comfygate buffer=64k flush=1s".
set -u
top=$(cd "$(dirname "$0")/.." && pwd)

fail() {
	printf 'nginx.sh: %s\n' "$1" >&2
	exit 1
}

usage() {
	sed -n '6,8s/^# *//p' "$0" >&2
	exit 2
}

# Makes a path fit for the right side of s|...|...|, and for nginx in quotes.
escaped() {
	case $1 in
	*[\"\$\;\{\}\|\\\&]* | *'
'*) fail "a path with one of these: \" \$ ; { } | \\ &: $1" ;;
	esac
	printf '%s' "$1"
}

absolute() {
	case $1 in
	/*) printf '%s' "$1" ;;
	*) printf '%s/%s' "$PWD" "$1" ;;
	esac
}

# Is something listening on this port, on any address? (state 0A)
taken() {
	hex=$(printf ':%04X' "$1")
	cat /proc/net/tcp /proc/net/tcp6 2>/dev/null |
		awk -v p="$hex" '$4 == "0A" && substr($2, length($2) - 4) == p {
			found = 1 } END { exit !found }'
}

free_port() {
	for try in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		n=$(od -An -N2 -tu2 /dev/urandom | tr -d ' ')
		n=$((20000 + n % 12000))
		taken "$n" || {
			echo "$n"
			return
		}
	done
	fail "no free port found"
}

# The files of nginx/, with our paths in place of those of a package; in quotes,
# for ours may have spaces.
copy_includes() {
	mkdir -p "$dir/comfygate"
	for f in "$top"/nginx/comfygate-*.conf; do
		sed -e "s|unix:/run/comfygate/comfygate.sock|\"unix:$(escaped "$socket")\"|" \
			-e "s|from=/var/lib/comfygate/files/|\"from=$(escaped "$files")/\"|" \
			-e "s|alias /var/lib/comfygate/files/|alias \"$(escaped "$files")/\"|" \
			"$f" >"$dir/comfygate/$(basename "$f")"
	done
	for origin in ${CORS:-}; do
		sed -i "/^map \$http_origin \$comfygate_cors_origin/a\\
	\"$(escaped "$origin")\" \$http_origin;" \
			"$dir/comfygate/comfygate-http.conf"
	done
}

make_certificate() {
	[ -s "$dir/tls.pem" ] && return
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
		-subj /CN=localhost -addext subjectAltName=IP:127.0.0.1 \
		-days 30 -keyout "$dir/tls.key" -out "$dir/tls.pem" \
		2>"$dir/logs/openssl.log" ||
		fail "no certificate, see $dir/logs/openssl.log"
}

write_conf() {
	mkdir -p "$dir/logs" "$dir/tmp" || fail "cannot write to $dir"
	copy_includes
	nofile=$(ulimit -Hn)
	case $nofile in
	unlimited) nofile=65536 ;;
	esac
	[ "$nofile" -le 65536 ] || nofile=65536
	user='' tls=''
	[ "$(id -u)" -ne 0 ] || user="user $(id -un) $(id -gn);"
	if [ -n "${TLS:-}" ]; then
		make_certificate
		tls="ssl_certificate tls.pem; ssl_certificate_key tls.key;"
	fi
	cat >"$dir/nginx.conf" <<-END
	$user
	worker_processes ${WORKERS:-2};
	worker_rlimit_nofile $nofile;
	pid nginx.pid;
	error_log logs/error.log warn;
	pcre_jit on;
	events { worker_connections $nofile; }
	http {
		include comfygate/comfygate-http.conf;
		access_log ${ACCESS_LOG:-logs/access.log comfygate buffer=64k flush=1s};
		server_tokens off;
		client_body_temp_path tmp/body;
		fastcgi_temp_path tmp/fastcgi;
		proxy_temp_path tmp/proxy;
		scgi_temp_path tmp/scgi;
		uwsgi_temp_path tmp/uwsgi;
		client_header_buffer_size 2k;
		large_client_header_buffers 3 16k;
		keepalive_requests 1000000;
		server {
			listen 127.0.0.1:$port${tls:+ ssl} backlog=4096;
			server_name localhost;
			$tls
			include comfygate/comfygate-errors.conf;
			include comfygate/comfygate-server.conf;
			${EXTRA:+include "$EXTRA";}
			location / { include comfygate/comfygate-params.conf; }
		}
	}
	END
}

run_nginx() {
	"$nginx" -p "$dir" -c "$dir/nginx.conf" -e "$dir/logs/error.log"
}

alive() {
	[ -s "$dir/nginx.pid" ] && pid=$(cat "$dir/nginx.pid") &&
		kill -0 "$pid" 2>/dev/null &&
		[ "$(cat "/proc/$pid/comm" 2>/dev/null)" = nginx ]
}

# nginx forks once its sockets listen, and writes its pid right after that.
await_pid() {
	for try in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		alive && return 0
		sleep 0.1
	done
	return 1
}

start() {
	wanted=$port
	alive && fail "it runs already, pid $(cat "$dir/nginx.pid")"
	mkdir -p "$dir/logs" || fail "cannot write to $dir"
	rm -f "$dir/nginx.pid"
	for try in 1 2 3; do
		[ "$wanted" -ne 0 ] || port=$(free_port) || exit 1
		if [ "$wanted" -ne 0 ] && taken "$port"; then
			fail "port $port is taken"
		fi
		write_conf
		if run_nginx >"$dir/logs/start.log" 2>&1 && await_pid; then
			echo "$port"
			return
		fi
		# Somebody was faster: only a port of our choice is changed.
		if [ "$wanted" -ne 0 ] || ! grep -q 'Address already in use' \
		    "$dir/logs/start.log"; then
			break
		fi
	done
	tail -n 5 "$dir/logs/start.log" "$dir/logs/error.log" >&2
	fail "it did not start, see $dir/logs"
}

# Also when nobody has collected its status: in a container PID 1 may not.
ended() {
	! kill -0 "$pid" 2>/dev/null ||
		grep -q '^State:[[:space:]]*Z' "/proc/$pid/status" 2>/dev/null
}

stop() {
	alive || return 0
	kill -TERM "$pid"
	for try in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 \
		21 22 23 24 25 26 27 28 29 30 31 32 33 34 35 36 37 38 39 40; do
		! ended || return 0
		sleep 0.05
	done
	kill -KILL "$pid"
}

[ $# -ge 2 ] || usage
command=$1
dir=$(absolute "$2")
escaped "$dir" >/dev/null || exit 1
case $command in
stop)
	stop
	exit 0
	;;
start | write)
	[ $# -eq 5 ] || usage
	;;
*)
	usage
	;;
esac
PATH=$PATH:/usr/sbin:/sbin
nginx=$(command -v "${NGINX:-nginx}") ||
	fail "there is no nginx; install it (Debian, Ubuntu: apt-get install nginx-light)"
port=$3
case $port in
'' | *[!0-9]*) fail "not a port: $port" ;;
esac
socket=$(absolute "$4")
files=$(absolute "${5%/}")
escaped "$socket$files" >/dev/null || exit 1
if [ "$command" = write ]; then
	write_conf
else
	start
fi
