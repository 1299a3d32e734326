# Sourced by the scripts that install a Debian package where a program is missing.

# die NAME MESSAGE
die() {
  printf '%s: %s\n' "$1" "$2" >&2
  exit 1
}

# debian_install NAME BY_HAND PACKAGE... installs packages as root, or with sudo that asks no password. BY_HAND is what a
# person can do instead.
debian_install() {
  local name=$1 by_hand=$2 root=()
  shift 2
  command -v apt-get >/dev/null || die "$name" "there is none, and no apt-get to install it with. $by_hand"
  if [ "$(id -u)" -ne 0 ]; then
    # Without a password or not at all: nobody may be there to type one.
    sudo -n true 2>/dev/null || die "$name" "there is none, and installing it needs root. $by_hand"
    root=(sudo -n)
  fi
  echo "$name: installing Debian's $*, once" >&2
  apt() {
    "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 "$@" </dev/null >&2
  }
  if ! { apt update && apt install -y --no-install-recommends "$@"; }; then
    die "$name" "cannot be installed (see above). $by_hand"
  fi
  hash -r
}
