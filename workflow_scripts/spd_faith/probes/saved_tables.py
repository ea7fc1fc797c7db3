"""Which probes have tables in a folder, and the tables."""

from collections.abc import Collection, Sequence
from pathlib import Path

import pyarrow as pa

from spd_faith.core.errors import UserError
from spd_faith.core.files import read_table
from spd_faith.probes.probe import Probe
from spd_faith.probes.registry import PROBES


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
