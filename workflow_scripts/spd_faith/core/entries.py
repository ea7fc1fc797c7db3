"""The entries of the registries: what a dataset, a model and a judge can be.

Every field is described here once; the JSON schemas in `config/` are generated from these types
(`write_config_schemas.py`). A field that does not change the result of an entry is marked `NOT_IDENTITY`: the workflow
hands only the rest to Snakemake as parameters, so a new label or batch size reruns nothing expensive.
"""

import re
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

NOT_IDENTITY = "does not change the result"
NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
_HUB_ID = re.compile(r"^[A-Za-z0-9][\w.-]*/[\w.-]+$")
_VARIABLE = r"^[A-Za-z_][A-Za-z0-9_]*$"
_FIELDS_SET_ELSEWHERE = frozenset({"model", "messages", "max_tokens", "max_completion_tokens", "n", "stream"})


class Strict(BaseModel):
    """Refuses unknown keys and converts nothing."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, use_attribute_docstrings=True)


class Entry(Strict):
    """An entry of a registry."""

    label: Annotated[str | None, NOT_IDENTITY] = None
    """Name on the leaderboard; the key where none is given."""

    def absent_file(self) -> tuple[str, str, str] | None:
        """(field, its value, what it must be) where the entry names something on disk that is not there."""
        return None


def identity(entry: Strict) -> dict[str, Any]:
    """The fields of an entry, and of what is nested in it, that change its result."""
    fields = {name for name, field in type(entry).model_fields.items() if NOT_IDENTITY not in field.metadata}
    nested = {name: value for name in fields if isinstance(value := getattr(entry, name), Strict)}
    return entry.model_dump(include=fields) | {name: identity(value) for name, value in nested.items()}


def unique(names: list[str]) -> list[str]:
    """The names; raises `ValueError` where one stands twice."""
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"named more than once: {', '.join(repeated)}")
    return names


def _ascending(pair: list[int]) -> list[int]:
    if pair[0] > pair[1]:
        raise ValueError(f"the lower bound {pair[0]} is above the upper bound {pair[1]}")
    return pair


def _further_fields(request: dict[str, Any]) -> dict[str, Any]:
    if set_elsewhere := sorted(set(request) & _FIELDS_SET_ELSEWHERE):
        raise ValueError(f"set by other keys or by the workflow: {', '.join(set_elsewhere)}")
    return request


Name = Annotated[str, Field(pattern=NAME.pattern)]
Names = Annotated[list[str], Field(min_length=1), AfterValidator(unique)]


def _range(lowest: int, highest: int) -> Any:
    bound = Annotated[int, Field(ge=lowest, le=highest)]
    return Annotated[list[bound], Field(min_length=2, max_length=2), AfterValidator(_ascending)]


# ---- datasets.yaml ---------------------------------------------------------------------------------------------------


class DemoSplit(Strict):
    pairs: int = Field(ge=1, le=100_000)
    """Number of image pairs."""
    objects: _range(1, 14)
    """Fewest and most objects of the original picture; two of the 16 cells stay free to move to."""
    differences: _range(1, 5)
    """Fewest and most differences of a pair."""


class DemoDataset(Entry):
    source: Literal["demo"]
    """Scenes drawn by the workflow itself."""
    seed: int = Field(ge=0)
    """Seed of the scenes."""
    splits: dict[Name, DemoSplit] = Field(min_length=1)
    """Split names and what their pairs look like."""


class HubDataset(Entry):
    source: Literal["hub"]
    """Parquet files of a dataset repository on the Hugging Face hub."""
    repository: str = Field(pattern=_HUB_ID.pattern)
    """Id of the dataset repository, owner/name."""
    revision: str = "main"
    """Branch, tag or commit; the resolved commit is recorded with the data."""
    splits: dict[Name, Annotated[int, Field(ge=1)] | None] = Field(min_length=1)
    """Splits to take, each with its number of rows, or null where nobody counted."""
    limit: int | None = Field(default=None, ge=1)
    """Take only the first pairs of each split, at most so many; null takes all."""
    exclude: Annotated[list[str], AfterValidator(unique)] = []
    """Sample ids of pairs to leave out, because they cannot be used."""


class FolderDataset(Entry):
    source: Literal["folder"]
    """Folders {split}/{id}/ with {id}_original.*, {id}_modified_final.* and differences.json; see docs/own_pairs.md."""
    path: str = Field(min_length=1)
    """The folder; relative paths start at the project's root."""
    splits: Names | None = None
    """Subfolders to take; null takes all."""
    limit: int | None = Field(default=None, ge=1)
    """Take only the first pairs of each split, at most so many; null takes all."""

    def absent_file(self) -> tuple[str, str, str] | None:
        return None if Path(self.path).is_dir() else ("path", self.path, "an existing folder")


class JsonlDataset(Entry):
    source: Literal["jsonl"]
    """A file with a pair per line: its pictures by path and its true differences; see docs/own_pairs.md."""
    path: str = Field(min_length=1)
    """The file; relative paths start at the project's root."""
    image_dir: str | None = Field(default=None, min_length=1)
    """The folder that the pictures' paths start from; null is the file's."""
    limit: int | None = Field(default=None, ge=1)
    """Take only the first pairs of each split, at most so many; null takes all."""

    def absent_file(self) -> tuple[str, str, str] | None:
        if not Path(self.path).is_file():
            return "path", self.path, "an existing file"
        if self.image_dir is not None and not Path(self.image_dir).is_dir():
            return "image_dir", self.image_dir, "an existing folder"
        return None


# ---- models.yaml -----------------------------------------------------------------------------------------------------


class Resources(Strict):
    """What a scheduler sets aside for a job; apart from `requires_gpu`, which says what the model cannot do without."""

    gpu: int = Field(default=0, ge=0)
    """GPUs of one inference job; with 0 the job runs on the CPU even where a GPU is visible."""
    threads: int = Field(default=1, ge=1)
    """CPU threads, also torch's."""
    mem_mb: int = Field(default=3000, ge=600)
    """Host memory in MB."""
    runtime: int = Field(default=60, ge=1)
    """Time limit in minutes."""
    partition: str | None = Field(default=None, min_length=1)
    """Partition of the cluster; null where the limits in slurm/cluster.yaml choose it."""


class PixelBudget(Strict):
    min_pixels: int = Field(ge=1)
    """Smaller pictures are enlarged to this many pixels."""
    max_pixels: int = Field(ge=1)
    """Larger pictures are reduced to this many pixels."""

    @model_validator(mode="after")
    def _is_ascending(self) -> "PixelBudget":
        _ascending([self.min_pixels, self.max_pixels])
        return self


class TransformersModel(Entry):
    backend: Literal["transformers"]
    """Loaded in this process through the Auto classes of transformers."""
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
    """Pairs at a time, each with all questions about it."""
    resources: Annotated[Resources, NOT_IDENTITY] = Resources()
    """What a scheduler sets aside."""

    def absent_file(self) -> tuple[str, str, str] | None:
        is_local = Path(self.model).exists() or not _HUB_ID.fullmatch(self.model)
        if is_local and not Path(self.model, "config.json").is_file():
            return "model", self.model, "a folder with config.json, or owner/name"
        return None


class Prices(Strict):
    """What an endpoint charges, in US dollars per million tokens."""

    input: float = Field(ge=0)
    """Of the prompt, pictures included."""
    output: float = Field(ge=0)
    """Of the answer, reasoning included."""
    source: str = Field(min_length=1)
    """Where the prices stand."""
    date: str = Field(pattern=r"^\d{4}-\d{2}-\d{2}$")
    """When they were read there, as 2026-11-24."""


class AskedModel(Strict):
    """A model at an endpoint, and what it costs."""

    model: str = Field(min_length=1)
    """The model's name at the endpoint; a dated snapshot where there is one."""
    prices: Annotated[Prices | None, NOT_IDENTITY] = None
    """What the endpoint charges; null where nobody looked it up, or where it is free."""
    picture_tokens: Annotated[int | None, NOT_IDENTITY] = Field(default=None, ge=1)
    """Most tokens that the endpoint counts for one picture, where they are more than its pixels let expect."""


class EndpointEntry(Entry):
    """What every entry says that is asked over HTTP, at an endpoint that speaks OpenAI's chat completions."""

    base_url: str = Field(pattern=r"^https?://[^\s@]+$")
    """Address of the endpoint, up to and without /chat/completions."""
    base_url_variable: Annotated[str | None, NOT_IDENTITY] = Field(default=None, pattern=_VARIABLE)
    """Environment variable that, where it is set, replaces `base_url`: for a server that moves from node to node."""
    key_variable: Annotated[str | None, NOT_IDENTITY] = Field(default=None, pattern=_VARIABLE)
    """Environment variable that holds the key, null where the endpoint asks for none. Never the key itself."""
    max_new_tokens: int = Field(ge=1, le=131_072)
    """Longest answer in tokens, reasoning included; a longer one is cut and marked `length`."""
    length_field: Annotated[Literal["max_tokens", "max_completion_tokens"], NOT_IDENTITY] = "max_tokens"
    """The request field that carries `max_new_tokens`."""
    request: Annotated[dict[str, Any], AfterValidator(_further_fields)] = Field(
        default_factory=lambda: {"temperature": 0}
    )
    """Further fields of each request."""
    generation: int = Field(default=1, ge=1)
    """Raise it to generate the answers again on purpose."""
    max_usd: Annotated[float | None, NOT_IDENTITY] = Field(default=None, gt=0)
    """Stop before the answers of this entry cost more than so many US dollars; needs `prices`."""
    concurrency: Annotated[int, NOT_IDENTITY] = Field(default=8, ge=1, le=1000)
    """Calls in flight at the endpoint, over all jobs and entries that ask there."""
    timeout: Annotated[float, NOT_IDENTITY] = Field(default=180.0, gt=0)
    """Seconds after which a call has failed."""
    attempts: Annotated[int, NOT_IDENTITY] = Field(default=6, ge=1)
    """Calls per question before its failure is final."""


class SentPictures(Strict):
    """How pictures travel to an endpoint, as base64."""

    format: Literal["jpeg", "png"] = "jpeg"
    """`png` loses nothing, `jpeg` (quality 95, colours at full resolution) is smaller."""
    max_side: int = Field(default=1024, ge=28)
    """A longer side is reduced to this many pixels."""


class OpenAIModel(EndpointEntry, AskedModel):
    backend: Literal["openai"]
    """Asked over HTTP, at any endpoint that speaks OpenAI's chat completions."""
    image_layout: Literal["pair", "merged"] = "pair"
    """Two pictures, or one: side by side when width ≤ height, else stacked."""
    pictures: SentPictures = SentPictures()
    """How pictures are sent."""
    resources: Annotated[Resources, NOT_IDENTITY] = Resources()
    """What a scheduler sets aside."""

    requires_gpu: ClassVar[bool] = False

    @field_validator("max_usd")  # the fields of AskedModel come before it
    @classmethod
    def _can_be_kept(cls, max_usd: float | None, info: ValidationInfo) -> float | None:
        if max_usd is not None and info.data.get("prices", ...) is None:
            raise ValueError("cannot be kept without prices")
        return max_usd


class ResponsesFileModel(Entry):
    backend: Literal["responses_file"]
    """Answers made elsewhere, read from a file."""
    path: str = Field(min_length=1)
    """JSON, JSONL or Parquet; relative paths start at the project's root."""
    resources: Annotated[Resources, NOT_IDENTITY] = Resources()
    """What a scheduler sets aside."""

    requires_gpu: ClassVar[bool] = False

    def absent_file(self) -> tuple[str, str, str] | None:
        return None if Path(self.path).is_file() else ("path", self.path, "an existing file")


# ---- judges.yaml -----------------------------------------------------------------------------------------------------


class RulesJudge(Entry):
    judge: Literal["rules"]
    """Deterministic rules over the words of the answers; offline and free."""


GPT_4O_MINI_PICTURE = 2833 + 4 * 5667
"""Tokens of a picture in four tiles of 512 × 512, after ag2 0.9.7, `autogen/agentchat/contrib/img_utils.py`."""


class JudgeModels(Strict):
    """The model that labels the claims of each metric."""

    drf: AskedModel = AskedModel(model="gpt-4o-2024-08-06")
    """Of the reasoning; it is shown the truth too."""
    cr: AskedModel = AskedModel(model="gpt-4o-mini-2024-07-18", picture_tokens=GPT_4O_MINI_PICTURE)
    """Of the two yes/no answers; it is never told the truth."""


def _not_the_form(request: dict[str, Any]) -> dict[str, Any]:
    if "response_format" in request:
        raise ValueError("set by the workflow: response_format")
    return request


class OpenAIJudge(EndpointEntry):
    judge: Literal["openai"]
    """Language models at an endpoint that speaks OpenAI's chat completions and takes a JSON schema; docs/judges.md."""
    models: JudgeModels = Field(default=JudgeModels(), validate_default=True)
    """The model of each metric."""
    request: Annotated[dict[str, Any], AfterValidator(_further_fields), AfterValidator(_not_the_form)] = Field(
        default_factory=lambda: {"temperature": 0, "seed": 0}
    )
    """Further fields of each request; repetition n is asked with n added to the seed."""
    pictures: SentPictures | None = SentPictures()
    """How both pictures are sent, for either metric; null where the endpoint takes none."""
    max_answer_characters: int = Field(default=20_000, ge=100)
    """Of a longer answer only so many characters are judged; the judge is told, and the rest is counted."""
    repeats: int = Field(default=1, ge=1, le=100)
    """Times that each answer is judged; labels are then by majority, with the spread beside them."""
    resources: Annotated[Resources, NOT_IDENTITY] = Resources()
    """What a scheduler sets aside."""

    @field_validator("models")
    @classmethod
    def _limit_can_be_kept(cls, models: JudgeModels, info: ValidationInfo) -> JudgeModels:
        if info.data.get("max_usd") is not None and None in (models.drf.prices, models.cr.prices):
            raise ValueError("max_usd cannot be kept without the prices of both models")
        return models


# registry: the field that tells the entry's type, and the types
ENTRY_TYPES: dict[str, tuple[str, dict[str, type[Strict]]]] = {
    "datasets": (
        "source",
        {"demo": DemoDataset, "hub": HubDataset, "folder": FolderDataset, "jsonl": JsonlDataset},
    ),
    "models": (
        "backend",
        {"transformers": TransformersModel, "openai": OpenAIModel, "responses_file": ResponsesFileModel},
    ),
    "judges": ("judge", {"rules": RulesJudge, "openai": OpenAIJudge}),
}
DatasetEntry = DemoDataset | HubDataset | FolderDataset | JsonlDataset
ModelEntry = TransformersModel | OpenAIModel | ResponsesFileModel
JudgeEntry = RulesJudge | OpenAIJudge
