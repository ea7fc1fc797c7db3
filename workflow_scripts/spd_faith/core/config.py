"""The typed configuration: what a run uses, checked against the registries of datasets, models and judges."""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, ValidationError

from spd_faith.core.config_errors import (
    error_at,
    explain,
    raise_errors,
    read_mapping,
    unknown_names,
    value_at,
)
from spd_faith.core.entries import DatasetEntry, Entry, JudgeEntry, ModelEntry, Names, Strict, unique
from spd_faith.core.kinds import EntryKinds


class Scoring(Strict):
    dqr: Literal["recall", "exact"] = "recall"
    """Headline DQR: `recall` is min(n_pred, n_gt) / n_gt, `exact` is n_pred = n_gt."""
    ds: Literal["detection", "count"] = "detection"
    """Headline DS: `detection` reads the yes/no verdicts, `count` is 1 − |n_pred − n_gt| / max(n_pred, n_gt)."""


class Statistics(Strict):
    resamples: int = Field(default=10_000, ge=10_000)
    """Bootstrap resamples behind every interval."""
    seed: int = Field(default=0, ge=0)
    """Seed of the resampling."""


Shards = Annotated[int, Field(ge=1, le=1000)]


class Inference(Strict):
    shards: dict[str, Shards] = Field(default_factory=dict)
    """Number of jobs that share the samples of a model, by model; default: 1."""


_Fraction = Annotated[float, Field(ge=0, le=1)]


class Probes(Strict):
    run: Annotated[list[str], AfterValidator(unique)] = Field(default_factory=list)
    """Probes of the open-weight models (backend `transformers`); one pass per answer serves them all."""
    samples_per_split: int = Field(default=50, ge=1)
    """Samples of each split that are probed, drawn by split and seed alone."""
    seed: int = Field(default=0, ge=0)
    """Seed of the choice of samples and of the permutations."""
    faithful_at_least: _Fraction = 0.8
    """DRF from which on a sample is in the group `faithful`."""
    unfaithful_at_most: _Fraction = 0.5
    """DRF up to which a sample is in the group `unfaithful`; between the two it is in neither."""
    permutations: int = Field(default=10_000, ge=1_000)
    """Permutations behind each p-value of a contrast."""


class RunConfig(Strict):
    dataset: str
    """Key of the datasets file: the pairs that every model is asked about."""
    models: Names
    """Keys of the models file, in any order."""
    judges: Names
    """Keys of the judges file; the leaderboard has one row per model and judge."""
    inference: Inference = Inference()
    """How answering is spread over jobs; it changes no answer."""
    probes: Probes = Probes()
    """What is measured inside the open-weight models."""
    scoring: Scoring = Scoring()
    """Which definitions stand in the headline."""
    statistics: Statistics = Statistics()
    """How intervals are made."""


@dataclass(frozen=True)
class Registry:
    """What a run can be made of; `spd_faith.registry` collects it from the stages."""

    datasets: EntryKinds[DatasetEntry]
    models: EntryKinds[ModelEntry]
    judges: EntryKinds[JudgeEntry]
    probes: tuple[str, ...]


@dataclass(frozen=True)
class Run:
    """A validated run: its config and the entries that it names."""

    config: RunConfig
    dataset: DatasetEntry
    models: dict[str, ModelEntry]
    judges: dict[str, JudgeEntry]

    def num_shards(self, model: str) -> int:
        """Number of jobs that share the samples of a model."""
        return self.config.inference.shards.get(model, 1)

    def models_of_rule(self, rule: str) -> str:
        """Regular expression of the models whose responses `rule` makes; it matches nothing where there are none."""
        return _pattern(name for name, entry in self.models.items() if entry.rule(self.num_shards(name)) == rule)

    def probed(self) -> list[str]:
        """The models that are probed: those whose internals can be measured, if any probe is run."""
        return sorted(name for name, entry in self.models.items() if self.config.probes.run and entry.can_be_probed)

    def missing_requirements(
        self, models: Collection[str], environment: Mapping[str, str], has_gpu: bool, judges: Collection[str] = ()
    ) -> list[str]:
        """What is missing to ask `models` and `judges`: GPUs that they require, and variables with keys."""
        entries: dict[str, Entry] = {name: self.models[name] for name in sorted(models)}
        missing = []
        need_gpu = [name for name, entry in entries.items() if entry.requirements().gpu]
        if need_gpu and not has_gpu:
            missing.append(
                f"No GPU is visible here, and these models require one: {', '.join(need_gpu)}.\n"
                "  Run on a machine with a GPU or through a cluster (snakemake --profile slurm),\n"
                "  or remove them from `models` in the config."
            )
        for name, entry in [*entries.items(), *((name, self.judges[name]) for name in sorted(judges))]:
            variable = entry.requirements().key_variable
            if variable and not environment.get(variable):
                missing.append(f"{name}: the environment variable {variable} is not set; it must hold the key.")
        return missing


def _pattern(names: Iterable[str]) -> str:
    return "|".join(map(re.escape, sorted(names))) or "(?!)"


def load_run(config: Mapping[str, Any], files: list[Path], registry: Registry, folder: Path = Path("config")) -> Run:
    """Validate a merged config against the registry files datasets.yaml, models.yaml and judges.yaml of a folder.

    `files` are the files that `config` was merged from, in any order; they serve to say where an error is: in the file
    that holds the wrong value, or else on the command line.
    Raises `UserError` with every error found.
    """
    contents = [(path, read_mapping(path)) for path in files]

    def where(*keys: Any) -> str:
        wrong = value_at(config, keys)
        holders = [path for path, content in contents if value_at(content, keys) == wrong]
        return str(holders[-1]) if holders else "--config"

    try:
        run = RunConfig.model_validate(dict(config))
    except ValidationError as error:
        last = str(files[-1]) if files else "--config"
        raise_errors(
            explain(last if details["type"] == "missing" else where(*details["loc"]), (), RunConfig, details)
            for details in error.errors()
        )
    paths = {
        kinds.name: folder / f"{kinds.name}.yaml" for kinds in (registry.datasets, registry.models, registry.judges)
    }
    datasets = registry.datasets.load(paths["datasets"])
    models = registry.models.load(paths["models"])
    judges = registry.judges.load(paths["judges"])
    errors = [
        *unknown_names(f"{where('dataset')}: dataset", [run.dataset], paths["datasets"], datasets),
        *unknown_names(f"{where('models')}: models", run.models, paths["models"], models),
        *unknown_names(f"{where('judges')}: judges", run.judges, paths["judges"], judges),
        *(
            error_at(f"{where('probes', 'run')}: probes.run.{number}", "unknown value", name, registry.probes)
            for number, name in enumerate(run.probes.run)
            if name not in registry.probes
        ),
    ]
    used: list[tuple[str, Entry]] = [
        (f"{paths['models']}: {name}", models[name]) for name in run.models if name in models
    ]
    used += [(f"{paths['datasets']}: {name}", datasets[name]) for name in [run.dataset] if name in datasets]
    used += [(f"{paths['judges']}: {name}", judges[name]) for name in run.judges if name in judges]
    for place, entry in used:
        if absent := entry.absent_file():
            errors.append(error_at(f"{place}.{absent.field}", "nothing is there", absent.value, absent.expected))
    errors += _shard_errors(f"{where('inference', 'shards')}: inference.shards", run, models)
    errors += _concurrency_errors(used)
    raise_errors(errors)
    return Run(
        config=run,
        dataset=datasets[run.dataset],
        models={name: models[name] for name in run.models},
        judges={name: judges[name] for name in run.judges},
    )


def _shard_errors(place: str, run: RunConfig, models: Mapping[str, ModelEntry]) -> list[str]:
    """Models that another run asks may be named there too, since Snakemake merges the mappings of config files."""
    shardable = [name for name, entry in models.items() if entry.can_be_sharded]
    return [
        error_at(f"{place}.{name}", "not a model that its jobs load themselves", name, shardable)
        for name in run.inference.shards
        if name not in shardable
    ]


def _concurrency_errors(entries: Iterable[tuple[str, Entry]]) -> list[str]:
    """Entries, each with its place, that ask at one endpoint share its bound, so they must state the same."""
    first: dict[str, tuple[str, int]] = {}
    errors = []
    for place, entry in entries:
        if bound := entry.concurrency_bound():
            endpoint, calls = bound
            name, expected = first.setdefault(endpoint, (place.rsplit(": ")[-1], calls))
            if calls != expected:
                what = f"differs from {name}, which has the same base_url"
                errors.append(error_at(f"{place}.concurrency", what, calls, str(expected)))
    return errors


def json_schemas(registry: Registry) -> dict[str, dict[str, Any]]:
    """The JSON schema of each file in `config/`, by the file's stem."""
    config = RunConfig.model_json_schema()
    config["$defs"]["Probes"]["properties"]["run"]["items"]["enum"] = list(registry.probes)
    kinds = (registry.datasets, registry.models, registry.judges)
    return {"config": config} | {one.name: one.json_schema() for one in kinds}
