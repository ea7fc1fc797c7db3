"""Makes a command's output printable on any terminal and encoding, even after the reader closes the pipe."""

import codecs
import io
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import Any, TextIO

from spd_faith.core.text import printable

_PLAINER = "spd_faith.plainer"
_PLAIN = {"–": "-", "—": "-", "−": "-", "…": "...", "×": "x", "·": ".", "→": "->", "≤": "<=", "≥": ">=", "≠": "!="}
_PLAIN |= {"“": '"', "”": '"', "‘": "'", "’": "'", "⁶": "^6"}
_LINE_UP = "\x1b[A"  # used by tqdm to move between bars


def _plainer(error: UnicodeError) -> tuple[str, int]:
    """Replace characters that the encoding lacks: typography by ASCII, others by escapes, so names stay readable."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    found = error.object[error.start : error.end]
    return "".join(_PLAIN.get(char) or char.encode("ascii", "backslashreplace").decode() for char in found), error.end


codecs.register_error(_PLAINER, _plainer)


def encodable(text: str, encoding: str | None) -> str:
    """The text as `printing` would print it in an encoding, to measure its width."""
    return text.encode(encoding or "utf-8", _PLAINER).decode(encoding or "utf-8")


class _Printable:
    """A text stream that escapes control characters and survives a closed pipe."""

    def __init__(self, stream: TextIO, kept: str) -> None:
        self._stream = stream
        self._kept = kept
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=_PLAINER)

    def write(self, text: str) -> int:
        shown = _LINE_UP.join(printable(part, self._kept) for part in text.split(_LINE_UP))
        self._try(lambda: self._stream.write(shown))
        return len(text)

    def flush(self) -> None:
        self._try(self._stream.flush)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def _try(self, act: Callable[[], Any]) -> None:
        try:
            act()
        except BrokenPipeError:  # the reader, such as `| head`, is done: keep working and discard the output
            self._discard()
        except OSError as error:
            self._discard()
            sys.exit(f"error: {self._stream.name}: {error.strerror}")

    def _discard(self) -> None:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self._stream.fileno())
        os.close(nowhere)


@contextmanager
def printing() -> Iterator[None]:
    """Make everything the block writes to standard output and standard error printable."""
    with (
        open(os.devnull, "w", encoding="utf-8") as nowhere,  # noqa: PTH123
        redirect_stdout(_Printable(sys.stdout or nowhere, "\n\t")),  # None if the caller closed it
        redirect_stderr(_Printable(sys.stderr or nowhere, "\n\t\r")),
    ):
        try:
            yield
        finally:
            sys.stdout.flush()
