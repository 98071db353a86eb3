"""What this machine draws with, why, and what would make it faster.

Looks at the machine alone; it knows nothing of services, and loads no model.
"""

import contextlib
import os
import platform
import shutil
from dataclasses import dataclass
from pathlib import Path

import torch

from ninefold.checkpoints.disk import format_bytes
from ninefold.devices import resolve_device
from ninefold.engine.backends import choose_backend
from ninefold.engine.native.library import (
    LIMIT_VARIABLE,
    NEEDED,
    find_compiler,
    processor_flags,
    why_not,
)
from ninefold.models.dallebart import DalleBartConfig

BUSY = 0.5
"""Share of the cores that other work takes before it is worth a word."""


@dataclass(frozen=True)
class MachineReport:
    """What was found; `advise` says what would make it faster."""

    backend: str
    """What `auto` draws with."""
    reason: str
    processor: str
    instructions: tuple[str, ...]
    """Sets that the native decoder is written for and that may be used here."""
    threads: int
    """That PyTorch and the engine use."""
    cores: int
    """That this process may run on."""
    load: float | None
    """Mean number of running programs of the last minute, where the system tells."""
    compiler: str | None
    device: str
    """`cpu`, or the accelerator that draws."""
    has_unused_gpu: bool
    """Whether there is a GPU that this PyTorch cannot use."""
    memory_bytes: int | None
    available_bytes: int | None

    @property
    def memory(self) -> str:
        """Memory in words."""
        if self.memory_bytes is None:
            return "this system does not say"
        total = format_bytes(self.memory_bytes)
        if self.available_bytes is None:
            return total
        return f"{format_bytes(self.available_bytes)} of {total} free"


def look_at_machine(config: DalleBartConfig) -> MachineReport:
    """Find out what a model of this architecture is drawn with here; measures a few products."""
    device = resolve_device("auto")
    choice = choose_backend("auto", config, device)
    total, available = _memory()
    return MachineReport(
        backend=choice.name,
        reason=choice.reason,
        processor=_processor(),
        instructions=tuple(name for name in NEEDED if not why_not(name)),
        threads=torch.get_num_threads(),
        cores=_cores(),
        load=os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        compiler=find_compiler(),
        device=_device_name(device),
        has_unused_gpu=device.type == "cpu" and _has_gpu(),
        memory_bytes=total,
        available_bytes=available,
    )


def advise(machine: MachineReport) -> list[str]:
    """Return what would make this machine draw faster, one sentence each, the most first."""
    advice = []
    if machine.has_unused_gpu:
        advice.append(
            "There is a GPU that this PyTorch cannot use: install the build for it from "
            "https://pytorch.org/get-started/locally."
        )
    if machine.backend == "eager":
        advice += _advise_eager(machine)
    elif machine.backend == "native-bfloat16":
        advice.append(
            "Eight bits are faster: draw with `--backend native-int8`, serve with "
            "NINEFOLD_BACKEND=native-int8. Pictures change a little, more at strong guidance."
        )
    if limit := os.environ.get(LIMIT_VARIABLE):
        advice.append(f"{LIMIT_VARIABLE}={limit} keeps the engine from instructions: unset it.")
    if machine.threads < machine.cores:
        advice.append(
            f"{machine.threads} of {machine.cores} cores are used: unset OMP_NUM_THREADS, and give "
            "`ninefold serve` no NINEFOLD_THREADS."
        )
    if machine.load is not None and machine.load > BUSY * machine.cores:
        advice.append(
            f"Other programs take part of the processor (load {machine.load:.1f} on "
            f"{machine.cores} cores): stop them while you draw."
        )
    return advice


def _advise_eager(machine: MachineReport) -> list[str]:
    if not processor_flags():
        return [
            "The native decoder runs on Linux with an x86-64 processor, on Windows in WSL: draw "
            "there, several times faster."
        ]
    if machine.instructions and machine.compiler is None:
        return [
            "Install a C++ compiler, with `apt-get install g++` or as your system does it: the "
            "native decoder draws several times faster."
        ]
    return []


def _processor() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _device_name(device: torch.device) -> str:
    if device.type == "cuda":
        return f"{torch.cuda.get_device_name(device)} (cuda)"
    if device.type == "xpu":
        return f"{torch.xpu.get_device_name(device)} (xpu)"
    return device.type


def _has_gpu() -> bool:
    """Tell whether a driver of NVIDIA or AMD is there, whatever PyTorch was built for."""
    devices = (Path("/dev/nvidiactl"), Path("/dev/kfd"))
    return any(map(Path.exists, devices)) or shutil.which("nvidia-smi") is not None


def _memory() -> tuple[int | None, int | None]:
    """Return the bytes of memory and those that are free, by what limits this process most."""
    total = available = None
    with contextlib.suppress(OSError, ValueError, AttributeError):
        total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    with contextlib.suppress(OSError):
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                available = 1024 * int(line.split()[1])
    folder = Path("/sys/fs/cgroup")  # a container's own, as it sees it
    with contextlib.suppress(OSError, ValueError):
        limit = int((folder / "memory.max").read_text(encoding="ascii"))
        used = int((folder / "memory.current").read_text(encoding="ascii"))
        total = min(limit, total or limit)
        available = min(limit - used, available or limit)
    return total, available
