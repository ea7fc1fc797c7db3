"""Which GPUs this machine offers, and one GPU for one job.

Snakemake bounds how many GPU jobs run at once on a machine, but does not say which GPU is whose; a lock per GPU does,
for all users of the machine, and inside an allocation of Slurm too: its jobs share what was allocated. Locks are files
in the folder for temporary files (`TMPDIR`), so they meet where that is the same. Where each job of a scheduler has a
folder of its own they need not: its GPUs differ.
"""

import logging
import os
import re
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path

from spd_faith.core.locks import Lock, holder, pause_and_report, try_lock

log = logging.getLogger(__name__)
# A line of `nvidia-smi -L`: a GPU, or below it one of the instances that it is divided into.
_LISTED = re.compile(r"\s*(?:GPU (?P<index>\d+):|MIG ).*\(UUID: (?P<uuid>[^)]+)\)")
_SPELLING = re.compile(r"\d+|(GPU|MIG)-.+")
_WHOLE_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True)
class _Gpu:
    """A GPU, or an instance of a divided one: how CUDA is shown it, and its name among all GPUs."""

    shown: str
    name: str


@dataclass
class _Listed:
    """A GPU as the driver lists it."""

    index: int
    uuid: str
    instances: list[str] = field(default_factory=list)

    @property
    def devices(self) -> list[str]:
        """What CUDA runs on; of a divided GPU that is named as a whole it takes the first instance."""
        return self.instances or [self.uuid]


def visible_gpus() -> list[str]:
    """The GPUs that jobs may use: those of `CUDA_VISIBLE_DEVICES` where it is set, else what the NVIDIA driver lists.

    CUDA reads that variable up to the first entry that names no GPU.
    """
    return [gpu.shown for gpu in _visible()]


@contextmanager
def claimed_gpus(count: int) -> Iterator[list[str]]:
    """Hold `count` visible GPUs, and show only those to CUDA, until the block ends. Call it before torch is imported.

    Waits while other jobs hold them. With `count` 0 no GPU is shown.
    """
    gpus = _visible()
    if 0 < len(gpus) < count:
        log.warning("%d GPUs are asked for and %d visible", count, len(gpus))
    count = min(count, len(gpus))
    before = os.environ.get("CUDA_VISIBLE_DEVICES")
    with ExitStack() as locks:
        pauses = pause_and_report(lambda: _holders(gpus))
        while len(mine := _claim(gpus, count, locks)) < count:
            locks.close()  # two jobs that each keep a part would wait for each other for ever
            next(pauses)
        os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(mine)
        try:
            yield mine
        finally:
            if before is None:
                os.environ.pop("CUDA_VISIBLE_DEVICES", None)
            else:
                os.environ["CUDA_VISIBLE_DEVICES"] = before


def _holders(gpus: list[_Gpu]) -> str:
    holders = {gpu.shown: holder(_lock_file(gpu)) for gpu in gpus}
    return "; ".join(["too few GPUs are free", *(f"{gpu}: {text}" for gpu, text in holders.items() if text)])


def _claim(gpus: list[_Gpu], count: int, locks: ExitStack) -> list[str]:
    """Lock the first `count` GPUs that nobody holds, or as many as there are."""
    mine: list[str] = []
    for gpu in gpus:
        if len(mine) < count and (lock := _try_lock(gpu)):
            locks.enter_context(lock)
            mine.append(gpu.shown)
    return mine


def _try_lock(gpu: _Gpu) -> Lock | None:
    before = os.umask(0)  # other users take the lock of this file, too
    try:
        return try_lock(_lock_file(gpu), "two jobs may load on one GPU")
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
    """The UUID of what CUDA takes for the spelling; None where it is the index of no GPU.

    An index counts as the driver does, which is CUDA's way too where the GPUs are of one kind or `CUDA_DEVICE_ORDER` is
    PCI_BUS_ID. Where no UUID can be known the name is one within this machine and allocation: several jobs may each
    have a GPU 0 of their own.
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
    """The GPUs that the driver lists; none where there is no driver."""
    try:  # its exit status says nothing: it lists GPUs and exits with 14 where one's infoROM is corrupted
        printed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, timeout=60).stdout
    except (OSError, subprocess.TimeoutExpired):
        return []
    gpus: list[_Listed] = []
    for line in filter(None, map(_LISTED.match, printed.decode(errors="replace").splitlines())):
        if line["index"] is not None:
            gpus.append(_Listed(int(line["index"]), line["uuid"]))
        elif gpus:
            gpus[-1].instances.append(line["uuid"])
    return gpus
