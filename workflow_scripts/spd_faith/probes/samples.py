"""Which samples are probed, and their saved answers."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from spd_faith.core.controls import is_control
from spd_faith.core.errors import UserError
from spd_faith.core.files import sha256
from spd_faith.core.schemas import TASKS
from spd_faith.inference.prompts import Prompt
from spd_faith.inference.questions import QuestionId


@dataclass(frozen=True)
class SavedAnswer:
    """An answer of the table of responses; no tokens where it failed or was made elsewhere."""

    token_ids: list[int]
    prompt_tokens: int | None


def choose_samples(samples: Iterable[Mapping[str, Any]], per_split: int, seed: int) -> list[str]:
    """Ids of up to `per_split` samples of each split that are no controls, drawn by split and seed alone.

    `samples` has sample_id, split and control. Neither their order nor any model matters, and more of them hold those
    of fewer.
    """
    by_split: dict[str, list[str]] = {}
    for sample in samples:
        if not is_control(sample):
            by_split.setdefault(sample["split"], []).append(sample["sample_id"])
    drawn = []
    for ids in by_split.values():
        drawn += sorted(ids, key=lambda sample_id: sha256(f"{seed} {sample_id}"))[:per_split]
    return sorted(drawn)


def saved_answers(
    responses: Iterable[Mapping[str, Any]], sample_ids: Collection[str], prompts: Mapping[str, Prompt]
) -> dict[QuestionId, SavedAnswer]:
    """The answers about the samples, by question; `responses` has the columns of `RESPONSES` that are read here.

    Raises `UserError` where a sample has no response, or an answer was given to another prompt than the task's.
    """
    wanted = {QuestionId(sample_id, task) for sample_id in sample_ids for task in TASKS}
    answers: dict[QuestionId, SavedAnswer] = {}
    for row in responses:
        key = QuestionId(row["sample_id"], row["task"])
        if key not in wanted:
            continue
        wanted.remove(key)
        sha = prompts[row["task"]].sha
        if row["response_token_ids"] and row["prompt_sha"] != sha:
            raise UserError(
                f"{row['sample_id']}, {row['task']}: answered to another prompt than the one in the folder of prompts,"
                " so a pass over this one would not be the pass that made it. Run inference again."
            )
        answers[key] = SavedAnswer(row["response_token_ids"] or [], row["prompt_tokens"])
    if wanted:
        first = tuple(min(wanted))
        raise UserError(f"the responses lack {len(wanted)} questions about the samples, among them {first}")
    return answers
