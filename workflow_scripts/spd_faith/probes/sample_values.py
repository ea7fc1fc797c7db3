"""The probes' tables, one number for each sample, answer, measure and layer."""

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Any, cast

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from spd_faith.core.errors import UserError
from spd_faith.core.files import read_table
from spd_faith.probes.probe import Probe
from spd_faith.probes.registry import PROBES

_NO_TASK = ""  # of a measure of two answers


def probes_in(
    folder: Path, only: Collection[str] | None = None, among: Sequence[type[Probe]] = tuple(PROBES.values())
) -> list[type[Probe]]:
    """Of the probes `among` those named, or those whose tables are in a folder.

    A folder may hold tables of an earlier run's probes beside those of this one. Raises `UserError` where none is named
    and none is there.
    """
    if only is not None:
        return [probe for probe in among if probe.name in only]
    found = [probe for probe in among if probe.path_in(folder).exists()]
    if not found:
        raise UserError(f"{folder}: no table of a probe ({', '.join(f'{probe.name}.parquet' for probe in among)})")
    return found


def read_contrasted(folder: Path, only: Collection[str] | None = None) -> dict[str, pa.Table]:
    """By name the tables of the `probes_in` a folder, of those that contrast anything; others are passed over.

    Raises `UserError` where a named table is missing.
    """
    contrasted = [probe for probe in PROBES.values() if probe.contrasted]
    found = probes_in(folder, only, contrasted)
    return {probe.name: read_table(probe.path_in(folder), probe.schema) for probe in found}


def sample_values(table: pa.Table, measures: Sequence[str]) -> pd.DataFrame:
    """A row per sample, in ascending order, and a column per (task, measure, layer), nan where there is no number.

    `table` is a probe's, and `measures` columns of it. Numbers of an answer's tokens are averaged; the task is "" where
    a measure is of two answers.
    """
    table = table.filter(pc.is_valid(table["layer"]))
    if "task" not in table.column_names:
        table = table.append_column("task", pa.repeat(pa.scalar(_NO_TASK), len(table)))
    means = table.group_by(["sample_id", "task", "layer"]).aggregate([(name, "mean") for name in measures])
    frame = means.rename_columns({f"{name}_mean": name for name in measures}).to_pandas()
    wide = frame.pivot(index="sample_id", columns=["task", "layer"], values=list(measures))
    wide.columns = cast(pd.MultiIndex, wide.columns).reorder_levels([1, 0, 2])
    return wide.sort_index()


def mean_over_tasks(values: pd.DataFrame, tasks: Iterable[str]) -> dict[str, pd.DataFrame]:
    """By measure, the samples × layers means over the answers to `tasks`, of the samples that have all of them.

    Measures of two answers come as they are.
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
