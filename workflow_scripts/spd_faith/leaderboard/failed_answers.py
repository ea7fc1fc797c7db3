"""The questions without an answer: how many of each kind, and what asks again those that a failed call left open."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from spd_faith.core.controls import without_controls
from spd_faith.core.paths import ResultPaths
from spd_faith.core.schemas import FAILURES, TASKS
from spd_faith.leaderboard.model import COUNT, Cell, Code, Column, Note, Section, Table, Text, Value, note
from spd_faith.leaderboard.row_cells import Row
from spd_faith.scoring.breakdowns import BREAKDOWNS

ANSWER_COLUMNS = ["sample_id", "task", "failure", "finish_reason"]
FAILURE_KINDS = {
    "model": "no answer by the model",
    "cut": "cut at the limit",
    "transport": "no reply",
    "timeout": "of these, timed out",
    "not_asked": "not asked",
}
"""Kinds of failures; timeouts are in `transport`, too, and cut answers in `model` if they said nothing."""


def failed_answers(
    samples: pa.Table, answers: Mapping[str, pa.Table], paths: ResultPaths, shards: Mapping[str, int]
) -> pd.DataFrame:
    """One row per model; `answers` has ANSWER_COLUMNS of its responses by model, `shards` the number of its jobs.

    Columns: model; {task}_{kind} for each task and kind, over the samples without controls; transport_failures over
    all questions; ask_again, the arguments with which Snakemake asks only those again, null if there are none.
    """
    real = without_controls(samples)["sample_id"].to_pylist()
    rows = []
    for model, table in answers.items():
        frame = table.to_pandas()
        failed = int((frame["failure"] == "transport").sum())
        targets = _targets(paths, model, shards.get(model, 1))
        again = shlex.join(["--forcerun", *targets]) if failed else None
        counts = _counts(frame[frame["sample_id"].isin(real)])
        rows.append({"model": model, **counts, "transport_failures": failed, "ask_again": again})
    return pd.DataFrame(rows)


def failures_by_group(samples: pa.Table, answers: Mapping[str, pa.Table]) -> pd.DataFrame:
    """The same counts for each group of `BREAKDOWNS`; columns: model, by, group, n (samples), {task}_{kind}."""
    real = without_controls(samples)
    groups = [(one.name, *group) for one in BREAKDOWNS for group in one.groups(real.to_pylist())]
    inside = {(by, group): set(real.filter(pa.array(mask))["sample_id"].to_pylist()) for by, group, mask in groups}
    rows = (
        {"model": model, "by": by, "group": group, "n": len(ids), **_counts(frame[frame["sample_id"].isin(ids)])}
        for model, frame in ((model, table.to_pandas()) for model, table in answers.items())
        for (by, group), ids in inside.items()
    )
    counts = [f"{task}_{kind}" for task in TASKS for kind in FAILURE_KINDS]
    return pd.DataFrame(rows, columns=["model", "by", "group", "n", *counts])


def with_failures(breakdowns: pd.DataFrame, failed: pd.DataFrame) -> pd.DataFrame:
    """`breakdowns` with a row for each count of `failures_by_group`: its name as `metric`, the number as `value`."""
    keys = ["model", "by", "group", "n"]
    counts = failed.melt(keys, var_name="metric", value_name="value").astype({"value": float})
    entries = breakdowns[["judge", "model"]].drop_duplicates()
    return pd.concat([breakdowns, entries.merge(counts, on="model")], ignore_index=True)


def _targets(paths: ResultPaths, model: str, shards: int) -> list[str]:
    """The tables whose jobs ask the questions: they find the other answers in the journal."""
    if shards == 1:
        return [str(paths.responses(model))]
    return [str(paths.response_shard(model, str(shard))) for shard in range(shards)]


def _counts(frame: pd.DataFrame) -> dict[str, int]:
    kinds: dict[str, Any] = {kind: frame["failure"] == kind for kind in FAILURES}
    kinds |= {"timeout": frame["finish_reason"] == "timeout", "cut": frame["finish_reason"] == "length"}
    return {
        f"{task}_{kind}": int(np.sum(found & (frame["task"] == task)))
        for task in TASKS
        for kind, found in kinds.items()
    }


def transport_warnings(live: Sequence[Row]) -> Iterator[Note]:
    """A warning for each model with questions that got no reply."""
    for model, row in {row["model"]: row for row in live}.items():
        if row["transport_failures"]:
            yield note(
                f"{row['label']} ({model}): {row['transport_failures']} questions got no reply after all attempts. "
                "They are not scored. To ask only these again, repeat the snakemake command with ",
                Code(row["ask_again"]),
                ".",
            )


def failed_section(live: Sequence[Row], by_group: pd.DataFrame) -> Section:
    """The failures of each model by task, and by split and task; `by_group` is `failures_by_group`."""
    models = {row["model"]: row for row in live}
    rows = tuple((Text(row["label"]), *cells) for row in models.values() for cells in _failed_cells(row))
    kinds = (Column("Question"), *(Column(title.capitalize(), COUNT) for title in FAILURE_KINDS.values()))
    by_split = tuple(
        (Text(models[part["model"]]["label"]), Text(part["group"]), *cells)
        for part in by_group.query("by == 'split'").to_dict("records")
        for cells in _failed_cells(part)
    )
    explained = note(
        "A model's failure (empty, withheld, or cut before it said anything) scores 0; an answer that was cut later is "
        "scored as it is. A question without a reply or not asked is nobody's answer: its metrics are null and lower "
        "the coverage."
    )
    none = note("Every question was answered, and no answer was cut.")
    if not rows:
        return Section("Failed answers", (none,))
    tables = (
        Table("failed_answers", (Column("Model"), *kinds), rows),
        Table("failed_answers_by_split", (Column("Model"), Column("Split"), *kinds), by_split),
    )
    return Section("Failed answers", (explained, *tables))


def _failed_cells(counts: Row) -> Iterator[tuple[Cell, ...]]:
    """A task and its counts, for the tasks that have any."""
    for task in TASKS:
        if any(counts[f"{task}_{kind}"] for kind in FAILURE_KINDS):
            yield Text(task), *(Value(counts[f"{task}_{kind}"]) for kind in FAILURE_KINDS)
