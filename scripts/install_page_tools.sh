#!/usr/bin/env bash
# Installs what the page's checks and tests need: Node's tools, and Chromium from the system's packages.
# What is there already is left as it is; CHROMIUM names another browser than /usr/bin/chromium.
set -euo pipefail
cd "$(dirname "$0")/.."

install_package() {
  local as_root=""
  [ "$(id -u)" -eq 0 ] || as_root="sudo"
  command -v apt-get > /dev/null || {
    echo "The page's tests need $1, and there is no apt-get to install it; please install it yourself." >&2
    exit 2
  }
  $as_root apt-get update -qq
  DEBIAN_FRONTEND=noninteractive $as_root apt-get install -qq -y --no-install-recommends "$1" > /dev/null
}

command -v npm > /dev/null || install_package npm
[ -x "${CHROMIUM:-/usr/bin/chromium}" ] || install_package chromium
npm ci --no-audit --no-fund --silent
