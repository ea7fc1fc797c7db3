"""Choose the samples to probe and find their saved answers."""

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
    """An answer from the table of responses; without tokens if it failed or was generated elsewhere."""

    token_ids: list[int]
    prompt_tokens: int | None

    def check_prompt(self, tokens: int) -> None:
        """Raise `ValueError` if the prompt, of so many tokens now, had another length when it was answered."""
        if self.prompt_tokens is not None and self.prompt_tokens != tokens:
            raise ValueError(f"the prompt has {tokens} tokens now but had {self.prompt_tokens} when it was answered")


def choose_samples(samples: Iterable[Mapping[str, Any]], per_split: int, seed: int) -> list[str]:
    """Ids of up to `per_split` samples of each split, without controls.

    `samples` has sample_id, split and control. The draw depends only on split and seed, not on the order of the samples
    or the model; a larger draw includes every smaller one.
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
    """The answers about the samples, by question; `responses` has the columns of `RESPONSES` used here.

    Raises `UserError` if a sample has no response, or if an answer was given to a different prompt.
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
                f"{row['sample_id']}, {row['task']}: answered with a different prompt than the current one,"
                " so a pass would not reproduce the answer. Run inference again."
            )
        answers[key] = SavedAnswer(row["response_token_ids"] or [], row["prompt_tokens"])
    if wanted:
        first = tuple(min(wanted))
        raise UserError(f"the responses are missing {len(wanted)} questions about the samples, among them {first}")
    return answers
