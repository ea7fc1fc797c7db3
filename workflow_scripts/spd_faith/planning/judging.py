"""Computes the remaining calls of the judges of a run."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from spd_faith.core.config import Run
from spd_faith.core.entries import AnswerPaths, PlannedCalls
from spd_faith.core.paths import ResultPaths
from spd_faith.core.schemas import JUDGED_METRICS
from spd_faith.dataset.control_kinds import judged_metrics
from spd_faith.planning.estimates import Work, estimated_judging, measured_usage


@dataclass(frozen=True, kw_only=True)
class JudgeWork(Work):
    """The work of one judge for one metric."""

    judge: str
    payer: str
    metric: str
    model: str
    calls: int
    waiting: frozenset[str]
    """The evaluated models whose answers lack a reply."""

    @property
    def left(self) -> int:
        return self.calls - self.done


def work_of_judges(
    run: Run, paths: ResultPaths, prompts: Path, pairs: int, controls: Mapping[str, int] | None = None
) -> list[JudgeWork]:
    """The work of each judge that makes calls, by judge and metric; `prompts` is the prompt folder.

    Reads existing answers, because empty and duplicate ones need no call; a model without answers yet needs a call for
    each of the `pairs` pairs and of the controls that are judged.
    """
    answers = _answers(run.models, paths)
    silent = frozenset(run.models) - {one.responses.stem for one in answers}
    unanswered = {metric: num_judged(metric, pairs, controls or {}) * len(silent) for metric in JUDGED_METRICS}
    return [
        _work(name, calls, silent)
        for name, entry in sorted(run.judges.items())
        for calls in entry.planned_calls(paths.judgement_journal(name), prompts, answers, unanswered)
    ]


def num_judged(metric: str, pairs: int, controls: Mapping[str, int]) -> int:
    """The number of pairs that are judged for a metric; `controls` are the numbers of controls by kind."""
    return pairs + sum(number for kind, number in controls.items() if metric in judged_metrics(kind))


def _answers(models: Iterable[str], paths: ResultPaths) -> list[AnswerPaths]:
    """The answer tables of the models that have answered."""
    responses = [paths.responses(model) for model in models]
    return [AnswerPaths(paths.samples, path, images=paths.images) for path in responses if path.is_file()]


def _work(judge: str, calls: PlannedCalls, silent: frozenset[str]) -> JudgeWork:
    done = len(calls.replies)
    usage = measured_usage(reply for replies in calls.replies for reply in replies) or estimated_judging(calls)
    usd = calls.cost_usd(usage.prompt_tokens, usage.generated_tokens)
    return JudgeWork(
        judge=judge,
        payer=calls.payer,
        metric=calls.metric,
        model=calls.model,
        calls=calls.calls,
        waiting=calls.waiting | silent,
        done=done,
        usage=usage,
        usd=None if usd is None else (calls.calls - done) * usd,
        budget=calls.budget,
    )
