"""What a judge at an endpoint is asked about each answer: instructions, the truth as JSON, the answer in a fence.

The fence is a mark made of the answer's own hash, so no answer can hold it, and equal answers are equal questions.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any

from spd_faith.core.errors import UserError
from spd_faith.core.files import sha256
from spd_faith.core.schemas import METRICS
from spd_faith.inference.prompts import load_prompts
from spd_faith.judging.entries import OpenAIJudge
from spd_faith.judging.silence import says_nothing
from spd_faith.parsing.answer_text import without_reasoning

PROMPT_NAMES = {metric: f"judge_{metric}" for metric in METRICS}
_ANSWERS = {"drf": ("describe",), "cr": ("same", "different")}  # the tasks whose answers are judged
_PLACES = {"drf": {"mark", "truth", "answer", "cut"}, "cr": {"mark", "same", "different", "cut"}}
_DATA = "\n----\n"  # between the instructions and what is judged

ResponseKey = tuple[str, str]  # sample_id, task


@dataclass(frozen=True)
class JudgePrompt:
    """Instructions, and the form in which the material follows them; `sha` is that of the file's text."""

    metric: str
    instructions: str
    material: Template
    sha: str


@dataclass(frozen=True)
class JudgeQuestion:
    """What is asked about one answer (drf) or two (cr).

    `answers` are the texts as they are shown, of which `cut` characters were left out; `pictures` the sha256 of the two
    pictures that are shown, None where none are.
    """

    metric: str
    instructions: str
    material: str
    prompt_sha: str
    answers: tuple[str, ...]
    cut: int
    pictures: tuple[str, str] | None


def load_judge_prompts(folder: Path) -> dict[str, JudgePrompt]:
    """The prompt of each metric, from `folder/judge_{metric}.txt`. Raises `UserError` where one lacks a part."""
    prompts = {}
    for metric, prompt in zip(METRICS, load_prompts(folder, list(PROMPT_NAMES.values())).values(), strict=True):
        instructions, _, material = prompt.text.replace("\r\n", "\n").partition(_DATA)
        template = Template(material)
        if not template.is_valid() or set(template.get_identifiers()) != _PLACES[metric]:
            places = ", ".join(f"${place}" for place in sorted(_PLACES[metric]))
            told = f"below a line ---- it must hold {places} and no other $ (write $$ for one)"
            raise UserError(f"{folder}/{prompt.task}.txt: {told}")
        prompts[metric] = JudgePrompt(metric, instructions.strip(), template, prompt.sha)
    return prompts


def judge_questions(
    entry: OpenAIJudge,
    prompts: Mapping[str, JudgePrompt],
    samples: Sequence[Mapping[str, Any]],
    answers: Mapping[ResponseKey, Mapping[str, Any]],
    shas: Mapping[str, tuple[str, str]],
) -> Iterator[tuple[str, str, JudgeQuestion | None]]:
    """(sample_id, metric, question) of each sample and metric; None where the answers say nothing.

    `samples` are rows of `SAMPLES`, `answers` rows of `RESPONSES` by key, `shas` those of the pictures by sample_id.
    CR is judged without the truth, so that it cannot leak into what was said; where no pictures are shown, the same two
    answers about other pictures are therefore the same question.
    """
    for sample in samples:
        key = sample["sample_id"]
        for metric in METRICS:
            rows = [answers[key, task] for task in _ANSWERS[metric]]
            if all(says_nothing(row["response_text"], row["finish_reason"]) for row in rows):
                yield key, metric, None
                continue
            texts = [without_reasoning(row["response_text"]) for row in rows]
            pictures = shas[key] if entry.images else None
            yield key, metric, _question(entry, prompts[metric], sample, texts, pictures)


def _question(
    entry: OpenAIJudge,
    prompt: JudgePrompt,
    sample: Mapping[str, Any],
    texts: Sequence[str],
    pictures: tuple[str, str] | None,
) -> JudgeQuestion:
    shown = tuple(_harmless(text[: entry.max_answer_characters]) for text in texts)
    lengths = [(len(text), min(len(text), entry.max_answer_characters)) for text in texts]
    parts = {"mark": _mark(shown), "cut": _cut(lengths)}
    if prompt.metric == "drf":
        parts |= {"truth": truth_json(sample), "answer": shown[0]}
    else:
        parts |= dict(zip(_ANSWERS["cr"], shown, strict=True))
    return JudgeQuestion(
        metric=prompt.metric,
        instructions=prompt.instructions,
        material=prompt.material.substitute(parts),
        prompt_sha=prompt.sha,
        answers=shown,
        cut=sum(whole - kept for whole, kept in lengths),
        pictures=pictures,
    )


def truth_json(sample: Mapping[str, Any]) -> str:
    """What is known of a pair, for a judge: its changes and, where they are known, unchanged objects."""
    changes = [
        {
            "type": row["type"],
            "category": row["category"],
            "description": row["description"],
            "box_in_first_picture": _box(row["bbox"]),
            "box_in_second_picture": _box(row["bbox_after"]),
        }
        for row in sample["differences"]
    ]
    truth: dict[str, Any] = {
        "width": sample["width"],
        "height": sample["height"],
        "changes": [{name: value for name, value in change.items() if value is not None} for change in changes],
    }
    if sample["unchanged"] is not None:
        truth["unchanged"] = [{"category": row["category"], "box": _box(row["bbox"])} for row in sample["unchanged"]]
    return json.dumps(truth, ensure_ascii=False)


def _box(box: Mapping[str, float] | None) -> list[int] | None:
    return [round(box[side]) for side in "xywh"] if box else None


def _harmless(text: str) -> str:
    """The text with marks broken that local servers would read as the turns of a chat (<|im_end|>, </s>, [INST])."""
    for mark in ("<|", "<s>", "</s>", "[INST]", "[/INST]", "<start_of_turn>", "<end_of_turn>"):
        text = text.replace(mark, f"{mark[0]} {mark[1:]}")
    return text


def _mark(texts: Sequence[str]) -> str:
    mark = sha256("\n".join(texts))[:16]
    while any(mark in text for text in texts):
        mark = sha256(mark)[:16]
    return mark


def _cut(lengths: Sequence[tuple[int, int]]) -> str:
    """What the judge is told of what it is not shown: (characters, of them shown) of each answer."""
    names = ("the answer",) if len(lengths) == 1 else ("the first answer", "the second answer")
    return "\n".join(
        f"Of {name}, {whole} characters long, only the first {kept} are shown; judge those."
        for name, (whole, kept) in zip(names, lengths, strict=True)
        if kept < whole
    )
