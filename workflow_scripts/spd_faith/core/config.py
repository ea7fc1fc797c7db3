"""The typed run configuration, validated against the registries of datasets, models and judges."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
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
from spd_faith.core.variants import Variant, variants_of


class Scoring(Strict):
    dqr: Literal["recall", "exact"] = "recall"
    """Headline DQR: `recall` is min(n_pred, n_gt) / n_gt, `exact` is n_pred = n_gt."""
    ds: Literal["detection", "count"] = "detection"
    """Headline DS: `detection` reads the yes/no verdicts, `count` is 1 − |n_pred − n_gt| / max(n_pred, n_gt)."""


class Statistics(Strict):
    resamples: int = Field(default=10_000, ge=10_000)
    """Bootstrap resamples for each interval."""
    seed: int = Field(default=0, ge=0)
    """Bootstrap seed."""


Shards = Annotated[int, Field(ge=1, le=1000)]


class Inference(Strict):
    shards: dict[str, Shards] = Field(default_factory=dict)
    """Number of jobs to split a model's samples over, by model; default: 1."""


_Fraction = Annotated[float, Field(ge=0, le=1)]


class ProbeLimits(Strict):
    samples_per_split: int | None = Field(default=None, ge=1)
    """Number of samples per split; null: as for all probes."""
    models: Names | None = None
    """The models to measure. Those that are not in the run are ignored; null, or none left: all open-weight models that
    the probe measures."""


class Probes(Strict):
    run: Annotated[list[str], AfterValidator(unique)] = Field(default_factory=list)
    """Probes to run on the open-weight models (backend `transformers`); all but `causal_patching` share one forward
    pass per answer."""
    limits: dict[str, ProbeLimits] = Field(default_factory=dict)
    """Fewer samples or models for a probe with passes of its own, which cost more than the shared one, by probe."""
    samples_per_split: int = Field(default=50, ge=1)
    """Number of samples to probe per split; the choice depends only on the split and the seed."""
    seed: int = Field(default=0, ge=0)
    """Seed for choosing samples and for the permutations."""
    faithful_at_least: _Fraction = 0.8
    """Min DRF of the group `faithful`."""
    unfaithful_at_most: _Fraction = 0.5
    """Max DRF of the group `unfaithful`; samples in between belong to neither group."""
    permutations: int = Field(default=10_000, ge=1_000)
    """Permutations for each p-value of a contrast."""


class RunConfig(Strict):
    dataset: str
    """Key in the datasets file: the image pairs to evaluate on."""
    models: Names
    """Keys in the models file, in any order."""
    judges: Names
    """Keys in the judges file; the leaderboard has one row per model and judge."""
    inference: Inference = Inference()
    """How inference is split over jobs; does not change the answers."""
    probes: Probes = Probes()
    """Measurements of the internals of open-weight models."""
    scoring: Scoring = Scoring()
    """Metric definitions used for the headline."""
    statistics: Statistics = Statistics()
    """How confidence intervals are computed."""
    labels: str | None = Field(default=None, min_length=1)
    """Human labels, written by `import_annotations.py`, that correct DRF and CR on the leaderboard; null: none."""


@dataclass(frozen=True)
class Registry:
    """All kinds of datasets, models and judges, and all probes; `spd_faith.registry` collects them from the stages."""

    datasets: EntryKinds[DatasetEntry]
    models: EntryKinds[ModelEntry]
    judges: EntryKinds[JudgeEntry]
    probes: tuple[str, ...]
    separate_probes: tuple[str, ...] = ()
    """Those of `probes` that do not read the shared pass, but run passes of their own."""
    unchanged_only: tuple[str, ...] = ()
    """Those of `probes` that do not measure models with a change (`ModelEntry.change`)."""


@dataclass(frozen=True)
class Run:
    """A validated run: its config and the registry entries it names."""

    config: RunConfig
    dataset: DatasetEntry
    models: dict[str, ModelEntry]
    judges: dict[str, JudgeEntry]
    unchanged_only: tuple[str, ...] = ()
    """As in the registry."""

    def num_shards(self, model: str) -> int:
        """Number of jobs that a model's samples are split over."""
        return self.config.inference.shards.get(model, 1)

    def models_of_rule(self, rule: str) -> str:
        """Regular expression for the models whose responses `rule` makes; matches nothing if there are none."""
        return _pattern(name for name, entry in self.models.items() if entry.rule(self.num_shards(name)) == rule)

    def probed(self) -> list[str]:
        """The models to probe: those whose internals are accessible, if a probe is run on them."""
        return sorted(name for name in self.models if self.probes_of(name))

    def probes_of(self, model: str) -> list[str]:
        """The probes that are run on a model."""
        if not self.models[model].can_be_probed:
            return []
        return sorted(name for name in self.config.probes.run if self._measures(name, model))

    def _measures(self, probe: str, model: str) -> bool:
        """Whether a probe can measure a model, and its limits leave it. Those for other models, such as those of the
        default run, do not apply."""
        if probe in self.unchanged_only and self.models[model].change():
            return False
        limits = self.config.probes.limits.get(probe, ProbeLimits())
        chosen = [name for name in limits.models or () if name in self.models]
        return model in chosen or not chosen

    def samples_per_split(self, probe: str) -> int:
        """The number of samples per split that a probe measures."""
        limits = self.config.probes.limits.get(probe, ProbeLimits())
        return limits.samples_per_split or self.config.probes.samples_per_split

    def variants(self) -> dict[str, Variant]:
        """The models that are others of the run with a change, by key."""
        return variants_of(self.models)

    def missing_requirements(
        self, models: Collection[str], environment: Mapping[str, str], has_gpu: bool, judges: Collection[str] = ()
    ) -> list[str]:
        """What is missing to run `models` and `judges`: required GPUs and environment variables with API keys."""
        asked: list[tuple[str, Entry]] = [(name, self.models[name]) for name in sorted(models)]
        judging = [part for name in sorted(judges) for part in self.judges[name].parts(name).items()]
        missing = [] if has_gpu else [*_without_gpu("models", asked), *_without_gpu("judges", judging)]
        for name, entry in [*asked, *judging]:
            variable = entry.requirements().key_variable
            if variable and not environment.get(variable):
                missing.append(f"{name}: the environment variable {variable} is not set; set it to the API key.")
        return list(dict.fromkeys(missing))


def _without_gpu(key: str, entries: Iterable[tuple[str, Entry]]) -> Iterator[str]:
    """The error about the entries of a `key` of the config that require a GPU, if any."""
    if names := dict.fromkeys(name for name, entry in entries if entry.requirements().gpu):
        yield (
            f"No GPU is visible here, and these {key} require one: {', '.join(names)}.\n"
            "  Run on a machine with a GPU or through a cluster (snakemake --profile slurm),\n"
            f"  or remove them from `{key}` in the config."
        )


def _pattern(names: Iterable[str]) -> str:
    return "|".join(map(re.escape, sorted(names))) or "(?!)"


def load_run(config: Mapping[str, Any], files: list[Path], registry: Registry, folder: Path = Path("config")) -> Run:
    """Validate a merged config against the registry files datasets.yaml, models.yaml and judges.yaml of a folder.

    `files` are the files that `config` was merged from, in any order. Error messages use them to name the file that
    holds the wrong value; a value found in none of them comes from the command line.
    Raises `UserError` listing all errors.
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
        *_limit_errors(f"{where('probes', 'limits')}: probes.limits", run, registry, paths["models"], models),
    ]
    used: list[tuple[str, Entry]] = [
        (f"{paths['models']}: {name}", models[name]) for name in run.models if name in models
    ]
    used += [(f"{paths['datasets']}: {name}", datasets[name]) for name in [run.dataset] if name in datasets]
    parts = {part: entry for name in run.judges if name in judges for part, entry in judges[name].parts(name).items()}
    used += [(f"{paths['judges']}: {name}", entry) for name, entry in parts.items()]
    for place, entry in used:
        if absent := entry.absent_file():
            errors.append(error_at(f"{place}.{absent.field}", "does not exist", absent.value, absent.expected))
    if run.labels and not Path(run.labels).is_file():
        what = "a Parquet file that import_annotations.py writes"
        errors.append(error_at(f"{where('labels')}: labels", "does not exist", run.labels, what))
    errors += _shard_errors(f"{where('inference', 'shards')}: inference.shards", run, models)
    errors += _concurrency_errors(used)
    raise_errors(errors)
    return Run(
        config=run,
        dataset=datasets[run.dataset],
        models={name: models[name] for name in run.models},
        judges={name: judges[name] for name in run.judges},
        unchanged_only=registry.unchanged_only,
    )


def _shard_errors(place: str, run: RunConfig, models: Mapping[str, ModelEntry]) -> list[str]:
    """Errors in `shards`. It may also name models of other runs, because Snakemake merges mappings of config files."""
    shardable = [name for name, entry in models.items() if entry.can_be_sharded]
    return [
        error_at(f"{place}.{name}", "not a model that can be sharded", name, shardable)
        for name in run.inference.shards
        if name not in shardable
    ]


def _limit_errors(
    place: str, run: RunConfig, registry: Registry, file: Path, models: Mapping[str, ModelEntry]
) -> Iterator[str]:
    """Errors in `probes.limits`. It may also name models of other runs, because Snakemake merges mappings."""
    probeable = [name for name, entry in models.items() if entry.can_be_probed]
    for name, limits in run.probes.limits.items():
        if name not in registry.separate_probes:
            what = "not a probe with passes of its own; the others share theirs"
            yield error_at(f"{place}.{name}", what, name, registry.separate_probes)
        for number, model in enumerate(limits.models or ()):
            at = f"{place}.{name}.models.{number}"
            if model not in models:
                yield error_at(at, f"no such entry in {file}", model, models)
            elif not models[model].can_be_probed:
                yield error_at(at, "not a model whose internals can be measured", model, probeable)
            elif name in registry.unchanged_only and models[model].change():
                unchanged = [one for one in probeable if not models[one].change()]
                yield error_at(at, f"has an intervention, and {name} measures only models without", model, unchanged)


def _concurrency_errors(entries: Iterable[tuple[str, Entry]]) -> list[str]:
    """Entries that share an endpoint share its limit on concurrent calls, so they must set the same value."""
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
    """The JSON schema of each file in `config/`, by file stem."""
    config = RunConfig.model_json_schema()
    of_probes = config["$defs"]["Probes"]["properties"]
    of_probes["run"]["items"]["enum"] = list(registry.probes)
    of_probes["limits"]["propertyNames"] = {"enum": list(registry.separate_probes)}
    kinds = (registry.datasets, registry.models, registry.judges)
    return {"config": config} | {one.name: one.json_schema() for one in kinds}
