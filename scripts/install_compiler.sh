#!/usr/bin/env bash
# Bring a C++ compiler, which the tests build the native decoder with.
# Does nothing where there is one.
set -euo pipefail
for compiler in "${CXX:-}" g++ clang++; do
  if [ -n "$compiler" ] && command -v "$compiler" >/dev/null; then
    exit 0
  fi
done
if ! command -v apt-get >/dev/null || [ "$(id -u)" -ne 0 ]; then
  echo "The tests need a C++ compiler: install the package g++, or set CXX." >&2
  exit 1
fi
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends g++ >/dev/null
