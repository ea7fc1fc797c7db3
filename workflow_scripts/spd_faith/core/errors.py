"""Errors that the user can fix: shown without a traceback."""

import errno
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from spd_faith.core.terminal import printing
from spd_faith.core.text import printable

_MACHINE = {  # errors of the machine or of a given path, and what to do
    **dict.fromkeys((errno.EACCES, errno.EPERM, errno.EROFS, errno.EEXIST, errno.ENOTDIR, errno.EISDIR), ""),
    errno.ENAMETOOLONG: "",
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT), "; free some space and rerun: completed answers are kept"),
    **dict.fromkeys((errno.EMFILE, errno.ENFILE), "; raise the limit on open files: see `ulimit -n`"),
}


class UserError(Exception):
    """Says what is wrong, where, and what to do."""


@contextmanager
def exit_on_user_error(headline: str) -> Iterator[None]:
    """If the block raises a `UserError`, exit with code 1, printing `headline` and its message."""
    try:
        yield
    except UserError as error:
        sys.exit(f"{headline}{printable(str(error))}")


def _say_interrupted(*_: object) -> None:
    print("stopped by an interrupt (Ctrl-C); what was completed is kept", file=sys.stderr)


def run_command(main: Callable[[], None]) -> None:
    """Run a command's `main` on any terminal; a `UserError` prints its message and exits with code 1.

    An interrupt ends it by SIGINT, without a traceback.
    """
    with exit_on_user_error("error: "), printing():
        try:
            main()
        except KeyboardInterrupt:
            sys.excepthook = _say_interrupted  # and Python ends by SIGINT, as a shell expects
            raise
        except OSError as error:
            if error.errno not in _MACHINE or error.filename is None:
                raise
            raise UserError(f"{error.filename}: {error.strerror}{_MACHINE[error.errno]}") from error
