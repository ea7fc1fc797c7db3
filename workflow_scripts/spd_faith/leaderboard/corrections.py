"""The judge's error on the leaderboard: DRF and CR as judged, and corrected by human labels."""

from collections.abc import Iterator

import pandas as pd

from spd_faith.core.schemas import JUDGED_METRICS
from spd_faith.leaderboard.model import (
    COUNT,
    NUMBER,
    PERCENT,
    Cell,
    Column,
    Interval,
    Missing,
    Note,
    Section,
    Table,
    Text,
    Value,
    note,
    value_cell,
)
from spd_faith.leaderboard.row_cells import MODEL_AND_JUDGE, Row, model_and_judge
from spd_faith.scoring.correction import CORRECTED, LEAST_IN_SPLIT, LEAST_LABELLED, LEFT_OUT, NOT_IN_RUN
from spd_faith.scoring.metrics import METRICS

TITLE = "The judge's error"
_COLUMNS = {
    "value": "_corrected",
    "low": "_corrected_low",
    "high": "_corrected_high",
    "labelled": "_labelled",
    "status": "_correction",
}
FRACTIONS = tuple(f"{metric}{_COLUMNS[end]}" for metric in JUDGED_METRICS for end in ("value", "low", "high"))
_REASONS = {
    "other_model": "of a model that is not in the run",
    "other_pair": "of a pair that is not in the run",
    "control": "of a control",
    "other_answer": "of another answer",
    "other_split": "of another split",
    "not_drawn": "not drawn",
    "no_label_score": "without a score",
    "no_judge_score": "unscored by the judge",
}
_STATUSES = {
    "no_labels": "not corrected",
    "too_few_labels": f"not corrected: under {LEAST_LABELLED} labelled answers",
    "too_few_labels_in": f"not corrected: under {LEAST_IN_SPLIT} labelled image ids in",
    "equal_labels": "not corrected: in each split all labels are equal",
}
_TABLE_COLUMNS = (
    *(*MODEL_AND_JUDGE, Column("Metric")),
    Column("Raw", PERCENT, "The metric as judged, with the interval of the pairs alone."),
    Column("Corrected", PERCENT, "The metric corrected by human labels; the interval includes the draw of labels."),
    Column("Labelled", COUNT, "Answers of this model with human labels that correct the metric."),
    Column("Weight", NUMBER, "How much of the judge's score is used: 0, the labels alone, to 1."),
    Column("Labels left out", definition="Labels that correct nothing here, and why."),
    Column("Status", definition="Whether the metric is corrected, or why not."),
)


def with_corrections(live: pd.DataFrame, corrections: pd.DataFrame) -> pd.DataFrame:
    """The rows with the columns {metric}_corrected, _corrected_low, _corrected_high, _labelled and _correction.

    `corrections` has CORRECTIONS_SCHEMA; `{metric}_correction` is its status.
    """
    for metric in JUDGED_METRICS:
        named = {name: f"{metric}{column}" for name, column in _COLUMNS.items()}
        of_metric = corrections[corrections["metric"] == metric].rename(columns=named)
        live = live.merge(
            of_metric[["judge", "model", *named.values()]], on=["judge", "model"], how="left", validate="one_to_one"
        )
    return live


def correction_note(corrections: pd.DataFrame) -> Note:
    """What the headline's DRF and CR are: for the place below the table."""
    if not (corrections["status"] == CORRECTED).any():
        return note("DRF and CR are as the judge scored them: not corrected for the judge's error.")
    return note(
        f"DRF and CR are as the judge scored them. “{TITLE}” has them corrected by human labels where there are "
        "enough; ranks do not use the corrected values."
    )


def correction_section(live: pd.DataFrame, corrections: pd.DataFrame) -> Section:
    """Raw and corrected values with their intervals, for each row of `live`."""
    if (corrections["status"] == "no_labels").all():
        about = note(
            "Not corrected: the config names no human labels. The raw interval says nothing about the judge's "
            "error. How to label a random part of the answers: docs/annotations.md."
        )
    else:
        about = note(
            "Raw: as judged; its interval says nothing about the judge's error. Corrected: by human labels of "
            "randomly drawn answers of the same model, never of other models; the interval includes the draw. "
            f"{LEAST_LABELLED} labels alone give a standard error of about 5 points; under {LEAST_LABELLED} nothing is "
            "corrected. Weight: how much of the judge's score is used, from 0 (noise) to 1. Near 0 and "
            "100 with few labels, the interval is too narrow. Formula and measured coverage: docs/statistics.md."
        )
    return Section(TITLE, (about, *_other_models(corrections), _table(live, corrections)))


def _other_models(corrections: pd.DataFrame) -> Iterator[Note]:
    """Names labelled models that are not in the run: the table has no rows for them."""
    found = corrections[corrections["status"] == NOT_IN_RUN]
    counts = found.drop_duplicates(["model", "metric"]).groupby("model")["other_model"].sum()
    if len(counts):
        names = ", ".join(f"{model} ({count})" for model, count in counts.items())
        yield note(
            f"Left out: {counts.sum()} labels of models that are not in the run: {names}. A label belongs to the "
            "model whose name it had when it was exported."
        )


def _table(live: pd.DataFrame, corrections: pd.DataFrame) -> Table:
    return Table("judge_error", _TABLE_COLUMNS, tuple(_rows(live, corrections)))


def _rows(live: pd.DataFrame, corrections: pd.DataFrame) -> Iterator[tuple[Cell, ...]]:
    found = {(row["judge"], row["model"], row["metric"]): row for row in corrections.to_dict("records")}
    for row in live.to_dict("records"):
        for metric in JUDGED_METRICS:
            corrected = found[row["judge"], row["model"], metric]
            left_out = ", ".join(f"{corrected[name]} {_REASONS[name]}" for name in LEFT_OUT if corrected[name])
            yield (
                *(*model_and_judge(row), Text(METRICS[metric].label)),
                _interval(row[metric], row[f"{metric}_low"], row[f"{metric}_high"]),
                _interval(corrected["value"], corrected["low"], corrected["high"]),
                *(Value(corrected["labelled"]), value_cell(corrected["judge_weight"])),
                *(Text(left_out) if left_out else Missing(), Text(_status(corrected))),
            )


def _interval(value: float, low: float, high: float) -> Cell:
    return Missing() if pd.isna(value) else Interval(value, low, high)


def _status(corrected: Row) -> str:
    kind, _, splits = str(corrected["status"]).partition(":")
    return f"{_STATUSES.get(kind, kind)} {splits}".rstrip()
