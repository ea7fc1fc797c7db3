"""The kinds of entries in models.yaml: what answers the questions."""

from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import Field, ValidationInfo, field_validator

from spd_faith.core.entries import (
    HUB_ID,
    NOT_IDENTITY,
    AbsentFile,
    Budget,
    Formerly,
    ModelEntry,
    PixelBudget,
    Requirements,
)
from spd_faith.core.estimates import PIXELS_PER_TOKEN, PUBLISHED_PIXELS, STEP_SECONDS
from spd_faith.core.kinds import EntryKinds
from spd_faith.endpoints.engine.entry import EngineFields
from spd_faith.endpoints.entries import EndpointEntry, EndpointModel, SentImages

ImageLayout = Literal["pair", "merged"]


class _Weights(ModelEntry):
    model: str = Field(min_length=1)
    """Local folder, or id on the Hugging Face hub."""
    revision: str | None = None
    """Branch, tag or commit on the hub; default: main. Not for local folders."""
    dtype: Literal["float32", "bfloat16", "float16"]
    """Data type of the weights and activations."""


class _Attention(_Weights):
    attention: Literal["sdpa", "flash_attention_2"] = "sdpa"
    """Attention implementation. No eager: it changes the answers of real checkpoints and runs out of memory."""


class CheckpointModel(_Weights):
    """A checkpoint on this machine or on the hub, whose jobs load it or start an engine that does."""

    image_layout: ImageLayout = "pair"
    """`pair`: two images; `merged`: one, side by side if width ≤ height, else stacked."""
    pixel_budget: PixelBudget | None = None
    """Pixels per image, for processors with a pixel budget; null: the processor's default."""
    max_new_tokens: int = Field(ge=1, le=32_768)
    """Max tokens of an answer; longer answers are cut and marked `length`."""
    generation: int = Field(default=1, ge=1)
    """Increase to generate the answers again."""
    requires_gpu: Annotated[bool, NOT_IDENTITY] = False
    """The model requires a GPU."""

    can_be_sharded: ClassVar[bool] = True

    @property
    def can_be_probed(self) -> bool:
        return True

    def as_transformers(self) -> "TransformersModel":
        """The same checkpoint for the transformers backend, whose internals can be measured."""
        raise NotImplementedError

    def absent_file(self) -> AbsentFile | None:
        is_local = Path(self.model).exists() or not HUB_ID.fullmatch(self.model)
        if is_local and not Path(self.model, "config.json").is_file():
            return AbsentFile("model", self.model, "a folder with config.json, or owner/name")
        return None

    def requirements(self) -> Requirements:
        return Requirements(gpu=self.requires_gpu, num_gpus=self.resources.gpu)

    def max_answer_tokens(self) -> int:
        return self.max_new_tokens

    def estimated_image_tokens(self, pixels: float) -> float:
        shown = min(pixels, self.pixel_budget.max_pixels) if self.pixel_budget else pixels
        return shown / PIXELS_PER_TOKEN

    def advice(self, num_gpus: int) -> list[str]:
        advice = []
        if num_gpus and self.resources.gpu > num_gpus:
            advice.append(f"requests {self.resources.gpu} GPUs, but {num_gpus} are visible here.")
        if not Path(self.model).exists() and not self._is_cached():
            advice.append(f"{self.model} is not in the cache; it will be downloaded on first use.")
        return advice

    def _is_cached(self) -> bool:
        from huggingface_hub import try_to_load_from_cache

        return isinstance(try_to_load_from_cache(self.model, "config.json", revision=self.revision), str)


# The order of the bases keeps the order of the fields, which Snakemake compares.
class TransformersModel(CheckpointModel, _Attention):
    backend: Literal["transformers"]
    """Loaded in this process with the Auto classes of transformers."""
    device_map: Annotated[Literal["auto"] | None, NOT_IDENTITY] = None
    """`auto` splits the layers over all GPUs of the job (accelerate)."""
    batch_size: Annotated[int, NOT_IDENTITY] = Field(default=8, ge=1)
    """Pairs per batch, each with all questions about it."""

    def as_transformers(self) -> "TransformersModel":
        return self

    def answer_seconds(self, num_steps: float) -> float:
        return num_steps * STEP_SECONDS * max(1, self.resources.gpu) / self.batch_size


class VllmModel(EngineFields, CheckpointModel):
    backend: Literal["vllm"]
    """Answered by a vLLM engine that the job starts and stops; docs/models.md."""
    parity: Annotated[int, NOT_IDENTITY] = Field(default=2, ge=0)
    """Pairs that the transformers backend is asked as well, to count equal answers; 0: none."""

    @property
    def can_be_probed(self) -> bool:
        return self.quantization is None  # the transformers backend would load other weights

    def as_transformers(self) -> TransformersModel:
        shared = {name: getattr(self, name) for name in CheckpointModel.model_fields if name != "backend"}
        return TransformersModel(
            backend="transformers", device_map="auto" if self.resources.gpu > 1 else None, **shared
        )


class OpenAIModel(EndpointEntry, EndpointModel, ModelEntry):
    backend: Literal["openai"]
    """Called over HTTP, at any endpoint with OpenAI's chat completions API."""
    image_layout: ImageLayout = "pair"
    """`pair`: two images; `merged`: one, side by side if width ≤ height, else stacked."""
    images: Annotated[SentImages, Formerly("pictures")] = SentImages()
    """How images are sent."""

    @field_validator("max_usd")  # runs after the fields of EndpointModel
    @classmethod
    def _can_be_enforced(cls, max_usd: float | None, info: ValidationInfo) -> float | None:
        if max_usd is not None and info.data.get("prices", ...) is None:
            raise ValueError("cannot be enforced without prices")
        return max_usd

    def max_answer_tokens(self) -> int:
        return self.max_new_tokens

    def estimated_image_tokens(self, pixels: float) -> float:
        return self.image_tokens or self.images.sent_pixels(pixels) / PIXELS_PER_TOKEN

    def budget(self, prompt: str) -> Budget | None:
        return self.budget_of_calls(self, prompt, self.images.sent_pixels(PUBLISHED_PIXELS))


class ResponsesFileModel(ModelEntry):
    backend: Literal["responses_file"]
    """Answers generated elsewhere, read from a file."""
    path: str = Field(min_length=1)
    """JSON, JSONL or Parquet; relative paths start at the project root."""

    asks_questions: ClassVar[bool] = False

    def absent_file(self) -> AbsentFile | None:
        return None if Path(self.path).is_file() else AbsentFile("path", self.path, "an existing file")

    def rule(self, num_shards: int = 1) -> str:
        return "import_responses"


MODELS = EntryKinds[ModelEntry]("models", "backend", (TransformersModel, VllmModel, OpenAIModel, ResponsesFileModel))
