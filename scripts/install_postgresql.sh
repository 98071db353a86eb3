#!/usr/bin/env bash
# Bring the system's PostgreSQL, which the tests start a server of beside the embedded one, if that is
# agreed to. Does nothing where there is one of version 15 or later.
set -euo pipefail
cd "$(dirname "$0")/.."
for programs in "${POSTGRESQL_FOLDER:-/usr/lib/postgresql}"/*/bin; do
  version=$(basename "$(dirname "$programs")")
  if [ -x "$programs/initdb" ] && [ "$version" -ge 15 ]; then
    exit 0
  fi
done
if command -v initdb >/dev/null; then
  exit 0
fi
. scripts/system_packages.sh
agree_to "The tests of the service" postgresql
# Programs only: the package would start a server of its own. A file that is there is left as it is.
settings=${POSTGRESQL_COMMON:-/etc/postgresql-common}/createcluster.conf
if [ ! -e "$settings" ]; then
  run_as_root mkdir -p "$(dirname "$settings")"
  run_as_root sh -c "echo 'create_main_cluster = false' > '$settings'"
fi
install_package postgresql
