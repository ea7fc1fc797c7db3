"""Plans the calls of a panel's members, given existing answers and replies."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from spd_faith.core.entries import AnswerPaths, PlannedCalls
from spd_faith.core.schemas import UNANSWERED
from spd_faith.judging.answers import load_answers
from spd_faith.judging.panel_members import ListedModel, list_claims
from spd_faith.parsing.table import parse_response

if TYPE_CHECKING:
    from spd_faith.judging.entries import PanelJudge


def planned_calls(
    entry: "PanelJudge", journal: Path, prompts: Path, answers: Sequence[AnswerPaths], unanswered: Mapping[str, int]
) -> list[PlannedCalls]:
    """The calls of each member by metric. Answers are parsed here, because their tables may not exist yet."""
    listed = [_listed(paths) for paths in answers]
    return [
        calls
        for name, member in entry.members.items()
        for calls in member.planned_labels(journal.parent / name, prompts, listed, unanswered)
    ]


def _listed(paths: AnswerPaths) -> ListedModel:
    answers = load_answers(paths)
    parsed = {
        key: parse_response(key[1], row["response_text"], failed=row["failure"] in UNANSWERED)
        for key, row in answers.responses.items()
    }
    answers = replace(answers, parsed=parsed)
    return answers, list_claims(answers)
