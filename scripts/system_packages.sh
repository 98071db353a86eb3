# Packages of the system, for the scripts beside this one, which source it.
#
# Nothing of a machine is changed unasked. CI=true agrees to what tests need, and so does
# SYSTEM_PACKAGES=yes; otherwise a person at a terminal is asked, and where there is none the command
# is named and nothing is done. Whatever is run as root is said before it is run.

# agree_to WHAT_FOR PACKAGE: return if the package may be installed; end the script if not.
agree_to() {
  local what_for=$1 package=$2 answer=""
  if ! command -v apt-get > /dev/null; then
    echo "$what_for need $package, and there is no apt-get here: install it by the system's own means." >&2
    exit 1
  fi
  local command="apt-get install $package"
  [ "$(id -u)" -eq 0 ] || command="sudo $command"
  if [ "${CI:-}" = true ] || [ "${SYSTEM_PACKAGES:-}" = yes ]; then
    return
  fi
  if [ -t 0 ] && [ -t 2 ]; then
    read -r -p "$what_for need the system's package $package. Run '$command' now? [y/N] " answer
    case $answer in [yY] | [yY][eE][sS]) return ;; esac
  fi
  echo "$what_for need the system's package $package; nothing was installed." >&2
  echo "Run '$command' yourself, or let make do it: make ... SYSTEM_PACKAGES=yes" >&2
  exit 1
}

# run_as_root COMMAND...: say the command, and run it.
run_as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    echo "+ $*" >&2
    "$@"
  else
    echo "+ sudo $*" >&2
    sudo "$@"
  fi
}

# install_package PACKAGE: bring a package that was agreed to.
install_package() {
  run_as_root apt-get update -qq
  run_as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "$1" > /dev/null
}
