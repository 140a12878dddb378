# shellcheck shell=sh disable=SC2154 # what bench.sh has set
# Read by tests/bench.sh: uploads of 50 MB as a form, in turns with PUTs of the
# same file that nginx itself writes to disk (ngx_http_dav_module). The files
# are in $dir/uploads, on the daemon's disk. TURNS changes how many.
upload_bytes=50000000 turns=${TURNS:-10}

has_dav() {
	PATH=$PATH:/usr/sbin:/sbin nginx -V 2>&1 |
		grep -q -e '--with-http_dav_module\( \|$\)'
}

# What nginx needs for its own PUT, in pieces as large as those of our routes
# (comfygate-params.conf).
put_conf() {
	mkdir -p "$dir/uploads/put"
	has_dav || return 0
	echo "location /put/ { root \"$dir/uploads\"; dav_methods PUT;"
	echo 'client_max_body_size 101m; client_body_buffer_size 128k; }'
}

# ---- each prints the seconds that it took ----

form() { # NUMBER of the file
	curl -sS --fail -H "$auth" -H 'Expect:' -o "$dir/uploads/$1.answer" \
		-F "file=@$dir/uploads/$1" -w '%{time_total}\n' \
		"http://127.0.0.1:$port/v1/uploads"
}

put() { # NUMBER
	curl -sS --fail -H 'Expect:' -T "$dir/uploads/$1" \
		-w '%{time_total}\n' "http://127.0.0.1:$port/put/$1"
}

# nginx does not sync what it is sent.
put_and_sync() { # NUMBER
	took=$(put "$1") || return 1
	from=$(date +%s%N)
	sync -d "$dir/uploads/put/$1" || return 1
	awk -v put="$took" -v ns=$(($(date +%s%N) - from)) \
		'BEGIN { print put + ns / 1e9 }'
}

four() { # COMMAND
	running='' from=$(date +%s%N)
	for i in 1 2 3 4; do
		"$1" $i >/dev/null &
		running="$running $!"
	done
	for pid in $running; do
		wait "$pid" || return 1
	done
	awk -v ns=$(($(date +%s%N) - from)) 'BEGIN { print ns / 1e9 }'
}

# ---- the measure ----

# Of the daemon, in KB. VmRSS: now; VmHWM: the most since reset_peak.
memory() {
	awk -v name="$1:" '$1 == name { print $2 }' "/proc/$daemon/status"
}

reset_peak() {
	echo 5 >"/proc/$daemon/clear_refs" || die "this kernel keeps no peaks"
}

# Adds "KIND FILES SECONDS NGINX-MS DAEMON-MS": KIND FILES COMMAND…
measure() {
	kind=$1 files=$2
	shift 2
	n0=$(nginx_ms "$dir/nginx") d0=$(cpu_ms "/proc/$daemon")
	took=$("$@") || die "$kind failed: $(tail -n 3 "$dir/gate.log")"
	echo "$kind $files $took $(($(nginx_ms "$dir/nginx") - n0))" \
		"$(($(cpu_ms "/proc/$daemon") - d0))" >>"$dir/uploads/results"
}

# New contents: one that is there already is not written again. NUMBER…
renew() {
	for i; do
		head -c 16 /dev/urandom |
			dd of="$dir/uploads/$i" conv=notrunc status=none
	done
}

# Has the daemon got what was sent? NUMBER…
check() {
	for i; do
		sha256=$(sha256sum <"$dir/uploads/$i")
		grep -q "${sha256%% *}" "$dir/uploads/$i.answer" ||
			die "not what was sent: $(cat "$dir/uploads/$i.answer")"
	done
}

# Each kind: its median, and that as a share of what nginx does.
summary() {
	sort -k1,1 -k3,3n "$dir/uploads/results" | awk -v bytes=$upload_bytes '
		{ took[$1, ++count[$1]] = $3 / $2
		  nginx[$1] += $4 / $2; daemon[$1] += $5 / $2 }
		function middle(kind,  n) {
			n = count[kind]
			return (took[kind, int((n + 1) / 2)] \
				+ took[kind, int((n + 2) / 2)]) / 2
		}
		function share(kind, of, text) {
			if (of in count)
				return sprintf(", %.2f of %s",
					middle(of) / middle(kind), text)
		}
		function line(kind, text, shares) {
			if (kind in count)
				printf "  %-26s %4.0f ms, %4.0f MB/s, CPU: " \
					"nginx %3.0f ms, comfygate %3.0f ms%s\n",
					text, middle(kind) * 1e3,
					bytes / middle(kind) / 1e6,
					nginx[kind] / count[kind],
					daemon[kind] / count[kind], shares
		}
		END {
			line("put", "PUT, by nginx alone")
			line("synced", "PUT, then synced")
			line("form", "form", share("form", "put", "a PUT") \
				share("form", "synced", "one that is synced"))
			line("puts", "four PUTs at once, each")
			line("forms", "four forms at once, each",
				share("forms", "puts", "PUTs"))
		}'
}

uploads() {
	for i in 1 2 3 4; do
		head -c $upload_bytes /dev/urandom >"$dir/uploads/$i"
	done
	idle=$(memory VmRSS)
	reset_peak
	for turn in $(seq "$turns"); do
		renew 1
		measure form 1 form 1
		check 1
		if has_dav; then
			measure put 1 put 1
			rm "$dir/uploads/put/1"
			measure synced 1 put_and_sync 1
			rm "$dir/uploads/put/1"
		fi
	done
	alone=$(memory VmHWM)
	reset_peak
	for turn in $(seq $(((turns + 2) / 3))); do
		renew 1 2 3 4
		measure forms 4 four form
		check 1 2 3 4
		if has_dav; then
			measure puts 4 four put
			rm "$dir/uploads/put/"?
		fi
	done
	has_dav || echo "  nginx has no dav module: nothing to compare with"
	summary || die "no figures of the uploads"
	echo "  daemon: $idle KB idle, $alone KB at most with one at a time," \
		"$(memory VmHWM) KB with four"
	rm -r "$dir/uploads"
}
