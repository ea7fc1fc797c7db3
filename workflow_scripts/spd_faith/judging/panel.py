"""The judge `panel`: its members label the same claims of each answer, and the strict majority decides."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from spd_faith.core.files import sha256
from spd_faith.core.schemas import ERROR_TYPES, SEVERITIES
from spd_faith.judging.claims import SEVERITY, Claim
from spd_faith.judging.judge import Judge, JudgeJob, JudgeRequest, ModelAnswers
from spd_faith.judging.judgement_rows import SUMS, sum_of_known
from spd_faith.judging.panel_members import ListedAnswers, ListedClaims, Member, Vote, list_claims
from spd_faith.judging.rules import VERSION
from spd_faith.judging.scores import count_labels, score_counts

if TYPE_CHECKING:
    from spd_faith.judging.entries import PanelJudge

MIN_ANSWERED = 2  # members; fewer are no panel
_UNDECIDED = {"drf": "unverifiable", "cr": "ambiguous"}  # label without a strict majority


@contextmanager
def opened(entry: "PanelJudge", answers: ModelAnswers, job: JudgeJob) -> Iterator["Panel"]:
    """Open all members; each keeps its replies in its own journal, beside the panel's."""
    listed = list_claims(answers)
    with ExitStack() as stack:
        members = {}
        for name in sorted(entry.members):  # in one order, or two panels could wait for each other's journals
            member = entry.members[name]
            images = job.images if member.needs_images else None
            own = replace(job, name=name, images=images, journal=job.journal and job.journal.parent / name)
            members[name] = stack.enter_context(member.open_member(answers, listed, own))
        yield Panel({name: members[name] for name in entry.members}, listed)


class Panel(Judge):
    def __init__(self, members: Mapping[str, Member], listed: ListedAnswers) -> None:
        self._members = members
        self._listed = listed

    def missing(self) -> list[JudgeRequest]:
        return [replace(one, member=name) for name, member in self._members.items() for one in member.missing()]

    def ask(self, missing: Sequence[JudgeRequest], advance: Callable[[int], Any]) -> None:
        for name, member in self._members.items():
            if of_member := [one for one in missing if one.member == name]:
                member.ask(of_member, advance)

    def rows(self) -> Iterator[dict[str, Any]]:
        for key, listed in self._listed.items():
            if listed.claims:
                yield _row(listed, [member.vote(key) for member in self._members.values()])
            else:  # nothing to label, or nothing that the rules can read
                yield dict(listed.rules_row)

    def provenance(self) -> dict[str, Any]:
        """The members, and by sample and metric the labels of each member; null if it did not answer."""
        votes: dict[str, dict[str, list[list[str] | None]]] = {}
        for (sample_id, metric), listed in self._listed.items():
            if listed.claims:
                given = [member.vote((sample_id, metric)).claims for member in self._members.values()]
                votes.setdefault(sample_id, {})[metric] = [
                    None if claims is None else [claim.error_type or claim.label for claim in claims]
                    for claims in given
                ]
        return {"members": list(self._members), "rules": VERSION, "votes": votes}


def majority(metric: str, votes: Sequence[Claim]) -> Claim:
    """One claim with the label of the strict majority of the members, `votes` being the claim as each labelled it.

    Without a strict majority it is unverifiable (drf) or ambiguous (cr). The error type is the most frequent one among
    the members that label it unfaithful; of equally frequent ones the least severe, then the first of `ERROR_TYPES`.
    """
    ((label, count),) = Counter(vote.label for vote in votes).most_common(1)
    if 2 * count <= len(votes):
        return replace(votes[0], label=_UNDECIDED[metric], error_type=None)
    error_types = Counter(vote.error_type for vote in votes if vote.error_type)
    return replace(votes[0], label=label, error_type=_decided(error_types) if label == "unfaithful" else None)


def _decided(error_types: Counter[str]) -> str:
    def rank(error_type: str) -> tuple[int, int, int]:
        leniency = SEVERITIES.index(SEVERITY[error_type])
        return error_types[error_type], leniency, -ERROR_TYPES.index(error_type)

    return max(error_types, key=rank)


def decided_claims(metric: str, votes: Sequence[Sequence[Claim] | None]) -> list[Claim] | None:
    """The claims with their labels, from the votes of all members; None if too few members answered."""
    answered = [claims for claims in votes if claims is not None]
    if len(answered) < MIN_ANSWERED:
        return None
    return [majority(metric, labelled) for labelled in zip(*answered, strict=True)]


def _row(listed: ListedClaims, votes: Sequence[Vote]) -> dict[str, Any]:
    decided = decided_claims(listed.metric, [vote.claims for vote in votes])
    claims = [] if decided is None else [*listed.verdicts, *decided]
    counts = count_labels(listed.metric, (claim.label for claim in claims))
    if decided is None:
        score, status = None, next(vote.status for vote in votes if vote.claims is None)
    else:
        score, status = score_counts(listed.metric, counts)
    return {
        "sample_id": listed.sample["sample_id"],
        "metric": listed.metric,
        "claims": [claim.as_row() for claim in claims],
        **counts,
        "n_invented": 0,
        "score": score,
        "judge_model": ", ".join(dict.fromkeys(vote.judge_model for vote in votes)),
        **_reply_columns([vote.columns for vote in votes if vote.columns]),
        "status": status,
    }


def _reply_columns(columns: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The columns about the replies of all members; null without any."""
    if not columns:
        return {}
    questions = sorted(one["question_sha"] for one in columns)
    return {
        "prompt_sha": columns[0]["prompt_sha"],
        "question_sha": sha256("\n".join(questions)),
        "cut_characters": max(one["cut_characters"] for one in columns),
        **{name: sum_of_known(one[name] for one in columns) for name in ("calls", *SUMS)},
    }
