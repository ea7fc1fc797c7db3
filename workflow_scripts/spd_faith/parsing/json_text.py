"""Finds JSON in generated text: valid values, escaped values, and damaged values that can be repaired."""

import json
import re
from collections.abc import Iterator
from itertools import islice
from typing import Any, NamedTuple

from json_repair import repair_json

from spd_faith.parsing.answer_text import readable

_OPENING = re.compile(r"[{\[]")
_BRACKET = re.compile(r"[{\[}\]]")
_BRACE = re.compile(r"[{}｛｝]")
_FENCE = re.compile(r"```|~~~")
_IN_A_STRING = re.compile(r"[{\[]\s{0,99}\\+[\"nrt]")  # {\"key\": …}: JSON inside a JSON string
_STRING_ESCAPE = re.compile(r"\\([\"\\/nrt])")
_STRING_ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}
_KEYBOARD = str.maketrans(
    "“”„‟«»＂‘’‚‛：，、；｛｝［］【】", '"' * 11 + ":,,,{}[][]"
)  # punctuation of other keyboards and of typesetting

_MAX_ATTEMPTS = 200  # positions where JSON may start
_MAX_BRACES = 1000
_MAX_REPAIR = 16_384  # characters; repair is slower than linear on hostile text
_MAX_DEPTH = 24
_MAX_LEVELS = 3  # of nested strings, and of objects around the wanted one
_MAX_INNER = 100  # values searched inside another value


class JsonValue(NamedTuple):
    """A decoded object or list, and its position `[start, end)` in the text."""

    start: int
    end: int
    value: Any


def _number(digits: str) -> int | float:
    return int(digits) if len(digits) < 12 else float("inf")  # too long for a count


_DECODER = json.JSONDecoder(parse_int=_number)


def whole_values(text: str) -> list[JsonValue]:
    """The outermost valid JSON objects and lists in a text."""
    found = []
    at = 0
    for _ in range(_MAX_ATTEMPTS):
        opening = _OPENING.search(text, at)
        if not opening:
            break
        at = opening.start() + 1
        try:
            value, at = _DECODER.raw_decode(text, opening.start())
        except (ValueError, RecursionError):
            continue
        found.append(JsonValue(opening.start(), at, value))
    return found


def spellings(text: str) -> Iterator[str]:
    """The text, then distinct versions of it with one more kind of escape undone."""
    yield text
    if (plain := readable(text)) != text:
        yield plain
    unquoted = plain
    for _ in range(_MAX_LEVELS):
        if not _IN_A_STRING.search(unquoted):
            break
        unquoted = _STRING_ESCAPE.sub(lambda escape: _STRING_ESCAPES.get(escape[1], escape[1]), unquoted)
    if unquoted != plain:
        yield readable(unquoted)
    if (typed := unquoted.translate(_KEYBOARD)) != unquoted:
        yield typed


def decoded(text: str) -> Any:
    """The JSON in a string, or the string itself if it contains none."""
    if "{" not in text and "[" not in text:
        return text
    values = whole_values(text)
    return values[-1].value if values else text


def inside(value: Any) -> Iterator[Any]:
    """A decoded value, then the values nested in it, level by level: objects, lists, strings with JSON."""
    level, left = [value], _MAX_INNER
    for _ in range(_MAX_LEVELS + 1):
        inner: list[Any] = []
        for one in level[:left]:
            one = decoded(one) if isinstance(one, str) else one
            yield one
            inner += one.values() if isinstance(one, dict) else one if isinstance(one, list) else []
        left -= len(level)
        level = inner
        if left <= 0:
            return


def repaired_value(text: str, start: int = 0) -> Any:
    """Repair the JSON that starts at `start` and ends at the fence, the last bracket, or the end of the text."""
    text = text[start : start + _MAX_REPAIR]
    fence = _FENCE.search(text)
    text = text[: fence.start()] if fence else text
    if _depth(text) > _MAX_DEPTH:
        return None
    closing = max(text.rfind("}"), text.rfind("]"))
    if text.count("{", closing + 1) == 0 and text.count("{") <= text.count("}"):
        text = text[: closing + 1]  # the object is closed, prose may follow
    try:
        return repair_json(text, return_objects=True, skip_json_loads=True)
    except Exception:  # repair_json gives no guarantees for text that is not JSON
        return None


def repaired_object(text: str) -> JsonValue | None:
    """Repair the text between the outermost braces; None if part of it was cut off."""
    start, end = text.find("{"), text.rfind("}") + 1
    whole = text[start:end] if 0 <= start < end else ""
    if not whole or len(whole) > _MAX_REPAIR or not is_closed(whole) or _FENCE.search(whole):
        return None
    return JsonValue(start, end, repaired_value(whole))


def object_spans(text: str, begin: int = 0) -> list[tuple[int, int]]:
    """`[start, end)` of the objects after `begin`, inner ones first; one that is cut off ends where the JSON does."""
    fence = _FENCE.search(text, begin + len("```"))
    last = fence.start() if fence else len(text)
    spans: list[tuple[int, int]] = []
    opened: list[int] = []
    for brace in islice(_BRACE.finditer(text, begin, last), _MAX_BRACES):
        if brace.group() in "{｛":
            opened.append(brace.start())
        elif opened:
            spans.append((opened.pop(), brace.end()))
    return spans + [(start, last) for start in reversed(opened)]


def is_closed(text: str) -> bool:
    """Whether the brackets of a text are balanced."""
    return text.count("{") == text.count("}") and text.count("[") == text.count("]")


def _depth(text: str) -> int:
    depth = deepest = 0
    for match in _BRACKET.finditer(text):
        depth += 1 if match.group() in "{[" else -1
        deepest = max(deepest, depth)
    return deepest
