"""The probes' tables, one number for each sample, answer, measure and layer."""

from collections.abc import Callable, Collection, Iterable, Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from spd_faith.core.errors import UserError
from spd_faith.core.files import read_table
from spd_faith.core.schemas import PROBES

LAYER_PROBES = {name: schema for name, schema in PROBES.items() if "layer" in schema.names}
"""Every probe that measures layers, and the schema of its table."""

_NO_TASK = ""  # of a measure of two answers


def read_layer_probes(
    folder: Path,
    only: Collection[str] | None = None,
    readers: Mapping[str, Callable[[Path], pa.Table]] = MappingProxyType({}),
) -> dict[str, pa.Table]:
    """The tables of `LAYER_PROBES` in a folder, by probe: those named, or all that are there.

    A folder may hold tables of an earlier run's probes beside those of this one. Names of probes that measure no layers
    are passed over. A table that has one of `readers` is read by it, the others whole. Raises `UserError` where a named
    table is missing, or where none is named and none is there.
    """
    found = {
        name: readers.get(name, partial(read_table, schema=schema))(folder / f"{name}.parquet")
        for name, schema in LAYER_PROBES.items()
        if (name in only if only is not None else (folder / f"{name}.parquet").exists())
    }
    if not found and only is None:
        raise UserError(f"{folder}: no table of a probe ({', '.join(f'{name}.parquet' for name in LAYER_PROBES)})")
    return found


def measures_of(schema: pa.Schema) -> list[str]:
    return [field.name for field in schema if field.type == pa.float32() and field.name != "greedy_agreement"]


def sample_values(table: pa.Table) -> pd.DataFrame:
    """A row per sample, in ascending order, and a column per (task, measure, layer), nan where there is no number.

    `table` is a probe's. Numbers of an answer's tokens are averaged; the task is "" where a measure is of two answers.
    """
    measures = measures_of(table.schema)
    table = table.filter(pc.is_valid(table["layer"]))
    if "task" not in table.column_names:
        table = table.append_column("task", pa.repeat(pa.scalar(_NO_TASK), len(table)))
    means = table.group_by(["sample_id", "task", "layer"]).aggregate([(name, "mean") for name in measures])
    frame = means.rename_columns({f"{name}_mean": name for name in measures}).to_pandas()
    wide = frame.pivot(index="sample_id", columns=["task", "layer"], values=measures)
    wide.columns = wide.columns.reorder_levels([1, 0, 2])
    return wide.sort_index()


def mean_over_tasks(values: pd.DataFrame, tasks: Iterable[str]) -> dict[str, pd.DataFrame]:
    """By measure, the samples × layers means over the answers to `tasks`, of the samples that have all of them.

    Measures of two answers come as they are.
    """
    present = values.columns.unique("task") if len(values.columns) else []
    chosen = [_NO_TASK] if _NO_TASK in present else [task for task in tasks if task in present]
    if not chosen:
        return {}
    by_task = [values[task] for task in chosen]
    total = by_task[0]
    for other in by_task[1:]:
        total = total + other
    mean = total / len(chosen)
    return {measure: mean[measure].sort_index(axis=1) for measure in mean.columns.unique(0)}
