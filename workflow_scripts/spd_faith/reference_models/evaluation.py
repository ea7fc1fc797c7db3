"""Evaluate a trained reference model on scenes that are neither in its training nor in the demo."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Literal

from PIL import Image

from spd_faith.dataset.demo import demo_pairs, encode_png
from spd_faith.dataset.encoded_images import decode
from spd_faith.dataset.entries import DemoDataset, DemoSplit
from spd_faith.dataset.scenes import Background, SceneObject, ScenePair, render, sample_pair
from spd_faith.inference.checkpoint import load_checkpoint
from spd_faith.inference.entries import TransformersModel
from spd_faith.inference.generator import Generator
from spd_faith.inference.prompts import Prompt
from spd_faith.inference.transformers_answerer import TransformersAnswerer
from spd_faith.reference_models.answers import answer_text

HELD_OUT_SEED = 5005
_SPLITS = {
    "easy": DemoSplit(pairs=1, objects=[3, 4], differences=[1, 1]),
    "medium": DemoSplit(pairs=1, objects=[5, 7], differences=[1, 1]),
    "hard": DemoSplit(pairs=1, objects=[10, 12], differences=[1, 1]),
    "multi_diff": DemoSplit(pairs=1, objects=[6, 9], differences=[2, 5]),
}
IDENTICAL = "identical"
_IDENTICAL_OBJECTS = (3, 9)
_BATCH = 16
_MAX_NEW_TOKENS = 128

Difference = tuple[str, str]  # type, category


@dataclass(frozen=True)
class Answers:
    """A model's answers about one pair, by task."""

    pair: ScenePair
    texts: Mapping[str, str]


def held_out_pairs(pairs_per_split: int, seed: int = HELD_OUT_SEED) -> dict[str, list[ScenePair]]:
    """Pairs like those of the demo's splits, and pairs without a difference."""
    splits = {name: split.model_copy(update={"pairs": pairs_per_split}) for name, split in _SPLITS.items()}
    pairs: dict[str, list[ScenePair]] = {name: [] for name in (*splits, IDENTICAL)}
    for pair in demo_pairs(DemoDataset(source="demo", seed=seed, splits=splits)):
        pairs[pair.split].append(pair.scenes)
    for row in range(pairs_per_split):
        pairs[IDENTICAL].append(sample_pair(Random(f"{seed}/{IDENTICAL}/{row}"), _IDENTICAL_OBJECTS, (0, 0)))
    return pairs


def evaluate(
    model: Path,
    prompts: Mapping[str, Prompt],
    pairs_per_split: int,
    image_layout: Literal["pair", "merged"] = "pair",
    report: Callable[[str], None] = print,
) -> dict[str, dict[str, float]]:
    """Scores by split, for a checkpoint loaded with the Auto classes and given PNG images."""
    generator = load(model, image_layout)
    scores = {}
    for split, pairs in held_out_pairs(pairs_per_split).items():
        scores[split] = split_scores(ask(generator, prompts, pairs))
        report(f"{model.name}, {split}: " + ", ".join(f"{name} {value:g}" for name, value in scores[split].items()))
    return scores


def load(model: Path, image_layout: Literal["pair", "merged"] = "pair") -> Generator:
    """The generator for the checkpoint in a folder, on the CPU."""
    entry = TransformersModel(
        backend="transformers",
        model=str(model),
        dtype="float32",
        max_new_tokens=_MAX_NEW_TOKENS,
        image_layout=image_layout,
    )
    return TransformersAnswerer(load_checkpoint(entry, device="cpu")).generator


def ask(generator: Generator, prompts: Mapping[str, Prompt], pairs: Sequence[ScenePair]) -> list[Answers]:
    """The answers to every prompt about every pair."""
    answers = []
    for start in range(0, len(pairs), _BATCH):
        batch = pairs[start : start + _BATCH]
        shown = [
            (_as_published(pair.background, pair.original), _as_published(pair.background, pair.modified))
            for pair in batch
        ]
        texts = {
            task: [one.text for one in generator.generate([(prompt.text, *images) for images in shown])]
            for task, prompt in prompts.items()
        }
        answers += [Answers(pair, {task: texts[task][index] for task in texts}) for index, pair in enumerate(batch)]
    return answers


def split_scores(answers: Sequence[Answers]) -> dict[str, float]:
    """Means over the pairs; F1 from summed counts. An answer without the requested JSON lists nothing."""
    truths = [[(one.type, one.category) for one in answer.pair.differences] for answer in answers]
    listed = [listed_differences(answer.texts["describe"]) for answer in answers]
    found = [differences or [] for differences in listed]
    verdicts = [
        answer.texts[task].split(",")[0] == answer_text(task, answer.pair.differences).split(",")[0]
        for answer in answers
        for task in ("same", "different")
    ]
    exact = [Counter(one) == Counter(truth) for one, truth in zip(found, truths, strict=True)]
    scores = {
        "pairs": len(answers),
        "json": _fraction(differences is not None for differences in listed),
        "exact": _fraction(exact),
        "verdicts": _fraction(verdicts),
    }
    if any(truths):
        scores["type_f1"] = _f1(
            [[kind for kind, _ in one] for one in found], [[kind for kind, _ in one] for one in truths]
        )
        scores["category_f1"] = _f1(
            [[name for _, name in one] for one in found], [[name for _, name in one] for one in truths]
        )
    return {name: round(score, 4) for name, score in scores.items()}


def listed_differences(text: str) -> list[Difference] | None:
    """The JSON's (type, category) pairs, or None if the answer does not end with the requested JSON."""
    try:
        listed = json.loads(text[text.index("{") :])["structured_output"]
        return [(one["type"], one["category"]) for one in listed]
    except (ValueError, KeyError, TypeError):
        return None


def _as_published(background: Background, objects: Sequence[SceneObject]) -> Image.Image:
    return decode(encode_png(render(background, objects)))


def _fraction(true: Iterable[bool]) -> float:
    true = list(true)
    return sum(true) / len(true)


def _f1(found: Sequence[Sequence[str]], truths: Sequence[Sequence[str]]) -> float:
    matched = sum((Counter(one) & Counter(truth)).total() for one, truth in zip(found, truths, strict=True))
    total = sum(map(len, found)) + sum(map(len, truths))
    return 2 * matched / total
