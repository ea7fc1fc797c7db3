"""Plans the calls of an endpoint judge, given existing answers and replies."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from spd_faith.core.entries import AnswerPaths, PlannedCalls
from spd_faith.core.journal import Journal
from spd_faith.core.schemas import JUDGED_METRICS
from spd_faith.judging.answers import load_answers
from spd_faith.judging.endpoint_judgements import EndpointJudgements
from spd_faith.judging.judge import JudgeRequest
from spd_faith.judging.judge_prompts import JudgePrompt, judge_requests, label_requests, load_judge_prompts
from spd_faith.judging.panel_members import ListedModel

if TYPE_CHECKING:
    from spd_faith.judging.entries import OpenAIJudge


def planned_calls(
    entry: "OpenAIJudge", journal: Path, prompts: Path, answers: Sequence[AnswerPaths], unanswered: Mapping[str, int]
) -> list[PlannedCalls]:
    """The calls for each metric.

    Empty and duplicate answers need no call; a pair without answers yet needs one per repeat.
    """
    loaded = load_judge_prompts(prompts, entry.prompt)
    requests = (
        request
        for paths in answers
        for *_, repeats in judge_requests(entry, loaded, load_answers(paths))
        for request in repeats
    )
    repeated = {metric: pairs * entry.repeats for metric, pairs in unanswered.items()}
    return _planned(entry, journal, loaded, requests, repeated)


def planned_labels(
    entry: "OpenAIJudge", journal: Path, prompts: Path, listed: Sequence[ListedModel], unanswered: Mapping[str, int]
) -> list[PlannedCalls]:
    """The calls of a member of a panel for each metric, one for each answer with claims or without answers yet."""
    loaded = load_judge_prompts(prompts, "panel")
    requests = (
        request for answers, claims in listed for request in label_requests(entry, loaded, answers, claims).values()
    )
    return _planned(entry, journal, loaded, requests, unanswered)


def _planned(
    entry: "OpenAIJudge",
    journal: Path,
    prompts: Mapping[str, JudgePrompt],
    requests: Iterable[JudgeRequest],
    unanswered: Mapping[str, int],
) -> list[PlannedCalls]:
    judgements = EndpointJudgements(entry, Journal(journal).read())
    different = {judgements.key(request): request for request in requests}.values()
    return [
        _of_metric(journal.name, metric, judgements, prompts[metric], different, unanswered[metric])
        for metric in JUDGED_METRICS
    ]


def _of_metric(
    payer: str,
    metric: str,
    judgements: EndpointJudgements,
    prompt: JudgePrompt,
    requests: Iterable[JudgeRequest],
    unanswered: int,
) -> PlannedCalls:
    entry, model = judgements.entry, judgements.model(metric)
    outcomes = [judgements.outcome(request) for request in requests if request.metric == metric]
    text = prompt.instructions + prompt.material.template
    return PlannedCalls(
        payer=payer,
        metric=metric,
        model=model.model,
        calls=len(outcomes) + unanswered,
        replies=[outcome.replies for outcome in outcomes if not outcome.next_key],
        prompt_characters=len(text),
        image_tokens=entry.estimated_image_tokens(metric),
        max_reply_tokens=entry.max_new_tokens,
        cost_usd=model.cost_usd,
        budget=entry.budget(metric, text),
    )
