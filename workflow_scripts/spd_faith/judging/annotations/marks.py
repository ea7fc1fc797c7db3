"""What people marked: files of the annotation page and exports of Label Studio, checked against the items."""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, field_validator

from spd_faith.core.config_errors import NOTHING, error_at, explain, raise_errors
from spd_faith.core.entries import Strict
from spd_faith.core.schemas import TASKS_OF
from spd_faith.core.text import writable_json
from spd_faith.judging.annotations.choices import CHOICES
from spd_faith.judging.annotations.items import AnnotationItem
from spd_faith.judging.annotations.label_studio import read_export
from spd_faith.judging.claims import Claim

_FILES = "a file saved by the annotation page, or an export of Label Studio as JSON"
_LABELS = "at least one labelled answer; leave out files of people who labelled nothing"


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
    annotator: str
    """The name of whoever marked the claims."""
    items: dict[str, MarkedItem]

    @field_validator("annotator")
    @classmethod
    def _without_spaces(cls, annotator: str) -> str:
        name = " ".join(annotator.split())
        if not name:
            raise ValueError("a blank name")
        return name


@dataclass
class Marks:
    """The claims of finished answers by item and person; `unfinished` counts answers that were only begun.

    `people` has the names as first written, by their case-folded form: "Ann" and "ann" are one person.
    """

    by_item: dict[str, dict[str, list[MarkedClaim]]] = field(default_factory=lambda: defaultdict(dict))
    unfinished: int = 0
    people: dict[str, str] = field(default_factory=dict)


def read_marks(
    paths: Iterable[Path], draw: str, items: Mapping[str, AnnotationItem], people: Mapping[str, str] | None = None
) -> Marks:
    """Read files of the page and exports of Label Studio; `people` are names known from other files.

    Raises `UserError` with all errors of all files; one without any labels is an error, too.
    """
    marks = Marks(people=dict(people or {}))
    errors: list[str] = []
    read: set[Path] = set()
    for path in paths:
        if path.resolve() in read:
            errors.append(error_at(str(path), "given twice", NOTHING, "each file once"))
            continue
        read.add(path.resolve())
        contents, found = _read(path, items)
        errors += found
        if not contents and not found:
            errors.append(error_at(str(path), "no labels in this export", NOTHING, _LABELS))
        for content in contents:
            file = _validated(str(path), content)
            errors += file if isinstance(file, list) else _add(marks, str(path), file, draw, items)
    raise_errors(errors)
    return marks


def _read(path: Path, items: Mapping[str, AnnotationItem]) -> tuple[list[Any], list[str]]:
    """(contents of `AnnotationFile`, not checked; errors): one for the page's file, one per person of an export."""
    if not path.is_file():
        return [], [error_at(str(path), "no such file", NOTHING, _FILES)]
    try:
        content = json.loads(writable_json(path.read_text(encoding="utf-8-sig")))
    except (ValueError, RecursionError) as error:  # also wrong UTF-8
        return [], [error_at(str(path), "not valid JSON", str(error), _FILES)]
    if isinstance(content, list):
        return read_export(content, str(path), items)
    return ([content], []) if isinstance(content, dict) else ([], [error_at(str(path), "no labels", content, _FILES)])


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
    if not file.items:
        yield error_at(f"{place}: items", "no labels", NOTHING, _LABELS)
    annotator = marks.people.setdefault(file.annotator.casefold(), file.annotator)
    twice = []
    for name, marked in file.items.items():
        where = f"{place}: {name}"
        if name not in items:
            yield error_at(where, "unknown answer", NOTHING, "the answers of the key")
        elif not marked.done:
            marks.unfinished += 1
        elif annotator in marks.by_item[name]:
            twice.append(name)
        else:
            yield from _item_errors(where, marked, items[name])
            marks.by_item[name][annotator] = marked.claims
    if twice:
        names = f"{', '.join(twice[:5])}{f', … {len(twice) - 5} more' if len(twice) > 5 else ''}"
        yield error_at(f"{place}: {names}", "labelled twice by one person", annotator, "once per answer and person")


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
