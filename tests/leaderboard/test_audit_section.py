"""The truth audit on the leaderboard: counts by flag, and the headline without the flagged pairs."""

from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from scoring.tables import judged, judgements_table, parsed, parsed_table, sample, samples_table

from spd_faith.core.schemas import AUDIT, FAULTS, REMARKS
from spd_faith.leaderboard.audit_section import audit_section, audit_warning, unflagged_rows
from spd_faith.leaderboard.model import Missing, Table, Text, Value
from spd_faith.scoring.metrics import HEADLINE_AND_OVERALL
from spd_faith.scoring.samples import score_table

RIGHT, WRONG, UNJUDGED = (f"easy/0000{row}_{row}" for row in range(3))
CONTROL = f"{RIGHT}-identical"
LAMP = [("color", "lamp")]


def scores() -> pa.Table:
    """One pair answered rightly, one wrongly in everything, one rightly whose DRF has no judgement, and a control."""
    answers = [
        parsed(RIGHT, LAMP, stated=1),
        parsed(WRONG, [("remove", "dog")], stated=0, verdicts=("same", "same")),
        parsed(UNJUDGED, LAMP, stated=1),
        parsed(CONTROL, LAMP, stated=1),
    ]
    judgements = [
        judged(RIGHT, drf=(1, 0, 0), cr=(1, 0, 0)),
        judged(WRONG, drf=(0, 1, 0), cr=(0, 1, 0)),
        judged(UNJUDGED, drf=None, cr=(1, 0, 0)),
        judged(CONTROL, drf=(0, 1, 0), cr=(0, 1, 0)),
    ]
    samples = [
        *(sample(name, LAMP, name) for name in (RIGHT, WRONG, UNJUDGED)),
        sample(CONTROL, [], control="identical"),
    ]
    return score_table(samples_table(*samples), parsed_table(*answers), judgements_table(*judgements))


def audited(**flags: list[str]) -> pa.Table:
    names = {"right": RIGHT, "wrong": WRONG, "unjudged": UNJUDGED}
    row = {"equal_size": True, "empty_boxes": [], "missing_boxes": []}
    rows = [row | {"sample_id": name, "flags": flags.get(short, [])} for short, name in names.items()]
    return pa.Table.from_pylist(rows, schema=AUDIT)


def unflagged(audit: pa.Table) -> dict[str, Any]:
    return unflagged_rows(audit, {("rules", "one"): scores()}).to_dict("records")[0]


def tables(audit: pa.Table, live: list[dict[str, Any]]) -> dict[str, Table]:
    return {
        part.name: part
        for part in audit_section(audit, live, {"dqr": "recall", "ds": "detection"}).parts
        if isinstance(part, Table)
    }


def test_without_the_flagged_pair_everything_is_right() -> None:
    row = unflagged(audited(wrong=["outside"]))
    assert [row[f"{metric}_unflagged"] for metric in HEADLINE_AND_OVERALL] == [1.0] * 7
    assert row["n_unflagged"] == 2
    assert (row["dqr_unflagged_coverage"], row["drf_unflagged_coverage"]) == (1.0, 0.5)


def test_a_remark_leaves_a_pair_in() -> None:
    row = unflagged(audited(wrong=["second_place_unknown"], unjudged=["empty_box", "second_place_unknown"]))
    assert row["n_unflagged"] == 2
    assert (row["dqr_unflagged"], row["ds_unflagged"], row["drf_unflagged"]) == (0.5, 0.5, 0.5)
    assert row["drf_unflagged_coverage"] == 1.0


def test_if_every_pair_is_flagged_nothing_is_left() -> None:
    audit = audited(right=["missing_box"], wrong=["missing_box"], unjudged=["missing_box"])
    row = unflagged(audit)
    assert row["n_unflagged"] == 0
    assert all(pd.isna(row[f"{metric}_unflagged"]) for metric in HEADLINE_AND_OVERALL)
    assert set(tables(audit, [])) == {"audit_flags"}


def test_without_flags_the_section_has_no_table_and_the_page_no_warning() -> None:
    assert tables(audited(), []) == {}
    assert list(audit_warning(audited())) == []
    assert list(audit_warning(audited(right=["second_place_unknown"]))) == []


def test_the_warning_counts_pairs_not_flags() -> None:
    [warning] = audit_warning(audited(right=["outside", "empty_box"], wrong=["second_place_unknown"]))
    assert "flags 1 of 3 pairs" in warning.spans[0]


@pytest.mark.parametrize("flag", [*FAULTS, *REMARKS])
def test_every_flag_is_counted(flag: str) -> None:
    table = tables(audited(right=[flag], wrong=[flag], unjudged=[flag]), [])["audit_flags"]
    assert [(row[1], row[2]) for row in table.rows] == [(Text(flag), Value(3))]


def test_the_headline_stands_with_and_without_the_flagged_pairs() -> None:
    audit = audited(wrong=["outside"])
    everything = {"label": "One", "judge_label": "Rules", "n": 3}
    everything |= dict.fromkeys(HEADLINE_AND_OVERALL, 0.25) | {f"{name}_coverage": 0.9 for name in HEADLINE_AND_OVERALL}
    everything |= unflagged(audit) | {"cr_unflagged": float("nan")}
    table = tables(audit, [everything])["unflagged"]
    titles = [column.title for column in table.columns]
    whole, without = (dict(zip(titles, row, strict=True)) for row in table.rows)
    metrics = ("DQR", "DS", "TF1", "CF1", "CR", "DRF", "Overall")
    described = {"Model": Text("One", "one"), "Judge": Text("Rules", "rules")}
    assert whole == described | {"Truth": Text("all pairs"), "Pairs": Value(3), "Coverage": Value(0.9)} | {
        name: Value(0.25) for name in metrics
    }
    assert without == described | {"Truth": Text("unflagged pairs"), "Pairs": Value(2), "Coverage": Value(0.5)} | {
        name: Missing() if name == "CR" else Value(1.0) for name in metrics
    }
