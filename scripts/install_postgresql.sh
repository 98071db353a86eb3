#!/usr/bin/env bash
# Bring the system's PostgreSQL, which the tests start a server of beside the embedded one.
# Does nothing where there is one of version 15 or later.
set -euo pipefail
for programs in /usr/lib/postgresql/*/bin; do
  version=$(basename "$(dirname "$programs")")
  if [ -x "$programs/initdb" ] && [ "$version" -ge 15 ]; then
    exit 0
  fi
done
if command -v initdb >/dev/null; then
  exit 0
fi
if ! command -v apt-get >/dev/null || [ "$(id -u)" -ne 0 ]; then
  echo "The tests need a PostgreSQL of the system, 15 or later: install the package postgresql." >&2
  exit 1
fi
apt-get update -qq
# Programs only: the package would start a server of its own.
mkdir -p /etc/postgresql-common
echo "create_main_cluster = false" > /etc/postgresql-common/createcluster.conf
DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends postgresql >/dev/null
