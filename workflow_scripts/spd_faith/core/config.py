"""The typed configuration: what a run uses, and the registries of datasets, models and judges.

Every field is described here once; the JSON schemas in `config/` are generated from these types
(`write_config_schemas.py`). A field that does not change the result of an entry is marked `NOT_IDENTITY`: the workflow
hands only the rest to Snakemake as parameters, so a new label or batch size reruns nothing expensive.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from spd_faith.core.errors import UserError

NOT_IDENTITY = "does not change the result"
_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
_NAME_RULE = "letters, digits, '.', '_', '-', the first a letter or digit (it names files)"
_HUB_ID = re.compile(r"^[A-Za-z0-9][\w.-]*/[\w.-]+$")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, use_attribute_docstrings=True)


def _unique(names: list[str]) -> list[str]:
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"named more than once: {', '.join(repeated)}")
    return names


def _ascending(pair: list[int]) -> list[int]:
    if pair[0] > pair[1]:
        raise ValueError(f"the lower bound {pair[0]} is above the upper bound {pair[1]}")
    return pair


_Name = Annotated[str, Field(pattern=_NAME.pattern)]
_Names = Annotated[list[str], Field(min_length=1), AfterValidator(_unique)]


def _range(lowest: int, highest: int) -> Any:
    bound = Annotated[int, Field(ge=lowest, le=highest)]
    return Annotated[list[bound], Field(min_length=2, max_length=2), AfterValidator(_ascending)]


# ---- config.yaml: what a run uses ------------------------------------------------------------------------------------


class Scoring(_Strict):
    dqr: Literal["recall", "exact"] = "recall"
    """Headline DQR: `recall` is min(n_pred, n_gt) / n_gt, `exact` is n_pred = n_gt."""
    ds: Literal["detection", "count"] = "detection"
    """Headline DS: `detection` reads the yes/no verdicts, `count` is 1 − |n_pred − n_gt| / max(n_pred, n_gt)."""


class Statistics(_Strict):
    resamples: int = Field(default=10_000, ge=10_000)
    """Bootstrap resamples behind every interval."""
    seed: int = Field(default=0, ge=0)
    """Seed of the resampling."""


class RunConfig(_Strict):
    dataset: str
    """Key of the datasets file: the pairs that every model is asked about."""
    models: _Names
    """Keys of the models file, in any order."""
    judges: _Names
    """Keys of the judges file; the leaderboard has one row per model and judge."""
    scoring: Scoring = Scoring()
    """Which definitions stand in the headline."""
    statistics: Statistics = Statistics()
    """How intervals are made."""


# ---- datasets.yaml ---------------------------------------------------------------------------------------------------


class DemoSplit(_Strict):
    pairs: int = Field(ge=1, le=100_000)
    """Number of image pairs."""
    objects: _range(1, 14)
    """Fewest and most objects of the original picture; two of the 16 cells stay free to move to."""
    differences: _range(1, 5)
    """Fewest and most differences of a pair."""


class DemoDataset(_Strict):
    source: Literal["demo"]
    """Scenes drawn by the workflow itself."""
    label: Annotated[str | None, NOT_IDENTITY] = None
    """Name on the leaderboard; the key where none is given."""
    seed: int = Field(ge=0)
    """Seed of the scenes."""
    splits: dict[_Name, DemoSplit] = Field(min_length=1)
    """Split names and what their pairs look like."""


class HubDataset(_Strict):
    source: Literal["hub"]
    """Parquet files of a dataset repository on the Hugging Face hub."""
    label: Annotated[str | None, NOT_IDENTITY] = None
    """Name on the leaderboard; the key where none is given."""
    repository: str = Field(pattern=_HUB_ID.pattern)
    """Id of the dataset repository, owner/name."""
    revision: str = "main"
    """Branch, tag or commit; the resolved commit is recorded with the data."""
    splits: dict[_Name, Annotated[int, Field(ge=1)] | None] = Field(min_length=1)
    """Splits to take, each with its number of rows, or null where nobody counted."""


# ---- models.yaml -----------------------------------------------------------------------------------------------------


class Resources(_Strict):
    """What a scheduler sets aside for a job; apart from `requires_gpu`, which says what the model cannot do without."""

    gpu: int = Field(default=0, ge=0)
    """GPUs of one inference job; with 0 the job runs on the CPU even where a GPU is visible."""
    threads: int = Field(default=1, ge=1)
    """CPU threads, also torch's."""
    mem_mb: int = Field(default=3000, ge=600)
    """Host memory in MB."""
    runtime: int = Field(default=60, ge=1)
    """Time limit in minutes."""


class PixelBudget(_Strict):
    min_pixels: int = Field(ge=1)
    """Smaller pictures are enlarged to this many pixels."""
    max_pixels: int = Field(ge=1)
    """Larger pictures are reduced to this many pixels."""

    @model_validator(mode="after")
    def _is_ascending(self) -> "PixelBudget":
        _ascending([self.min_pixels, self.max_pixels])
        return self


class TransformersModel(_Strict):
    backend: Literal["transformers"]
    """Loaded in this process through the Auto classes of transformers."""
    label: Annotated[str | None, NOT_IDENTITY] = None
    """Name on the leaderboard; the key where none is given."""
    model: str = Field(min_length=1)
    """Local folder, or id on the Hugging Face hub."""
    revision: str | None = None
    """Branch, tag or commit on the hub; `main` where nobody looked one up. Not for local folders."""
    dtype: Literal["float32", "bfloat16", "float16"]
    """Number format of the weights and activations."""
    attention: Literal["sdpa", "flash_attention_2"] = "sdpa"
    """Attention implementation. Never eager: it changes the answers of real checkpoints and runs out of memory."""
    image_layout: Literal["pair", "merged"] = "pair"
    """Two pictures, or one: side by side when width ≤ height, else stacked."""
    pixel_budget: PixelBudget | None = None
    """Pixels per picture, for processors that take a budget; null keeps the processor's own."""
    max_new_tokens: int = Field(ge=1, le=32_768)
    """Longest answer in tokens; a longer one is cut and marked `length`."""
    generation: int = Field(default=1, ge=1)
    """Raise it to generate the answers again on purpose."""
    requires_gpu: Annotated[bool, NOT_IDENTITY] = False
    """The model is of no use without a GPU."""
    device_map: Annotated[Literal["auto"] | None, NOT_IDENTITY] = None
    """`auto` spreads the layers over all GPUs of the job (accelerate)."""
    batch_size: Annotated[int, NOT_IDENTITY] = Field(default=8, ge=1)
    """Prompts per forward pass."""
    resources: Annotated[Resources, NOT_IDENTITY] = Resources()
    """What a scheduler sets aside."""

    @property
    def is_local(self) -> bool:
        """Whether `model` names a folder: it exists, or it has not the form `owner/name` of the hub."""
        return Path(self.model).exists() or not _HUB_ID.fullmatch(self.model)


# ---- judges.yaml -----------------------------------------------------------------------------------------------------


class RulesJudge(_Strict):
    judge: Literal["rules"]
    """Deterministic rules over the words of the answers; offline and free."""
    label: Annotated[str | None, NOT_IDENTITY] = None
    """Name on the leaderboard; the key where none is given."""


# ---- loading ---------------------------------------------------------------------------------------------------------

# registry: the field that tells the entry's type, and the types
ENTRY_TYPES: dict[str, tuple[str, dict[str, type[_Strict]]]] = {
    "datasets": ("source", {"demo": DemoDataset, "hub": HubDataset}),
    "models": ("backend", {"transformers": TransformersModel}),
    "judges": ("judge", {"rules": RulesJudge}),
}


@dataclass(frozen=True)
class Run:
    """A validated run: its config and the entries it names."""

    config: RunConfig
    dataset: DemoDataset | HubDataset
    models: dict[str, TransformersModel]
    judges: dict[str, RulesJudge]

    def dataset_pattern(self, source: str) -> str:
        """Regular expression of the dataset names that come from `source`; it matches nothing where none does."""
        return re.escape(self.config.dataset) if self.dataset.source == source else "(?!)"

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


def identity(entry: _Strict) -> dict[str, Any]:
    """The fields of an entry that change its result."""
    excluded = {name for name, field in type(entry).model_fields.items() if NOT_IDENTITY in field.metadata}
    return entry.model_dump(exclude=excluded)


def load_run(config: Mapping[str, Any], files: list[Path], registries: Path = Path("config")) -> Run:
    """Validate a merged config against the registries datasets.yaml, models.yaml and judges.yaml of a folder.

    `files` are the files that `config` was merged from, in any order; they serve to say where a fault is: in the file
    that holds the faulty value, or else on the command line.
    Raises `UserError` with every fault found.
    """
    contents = [(path, read_mapping(path)) for path in files]

    def where(*keys: Any) -> str:
        wrong = _value_at(config, keys)
        holders = [path for path, content in contents if _value_at(content, keys) == wrong]
        return str(holders[-1]) if holders else "--config"

    try:
        run = RunConfig.model_validate(dict(config))
    except ValidationError as error:
        last = str(files[-1]) if files else "--config"
        _raise(
            _explain(last if fault["type"] == "missing" else where(*fault["loc"]), (), RunConfig, fault)
            for fault in error.errors()
        )
    paths = {kind: registries / f"{kind}.yaml" for kind in ENTRY_TYPES}
    datasets, models, judges = (load_registry(kind, paths[kind]) for kind in ("datasets", "models", "judges"))
    faults = [
        *_unknown(f"{where('dataset')}: dataset", [run.dataset], paths["datasets"], datasets),
        *_unknown(f"{where('models')}: models", run.models, paths["models"], models),
        *_unknown(f"{where('judges')}: judges", run.judges, paths["judges"], judges),
    ]
    for name in run.models:
        if name in models and models[name].is_local and not Path(models[name].model, "config.json").is_file():
            place = f"{paths['models']}: {name}.model"
            faults.append(
                _fault(place, "no such model", models[name].model, "a folder with config.json, or owner/name")
            )
    _raise(faults)
    return Run(
        config=run,
        dataset=datasets[run.dataset],
        models={name: models[name] for name in run.models},
        judges={name: judges[name] for name in run.judges},
    )


def load_registry(kind: str, path: Path) -> dict[str, Any]:
    """The entries of a registry file; `kind` is a key of `ENTRY_TYPES`. Raises `UserError` with every fault found."""
    tag, types = ENTRY_TYPES[kind]
    entries, faults = {}, []
    for name, raw in read_mapping(path).items():
        place = f"{path}: {name}"
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            faults.append(_fault(place, "not a valid name", name, _NAME_RULE))
        elif not isinstance(raw, Mapping):
            faults.append(_fault(place, "not an entry", raw, "keys and values"))
        elif tag not in raw:
            faults.append(_fault(f"{place}.{tag}", "missing key", _NOTHING, types))
        elif raw[tag] not in list(types):
            faults.append(_fault(f"{place}.{tag}", "unknown value", raw[tag], types))
        else:
            try:
                entries[name] = types[raw[tag]].model_validate(dict(raw))
            except ValidationError as error:
                faults += [_explain(str(path), (name,), types[raw[tag]], fault) for fault in error.errors()]
    _raise(faults)
    return entries


def registry_entry(kind: str, path: Path, name: str) -> Any:
    """One entry of a registry file, for commands that are told its name."""
    entries = load_registry(kind, path)
    _raise(_unknown(f"command line: {kind}", [name], path, entries))
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


# ---- faults, told to a person ----------------------------------------------------------------------------------------

_NOTHING = object()  # there is no value, not even null


class _NoRepeatedKeys(yaml.SafeLoader):
    """YAML keeps the last of two equal keys in silence; a config may not."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        nodes = [key for key, _ in node.value if key.tag != "tag:yaml.org,2002:merge"]
        keys = [self.construct_object(key, deep=True) for key in nodes]
        for position, key in enumerate(keys):
            if key in keys[:position]:
                line = nodes[position].start_mark.line + 1
                raise yaml.constructor.ConstructorError(problem=f"line {line}: the key '{key}' stands more than once")
        return super().construct_mapping(node, deep)


def read_mapping(path: Path) -> Mapping[Any, Any]:
    """The content of a YAML file that holds keys and values. Raises `UserError` where it does not."""
    if not path.is_file():
        siblings = sorted(str(file) for file in path.parent.glob("*.yaml"))
        raise UserError(
            _fault(str(path), "no such file", _NOTHING, siblings or "an existing file", nearest_to=str(path))
        )
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=_NoRepeatedKeys)
    except UnicodeDecodeError as error:
        raise UserError(_fault(str(path), "not a text file", str(error), "YAML in UTF-8")) from None
    except yaml.MarkedYAMLError as error:
        mark = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise UserError(_fault(str(path), "not valid YAML", f"{mark}{error.problem}", "YAML keys and values")) from None
    except yaml.YAMLError as error:
        raise UserError(_fault(str(path), "not valid YAML", str(error), "YAML keys and values")) from None
    if not isinstance(content, Mapping):
        raise UserError(_fault(str(path), "not a mapping", content, "keys and values"))
    return content


def _value_at(content: Any, keys: Iterable[Any]) -> Any:
    """The value under nested `keys`, `_NOTHING` where there is none; a list counts as one value."""
    for key in keys:
        if not isinstance(content, Mapping):
            break
        content = content.get(key, _NOTHING)
    return content


def _raise(faults: Iterable[str]) -> None:
    if faults := list(faults):
        raise UserError("\n".join(faults))


def _fault(place: str, what: str, found: Any, allowed: Iterable[Any] | str, nearest_to: str | None = None) -> str:
    """One fault: where and what, then found, allowed and, where the allowed are names, the nearest spelling."""
    lines = [f"{place}: {what}"]
    if found is not _NOTHING:
        shown = "null" if found is None else repr(found)
        lines.append(f"  found:   {shown if len(shown) <= 120 else shown[:117] + '...'}")
    if isinstance(allowed, str):
        lines.append(f"  allowed: {allowed}")
    else:
        names = [str(name) for name in allowed]
        lines.append(f"  allowed: {', '.join(names)}")
        wanted = found if nearest_to is None else nearest_to
        if isinstance(wanted, str) and (near := get_close_matches(wanted, names, n=1, cutoff=0.5)):
            lines.append(f"  nearest: {near[0]}")
    return "\n".join(lines)


def _unknown(place: str, names: list[str], path: str, entries: Mapping[str, Any]) -> list[str]:
    return [_fault(place, f"no such entry in {path}", name, entries) for name in names if name not in entries]


def _explain(file: str, prefix: tuple[str, ...], model: type[BaseModel], fault: Mapping[str, Any]) -> str:
    """A pydantic fault in our words; `prefix` is the path from the file's top to what `model` describes."""
    keys = tuple(key for key in fault["loc"] if key != "[key]")  # pydantic's mark of a fault in a key itself
    place = f"{file}: {'.'.join(map(str, (*prefix, *keys)))}"
    context = fault.get("ctx", {})
    match fault["type"]:
        case "extra_forbidden":
            return _fault(place, "unknown key", keys[-1], sorted(_fields_at(model, keys[:-1])))
        case "missing":
            return _fault(place, "missing key", _NOTHING, _described(model, keys))
        case "literal_error":
            allowed = [choice.strip("' ") for choice in re.split(r", | or ", context["expected"])]
            return _fault(place, "unknown value", fault["input"], allowed)
        case "invalid_key":
            return _fault(place, "unknown key", keys[-1], sorted(_fields_at(model, keys[:-1])))
        case "string_pattern_mismatch":
            rule = _NAME_RULE if fault["loc"][-1] == "[key]" else _described(model, keys)
            return _fault(place, "not a valid name", fault["input"], rule)
        case "model_type":
            return _fault(place, "wrong value", fault["input"], f"the keys {', '.join(_fields_at(model, keys))}")
        case "value_error":
            return _fault(place, str(context["error"]), fault["input"], _described(model, keys))
        case _:
            return _fault(place, "wrong value", fault["input"], fault["msg"].removeprefix("Input should be "))


def _described(model: type[BaseModel], keys: tuple[Any, ...]) -> str:
    return _fields_at(model, keys[:-1])[keys[-1]].description or "a value"


def _fields_at(model: type[BaseModel], keys: tuple[Any, ...]) -> dict[str, Any]:
    """The fields of the nested model at `keys`; a key of a plain mapping is passed over."""
    for key in keys:
        if key in model.model_fields:
            model = _nested_model(model.model_fields[key].annotation) or model
    return model.model_fields


def _nested_model(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(_nested_model, get_args(annotation))), None)
