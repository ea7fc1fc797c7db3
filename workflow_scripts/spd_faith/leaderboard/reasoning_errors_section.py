"""The errors in the reasoning: unfaithful claims by kind and severity, and pairs by DRF."""

from collections.abc import Sequence

from spd_faith.judging.claims import SEVERITY
from spd_faith.leaderboard.model import COUNT, Code, Column, Section, Table, Value, note
from spd_faith.leaderboard.row_cells import MODEL_AND_JUDGE, Row, model_and_judge
from spd_faith.scoring.aggregate import Aggregate
from spd_faith.scoring.tallies import DRF_LEVELS

_SHOWN = tuple((kind, level) for kind, levels in DRF_LEVELS.items() for level in levels if level != "unstated")
_ERRORS = {
    "type_category_mismatch": "Unfaithful claims of a true type of difference about an object that does not differ, or "
    "that nothing differs.",
    "type_confusion": "Unfaithful claims of a wrong type of difference about an object that differs, or that it is "
    "unchanged or in an image that lacks it.",
    "attribute_error": "Unfaithful claims with the right object and type, but with a wrong attribute: color or place.",
    "fabrication": "Unfaithful claims of a difference whose type and object are both not in the truth, or of one more "
    "difference of an object and type than the truth has.",
}
_UNSCORED = "Pairs without a DRF."


def error_terms() -> dict[str, str]:
    """The kinds of errors in words, with their definitions."""
    return {_words(kind).capitalize(): meaning for kind, meaning in _ERRORS.items()}


def _words(kind: str) -> str:
    return kind.replace("_", " ")


def reasoning_errors_section(aggregate: Aggregate, live: Sequence[Row]) -> Section:
    """A row per model and judge."""
    counts = {
        (row["judge"], row["model"], row["kind"], row["level"]): row["n"] for row in aggregate.drf_errors.to_pylist()
    }
    rows = (
        (*model_and_judge(row), *(Value(counts[row["judge"], row["model"], kind, level]) for kind, level in _SHOWN))
        for row in live
    )
    columns = (*MODEL_AND_JUDGE, *(_column(kind, level) for kind, level in _SHOWN))
    about = note(
        "Unfaithful claims by error and by severity, then pairs by DRF. Each true difference is matched by one claim "
        "only. If the answer claims it again as a further difference, for example as a second entry of a list, that "
        "claim is a fabrication. So of two claims in the same words, the first can be faithful or an attribute error "
        "and the second a fabrication. All rules of the judge ",
        Code("rules"),
        ": docs/judging_rules.md.",
    )
    return Section("Reasoning errors", (about, Table("reasoning_errors", columns, tuple(rows))))


def _column(kind: str, level: str) -> Column:
    if kind == "score":
        definition = _UNSCORED if level == "unscored" else f"Pairs whose DRF, from 0 to 1, is {level}."
        return Column(f"DRF {level}", COUNT, definition)
    errors = " or ".join(_words(error) for error, severity in SEVERITY.items() if severity == level)
    return Column(_words(level).capitalize(), COUNT, _ERRORS.get(level, f"Unfaithful claims labelled {errors}."))
