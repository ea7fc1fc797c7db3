"""The endpoint judge: language models that quote the claims of an answer and label them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from spd_faith.core.errors import UserError
from spd_faith.core.journal import Journal
from spd_faith.core.schemas import JUDGED_METRICS
from spd_faith.judging.endpoint_judgements import EndpointJudgements
from spd_faith.judging.judge import Judge, JudgeJob, JudgeRequest, ModelAnswers
from spd_faith.judging.judge_prompts import judge_requests, load_judge_prompts
from spd_faith.judging.judgement_rows import judgement_rows

if TYPE_CHECKING:
    from spd_faith.judging.entries import OpenAIJudge


@contextmanager
def opened(entry: "OpenAIJudge", answers: ModelAnswers, job: JudgeJob) -> Iterator["EndpointJudge"]:
    """Open the judge of `entry` with exclusive use of its journal. Raises `UserError` if the job has no journal."""
    if job.journal is None:
        raise UserError(f"--journal is required: {job.name} stores its paid replies there")
    requests = {
        (sample_id, metric): repeats
        for sample_id, metric, repeats in judge_requests(entry, load_judge_prompts(job.prompts, entry.prompt), answers)
    }
    # only one job of a judge makes calls at a time, so equal answers of two models are paid for once
    with Journal(job.journal) as journal, journal.alone("judge"):
        yield EndpointJudge(EndpointJudgements(entry, journal.read()), answers, requests, job, journal)


class EndpointJudge(Judge):
    def __init__(
        self,
        judgements: EndpointJudgements,
        answers: ModelAnswers,
        requests: Mapping[tuple[str, str], Sequence[JudgeRequest]],
        job: JudgeJob,
        journal: Journal,
    ) -> None:
        self._judgements = judgements
        self._answers = answers
        self._by_key = requests
        self._job = job
        self._journal = journal
        self._failures: Mapping[str, str] = {}

    def missing(self) -> list[JudgeRequest]:
        return self._judgements.missing(self._requests())

    def ask(self, missing: Sequence[JudgeRequest], advance: Callable[[int], Any]) -> None:
        from spd_faith.judging.endpoint_calls import ask, opened_endpoint  # loads the client

        job = self._job
        assert job.journal
        num_judged = sum(self._judgements.outcome(request).next_key is None for request in self._requests())
        with opened_endpoint(self._judgements.entry, job.journal / "charges", job.slots, num_judged) as endpoint:
            self._failures = ask(missing, self._judgements, endpoint, self._journal, job.images, advance)

    def rows(self) -> Iterator[dict[str, Any]]:
        return judgement_rows(self._answers, self._by_key, self._judgements, self._failures)

    def provenance(self) -> dict[str, Any]:
        models = {metric: self._judgements.model(metric).model for metric in JUDGED_METRICS}
        return {"endpoint": self._judgements.entry.base_url, "models": models}

    def _requests(self) -> Iterator[JudgeRequest]:
        return (request for repeats in self._by_key.values() for request in repeats)
