"""The typed configuration: what a run uses, checked against the registries of datasets, models and judges."""

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Union

from pydantic import AfterValidator, Field, TypeAdapter, ValidationError

from spd_faith.core.config_faults import (
    NAME_RULE,
    NOTHING,
    explain,
    fault,
    raise_faults,
    read_mapping,
    unknown_names,
    value_at,
)
from spd_faith.core.entries import (
    ENTRY_TYPES,
    NAME,
    DatasetEntry,
    EndpointEntry,
    JudgeEntry,
    ModelEntry,
    Names,
    OpenAIJudge,
    ResponsesFileModel,
    Strict,
    TransformersModel,
    unique,
)


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
    """Number of jobs that share the samples of a model, by model; 1 where none is given."""


_Share = Annotated[float, Field(ge=0, le=1)]
ProbeName = Literal[
    "layer_changes",
    "generation_attention",
    "neuron_activation",
    "hidden_similarity",
    "token_activation_map",
    "grounding",
]


class Probes(Strict):
    run: Annotated[list[ProbeName], AfterValidator(unique)] = Field(default_factory=list)
    """Probes into the open models (backend `transformers`); one pass per answer serves them all."""
    samples_per_split: int = Field(default=50, ge=1)
    """Samples of each split that are probed, drawn by split and seed alone."""
    seed: int = Field(default=0, ge=0)
    """Seed of the choice of samples and of the permutations."""
    faithful_at_least: _Share = 0.8
    """DRF from which on a sample is in the group `faithful`."""
    unfaithful_at_most: _Share = 0.5
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
    """What is measured inside the open models."""
    scoring: Scoring = Scoring()
    """Which definitions stand in the headline."""
    statistics: Statistics = Statistics()
    """How intervals are made."""


@dataclass(frozen=True)
class Run:
    """A validated run: its config and the entries it names."""

    config: RunConfig
    dataset: DatasetEntry
    models: dict[str, ModelEntry]
    judges: dict[str, JudgeEntry]

    def dataset_pattern(self, source: str) -> str:
        """Regular expression of the dataset names that come from `source`; it matches nothing where none does."""
        return re.escape(self.config.dataset) if self.dataset.source == source else "(?!)"

    def shards(self, model: str) -> int:
        """Number of jobs that share the samples of a model."""
        return self.config.inference.shards.get(model, 1)

    def models_from(self) -> dict[str, str]:
        """Regular expressions of the models answered by one `job`, by several `shards`, or in a `responses_file`."""
        from_file = {name for name, entry in self.models.items() if isinstance(entry, ResponsesFileModel)}
        sharded = {name for name in self.models if self.shards(name) > 1}
        origins = {"job": set(self.models) - from_file - sharded, "shards": sharded, "responses_file": from_file}
        return {origin: "|".join(map(re.escape, sorted(names))) or "(?!)" for origin, names in origins.items()}

    def probed(self) -> list[str]:
        """The models that are probed: those whose insides are at hand, where any probe is run."""
        open_models = [name for name, entry in self.models.items() if isinstance(entry, TransformersModel)]
        return sorted(open_models) if self.config.probes.run else []

    def judges_from(self) -> dict[str, str]:
        """Regular expressions of the judges that are `rules`, or models at an `endpoint`."""
        paid = {name for name, entry in self.judges.items() if isinstance(entry, OpenAIJudge)}
        kinds = {"rules": set(self.judges) - paid, "endpoint": paid}
        return {kind: "|".join(map(re.escape, sorted(names))) or "(?!)" for kind, names in kinds.items()}

    def lacks(
        self, models: Collection[str], environment: Mapping[str, str], has_gpu: bool, judges: Collection[str] = ()
    ) -> list[str]:
        """What is missing to ask `models` and `judges`: GPUs that they cannot do without, and variables with keys."""
        entries = {name: self.models[name] for name in sorted(models)}
        told = []
        if not has_gpu and (helpless := [name for name, entry in entries.items() if entry.requires_gpu]):
            told.append(
                f"No GPU is visible here, and these models cannot do without one: {', '.join(helpless)}.\n"
                "  Run on a machine with a GPU, through a cluster (snakemake --profile slurm),\n"
                "  or take them from `models` in the config."
            )
        asked = [*entries.items(), *((name, self.judges[name]) for name in sorted(judges))]
        for name, entry in asked:
            if isinstance(entry, EndpointEntry) and entry.key_variable and not environment.get(entry.key_variable):
                told.append(f"{name}: the environment variable {entry.key_variable} is not set; it must hold the key.")
        return told

    def as_json(self) -> str:
        """The merged configuration with its defaults; the order in which models and judges are named is left out."""
        named = {"models": sorted(self.models), "judges": sorted(self.judges)}
        merged = {
            "config": self.config.model_dump() | named,
            "dataset": {self.config.dataset: self.dataset.model_dump()},
            "models": {name: entry.model_dump() for name, entry in self.models.items()},
            "judges": {name: entry.model_dump() for name, entry in self.judges.items()},
        }
        return json.dumps(merged, sort_keys=True)


def run_of_json(text: str) -> Run:
    """The run that `Run.as_json` told."""
    merged = json.loads(text)
    entries = {
        kind: {name: types[raw[tag]].model_validate(raw) for name, raw in merged[key].items()}
        for key, kind in (("dataset", "datasets"), ("models", "models"), ("judges", "judges"))
        for tag, types in [ENTRY_TYPES[kind]]
    }
    config = RunConfig.model_validate(merged["config"])
    return Run(config, entries["datasets"][config.dataset], entries["models"], entries["judges"])


def load_run(config: Mapping[str, Any], files: list[Path], registries: Path = Path("config")) -> Run:
    """Validate a merged config against the registries datasets.yaml, models.yaml and judges.yaml of a folder.

    `files` are the files that `config` was merged from, in any order; they serve to say where a fault is: in the file
    that holds the faulty value, or else on the command line.
    Raises `UserError` with every fault found.
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
        raise_faults(
            explain(last if told["type"] == "missing" else where(*told["loc"]), (), RunConfig, told)
            for told in error.errors()
        )
    paths = {kind: registries / f"{kind}.yaml" for kind in ENTRY_TYPES}
    datasets, models, judges = (load_registry(kind, paths[kind]) for kind in ("datasets", "models", "judges"))
    faults = [
        *unknown_names(f"{where('dataset')}: dataset", [run.dataset], paths["datasets"], datasets),
        *unknown_names(f"{where('models')}: models", run.models, paths["models"], models),
        *unknown_names(f"{where('judges')}: judges", run.judges, paths["judges"], judges),
    ]
    named = [("models", name, models[name]) for name in run.models if name in models]
    named += [("datasets", run.dataset, datasets[run.dataset])] if run.dataset in datasets else []
    for kind, name, entry in named:
        if absent := entry.absent_file():
            field, found, allowed = absent
            faults.append(fault(f"{paths[kind]}: {name}.{field}", "nothing is there", found, allowed))
    faults += _shard_faults(f"{where('inference', 'shards')}: inference.shards", run, models)
    asked = [(f"{paths['models']}: {name}", models[name]) for name in run.models if name in models]
    asked += [(f"{paths['judges']}: {name}", judges[name]) for name in run.judges if name in judges]
    faults += _concurrency_faults(asked)
    raise_faults(faults)
    return Run(
        config=run,
        dataset=datasets[run.dataset],
        models={name: models[name] for name in run.models},
        judges={name: judges[name] for name in run.judges},
    )


def _shard_faults(place: str, run: RunConfig, models: Mapping[str, ModelEntry]) -> list[str]:
    """Models that another run asks may stand there too, for Snakemake merges the mappings of config files."""
    local = [name for name, entry in models.items() if isinstance(entry, TransformersModel)]
    return [
        fault(f"{place}.{name}", "not a model that is loaded by its jobs", name, local)
        for name in run.inference.shards
        if name not in local
    ]


def _concurrency_faults(entries: list[tuple[str, Strict]]) -> list[str]:
    """Entries, each with its place, that ask at one endpoint share its bound, so they must state the same."""
    first: dict[str, tuple[str, int]] = {}
    faults = []
    for place, entry in entries:
        if isinstance(entry, EndpointEntry):
            name, bound = first.setdefault(entry.base_url, (place.rsplit(": ")[-1], entry.concurrency))
            if entry.concurrency != bound:
                what = f"not that of {name} at the same base_url"
                faults.append(fault(f"{place}.concurrency", what, entry.concurrency, str(bound)))
    return faults


def load_registry(kind: str, path: Path) -> dict[str, Any]:
    """The entries of a registry file; `kind` is a key of `ENTRY_TYPES`. Raises `UserError` with every fault found."""
    tag, types = ENTRY_TYPES[kind]
    entries, faults = {}, []
    for name, raw in read_mapping(path).items():
        place = f"{path}: {name}"
        if not isinstance(name, str) or not NAME.fullmatch(name):
            faults.append(fault(place, "not a valid name", name, NAME_RULE))
        elif not isinstance(raw, Mapping):
            faults.append(fault(place, "not an entry", raw, "keys and values"))
        elif tag not in raw:
            faults.append(fault(f"{place}.{tag}", "missing key", NOTHING, types))
        elif raw[tag] not in list(types):
            faults.append(fault(f"{place}.{tag}", "unknown value", raw[tag], types))
        else:
            try:
                entries[name] = types[raw[tag]].model_validate(dict(raw))
            except ValidationError as error:
                faults += [explain(str(path), (name,), types[raw[tag]], told) for told in error.errors()]
    raise_faults(faults)
    return entries


def registry_entry(kind: str, path: Path, name: str) -> Any:
    """One entry of a registry file, for commands that are told its name."""
    entries = load_registry(kind, path)
    raise_faults(unknown_names(f"command line: {kind}", [name], path, entries))
    return entries[name]


def json_schemas() -> dict[str, dict[str, Any]]:
    """The JSON schema of each file in `config/`, by the file's stem."""
    schemas = {"config": RunConfig.model_json_schema()}
    for kind, (tag, types) in ENTRY_TYPES.items():
        entry: Any = Union[tuple(types.values())]  # noqa: UP007 - built at run time
        if len(types) > 1:
            entry = Annotated[entry, Field(discriminator=tag)]
        schemas[kind] = TypeAdapter(dict[str, entry]).json_schema()
    return schemas
