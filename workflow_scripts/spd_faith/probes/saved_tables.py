"""Find and read the probes' tables in a folder."""

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
