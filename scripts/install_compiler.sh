#!/usr/bin/env bash
# Bring a C++ compiler, which the tests build the native decoder with, if that is agreed to.
# Does nothing where there is one.
set -euo pipefail
cd "$(dirname "$0")/.."
for compiler in "${CXX:-}" g++ clang++; do
  if [ -n "$compiler" ] && command -v "$compiler" >/dev/null; then
    exit 0
  fi
done
. scripts/system_packages.sh
agree_to "The tests of the native decoder (or set CXX)" g++
install_package g++
