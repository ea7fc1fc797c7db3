"""Estimates tokens, time and cost of answers with rough formulas.

If a model has already answered some questions, the means over those answers replace the formulas.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from spd_faith.core.entries import Budget, ModelEntry, PlannedCalls
from spd_faith.core.estimates import PIXELS_PER_TOKEN, PUBLISHED_PIXELS, STEP_SECONDS

CHARACTERS_PER_TOKEN = 4
ANSWER_TOKENS = {"describe": 300, "same": 60, "different": 60}
REASONING_TOKENS = 2000  # before an answer, if max_new_tokens is at least:
ROOM_FOR_REASONING = 8192
TRUTH_TOKENS = 150  # of a pair's truth in a judge prompt
JUDGED_TOKENS = {"drf": 300, "cr": 150}  # of a judge's reply: about five claims, or two to three


@dataclass(frozen=True)
class Usage:
    """Mean tokens and seconds per answer; `answers` is the number of measured answers, 0 for a formula."""

    prompt_tokens: float
    generated_tokens: float
    seconds: float
    answers: int


@dataclass(frozen=True, kw_only=True)
class Work(ABC):
    """A part of a run, possibly partly done; `usd` is None if the prices are unknown."""

    done: int
    usage: Usage
    usd: float | None
    budget: Budget | None

    @property
    @abstractmethod
    def left(self) -> int:
        """Remaining questions."""

    @property
    def prompt_tokens(self) -> float:
        """Prompt tokens of the remaining questions."""
        return self.left * self.usage.prompt_tokens

    @property
    def generated_tokens(self) -> float:
        """Generated tokens of the remaining answers."""
        return self.left * self.usage.generated_tokens


def measured_usage(contents: Iterable[Mapping[str, Any]]) -> Usage | None:
    """The means over journalled answers; None if no answer has token counts."""
    rows = [row for row in contents if row["prompt_tokens"] is not None and row["generated_tokens"] is not None]
    if not rows:
        return None
    prompt, generated, seconds = (
        sum(row[name] for row in rows) / len(rows) for name in ("prompt_tokens", "generated_tokens", "seconds")
    )
    return Usage(prompt, generated, seconds, len(rows))


def estimated_usage(entry: ModelEntry, prompt_characters: Mapping[str, int], pixels: int = PUBLISHED_PIXELS) -> Usage:
    """Means over one question per task by the formulas of `how_estimated`; no seconds for endpoints.

    `prompt_characters` has the prompt length of each task; `pixels` is the size of one image before downscaling.
    """
    limit = entry.max_answer_tokens()
    prompt = (
        2 * entry.estimated_image_tokens(pixels)
        + sum(prompt_characters.values()) / len(prompt_characters) / CHARACTERS_PER_TOKEN
    )
    reasoning = REASONING_TOKENS if limit >= ROOM_FOR_REASONING else 0
    answers = [min(reasoning + ANSWER_TOKENS[task], limit) for task in prompt_characters]
    generated = sum(answers) / len(answers)
    return Usage(prompt, generated, entry.answer_seconds(answers), answers=0)


def estimated_judging(calls: PlannedCalls) -> Usage:
    """Means over the calls, by the formulas of `how_judging_is_estimated`."""
    prompt = calls.prompt_characters / CHARACTERS_PER_TOKEN + calls.image_tokens
    if calls.metric == "cr":
        prompt += ANSWER_TOKENS["same"] + ANSWER_TOKENS["different"]
    else:
        prompt += ANSWER_TOKENS["describe"] + TRUTH_TOKENS
    return Usage(prompt, min(JUDGED_TOKENS[calls.metric], calls.max_reply_tokens), seconds=0.0, answers=0)


def how_judging_is_estimated() -> str:
    """The formulas for judge calls and their inputs, as a readable text."""
    describe, yes_no = ANSWER_TOKENS["describe"], ANSWER_TOKENS["same"]
    return (
        f"Judge calls, if none are measured: DRF prompt tokens = characters / {CHARACTERS_PER_TOKEN} + "
        f"{describe} (answer) + {TRUTH_TOKENS} (truth), CR prompt tokens = characters / {CHARACTERS_PER_TOKEN} + "
        f"2 × {yes_no}; if images are sent, plus 2 images × pixels sent / {PIXELS_PER_TOKEN} (or × image_tokens); "
        f"replies of {JUDGED_TOKENS['drf']} and {JUDGED_TOKENS['cr']} tokens. A model without answers yet needs one "
        "call per pair, metric and repetition; empty and duplicate answers need none."
    )


def how_estimated() -> str:
    """The formulas for answers and their inputs, as a readable text."""
    describe, yes_no = ANSWER_TOKENS["describe"], ANSWER_TOKENS["same"]
    return (
        f"Answers, if none are measured: prompt tokens = 2 images × pixels sent / {PIXELS_PER_TOKEN} "
        "(or × image_tokens) + "
        f"characters / {CHARACTERS_PER_TOKEN}; {describe} answer tokens for describe and {yes_no} for the other tasks, "
        f"plus {REASONING_TOKENS} reasoning tokens if max_new_tokens is {ROOM_FOR_REASONING} or more; "
        f"seconds = tokens of a pair's longest answer / its questions × {STEP_SECONDS} × GPUs / batch size; "
        "GPU hours = seconds × GPUs / 3600; "
        "US$ = tokens / 10⁶ × prices."
    )


def gpu_hours(usage: Usage, answers: int, gpus: int) -> float:
    """GPU hours for the answers, without loading the model."""
    return answers * usage.seconds * gpus / 3600
