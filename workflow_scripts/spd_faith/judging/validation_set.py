"""Loads the manually labelled answers in `resources/judge_validation`, which judges are measured on.

The README in that folder has the labelling guideline and describes the format.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationError

from spd_faith.core.config_errors import NOTHING, error_at, explain, raise_errors, read_mapping
from spd_faith.core.difference_types import DifferenceType
from spd_faith.core.entries import Strict
from spd_faith.core.schemas import CLAIM_LABELS, ERROR_TYPES, JUDGED_METRICS, SEVERITIES, VERDICTS
from spd_faith.judging.claims import SEVERITY

_Words = Annotated[str, Field(min_length=1)]

if TYPE_CHECKING:
    _ReasoningLabel = str
    _ConsistencyLabel = str
    _ErrorType = str
    _Severity = str
    _Verdict = str
else:
    _ReasoningLabel = Literal[CLAIM_LABELS["drf"]]
    _ConsistencyLabel = Literal[CLAIM_LABELS["cr"]]
    _ErrorType = Literal[ERROR_TYPES]
    _Severity = Literal[SEVERITIES]
    _Verdict = Literal[VERDICTS]


class LabelledBox(Strict):
    """Top left corner and size in pixels; a list of four numbers in the file."""

    x: Annotated[float, Field(ge=0)]
    y: Annotated[float, Field(ge=0)]
    w: Annotated[float, Field(gt=0)]
    h: Annotated[float, Field(gt=0)]


def _named_sides(raw: Any) -> Any:
    if not isinstance(raw, list) or len(raw) != 4:
        raise ValueError("a box must be [x, y, width, height]")
    return dict(zip("xywh", raw, strict=True))


_Box = Annotated[LabelledBox, BeforeValidator(_named_sides)]


class LabelledDifference(Strict):
    type: Annotated[DifferenceType, Field(strict=False)]
    category: _Words
    description: str | None = None
    bbox: _Box | None = None
    """In the original image."""
    bbox_after: _Box | None = None
    """In the modified image, if the object was moved."""


class LabelledUnchanged(Strict):
    category: _Words
    bbox: _Box


class LabelledTruth(Strict):
    """The truth of a pair; `model_dump()` gives columns of `SAMPLES`."""

    width: Annotated[int, Field(gt=0)]
    height: Annotated[int, Field(gt=0)]
    differences: Annotated[list[LabelledDifference], Field(min_length=1)]
    unchanged: list[LabelledUnchanged] | None = None


class ReasoningClaim(Strict):
    quote: _Words
    """Words of the answer, after those of the previous claim."""
    label: _ReasoningLabel
    error_type: _ErrorType | None = None
    severity: _Severity | None = None


class ConsistencyClaim(Strict):
    quote: _Words | None = None
    """Words of the answer to "the same?"."""
    other_quote: _Words | None = None
    """Words of the answer to "different?"."""
    label: _ConsistencyLabel


class YesNoAnswers(Strict):
    same: str
    different: str


class ListedDifference(Strict):
    """A difference that an answer asserts, as a careful reader would list it."""

    type: Annotated[DifferenceType | None, Field(strict=False)]
    """null: another change, or none stated."""
    category: _Words | None
    """A COCO category; null: another object."""


class YesNoVerdicts(Strict):
    same: _Verdict
    different: _Verdict


class _Item(Strict):
    id: _Words
    manner: _Words
    truth: LabelledTruth
    why: _Words
    """The reason for the labels, if it is not obvious."""
    arguable: _Words | None = None
    """The other reading, if two careful readers could disagree."""


class ReasoningItem(_Item):
    """An answer to the question about the differences."""

    metric: Literal["drf"]
    answer: str
    claims: list[ReasoningClaim]
    listed: list[ListedDifference] | None = None
    """For measuring the parser: the differences that the answer asserts; null: not labelled."""
    count: int | None = None
    """With `listed`: the number of differences that the answer states, if any."""


class ConsistencyItem(_Item):
    """The two answers to the yes/no questions; the first claim is the agreement of their verdicts."""

    metric: Literal["cr"]
    answer: YesNoAnswers
    verdicts: YesNoVerdicts | None = None
    """For measuring the parser: what each answer says of the pair; null: not labelled."""
    claims: Annotated[list[ConsistencyClaim], Field(min_length=1)]


Item = ReasoningItem | ConsistencyItem

_ITEM_TYPES: dict[str, type[Item]] = {"drf": ReasoningItem, "cr": ConsistencyItem}


def load_validation_set(path: Path) -> list[Item]:
    """Load the items in file order. Raises `UserError` with all errors, each naming its item."""
    raws = read_mapping(path).get("items", NOTHING)
    if not isinstance(raws, list):
        raise_errors([error_at(f"{path}: items", "not a list", raws, "items")])
    items: list[Item] = []
    errors: list[str] = []
    for number, raw in enumerate(raws, start=1):
        name = raw.get("id", f"number {number}") if isinstance(raw, Mapping) else f"number {number}"
        place = f"{path}: {name}"
        if not isinstance(raw, Mapping) or raw.get("metric") not in JUDGED_METRICS:
            allowed = [f"metric: {metric}" for metric in JUDGED_METRICS]
            errors.append(error_at(place, "an item without a metric", raw, allowed))
            continue
        kind = _ITEM_TYPES[raw["metric"]]
        try:
            item = kind.model_validate(raw)
        except ValidationError as error:
            errors += [explain(str(path), (name,), kind, details) for details in error.errors()]
            continue
        if item.id in {other.id for other in items}:
            errors.append(error_at(place, "the id is used more than once", item.id, "a unique id"))
        errors += _reasoning_errors(place, item) if isinstance(item, ReasoningItem) else _quote_errors(place, item)
        items.append(item)
    raise_errors(errors)
    return items


def _reasoning_errors(place: str, item: ReasoningItem) -> Iterator[str]:
    end = 0
    for number, claim in enumerate(item.claims):
        here = f"{place}.claims.{number}"
        start = item.answer.find(claim.quote, end)
        if start < 0:
            allowed = "words of the answer, after those of the previous claim"
            yield error_at(f"{here}.quote", "not found", claim.quote, allowed)
        end = max(end, start + len(claim.quote))
        severity = SEVERITY[claim.error_type] if claim.error_type else None
        if (claim.label == "unfaithful") != (claim.error_type is not None):
            allowed = "an error type if and only if the label is unfaithful"
            yield error_at(f"{here}.error_type", "does not fit the label", claim.error_type, allowed)
        elif claim.severity != severity:
            expected = [severity] if severity else "no severity without an error type"
            yield error_at(f"{here}.severity", "does not fit the error type", claim.severity, expected)


def _quote_errors(place: str, item: ConsistencyItem) -> Iterator[str]:
    for number, claim in enumerate(item.claims):
        here = f"{place}.claims.{number}"
        for key, quote, answer in (
            ("quote", claim.quote, item.answer.same),
            ("other_quote", claim.other_quote, item.answer.different),
        ):
            if quote is not None and quote not in answer:
                yield error_at(f"{here}.{key}", "not found", quote, "words of the answer")
        if number and claim.quote is None and claim.other_quote is None:  # two empty answers have verdicts to compare
            yield error_at(here, "no words", NOTHING, "a quote, an other_quote or both")
