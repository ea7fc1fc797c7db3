"""Builds rows of `JUDGEMENTS` from the replies of an endpoint judge; scores are recomputed from the labels."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from statistics import fmean, pstdev
from typing import Any

from spd_faith.core.schemas import INVENTED
from spd_faith.judging.claims import Claim
from spd_faith.judging.consistency import judge_verdicts
from spd_faith.judging.endpoint_judgements import EndpointJudgements, Outcome
from spd_faith.judging.judge import JudgeRequest, ModelAnswers
from spd_faith.judging.reasoning import judge_reasoning
from spd_faith.judging.rules import judgement_row, yes_no_answers
from spd_faith.judging.scores import UNREAD, count_labels, score_counts
from spd_faith.judging.unanswered import unjudged_row

SUMS = ("prompt_tokens", "generated_tokens", "usd", "seconds", "attempts")  # columns that are sums over the replies


def judgement_rows(
    answers: ModelAnswers,
    requests: Mapping[tuple[str, str], Sequence[JudgeRequest]],
    judgements: EndpointJudgements,
    failures: Mapping[str, str],
) -> Iterator[dict[str, Any]]:
    """One row per sample and metric of `requests`.

    `failures` has the status of failed requests by the key of their missing reply. Answers without requests say
    nothing; the rules judge them. If the parser cannot read the language of a verdict, CR has no claim about the
    verdicts, and is unscored without another.
    """
    by_id = {sample["sample_id"]: sample for sample in answers.samples}
    for (sample_id, metric), repeats in requests.items():
        if status := answers.unjudged.get((sample_id, metric)):
            yield unjudged_row(sample_id, metric, status, judgements.model(metric).model)
            continue
        pair = yes_no_answers(answers, sample_id)
        is_unread = metric == "cr" and any(answer.verdict is None for answer in pair)
        verdicts = [judge_verdicts(*pair)] if metric == "cr" and not is_unread else []
        if repeats:
            row = _requested(repeats, judgements, verdicts, failures)
            yield {"sample_id": sample_id, "metric": metric, **row}
        elif is_unread:
            yield judgement_row(sample_id, metric, None)
        else:
            key = sample_id, "describe"
            text, parsed = answers.responses[key]["response_text"], dict(answers.parsed[key])
            yield judgement_row(sample_id, metric, verdicts or judge_reasoning(dict(by_id[sample_id]), text, parsed))


def _requested(
    repeats: Sequence[JudgeRequest],
    judgements: EndpointJudgements,
    verdicts: Sequence[Claim],
    failures: Mapping[str, str],
) -> dict[str, Any]:
    request = repeats[0]
    outcomes = [judgements.outcome(repeat) for repeat in repeats]
    scored = [[*verdicts, *_claims(outcome, invented=False)] for outcome in outcomes if outcome.status == "ok"]
    invented = [claim for outcome in outcomes for claim in _claims(outcome, invented=True)]
    claims = _claim_rows(request, scored) if scored else []
    counts = count_labels(request.metric, (claim["label"] for claim in claims))
    score, status = _score_and_status(request.metric, counts) if scored else (None, why_unscored(outcomes[0], failures))
    printed = [o.reading.judge_score for o in outcomes if o.reading and o.reading.judge_score is not None]
    return {
        "claims": claims + [claim.as_row() for claim in invented],
        **counts,
        "n_invented": len(invented),
        "score": score,
        "judge_score": fmean(printed) if printed else None,
        "score_spread": pstdev(_score(request.metric, one) for one in scored) if len(scored) > 1 else None,
        **reply_columns(request, outcomes, judgements),
        "status": status,
    }


def _score_and_status(metric: str, counts: dict[str, int]) -> tuple[float | None, str]:
    if metric == "cr" and not any(counts.values()):
        return None, UNREAD  # the claim about the verdicts is missing, too
    return score_counts(metric, counts)


def reply_columns(request: JudgeRequest, outcomes: Sequence[Outcome], judgements: EndpointJudgements) -> dict[str, Any]:
    """The columns about the replies to a request and its repeats, with what they took in all.

    `judge_model` is the model that was asked, if no reply names another.
    """
    replies = [reply for outcome in outcomes for reply in outcome.replies]
    models = sorted({reply["model"] for reply in replies if reply["model"]})
    return {
        "judge_model": ", ".join(models) or judgements.model(request.metric).model,
        "prompt_sha": request.prompt_sha,
        "question_sha": judgements.key(request),
        "cut_characters": request.cut,
        "calls": len(replies),
        **{name: sum_of_known(reply[name] for reply in replies) for name in SUMS},
    }


def _claims(outcome: Outcome, invented: bool) -> list[Claim]:
    claims = outcome.reading.claims if outcome.reading else ()
    return [claim for claim in claims if (claim.label == INVENTED) is invented]


def _claim_rows(request: JudgeRequest, repeats: Sequence[Sequence[Claim]]) -> list[dict[str, Any]]:
    if len(repeats) == 1:
        return [claim.as_row() for claim in repeats[0]]
    from spd_faith.judging.repeats import agreed_claims  # loads scipy

    agreed = agreed_claims(request.metric, repeats, request.answers)
    return [one.claim.as_row() | {"mean": one.mean, "spread": one.spread} for one in agreed]


def _score(metric: str, claims: Sequence[Claim]) -> float:
    return score_counts(metric, count_labels(metric, (claim.label for claim in claims)))[0]


def why_unscored(outcome: Outcome, failures: Mapping[str, str]) -> str:
    """The status of a request without a valid reply; `failures` as for `judgement_rows`."""
    return failures.get(outcome.next_key, outcome.status) if outcome.next_key else outcome.status


def sum_of_known(values: Iterable[float | None]) -> float | None:
    """The sum without unknown values; None if all are unknown."""
    known = [value for value in values if value is not None]
    return sum(known) if known else None
