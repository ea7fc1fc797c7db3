"""The endpoint judge: language models that quote the claims of an answer and label them, or label listed claims."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from spd_faith.core.errors import UserError
from spd_faith.core.journal import Journal
from spd_faith.judging.endpoint_judgements import EndpointJudgements
from spd_faith.judging.judge import Judge, JudgeJob, JudgeRequest, ModelAnswers
from spd_faith.judging.judge_prompts import judge_requests, label_requests, load_judge_prompts
from spd_faith.judging.judgement_rows import judgement_rows, reply_columns, why_unscored
from spd_faith.judging.panel_members import JudgementKey, ListedAnswers, Member, Vote

if TYPE_CHECKING:
    from spd_faith.judging.entries import AskedJudge

Requests = Mapping[JudgementKey, Sequence[JudgeRequest]]


class _Replies(NamedTuple):
    """The journal of a judge, open for its job alone, and the judgements from the replies in it."""

    judgements: EndpointJudgements
    job: JudgeJob
    journal: Journal


@contextmanager
def opened(entry: "AskedJudge", answers: ModelAnswers, job: JudgeJob) -> Iterator["EndpointJudge"]:
    """Open the judge of `entry` with exclusive use of its journal. Raises `UserError` if the job has no journal."""
    requests = {
        (sample_id, metric): repeats
        for sample_id, metric, repeats in judge_requests(entry, load_judge_prompts(job.prompts, entry.prompt), answers)
    }
    with _opened_replies(entry, answers.model, job) as replies:
        yield EndpointJudge(replies, requests, answers)


@contextmanager
def opened_member(
    entry: "AskedJudge", answers: ModelAnswers, listed: ListedAnswers, job: JudgeJob
) -> Iterator["EndpointMember"]:
    """The same for a member of a panel, which labels the `listed` claims of the answers."""
    requests = label_requests(entry, load_judge_prompts(job.prompts, "panel"), answers, listed)
    with _opened_replies(entry, answers.model, job) as replies:
        yield EndpointMember(replies, {key: [request] for key, request in requests.items()})


@contextmanager
def _opened_replies(entry: "AskedJudge", model: str, job: JudgeJob) -> Iterator[_Replies]:
    if job.journal is None:
        raise UserError(f"--journal is required: {job.name} stores its replies there")
    with Journal(job.journal) as journal, journal.alone(entry.lock_name(model)):
        yield _Replies(EndpointJudgements(entry, journal.read()), job, journal)


class _EndpointCaller:
    """Requests the replies that are missing."""

    def __init__(self, replies: _Replies, requests: Requests) -> None:
        self._replies = replies
        self._judgements = replies.judgements
        self._by_key = requests
        self._failures: Mapping[str, str] = {}

    def missing(self) -> list[JudgeRequest]:
        return self._judgements.missing(self._requests())

    def ask(self, missing: Sequence[JudgeRequest], advance: Callable[[int], Any]) -> None:
        from spd_faith.judging.endpoint_calls import ask  # loads the client

        judgements, job, journal = self._replies
        num_judged = sum(judgements.outcome(request).next_key is None for request in self._requests())
        with judgements.entry.open_calls(job, num_judged) as calls:
            self._failures = ask(missing, judgements, calls, journal, job.images, advance)

    def _requests(self) -> Iterator[JudgeRequest]:
        return (request for repeats in self._by_key.values() for request in repeats)


class EndpointJudge(_EndpointCaller, Judge):
    def __init__(self, replies: _Replies, requests: Requests, answers: ModelAnswers) -> None:
        super().__init__(replies, requests)
        self._answers = answers

    def rows(self) -> Iterator[dict[str, Any]]:
        return judgement_rows(self._answers, self._by_key, self._judgements, self._failures)

    def provenance(self) -> dict[str, Any]:
        return self._judgements.entry.table_provenance(self._judgements.provenances(self._requests()))


class EndpointMember(_EndpointCaller, Member):
    def vote(self, key: JudgementKey) -> Vote:
        (request,) = self._by_key[key]
        outcome = self._judgements.outcome(request)
        columns = reply_columns(request, [outcome], self._judgements)
        claims = outcome.reading.claims if outcome.reading else None
        return Vote(why_unscored(outcome, self._failures), claims, columns.pop("judge_model"), columns)
