"""Plans the calls of an endpoint judge, given existing answers and replies."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from spd_faith.core.entries import AnswerPaths, PlannedCalls
from spd_faith.core.journal import Journal
from spd_faith.core.schemas import JUDGED_METRICS
from spd_faith.judging.answers import load_answers
from spd_faith.judging.endpoint_judgements import EndpointJudgements
from spd_faith.judging.judge import JudgeRequest
from spd_faith.judging.judge_prompts import JudgePrompt, judge_requests, load_judge_prompts

if TYPE_CHECKING:
    from spd_faith.judging.entries import OpenAIJudge


def planned_calls(
    entry: "OpenAIJudge", journal: Path, prompts: Path, answers: Sequence[AnswerPaths], unanswered_pairs: int
) -> list[PlannedCalls]:
    """The calls for each metric.

    Empty and duplicate answers need no call; a pair without answers yet needs one per repeat.
    """
    loaded = load_judge_prompts(prompts, entry.prompt)
    judgements = EndpointJudgements(entry, Journal(journal).read())
    requests = list(_different_requests(judgements, loaded, answers).values())
    return [
        _of_metric(metric, judgements, loaded[metric], requests, unanswered_pairs * entry.repeats)
        for metric in JUDGED_METRICS
    ]


def _of_metric(
    metric: str,
    judgements: EndpointJudgements,
    prompt: JudgePrompt,
    requests: Sequence[JudgeRequest],
    unanswered: int,
) -> PlannedCalls:
    entry, model = judgements.entry, judgements.model(metric)
    outcomes = [judgements.outcome(request) for request in requests if request.metric == metric]
    return PlannedCalls(
        metric=metric,
        model=model.model,
        calls=len(outcomes) + unanswered,
        replies=[outcome.replies for outcome in outcomes if not outcome.next_key],
        prompt_characters=len(prompt.instructions) + len(prompt.material.template),
        image_tokens=entry.estimated_image_tokens(metric),
        max_reply_tokens=entry.max_new_tokens,
        cost_usd=model.cost_usd,
    )


def _different_requests(
    judgements: EndpointJudgements, prompts: dict[str, JudgePrompt], answers: Sequence[AnswerPaths]
) -> dict[str, JudgeRequest]:
    """The distinct requests about the answers, by the key of their first reply."""
    found: dict[str, JudgeRequest] = {}
    for paths in answers:
        for *_, repeats in judge_requests(judgements.entry, prompts, load_answers(paths)):
            found |= {judgements.key(request): request for request in repeats}
    return found
