"""Read the tables behind the leaderboard of a run, with their provenance."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from spd_faith.core.files import read_provenance, read_table
from spd_faith.core.paths import ResultPaths
from spd_faith.core.run_config import RecordedRun
from spd_faith.core.schemas import JUDGEMENTS, PARSED, SAMPLES
from spd_faith.judging.current_labels import current_labels, read_labels
from spd_faith.leaderboard.probe_summary import read_probes
from spd_faith.scoring.tables import SCORES
from spd_faith.scoring.tallies import Entry


@dataclass(frozen=True)
class Origin:
    """The provenance of a table of answers or samples; `recorded` has all of it."""

    revision: str
    recorded: Mapping[str, Any]


@dataclass(frozen=True)
class Results:
    samples: pa.Table
    parsed: Mapping[str, pa.Table]  # by model
    dataset: Origin
    scores: Mapping[Entry, pa.Table]
    judgements: Mapping[Entry, pa.Table]
    responses: Mapping[str, Origin]  # by model
    probes: Mapping[str, Mapping[str, pa.Table]]  # by model and probe
    labels: pa.Table | None  # CURRENT_LABELS


def read_results(paths: ResultPaths, run: RecordedRun) -> Results:
    """The tables of a run. Raises `UserError` if one is missing."""
    entries = [(judge, model) for judge in run.judges for model in run.models]
    return Results(
        samples=read_table(paths.samples, SAMPLES),
        parsed={model: read_table(paths.parsed(model), PARSED) for model in run.models},
        dataset=_origin(paths.samples),
        scores={entry: read_table(paths.scores(*entry), SCORES) for entry in entries},
        judgements={entry: read_table(paths.judgements(*entry), JUDGEMENTS) for entry in entries},
        responses={model: _origin(paths.responses(model)) for model in run.models},
        probes={model: read_probes(paths.probes(model), run.config.probes.run) for model in run.probed},
        labels=_labels(paths, run),
    )


def _labels(paths: ResultPaths, run: RecordedRun) -> pa.Table | None:
    if run.config.labels is None:
        return None
    return current_labels(read_labels(Path(run.config.labels)), {model: paths.responses(model) for model in run.models})


def _origin(path: Path) -> Origin:
    recorded = read_provenance(path)
    return Origin(recorded["revision"], recorded)
