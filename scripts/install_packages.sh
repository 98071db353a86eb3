#!/usr/bin/env bash
# Install Python packages and say what is going on: install_packages.sh PYTHON PIP-ARGUMENTS...
#
# WHAT names them; it is told first and, with the time it took, at the end. In a terminal one line shows what pip
# is at; elsewhere each download is a line. What pip says of an error is shown, unless IS_A_TRY says
# that something else is tried then.
set -euo pipefail
python=$1 what=${WHAT:-packages}
shift
said=$(mktemp)
trap 'rm -f "$said"' EXIT

show() {
  local line
  while IFS= read -r line; do
    printf '%s\n' "$line" >>"$said"
    case $line in
      *Downloading*) line=${line#"${line%%[![:space:]]*}"} ;;
      Collecting*|"Installing collected"*|*Preparing*|*Building*) [ -t 2 ] || continue ;;
      *) continue ;;
    esac
    if [ -t 2 ]; then
      printf '\r\033[K  %.76s' "$line" >&2
    else
      printf '  %s\n' "$line" >&2
    fi
  done
}

printf 'Installing %s …\n' "$what" >&2
begin=$SECONDS
if "$python" -m pip install --disable-pip-version-check --progress-bar off "$@" 2>&1 | show; then
  [ ! -t 2 ] || printf '\r\033[K' >&2
  printf 'Installed %s in %d s.\n' "$what" "$((SECONDS - begin))" >&2
else
  [ ! -t 2 ] || printf '\r\033[K' >&2
  [ -z "${IS_A_TRY:-}" ] || exit 1
  grep -v '^Requirement already satisfied' "$said" | tail -30 >&2
  printf 'Installing %s failed; what pip said is above.\n' "$what" >&2
  exit 1
fi
