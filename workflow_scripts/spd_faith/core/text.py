"""Makes external text safe for files, terminals and tables.

Python strings can hold lone surrogates, from JSON or YAML escapes or file names, but UTF-8 files cannot. `writable` and
its variants replace them on input; the writers in `files` and `journal` do so on output.
"""

import re
import unicodedata
from difflib import SequenceMatcher
from itertools import takewhile

_REPLACEMENT = "�"
# a JSON escape: a surrogate pair, a lone surrogate, or any other (a backslash consumes the next character)
_ESCAPE = re.compile(r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F]|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)", re.DOTALL)
_PIECE = re.compile(r"\w+|\s+|[^\w\s]")
_CONTROL = ("Cc", "Zl", "Zp")
_DIRECTIONS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def writable(text: str) -> str:
    """The text with surrogate pairs joined, and U+FFFD for lone surrogates."""
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def writable_json(source: str) -> str:
    """JSON source with each escaped lone surrogate replaced by U+FFFD."""
    return writable(_ESCAPE.sub(lambda found: _REPLACEMENT if found[1] else found[0], source))


def writable_name(name: str) -> str:
    """A file name with unwritable characters escaped, so that different names stay different."""
    return name.encode("utf-8", "backslashreplace").decode()


def printable(text: str, kept: str = "\n\t") -> str:
    r"""The text safe for a terminal: control and direction characters become escapes such as \x1b.

    They could move the cursor, or recolour or reorder other output. Characters in `kept` stay.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escaped(char) if _is_control(char) and char not in kept else char for char in text)


def _is_control(char: str) -> bool:
    return unicodedata.category(char) in _CONTROL or char in _DIRECTIONS


def _escaped(char: str) -> str:
    return char.encode("unicode_escape").decode()


def places_in(text: str, edited: str) -> list[int]:
    """The place in `text` of each character of `edited`, which was made from it by cutting and replacing a few pieces.

    A character that is not in the text has the place of the one before it. What both end with is aligned first: cuts
    are mostly at the beginning, and what was cut may have the words of the rest.
    """
    tail = _num_shared(text[::-1], edited[::-1])
    head = _num_shared(text[: len(text) - tail], edited[: len(edited) - tail])
    places = list(range(head))
    middle, changed = text[head : len(text) - tail], edited[head : len(edited) - tail]
    ours, theirs = list(_PIECE.finditer(middle)), list(_PIECE.finditer(changed))
    words, others = [piece.group() for piece in ours], [piece.group() for piece in theirs]
    for match in SequenceMatcher(None, words, others).get_matching_blocks():
        if match.size:
            first, start = ours[match.a].start(), theirs[match.b].start()
            end = theirs[match.b + match.size - 1].end()
            places += [places[-1] if places else 0] * (head + start - len(places))
            places += range(head + first, head + first + end - start)
    places += [places[-1] if places else 0] * (len(edited) - tail - len(places))
    return places + list(range(len(text) - tail, len(text)))


def _num_shared(one: str, other: str) -> int:
    """The number of characters that two texts begin with alike."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))
