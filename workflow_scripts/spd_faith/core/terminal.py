"""What a command prints: fit for any encoding and any terminal, whether or not somebody still reads it."""

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
_LINE_UP = "\x1b[A"  # what tqdm moves between its bars with


def _plainer(error: UnicodeError) -> tuple[str, int]:
    """Replace what an encoding lacks: typography by ASCII, the rest by escapes, so that names can still be read."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    found = error.object[error.start : error.end]
    return "".join(_PLAIN.get(char) or char.encode("ascii", "backslashreplace").decode() for char in found), error.end


codecs.register_error(_PLAINER, _plainer)


def encodable(text: str, encoding: str | None) -> str:
    """The text as `printing` prints it in an encoding, to know how wide it is."""
    return text.encode(encoding or "utf-8", _PLAINER).decode(encoding or "utf-8")


class _Printable:
    """A text stream that shows control characters as escapes, and goes on where its reader has gone away."""

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
        except BrokenPipeError:  # `| head` has read enough: the work goes on, and is printed to nowhere
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
    """Make whatever the block prints on standard output and standard error printable there."""
    with (
        open(os.devnull, "w", encoding="utf-8") as nowhere,  # noqa: PTH123
        redirect_stdout(_Printable(sys.stdout or nowhere, "\n\t")),  # None where the caller closed it
        redirect_stderr(_Printable(sys.stderr or nowhere, "\n\t\r")),
    ):
        try:
            yield
        finally:
            sys.stdout.flush()
