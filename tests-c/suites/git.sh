#!/usr/bin/env bash
# Git on /home, which is ext2 in a file: a repository of a few thousand files (its
# own source) is made, changed, packed, cloned and checked; then, in another boot, checked
# again. And /usr copied by tar is, to diff -r, what it was.
set -euo pipefail

top=$(cd "$(dirname "$0")/../.." && pwd)
work=$top/build/suites/git
rm -rf "$work"
mkdir -p "$work"
. "$top/userland/ports/git/recipe"
tree=$("$top/userland/fetch.sh" "$source" "$version" $sha256)
tabos() { timeout 300 node "$top/boot/tabos.mjs" --home "$work/home.img" -c "$1"; }

cat >"$work/script" <<'SCRIPT'
set -e
git config --global user.name Somebody
git config --global user.email somebody@example.com
git init -q -b main source
tar -x -C source
cd source
files=$(find . -path ./.git -prune -o -type f -print | wc -l)
[ "$files" -ge 1000 ]
git add -A
git commit -qm 'all of it'
find . -name '*.h' -not -path './.git/*' | while read -r file; do echo '/* changed */' >>"$file"; done
git commit -qam 'every header'
git mv Makefile Makefile.moved
git rm -q README.md
git commit -qm 'names'
git log --format='%s' --stat | tail -n 3
git diff --stat HEAD~2 HEAD | tail -n 1
git fsck
git gc -q
git fsck
git clone -q . ../clone
git -C ../clone log --format='%T %s' HEAD
git status --short
git clean -fdxq
cd ..
mv source/.git kept && rm -rf clone/.git
diff -r source clone && echo 'the clone is the same'
mv kept source/.git
SCRIPT
cat >"$work/again" <<'SCRIPT'
set -e
cd ~/git/source
git fsck
git status --short
git clean -fdxq
git log --format='%T %s'
cd ..
mkdir usr && tar -C /usr -c include lib share | tar -C usr -x
for part in include lib share; do diff -r /usr/$part usr/$part; done && echo 'tar copies /usr'
find usr | wc -l | awk '{ print ($1 > 1000 ? "over" : "not even"), 1000, "files" }'
SCRIPT

native() {
	mkdir -p "$work/here"
	(cd "$work/here" && HOME=$work/here GIT_CONFIG_NOSYSTEM=1 sh "$work/script")
}
xz -dc "$tree"/*.orig.tar.xz | tar -x -C "$work"
mv "$work"/git-* "$work/tree"
tar -C "$work/tree" -cf "$work/tree.tar" .
native <"$work/tree.tar" >"$work/here.out" 2>"$work/here.err" || true
tabos "mkdir -p ~/git && cd ~/git && { $(cat "$work/script")
}" <"$work/tree.tar" >"$work/tabos.out" 2>"$work/tabos.err" || echo "TabOS ended with $?" >>"$work/tabos.out"
status=0
check() { # NAME, and the outputs
	if diff "$2" "$3"; then
		echo "ok $1"
	else
		echo "FAIL $1: TabOS (>) differs from this machine (<)"
		tail -n 5 "$work"/*.err
		status=1
	fi
}
check 'suite: git on thousands of files, as here' "$work/here.out" "$work/tabos.out"
{
	grep ' ' "$work/here.out" | grep -E '^[0-9a-f]{40} '
	echo 'tar copies /usr'
	echo 'over 1000 files'
} >"$work/expected"
tabos "$(cat "$work/again")" >"$work/again.out" 2>"$work/again.err" || echo "TabOS ended with $?" >>"$work/again.out"
check 'suite: git after another boot; /usr copied by tar' "$work/expected" "$work/again.out"
exit $status
