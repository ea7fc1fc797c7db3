"""What people marked: files of the annotation page and exports of Label Studio, checked against the items."""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from spd_faith.core.config_errors import NOTHING, error_at, explain, raise_errors
from spd_faith.core.entries import Strict
from spd_faith.core.schemas import TASKS_OF
from spd_faith.core.text import writable_json
from spd_faith.judging.annotations.choices import CHOICES
from spd_faith.judging.annotations.items import AnnotationItem
from spd_faith.judging.annotations.label_studio import read_export
from spd_faith.judging.claims import Claim


class Quote(Strict):
    answer: Literal["describe", "same", "different"]
    start: int
    """Offset of the first character in the shown answer, in Unicode code points."""
    end: int
    """Offset after the last character."""
    text: str
    """The characters from start to end."""


class MarkedClaim(Strict):
    quotes: Annotated[list[Quote], Field(min_length=1)]
    """The words of the claim; of `cr`, up to one quote from each answer."""
    label: str
    error_type: str | None = None

    @property
    def outcome(self) -> str:
        """The error type of an unfaithful claim, else the label."""
        return self.error_type or self.label

    def as_claim(self) -> Claim:
        first, *others = sorted(self.quotes, key=lambda quote: quote.answer == "different")
        return Claim(first.text, self.label, others[0].text if others else None, self.error_type)


class MarkedItem(Strict):
    claims: list[MarkedClaim]
    done: bool
    """Whether the person has finished this answer."""


class AnnotationFile(Strict):
    """A file that the annotation page saves."""

    format: Literal["spd-faith-annotations-1"]
    draw: str
    """That of the page; identifies the items."""
    annotator: Annotated[str, Field(min_length=1)]
    """Who marked the claims."""
    items: dict[str, MarkedItem]


@dataclass
class Marks:
    """The claims of finished answers by item and person; `unfinished` counts answers that were only begun."""

    by_item: dict[str, dict[str, list[MarkedClaim]]] = field(default_factory=lambda: defaultdict(dict))
    unfinished: int = 0


def read_marks(paths: Iterable[Path], draw: str, items: Mapping[str, AnnotationItem]) -> Marks:
    """Read files of the page and exports of Label Studio. Raises `UserError` with all errors of all files."""
    marks = Marks()
    errors: list[str] = []
    for path in paths:
        contents, found = _read(path, items)
        errors += found
        for content in contents:
            file = _validated(str(path), content)
            errors += file if isinstance(file, list) else _add(marks, str(path), file, draw, items)
    raise_errors(errors)
    return marks


def _read(path: Path, items: Mapping[str, AnnotationItem]) -> tuple[list[Any], list[str]]:
    """(contents of `AnnotationFile`, not checked; errors): one for the page's file, one per person of an export."""
    if not path.is_file():
        return [], [error_at(str(path), "no such file", NOTHING, "a file saved by the annotation page")]
    try:
        content = json.loads(writable_json(path.read_text(encoding="utf-8-sig")))
    except (ValueError, RecursionError) as error:  # also wrong UTF-8
        return [], [error_at(str(path), "not valid JSON", str(error), "a file saved by the annotation page")]
    return read_export(content, str(path), items) if isinstance(content, list) else ([content], [])


def _validated(place: str, content: Any) -> AnnotationFile | list[str]:
    try:
        return AnnotationFile.model_validate(content)
    except ValidationError as error:
        return [explain(place, (), AnnotationFile, details) for details in error.errors()]


def _add(
    marks: Marks, place: str, file: AnnotationFile, draw: str, items: Mapping[str, AnnotationItem]
) -> Iterator[str]:
    """Add a file's finished answers to `marks`; yield the errors in it."""
    if file.draw != draw:
        yield error_at(f"{place}: draw", "annotations of another export", file.draw, f"{draw}, as in the key")
        return
    for name, marked in file.items.items():
        where = f"{place}: {name}"
        if name not in items:
            yield error_at(where, "unknown answer", NOTHING, "the answers of the key")
        elif not marked.done:
            marks.unfinished += 1
        elif file.annotator in marks.by_item[name]:
            yield error_at(where, "labelled twice by one person", file.annotator, "once per answer and person")
        else:
            yield from _item_errors(where, marked, items[name])
            marks.by_item[name][file.annotator] = marked.claims


def _item_errors(where: str, marked: MarkedItem, item: AnnotationItem) -> Iterator[str]:
    seen: dict[frozenset[tuple[str, int, int]], int] = {}
    for number, claim in enumerate(marked.claims, 1):
        place = f"{where}: claim {number}"
        yield from _quote_errors(place, claim, item)
        choices = CHOICES[item.metric]
        choice = choices.get(claim.outcome)
        if choice is None or (choice.label, choice.error_type) != (claim.label, claim.error_type):
            found = " ".join(filter(None, (claim.label, claim.error_type)))
            yield error_at(place, "unknown label", found, [" ".join(filter(None, one[1:])) for one in choices.values()])
        words = frozenset((quote.answer, quote.start, quote.end) for quote in claim.quotes)
        if words in seen:
            yield error_at(place, f"the same words as claim {seen[words]}", NOTHING, "other words for each claim")
        seen.setdefault(words, number)


def _quote_errors(place: str, claim: MarkedClaim, item: AnnotationItem) -> Iterator[str]:
    texts = dict(zip(TASKS_OF[item.metric], item.texts, strict=True))
    answers = [quote.answer for quote in claim.quotes]
    if len(set(answers)) < len(answers) or not set(answers) <= set(texts):
        yield error_at(f"{place}: quotes", "not one quote per answer", answers, f"at most one of each: {list(texts)}")
        return
    for quote in claim.quotes:
        text = texts[quote.answer]
        where = f"{place}: quote of the answer to {quote.answer}"
        if not 0 <= quote.start < quote.end <= len(text):
            span = f"{quote.start} to {quote.end}"
            yield error_at(where, "outside the answer", span, f"from 0 to {len(text)}, start before end")
        elif text[quote.start : quote.end] != quote.text:
            yield error_at(where, "not the words there", quote.text, repr(text[quote.start : quote.end]))
