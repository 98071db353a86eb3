#!/usr/bin/env bash
# Install PyTorch for this machine: install_torch.sh PYTHON
#
# A machine with an NVIDIA or AMD GPU gets the default build. One without gets the CPU build, which
# is a tenth of the size, where the configured package index offers it (its version ends in "+cpu").
# TORCH_INDEX names another index, such as the CPU or ROCm one of PyTorch's "Start Locally" page;
# TORCH_VERSION another version.
set -euo pipefail
python=$1
version=${TORCH_VERSION:-2.13.0}
install() { WHAT="PyTorch $version" bash "$(dirname "$0")/install_packages.sh" "$python" "$@"; }

if "$python" -c 'import torch' 2>/dev/null; then
  exit 0
fi
if [ -n "${TORCH_INDEX:-}" ]; then
  install --index-url "$TORCH_INDEX" "torch==$version"
elif command -v nvidia-smi >/dev/null || command -v rocm-smi >/dev/null; then
  install "torch==$version"
elif ! IS_A_TRY=yes install "torch==$version+cpu"; then
  echo "The package index has no CPU build of PyTorch $version; installing the default build." >&2
  echo "To choose: make TORCH_INDEX=... with an index of https://pytorch.org/get-started/locally" >&2
  install "torch==$version"
fi
