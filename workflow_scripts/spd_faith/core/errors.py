"""Errors that a person caused and can mend: a message without a traceback."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from spd_faith.core.terminal import printing
from spd_faith.core.text import printable


class UserError(Exception):
    """Says what is wrong, where, and what to do."""


@contextmanager
def told_faults(headline: str) -> Iterator[None]:
    """End the program with `headline`, the message of a `UserError` of the block, and exit code 1."""
    try:
        yield
    except UserError as error:
        sys.exit(f"{headline}{printable(str(error))}")


def run_command(main: Callable[[], None]) -> None:
    """Run a command's `main`, whatever the terminal; a `UserError` ends it with its message and exit code 1."""
    with told_faults("error: "), printing():
        main()
