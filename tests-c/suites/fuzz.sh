#!/usr/bin/env bash
# Hostile images and compressed data: libFuzzer for a minute each, or for
# TABOS_FUZZ_SECONDS. It goes on from the inputs in tests-c/fuzz/corpus and from what
# earlier runs left in build/suites/fuzz; TABOS_FUZZ_KEEP=1 puts all of it into the corpus.
set -euo pipefail

top=$(cd "$(dirname "$0")/../.." && pwd)
work=$top/build/suites/fuzz
seconds=${TABOS_FUZZ_SECONDS:-60}

make -s -C "$top/tests-c" -j"$(nproc)" fuzz
mkdir -p "$work"
cd "$work" # crash-… files are left here
for part in ext2 squashfs decompress; do
	mkdir -p "$part"
	corpus=$top/tests-c/fuzz/corpus/$part.tar.gz
	[[ ! -e $corpus ]] || tar xzf "$corpus" --skip-old-files
	longest=4096
	# A first input for each image and each compression; the rest is for the fuzzer to find.
	for first in 0 1 2 3 4; do
		printf "\\x$first" >"$part/first-$first"
	done
	if TABOS_FUZZ="$part -max_total_time=$seconds -max_len=$longest -timeout=30 -print_final_stats=1" \
		"$top/build/tests/kernel-fuzz" "fuzz: $part" >"$part.log" 2>&1; then
		echo "ok suite: fuzz $part: $(sed -n 's/^stat::number_of_executed_units: *//p' "$part.log") inputs"
	else
		tail -n 40 "$part.log"
		echo "FAIL suite: fuzz $part: build/suites/fuzz has the input"
	fi
	[[ ! ${TABOS_FUZZ_KEEP:-} ]] ||
		tar cf - --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner "$part" | gzip -9n >"$corpus"
done
