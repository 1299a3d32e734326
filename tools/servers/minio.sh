#!/usr/bin/env bash
# Prints the path of the MinIO server that the tests of media/minio start, and builds it first if it is not there. It is
# kept outside the tree, under a name made of all that decides what comes out, so that it is built once. The server is
# under the AGPL: it runs as a process of its own, and none of its code is in this tree.
#
#   tools/servers/minio.sh            build if need be, print the path
#   tools/servers/minio.sh --cached   print the path if it is there, else fail and say what to run
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

# What github.com/minio/minio@latest was on 2026-11-25. Pinned: the figures and promises in docs were seen with this one.
version=v0.0.0-20260212201848-7aac2a2c5b7c

die() {
  printf 'minio test server: %s\n' "$1" >&2
  exit 1
}

command -v go >/dev/null || die "there is no go command on PATH"

flags=(-trimpath -ldflags '-s -w')
hash=$({ echo "$version ${flags[*]}"; cd / && go env GOVERSION GOOS GOARCH; } | sha256sum | cut -c1-16)
dir=${XDG_CACHE_HOME:-$HOME/.cache}/paicha/servers/minio-$version-$hash
bin=$dir/minio

if [ ! -x "$bin" ]; then
  if [ "${1:-}" = --cached ]; then
    die "not built yet; run: make test-servers (or tools/servers/minio.sh)"
  fi
  mkdir -p "$dir"
  tmp=$(mktemp -d "$dir/build-XXXXXX")
  trap 'rm -rf "$tmp"' EXIT
  echo "minio test server: building $version, once; some three minutes" >&2
  # In a folder without a module, and without the caller's GOFLAGS such as -mod or -race: they are not meant for this.
  if ! (cd "$tmp" && GOFLAGS='' GOWORK=off CGO_ENABLED=0 GOBIN="$tmp" nice -n 10 \
    go install "${flags[@]}" "github.com/minio/minio@$version") >&2; then
    die "cannot be built (see above). It needs github.com/minio/minio $version and its modules from the Go module proxy, once, \
and some 2 GB of disk for the build."
  fi
  mv "$tmp/minio" "$bin" # by renaming: two builds at once come to the same
fi
echo "$bin"
