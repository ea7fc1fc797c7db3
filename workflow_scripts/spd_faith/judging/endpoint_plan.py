"""Plans the calls of an endpoint judge, given existing answers and replies."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from spd_faith.core.entries import AnswerPaths, PlannedCalls
from spd_faith.core.journal import Journal
from spd_faith.core.schemas import JUDGED_METRICS
from spd_faith.judging.answers import load_answers
from spd_faith.judging.endpoint_judgements import EndpointJudgements, Outcome
from spd_faith.judging.judge import JudgeRequest
from spd_faith.judging.judge_prompts import JudgePrompt, judge_requests, label_requests, load_judge_prompts
from spd_faith.judging.panel_members import ListedModel

if TYPE_CHECKING:
    from spd_faith.judging.entries import AskedJudge


def planned_calls(
    entry: "AskedJudge", journal: Path, prompts: Path, answers: Sequence[AnswerPaths], unanswered: Mapping[str, int]
) -> list[PlannedCalls]:
    """The calls for each metric.

    Empty and duplicate answers need no call; a pair without answers yet needs one per repeat.
    """
    loaded = load_judge_prompts(prompts, entry.prompt)
    requests = (
        (one.model, request)
        for one in map(load_answers, answers)
        for *_, repeats in judge_requests(entry, loaded, one)
        for request in repeats
    )
    repeated = {metric: pairs * entry.repeats for metric, pairs in unanswered.items()}
    return _planned(entry, journal, loaded, requests, repeated)


def planned_labels(
    entry: "AskedJudge", journal: Path, prompts: Path, listed: Sequence[ListedModel], unanswered: Mapping[str, int]
) -> list[PlannedCalls]:
    """The calls of a member of a panel for each metric, one for each answer with claims or without answers yet."""
    loaded = load_judge_prompts(prompts, "panel")
    requests = (
        (answers.model, request)
        for answers, claims in listed
        for request in label_requests(entry, loaded, answers, claims).values()
    )
    return _planned(entry, journal, loaded, requests, unanswered)


def _planned(
    entry: "AskedJudge",
    journal: Path,
    prompts: Mapping[str, JudgePrompt],
    requests: Iterable[tuple[str, JudgeRequest]],
    unanswered: Mapping[str, int],
) -> list[PlannedCalls]:
    """`requests` are those about the answers of each model, (model, request)."""
    judgements = EndpointJudgements(entry, Journal(journal).read())
    outcomes: dict[str, dict[str, Outcome]] = {metric: {} for metric in JUDGED_METRICS}
    waiting: dict[str, set[str]] = {metric: set() for metric in JUDGED_METRICS}
    for model, request in requests:
        known, key = outcomes[request.metric], judgements.key(request)
        if key not in known:
            known[key] = judgements.outcome(request)
        if known[key].next_key:
            waiting[request.metric].add(model)
    return [
        _of_metric(
            journal.name, entry, prompts[metric], list(outcomes[metric].values()), waiting[metric], unanswered[metric]
        )
        for metric in JUDGED_METRICS
    ]


def _of_metric(
    payer: str,
    entry: "AskedJudge",
    prompt: JudgePrompt,
    outcomes: Sequence[Outcome],
    waiting: Collection[str],
    unanswered: int,
) -> PlannedCalls:
    metric = prompt.metric
    text = prompt.instructions + prompt.material.template
    return PlannedCalls(
        payer=payer,
        metric=metric,
        model=entry.model_of(metric).model,
        calls=len(outcomes) + unanswered,
        waiting=frozenset(waiting),
        replies=[outcome.replies for outcome in outcomes if not outcome.next_key],
        prompt_characters=len(text),
        image_tokens=entry.estimated_image_tokens(metric),
        max_reply_tokens=entry.as_endpoint().max_new_tokens,
        cost_usd=partial(entry.cost_usd, metric),
        budget=entry.budget(metric, text),
    )
