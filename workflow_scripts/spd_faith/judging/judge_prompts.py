"""Builds the requests to an endpoint judge: instructions, the truth as JSON, the answer in a fence.

The fence contains a hash of the answer, so an answer cannot contain it, and equal answers make equal requests.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

from spd_faith.core.errors import UserError
from spd_faith.core.files import sha256
from spd_faith.core.schemas import JUDGED_METRICS, TASKS_OF
from spd_faith.inference.prompts import load_prompts
from spd_faith.judging.claims import Claim
from spd_faith.judging.judge import JudgeRequest, ModelAnswers, Row
from spd_faith.judging.prompt_files import prompt_name
from spd_faith.judging.silence import says_nothing
from spd_faith.parsing.answer_text import without_reasoning

if TYPE_CHECKING:
    from spd_faith.judging.entries import AskedJudge
    from spd_faith.judging.panel_members import ListedAnswers

_PLACES = {"drf": {"mark", "truth", "answer", "cut"}, "cr": {"mark", "same", "different", "cut"}}
_PLACES_OF_STYLE = {"panel": {"claims"}}  # further places, of the prompts in a style
_DATA = "\n----\n"  # between the instructions and the material to judge


@dataclass(frozen=True)
class JudgePrompt:
    """Instructions, and the template of the material after them; `sha` is the hash of the file's text."""

    metric: str
    instructions: str
    material: Template
    sha: str


def load_judge_prompts(folder: Path, style: str = "full") -> dict[str, JudgePrompt]:
    """Load the prompt of each metric in a style (`prompt_files`). Raises `UserError` if a part is missing."""
    prompts = {}
    names = [prompt_name(style, metric) for metric in JUDGED_METRICS]
    for metric, prompt in zip(JUDGED_METRICS, load_prompts(folder, names).values(), strict=True):
        instructions, _, material = prompt.text.replace("\r\n", "\n").partition(_DATA)
        template = Template(material)
        wanted = _PLACES[metric] | _PLACES_OF_STYLE.get(style, set())
        if not template.is_valid() or set(template.get_identifiers()) != wanted:
            places = ", ".join(f"${place}" for place in sorted(wanted))
            rule = f"the text below the line ---- must contain {places} and no other $ (write $$ for a literal $)"
            raise UserError(f"{folder}/{prompt.task}.txt: {rule}")
        prompts[metric] = JudgePrompt(metric, instructions.strip(), template, prompt.sha)
    return prompts


def judge_requests(
    entry: "AskedJudge", prompts: Mapping[str, JudgePrompt], answers: ModelAnswers
) -> Iterator[tuple[str, str, tuple[JudgeRequest, ...]]]:
    """(sample_id, metric, requests) of each sample and metric: one request per repeat, none for empty answers.
    CR is judged without the truth, so the truth cannot influence what was said. Without images, the same two answers
    about another pair are therefore the same request.
    """
    for sample in answers.samples:
        key = sample["sample_id"]
        for metric in JUDGED_METRICS:
            if say_nothing(answers, key, metric):
                yield key, metric, ()
                continue
            first = _judge_request(entry, prompts[metric], answers, sample)
            yield key, metric, tuple(replace(first, repeat=repeat) for repeat in range(entry.repeats))


def label_requests(
    entry: "AskedJudge", prompts: Mapping[str, JudgePrompt], answers: ModelAnswers, listed: "ListedAnswers"
) -> dict[tuple[str, str], JudgeRequest]:
    """The request for labels of the listed claims, by sample_id and metric, of those with any claims."""
    return {
        key: _judge_request(entry, prompts[one.metric], answers, one.sample, one.claims)
        for key, one in listed.items()
        if one.claims
    }


def say_nothing(answers: ModelAnswers, sample_id: str, metric: str) -> bool:
    """Whether the answers that are judged for a metric have nothing to label, so that no judge is asked."""
    if (sample_id, metric) in answers.unjudged:
        return True
    return all(says_nothing(answers.responses[sample_id, task]["response_text"]) for task in TASKS_OF[metric])


def _judge_request(
    entry: "AskedJudge",
    prompt: JudgePrompt,
    answers: ModelAnswers,
    sample: Row,
    claims: tuple[Claim, ...] | None = None,
) -> JudgeRequest:
    """The request about a sample's answers; `claims` are the ones to label, None if the judge lists them."""
    key = sample["sample_id"]
    texts = [without_reasoning(answers.responses[key, task]["response_text"]) for task in TASKS_OF[prompt.metric]]
    shown = tuple(_harmless(text[: entry.max_answer_characters]) for text in texts)
    lengths = [(len(text), min(len(text), entry.max_answer_characters)) for text in texts]
    listed = None if claims is None else _harmless(_claims_json(claims))
    parts = {"mark": _mark([*shown, listed] if listed else shown), "cut": _cut(lengths)}
    if listed:
        parts["claims"] = listed
    if prompt.metric == "drf":
        parts |= {"truth": truth_json(sample), "answer": shown[0]}
    else:
        parts |= dict(zip(TASKS_OF["cr"], shown, strict=True))
    return JudgeRequest(
        metric=prompt.metric,
        instructions=prompt.instructions,
        material=prompt.material.substitute(parts),
        prompt_sha=prompt.sha,
        answers=shown,
        cut=sum(whole - kept for whole, kept in lengths),
        image_shas=answers.image_shas[key] if entry.images else None,
        claims=claims,
    )


def _claims_json(claims: Sequence[Claim]) -> str:
    """The numbered claims, one a line; one without counterpart quotes only one of two answers."""
    lines = []
    for number, claim in enumerate(claims, start=1):
        other = {} if claim.other_text is None else {"other_answer": claim.other_text}
        lines.append(json.dumps({"number": number, "claim": claim.text} | other, ensure_ascii=False))
    return "\n".join(lines)


def truth_json(sample: Row) -> str:
    """The truth of a pair for a judge: its changes and, if known, its unchanged objects."""
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
    """The text with chat markers broken that local servers would interpret (<|im_end|>, </s>, [INST])."""
    for mark in ("<|", "<s>", "</s>", "[INST]", "[/INST]", "<start_of_turn>", "<end_of_turn>"):
        text = text.replace(mark, f"{mark[0]} {mark[1:]}")
    return text


def _mark(texts: Sequence[str]) -> str:
    mark = sha256("\n".join(texts))[:16]
    while any(mark in text for text in texts):
        mark = sha256(mark)[:16]
    return mark


def _cut(lengths: Sequence[tuple[int, int]]) -> str:
    """The note about cut answers, given (characters, characters shown) of each answer."""
    names = ("the answer",) if len(lengths) == 1 else ("the first answer", "the second answer")
    return "\n".join(
        f"Of {name}, {whole} characters long, only the first {kept} are shown; judge those."
        for name, (whole, kept) in zip(names, lengths, strict=True)
        if kept < whole
    )
