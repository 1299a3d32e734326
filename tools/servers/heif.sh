#!/usr/bin/env bash
# Makes sure that heif-convert and heif-enc are there, with which previews of HEIC photos are made and tested; installs
# Debian's package first if they are not.
set -euo pipefail
. "$(dirname "$0")/debian.sh"

there() { command -v heif-convert >/dev/null && command -v heif-enc >/dev/null; }

by_hand="Install heif-convert and heif-enc (Debian: apt-get install libheif-examples)."
there || debian_install heif "$by_hand" libheif-examples
there || die heif "was installed and is not on PATH. $by_hand"
