#!/usr/bin/env bash
# Builds, runs and tests TabOS. `./build.sh help` lists the targets.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

CACHE="${TABOS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/tabos}"
CARGO_TOOLS="$CACHE/cargo"
LLVM=22
WIT_BINDGEN_VERSION=0.63.0
WASMTIME_VERSION=48.0.8
JOBS="$(nproc 2>/dev/null || echo 2)"
export TABOS_CACHE="$CACHE"
export PATH="$PWD/node_modules/.bin:$CARGO_TOOLS/bin:$HOME/.cargo/bin:$PATH"

say() { printf '\033[1m%s\033[0m\n' "$*" >&2; }
fail() { printf 'build.sh: %s\n' "$*" >&2; exit 1; }

help() {
	cat <<'TEXT'
./build.sh TARGET

  run [--port N]  build everything and serve the page on localhost (port 8080)
  test [NAME]     build and run every test, or those whose name contains NAME
  build           build everything: kernel, libc, userland, page and Node host
  kernel          build/kernel.wasm, its debug twin and uaccess.wasm
  libc            the C library and tabos-cc
  userland        the libc, the shell, the commands, and the packages of /usr
  site            the page (build/site) and the Node host, from TypeScript
  bench [ARG...]  measure TabOS against this machine, and print the table
  suites [NAME]   what takes longer than tests may: packages' own checks (bash, make,
                  git, SQLite), crashes, storms of signals, fuzzing, models
  clean           remove build/ (the cache of downloads stays)
  help            this text

kernel --partial links although functions are missing, while one writes it.
Downloads and finished third-party builds are kept in ~/.cache/tabos.
TEXT
}

# ---- what the machine must have ----

as_root() {
	if ((EUID == 0)); then "$@"; else sudo -n "$@"; fi
}

# Installs Debian packages that are missing, or says which.
need_packages() {
	local missing=() package
	for package in "$@"; do
		dpkg-query -W -f='${Status}' "$package" 2>/dev/null |
			grep -q '^install ok installed$' || missing+=("$package")
	done
	((${#missing[@]})) || return 0
	as_root true 2>/dev/null || fail "please install these Debian packages: ${missing[*]}"
	say "installing ${missing[*]}"
	if ! as_root apt-get install -y --no-install-recommends "${missing[@]}" >"$LOG" 2>&1; then
		as_root apt-get update >>"$LOG" 2>&1 &&
			as_root apt-get install -y --no-install-recommends "${missing[@]}" >>"$LOG" 2>&1 ||
			fail "apt could not install ${missing[*]}; its output is in $LOG"
	fi
}

need_tools() {
	need_packages clang-$LLVM lld-$LLVM llvm-$LLVM libclang-rt-$LLVM-dev-wasm32 \
		make gcc libc6-dev
}

need_npm() {
	command -v npm >/dev/null || need_packages nodejs npm
	command -v npm >/dev/null || fail "please install Node.js and npm"
	local stamp=node_modules/.tabos-lock
	if ! cmp -s package-lock.json "$stamp"; then
		say "installing npm packages"
		npm ci --no-audit --no-fund >"$LOG" 2>&1 ||
			fail "npm could not install the packages; its output is in $LOG"
		cp package-lock.json "$stamp"
	fi
	# The system runs on npm's own Node, which has what older ones lack.
	node -e 'process.exit(process.versions.node.split(".")[0] < 26 ? 1 : 0)' 2>/dev/null ||
		(cd node_modules/node && node installArchSpecificPackage.js >"$LOG" 2>&1) ||
		fail "npm's node package has no program for this machine; its output is in $LOG"
}

# Debian's stable releases have a cargo-web besides, for browsers to be built with: it is the newer one.
need_rust() {
	command -v cargo >/dev/null && return
	if command -v apt-get >/dev/null; then
		apt-cache show cargo >/dev/null 2>&1 || as_root apt-get update &>"$LOG" || true
		if apt-cache show cargo-web >/dev/null 2>&1; then need_packages cargo-web; else need_packages cargo; fi
	fi
	command -v cargo >/dev/null || fail "please install Rust's cargo"
}

# need_cargo PROGRAM CRATE VERSION OPTIONS…: a program from a Rust crate, in the cache.
need_cargo() {
	local program=$1 crate=$2 version=$3
	shift 3
	"$CARGO_TOOLS/bin/$program" --version 2>/dev/null | grep -qF "$version" && return
	need_rust
	say "building $crate $version (a few minutes, once)"
	cargo install --quiet --root "$CARGO_TOOLS" "$crate" --version "$version" "$@" >"$LOG" 2>&1 ||
		fail "cargo could not build $crate $version; its output is in $LOG"
}

need_wit_bindgen() {
	need_cargo wit-bindgen wit-bindgen-cli $WIT_BINDGEN_VERSION --no-default-features --features c
}

need_wasmtime() {
	need_cargo wasmtime wasmtime-cli $WASMTIME_VERSION --locked --no-default-features \
		--features run,cranelift,parallel-compilation,threads,cache,wat
}

# Two builds of one part at once would write the same files; the second waits.
lock_build() { # PART
	exec 8>"build/.lock-$1"
	flock -n 8 || { say "waiting for another build of the $1"; flock 8; }
}

# need_frame PART: what every target needs; then this part is ours alone.
need_frame() {
	lock_build frame
	need_tools
	need_npm
	need_wit_bindgen
	generate
	lock_build "$1"
}

# ---- building ----

# newer TARGET PATH…: is a file under one of the paths newer than TARGET, or TARGET missing?
newer() {
	local target=$1
	shift
	[[ ! -e $target ]] || [[ -n $(find "$@" -newer "$target" -print -quit) ]]
}

generate() {
	newer build/gen/.stamp wit || return 0
	say "generating bindings from wit/"
	node wit/generate.mjs "$CARGO_TOOLS/bin/wit-bindgen" build/gen
	touch build/gen/.stamp
}

kernel() {
	need_frame kernel
	local partial=
	[[ ${1:-} == --partial ]] && partial=1
	local parts=(kernel uaccess)
	need_packages dpkg-dev xz-utils
	userland/zstd.sh
	[[ $partial ]] || parts+=(debug)
	make --no-print-directory -s -k -O -j"$JOBS" -f kernel-c/Makefile PARTIAL=$partial "${parts[@]}"
	if [[ -z $partial ]]; then
		node wit/check.mjs --as kernel build/kernel.wasm build/kernel.debug.wasm
	fi
	say "kernel.wasm: $(($(stat -c %s build/kernel.wasm) / 1024)) KiB"
}

libc() {
	need_frame userland
	need_packages dpkg-dev patch xz-utils bzip2 g++ llvm-$LLVM-dev # g++ and LLVM's headers for the pass in userland/cc
	TABOS_JOBS=$JOBS userland/libc/build.sh
}

userland() {
	libc
	need_packages squashfs-tools ncurses-bin libc-bin tcl # images, tic, zic, SQLite's own build
	userland/ports/build.sh
	node wit/check.mjs --as program build/root
	userland/archive.sh
	node boot/site.mjs build/site
}

# The page and the Node host, from TypeScript.
site() {
	need_frame site
	mkdir -p build/site build/node
	if newer build/.bundles boot drivers-ts build/gen/kernel.d.ts rollup.config.mjs tsconfig.json package-lock.json; then
		say "checking and bundling TypeScript"
		tsc -p .
		rollup -c --silent
		touch build/.bundles
	fi
	cp -u boot/index.html boot/style.css node_modules/@xterm/xterm/css/xterm.css build/site/
	cp -u build/kernel.wasm build/kernel.debug.wasm build/kernel.debug.wasm.map build/uaccess.wasm build/site/
	node boot/site.mjs build/site
}

build() {
	kernel
	userland
	site
}

run() {
	build
	exec 8>&- # others may build while this serves
	exec node boot/serve.mjs "$@"
}

# The build is a test too: when it fails, the last line still says so.
test() {
	if ! "$BASH_SOURCE" test-build; then
		echo "0 passed, 1 failed"
		return 1
	fi
	node tests-ts/run.mjs "$@"
}

# What others wrote, from Debian's source packages.
suites() {
	build
	exec 8>&-
	need_packages dash xz-utils spin e2fsprogs
	node tests-ts/run.mjs --suites "$@"
}

test-build() {
	# The same commands run here and in TabOS: those that not every Debian has.
	need_packages libclang-rt-$LLVM-dev dash bc ed time bsdextrautils chromium firefox-esr
	need_wasmtime
	build
}

bench() {
	build
	exec 8>&-
	need_packages bc chromium firefox-esr util-linux
	node bench/run.mjs "$@"
}

clean() {
	rm -rf build
}

mkdir -p build
LOG="$PWD/build/install.log"
target=${1:-help}
(($#)) && shift
case $target in
run | test | test-build | build | kernel | libc | userland | site | bench | suites | clean | help) "$target" "$@" ;;
*)
	help >&2
	exit 2
	;;
esac
