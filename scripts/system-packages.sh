#!/bin/sh
# What the tests of the sandbox, of interactive runs and of the page need from the system. As root on Debian and its kin it installs what is missing; else
# it says so, and those tests are skipped aloud. Used by CI before npm test; never by the product.
set -eu

missing=
for pair in bwrap:bubblewrap socat:socat prlimit:util-linux tmux:tmux git:git chromium:chromium; do
  command -v "${pair%%:*}" >/dev/null 2>&1 || missing="$missing ${pair##*:}"
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null 2>&1; then
  echo "system packages are missing, and what needs them is not tested:$missing" >&2
  exit 0
fi
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086 # a list of names
if ! { apt-get update -qq && apt-get install -y -qq --no-install-recommends $missing; } >/dev/null; then
  echo "system packages could not be installed, and what needs them is not tested:$missing" >&2
fi
