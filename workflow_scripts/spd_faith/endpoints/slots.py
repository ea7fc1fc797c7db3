"""Limits concurrent calls at an endpoint, across all processes of a run.

A slot is a lock file. The operating system releases a lock when its process exits for any reason, so a killed job
frees its slots.
"""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from spd_faith.core.files import sha256
from spd_faith.core.locks import Lock, try_lock

POLL_SECONDS = 0.05


class Slots:
    """`count` slots of the endpoint at `address`, shared by all processes that use the same `folder`."""

    def __init__(self, folder: Path, address: str, count: int) -> None:
        self._folder = Path(folder) / sha256(address)[:16]
        with suppress(OSError):  # `try_lock` reports it
            self._folder.mkdir(parents=True, exist_ok=True)
        self._count = count
        self._mine: set[int] = set()

    @asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        """Hold a slot during the block, waiting for a free one.

        If locking fails, a warning is logged and the limit holds per process only.
        """
        while (slot := self._take()) is None:
            await asyncio.sleep(POLL_SECONDS * random.uniform(0.5, 1.5))
        number, lock = slot
        try:
            yield
        finally:
            lock.release()
            self._mine.discard(number)

    def _take(self) -> tuple[int, Lock] | None:
        for number in range(self._count):
            if number in self._mine:
                continue
            if lock := try_lock(self._folder / f"{number}.lock", "the limit on calls holds per process only"):
                self._mine.add(number)
                return number, lock
        return None
