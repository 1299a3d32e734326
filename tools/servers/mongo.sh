#!/usr/bin/env bash
# Prints the path of the MongoDB-compatible server that the tests of internal/store/mongo start, and builds it first if
# it is not there. It is kept outside the tree, under a name made of its sources, so that it is built once a change.
#
#   tools/servers/mongo.sh            build if need be, print the path
#   tools/servers/mongo.sh --cached   print the path if it is there, else fail and say what to run
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../mongoserver"

die() {
  printf 'mongo test server: %s\n' "$1" >&2
  exit 1
}

command -v go >/dev/null || die "there is no go command on PATH"

# All that decides what comes out: sources, versions of the modules, this script's flags, compiler and platform.
version=$(sed -n 's#^require github.com/FerretDB/FerretDB ##p' go.mod)
hash=$({ cat go.mod go.sum ./*.go ./*.patch ../servers/mongo.sh; go env GOVERSION GOOS GOARCH; } | sha256sum | cut -c1-16)
dir=${XDG_CACHE_HOME:-$HOME/.cache}/paicha/servers/mongo-$version-$hash
bin=$dir/mongoserver

if [ ! -x "$bin" ]; then
  if [ "${1:-}" = --cached ]; then
    die "not built yet; run: make test-servers (or tools/servers/mongo.sh)"
  fi
  mkdir -p "$dir"
  tmp=$(mktemp -d "$dir/build-XXXXXX")
  trap 'rm -rf "$tmp"' EXIT
  echo "mongo test server: building FerretDB $version, once; some two minutes" >&2
  # Vendored, because files of the module cache cannot be patched. FerretDB's PostgreSQL half is left out. GOFLAGS of the
  # caller, such as -mod or -race, are not meant for this.
  cp go.mod go.sum ./*.go ./*.patch "$tmp"
  build() {
    cd "$tmp" && export GOFLAGS= GOWORK=off CGO_ENABLED=0 && nice -n 10 go mod vendor &&
      (cd vendor/github.com/FerretDB/FerretDB && GIT_CEILING_DIRECTORIES=/ git apply -p1 "$tmp"/*.patch) &&
      nice -n 10 go build -mod=vendor -trimpath -buildvcs=false -tags ferretdb_no_postgresql -ldflags '-s -w' -o mongoserver .
  }
  if ! (build) >&2; then
    die "cannot be built (see above). It needs FerretDB $version and its modules from the Go module proxy, once. \
With PAICHA_TEST_MONGO_URI the tests use a MongoDB that runs already."
  fi
  mv "$tmp/mongoserver" "$bin" # by renaming: two builds at once come to the same
fi
echo "$bin"
