"""Errors that a person caused and can mend: a message without a traceback."""

import sys
from collections.abc import Callable


class UserError(Exception):
    """Says what is wrong, where, and what to do."""


def run_command(main: Callable[[], None]) -> None:
    """Run a command's `main`; a `UserError` ends it with its message and exit code 1."""
    try:
        main()
    except UserError as error:
        sys.exit(f"error: {error}")
