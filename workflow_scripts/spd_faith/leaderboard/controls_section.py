"""What control pairs and permuted truths add to the leaderboard: columns, sections, and what needs no image."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd
import pyarrow as pa

from spd_faith.core.statistics import LEAST_CLUSTERS
from spd_faith.leaderboard.metric_columns import Chosen, headline_columns, sentence
from spd_faith.leaderboard.model import (
    COUNT,
    NUMBER,
    PERCENT,
    Cell,
    Code,
    Column,
    Group,
    Interval,
    Note,
    Section,
    Table,
    Term,
    Text,
    note,
    value_cell,
)
from spd_faith.leaderboard.row_cells import MODEL_AND_JUDGE, Row, model_and_judge
from spd_faith.scoring.control_metrics import CONTROL_METRICS, LEAST_NAMED, ControlMetric, Topic
from spd_faith.scoring.metrics import HEADLINE_AND_OVERALL

_KEYS = ["judge", "model"]
_INTRODUCTIONS = {
    Topic.DETECTION: "Answers about pairs whose two images are the same. A model that always says “different” has a d′ "
    "and a DS net of 0. d′ cannot be larger than the largest d′, which depends on the number of pairs. ",
    Topic.COUNTERFACTUAL: "Does a model stop naming a difference when it is undone, and only that one? A difference is "
    "named when the list has its type and category. Each value is over the differences that the model itself named, so "
    f"values of two models are not comparable. There is no cff under {LEAST_NAMED} named differences. ",
    Topic.BY_CATEGORY: "As above, but a difference is named when the list has its category, whatever the type. A pair "
    "is left out if another of its differences has the same category as the undone one.",
    Topic.ORDER: "Metrics of pairs with the modified image first, minus those of the same pairs as they are, in "
    "percentage points.",
    Topic.BLIND: "Answers about two grey images. They describe a model and are in no score. All grey pairs of one size "
    "are the same question with the same answer, so there are no intervals.",
}
_GROUPS = {
    Topic.DETECTION: Group.CONTROLS,
    Topic.COUNTERFACTUAL: Group.COUNTERFACTUAL,
    Topic.BY_CATEGORY: Group.COUNTERFACTUAL,
    Topic.ORDER: Group.CONTROLS,
    Topic.BLIND: Group.CONTROLS,
}
_ADDED = {
    Topic.BY_CATEGORY: "Here a difference is named if the list has its category, whatever the type. ",
    Topic.ORDER: "In percentage points. ",
}
"""What the definition of a column says more than that of its metric, by topic."""
_COUNTED = {
    Topic.DETECTION: "Identical pairs: the same image twice.",
    Topic.COUNTERFACTUAL: "Undone differences that the model names on the base pair: the list has type and category.",
    Topic.BY_CATEGORY: "Undone differences whose category the model lists on the base pair, whatever the type.",
    Topic.ORDER: "Pairs that are scored in both orders.",
    Topic.BLIND: "Pairs of two grey images.",
}
_DEFINED = (Topic.DETECTION, Topic.COUNTERFACTUAL)  # the notes of the others say all


def control_columns(values: pa.Table) -> pd.DataFrame:
    """One row per (judge, model) of a table from `control_metrics`.

    Columns: judge, model; each of CONTROL_METRICS, with `_low` and `_high` if it has an interval, and `_n`.
    """
    wide = values.to_pandas().pivot(index=_KEYS, columns="metric", values=["value", "low", "high", "n"])
    columns = {
        f"{metric.name}{suffix}": wide[estimate, metric.name].astype("Int64" if estimate == "n" else float)
        for metric in CONTROL_METRICS.values()
        for estimate, suffix in estimate_columns(metric).items()
    }
    return pd.DataFrame(columns).reset_index()


def control_fractions() -> tuple[str, ...]:
    """The columns of `control_columns` that hold fractions."""
    return tuple(
        f"{metric.name}{suffix}"
        for metric in CONTROL_METRICS.values()
        for estimate, suffix in estimate_columns(metric).items()
        if metric.is_fraction and estimate != "n"
    )


def estimate_columns(metric: ControlMetric) -> dict[str, str]:
    ends = {"low": "_low", "high": "_high"} if metric.has_interval else {}
    return {"value": "", **ends, "n": "_n"}


# ---- sections --------------------------------------------------------------------------------------------------------


def controls_section(live: Sequence[Row], made: Mapping[str, Any]) -> Section:
    """A table per topic; `made` has, by kind, the number of controls `made` and of those `left_out` by reason."""
    if not made:
        return Section("Controls", (note("This dataset has no controls. How to add some: docs/controls.md."),))
    topics = (Section(topic, (_explanation(topic), _table(topic, live))) for topic in _INTRODUCTIONS)
    return Section("Controls", (_counts(made), *topics))


def _counts(made: Mapping[str, Any]) -> Note:
    listed = []
    for kind, counts in made.items():
        left_out = [f"{n} {reason.replace('_', ' ')}" for reason, n in sorted(counts["left_out"].items())]
        listed.append(
            f"{counts['made']} {kind.replace('_', ' ')}" + (f" (left out: {', '.join(left_out)})" if left_out else "")
        )
    return note(
        f"Pairs made from pairs of the dataset: {'; '.join(listed)}. They are in no score outside this section. "
        "Intervals resample a control together with the pair that it is made from; there are none under "
        f"{LEAST_CLUSTERS} image ids. Models are not tested against each other. Formulas: docs/statistics.md. What the "
        "values show: docs/controls.md."
    )


def _of(topic: Topic) -> list[ControlMetric]:
    return [metric for metric in CONTROL_METRICS.values() if metric.topic is topic]


def _explanation(topic: Topic) -> Note:
    defined = _of(topic) if topic in _DEFINED else []
    return note(
        _INTRODUCTIONS[topic],
        *(span for one in defined for span in (Term(one.label), f": {one.definition}. ")),
    )


def _table(topic: Topic, live: Sequence[Row]) -> Table:
    columns = [column for metric in _of(topic) for column in _columns(metric)]
    rows = ((*model_and_judge(row), *(cell for metric in _of(topic) for cell in _cells(row, metric))) for row in live)
    return Table(topic.name.lower(), (*MODEL_AND_JUDGE, *columns), tuple(rows), _GROUPS[topic])


def _columns(metric: ControlMetric) -> Iterator[Column]:
    if metric.count_label:
        yield Column(metric.count_label, COUNT, _COUNTED[metric.topic])
    yield Column(metric.label, PERCENT if metric.is_fraction else NUMBER, _definition(metric))


def _definition(metric: ControlMetric) -> str:
    missing = f"under {metric.least_n} of them" if metric.least_n > 1 else "if there are none"
    added = _ADDED.get(metric.topic, "")
    return f"{sentence(metric.definition)} {added}Formula: {metric.computed}. {metric.better} “–” {missing}."


def _cells(row: Row, metric: ControlMetric) -> Iterator[Cell]:
    if metric.count_label:
        yield value_cell(row[f"{metric.name}_n"])
    if metric.has_interval and not pd.isna(row[f"{metric.name}_low"]):
        yield Interval(*(row[f"{metric.name}{end}"] for end in ("", "_low", "_high")))
    else:
        yield value_cell(row[metric.name])


# ---- baselines without the images ------------------------------------------------------------------------------------


def baselines_section(floors: pd.DataFrame, live: Sequence[Row], chosen: Chosen) -> Section:
    """The headline metrics of constant answers (from `constant_answers`) and of each model under permuted truths."""
    values = floors.pivot(index="answer", columns="metric", values="value")
    constant = (
        (Text(f"“{answer}”"), Text("rules"), *(value_cell(values.loc[answer, name]) for name in HEADLINE_AND_OVERALL))
        for answer in floors["answer"].unique()
    )
    permuted = (
        (*model_and_judge(row), *(value_cell(row[f"permuted_{name}"]) for name in HEADLINE_AND_OVERALL))
        for row in live
        if row["permuted_overall_n"]
    )
    columns = (Column("Answers"), Column("Judge"), *headline_columns(chosen))
    return Section(
        Topic.PERMUTED,
        (
            note(
                "In quotes: the same answer to every question. Below: each model's answers, scored against the truths "
                "of other pairs of the same split and number of differences, with ",
                Code("rules"),
                " as the judge of DRF in every row. DQR depends on the number of differences alone, and DS and CR do "
                "not depend on the truth, so these are the model's own values. Intervals: ",
                Code("leaderboard.parquet"),
                ".",
            ),
            *_left_out(live),
            Table("baselines", columns, (*constant, *permuted)),
        ),
    )


def _left_out(live: Sequence[Row]) -> Iterator[Note]:
    for row in live:
        if left_out := row["n"] - row["permuted_overall_n"]:
            yield note(
                f"{row['label']}, judged by {row['judge_label']}: {left_out} of {row['n']} pairs have no description "
                "or no other pair to take a truth from, and are left out here."
            )
