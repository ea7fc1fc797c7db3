"""The tables of a run that its leaderboard is made of, and what is recorded with them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from spd_faith.core.config import Run
from spd_faith.core.files import read_provenance, read_table
from spd_faith.core.schemas import JUDGEMENTS, SAMPLES
from spd_faith.leaderboard.probe_summary import read_probes
from spd_faith.scoring.tables import SCORES
from spd_faith.scoring.tallies import Entry


@dataclass(frozen=True)
class Origin:
    """What was recorded with a table of answers or of samples; `recorded` is all of it."""

    revision: str
    recorded: Mapping[str, Any]


@dataclass(frozen=True)
class Results:
    samples: pa.Table
    dataset: Origin
    scores: Mapping[Entry, pa.Table]
    judgements: Mapping[Entry, pa.Table]
    responses: Mapping[str, Origin]  # by model
    probes: Mapping[str, Mapping[str, pa.Table]]  # by model and probe


def read_results(folder: Path, run: Run) -> Results:
    """The tables of a run in the folder of its dataset. Raises `UserError` where one is missing."""
    entries = [(judge, model) for judge in run.judges for model in run.models]
    return Results(
        samples=read_table(folder / "samples.parquet", SAMPLES),
        dataset=_origin(folder / "samples.parquet"),
        scores={entry: read_table(_path(folder, "scores", entry), SCORES) for entry in entries},
        judgements={entry: read_table(_path(folder, "judgements", entry), JUDGEMENTS) for entry in entries},
        responses={model: _origin(folder / f"responses/{model}.parquet") for model in run.models},
        probes={model: read_probes(folder / "probes" / model, run.config.probes.run) for model in run.probed()},
    )


def _path(folder: Path, table: str, entry: Entry) -> Path:
    return folder / table / entry[0] / f"{entry[1]}.parquet"


def _origin(path: Path) -> Origin:
    recorded = read_provenance(path)
    return Origin(recorded["revision"], recorded)
