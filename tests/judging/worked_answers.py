"""Loads worked examples: the YAML files in this folder and the tables in docs/judging_rules.md."""

import json
import re
from pathlib import Path
from typing import Any

import yaml

from spd_faith.judging.claims import Claim

HERE = Path(__file__).parent
SIZE = 400  # pixels, width and height of the images
_CENTRES = {"left": 0.15, "right": 0.85, "top": 0.15, "bottom": 0.85}
_LABELS = {"F": "faithful", "?": "unverifiable", "C": "consistent", "X": "contradictory", "A": "ambiguous"}


def load(name: str) -> Any:
    return yaml.safe_load((HERE / name).read_text(encoding="utf-8"))


def box(place: str) -> dict[str, float]:
    x, y = 0.5, 0.5
    for word in place.split():
        x, y = (_CENTRES[word], y) if word in ("left", "right") else (x, _CENTRES[word])
    return {"x": x * SIZE - 20, "y": y * SIZE - 20, "w": 40.0, "h": 40.0}


def sample(
    differences: list[str], unchanged: list[str] = (), color: str = "", description: str | None = ""
) -> dict[str, Any]:
    """A row of `SAMPLES` from "car color red>blue", "cup position left>top right", "clock remove", "chair remove left".

    `description`: the first difference's, for all of them; None for none; by default each has its own.
    """
    rows = []
    for text in differences:
        category, kind, values = re.fullmatch(r"(.+?) (color|remove|position)\b ?(.*)", text).groups()
        before, _, after = values.partition(">")
        boxed = kind != "color" and before
        sentence = {
            "color": f"the color of the {category} changed" + (f" from {before} to {after}" if before else ""),
            "remove": f"the {category} was removed",
            "position": f"the {color} {category} moved from the {before} to the {after}",
        }[kind]
        rows.append(
            {
                "type": kind,
                "category": category,
                "description": sentence if description == "" else None,
                "bbox": box(before) if boxed else None,
                "bbox_after": box(after) if boxed and after else None,
            }
        )
    if description and rows:
        rows[0]["description"] = description
    still = [entry.split(" ", 1) for entry in unchanged]
    return {
        "width": SIZE,
        "height": SIZE,
        "differences": rows,
        "unchanged": [{"category": category, "bbox": box(place)} for category, place in still] or None,
    }


TRUTHS = {name: sample(**truth) for name, truth in load("truths.yaml").items()}


def parsed(answer: str) -> dict[str, Any]:
    """The parsed JSON of an answer, limited to the fields that judging uses."""
    found = re.search(r"[\[{].*[\]}]", answer, re.DOTALL)
    value = json.loads(found[0]) if found else {"structured_output": [], "predicted_num": None}
    if isinstance(value, list):
        value = {"structured_output": value, "predicted_num": None}
    kinds = {"removed": "remove", "moved": "position"}
    entries = [
        {
            "type": kinds.get(entry["type"], entry["type"]),
            "category": entry["category"] and entry["category"].lower(),
            "raw_type": entry["type"],
            "raw_category": entry["category"],
        }
        for entry in value["structured_output"]
    ]
    return {"has_structured_output": bool(found), "differences": entries, "predicted_num": value["predicted_num"]}


def labelled(claims: list[Claim]) -> list[str]:
    """Labels as in the YAML files: an unfaithful claim has its error type instead."""
    short = {label: letter for letter, label in _LABELS.items()}
    return [claim.error_type or short[claim.label] for claim in claims]


def split(worked: list[str]) -> tuple[list[str], list[str]]:
    """Labels and words of claims in the form "label: words"."""
    pairs = [entry.split(":", 1) for entry in worked]
    return [label for label, _ in pairs], [words.strip() for _, words in pairs]
