"""The kinds of judges.yaml: what labels the claims of the answers.

A kind declares what its jobs need and opens a `Judge`; what judges is imported only then, for this module is loaded
with every config. A new kind is a class here, named in `JUDGES`, and a module with its `Judge`.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from spd_faith.core.entries import AnswerPaths, Formerly, JudgeEntry, PlannedCalls, Resources, Strict
from spd_faith.core.estimates import PIXELS_PER_TOKEN, PUBLISHED_PIXELS
from spd_faith.core.kinds import EntryKinds
from spd_faith.core.modules import loaded_files, module_files
from spd_faith.endpoints.entries import EndpointEntry, EndpointModel, RequestFields, SentImages
from spd_faith.judging.judge import Judge, JudgeJob, ModelAnswers


class JudgeKind(JudgeEntry):
    """An entry of judges.yaml that can judge."""

    def open(self, answers: ModelAnswers, job: JudgeJob) -> AbstractContextManager[Judge]:
        """The judge of one model's answers, for a block in which it may ask; its rows can be had afterwards too."""
        raise NotImplementedError


class RulesJudge(JudgeKind):
    judge: Literal["rules"]
    """Deterministic rules over the words of the answers; offline and free."""

    runs_with_scoring: ClassVar[bool] = True

    def input_files(self) -> list[str]:
        return ["resources/coco_categories.yaml"]

    def input_modules(self) -> list[str]:
        return sorted({*loaded_files("judge_responses.py"), *module_files("spd_faith/judging/rules.py")})

    def job_resources(self) -> Resources:
        return Resources(mem_mb=1000, runtime=10)

    def open(self, answers: ModelAnswers, job: JudgeJob) -> AbstractContextManager[Judge]:
        from spd_faith.judging.rules import Rules

        return nullcontext(Rules(answers))


GPT_4O_MINI_IMAGE = 2833 + 4 * 5667
"""Tokens of an image in four tiles of 512 × 512, after ag2 0.9.7, `autogen/agentchat/contrib/img_utils.py`."""


class JudgeModels(Strict):
    """The model that labels the claims of each metric."""

    drf: EndpointModel = EndpointModel(model="gpt-4o-2024-08-06")
    """Of the reasoning; it is shown the truth too."""
    cr: EndpointModel = EndpointModel(model="gpt-4o-mini-2024-07-18", image_tokens=GPT_4O_MINI_IMAGE)
    """Of the two yes/no answers; it is never told the truth."""

    def of(self, metric: str) -> EndpointModel:
        """The model of a metric. Raises `KeyError` for one that no judge labels."""
        return {"drf": self.drf, "cr": self.cr}[metric]


def _no_response_format(request: dict[str, Any]) -> dict[str, Any]:
    if "response_format" in request:
        raise ValueError("set by the workflow: response_format")
    return request


class OpenAIJudge(EndpointEntry, JudgeKind):
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

    @field_validator("models")
    @classmethod
    def _limit_can_be_enforced(cls, models: JudgeModels, info: ValidationInfo) -> JudgeModels:
        if info.data.get("max_usd") is not None and None in (models.drf.prices, models.cr.prices):
            raise ValueError("max_usd cannot be enforced without the prices of both models")
        return models

    @property
    def needs_images(self) -> bool:
        return self.images is not None

    def input_files(self) -> list[str]:
        return [f"resources/prompts/judge_{metric}.txt" for metric in JudgeModels.model_fields]

    def job_resources(self) -> Resources:
        return self.resources

    def estimated_image_tokens(self, metric: str) -> float:
        """Estimated tokens of both images as they are shown for a metric; 0 where none are."""
        if self.images is None:
            return 0.0
        known = self.models.of(metric).image_tokens
        return 2 * (known or min(PUBLISHED_PIXELS, self.images.max_side**2) / PIXELS_PER_TOKEN)

    def planned_calls(
        self, journal: Path, prompts: Path, answers: Sequence[AnswerPaths], unanswered_pairs: int
    ) -> list[PlannedCalls]:
        from spd_faith.judging.endpoint_plan import planned_calls

        return planned_calls(self, journal, prompts, answers, unanswered_pairs)

    def open(self, answers: ModelAnswers, job: JudgeJob) -> AbstractContextManager[Judge]:
        from spd_faith.judging.endpoint_judge import opened

        return opened(self, answers, job)


JUDGES = EntryKinds[JudgeKind]("judges", "judge", (RulesJudge, OpenAIJudge))
