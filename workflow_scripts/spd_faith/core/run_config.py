"""The merged config of a run as a file, one per content. Only the leaderboard and the plan read it."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spd_faith.core.config import Registry, Run, RunConfig, load_run
from spd_faith.core.config_errors import read_mapping
from spd_faith.core.errors import UserError
from spd_faith.core.files import sha256, write_text
from spd_faith.core.paths import ResultPaths
from spd_faith.core.text import writable
from spd_faith.core.variants import Variant

MAKE_AGAIN = "Run the workflow again with --forcerun make_leaderboard, which takes seconds."
"""What to do about an output of that rule. Snakemake makes none again that is only removed, if no job needs it."""


@dataclass(frozen=True)
class RecordedEntry:
    """A registry entry as a run used it, defaults included, without its type."""

    name: str
    fields: Mapping[str, Any]
    label: str
    """Name on the leaderboard, different from those of the run's other models, or judges."""


@dataclass(frozen=True)
class RecordedRun:
    """What a run used, with untyped entries, for commands that do not import the registry."""

    config: RunConfig
    dataset: RecordedEntry
    models: Mapping[str, RecordedEntry]
    judges: Mapping[str, RecordedEntry]
    probes: Mapping[str, list[str]]
    """The probes that are run on each probed model."""
    variants: Mapping[str, Variant]
    """The models that are others of the run with a change, by key."""
    merged: Mapping[str, Any]
    """The file's content."""


def config_file(run: Run, paths: ResultPaths) -> Path:
    """Path of the merged config of a run."""
    return paths.config(sha256(_as_json(run))[:12])


def write_config_file(run: Run, path: Path) -> None:
    """Write the merged config to its `config_file`, unless it exists."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, _as_json(run))


def is_default(run: Run, registry: Registry, folder: Path = Path("config")) -> bool:
    """Whether a run is the one that `config.yaml` of the folder describes by itself, on example pairs.

    It compares merged configs, so a file or an option that changes nothing does not matter.
    """
    file = folder / "config.yaml"
    return run.dataset.is_example and _as_json(run) == _as_json(load_run(read_mapping(file), [file], registry, folder))


def read_recorded_run(path: Path) -> RecordedRun:
    """What a run used. Raises `UserError` if the file is not a merged config."""
    with _merged(path) as (merged, config):
        return RecordedRun(
            config,
            _recorded({config.dataset: merged["dataset"][config.dataset]})[config.dataset],
            _recorded(merged["models"]),
            _recorded(merged["judges"]),
            merged["probes"],
            {name: Variant.from_json(fields) for name, fields in merged["variants"].items()},
            merged,
        )


def recorded_entries(record: Path, kind: str) -> Mapping[str, Mapping[str, Any]]:
    """The `models` or `judges` of the run that a run.json is about; none without the file.

    Raises `UserError` if the file is anything else.
    """
    if not record.is_file():
        return {}
    try:
        entries: Mapping[str, Mapping[str, Any]] = json.loads(record.read_text(encoding="utf-8"))["run"][kind]
        leaderboard_labels(entries)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise UserError(f"{record}: not the record of a run of this version.\n  {MAKE_AGAIN}") from None
    return entries


def leaderboard_labels(entries: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """The name of each entry on the leaderboard: its label in one line, or its key; both where labels are the same.

    No two are the same, so nothing else needs to distinguish entries with one label.
    """
    labels = {name: " ".join(writable(fields.get("label") or "").split()) or name for name, fields in entries.items()}
    shown = labels
    while same := {label for label, number in Counter(shown.values()).items() if number > 1}:
        shown = {name: f"{labels[name]} ({name})" if label in same else label for name, label in shown.items()}
    return shown


def _recorded(entries: Mapping[str, Mapping[str, Any]]) -> dict[str, RecordedEntry]:
    labels = leaderboard_labels(entries)
    return {name: RecordedEntry(name, fields, labels[name]) for name, fields in entries.items()}


def read_run(path: Path, registry: Registry) -> Run:
    """The run with typed entries. Raises `UserError` if the file is not a merged config."""
    with _merged(path) as (merged, config):
        return Run(
            config,
            registry.datasets.validate(merged["dataset"][config.dataset]),
            {name: registry.models.validate(fields) for name, fields in merged["models"].items()},
            {name: registry.judges.validate(fields) for name, fields in merged["judges"].items()},
            registry.unchanged_only,
        )


def _as_json(run: Run) -> str:
    """The merged configuration with its defaults; models and judges are sorted, so their order does not matter."""
    names = {"models": sorted(run.models), "judges": sorted(run.judges)}
    merged = {
        "config": run.config.model_dump() | names,
        "dataset": {run.config.dataset: run.dataset.model_dump()},
        "models": {name: entry.model_dump() for name, entry in run.models.items()},
        "judges": {name: entry.model_dump() for name, entry in run.judges.items()},
        "probes": {model: run.probes_of(model) for model in run.probed()},
        "variants": {name: variant.to_json() for name, variant in run.variants().items()},
    }
    return json.dumps(merged, sort_keys=True, indent=2) + "\n"


@contextmanager
def _merged(path: Path) -> Iterator[tuple[dict[str, Any], RunConfig]]:
    """A file's content and its config; what is wrong with them, then or in the block, becomes a `UserError`."""
    try:
        merged = json.loads(path.read_text(encoding="utf-8"))
        yield merged, RunConfig.model_validate(merged["config"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError):  # pydantic's errors are ValueErrors
        raise UserError(
            f"{path}: not the merged config of a run. Snakemake writes it; run snakemake plan --cores 1 --configfile …"
        ) from None
