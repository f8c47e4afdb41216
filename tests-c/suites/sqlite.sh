#!/usr/bin/env bash
# SQLite on /home, which is ext2 in a file: its speedtest1 finds what it finds on
# this machine; and a database whose system is killed in the midst of writing,
# again and again, is whole each time and has every transaction that was committed.
#
#     tests-c/suites/sqlite.sh [KILLS]
set -euo pipefail

top=$(cd "$(dirname "$0")/../.." && pwd)
work=$top/build/suites/sqlite
kills=${1:-25}
rm -rf "$work"
mkdir -p "$work/build"
. "$top/userland/ports/sqlite/recipe"
files=$("$top/userland/fetch.sh" "$source" "$version" $sha256)
dpkg-source --no-check -x "$files"/*.dsc "$work/source" >/dev/null
tabos() { timeout 300 node "$top/boot/tabos.mjs" --home "$work/home.img" "$@"; }
status=0
fail() {
	echo "FAIL $*"
	status=1
}

(
	cd "$work/build"
	"$work/source/configure" --disable-tcl --disable-readline >log 2>&1
	make sqlite3.c >>log 2>&1
	options="-O2 -w -DSQLITE_THREADSAFE=1 -DSQLITE_OMIT_LOAD_EXTENSION -DHAVE_USLEEP=1 -I."
	cc $options "$work/source/test/speedtest1.c" sqlite3.c -o here -lm -lpthread
	"$top/userland/cc/tabos-cc" $options "$work/source/test/speedtest1.c" sqlite3.c -o tabos
)
# Without the times; the verification lists what the queries gave.
results() { sed -E 's/ +[0-9]+\.[0-9]+s$//; s/\.+$//'; }
rm -f "$work/here.db"
"$work/build/here" --size 20 --verify "$work/here.db" | tee "$work/here.raw" | results >"$work/here.out"
tabos --cwd /home "$work/build/tabos" --size 20 --verify speed.db >"$work/tabos.raw" 2>&1 || true
results <"$work/tabos.raw" >"$work/tabos.out"
total() { sed -n 's/.*TOTAL\.* *//p' "$1"; }
if diff "$work/here.out" "$work/tabos.out"; then
	echo "ok suite: sqlite, speedtest1 (here $(total "$work/here.raw"), TabOS $(total "$work/tabos.raw"))"
else
	fail "suite: sqlite, speedtest1: TabOS (>) differs from this machine (<)"
fi

# Transactions of 50 rows, each with a checksum of its own; a line tells that one is committed. EXTRA is what
# promises that a commit outlives a power cut: with less, the journal's removal may not, and rolls it back.
cat >"$work/writer" <<'WRITER'
cd /home
last=$(sqlite3 killed.db 'SELECT coalesce(max(batch), 0) FROM t')
while :; do
	last=$((last + 1))
	sqlite3 killed.db "PRAGMA synchronous=EXTRA; BEGIN; WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50)
		INSERT INTO t (batch, data) SELECT $last, randomblob(3000) FROM n;
		DELETE FROM t WHERE batch < $last - 40; COMMIT" && echo "$last"
done
WRITER
tabos -c "cd /home; sqlite3 killed.db 'CREATE TABLE t (id INTEGER PRIMARY KEY, batch INTEGER, data BLOB)'"
committed=0
for ((i = 0; i < kills; i++)); do
	: >"$work/written"
	node "$top/boot/tabos.mjs" --home "$work/home.img" -c "$(cat "$work/writer")" >"$work/written" 2>/dev/null &
	writer=$!
	sleep "$((RANDOM % 2 + 1)).$((RANDOM % 10))"
	kill -9 $writer
	wait $writer 2>/dev/null || true
	said=$(grep -E '^[0-9]+$' "$work/written" | tail -n 1) || true # nothing yet
	[ -z "$said" ] || committed=$said
	found=$(tabos -c "cd /home; sqlite3 killed.db 'PRAGMA integrity_check; SELECT coalesce(max(batch), 0) FROM t; SELECT count(*) FROM (SELECT count(*) AS n FROM t GROUP BY batch HAVING n <> 50)'" 2>&1 | tr '\n' ' ') || true
	read -r integrity newest torn rest <<<"$found"
	if [ "$integrity" != ok ] || [ "$torn" != 0 ] || [ "${newest:-0}" -lt "$committed" ]; then
		fail "suite: sqlite, kill $i: committed $committed, found: $found"
		break
	fi
done
[ "$committed" -gt 0 ] || fail "suite: sqlite: nothing was committed before a kill"
[ $status -ne 0 ] || echo "ok suite: sqlite, $kills kills, $committed transactions"
exit $status
