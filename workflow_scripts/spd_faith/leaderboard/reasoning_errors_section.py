"""The errors in the reasoning: unfaithful claims by kind and severity, and pairs by DRF."""

from collections.abc import Sequence

from spd_faith.leaderboard.model import COUNT, Column, Section, Table, Value
from spd_faith.leaderboard.row_cells import MODEL_AND_JUDGE, Row, model_and_judge
from spd_faith.scoring.aggregate import Aggregate
from spd_faith.scoring.tallies import DRF_LEVELS

_SHOWN = tuple((kind, level) for kind, levels in DRF_LEVELS.items() for level in levels if level != "unstated")
_MEANINGS = {
    "type_category_mismatch": "Unfaithful claims of a true type of difference about an object that does not differ.",
    "type_confusion": "Unfaithful claims about an object that differs, of another type of difference.",
    "attribute_error": "Unfaithful claims with the right object and type, and a wrong attribute such as a color.",
    "fabrication": "Unfaithful claims whose type and object are both not in the truth.",
    "critical": "Unfaithful claims about a wrong or invented object.",
    "moderate": "Unfaithful claims about the right object with a wrong type of difference.",
    "minor": "Unfaithful claims with a wrong attribute alone.",
    "unscored": "Pairs without a DRF.",
}


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
    return Section("Reasoning errors", (Table("reasoning_errors", columns, tuple(rows)),))


def _column(kind: str, level: str) -> Column:
    if kind == "score":
        return Column(f"DRF {level}", COUNT, _MEANINGS.get(level, f"Pairs whose DRF, from 0 to 1, is {level}."))
    return Column(level, COUNT, _MEANINGS[level])
