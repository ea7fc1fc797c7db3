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
_ROUNDING = 1e-12

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
    return _maps(found, places, _text_ids(found), np.arange(len(found.answer_token_ids)))


def released_maps(found: Pass, places: ImageTokens, tokens: npt.NDArray[np.int64]) -> Maps:
    """The maps of the answer's `tokens` (ascending) with the classes of the released code.

    There the map of each token of the question and of the answer's first token is that of the prompt's last token,
    usually a line break. (Its branch for tokens of the question is taken for a tuple, but gets a list.) So the first
    token's map is explained by the question's, and 0.
    """
    class_ids = _text_ids(found)
    class_ids[: len(found.question_token_ids) + 1] = found.last_prompt_token_id
    return _maps(found, places, class_ids, tokens)


def _text_ids(found: Pass) -> npt.NDArray[np.int64]:
    """The tokens of the user's question and of the answer."""
    return np.concatenate([found.question_token_ids.numpy(), found.answer_token_ids.numpy()])


def _maps(found: Pass, places: ImageTokens, class_ids: npt.NDArray[np.int64], tokens: npt.NDArray[np.int64]) -> Maps:
    """The maps of the answer's `tokens`, if that of each text (`_text_ids`) is made of the logits of `class_ids`."""
    logits, text_ids = found.logits, _text_ids(found)
    numbers = len(found.question_token_ids) + tokens  # among the texts
    of_text = np.searchsorted(logits.token_ids.numpy(), class_ids)
    own = of_text[numbers]
    at_images = logits.at_images.numpy().astype(float).clip(min=0).T  # token ids × image tokens
    at_text = np.concatenate([logits.at_question, logits.at_answer]).astype(float).clip(min=0).T
    earlier = np.arange(len(text_ids)) < numbers[:, None]
    others = earlier & (text_ids != text_ids[numbers][:, None])
    maps = without_earlier_text(at_images[own], at_images[of_text], np.where(others, at_text[own], 0))
    return filtered(jointly_normalised(maps, np.where(earlier, at_text[own], np.nan)), places)


def without_earlier_text(maps: Maps, text_maps: Maps, influence: npt.NDArray[np.floating]) -> Maps:
    """Estimated causal inference: maps × image tokens, minus what the earlier texts explain of them.

    A map's interference is the sum of the texts' own maps (texts × image tokens), weighted by `influence` (maps ×
    texts), which is 0 for later texts and for the same token. It is scaled to the map by least squares and subtracted;
    negative results become 0, and so does what is left by rounding. An interference of zeros changes nothing.
    """
    interference = influence @ text_maps
    size = (interference**2).sum(axis=1, keepdims=True)
    fit = (maps * interference).sum(axis=1, keepdims=True)
    scale = np.divide(fit, size, out=np.zeros_like(fit), where=size > 0)
    left = (maps - scale * interference).clip(min=0)
    return np.where(left > _ROUNDING * maps.max(axis=1, keepdims=True), left, 0)


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
