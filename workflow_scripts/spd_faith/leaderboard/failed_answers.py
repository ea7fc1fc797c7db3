"""The questions without an answer: how many of each kind, and what asks again those that a failed call left open."""

import shlex
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from spd_faith.core.controls import without_controls
from spd_faith.core.paths import ResultPaths
from spd_faith.core.schemas import FAILURES, TASKS, UNSUPPORTED
from spd_faith.scoring.breakdowns import BREAKDOWNS

FAILURE_KINDS = ("model", "cut", "transport", "timeout", "not_asked")
"""Kinds of failures; timeouts are in `transport`, too, and cut answers in `model` if they said nothing."""


def failed_answers(
    samples: pa.Table, answers: Mapping[str, pa.Table], paths: ResultPaths, shards: Mapping[str, int]
) -> pd.DataFrame:
    """One row per model; `answers` has the responses by model, `shards` the number of its jobs.

    Columns: model; {task}_{kind} for each task and kind, over the samples without controls; transport_failures over
    all questions; ask_again, the arguments with which Snakemake asks only those again, null if there are none;
    unsupported, why its intervention has no place in the model, which was therefore not asked, null if there is no such
    reason.
    """
    real = without_controls(samples)["sample_id"].to_pylist()
    rows = []
    for model, table in answers.items():
        frame = table.to_pandas()
        failed = int((frame["failure"] == "transport").sum())
        targets = _targets(paths, model, shards.get(model, 1))
        again = shlex.join(["--forcerun", *targets]) if failed else None
        counts = _counts(frame[frame["sample_id"].isin(real)])
        why = _why_unsupported(frame)
        rows.append({"model": model, **counts, "transport_failures": failed, "ask_again": again, "unsupported": why})
    texts = dict.fromkeys(("ask_again", "unsupported"), "str")  # also where all are null
    return pd.DataFrame(rows).astype(texts)


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


def _why_unsupported(frame: pd.DataFrame) -> str | None:
    reasons = frame.loc[frame["failure"] == "not_asked", "error"].dropna()
    found = reasons[reasons.str.startswith(UNSUPPORTED)]
    return None if found.empty else str(found.iloc[0]).removeprefix(UNSUPPORTED)


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
