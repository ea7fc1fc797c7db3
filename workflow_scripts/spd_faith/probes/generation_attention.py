"""Probe `generation_attention`: where each layer attends when it generates a token of the answer."""

from typing import TYPE_CHECKING

import numpy as np

from spd_faith.probes.passes import SEGMENTS, Pass
from spd_faith.probes.probe import AnswerProbe
from spd_faith.probes.summary import Parts, Summary, averaged
from spd_faith.probes.tables import LAYER, TASK, TOKEN, TOKEN_ID, Columns, measure_columns, probe_schema

if TYPE_CHECKING:
    import pandas as pd
    import torch

    from spd_faith.probes.figures.declared import ProbeFigures

MEASURES = (
    # fractions of attention that add up to 1; picture_2 is null where the images are merged
    *("sink", "system", "picture_1", "picture_2", "user", "answer"),
    # without the answer, adding up to 1
    *("published_system", "published_visual", "published_user"),
)
_OF_IMAGES = ("token", "picture_1", "picture_2")


def columns_of_fractions(fractions: "torch.Tensor") -> dict[str, "torch.Tensor"]:
    """The columns of the table from fractions over `SEGMENTS`, the last dimension.

    `sink` to `answer` are exhaustive and add up to 1. The published three exclude the answer and add up to 1 again:
    everything before the first image, the images, everything after them.
    """
    sink, system, opening, picture_1, picture_2, user, answer = (
        fractions[..., SEGMENTS.index(name)]
        for name in ("sink", "system", "opening", "picture_1", "picture_2", "user", "answer")
    )
    before, images = sink + system + opening, picture_1 + picture_2
    prompt = before + images + user
    return {
        "sink": sink,
        "system": system,
        "picture_1": picture_1,
        "picture_2": picture_2,
        "user": opening + user,
        "answer": answer,
        "published_system": before / prompt,
        "published_visual": images / prompt,
        "published_user": user / prompt,
    }


def _steps(rows: "pd.DataFrame") -> "pd.DataFrame":
    """Fraction of attention on the images, mean over layers, by sample and token of the answer."""
    fraction = rows["picture_1"] + rows["picture_2"].fillna(0)  # null where both are one image
    return fraction.groupby([rows.index, rows["token"]]).mean().rename("fraction").reset_index("token")


def _visual_attention(rows: "pd.DataFrame") -> Parts:
    """Per sample, the mean over the answer's tokens."""
    return averaged(_steps(rows).groupby(level="sample_id")["fraction"].mean())


def _visual_slope(rows: "pd.DataFrame") -> Parts:
    """Per sample, the least-squares slope over positions from 0 (the answer's first token) to 1 (the last); nan for
    one token."""
    steps = _steps(rows)
    by_sample = steps.groupby(level="sample_id")
    centred = steps - by_sample.mean().loc[steps.index].set_axis(steps.index)
    product = (centred["token"] * centred["fraction"]).groupby(level="sample_id").sum()
    spread = (centred["token"] ** 2).groupby(level="sample_id").sum()
    return averaged(product / spread.where(spread != 0) * by_sample["token"].max())


class GenerationAttention(AnswerProbe):
    """A row per answer, layer and token of the answer."""

    name = "generation_attention"
    schema = probe_schema(TASK, LAYER, TOKEN, TOKEN_ID, *measure_columns(*MEASURES))
    contrasted = MEASURES
    summaries = (
        Summary(
            "visual_attention",
            "Visual attention",
            "percentage of attention on the images",
            is_fraction=True,
            columns=_OF_IMAGES,
            parts=_visual_attention,
        ),
        Summary(
            "visual_slope",
            "Visual attention slope",
            "change of visual attention in percentage points, from the answer’s first token to its last",
            is_fraction=True,
            columns=_OF_IMAGES,
            parts=_visual_slope,
        ),
    )

    def columns(self, sample_id: str, found: Pass) -> Columns:
        layers, tokens, _ = found.attention_fractions.shape
        fractions = {
            name: part.flatten().numpy() for name, part in columns_of_fractions(found.attention_fractions).items()
        }
        if len(found.image_tokens) == 1:
            del fractions["picture_2"]
        return {
            "layer": np.repeat(np.arange(layers), tokens),
            "token": np.tile(np.arange(tokens), layers),
            "token_id": np.tile(found.answer_token_ids.numpy(), layers),
            **fractions,
        }

    @staticmethod
    def figures() -> "ProbeFigures":
        from spd_faith.probes.figures.generation_attention import FIGURES

        return FIGURES
