"""Lists the visible GPUs and assigns them to jobs, one job per GPU.

Snakemake limits how many GPU jobs run at once, but does not assign GPUs. A lock per GPU does, across all users of the
machine and across the jobs of a Slurm allocation. The locks are files in the temporary folder (`TMPDIR`), so they work
between jobs that share that folder. Jobs with their own folder from the scheduler also have their own GPUs.
"""

import logging
import os
import re
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path

from spd_faith.core.locks import Lock, holder, pause_and_report, try_lock

log = logging.getLogger(__name__)
# A line of `nvidia-smi -L`: a GPU, or one of its MIG instances below it.
_LISTED = re.compile(r"\s*(?:GPU (?P<index>\d+): (?P<product>.*)|MIG .*) \(UUID: (?P<uuid>[^)]+)\)")
_SPELLING = re.compile(r"\d+|(GPU|MIG)-.+")
_WHOLE_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True)
class _Gpu:
    """A GPU or a MIG instance: its spelling in `CUDA_VISIBLE_DEVICES`, and its unique name."""

    shown: str
    name: str


class ClaimedGpus(list[str]):
    """The GPUs that this process holds, as `CUDA_VISIBLE_DEVICES` spells them."""

    def __init__(self, locks: Mapping[str, Lock]) -> None:
        super().__init__(locks)
        self.descriptors = [lock.descriptor for lock in locks.values() if lock.descriptor is not None]
        """Descriptors of their locks: a process that inherits them holds the GPUs, too, until it ends."""


@dataclass
class _Listed:
    """A GPU as the driver lists it."""

    index: int
    uuid: str
    product: str
    instances: list[str] = field(default_factory=list)

    @property
    def devices(self) -> list[str]:
        """The devices that CUDA can use; if a partitioned GPU is named as a whole, CUDA takes its first instance."""
        return self.instances or [self.uuid]


def visible_gpus() -> list[str]:
    """The GPUs that jobs may use: those in `CUDA_VISIBLE_DEVICES` if set, else all that the NVIDIA driver lists.

    Like CUDA, this reads the variable up to the first entry that names no GPU.
    """
    return [gpu.shown for gpu in _visible()]


def gpu_products() -> list[str]:
    """The product names of the visible GPUs, as the driver lists them; of an instance, that of its GPU."""
    products = {uuid: gpu.product for gpu in _listed() for uuid in (gpu.uuid, *gpu.instances)}
    return [products[gpu.name] for gpu in _visible() if gpu.name in products]


@contextmanager
def claimed_gpus(count: int) -> Iterator[ClaimedGpus]:
    """Hold `count` visible GPUs, hiding all others from CUDA, until the block ends. Call before importing torch.

    Waits while other jobs hold them. With `count` 0 all GPUs are hidden.
    """
    gpus = _visible()
    if 0 < len(gpus) < count:
        log.warning("%d GPUs requested, but only %d visible", count, len(gpus))
    count = min(count, len(gpus))
    before = os.environ.get("CUDA_VISIBLE_DEVICES")
    with ExitStack() as locks:
        pauses = pause_and_report(lambda: _holders(gpus))
        while len(mine := _claim(gpus, count, locks)) < count:
            locks.close()  # two jobs that each keep some would deadlock
            next(pauses)
        os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(mine)
        try:
            yield ClaimedGpus(mine)
        finally:
            if before is None:
                os.environ.pop("CUDA_VISIBLE_DEVICES", None)
            else:
                os.environ["CUDA_VISIBLE_DEVICES"] = before


def _holders(gpus: list[_Gpu]) -> str:
    holders = {gpu.shown: holder(_lock_file(gpu)) for gpu in gpus}
    return "; ".join(["not enough free GPUs", *(f"{gpu}: {text}" for gpu, text in holders.items() if text)])


def _claim(gpus: list[_Gpu], count: int, locks: ExitStack) -> dict[str, Lock]:
    """Lock up to `count` free GPUs."""
    mine: dict[str, Lock] = {}
    for gpu in gpus:
        if len(mine) < count and (lock := _try_lock(gpu)):
            mine[gpu.shown] = locks.enter_context(lock)
    return mine


def _try_lock(gpu: _Gpu) -> Lock | None:
    before = os.umask(0)  # other users must be able to lock this file too
    try:
        return try_lock(_lock_file(gpu), "two jobs may use the same GPU")
    finally:
        os.umask(before)


def _lock_file(gpu: _Gpu) -> Path:
    name = re.sub(r"[^\w.-]", "_", gpu.name)
    return Path(tempfile.gettempdir(), f"spd-faith-gpu-{name}.lock")


def _visible() -> list[_Gpu]:
    """The visible GPUs, each once."""
    listed = _listed()
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    if chosen is None:
        return [_Gpu(shown=uuid, name=uuid) for gpu in listed for uuid in gpu.devices]
    spellings = takewhile(_SPELLING.fullmatch, map(str.strip, chosen.split(",")))
    gpus: dict[str, _Gpu] = {}
    for spelling in spellings:
        if (name := _name(spelling, listed)) is None:
            break
        gpus.setdefault(name, _Gpu(spelling, name))
    return list(gpus.values())


def _name(spelling: str, listed: list[_Listed]) -> str | None:
    """The UUID of the device that CUDA selects for the spelling; None if it is an index without a GPU.

    Indices follow the driver's order. CUDA uses the same order if all GPUs are of one model or `CUDA_DEVICE_ORDER` is
    PCI_BUS_ID. If the UUID is unknown, the name is unique within this machine and allocation only: several jobs may
    each have their own GPU 0.
    """
    if spelling.isdigit() and listed:
        return next((gpu.devices[0] for gpu in listed if gpu.index == int(spelling)), None)
    named = {gpu.uuid: gpu.devices[0] for gpu in listed} | {uuid: uuid for gpu in listed for uuid in gpu.instances}
    if spelling in named:
        return named[spelling]
    meant = {device for uuid, device in named.items() if uuid.startswith(spelling)}  # CUDA takes abbreviations
    if len(meant) == 1:
        return meant.pop()
    if _WHOLE_UUID.search(spelling):
        return spelling
    return f"{socket.gethostname()}-job-{os.environ.get('SLURM_JOB_ID', 'none')}-gpu-{spelling}"


def _listed() -> list[_Listed]:
    """The GPUs that the driver lists; empty without a driver."""
    try:  # ignore the exit status: with a corrupted infoROM it lists the GPUs and exits with 14
        printed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, timeout=60).stdout
    except (OSError, subprocess.TimeoutExpired):
        return []
    gpus: list[_Listed] = []
    for line in filter(None, map(_LISTED.match, printed.decode(errors="replace").splitlines())):
        if line["index"] is not None:
            gpus.append(_Listed(int(line["index"]), line["uuid"], line["product"].strip()))
        elif gpus:
            gpus[-1].instances.append(line["uuid"])
    return gpus
