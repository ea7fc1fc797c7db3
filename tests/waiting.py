"""Waits that end with what a test waits for, and fail it only where that never comes, however slow the machine is."""

import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")
PATIENCE = 90  # seconds: many times what anything takes that is waited for; costs nothing where it comes
COMMAND_SECONDS = 300  # for a command that a test runs, also where many run at the same time
RUN_SECONDS = 1800  # for a run of the workflow
NEVER = 600  # seconds that a process of a test would stay, if nobody ended it: longer than anybody is patient


def wait_until(
    find: Callable[[], Found], situation: Callable[[], str] = lambda: "", seconds: float = PATIENCE
) -> Found:
    """Wait until `find` returns something true, which is returned; `situation` says how things stand if it does not."""
    end = time.monotonic() + seconds
    while not (found := find()):
        assert time.monotonic() < end, situation()
        time.sleep(0.05)
    return found
