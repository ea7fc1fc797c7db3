"""The answers of said_answers.yaml, with the letters that a reader marked in them."""

from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from judging.worked_answers import TRUTHS
from tiny_models import byte_tokenizer

from spd_faith.judging.validation_set import load_validation_set
from spd_faith.probes.patching.said import said

ROOT = Path(__file__).parents[2]
MARKED: list[dict[str, Any]] = yaml.safe_load(Path(__file__).with_name("said_answers.yaml").read_text("utf-8"))


@cache
def _by_id() -> dict[str, Any]:
    sets = (ROOT / "resources" / "judge_validation").glob("photographs_*.yaml")
    return {item.id: item for path in sets for item in load_validation_set(path)}


def name(marked: dict[str, Any]) -> str:
    return marked.get("id") or marked["truth"]


def answer_and_sample(marked: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    if "id" not in marked:
        return marked["answer"], TRUTHS[marked["truth"]]
    item = _by_id()[marked["id"]]
    return item.answer, item.truth.model_dump()


def letters(answer: str, words: str | list[str] | None, begin: int = 0) -> set[int]:
    """The places of the letters and digits of words of an answer."""
    found = set()
    for piece in [words] if isinstance(words, str) else words or []:
        begin = answer.index(piece, begin)
        found |= {begin + k for k, letter in enumerate(piece) if letter.isalnum()}
    return found


def parts(marked: dict[str, Any]) -> dict[str, tuple[set[int], set[int]]]:
    """(letters that a reader marked, letters found) of each part that is marked."""
    answer, sample = answer_and_sample(marked)
    tokenizer = byte_tokenizer()
    tokens = tokenizer(answer, add_special_tokens=False)["input_ids"]
    byte_letters = [place for place, letter in enumerate(answer) for _ in letter.encode()]
    found = [
        {part: {byte_letters[k] for k in of_part} & letters(answer, answer) for part, of_part in asdict(one).items()}
        for one in said(tokenizer, tokens, sample)
    ]
    begin = answer.index(marked["after"]) if "after" in marked else 0
    both = {}
    for number, claim in enumerate(marked["claims"]):
        both[f"claim {number}"] = letters(answer, claim, begin), found[number]["claim"]
    for number, entry in enumerate(marked.get("json", [])):
        both[f"json {number}"] = letters(answer, entry, begin), found[number]["json_copy"]
    both["count"] = letters(answer, marked["count"], begin), found[0]["count"]
    if "verdict" in marked:
        both["verdict"] = letters(answer, marked["verdict"], begin), found[0]["verdict"]
    if "others" in marked:
        both["others"] = letters(answer, marked["others"], begin), found[0]["other_claims"]
    return both
