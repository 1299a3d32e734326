#!/usr/bin/env bash
# Prints the path of the Chromium that the browser test of internal/e2e drives, and installs Debian's package first if
# there is none. PAICHA_CHROMIUM, if set, names the browser to take; nothing is installed then.
#
#   tools/servers/chromium.sh    install if need be, print the path
set -euo pipefail
. "$(dirname "$0")/debian.sh"

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
  bin=$(command -v "$PAICHA_CHROMIUM") || die chromium "PAICHA_CHROMIUM is $PAICHA_CHROMIUM, which is no program"
  runs "$bin" || die chromium "PAICHA_CHROMIUM is $PAICHA_CHROMIUM, which does not run as a Chromium or Chrome"
  echo "$bin"
  exit
fi
if found; then
  exit
fi

debian_install chromium "$by_hand" chromium # some 120 MB
found || die chromium "was installed and does not run. $by_hand"
