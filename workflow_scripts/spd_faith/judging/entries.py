"""The kinds of judges.yaml: what labels the claims of the answers."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from spd_faith.core.entries import Formerly, JudgeEntry, Strict
from spd_faith.core.kinds import EntryKinds
from spd_faith.endpoints.entries import EndpointEntry, EndpointModel, RequestFields, SentImages


class RulesJudge(JudgeEntry):
    judge: Literal["rules"]
    """Deterministic rules over the words of the answers; offline and free."""

    rule: ClassVar[str] = "judge_by_rules"


GPT_4O_MINI_IMAGE = 2833 + 4 * 5667
"""Tokens of an image in four tiles of 512 × 512, after ag2 0.9.7, `autogen/agentchat/contrib/img_utils.py`."""


class JudgeModels(Strict):
    """The model that labels the claims of each metric."""

    drf: EndpointModel = EndpointModel(model="gpt-4o-2024-08-06")
    """Of the reasoning; it is shown the truth too."""
    cr: EndpointModel = EndpointModel(model="gpt-4o-mini-2024-07-18", image_tokens=GPT_4O_MINI_IMAGE)
    """Of the two yes/no answers; it is never told the truth."""


def _no_response_format(request: dict[str, Any]) -> dict[str, Any]:
    if "response_format" in request:
        raise ValueError("set by the workflow: response_format")
    return request


class OpenAIJudge(EndpointEntry, JudgeEntry):
    judge: Literal["openai"]
    """Language models at an endpoint that speaks OpenAI's chat completions and takes a JSON schema; docs/judges.md."""
    models: JudgeModels = Field(default=JudgeModels(), validate_default=True)
    """The model of each metric."""
    request: Annotated[RequestFields, AfterValidator(_no_response_format)] = Field(
        default_factory=lambda: {"temperature": 0, "seed": 0}
    )
    """Further fields of each request; repetition n is asked with n added to the seed."""
    images: Annotated[SentImages | None, Formerly("pictures")] = SentImages()
    """How both images are sent, for either metric; null: the endpoint takes none."""
    max_answer_characters: int = Field(default=20_000, ge=100)
    """Longer answers are judged up to this many characters; the judge is told, and the rest is counted."""
    repeats: int = Field(default=1, ge=1, le=100)
    """Times that each answer is judged; labels are then by majority, with the spread beside them."""

    rule: ClassVar[str] = "judge_by_endpoint"

    @field_validator("models")
    @classmethod
    def _limit_can_be_enforced(cls, models: JudgeModels, info: ValidationInfo) -> JudgeModels:
        if info.data.get("max_usd") is not None and None in (models.drf.prices, models.cr.prices):
            raise ValueError("max_usd cannot be enforced without the prices of both models")
        return models


JUDGES = EntryKinds[JudgeEntry]("judges", "judge", (RulesJudge, OpenAIJudge))
