"""The kinds of judges in judges.yaml.

A kind declares what its jobs need and opens a `Judge`. The judge's code is imported only then, because this module is
loaded with every config. To add a kind, add a class here, list it in `JUDGES`, and write a module with its `Judge`.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field, ValidationInfo, WithJsonSchema, field_validator
from pydantic.config import JsonDict

from spd_faith.core.entries import (
    LEFT_OUT_AT_DEFAULT,
    NOT_IDENTITY,
    AnswerPaths,
    Budget,
    Entry,
    Formerly,
    JudgeEntry,
    NamedOthers,
    PlannedCalls,
    Requirements,
    Resources,
    Strict,
    Weights,
)
from spd_faith.core.estimates import PIXELS_PER_TOKEN, PUBLISHED_PIXELS
from spd_faith.core.kinds import EntryKinds
from spd_faith.core.modules import loaded_files, module_files
from spd_faith.endpoints.engine.entry import EngineFields
from spd_faith.endpoints.entries import EndpointEntry, EndpointModel, RequestFields, SentImages
from spd_faith.judging.judge import Judge, JudgeJob, ModelAnswers
from spd_faith.judging.prompt_files import prompt_name
from spd_faith.judging.structured_output import RESERVED_FIELDS, StructuredOutput

if TYPE_CHECKING:
    from spd_faith.judging.endpoint_calls import Calls
    from spd_faith.judging.panel_members import ListedAnswers, ListedModel, Member


class JudgeKind(JudgeEntry):
    """An entry of judges.yaml."""

    def open(self, answers: ModelAnswers, job: JudgeJob) -> AbstractContextManager[Judge]:
        """Open the judge of one model's answers. Calls require the open context; rows are available afterwards too."""
        raise NotImplementedError


class MemberKind(JudgeKind):
    """A judge that can be a member of a panel."""

    def open_member(
        self, answers: ModelAnswers, listed: "ListedAnswers", job: JudgeJob
    ) -> AbstractContextManager["Member"]:
        """Open the judge as a member that labels the `listed` claims of one model's answers; otherwise as `open`."""
        raise NotImplementedError

    def planned_labels(
        self, journal: Path, prompts: Path, listed: "Sequence[ListedModel]", unanswered: Mapping[str, int]
    ) -> list[PlannedCalls]:
        """The calls as a member of a panel, for each metric; none for free judges."""
        return []


class RulesJudge(MemberKind):
    judge: Literal["rules"]
    """Deterministic rules applied to the text of the answers; offline and free."""

    runs_with_scoring: ClassVar[bool] = True

    def input_modules(self) -> list[str]:
        return sorted({*loaded_files("judge_responses.py"), *module_files("spd_faith/judging/rules.py")})

    def job_resources(self) -> Resources:
        return Resources(mem_mb=1000, runtime=10)

    def open(self, answers: ModelAnswers, job: JudgeJob) -> AbstractContextManager[Judge]:
        from spd_faith.judging.rules import Rules

        return nullcontext(Rules(answers))

    def open_member(
        self, answers: ModelAnswers, listed: "ListedAnswers", job: JudgeJob
    ) -> AbstractContextManager["Member"]:
        from spd_faith.judging.panel_members import RulesMember

        return nullcontext(RulesMember(listed))


GPT_4O_MINI_IMAGE = 2833 + 4 * 5667
"""Tokens of an image in four tiles of 512 × 512, after ag2 0.9.7, `autogen/agentchat/contrib/img_utils.py`."""


class JudgeModels(Strict):
    """The model that labels the claims of each metric."""

    drf: EndpointModel = EndpointModel(model="gpt-4o-2024-08-06")
    """Judges the reasoning; sees the truth."""
    cr: EndpointModel = EndpointModel(model="gpt-4o-mini-2024-07-18", image_tokens=GPT_4O_MINI_IMAGE)
    """Judges the two yes/no answers; never sees the truth."""

    def of(self, metric: str) -> EndpointModel:
        """The model for a metric. Raises `KeyError` for an unknown metric."""
        return {"drf": self.drf, "cr": self.cr}[metric]


def _no_form_of_the_reply(request: dict[str, Any]) -> dict[str, Any]:
    if set_elsewhere := sorted(set(request) & RESERVED_FIELDS):
        raise ValueError(f"set by the workflow: {', '.join(set_elsewhere)}")
    return request


def prompt_paths(style: str) -> list[str]:
    """The prompt files in a style, relative to the project root."""
    return [f"resources/prompts/{prompt_name(style, metric)}.txt" for metric in JudgeModels.model_fields]


class AskedJudge(MemberKind):
    """A judge that asks language models, at an endpoint or in an engine that its jobs start."""

    request: Annotated[RequestFields, AfterValidator(_no_form_of_the_reply)] = Field(
        default_factory=lambda: {"temperature": 0, "seed": 0}
    )
    """Additional fields of each request; the n-th repetition adds n − 1 to the seed."""
    structured_output: Annotated[StructuredOutput, LEFT_OUT_AT_DEFAULT] = "json_schema"
    """How replies in the form of a JSON schema are requested: by what the server supports."""
    prompt: Annotated[Literal["full", "short"], LEFT_OUT_AT_DEFAULT] = "full"
    """The instructions: `full`, or `short` for small models."""
    images: Annotated[SentImages | None, Formerly("pictures")] = SentImages()
    """How both images are sent, for both metrics; null sends none."""
    max_answer_characters: int = Field(default=20_000, ge=100)
    """Longer answers are cut to this many characters; the judge is informed and the rest is counted."""
    repeats: int = Field(default=1, ge=1, le=100)
    """How often each answer is judged; labels are then decided by majority, with their spread."""

    def model_of(self, metric: str) -> EndpointModel:
        """The model that labels the claims of a metric."""
        raise NotImplementedError

    def as_endpoint(self) -> EndpointEntry:
        """How its models are called."""
        raise NotImplementedError

    def where_asked(self) -> dict[str, Any]:
        """What identifies the endpoint or the engine, without the names of the models; part of the keys of replies."""
        raise NotImplementedError

    def lock_name(self, model: str) -> str:
        """Name of the lock that a job holds while it judges the answers of `model`."""
        raise NotImplementedError

    def open_calls(self, job: JudgeJob, answered: int) -> AbstractContextManager["Calls"]:
        """Open what is called for missing replies; `answered` judgements of the job already exist."""
        raise NotImplementedError

    def table_provenance(self, of_replies: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
        """The provenance of a table of judgements, given that of its replies."""
        raise NotImplementedError

    def cost_usd(self, metric: str, prompt_tokens: float, generated_tokens: float) -> float | None:
        """Cost of these tokens in US dollars; None if the prices are unknown."""
        return self.model_of(metric).cost_usd(prompt_tokens, generated_tokens)

    @property
    def needs_images(self) -> bool:
        return self.images is not None

    def input_files(self) -> list[str]:
        return prompt_paths(self.prompt)

    def estimated_image_tokens(self, metric: str) -> float:
        """Estimated tokens of both images as sent for a metric; 0 if none are sent."""
        if self.images is None:
            return 0.0
        known = self.model_of(metric).image_tokens
        return 2 * (known or self.images.sent_pixels(PUBLISHED_PIXELS) / PIXELS_PER_TOKEN)

    def budget(self, metric: str, prompt: str) -> Budget | None:
        """The limit on its cost, if any, given a prompt for a metric."""
        pixels = self.images.sent_pixels(PUBLISHED_PIXELS) if self.images else 0
        return self.as_endpoint().budget_of_calls(self.model_of(metric), prompt, pixels)

    def planned_calls(
        self, journal: Path, prompts: Path, answers: Sequence[AnswerPaths], unanswered: Mapping[str, int]
    ) -> list[PlannedCalls]:
        from spd_faith.judging.endpoint_plan import planned_calls

        return planned_calls(self, journal, prompts, answers, unanswered)

    def open(self, answers: ModelAnswers, job: JudgeJob) -> AbstractContextManager[Judge]:
        from spd_faith.judging.endpoint_judge import opened

        return opened(self, answers, job)

    def open_member(
        self, answers: ModelAnswers, listed: "ListedAnswers", job: JudgeJob
    ) -> AbstractContextManager["Member"]:
        from spd_faith.judging.endpoint_judge import opened_member

        return opened_member(self, answers, listed, job)

    def planned_labels(
        self, journal: Path, prompts: Path, listed: "Sequence[ListedModel]", unanswered: Mapping[str, int]
    ) -> list[PlannedCalls]:
        from spd_faith.judging.endpoint_plan import planned_labels

        return planned_labels(self, journal, prompts, listed, unanswered)


class _ModelsAtEndpoint(EndpointEntry, MemberKind):
    models: JudgeModels = Field(default=JudgeModels(), validate_default=True)
    """The model for each metric."""

    @field_validator("models")
    @classmethod
    def _limit_can_be_enforced(cls, models: JudgeModels, info: ValidationInfo) -> JudgeModels:
        if info.data.get("max_usd") is not None and None in (models.drf.prices, models.cr.prices):
            raise ValueError("max_usd cannot be enforced without the prices of both models")
        return models


# The order of the bases keeps the order of the fields, which Snakemake compares.
class OpenAIJudge(AskedJudge, _ModelsAtEndpoint):
    judge: Literal["openai"]
    """Language models at an endpoint with OpenAI's chat completions API; docs/judges.md."""

    def job_resources(self) -> Resources:
        return self.resources

    def model_of(self, metric: str) -> EndpointModel:
        return self.models.of(metric)

    def as_endpoint(self) -> EndpointEntry:
        return self

    def where_asked(self) -> dict[str, Any]:
        return {"base_url": self.base_url}

    def lock_name(self, model: str) -> str:
        return "judge"  # one job calls at a time, so equal answers of two models are paid for once

    def open_calls(self, job: JudgeJob, answered: int) -> AbstractContextManager["Calls"]:
        from spd_faith.judging.endpoint_calls import opened_endpoint

        return opened_endpoint(self, job, answered)

    def table_provenance(self, of_replies: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
        models = {metric: self.models.of(metric).model for metric in JudgeModels.model_fields}
        return {"endpoint": self.base_url, "models": models}


class VllmJudge(EngineFields, AskedJudge, Weights):
    judge: Literal["vllm"]
    """An open model in a vLLM engine that each job starts and stops; docs/judges.md."""
    images: Annotated[SentImages | None, Formerly("pictures")] = None
    """How both images are sent, for both metrics; null sends none, for models that cannot see."""
    max_new_tokens: int = Field(ge=1, le=131_072)
    """Max tokens of a reply, reasoning included; longer replies are cut and unscored."""
    generation: int = Field(default=1, ge=1)
    """Increase to judge again."""
    resources: Annotated[Resources, NOT_IDENTITY] = Resources()
    """What a scheduler reserves; with `gpu: 0` the engine runs on the CPU."""

    def requirements(self) -> Requirements:
        return Requirements(gpu=self.resources.gpu > 0, num_gpus=self.resources.gpu)

    def job_resources(self) -> Resources:
        return self.resources

    def model_of(self, metric: str) -> EndpointModel:
        return EndpointModel(model=self.model)

    def as_endpoint(self) -> EndpointEntry:
        return EndpointEntry(
            base_url="http://engine/v1",  # calls go to the address of the engine instead
            max_new_tokens=self.max_new_tokens,
            request=self.request,
            concurrency=self.concurrency,
            timeout=self.timeout,
        )

    def where_asked(self) -> dict[str, Any]:
        """The engine and its weights."""
        return {
            "engine": self.judge,
            **{name: getattr(self, name) for name in ("revision", "dtype", "quantization", "options")},
        }

    def lock_name(self, model: str) -> str:
        return f"judge-{model}"  # an engine is free, so its jobs run at the same time

    def open_calls(self, job: JudgeJob, answered: int) -> AbstractContextManager["Calls"]:
        from spd_faith.judging.engine_calls import opened_engine

        return opened_engine(self, job, answered)

    def table_provenance(self, of_replies: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
        versions = sorted({reply["version"] for reply in of_replies})
        return {**self.where_asked(), "model": self.model, "versions": versions}

    def cost_usd(self, metric: str, prompt_tokens: float, generated_tokens: float) -> float | None:
        return 0.0


_Members = dict[str, Annotated[RulesJudge | OpenAIJudge | VllmJudge, Field(discriminator="judge")]]
_NAMES_SCHEMA: JsonDict = {"type": "array", "items": {"type": "string"}, "minItems": 2, "uniqueItems": True}


class PanelJudge(JudgeKind):
    judge: Literal["panel"]
    """Several judges that label the same claims of each answer; the strict majority decides."""
    members: Annotated[_Members, WithJsonSchema(_NAMES_SCHEMA)]
    """Keys of other judges of this file, at least two; loading replaces them by their entries."""

    names_others: ClassVar[NamedOthers | None] = NamedOthers("members", at_least=2)

    def parts(self, name: str) -> Mapping[str, Entry]:
        return self.members

    @property
    def needs_images(self) -> bool:
        return any(member.needs_images for member in self.members.values())

    def input_files(self) -> list[str]:
        return prompt_paths("panel")

    def job_resources(self) -> Resources:
        """Enough for all members, which are asked one after the other."""
        needed = [member.job_resources() for member in self.members.values()]
        return Resources(
            gpu=max(one.gpu for one in needed),
            threads=max(one.threads for one in needed),
            mem_mb=max(one.mem_mb for one in needed),
            runtime=sum(one.runtime for one in needed),
            partition=next((one.partition for one in needed if one.partition), None),
        )

    def planned_calls(
        self, journal: Path, prompts: Path, answers: Sequence[AnswerPaths], unanswered: Mapping[str, int]
    ) -> list[PlannedCalls]:
        from spd_faith.judging.panel_plan import planned_calls

        return planned_calls(self, journal, prompts, answers, unanswered)

    def open(self, answers: ModelAnswers, job: JudgeJob) -> AbstractContextManager[Judge]:
        from spd_faith.judging.panel import opened

        return opened(self, answers, job)


JUDGES = EntryKinds[JudgeKind]("judges", "judge", (RulesJudge, OpenAIJudge, VllmJudge, PanelJudge))
