#!/usr/bin/env bash
# Prints the path of the Chromium that the browser test of internal/e2e drives, and installs Debian's package first if
# there is none. PAICHA_CHROMIUM, if set, names the browser to take; nothing is installed then.
#
#   tools/servers/chromium.sh    install if need be, print the path
set -euo pipefail

die() {
  printf 'chromium: %s\n' "$1" >&2
  exit 1
}

# runs: some distributions ship a chromium-browser that only says where to get one.
runs() { "$1" --version </dev/null 2>/dev/null | grep -Eq '^(Chromium|Google Chrome)'; }

# found prints the first on PATH that runs.
found() {
  local name bin
  for name in chromium chromium-browser google-chrome; do
    if bin=$(command -v "$name") && runs "$bin"; then
      echo "$bin"
      return
    fi
  done
  return 1
}

by_hand="Install a Chromium or Chrome that is called chromium, chromium-browser or google-chrome on PATH (Debian: \
apt-get install chromium), or set PAICHA_CHROMIUM to one."

if [ -n "${PAICHA_CHROMIUM:-}" ]; then
  bin=$(command -v "$PAICHA_CHROMIUM") || die "PAICHA_CHROMIUM is $PAICHA_CHROMIUM, which is no program"
  runs "$bin" || die "PAICHA_CHROMIUM is $PAICHA_CHROMIUM, which does not run as a Chromium or Chrome"
  echo "$bin"
  exit
fi
if found; then
  exit
fi

command -v apt-get >/dev/null || die "there is none, and no apt-get to install it with. $by_hand"
root=()
if [ "$(id -u)" -ne 0 ]; then
  # Without a password or not at all: nobody may be there to type one.
  sudo -n true 2>/dev/null || die "there is none, and installing it needs root. $by_hand"
  root=(sudo -n)
fi
echo "chromium: installing Debian's package, once; some 120 MB" >&2
apt() {
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 "$@" </dev/null >&2
}
if ! { apt update && apt install -y --no-install-recommends chromium; }; then
  die "cannot be installed (see above). $by_hand"
fi
hash -r
found || die "was installed and does not run. $by_hand"
