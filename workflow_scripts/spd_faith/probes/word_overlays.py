"""The maps of one answer drawn at once, without tables."""

from collections.abc import Callable

from matplotlib.figure import Figure

from spd_faith.core.errors import UserError
from spd_faith.inference.batches import Shown
from spd_faith.inference.transformers_backend import TransformersBackend
from spd_faith.probes.forward import run_pass
from spd_faith.probes.overlays import WordMap, word_overlays
from spd_faith.probes.prepared import prepare_answered
from spd_faith.probes.token_activation import ReadAnswers


def overlays_of_words(
    backend: TransformersBackend, question: Shown, token_ids: list[int]
) -> list[tuple[str, Callable[[], Figure]]]:
    """Each content word of the answer and what draws the pair under its token activation map, in the answer's order.

    `token_ids` are the answer's, one at least. Raises `UserError` where the model cannot be probed, or where it is not
    known which part of a picture its image tokens show.
    """
    (found,) = run_pass(backend.model, prepare_answered(backend, [question], [token_ids]))
    if found.places is None:
        raise UserError("no maps: this model cuts a picture into tiles, and where their tokens lie is not known")
    answer = ReadAnswers(backend.processor.tokenizer)(found, found.places)
    words = [WordMap(word.text, answer.of(word)) for word in answer.words]
    drawings = word_overlays(question[1:], found.places.rasters, words)
    return [(word.text, draw) for word, draw in zip(words, drawings, strict=True)]
