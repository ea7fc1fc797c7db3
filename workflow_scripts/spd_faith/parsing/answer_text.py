"""Extracts the answer from a generated text: removes reasoning, answer markers, boxes and escapes.

The parser and the judges read every answer through `read_answer`. The tables keep the text as generated, so answers
from earlier runs, imported answers and new ones are treated alike.
"""

import html
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

from spd_faith.core.answer_markers import ANSWER, TURN_ENDS, TURN_STARTS, MarkerSearch
from spd_faith.inference.reasoning import find_reasoning_marker, is_quoted, split_reasoning

_CLOSINGS = {markers.opening.lower(): markers.closing.lower() for markers in ANSWER}
_find_markers = MarkerSearch(text for markers in ANSWER for text in (markers.opening, markers.closing))
_find_turn_ends = MarkerSearch(TURN_ENDS)
_TURN_START = re.compile(rf"(?:\s*(?:{'|'.join(map(re.escape, TURN_STARTS))}))+\s*")

_MATH = r"(?P<math>\$\$?\s{0,9}|\\{1,2}[(\[]\s{0,9})?"
_BOX = r"(?P<box>\\{1,4}(?:boxed|f(?:rame)?box)|\x08oxed|\bboxed)"  # \x08: "\boxed", not escaped in a JSON string
_FONT = r"\\{1,4}(?:text(?:bf|it|rm|sf|tt|up|normal)?|math(?:bf|it|rm|sf|tt)|emph|mbox|underline|operatorname)"
_LATEX = re.compile(rf"{_MATH}(?:{_BOX}|{_FONT})\s{{0,9}}(?P<opens>\{{)|\\[{{}}]|[{{}}]")
_HAS_LATEX = re.compile(rf"(?:{_BOX}|{_FONT})\s{{0,9}}\{{")
_MATH_END = re.compile(r"\s{0,9}[.,]?\s{0,9}(?:\$\$?|\\{1,2}[)\]])")

_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u2060\ufeff]")
_SPACE = re.compile("[\u00a0\u2000-\u200a\u202f\u205f\u3000]")
_ENTITY = re.compile(r"&(?:quot|apos|amp|lt|gt|nbsp|#\d{2,6}|#x[0-9a-f]{2,5});", re.IGNORECASE)
_LINE_TAG = re.compile(r"</?(?:br|p|div|li|ul|ol|pre|h[1-6])(?:\s[^<>]{0,200})?/?>", re.IGNORECASE)
_INLINE_TAG = re.compile(r"</?(?:b|i|u|em|strong|span|code|mark)(?:\s[^<>]{0,200})?>", re.IGNORECASE)
_ESCAPE = re.compile(r"\\([\\_*\[\]{}()#+.!~|<>&$%`:,'-])")
_QUOTED_LINE = re.compile(r"^[ \t]{0,3}>[ \t]?", re.MULTILINE)
_JSON_START = re.compile(
    r"```|~~~|\{\s*[\"'“”‘’„\\]{0,6}\w[\w -]{0,40}[\"'“”‘’\\]{0,6}\s*[:：]|\[\s*[\[{\]]|[｛［]|\{\\n"
)
_JSON_END = re.compile(r"```|~~~|[}\]｝］]")
_ODD = re.compile(f"[\\\\&<>]|{_INVISIBLE.pattern}|{_SPACE.pattern}")

Span = tuple[int, int]


class AnswerText(NamedTuple):
    """A text without its wrappers, and the contents of its last answer marker (None if there is none)."""

    text: str
    marked: str | None


@lru_cache(maxsize=4)  # several readers of an answer begin with it
def read_answer(text: str) -> AnswerText:
    """The answer in a text. Explanations around a marker or box are kept, and so is its content."""
    text = _within_its_turn(without_reasoning(text))
    marked = _marked(text)
    searched = text if marked is None else marked
    boxes, _ = _latex(searched)
    if boxes:
        marked = searched[slice(*boxes[-1])]
    return AnswerText(_plain(text), _plain(marked).strip() or None if marked else None)


def answer_of(text: str) -> str:
    """The text of `read_answer`."""
    return read_answer(text).text


def without_reasoning(text: str) -> str:
    """The text without leftover reasoning, as in answers of runs that did not recognize the markers."""
    answer, reasoning = split_reasoning(text)
    if reasoning is not None and not answer.strip() and (start := find_reasoning_marker(text)):
        return text[:start] if text[:start].strip() else answer  # only a stray closing marker
    return answer


def readable(text: str) -> str:
    """The text without Markdown escapes, HTML, invisible characters and unusual spaces."""
    if not _ODD.search(text):
        return text
    text = _SPACE.sub(" ", _INVISIBLE.sub("", text))
    for _ in range(2):  # "&amp;quot;"
        text = _ENTITY.sub(lambda entity: html.unescape(entity.group()), text)
    text = _INLINE_TAG.sub("", _LINE_TAG.sub("\n", text)).replace("\u00a0", " ")
    text = _ESCAPE.sub(lambda escape: escape.group() if escape[1] == "\\" else escape[1], text)
    return _QUOTED_LINE.sub("", text)


def prose_spans(text: str) -> Iterator[Span]:
    """Where the prose before the JSON of an answer is, then the prose after it; all of a text without JSON."""
    start = _JSON_START.search(text)
    if not start:
        yield 0, len(text)
        return
    yield 0, start.start()
    *_, end = [start, *_JSON_END.finditer(text, start.end())]
    yield end.end(), len(text)


def _within_its_turn(text: str) -> str:
    """The text from the start marker of a turn to the first end marker with text before it.

    Ignores quoted end markers, and "</s>" that closes an HTML "<s>".
    """
    begun = _TURN_START.match(text)
    start = begun.end() if begun else 0
    for end in _find_turn_ends(text):
        if end.start() < start or is_quoted(text, *end.span()):
            continue
        if end.group() == "</s>" and "<s>" in text[start : end.start()].rpartition("</s>")[2]:
            continue
        if text[start : end.start()].strip():
            return text[start : end.start()]
        start = end.end()
    return text[start:]


def _marked(text: str) -> str | None:
    """The text between the last opening answer marker and its closing marker."""
    marks = _find_markers(text)
    opening = next((mark for mark in reversed(marks) if mark.group().lower() in _CLOSINGS), None)
    if not opening:
        return None
    closing = _CLOSINGS[opening.group().lower()]
    end = next((m.start() for m in marks if m.start() >= opening.end() and m.group().lower() == closing), len(text))
    return text[opening.end() : end]


def _plain(text: str) -> str:
    """The text without answer markers and boxes."""
    spans = [mark.span() for mark in _find_markers(text)]
    if spans:
        text = _cut(text, spans).strip()
    _, spans = _latex(text)
    return _cut(text, spans).strip() if spans else text


def _latex(text: str) -> tuple[list[Span], list[Span]]:
    """(contents of the boxes, spans to cut to remove boxes and fonts), each ordered by end."""
    if ("oxed" not in text and "\\" not in text) or not _HAS_LATEX.search(text):
        return [], []
    boxes: list[Span] = []
    cuts: list[Span] = []
    opened: list[re.Match[str] | None] = []  # None for other braces
    for token in _LATEX.finditer(text):
        if token["opens"]:
            opened.append(token)
        elif token.group() == "{":
            opened.append(None)
        elif token.group() == "}" and opened and (opening := opened.pop()):
            cuts += _cuts_around(text, opening, token)
            if opening["box"]:
                boxes.append((opening.end(), token.start()))
    cuts += [opening.span() for opening in opened if opening]  # the text ends inside a box
    return boxes, sorted(cuts)


def _cuts_around(text: str, opening: re.Match[str], closing: re.Match[str]) -> tuple[Span, Span]:
    """The spans before and after the content of a box or font; includes math delimiters if both are present."""
    start, end = opening.start(), closing.end()
    if opening["math"]:
        closed = _MATH_END.match(text, end)
        start, end = (start, closed.end()) if closed else (opening.end("math"), end)
    return (start, opening.end()), (closing.start(), end)


def _cut(text: str, spans: Iterable[Span]) -> str:
    """The text without `spans`, with a space where two words or sentences would run together."""
    parts: list[str] = []
    at = 0
    for start, end in spans:
        parts.append(text[at:start])
        before, after = text[max(start - 1, 0) : start], text[end : end + 1]
        if after.isalnum() and (before.isalnum() or before in (".", "!", "?", ":", ";", ",")):
            parts.append(" ")
        at = end
    return "".join([*parts, text[at:]])
