"""Progress of a long step: a bar on a terminal, a plain line now and then in a log."""

import sys

from tqdm import tqdm

_LOG_LINE = "{desc}: {n_fmt}/{total_fmt} {unit}s, {elapsed} gone, {remaining} to go, {rate_fmt}{postfix}\n"


def progress(total: int, what: str, unit: str) -> tqdm:
    """A tqdm bar over `total` units on standard error."""
    if sys.stderr.isatty():
        return tqdm(total=total, desc=what, unit=unit)
    return tqdm(total=total, desc=what, unit=unit, mininterval=10, maxinterval=60, bar_format=_LOG_LINE)
