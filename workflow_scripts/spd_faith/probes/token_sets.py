"""Which image tokens causal patching copies: those of a difference, and what they are compared with.

All sets but `all` lie in the second image, where the two runs differ.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from random import Random
from typing import Any

import numpy as np
import numpy.typing as npt

from spd_faith.probes.boxes import Boxes, coverage, middles_inside, tokens_inside, true_boxes, unchanged_boxes
from spd_faith.probes.image_grid import ImageTokens, Raster

Tokens = npt.NDArray[np.int64]
"""Indices among the prompt's image tokens, ascending."""
_Marked = npt.NDArray[np.bool_]  # per image token

TOKEN_SETS = ("difference", "random", "unchanged", "all")
_WHOLE = np.array([[0.0, 0.0, 1.0, 1.0]])
_TOUCHES = 1e-9  # of a token; less is rounding


class NoTokens(StrEnum):
    """Why there is no such set."""

    NO_BOXES = "no_boxes"
    """A difference that the set depends on has no box."""
    SMALL_BOX = "small_box"
    """The boxes of the difference hold the middle of no token."""
    NO_ROOM = "no_room"
    """There are fewer tokens outside the true boxes than the difference has."""
    NO_UNCHANGED = "no_unchanged"
    """No unchanged object is known that has tokens outside the true boxes."""


def token_sets(
    places: ImageTokens, num_tokens: int, sample: Mapping[str, Any], number: int, seed: int
) -> Mapping[str, Tokens | NoTokens]:
    """The token sets of difference `number` of a row of `SAMPLES`, whose prompt has `num_tokens` image tokens.

    `difference`: the tokens of its boxes, as `tokens_inside` finds them: where the object was and where it is.
    `random`: as many tokens of the image that touch no true box; they depend on the raster, the seed, the sample and
    the number alone.
    `unchanged`: the tokens of the unchanged object that has the most similar number of tokens, none of which touches a
    true box.
    `all`: all tokens of the second image; of a merged image, all tokens.
    """
    [raster] = [raster for raster in places.rasters if 1 in raster.images]
    whole = np.arange(0 if len(raster.images) > 1 else raster.first, num_tokens)
    image = _SecondImage(places, raster, num_tokens)
    found = _tokens_of(image, sample["differences"][number])
    if isinstance(found, NoTokens):
        return {"difference": found, "random": found, "unchanged": found, "all": whole}
    free = _free(image, sample["differences"])
    rng = Random(f"{seed}/{sample['sample_id']}/{number}")
    random = free if isinstance(free, NoTokens) else _drawn(np.flatnonzero(free), len(found), rng)
    unchanged = free if isinstance(free, NoTokens) else _unchanged(image, sample, free, len(found))
    return {"difference": found, "random": random, "unchanged": unchanged, "all": whole}


class _SecondImage:
    """The tokens that show the second image, and what boxes cover of them."""

    def __init__(self, places: ImageTokens, raster: Raster, num_tokens: int) -> None:
        self.sizes = places.sizes
        self._alone = ImageTokens(places.sizes, (raster.showing(1),))
        self._num_tokens = num_tokens
        self._part = np.zeros(num_tokens, bool)
        self._part[raster.tokens[raster.parts()[1]]] = True
        self.shown = self.inside(_WHOLE)
        """Without the tokens of a margin."""

    def inside(self, boxes: Boxes) -> _Marked:
        return tokens_inside(self._alone, boxes, self._num_tokens) & self._part

    def middles(self, boxes: Boxes) -> _Marked:
        return middles_inside(self._alone, boxes, self._num_tokens) & self._part

    def covered(self, boxes: Boxes) -> npt.NDArray[np.floating]:
        """How much of each token the boxes cover in all."""
        return np.asarray(coverage(self._alone, boxes, self._num_tokens).sum(axis=0))


def _tokens_of(image: _SecondImage, difference: Mapping[str, Any]) -> Tokens | NoTokens:
    boxes = true_boxes([difference], image.sizes)
    if not len(boxes):
        return NoTokens.NO_BOXES
    found = np.flatnonzero(image.inside(boxes))
    return found if len(found) and image.middles(boxes).any() else NoTokens.SMALL_BOX


def _free(image: _SecondImage, differences: list[Mapping[str, Any]]) -> _Marked | NoTokens:
    """The tokens of the image that touch no true box."""
    of_each = [true_boxes([difference], image.sizes) for difference in differences]
    if not all(map(len, of_each)):
        return NoTokens.NO_BOXES
    return np.asarray(image.shown & (image.covered(np.concatenate(of_each)) <= _TOUCHES))


def _drawn(free: Tokens, count: int, rng: Random) -> Tokens | NoTokens:
    return np.sort(np.array(rng.sample(free.tolist(), count))) if count <= len(free) else NoTokens.NO_ROOM


def _unchanged(image: _SecondImage, sample: Mapping[str, Any], free: _Marked, count: int) -> Tokens | NoTokens:
    boxes = unchanged_boxes(sample["unchanged"], image.sizes[0])
    objects = [np.flatnonzero(image.inside(box[None])) for box in boxes]
    objects = [tokens for tokens in objects if len(tokens) and free[tokens].all()]
    return min(objects, key=lambda tokens: abs(len(tokens) - count), default=NoTokens.NO_UNCHANGED)
