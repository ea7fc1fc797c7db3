"""Probe `grounding`: do attention and token activation maps concentrate on what differs?"""

from collections import defaultdict
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from spd_faith.core.controls import is_control
from spd_faith.probes.boxes import (
    Boxes,
    Coverage,
    coverage,
    expected_coverage,
    tokens_inside,
    true_boxes,
    unchanged_boxes,
)
from spd_faith.probes.passes import Pass, Unmeasured
from spd_faith.probes.probe import AnswerProbe, ProbeRun
from spd_faith.probes.summary import Summary, ratio_of
from spd_faith.probes.tables import LAYER, TASK, Columns, measure_columns, probe_schema
from spd_faith.probes.token_activation import answer_reader, hits

if TYPE_CHECKING:
    from spd_faith.probes.figures.declared import ProbeFigures
    from spd_faith.probes.image_grid import ImageTokens

BASELINES = ("random", "unchanged", "other_sample")
MEASURES = (
    # density on the true boxes and on the baselines' boxes (1: the mean of all image tokens), then the ratios
    *("attention_true", *(f"attention_{name}" for name in BASELINES)),
    *(f"attention_over_{name}" for name in BASELINES),
    # the same for the token activation maps, which exist for the last layer only; null in other rows
    *("tam_true", *(f"tam_{name}" for name in BASELINES)),
    *(f"tam_over_{name}" for name in BASELINES),
    *("tam_hit", "tam_chance"),  # means over the tokens of content words
)
_MAX_OTHERS = 200  # samples whose boxes serve as a baseline


def densities(maps: npt.NDArray[np.floating], boxes: Coverage) -> npt.NDArray[np.floating]:
    """Density of each map (maps × image tokens) on boxes (boxes × image tokens), averaged over the boxes.

    The mean over a box's tokens, weighted by the fraction of each in the box, over the mean of all image tokens: 1
    means no preference. nan without boxes and for a map of zeros.
    """
    areas = boxes.sum(axis=1)
    boxes, areas = boxes[areas > 0], areas[areas > 0]
    everywhere = maps.mean(axis=1)
    if not len(boxes):
        return np.full(len(maps), np.nan)
    on_boxes = (maps @ (boxes / areas[:, None]).T).mean(axis=1)
    return np.asarray(np.divide(on_boxes, everywhere, out=np.full(len(maps), np.nan), where=everywhere > 0))


def over(true: npt.NDArray[np.floating], baseline: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    """The ratio; nan if the baseline is 0."""
    return np.asarray(np.divide(true, baseline, out=np.full(len(true), np.nan), where=baseline > 0))


def _over(name: str, label: str, definition: str, baseline: str) -> Summary:
    columns = ("attention_true", f"attention_{baseline}")
    return Summary(name, label, definition, is_fraction=False, columns=columns, parts=ratio_of(*columns))


class Grounding(AnswerProbe):
    """A row per answer and layer.

    "Another sample's boxes" come from samples of the same split with other images, at most `_MAX_OTHERS` of them.
    """

    name = "grounding"
    schema = probe_schema(
        TASK,
        LAYER,
        pa.field("content_tokens", pa.int32()),  # averaged over; 0: the answer has none, so all its tokens
        *measure_columns(*MEASURES),
    )
    contrasted = MEASURES
    summaries = (
        _over(
            "grounding_ratio",
            "Grounding ratio",
            "attention density on what differs, relative to where other pairs differ",
            "other_sample",
        ),
        _over(
            "grounding_over_random",
            "Grounding over random boxes",
            "attention density on what differs, relative to random boxes of the same size",
            "random",
        ),
        _over(
            "grounding_over_unchanged",
            "Grounding over unchanged objects",
            "attention density on what differs, relative to unchanged objects",
            "unchanged",
        ),
    )

    def __init__(self, run: ProbeRun) -> None:
        super().__init__(run)
        self._read = run.shared(answer_reader)
        self._with_boxes: dict[str, list[tuple[str, Boxes]]] = defaultdict(list)
        for _, sample in sorted(run.samples.items()):
            size = (sample["width"], sample["height"])
            boxes = true_boxes(sample["differences"], (size, size))
            if len(boxes) and not is_control(sample):
                self._with_boxes[sample["split"]].append((sample["image_id"], boxes))

    def columns(self, sample_id: str, found: Pass) -> Columns | Unmeasured:
        places = found.places
        if places is None:
            return found.unsupported
        sample = self.run.samples[sample_id]
        boxes = true_boxes(sample["differences"], places.sizes)
        if not len(boxes):
            return Unmeasured(found.dtype, "no_boxes")
        answer = self._read(found, places)
        content = answer.content if len(answer.content) else np.arange(len(answer.by_token))
        tokens = answer.by_token.shape[1]
        attention = found.image_attention[:, content].mean(dim=1).double().numpy()
        tam = answer.by_token[content].mean(axis=0, keepdims=True)
        layers = len(attention)
        columns: dict[str, Any] = {"layer": np.arange(layers), "content_tokens": np.full(layers, len(answer.content))}
        covered = self._covered(sample, places, boxes, tokens)
        for kind, maps in (("attention", attention), ("tam", tam)):
            density = {name: densities(maps, of_boxes) for name, of_boxes in covered.items()}
            ratios = {f"over_{name}": over(density["true"], density[name]) for name in BASELINES}
            columns |= {
                f"{kind}_{name}": _of_last_layers(values, layers) for name, values in (density | ratios).items()
            }
        hit, chance = np.array([np.nan]), np.array([np.nan])
        if len(answer.content):
            inside = tokens_inside(places, boxes, tokens)
            hit = hits(answer.by_token[answer.content], inside).mean(keepdims=True)
            chance = inside.mean(keepdims=True)
        return columns | {"tam_hit": _of_last_layers(hit, layers), "tam_chance": _of_last_layers(chance, layers)}

    def _covered(
        self, sample: Mapping[str, Any], places: "ImageTokens", boxes: Boxes, tokens: int
    ) -> dict[str, Coverage]:
        """Coverage of the true boxes and of those of each of `BASELINES`, over the `tokens` image tokens."""
        return {
            "true": coverage(places, boxes, tokens),
            "random": expected_coverage(places, boxes, tokens),
            "unchanged": coverage(places, unchanged_boxes(sample["unchanged"], places.sizes[0]), tokens),
            "other_sample": coverage(places, self._others(sample), tokens),
        }

    def _others(self, sample: Mapping[str, Any]) -> Boxes:
        others = [boxes for image_id, boxes in self._with_boxes[sample["split"]] if image_id != sample["image_id"]]
        return np.concatenate([*others[:_MAX_OTHERS], np.empty((0, 4))])

    @staticmethod
    def figures() -> "ProbeFigures":
        from spd_faith.probes.figures.grounding import FIGURES

        return FIGURES


def _of_last_layers(values: npt.NDArray[np.floating], layers: int) -> npt.NDArray[np.floating]:
    """The values of the last layers, padded with nan for the layers before."""
    return np.concatenate([np.full(layers - len(values), np.nan), values])
