#!/usr/bin/env bash
# Brings craiyon.py for the service's tests, in an environment of its own: what it needs is older than
# what the service needs. Does nothing where it is there. PYTHON names another Python than python3.
set -euo pipefail
cd "$(dirname "$0")/.."
version=1.2.0
environment=.cache/craiyon
if [ -f "$environment/.installed-$version" ]; then
  exit 0
fi
"${PYTHON:-python3}" -m venv "$environment"
"$environment/bin/python" -m pip install --quiet "craiyon.py==$version"
touch "$environment/.installed-$version"
