"""Read the tables behind the leaderboard of a run, with their provenance."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from spd_faith.core.controls import without_controls
from spd_faith.core.errors import UserError
from spd_faith.core.files import check_keys, read_provenance, read_table
from spd_faith.core.paths import ResultPaths
from spd_faith.core.run_config import RecordedRun
from spd_faith.core.schemas import AUDIT, IMAGES, JUDGED_METRICS, JUDGEMENTS, PARSED, RESPONSES, SAMPLES, TASKS
from spd_faith.judging.current_labels import current_labels, read_labels
from spd_faith.leaderboard.costs import IMAGE_COLUMNS
from spd_faith.leaderboard.probe_summary import read_probes
from spd_faith.probes.saved_tables import check_probed
from spd_faith.scoring.tables import SCORES
from spd_faith.scoring.tallies import Entry

ANSWER_COLUMNS = [
    *("sample_id", "task", "prompt_sha", "failure", "error", "finish_reason"),
    *("prompt_tokens", "generated_tokens", "seconds", "usd"),
]


@dataclass(frozen=True)
class Origin:
    """The provenance of a table of answers or samples; `recorded` has all of it."""

    revision: str
    recorded: Mapping[str, Any]


@dataclass(frozen=True)
class Results:
    samples: pa.Table
    images: pa.Table  # IMAGE_COLUMNS
    audit: pa.Table
    parsed: Mapping[str, pa.Table]  # by model
    dataset: Origin
    scores: Mapping[Entry, pa.Table]
    judgements: Mapping[Entry, pa.Table]
    responses: Mapping[str, Origin]  # by model
    answers: Mapping[str, pa.Table]  # by model: ANSWER_COLUMNS of its responses
    probes: Mapping[str, Mapping[str, pa.Table]]  # by model and probe
    labels: pa.Table | None  # CURRENT_LABELS


def read_results(paths: ResultPaths, run: RecordedRun) -> Results:
    """The tables of a run. Raises `UserError` if one is missing."""
    entries = [(judge, model) for judge in run.judges for model in run.models]
    samples, audit = read_table(paths.samples, SAMPLES), read_table(paths.audit, AUDIT)
    pairs = without_controls(samples)["sample_id"]
    check_keys(str(paths.audit), audit["sample_id"].to_pylist(), pairs.to_pylist())
    ids = list(map(str, samples["sample_id"].to_pylist()))
    judgements = {entry: read_table(paths.judgements(*entry), JUDGEMENTS) for entry in entries}
    answers = {model: read_table(paths.responses(model), RESPONSES, ANSWER_COLUMNS) for model in run.models}
    probes = {model: read_probes(paths.probes(model), names) for model, names in run.probes.items()}
    for entry, table in judgements.items():
        _check_parts(paths.judgements(*entry), table, "metric", ids, JUDGED_METRICS)
    for model, table in answers.items():
        _check_parts(paths.responses(model), table, "task", ids, TASKS)
    for model, tables in probes.items():
        check_probed(model, tables, ids)
    return Results(
        samples=samples,
        images=read_table(paths.images, IMAGES, IMAGE_COLUMNS),
        audit=audit,
        parsed={model: read_table(paths.parsed(model), PARSED) for model in run.models},
        dataset=_origin(paths.samples),
        scores={entry: read_table(paths.scores(*entry), SCORES) for entry in entries},
        judgements=judgements,
        responses={model: _origin(paths.responses(model)) for model in run.models},
        answers=answers,
        probes=probes,
        labels=_labels(paths, run),
    )


def _check_parts(path: Path, table: pa.Table, part: str, ids: Sequence[str], parts: Sequence[str]) -> None:
    """Raise `UserError` unless the table has one row per sample and part, which is a task or a metric."""
    keys = zip(table["sample_id"].to_pylist(), table[part].to_pylist(), strict=True)
    check_keys(str(path), keys, [(one, name) for one in ids for name in parts])


def _labels(paths: ResultPaths, run: RecordedRun) -> pa.Table | None:
    if run.config.labels is None:
        return None
    return current_labels(read_labels(Path(run.config.labels)), {model: paths.responses(model) for model in run.models})


def _origin(path: Path) -> Origin:
    recorded = read_provenance(path)
    if "revision" not in recorded:
        raise UserError(f"{path}: its metadata lack the revision. Remove the file and run the workflow again.")
    return Origin(recorded["revision"], recorded)
