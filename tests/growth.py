"""How the time of some work grows with its amount, whatever the machine and its load."""

import time
from collections.abc import Callable
from typing import TypeVar

Work = TypeVar("Work")
TIMES_MORE = 8
LIMIT = 3 * TIMES_MORE  # it is 8 where the time is proportional to the amount, and 64 where it is to its square


def assert_about_linear(do: Callable[[Work], object], make: Callable[[int], Work], amount: int) -> None:
    """Doing what `make` makes of the amount takes about 8 times as long as of an eighth of it."""
    growth = _seconds(do, make, amount) / _seconds(do, make, amount // TIMES_MORE)
    assert growth < LIMIT, growth


def _seconds(do: Callable[[Work], object], make: Callable[[int], Work], amount: int) -> float:
    """Of the processor, the less of two times, of amounts that differ by one: the work may be cached."""
    times = []
    for less in range(2):
        work = make(amount - less)
        started = time.process_time()
        do(work)
        times.append(time.process_time() - started)
    return min(times)
