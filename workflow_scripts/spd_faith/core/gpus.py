"""Which GPUs this machine offers, and one GPU for one job.

Snakemake bounds how many GPU jobs run at once on a machine, but does not say which GPU is whose; a lock file per GPU
does.
A cluster's scheduler hands out GPUs itself, so there nothing is claimed.
"""

import fcntl
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import takewhile
from pathlib import Path

_POLL_SECONDS = 2.0


def visible_gpus() -> list[str]:
    """Ids of the GPUs that jobs may use: `CUDA_VISIBLE_DEVICES` where it is set, else what the NVIDIA driver lists.

    CUDA reads that variable up to the first entry that is empty or -1.
    """
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    if chosen is not None:
        return list(takewhile(lambda gpu: gpu not in ("", "-1"), map(str.strip, chosen.split(","))))
    try:
        listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, timeout=20, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return []
    return [str(index) for index, line in enumerate(listed.splitlines()) if line.startswith("GPU ")]


@contextmanager
def claimed_gpus(count: int) -> Iterator[list[str]]:
    """Hold `count` visible GPUs, and show only those to CUDA, until the block ends. Call it before torch is imported.

    Waits while other jobs of the same user hold them. With `count` 0 no GPU is shown.
    """
    if "SLURM_JOB_ID" in os.environ:
        yield visible_gpus()
        return
    count = min(count, len(visible_gpus()))
    before = os.environ.get("CUDA_VISIBLE_DEVICES")
    with ExitStack() as locks:
        mine: list[str] = []
        while len(mine) < count:
            for gpu in visible_gpus():
                if gpu not in mine and len(mine) < count and _lock(gpu, locks):
                    mine.append(gpu)
            if len(mine) < count:
                locks.close()  # two jobs that each keep a part would wait for each other for ever
                mine.clear()
                time.sleep(_POLL_SECONDS)
        os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(mine)
        try:
            yield mine
        finally:
            if before is None:
                os.environ.pop("CUDA_VISIBLE_DEVICES", None)
            else:
                os.environ["CUDA_VISIBLE_DEVICES"] = before


def _lock(gpu: str, locks: ExitStack) -> bool:
    path = Path(tempfile.gettempdir(), f"spd-faith-{os.getuid()}-gpu-{gpu}.lock")
    handle = path.open("w")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        handle.close()
        return False
    locks.enter_context(handle)  # closing the file gives the lock back
    return True
