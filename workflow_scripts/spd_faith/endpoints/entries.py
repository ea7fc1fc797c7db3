"""What every entry declares that is asked at an endpoint which speaks OpenAI's chat completions: models and judges."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from spd_faith.core.entries import (
    NOT_IDENTITY,
    VARIABLE_PATTERN,
    Entry,
    Formerly,
    Requirements,
    Resources,
    Strict,
)
from spd_faith.core.estimates import PER_MILLION

_FIELDS_SET_ELSEWHERE = frozenset({"model", "messages", "max_tokens", "max_completion_tokens", "n", "stream"})


def _further_fields(request: dict[str, Any]) -> dict[str, Any]:
    if set_elsewhere := sorted(set(request) & _FIELDS_SET_ELSEWHERE):
        raise ValueError(f"set by other keys or by the workflow: {', '.join(set_elsewhere)}")
    return request


RequestFields = Annotated[dict[str, Any], AfterValidator(_further_fields)]
"""Fields of a request that an entry may add: none that other keys or the workflow set."""


class Prices(Strict):
    """What an endpoint charges, in US dollars per million tokens."""

    input: float = Field(ge=0)
    """Of the prompt, images included."""
    output: float = Field(ge=0)
    """Of the answer, reasoning included."""
    source: str = Field(min_length=1)
    """Where the prices are published."""
    date: str = Field(pattern=r"^\d{4}-\d{2}-\d{2}$")
    """When they were read there, as 2026-11-24."""

    def usd(self, prompt_tokens: float, generated_tokens: float) -> float:
        """US dollars of a call."""
        return (prompt_tokens * self.input + generated_tokens * self.output) * PER_MILLION


class EndpointModel(Strict):
    """A model at an endpoint, and what it costs."""

    model: str = Field(min_length=1)
    """The model's name at the endpoint; a dated snapshot where there is one."""
    prices: Annotated[Prices | None, NOT_IDENTITY] = None
    """What the endpoint charges; null: unknown, or free."""
    image_tokens: Annotated[int | None, NOT_IDENTITY, Formerly("picture_tokens")] = Field(default=None, ge=1)
    """Max tokens that the endpoint counts for one image, where they are more than its pixels let expect."""

    def cost_usd(self, prompt_tokens: float, generated_tokens: float) -> float | None:
        """US dollars for so many tokens; None where the prices are unknown."""
        return None if self.prices is None else self.prices.usd(prompt_tokens, generated_tokens)


class SentImages(Strict):
    """How images are sent to an endpoint, as base64."""

    format: Literal["jpeg", "png"] = "jpeg"
    """`png` loses nothing, `jpeg` (quality 95, colours at full resolution) is smaller."""
    max_side: int = Field(default=1024, ge=28)
    """A longer side is reduced to this many pixels."""


class EndpointEntry(Entry):
    """An entry that is asked over HTTP, at an endpoint that speaks OpenAI's chat completions."""

    base_url: str = Field(pattern=r"^https?://[^\s@]+$")
    """Address of the endpoint, up to and without /chat/completions."""
    base_url_variable: Annotated[str | None, NOT_IDENTITY] = Field(default=None, pattern=VARIABLE_PATTERN)
    """Environment variable that, where it is set, replaces `base_url`: for a server that moves from node to node."""
    key_variable: Annotated[str | None, NOT_IDENTITY] = Field(default=None, pattern=VARIABLE_PATTERN)
    """Environment variable that holds the key; null: the endpoint asks for none. Never the key itself."""
    max_new_tokens: int = Field(ge=1, le=131_072)
    """Longest answer in tokens, reasoning included; a longer one is cut and marked `length`."""
    length_field: Annotated[Literal["max_tokens", "max_completion_tokens"], NOT_IDENTITY] = "max_tokens"
    """The request field that carries `max_new_tokens`."""
    request: RequestFields = Field(default_factory=lambda: {"temperature": 0})
    """Further fields of each request."""
    generation: int = Field(default=1, ge=1)
    """Raise it to generate the answers again on purpose."""
    max_usd: Annotated[float | None, NOT_IDENTITY] = Field(default=None, gt=0)
    """Stop before the answers of this entry cost more than this many US dollars; needs `prices`."""
    concurrency: Annotated[int, NOT_IDENTITY] = Field(default=8, ge=1, le=1000)
    """Calls in flight at the endpoint, over all jobs and entries that ask there."""
    timeout: Annotated[float, NOT_IDENTITY] = Field(default=180.0, gt=0)
    """Seconds after which a call has failed."""
    attempts: Annotated[int, NOT_IDENTITY] = Field(default=6, ge=1)
    """Calls per question before its failure is final."""
    resources: Annotated[Resources, NOT_IDENTITY] = Resources()
    """What a scheduler reserves."""

    def requirements(self) -> Requirements:
        return Requirements(key_variable=self.key_variable)

    def concurrency_bound(self) -> tuple[str, int] | None:
        return self.base_url, self.concurrency
