"""Draw the maps of one answer directly, without tables."""

from collections.abc import Callable

from matplotlib.figure import Figure

from spd_faith.core.errors import UserError
from spd_faith.inference.batches import Shown
from spd_faith.inference.checkpoint import Checkpoint
from spd_faith.inference.intervention_hooks import intervened
from spd_faith.inference.prompt_builder import PromptBuilder
from spd_faith.probes.forward import run_pass
from spd_faith.probes.overlays import word_overlays
from spd_faith.probes.prepared import prepare_answered
from spd_faith.probes.token_activation import ReadAnswers
from spd_faith.probes.word_maps import WordMap


def overlays_of_words(
    checkpoint: Checkpoint, builder: PromptBuilder, question: Shown, token_ids: list[int]
) -> list[tuple[str, Callable[[], Figure]]]:
    """Each content word of the answer, in order, with a function that draws the pair under its token activation map.

    `token_ids` are the answer's, at least one. Raises `UserError` if the model cannot be probed or the places of its
    image tokens are unknown.
    """
    answered = prepare_answered(builder, [question], [token_ids], share_rows=checkpoint.rows_can_be_shared)
    with intervened(checkpoint.model, checkpoint.entry.intervention, builder.image_token_id) as hooks:
        (found,) = run_pass(checkpoint.model, answered, hooks)
    if found.places is None:
        raise UserError("no maps: this model cuts an image into tiles, and the places of their tokens are unknown")
    answer = ReadAnswers(checkpoint.tokenizer)(found, found.places)
    words = [WordMap(word.text, answer.of(word)) for word in answer.words]
    drawings = word_overlays(question[1:], found.places.rasters, words)
    return [(word.text, draw) for word, draw in zip(words, drawings, strict=True)]
