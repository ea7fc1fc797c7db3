"""Text from outside, made fit for files, terminals and tables.

Python holds halves of surrogate pairs, as JSON and YAML escapes and the names of files can bring them, but no file in
UTF-8 does. `writable` and its kin replace them where text comes in; the writers in `files` and `journal` do so too.
"""

import re
import unicodedata

_REPLACEMENT = "�"
# an escape of JSON: two halves of a pair, one half alone, or anything else (a backslash takes what follows with it)
_ESCAPE = re.compile(r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F]|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)", re.DOTALL)
_CONTROL = ("Cc", "Zl", "Zp")
_DIRECTIONS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def writable(text: str) -> str:
    """The text with the halves of surrogate pairs joined, and U+FFFD for a half that stands alone."""
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def writable_json(source: str) -> str:
    """The source of a JSON document, with U+FFFD for each escaped half of a surrogate pair that stands alone."""
    return writable(_ESCAPE.sub(lambda found: _REPLACEMENT if found[1] else found[0], source))


def writable_name(name: str) -> str:
    """The name of a file, with escapes for what cannot be written, so that names that differ stay so."""
    return name.encode("utf-8", "backslashreplace").decode()


def printable(text: str, kept: str = "\n\t") -> str:
    r"""The text as a terminal may show it: control characters and marks of direction as escapes such as \x1b.

    They could move the cursor, recolour or reorder what others wrote. Characters of `kept` stay.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escaped(char) if _is_control(char) and char not in kept else char for char in text)


def _is_control(char: str) -> bool:
    return unicodedata.category(char) in _CONTROL or char in _DIRECTIONS


def _escaped(char: str) -> str:
    return char.encode("unicode_escape").decode()
