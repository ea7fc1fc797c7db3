"""What every entry of the registries is: datasets, models and judges.

Each stage declares its kinds in its own `entries.py`, with what they need, what they cost and what runs them; the JSON
schemas in `config/` are generated from these types (`write_config_schemas.py`). A field that does not change the result
of an entry is marked `NOT_IDENTITY`: the workflow hands only the rest to Snakemake as parameters, so a new label or
batch size reruns nothing expensive.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

NOT_IDENTITY = "does not change the result"
LEFT_OUT_AT_DEFAULT = "is left out of the identity at its default"
"""Mark of a field that version 0.1 did not have: at its default, results of that version are those of the entry."""

NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
HUB_ID = re.compile(r"^[A-Za-z0-9][\w.-]*/[\w.-]+$")
VARIABLE_PATTERN = r"^[A-Za-z_][A-Za-z0-9_]*$"


@dataclass(frozen=True)
class Formerly:
    """Mark of a renamed field: its identity keeps the old name, and a config that uses it is told the new one."""

    name: str


class Strict(BaseModel):
    """Refuses unknown keys and converts nothing."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, use_attribute_docstrings=True)


def identity(entry: Strict) -> dict[str, Any]:
    """The fields of an entry, and of what is nested in it, that change its result, by their stored names."""
    return dict(_identity_fields(entry))


def _identity_fields(entry: Strict) -> Iterator[tuple[str, Any]]:
    dumped = entry.model_dump()
    for name, field in type(entry).model_fields.items():
        value = getattr(entry, name)
        is_left_out = LEFT_OUT_AT_DEFAULT in field.metadata and value == field.get_default(call_default_factory=True)
        if NOT_IDENTITY not in field.metadata and not is_left_out:
            stored_name = next((mark.name for mark in field.metadata if isinstance(mark, Formerly)), name)
            yield stored_name, identity(value) if isinstance(value, Strict) else dumped[name]


def former_names(model: type[BaseModel]) -> dict[str, str]:
    """The present names of a model's renamed fields, by their old ones."""
    marks = ((name, mark) for name, field in model.model_fields.items() for mark in field.metadata)
    return {mark.name: name for name, mark in marks if isinstance(mark, Formerly)}


def unique(names: list[str]) -> list[str]:
    """The names; raises `ValueError` for duplicates."""
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"named more than once: {', '.join(repeated)}")
    return names


def ascending(pair: list[int]) -> list[int]:
    """The lower and the upper bound; raises `ValueError` where they are exchanged."""
    if pair[0] > pair[1]:
        raise ValueError(f"the lower bound {pair[0]} is above the upper bound {pair[1]}")
    return pair


Name = Annotated[str, Field(pattern=NAME.pattern)]
Names = Annotated[list[str], Field(min_length=1), AfterValidator(unique)]


class Resources(Strict):
    """What a scheduler reserves for a job; `requires_gpu` says separately what the model cannot run without."""

    gpu: int = Field(default=0, ge=0)
    """GPUs of one job; with 0 it runs on the CPU even where a GPU is visible."""
    threads: int = Field(default=1, ge=1)
    """CPU threads, also torch's."""
    mem_mb: int = Field(default=3000, ge=600)
    """Host memory in MB."""
    runtime: int = Field(default=60, ge=1)
    """Time limit in minutes."""
    partition: str | None = Field(default=None, min_length=1)
    """Partition of the cluster; null: chosen by the limits in slurm/cluster.yaml."""


class PixelBudget(Strict):
    min_pixels: int = Field(ge=1)
    """Smaller images are enlarged to this many pixels."""
    max_pixels: int = Field(ge=1)
    """Larger images are reduced to this many pixels."""

    @model_validator(mode="after")
    def _is_ascending(self) -> "PixelBudget":
        ascending([self.min_pixels, self.max_pixels])
        return self


@dataclass(frozen=True)
class Requirements:
    """What an entry needs before its jobs can do their work."""

    gpu: bool = False
    """Whether it cannot run without a GPU."""
    num_gpus: int = 0
    """GPUs that one of its jobs reserves."""
    key_variable: str | None = None
    """Environment variable that must hold the key of its endpoint."""


@dataclass(frozen=True)
class AbsentFile:
    """Something on disk that an entry names and that is not there."""

    field: str
    value: str
    expected: str
    """What the value must be, for an error message."""


class Entry(Strict):
    """An entry of a registry. Its kinds override what differs from these defaults."""

    label: Annotated[str | None, NOT_IDENTITY] = None
    """Name on the leaderboard; default: the entry's key."""

    def absent_file(self) -> AbsentFile | None:
        """The first file or folder that the entry names and that does not exist."""
        return None

    def requirements(self) -> Requirements:
        """What its jobs need of the machine and of the environment."""
        return Requirements()

    def concurrency_bound(self) -> tuple[str, int] | None:
        """(endpoint, calls in flight there) that the entry asks for; entries at one endpoint must agree."""
        return None


Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class DatasetRows:
    """The content of a dataset, read while `batches` is iterated."""

    provenance: Mapping[str, Any]
    """What the content is named by; kept in the metadata of both tables."""
    batches: Iterable[tuple[Rows, Rows]]
    """(rows of `SAMPLES`, rows of `IMAGES`) of the same pairs. Raises `UserError` with every error found."""


class DatasetEntry(Entry):
    """An entry of datasets.yaml. Its kinds import what opens their source only when it is opened."""

    source: str
    """Where the pairs come from."""

    resources: ClassVar[Resources] = Resources(mem_mb=2000, runtime=60)
    """What a scheduler reserves for the job that makes the dataset."""

    def num_pairs(self) -> int | None:
        """Number of image pairs, from the entry or from local files; None where unknown."""
        raise NotImplementedError

    def check(self) -> None:
        """Check what can be checked before any job starts. Raises `UserError` with every error found."""

    def content_revision(self) -> str | None:
        """Names the content of a dataset that can change under the same entry; None where the entry decides it."""
        return None

    def rows(self) -> DatasetRows:
        """Draw, download or read the pairs. Raises `UserError` with every error found."""
        raise NotImplementedError


class ModelEntry(Entry):
    """An entry of models.yaml."""

    backend: str
    """What answers for the model."""

    can_be_probed: ClassVar[bool] = False
    """Whether its internals can be measured."""
    asks_questions: ClassVar[bool] = True
    """Whether its jobs ask a model, rather than import what one has answered."""
    can_be_sharded: ClassVar[bool] = False
    """Whether its questions can be spread over several jobs."""

    resources: Annotated[Resources, NOT_IDENTITY] = Resources()
    """What a scheduler reserves."""

    def rule(self, num_shards: int = 1) -> str:
        """The rule that makes the table of its responses."""
        return "run_inference" if num_shards == 1 else "gather_responses"

    def max_answer_tokens(self) -> int:
        """Longest answer in tokens; 0 of answers made elsewhere."""
        return 0

    def estimated_image_tokens(self, pixels: float) -> float:
        """Estimated tokens of an image of that many pixels; 0 of answers made elsewhere."""
        return 0.0

    def cost_usd(self, prompt_tokens: float, generated_tokens: float) -> float | None:
        """US dollars for so many tokens; None where the prices are unknown."""
        return 0.0

    def answer_seconds(self, num_steps: float) -> float:
        """Estimated seconds per answer of a job whose answers take so many decoding steps; 0 where unknown."""
        return 0.0

    def advice(self, num_gpus: int) -> list[str]:
        """What a person should know before the model runs on a machine with so many GPUs, a sentence each."""
        return []


@dataclass(frozen=True)
class AnswerPaths:
    """Where the tables are from which one model's answers are judged."""

    samples: Path
    responses: Path
    parsed: Path | None = None
    """None where nothing but the requests to a judge is made of them."""
    images: Path | None = None
    """None where the judge is shown none."""


@dataclass(frozen=True)
class PlannedCalls:
    """The calls of one model by which a judge labels the claims of one metric."""

    metric: str
    model: str
    calls: int
    """All calls of the run, made or not; of equal ones one."""
    replies: Sequence[Sequence[Mapping[str, Any]]]
    """Of each call that is made, what is kept of its replies: tokens, seconds, cost."""
    prompt_characters: int
    """Of a request, without the answers and the truth."""
    image_tokens: float
    """Estimated, of all images of a request."""
    max_reply_tokens: int
    cost_usd: Callable[[float, float], float | None]
    """US dollars of so many prompt and generated tokens; None where the prices are unknown."""


class JudgeEntry(Entry):
    """An entry of judges.yaml: what its jobs read and reserve, and the calls that a run would make of it.

    How it judges is declared by `judging.entries.JudgeKind`.
    """

    judge: str
    """What judges."""

    runs_with_scoring: ClassVar[bool] = False
    """Whether judging takes seconds and no network, so that it shares a cluster's job with parsing and scoring."""

    @property
    def needs_images(self) -> bool:
        """Whether it is shown the images."""
        return False

    def input_files(self) -> list[str]:
        """Files from the project's root, prompts or data, whose change judges again."""
        return []

    def input_modules(self) -> list[str]:
        """Files of the library from the project's root whose change judges again; none of what is paid for."""
        return []

    def job_resources(self) -> Resources:
        """What a scheduler reserves for judging one model's answers."""
        return Resources()

    def planned_calls(
        self, journal: Path, prompts: Path, answers: Sequence[AnswerPaths], unanswered_pairs: int
    ) -> list[PlannedCalls]:
        """Calls by model and metric, from `answers` that exist and pairs whose answers do not; none where it is free.

        `journal` is the folder of its replies, `prompts` that of the prompts.
        """
        return []
