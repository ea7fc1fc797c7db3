"""Base types of the registry entries: datasets, models and judges.

Each stage declares its kinds in its own `entries.py`: their requirements, cost and what runs them. The JSON schemas in
`config/` are generated from these types (`write_config_schemas.py`). Fields that do not change an entry's result are
marked `NOT_IDENTITY`; the workflow passes only the other fields to Snakemake as parameters, so changing a label or a
batch size reruns nothing expensive.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

NOT_IDENTITY = "does not change the result"
LEFT_OUT_AT_DEFAULT = "is left out of the identity at its default"
"""Marks a field added after version 0.1: at its default, results of that version stay valid for the entry."""

NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
HUB_ID = re.compile(r"^[A-Za-z0-9][\w.-]*/[\w.-]+$")
VARIABLE_PATTERN = r"^[A-Za-z_][A-Za-z0-9_]*$"


@dataclass(frozen=True)
class Formerly:
    """Marks a renamed field: its identity keeps the old name, and configs that use it get an error with the new one."""

    name: str


class Strict(BaseModel):
    """Rejects unknown keys and converts no types."""

    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, use_attribute_docstrings=True, allow_inf_nan=False
    )


def identity(entry: Strict) -> dict[str, Any]:
    """The fields of an entry, nested ones included, that change its result, by their stored names."""
    return dict(_identity_fields(entry))


def _identity_fields(entry: Strict) -> Iterator[tuple[str, Any]]:
    dumped = entry.model_dump()
    for name, field in type(entry).model_fields.items():
        value = getattr(entry, name)
        is_left_out = LEFT_OUT_AT_DEFAULT in field.metadata and value == field.get_default(call_default_factory=True)
        if NOT_IDENTITY not in field.metadata and not is_left_out:
            stored_name = next((mark.name for mark in field.metadata if isinstance(mark, Formerly)), name)
            yield stored_name, _identity_of(value, dumped[name])


def _identity_of(value: Any, dumped: Any) -> Any:
    if isinstance(value, Strict):
        return identity(value)
    if isinstance(value, Mapping):
        return {key: _identity_of(value[key], dumped[key]) for key in value}
    return dumped


def former_names(model: type[BaseModel]) -> dict[str, str]:
    """Maps the old names of a model's renamed fields to the current ones."""
    marks = ((name, mark) for name, field in model.model_fields.items() for mark in field.metadata)
    return {mark.name: name for name, mark in marks if isinstance(mark, Formerly)}


def unique(names: list[str]) -> list[str]:
    """Return the names. Raises `ValueError` for duplicates."""
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"duplicates: {', '.join(repeated)}")
    return names


def ascending(pair: list[int]) -> list[int]:
    """Return the lower and upper bound. Raises `ValueError` if they are swapped."""
    if pair[0] > pair[1]:
        raise ValueError(f"the lower bound {pair[0]} is above the upper bound {pair[1]}")
    return pair


Name = Annotated[str, Field(pattern=NAME.pattern)]
Names = Annotated[list[str], Field(min_length=1), AfterValidator(unique)]


class Resources(Strict):
    """What a scheduler reserves for a job. Whether the model requires a GPU is set separately by `requires_gpu`."""

    gpu: int = Field(default=0, ge=0)
    """GPUs per job; with 0 it runs on the CPU even if a GPU is visible."""
    threads: int = Field(default=1, ge=1)
    """CPU threads, also for torch."""
    mem_mb: int = Field(default=3000, ge=600)
    """Host memory in MB."""
    runtime: int = Field(default=60, ge=1)
    """Time limit in minutes."""
    partition: str | None = Field(default=None, min_length=1)
    """Cluster partition; null: chosen by the limits in slurm/cluster.yaml."""


class PixelBudget(Strict):
    min_pixels: int = Field(ge=1)
    """Smaller images are upscaled to this many pixels."""
    max_pixels: int = Field(ge=1)
    """Larger images are downscaled to this many pixels."""

    @model_validator(mode="after")
    def _is_ascending(self) -> "PixelBudget":
        ascending([self.min_pixels, self.max_pixels])
        return self


@dataclass(frozen=True)
class Requirements:
    """What the jobs of an entry require."""

    gpu: bool = False
    """Whether it requires a GPU."""
    num_gpus: int = 0
    """GPUs that each job reserves."""
    key_variable: str | None = None
    """Environment variable that must hold the API key of its endpoint."""


@dataclass(frozen=True)
class AbsentFile:
    """A file or folder that an entry names but that does not exist."""

    field: str
    value: str
    expected: str
    """What the value should be, for the error message."""


@dataclass(frozen=True)
class NamedOthers:
    """A key whose value names other entries of the same file; loading replaces the names by the entries."""

    key: str
    at_least: int


class Entry(Strict):
    """A registry entry. Its kinds override these defaults."""

    names_others: ClassVar[NamedOthers | None] = None
    """Which other entries it names, if any; entries that name others cannot be named."""

    label: Annotated[str | None, NOT_IDENTITY] = None
    """Name on the leaderboard; default: the entry's key."""

    def absent_file(self) -> AbsentFile | None:
        """The first file or folder that the entry names but that does not exist, if any."""
        return None

    def parts(self, name: str) -> "Mapping[str, Entry]":
        """The entries that its jobs run, by name: itself, unless it is made of others."""
        return {name: self}

    def requirements(self) -> Requirements:
        """What its jobs require of the machine and the environment."""
        return Requirements()

    def concurrency_bound(self) -> tuple[str, int] | None:
        """(endpoint, max concurrent calls), if it uses an endpoint; entries at the same endpoint must agree."""
        return None

    def advice(self, num_gpus: int) -> list[str]:
        """Hints to show before its jobs run on a machine with that many GPUs, one sentence each."""
        return []


class Weights(Entry):
    """An entry that names the weights of a model, on this machine or on the Hugging Face hub."""

    model: str = Field(min_length=1)
    """Local folder, or id on the Hugging Face hub."""
    revision: str | None = None
    """Branch, tag or commit on the hub; default: main. Not for local folders."""
    dtype: Literal["float32", "bfloat16", "float16"]
    """Data type of the weights and activations."""

    def absent_file(self) -> AbsentFile | None:
        is_local = Path(self.model).exists() or not HUB_ID.fullmatch(self.model)
        if is_local and not Path(self.model, "config.json").is_file():
            return AbsentFile("model", self.model, "a folder with config.json, or owner/name")
        return None

    def advice(self, num_gpus: int) -> list[str]:
        advice, needed = [], self.requirements().num_gpus
        if num_gpus and needed > num_gpus:
            advice.append(f"requests {needed} GPUs, but {num_gpus} are visible here.")
        if not Path(self.model).exists() and not self._is_cached():
            advice.append(f"{self.model} is not in the cache; it will be downloaded on first use.")
        return advice

    def _is_cached(self) -> bool:
        from huggingface_hub import try_to_load_from_cache

        return isinstance(try_to_load_from_cache(self.model, "config.json", revision=self.revision), str)


Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class DatasetRows:
    """The content of a dataset, read lazily as `batches` is iterated."""

    provenance: Mapping[str, Any]
    """Identifies the content; stored in the metadata of both tables."""
    batches: Iterable[tuple[Rows, Rows]]
    """(rows of `SAMPLES`, rows of `IMAGES`) of the same pairs. Raises `UserError` listing all errors."""
    draw_undone: Callable[[str, int], bytes] | None = None
    """Draws the modified image of a pair (sample id) again without one of its differences (index), as encoded bytes."""
    summary: Callable[[], Mapping[str, Any]] = dict
    """What is known after the last batch; stored in the metadata of the samples."""


class DatasetEntry(Entry):
    """An entry of datasets.yaml. Its kinds import their reader only when the source is opened."""

    source: str
    """Where the pairs come from."""

    resources: ClassVar[Resources] = Resources(mem_mb=2000, runtime=60)
    """What a scheduler reserves for the job that makes the dataset."""

    is_example: ClassVar[bool] = False
    """Whether its pairs are there to try the workflow out."""

    def num_pairs(self) -> int | None:
        """Number of image pairs, from the entry or from local files; None if unknown."""
        raise NotImplementedError

    def num_controls(self) -> dict[str, int]:
        """Estimated number of controls by kind, one per base pair."""
        return {}

    def check(self, place: str) -> None:
        """Run all checks that are possible before any job starts. Raises `UserError` listing all errors.

        `place` names the file and the entry, for errors in the entry's keys.
        """

    def content_revision(self) -> str | None:
        """Identifies the content if it can change while the entry stays the same; None if the entry determines it."""
        return None

    def rows(self) -> DatasetRows:
        """Generate, download or read the pairs. Raises `UserError` listing all errors."""
        raise NotImplementedError


@dataclass(frozen=True)
class Budget:
    """What calls may cost, in US dollars."""

    max_usd: float
    """Of the entry, over all its calls."""
    max_call_usd: float
    """Estimated upper bound of one call; a call starts only if it still fits."""


@dataclass(frozen=True)
class Change:
    """What an entry changes on purpose in a model that another entry may name unchanged."""

    base: Mapping[str, Any]
    """The identity of the entry without the change."""
    settings: Mapping[str, Any]
    """What is changed; a placebo has those of the change that it stands for."""
    is_placebo: bool
    method: str
    """The name of the change and its source, for the leaderboard."""


class ModelEntry(Entry):
    """An entry of models.yaml."""

    backend: str
    """How the model is run."""

    asks_questions: ClassVar[bool] = True
    """Whether its jobs run a model, rather than import existing answers."""
    takes_device: ClassVar[bool] = False
    """Whether the job that runs it can be told its device."""
    can_be_sharded: ClassVar[bool] = False
    """Whether its questions can be split over several jobs."""

    resources: Annotated[Resources, NOT_IDENTITY] = Resources()
    """What a scheduler reserves."""

    @property
    def can_be_probed(self) -> bool:
        """Whether its internals can be measured."""
        return False

    def change(self) -> Change | None:
        """What makes it a variant of another model; None if nothing does."""
        return None

    def rule(self, num_shards: int = 1) -> str:
        """The rule that makes the table of its responses."""
        return "run_inference" if num_shards == 1 else "gather_responses"

    def max_answer_tokens(self) -> int:
        """Max tokens of an answer; 0 for imported answers."""
        return 0

    def estimated_image_tokens(self, pixels: float) -> float:
        """Estimated tokens of an image with that many pixels; 0 for imported answers."""
        return 0.0

    def cost_usd(self, prompt_tokens: float, generated_tokens: float) -> float | None:
        """Cost of these tokens in US dollars; None if the prices are unknown."""
        return 0.0

    def budget(self, prompt: str) -> Budget | None:
        """The limit on its cost, if any, given its longest prompt."""
        return None

    def answer_seconds(self, tokens: Sequence[float]) -> float:
        """Estimated seconds per answer, given the tokens of the answers about a pair; 0 if unknown."""
        return 0.0

    def measured_seconds(self, seconds: float) -> float:
        """Seconds of the job per answer, given the mean `seconds` that the journal has for an answer."""
        return seconds


@dataclass(frozen=True)
class AnswerPaths:
    """Paths of the tables needed to judge one model's answers."""

    samples: Path
    responses: Path
    parsed: Path | None = None
    """None if only the requests to the judge are built."""
    images: Path | None = None
    """None if the judge sees no images."""


@dataclass(frozen=True)
class PlannedCalls:
    """The calls to one judge model that label the claims of one metric."""

    payer: str
    """Key of the judge whose entry is charged: a panel's member, or the judge itself."""
    metric: str
    model: str
    calls: int
    """All calls of the run, completed or not; identical calls count once."""
    waiting: frozenset[str]
    """The models with answers for which a reply is missing."""
    replies: Sequence[Sequence[Mapping[str, Any]]]
    """For each completed call, the usage of its replies: tokens, seconds, cost."""
    prompt_characters: int
    """Characters of a request, without the answers and the ground truth."""
    image_tokens: float
    """Estimated tokens of all images in a request."""
    max_reply_tokens: int
    cost_usd: Callable[[float, float], float | None]
    """Cost in US dollars of (prompt tokens, generated tokens); None if the prices are unknown."""
    budget: Budget | None = None
    """The limit on the cost of all calls that `payer` is charged for, if any."""


class JudgeEntry(Entry):
    """An entry of judges.yaml: what its jobs read and reserve, and the calls that a run would make.

    `judging.entries.JudgeKind` declares how it judges.
    """

    judge: str
    """Kind of judge."""

    runs_with_scoring: ClassVar[bool] = False
    """Whether judging takes seconds and no network, so that it can share a cluster job with parsing and scoring."""

    @property
    def needs_images(self) -> bool:
        """Whether the judge sees the images."""
        return False

    def input_files(self) -> list[str]:
        """Prompt and data files, relative to the project root, whose changes trigger judging again."""
        return []

    def input_modules(self) -> list[str]:
        """Library files, relative to the project root, whose changes trigger judging again; empty for paid judges."""
        return []

    def job_resources(self) -> Resources:
        """What a scheduler reserves to judge one model's answers."""
        return Resources()

    def planned_calls(
        self, journal: Path, prompts: Path, answers: Sequence[AnswerPaths], unanswered: Mapping[str, int]
    ) -> list[PlannedCalls]:
        """The calls by model and metric, for existing `answers` and for pairs not answered yet; empty for free judges.

        `journal` is the folder of its replies, `prompts` the folder of the prompts, `unanswered` the number of pairs
        without answers yet that are judged for each metric.
        """
        return []
