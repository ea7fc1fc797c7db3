"""Progress of a long step: a bar on a terminal, occasional plain lines in a log."""

import sys
from typing import Any

from tqdm import tqdm

_LOG_LINE = "{desc}: {n_fmt}/{total_fmt} {unit}s, {elapsed} elapsed, {remaining} remaining, {rate_fmt}{postfix}\n"


def progress(total: int, what: str, unit: str) -> "tqdm[None]":
    """A tqdm bar over `total` units on standard error."""
    in_log: dict[str, Any] = {"mininterval": 10, "maxinterval": 60, "bar_format": _LOG_LINE}
    bar: tqdm[None] = tqdm(total=total, desc=what, unit=unit, **({} if sys.stderr.isatty() else in_log))
    return bar
