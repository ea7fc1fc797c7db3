"""The maps of one answer drawn at once, without tables."""

from collections.abc import Callable

from matplotlib.figure import Figure

from spd_faith.core.errors import UserError
from spd_faith.inference.batches import Shown
from spd_faith.inference.checkpoint import Checkpoint
from spd_faith.inference.model_parts import attends_to_all
from spd_faith.inference.prompt_builder import PromptBuilder
from spd_faith.probes.forward import run_pass
from spd_faith.probes.overlays import WordMap, word_overlays
from spd_faith.probes.prepared import prepare_answered
from spd_faith.probes.token_activation import ReadAnswers


def overlays_of_words(
    checkpoint: Checkpoint, builder: PromptBuilder, question: Shown, token_ids: list[int]
) -> list[tuple[str, Callable[[], Figure]]]:
    """Each content word of the answer and what draws the pair under its token activation map, in the answer's order.

    `token_ids` are the answer's, one at least. Raises `UserError` where the model cannot be probed, or where it is not
    known which part of a picture its image tokens show.
    """
    share_rows = attends_to_all(checkpoint.model)
    (found,) = run_pass(checkpoint.model, prepare_answered(builder, [question], [token_ids], share_rows=share_rows))
    if found.places is None:
        raise UserError("no maps: this model cuts a picture into tiles, and where their tokens lie is not known")
    answer = ReadAnswers(checkpoint.tokenizer)(found, found.places)
    words = [WordMap(word.text, answer.of(word)) for word in answer.words]
    drawings = word_overlays(question[1:], found.places.rasters, words)
    return [(word.text, draw) for word, draw in zip(words, drawings, strict=True)]
