#!/bin/sh
# Checks that every folder of src/ includes only the folders it may, and that
# each library is known to one file alone. Prints nothing and exits 0 when the
# arrows all point one way.
cd "${1:-src}" || exit 2
{
	grep -ns '^#[ 	]*include "' /dev/null */*.c */*.h | awk -F'[:/"]' '
	BEGIN {
		may["base"]     = " base "
		may["manifest"] = " base media manifest "
		may["media"]    = " base media "
		may["helper"]   = " base media helper "
		may["http"]     = " base http "
		may["auth"]     = " base auth "
		may["input"]    = " base media manifest input "
		may["jobs"]     = " base jobs "
		may["comfy"]    = " base comfy "
		may["run"]      = " base media jobs comfy run "
		may["api"]      = " base media manifest http auth input jobs api "
	}
	$1 == "cli" { next }
	{ from = $1; to = $5
	  if (index(may[from], " " to " ") == 0)
		printf "%s/%s:%s: %s may not include %s\n",
		    $1, $2, $3, from, to }'

	grep -ns '^#[ 	]*include [<"]' /dev/null *.c *.h */*.c */*.h |
	awk -F'[:<>"]' '
	BEGIN {
		only["fcgiapp.h"]       = "^http/fastcgi\\.c$"
		only["jwt.h"]           = "^auth/token\\.c$"
		only["curl/curl.h"]     = "^base/curl_use\\.h$"
		only["base/curl_use.h"] = "^base/(wire|wire_dial|fetch|curl_use)\\.[ch]$"
		only["libwebsockets.h"] = "^comfy/ws\\.c$"
		only["sqlite3.h"]       = "^jobs/db_sqlite[a-z_]*\\.[ch]$"
		only["vips/vips.h"]     = "^helper/picture\\.c$"
		only["cJSON.h"]         = "^base/json\\.c$"
		only["cjson/cJSON.h"]   = "^base/json\\.c$"
	}
	$4 in only && $1 !~ only[$4] {
		printf "%s:%s: %s belongs to %s alone\n",
		    $1, $2, $4, only[$4] }'
} | { ! grep .; }
