"""How long answers get and what they take, where the journal cannot tell: rough formulas, their inputs visible.

Every figure is an estimate. Where a model has answered some questions already, the means of those answers stand in.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from spd_faith.core.entries import ModelEntry, PlannedCalls
from spd_faith.core.estimates import PIXELS_PER_TOKEN, PUBLISHED_PIXELS, STEP_SECONDS

CHARACTERS_PER_TOKEN = 4
ANSWER_TOKENS = {"describe": 300, "same": 60, "different": 60}
REASONING_TOKENS = 2000  # before an answer, of an entry that leaves room for them:
ROOM_FOR_REASONING = 8192  # its max_new_tokens from here on
TRUTH_TOKENS = 150  # of a pair, as a judge is given it
JUDGED_TOKENS = {"drf": 300, "cr": 150}  # of a judge's reply: about five claims, or two to three


@dataclass(frozen=True)
class Usage:
    """Mean tokens and seconds of one answer; `answers` is the number it was measured on, 0 for a formula."""

    prompt_tokens: float
    generated_tokens: float
    seconds: float
    answers: int


@dataclass(frozen=True, kw_only=True)
class Work(ABC):
    """A part of a run, done to some extent; `usd` is None where the prices are unknown."""

    done: int
    usage: Usage
    usd: float | None

    @property
    @abstractmethod
    def left(self) -> int:
        """Questions that will be asked."""

    @property
    def prompt_tokens(self) -> float:
        """Of the questions left."""
        return self.left * self.usage.prompt_tokens

    @property
    def generated_tokens(self) -> float:
        """Of the answers left."""
        return self.left * self.usage.generated_tokens


def measured_usage(contents: Iterable[Mapping[str, Any]]) -> Usage | None:
    """The means over journalled answers; None where there are none that count their tokens."""
    rows = [row for row in contents if row["prompt_tokens"] is not None and row["generated_tokens"] is not None]
    if not rows:
        return None
    prompt, generated, seconds = (
        sum(row[name] for row in rows) / len(rows) for name in ("prompt_tokens", "generated_tokens", "seconds")
    )
    return Usage(prompt, generated, seconds, len(rows))


def estimated_usage(entry: ModelEntry, prompt_characters: Mapping[str, int], pixels: int = PUBLISHED_PIXELS) -> Usage:
    """Means over one question of each task, by the formulas of `how_estimated`; no seconds for endpoints.

    `prompt_characters` has the length of each task's prompt; `pixels` are those of one image before it is reduced.
    """
    limit = entry.max_answer_tokens()
    prompt = (
        2 * entry.estimated_image_tokens(pixels)
        + sum(prompt_characters.values()) / len(prompt_characters) / CHARACTERS_PER_TOKEN
    )
    reasoning = REASONING_TOKENS if limit >= ROOM_FOR_REASONING else 0
    answers = [min(reasoning + ANSWER_TOKENS[task], limit) for task in prompt_characters]
    generated = sum(answers) / len(answers)
    # the answers about a pair are generated side by side
    return Usage(prompt, generated, entry.answer_seconds(max(answers) / len(answers)), answers=0)


def estimated_judging(calls: PlannedCalls) -> Usage:
    """Means over the calls, by the formulas of `how_judging_is_estimated`."""
    prompt = calls.prompt_characters / CHARACTERS_PER_TOKEN + calls.image_tokens
    if calls.metric == "cr":
        prompt += ANSWER_TOKENS["same"] + ANSWER_TOKENS["different"]
    else:
        prompt += ANSWER_TOKENS["describe"] + TRUTH_TOKENS
    return Usage(prompt, min(JUDGED_TOKENS[calls.metric], calls.max_reply_tokens), seconds=0.0, answers=0)


def how_judging_is_estimated() -> str:
    """The formulas of judging with their inputs, for a person."""
    describe, yes_no = ANSWER_TOKENS["describe"], ANSWER_TOKENS["same"]
    return (
        f"Judge calls, where none are measured: prompt tokens of DRF = characters / {CHARACTERS_PER_TOKEN} + "
        f"{describe} of answer + {TRUTH_TOKENS} of truth, of CR = characters / {CHARACTERS_PER_TOKEN} + 2 × {yes_no}, "
        f"and 2 images × pixels shown / {PIXELS_PER_TOKEN}, or × their image_tokens, where they are shown; "
        f"replies of {JUDGED_TOKENS['drf']} and {JUDGED_TOKENS['cr']} tokens. A model that has not answered yet counts "
        "a call per pair, metric and repetition; answers that say nothing, and equal ones, count none."
    )


def how_estimated() -> str:
    """The formulas with their inputs, for a person."""
    describe, yes_no = ANSWER_TOKENS["describe"], ANSWER_TOKENS["same"]
    return (
        f"Estimates, where no answers are measured: prompt tokens = 2 pictures × pixels shown / {PIXELS_PER_TOKEN} "
        "(or × their image_tokens) + "
        f"characters / {CHARACTERS_PER_TOKEN}; answers of {describe} tokens to describe and {yes_no} to the others, "
        f"after {REASONING_TOKENS} of reasoning where max_new_tokens is {ROOM_FOR_REASONING} or more; "
        f"seconds = tokens of a pair's longest answer / its questions × {STEP_SECONDS} × GPUs / batch; "
        "GPU hours = seconds × GPUs / 3600; "
        "US$ = tokens / 10⁶ × prices."
    )


def gpu_hours(usage: Usage, answers: int, gpus: int) -> float:
    """GPUs held × hours: answers × seconds each, without the loading of the model."""
    return answers * usage.seconds * gpus / 3600
