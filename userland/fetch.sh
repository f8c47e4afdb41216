#!/usr/bin/env bash
# fetch.sh NAME VERSION SHA256...: download a Debian source package.
#
# Prints the directory, in the cache, that holds the package's files (.dsc and
# archives). Every file must have one of the checksums given; with none given,
# prints the checksums and fails, so that a recipe can be written.
#
# Where packages come from is the machine's own business: the deb-src lines are
# made of its own apt sources, in a private configuration. Nothing in /etc changes.
set -euo pipefail

(($# >= 2)) || { echo "usage: fetch.sh NAME VERSION SHA256..." >&2; exit 2; }
name=$1 version=$2
shift 2
cache="${TABOS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/tabos}"
target="$cache/sources/${name}_${version//:/%3a}"
apt="$cache/apt"

# verify DIRECTORY SHA256...: the .dsc is there and every file has a known checksum.
verify() {
	local directory=$1 file sum
	shift
	compgen -G "$directory/*.dsc" >/dev/null || return 1
	for file in "$directory"/*; do
		sum=$(sha256sum "$file")
		sum=${sum%% *}
		[[ " $* " == *" $sum "* ]] || {
			echo "fetch.sh: ${file##*/} has the checksum $sum, which the recipe doesn't list" >&2
			return 1
		}
	done
}

# The machine's binary sources as source entries, in both of apt's formats.
source_entries() {
	local file
	mkdir -p "$apt/sources.list.d"
	rm -f "$apt"/sources.list.d/*
	for file in /etc/apt/sources.list.d/*.sources; do
		[[ -e $file ]] || continue
		sed -E 's/^Types:.*/Types: deb-src/' "$file" >"$apt/sources.list.d/${file##*/}"
	done
	for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
		[[ -e $file ]] || continue
		sed -nE 's/^deb(-src)?[[:space:]]/deb-src /p' "$file" | sort -u >"$apt/sources.list.d/${file##*/}"
	done
}

private_apt() {
	apt-get -q \
		-o Dir::Etc::sourcelist=/dev/null \
		-o Dir::Etc::sourceparts="$apt/sources.list.d" \
		-o Dir::State::lists="$apt/lists" \
		-o Dir::Cache="$apt/cache" \
		-o APT::Sandbox::User=root \
		-o Acquire::Languages=none \
		-o APT::Get::List-Cleanup=false "$@"
}

update() {
	mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial"
	source_entries
	private_apt update >"$apt/log" 2>&1
}

if (($#)) && [[ -d $target ]] && verify "$target" "$@"; then
	echo "$target"
	exit 0
fi

mkdir -p "$cache/sources" "$apt"
exec 9>"$apt/lock"
flock 9 # two builds at once would fight over apt's lists
scratch=$(mktemp -d "$cache/sources/.fetch.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
download() {
	(cd "$scratch" && private_apt source --download-only "$name=$version") >>"$apt/log" 2>&1
}
# The lists are fetched once; again only when they don't know the version.
[[ -d $apt/lists/partial ]] || update || true
if ! download; then
	update || true
	if ! download; then
		echo "fetch.sh: apt has no source of $name $version. It said:" >&2
		grep -E '^[EW]:' "$apt/log" >&2 || tail -n 5 "$apt/log" >&2
		exit 1
	fi
fi
if (($# == 0)); then
	echo "fetch.sh: no checksums given; these came:" >&2
	(cd "$scratch" && sha256sum -- *) >&2
	exit 1
fi
verify "$scratch" "$@" || exit 1
rm -rf "$target"
chmod 755 "$scratch"
mv "$scratch" "$target"
trap - EXIT
echo "$target"
