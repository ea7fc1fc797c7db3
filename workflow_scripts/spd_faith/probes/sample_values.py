"""Reduce a probe's table to one number per sample, answer, measure and layer."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any, cast

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

_NO_TASK = ""  # for a measure of two answers, or of a table that is about one task


def sample_values(table: pa.Table, measures: Sequence[str], by_layer: bool = True) -> pd.DataFrame:
    """A row per sample, in ascending order, and a column per (task, measure, layer); nan if there is no number.

    `measures` are columns of `table`, the table of a probe. Values of an answer's tokens are averaged; the task is ""
    for a measure of two answers. Without `by_layer` the rows without a layer are averaged, and the layer is nan.
    """
    if not by_layer:
        return _without_layers(table, measures)
    table = table.filter(pc.is_valid(table["layer"]))
    if "task" not in table.column_names:
        table = table.append_column("task", pa.repeat(pa.scalar(_NO_TASK), len(table)))
    means = table.group_by(["sample_id", "task", "layer"]).aggregate([(name, "mean") for name in measures])
    frame = means.rename_columns({f"{name}_mean": name for name in measures}).to_pandas()
    wide = frame.pivot(index="sample_id", columns=["task", "layer"], values=list(measures))
    wide.columns = cast(pd.MultiIndex, wide.columns).reorder_levels([1, 0, 2])
    return wide.sort_index()


def _without_layers(table: pa.Table, measures: Sequence[str]) -> pd.DataFrame:
    """Of a table without the column `task`; samples without any number are left out."""
    rows = table.filter(pc.is_null(table["layer"])).select(["sample_id", *measures]).to_pandas()
    means = rows.astype(dict.fromkeys(measures, float)).groupby("sample_id").mean().dropna(how="all")
    columns = [(_NO_TASK, measure, float("nan")) for measure in measures]
    means.columns = pd.MultiIndex.from_tuples(columns, names=["task", None, "layer"])
    return means.sort_index()


def mean_over_tasks(values: pd.DataFrame, tasks: Iterable[str]) -> dict[str, pd.DataFrame]:
    """By measure, the means (samples × layers) over the answers to `tasks`, for the samples that have all of them.

    Measures of two answers are returned unchanged.
    """
    present: Collection[Any] = values.columns.unique("task") if len(values.columns) else ()
    chosen = [_NO_TASK] if _NO_TASK in present else [task for task in tasks if task in present]
    if not chosen:
        return {}
    by_task = [values[task] for task in chosen]
    total = by_task[0]
    for other in by_task[1:]:
        total = total + other
    mean = total / len(chosen)
    return {measure: mean[measure].sort_index(axis=1) for measure in mean.columns.unique(0)}
