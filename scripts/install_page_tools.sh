#!/usr/bin/env bash
# Installs what the page's checks and tests need: Node's tools here, and npm and Chromium as packages of
# the system, if that is agreed to. What is there already is left as it is; CHROMIUM names another browser
# than /usr/bin/chromium.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/system_packages.sh
if ! command -v npm > /dev/null; then
  agree_to "The page's checks" npm
  install_package npm
fi
if [ ! -x "${CHROMIUM:-/usr/bin/chromium}" ]; then
  agree_to "The page's tests (or set CHROMIUM)" chromium
  install_package chromium
fi
npm ci --no-audit --no-fund --silent
