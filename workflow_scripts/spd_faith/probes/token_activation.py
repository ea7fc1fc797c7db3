"""Token activation maps (TAM, arXiv 2506.23270): how strongly each image token activates a token of the answer."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from spd_faith.probes.image_grid import ImageTokens
from spd_faith.probes.passes import Pass
from spd_faith.probes.probe import ProbeRun
from spd_faith.probes.rank_filter import SIZE, rank_gaussian_filter

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

    from spd_faith.probes.words import Word

_MIN_SIDE = 3 * SIZE

Maps = npt.NDArray[np.floating]
"""maps × image tokens, in 0 … 1."""


def token_activation_maps(found: Pass, places: ImageTokens) -> Maps:
    """The map of each token of the answer.

    A token's activations are its logits, clipped at 0, at the image tokens and at the text before it: the tokens of the
    user's question, and the states that predict the answer's earlier tokens. What the earlier text explains is
    subtracted from the image's activations (`without_earlier_text`), image and text together are scaled to 0 … 1, and
    each image's part of the map is filtered (`rank_gaussian_filter`). Image tokens without a place, such as one that
    ends a row, are 0.
    """
    logits = found.logits
    question, answer = found.question_token_ids.numpy(), found.answer_token_ids.numpy()
    text_ids = np.concatenate([question, answer])
    of_text = np.searchsorted(logits.token_ids.numpy(), text_ids)
    of_answer = of_text[len(question) :]
    at_images = logits.at_images.numpy().astype(float).clip(min=0).T  # token ids × image tokens
    at_text = np.concatenate([logits.at_question, logits.at_answer]).astype(float).clip(min=0).T
    earlier = np.arange(len(text_ids)) < len(question) + np.arange(len(answer))[:, None]
    others = earlier & (text_ids != answer[:, None])
    own = without_earlier_text(at_images[of_answer], at_images[of_text], np.where(others, at_text[of_answer], 0))
    return filtered(jointly_normalised(own, np.where(earlier, at_text[of_answer], np.nan)), places)


def without_earlier_text(maps: Maps, text_maps: Maps, influence: npt.NDArray[np.floating]) -> Maps:
    """Estimated causal inference: maps × image tokens, minus what the earlier texts explain of them.

    A map's interference is the sum of the texts' own maps (texts × image tokens), weighted by `influence` (maps ×
    texts), which is 0 for later texts and for the same token. It is scaled to the map by least squares and subtracted;
    negative results become 0. An interference of zeros changes nothing.
    """
    interference = influence @ text_maps
    size = (interference**2).sum(axis=1, keepdims=True)
    fit = (maps * interference).sum(axis=1, keepdims=True)
    scale = np.divide(fit, size, out=np.zeros_like(fit), where=size > 0)
    return np.asarray((maps - scale * interference).clip(min=0))


def jointly_normalised(maps: Maps, texts: npt.NDArray[np.floating]) -> Maps:
    """Each map scaled by the minimum and maximum of its values and its texts' (nan: absent).

    If all are equal, the map is 0.
    """
    together = np.concatenate([maps, texts], axis=1)
    low, high = np.nanmin(together, axis=1, keepdims=True), np.nanmax(together, axis=1, keepdims=True)
    return np.asarray(np.divide(maps - low, high - low, out=np.zeros_like(maps), where=high > low))


def filtered(maps: Maps, places: ImageTokens) -> Maps:
    """Each map with its images filtered separately; 0 for image tokens outside all of them.

    An image with fewer than `_MIN_SIDE` tokens per side is not filtered: one token shows a whole object there, and the
    filter, which removes isolated values, would treat it as noise.
    """
    smooth = np.zeros_like(maps)
    for raster in places.rasters:
        for rows, columns in raster.parts().values():
            tokens = raster.tokens[rows, columns]
            part = maps[:, tokens]
            smooth[:, tokens] = rank_gaussian_filter(part) if min(tokens.shape) >= _MIN_SIDE else part
    return smooth


def hits(maps: Maps, inside: npt.NDArray[np.bool_]) -> npt.NDArray[np.floating]:
    """Whether the maximum of each map lies inside; for several equal maxima, the fraction of them inside.

    So a constant map hits as often as chance.
    """
    highest = maps == maps.max(axis=1, keepdims=True)
    return np.asarray((highest & inside).sum(axis=1) / highest.sum(axis=1))


@dataclass(frozen=True)
class AnswerMaps:
    """The maps of an answer's tokens, and its words."""

    by_token: Maps
    words: list["Word"]

    @property
    def content(self) -> npt.NDArray[np.int64]:
        """The tokens that make content words, ascending."""
        return np.unique([token for word in self.words for token in word.tokens]).astype(int)

    def of(self, word: "Word") -> npt.NDArray[np.floating]:
        """The map of a word, the mean over its tokens."""
        return np.asarray(self.by_token[list(word.tokens)].mean(axis=0))


class ReadAnswers:
    """Computes the maps and words of an answer once per pass, for all probes that need them."""

    def __init__(self, tokenizer: "PreTrainedTokenizerFast") -> None:
        self._tokenizer = tokenizer
        self._last: tuple[Pass, AnswerMaps] | None = None

    def __call__(self, found: Pass, places: ImageTokens) -> AnswerMaps:
        from spd_faith.probes.words import content_words  # loads the word lists, which readers of tables do not need

        if self._last is None or self._last[0] is not found:
            words = content_words(self._tokenizer, found.answer_token_ids.tolist())
            self._last = (found, AnswerMaps(token_activation_maps(found, places), words))
        return self._last[1]


def answer_reader(run: ProbeRun) -> ReadAnswers:
    """For `run.shared`, so that probes share the maps."""
    return ReadAnswers(run.tokenizer)
