"""Probe `token_activation_map`: which image tokens activate a token of the answer, and are they in a true box?"""

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from spd_faith.probes.boxes import tokens_inside, true_boxes
from spd_faith.probes.passes import Pass, Unmeasured
from spd_faith.probes.probe import AnswerProbe, ProbeRun
from spd_faith.probes.summary import Summary, mean_of
from spd_faith.probes.tables import TASK, TOKEN, TOKEN_ID, Columns, measure_columns, probe_schema, required
from spd_faith.probes.token_activation import AnswerMaps, answer_reader, hits, released_maps

if TYPE_CHECKING:
    from spd_faith.probes.figures.declared import ProbeFigures
    from spd_faith.probes.image_grid import ImageTokens

RASTER = pa.struct(  # the tokens of one image that the model was shown, row by row
    [
        required("first", pa.int32()),  # index of the top left token among the prompt's image tokens
        required("rows", pa.int32()),
        required("columns", pa.int32()),
        # where the pair's first image (0) and second (1) lie on it, as fractions of its width and height
        required(
            "pictures",
            pa.list_(
                pa.struct(
                    [required("picture", pa.int32()), *(required(axis, pa.float32()) for axis in ("x", "y", "w", "h"))]
                )
            ),
        ),
    ]
)


class TokenActivationMap(AnswerProbe):
    """A row per answer and token.

    A map takes two bytes per image token: 400 kB before compression for an answer of 100 tokens about two images of
    1,000 tokens.
    """

    name = "token_activation_map"
    schema = probe_schema(
        TASK,
        TOKEN,
        TOKEN_ID,
        pa.field("word", pa.string()),  # the content word that the token belongs to; null for other tokens
        # for content words, if the sample has boxes: whether the map's maximum lies in one (the fraction, for several
        # equal maxima), the fraction of image tokens in boxes, and the hit of the map with the released code's classes
        *measure_columns("hit", "chance", "hit_released"),
        pa.field("map", pa.list_(pa.float16())),  # 0 … 1 at each image token
        pa.field("rasters", pa.list_(RASTER)),  # where the image tokens lie
    )
    summaries = (
        Summary(
            "tam_hit",
            "TAM hits",
            "percentage of content words whose token activation map has its maximum in a true box",
            is_fraction=True,
            columns=("hit",),
            parts=mean_of("hit"),
        ),
        Summary(
            "tam_chance",
            "TAM hits by chance",
            "percentage of image tokens that lie in a true box, where a random maximum would be",
            is_fraction=True,
            columns=("chance",),
            parts=mean_of("chance"),
        ),
    )

    def __init__(self, run: ProbeRun) -> None:
        super().__init__(run)
        self._read = run.shared(answer_reader)

    def columns(self, sample_id: str, found: Pass) -> Columns | Unmeasured:
        places = found.places
        if places is None:
            return found.unsupported
        answer = self._read(found, places)
        tokens, image_tokens = answer.by_token.shape
        hit, chance, hit_released = (np.full(tokens, np.nan) for _ in range(3))
        boxes = true_boxes(self.run.samples[sample_id]["differences"], places.sizes)
        if len(boxes) and len(answer.content):
            inside = tokens_inside(places, boxes, image_tokens)
            hit[answer.content] = hits(answer.by_token[answer.content], inside)
            chance[answer.content] = inside.mean()
            hit_released[answer.content] = hits(released_maps(found, places, answer.content), inside)
        return {
            "token": range(tokens),
            "token_id": found.answer_token_ids.numpy(),
            "word": _words(answer),
            "hit": hit,
            "chance": chance,
            "hit_released": hit_released,
            "map": pa.ListArray.from_arrays(
                np.arange(tokens + 1) * image_tokens, pa.array(answer.by_token.astype(np.float16).ravel())
            ),
            "rasters": pa.array([_saved(places)] * tokens, self.schema.field("rasters").type),
        }

    @staticmethod
    def figures() -> "ProbeFigures":
        from spd_faith.probes.figures.token_activation_map import FIGURES

        return FIGURES


def _words(answer: AnswerMaps) -> list[str | None]:
    """The content word, or words, of each token."""
    words: list[str | None] = [None] * len(answer.by_token)
    for word in answer.words:
        for token in word.tokens:
            before = words[token]
            words[token] = word.text if before is None else f"{before} {word.text}"
    return words


def _saved(places: "ImageTokens") -> list[dict[str, Any]]:
    return [
        {
            "first": raster.first,
            "rows": raster.rows,
            "columns": raster.columns,
            "pictures": [
                {"picture": number, **dict(zip(("x", "y", "w", "h"), place, strict=True))}
                for number, place in raster.images.items()
            ],
        }
        for raster in places.rasters
    ]
