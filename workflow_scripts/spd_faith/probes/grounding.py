"""Probe `grounding`: do attention and token activation maps lie on what differs, more than elsewhere?"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from spd_faith.core.controls import is_control
from spd_faith.core.schemas import GROUNDING_BASELINES, PROBE_GROUNDING
from spd_faith.probes.boxes import (
    Boxes,
    Coverage,
    coverage,
    expected_coverage,
    tokens_inside,
    true_boxes,
    unchanged_boxes,
)
from spd_faith.probes.passes import Outcome, Pass, Unmeasured
from spd_faith.probes.tables import Probe, measured, unmeasured
from spd_faith.probes.token_activation import ReadAnswers, hits

_MOST_OTHERS = 200  # samples whose boxes are a baseline


def densities(maps: npt.NDArray[np.floating], boxes: Coverage) -> npt.NDArray[np.floating]:
    """How dense each map (maps × image tokens) lies on boxes (boxes × image tokens), on average over the boxes.

    The mean over the tokens of a box, each by its share in it, over the mean of all image tokens: 1 is nothing special.
    nan where there is no box, and for a map of zeros.
    """
    areas = boxes.sum(axis=1)
    boxes, areas = boxes[areas > 0], areas[areas > 0]
    everywhere = maps.mean(axis=1)
    if not len(boxes):
        return np.full(len(maps), np.nan)
    on_boxes = (maps @ (boxes / areas[:, None]).T).mean(axis=1)
    return np.divide(on_boxes, everywhere, out=np.full(len(maps), np.nan), where=everywhere > 0)


def over(true: npt.NDArray[np.floating], baseline: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    """The ratio; nan where the baseline is 0."""
    return np.divide(true, baseline, out=np.full(len(true), np.nan), where=baseline > 0)


class Grounding(Probe):
    """A row per answer and layer.

    `samples` holds all of the dataset by sample_id, with differences, unchanged, split, image_id, width and height:
    "another sample's boxes" are those of the others of a split that show other pictures, `_MOST_OTHERS` at most.
    """

    name = "grounding"
    schema = PROBE_GROUNDING

    def __init__(self, samples: Mapping[str, Mapping[str, Any]], read: ReadAnswers) -> None:
        self._samples = samples
        self._read = read
        self._with_boxes: dict[str, list[tuple[str, Boxes]]] = defaultdict(list)
        for _, sample in sorted(samples.items()):
            size = (sample["width"], sample["height"])
            boxes = true_boxes(sample["differences"], (size, size))
            if len(boxes) and not is_control(sample):
                self._with_boxes[sample["split"]].append((sample["image_id"], boxes))

    def tables(self, sample_id: str, task: str, outcome: Outcome) -> Iterator[pa.Table]:
        keys = {"sample_id": sample_id, "task": task}
        if isinstance(outcome, Unmeasured) or outcome.places is None:
            yield unmeasured(self.schema, keys, outcome)
            return
        sample = self._samples[sample_id]
        boxes = true_boxes(sample["differences"], outcome.places.sizes)
        if not len(boxes):
            yield unmeasured(self.schema, keys, Unmeasured(outcome.dtype, "no_boxes"))
            return
        columns = self._columns(outcome, sample, boxes)
        yield measured(self.schema, keys, columns, outcome.dtype, outcome.greedy_agreement)

    def _columns(self, outcome: Pass, sample: Mapping[str, Any], boxes: Boxes) -> dict[str, Any]:
        places = outcome.places
        answer = self._read(outcome, places)
        content = answer.content if len(answer.content) else np.arange(len(answer.by_token))
        tokens = answer.by_token.shape[1]
        attention = outcome.image_attention[:, content].mean(dim=1).double().numpy()
        layers = len(attention)
        tam = answer.by_token[content].mean(axis=0, keepdims=True)
        covered = {
            "true": coverage(places, boxes, tokens),
            "random": expected_coverage(places, boxes, tokens),
            "unchanged": coverage(places, unchanged_boxes(sample["unchanged"], places.sizes[0]), tokens),
            "other_sample": coverage(places, self._others(sample), tokens),
        }
        columns: dict[str, Any] = {
            "layer": np.arange(layers),
            "content_tokens": np.full(layers, len(answer.content)),
        }
        for kind, maps in (("attention", attention), ("tam", tam)):
            found = {name: densities(maps, of_boxes) for name, of_boxes in covered.items()}
            ratios = {f"over_{name}": over(found["true"], found[name]) for name in GROUNDING_BASELINES}
            columns |= {f"{kind}_{name}": _of_last_layers(values, layers) for name, values in (found | ratios).items()}
        hit, chance = np.array([np.nan]), np.array([np.nan])
        if len(answer.content):
            inside = tokens_inside(places, boxes, tokens)
            hit = hits(answer.by_token[answer.content], inside).mean(keepdims=True)
            chance = inside.mean(keepdims=True)
        return columns | {"tam_hit": _of_last_layers(hit, layers), "tam_chance": _of_last_layers(chance, layers)}

    def _others(self, sample: Mapping[str, Any]) -> Boxes:
        others = [boxes for image_id, boxes in self._with_boxes[sample["split"]] if image_id != sample["image_id"]]
        return np.concatenate([*others[:_MOST_OTHERS], np.empty((0, 4))])


def _of_last_layers(values: npt.NDArray[np.floating], layers: int) -> npt.NDArray[np.floating]:
    """The values of the last layers, nan for those before."""
    return np.concatenate([np.full(layers - len(values), np.nan), values])
