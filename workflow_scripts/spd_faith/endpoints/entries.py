"""Fields shared by models and judges behind an endpoint with OpenAI's chat completions API."""

import math
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from spd_faith.core.entries import (
    NOT_IDENTITY,
    VARIABLE_PATTERN,
    Budget,
    Entry,
    Formerly,
    Requirements,
    Resources,
    Strict,
)
from spd_faith.core.estimates import PER_MILLION
from spd_faith.endpoints.token_bounds import max_image_tokens, max_text_tokens

_FIELDS_SET_ELSEWHERE = frozenset({"model", "messages", "max_tokens", "max_completion_tokens", "n", "stream"})


def _further_fields(request: dict[str, Any]) -> dict[str, Any]:
    if set_elsewhere := sorted(set(request) & _FIELDS_SET_ELSEWHERE):
        raise ValueError(f"set by other keys or by the workflow: {', '.join(set_elsewhere)}")
    return request


RequestFields = Annotated[dict[str, Any], AfterValidator(_further_fields)]
"""Extra request fields of an entry, except those that other keys or the workflow set."""


class Prices(Strict):
    """Prices of an endpoint, in US dollars per million tokens."""

    input: float = Field(ge=0)
    """Price of prompt tokens, images included."""
    output: float = Field(ge=0)
    """Price of answer tokens, reasoning included."""
    source: str = Field(min_length=1)
    """Where the prices are published."""
    date: str = Field(pattern=r"^\d{4}-\d{2}-\d{2}$")
    """Date of the prices, for example 2026-11-24."""

    def usd(self, prompt_tokens: float, generated_tokens: float) -> float:
        """Cost of a call in US dollars."""
        return (prompt_tokens * self.input + generated_tokens * self.output) * PER_MILLION


class EndpointModel(Strict):
    """A model at an endpoint, and its prices."""

    model: str = Field(min_length=1)
    """Name of the model at the endpoint; a dated snapshot if there is one."""
    prices: Annotated[Prices | None, NOT_IDENTITY] = None
    """Prices of the endpoint; null: unknown or free."""
    image_tokens: Annotated[int | None, NOT_IDENTITY, Formerly("picture_tokens")] = Field(default=None, ge=1)
    """Max tokens that the endpoint counts per image, if more than the number of pixels suggests."""

    def cost_usd(self, prompt_tokens: float, generated_tokens: float) -> float | None:
        """Cost of these tokens in US dollars; None if the prices are unknown."""
        return None if self.prices is None else self.prices.usd(prompt_tokens, generated_tokens)


class SentImages(Strict):
    """How images are sent to an endpoint (base64-encoded)."""

    format: Literal["jpeg", "png"] = "jpeg"
    """`png` is lossless; `jpeg` (quality 95, no chroma subsampling) is smaller."""
    max_side: int = Field(default=1024, ge=28)
    """Max length of the longer side in pixels; larger images are downscaled."""

    def sent_pixels(self, pixels: float) -> float:
        """Max pixels of an image as sent."""
        return min(pixels, self.max_side**2)


class EndpointEntry(Entry):
    """An entry behind an endpoint with OpenAI's chat completions API."""

    base_url: str = Field(pattern=r"^https?://[^\s@]+$")
    """URL of the endpoint, without /chat/completions."""
    base_url_variable: Annotated[str | None, NOT_IDENTITY] = Field(default=None, pattern=VARIABLE_PATTERN)
    """Environment variable that overrides `base_url` if set, for a server that moves between nodes."""
    key_variable: Annotated[str | None, NOT_IDENTITY] = Field(default=None, pattern=VARIABLE_PATTERN)
    """Environment variable that holds the API key; null: no key required. Never the key itself."""
    max_new_tokens: int = Field(ge=1, le=131_072)
    """Max tokens of an answer, reasoning included; longer answers are cut and marked `length`."""
    length_field: Annotated[Literal["max_tokens", "max_completion_tokens"], NOT_IDENTITY] = "max_tokens"
    """Request field that carries `max_new_tokens`."""
    request: RequestFields = Field(default_factory=lambda: {"temperature": 0})
    """Extra fields of each request."""
    generation: int = Field(default=1, ge=1)
    """Increase to generate the answers again."""
    max_usd: Annotated[float | None, NOT_IDENTITY] = Field(default=None, gt=0)
    """Max cost of this entry in US dollars; it stops before exceeding it. Requires `prices`."""
    concurrency: Annotated[int, NOT_IDENTITY] = Field(default=8, ge=1, le=1000)
    """Max concurrent calls at the endpoint, over all jobs and entries that use it."""
    timeout: Annotated[float, NOT_IDENTITY] = Field(default=180.0, gt=0)
    """Timeout of a call in seconds."""
    attempts: Annotated[int, NOT_IDENTITY] = Field(default=6, ge=1)
    """Max calls per question, retries included."""
    resources: Annotated[Resources, NOT_IDENTITY] = Resources()
    """What a scheduler reserves."""

    def requirements(self) -> Requirements:
        return Requirements(key_variable=self.key_variable)

    def budget_of_calls(self, asked: EndpointModel, text: str, image_pixels: float) -> Budget | None:
        """The limit on its cost, if any, if each call sends this text and two images of that many pixels; 0: none."""
        if self.max_usd is None or asked.prices is None:
            return None
        images = 2 * max_image_tokens(math.ceil(image_pixels), 1, asked.image_tokens) if image_pixels else 0
        return Budget(self.max_usd, asked.prices.usd(max_text_tokens(text) + images, self.max_new_tokens))

    def concurrency_bound(self) -> tuple[str, int] | None:
        return self.base_url, self.concurrency
