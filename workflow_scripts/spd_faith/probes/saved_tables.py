"""Find and read the probes' tables in a folder."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import pyarrow as pa

from spd_faith.core.errors import UserError
from spd_faith.core.files import check_keys, read_table
from spd_faith.core.schemas import TASKS
from spd_faith.probes.probe import Probe
from spd_faith.probes.registry import PROBES


def probes_in(
    folder: Path, only: Collection[str] | None = None, among: Sequence[type[Probe]] = tuple(PROBES.values())
) -> list[type[Probe]]:
    """The probes of `among` that are named in `only`, or else those whose tables are in the folder.

    A folder may also contain tables from an earlier run. Raises `UserError` if none is named and none is found.
    """
    if only is not None:
        return [probe for probe in among if probe.name in only]
    found = [probe for probe in among if probe.path_in(folder).exists()]
    if not found:
        names = ", ".join(f"{probe.name}.parquet" for probe in among)
        raise UserError(f"{folder}: no table of a probe; expected one of {names}")
    return found


def read_contrasted(folder: Path, only: Collection[str] | None = None) -> dict[str, pa.Table]:
    """The tables of the `probes_in` a folder by name, for those that contrast anything; others are skipped.

    Raises `UserError` if a named table is missing.
    """
    contrasted = [probe for probe in PROBES.values() if probe.contrasted]
    found = probes_in(folder, only, contrasted)
    return {probe.name: read_table(probe.path_in(folder), probe.schema) for probe in found}


def read_probed(folder: Path, probes: Sequence[type[Probe]]) -> dict[str, pa.Table]:
    """What the tables of these probes are about, by probe: sample_id, status and, if there is one, task."""
    columns: dict[type[Probe], list[str]]
    columns = {
        probe: [name for name in ("sample_id", "task", "status") if name in probe.schema.names] for probe in probes
    }
    return {probe.name: read_table(probe.path_in(folder), probe.schema, columns[probe]) for probe in probes}


def check_probed(model: str, tables: Mapping[str, pa.Table], sample_ids: Collection[str]) -> None:
    """Raise `UserError` naming the samples, or the answers about them, that are not in all of a model's probe tables.

    `tables`, by probe, have the columns sample_id and, of probes that measure single answers, task. All are about some
    of `sample_ids`: those of probes that share a pass about the same ones; one with its own passes may measure fewer.
    """
    sharing = [table for name, table in tables.items() if PROBES[name].reads_shared_pass]
    for name, table in tables.items():
        together = sharing if PROBES[name].reads_shared_pass else [table]
        probed = {str(one) for other in together for one in other["sample_id"].unique().to_pylist()}
        known = sorted(probed.intersection(sample_ids))
        key: list[str] = [column for column in ("sample_id", "task") if column in table.column_names]
        found = [tuple(row.values()) for row in table.group_by(key).aggregate([]).to_pylist()]
        expected = [(one, task) for one in known for task in TASKS] if "task" in key else [(one,) for one in known]
        check_keys(f"{name} of {model}", found, expected)
