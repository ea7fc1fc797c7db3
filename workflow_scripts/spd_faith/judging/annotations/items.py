"""What people label: the answers of all models to the drawn pairs, under ids that do not reveal the model."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from spd_faith.core.entries import Strict
from spd_faith.core.errors import UserError
from spd_faith.core.files import sha256
from spd_faith.core.schemas import JUDGED_METRICS, TASKS_OF
from spd_faith.judging.agreement import answers_by_judgement
from spd_faith.judging.annotations.draw import DrawnPair
from spd_faith.judging.labels import answer_sha
from spd_faith.judging.unanswered import status_without

WARNING = "This file says which model wrote which answer. Do not show it to the people who label."
_ONE_WORD = re.compile(r"[\W_]*[A-Za-z]*[\W_]*")


@dataclass(frozen=True)
class ModelAnswer:
    """One model's judged texts about a pair, in the order of `TASKS_OF`.

    `failure` is `no_answer` or `not_asked` if one of the questions was never answered.
    """

    model: str
    sample_id: str
    metric: str
    texts: tuple[str, ...]
    failure: str | None = None

    @property
    def needs_labels(self) -> bool:
        """Whether there may be claims: not in a missing or empty answer, and for `cr` not in one word per answer."""
        if self.failure:
            return False
        if self.metric == "drf":
            return bool(self.texts[0].strip())
        return not all(map(_ONE_WORD.fullmatch, self.texts))


@dataclass(frozen=True)
class AnnotationItem:
    """Texts about a pair that are labelled once, for all models that answered with them."""

    id: str
    sample_id: str
    metric: str
    texts: tuple[str, ...]
    models: tuple[str, ...]


class KeyedPair(Strict):
    split: str
    probability: Annotated[float, Field(gt=0, le=1)]


class KeyedItem(Strict):
    sample_id: str
    metric: str
    models: list[str]
    answer_sha: str


class Key(Strict):
    """The content of `key.json`: what the page conceals."""

    warning: str
    draw: str
    """Identifies the items; stands in every file of annotations."""
    seed: int
    models: list[str]
    pairs: dict[str, KeyedPair]
    items: dict[str, KeyedItem]


def model_answers(model: str, responses: pa.Table, sample_ids: Sequence[str]) -> list[ModelAnswer]:
    """A model's answers to these pairs; `responses` has the columns of `RESPONSES`.

    Raises `UserError` unless there is one response per pair and task.
    """
    of_pairs = responses.filter(pc.is_in(responses["sample_id"], pa.array(sample_ids, pa.string())))
    texts = answers_by_judgement(of_pairs)
    if missing := [sample_id for sample_id in sample_ids if (sample_id, "drf") not in texts]:
        raise UserError(f"{model}: no responses to {len(missing)} of the drawn pairs, such as {missing[0]}")
    rows = of_pairs.select(["sample_id", "task", "failure"]).to_pylist()
    failures = {(row["sample_id"], row["task"]): row["failure"] for row in rows}
    return [
        ModelAnswer(
            model,
            sample_id,
            metric,
            tuple(texts[sample_id, metric]),
            status_without(failures[sample_id, task] for task in TASKS_OF[metric]),
        )
        for sample_id in sample_ids
        for metric in JUDGED_METRICS
    ]


def make_items(pairs: Sequence[DrawnPair], answers: Iterable[ModelAnswer], seed: int) -> list[AnnotationItem]:
    """The items in the order of `pairs`: first the reasoning, then the consistency, shuffled within each."""
    models: dict[tuple[str, str], dict[tuple[str, ...], list[str]]] = defaultdict(lambda: defaultdict(list))
    for answer in answers:
        if answer.needs_labels:
            models[answer.sample_id, answer.metric][answer.texts].append(answer.model)
    generator = np.random.default_rng([seed, 1])  # not the one of the draw
    items: list[AnnotationItem] = []
    for pair in pairs:
        for metric in JUDGED_METRICS:
            # sorted by text, so that the order of the models is of no effect
            distinct = sorted(models[pair.sample_id, metric].items())
            for k in generator.permutation(len(distinct)):
                texts, names = distinct[k]
                items.append(
                    AnnotationItem(f"a{len(items) + 1:04d}", pair.sample_id, metric, texts, tuple(sorted(names)))
                )
    return items


def make_key(pairs: Sequence[DrawnPair], items: Sequence[AnnotationItem], models: Sequence[str], seed: int) -> Key:
    keyed = {
        item.id: KeyedItem(
            sample_id=item.sample_id,
            metric=item.metric,
            models=list(item.models),
            answer_sha=answer_sha(item.texts),
        )
        for item in items
    }
    draw = sha256("\n".join(f"{name} {item.sample_id} {item.answer_sha}" for name, item in keyed.items()))[:16]
    drawn = {pair.sample_id: KeyedPair(split=pair.split, probability=pair.probability) for pair in pairs}
    return Key(warning=WARNING, draw=draw, seed=seed, models=list(models), pairs=drawn, items=keyed)


def truth_lines(sample: Mapping[str, Any]) -> list[str]:
    """The true differences of a row of `SAMPLES` in words, then what is unchanged."""
    lines = [
        f"{true['type']}, {true['category']}" + (f": {true['description']}" if true["description"] else "")
        for true in sample["differences"]
    ]
    if sample["unchanged"]:
        lines.append(f"unchanged: {', '.join(one['category'] for one in sample['unchanged'])}")
    return lines
