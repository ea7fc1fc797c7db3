"""The kinds of entries in models.yaml: what answers the questions."""

from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Annotated, ClassVar, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from spd_faith.core.entries import (
    LEFT_OUT_AT_DEFAULT,
    NOT_IDENTITY,
    AbsentFile,
    Budget,
    Change,
    Formerly,
    ModelEntry,
    PixelBudget,
    Requirements,
    Weights,
    identity,
)
from spd_faith.core.errors import UserError
from spd_faith.core.estimates import PIXELS_PER_TOKEN, PUBLISHED_PIXELS, STEP_SECONDS
from spd_faith.core.kinds import EntryKinds
from spd_faith.endpoints.engine.entry import EngineFields
from spd_faith.endpoints.entries import EndpointEntry, EndpointModel, SentImages
from spd_faith.inference.intervention import Intervention

ImageLayout = Literal["pair", "merged"]


class _ModelWeights(Weights, ModelEntry):
    """An entry of models.yaml that names weights."""


class _Attention(_ModelWeights):
    attention: Literal["sdpa", "flash_attention_2"] = "sdpa"
    """Attention implementation. No eager: it changes the answers of real checkpoints and runs out of memory."""


class CheckpointModel(_ModelWeights):
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
        """The same checkpoint for the transformers backend, whose internals can be measured.

        Raises `UserError` if that would be other weights.
        """
        raise NotImplementedError

    def requirements(self) -> Requirements:
        return Requirements(gpu=self.requires_gpu, num_gpus=self.resources.gpu)

    def max_answer_tokens(self) -> int:
        return self.max_new_tokens

    def estimated_image_tokens(self, pixels: float) -> float:
        shown = min(pixels, self.pixel_budget.max_pixels) if self.pixel_budget else pixels
        return shown / PIXELS_PER_TOKEN


# The order of the bases keeps the order of the fields, which Snakemake compares.
class TransformersModel(CheckpointModel, _Attention):
    backend: Literal["transformers"]
    """Loaded in this process with the Auto classes of transformers."""
    device_map: Annotated[Literal["auto"] | None, NOT_IDENTITY] = None
    """`auto` splits the layers over all GPUs of the job (accelerate)."""
    batch_size: Annotated[int, NOT_IDENTITY] = Field(default=8, ge=1)
    """Pairs per batch, each with all questions about it."""
    intervention: Annotated[Intervention | None, LEFT_OUT_AT_DEFAULT] = None
    """Changes the model's forward passes, which makes this entry a variant of the model: docs/models.md."""

    takes_device: ClassVar[bool] = True

    @model_validator(mode="after")
    def _can_change_its_attention(self) -> "TransformersModel":
        if self.intervention and self.intervention.of_attention and self.attention != "sdpa":
            what = "image_attention and contrast of attended tokens require attention: sdpa"
            raise ValueError(f"intervention: {what}; the entry has attention: {self.attention}")
        return self

    def as_transformers(self) -> "TransformersModel":
        return self

    def change(self) -> Change | None:
        if self.intervention is None:
            return None
        unchanged = self.model_copy(update={"intervention": None})
        settings, is_placebo = self.intervention.settings(), self.intervention.placebo
        return Change(identity(unchanged), settings, is_placebo, self.intervention.method())

    def answer_seconds(self, tokens: Sequence[float]) -> float:
        step = STEP_SECONDS * max(1, self.resources.gpu) / self.batch_size
        if self.intervention:  # each question has a row of its own
            return fmean(tokens) * step * self.intervention.passes
        return max(tokens) / len(tokens) * step  # the answers about a pair are generated in parallel


class VllmModel(EngineFields, CheckpointModel):
    backend: Literal["vllm"]
    """Answered by a vLLM engine that the job starts and stops; docs/models.md."""
    parity: Annotated[int, NOT_IDENTITY] = Field(default=2, ge=0)
    """Number of pairs that the transformers backend also answers, to count equal answers; 0: none."""

    @model_validator(mode="after")
    def _leaves_room_for_a_prompt(self) -> "VllmModel":
        if self.max_model_len is not None and self.max_model_len <= self.max_new_tokens:
            what = f"options.max_model_len ({self.max_model_len}) must hold the prompt and max_new_tokens"
            raise ValueError(f"{what} ({self.max_new_tokens})")
        return self

    @property
    def can_be_probed(self) -> bool:
        return self.quantization is None  # the transformers backend would load other weights

    def answer_seconds(self, tokens: Sequence[float]) -> float:
        return self.reply_seconds(fmean(tokens))

    def as_transformers(self) -> TransformersModel:
        if not self.can_be_probed:
            what = f"its engine quantizes the weights ({self.quantization}), which the transformers backend does not"
            raise UserError(f"{self.model}: {what}; name an entry without `quantization`")
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
