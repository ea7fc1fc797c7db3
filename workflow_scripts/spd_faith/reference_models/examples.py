"""Training examples: a pair of scenes, a question, its answer, and what every cell of the pictures should say."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random

import numpy as np
import torch

from spd_faith.core.schemas import TASKS
from spd_faith.dataset.scenes import GRID, ScenePair, sample_pair
from spd_faith.dataset.sprites import CATEGORIES, COLORS
from spd_faith.reference_models.answers import Piece, answer_pieces
from spd_faith.reference_models.small_images import render_small

CELLS = GRID * GRID
IGNORED = -100  # torch's label for a position without loss
TRAINING_OBJECTS = (3, 9)  # the demo's hard scenes hold more
_TASK_SHARES = (0.6, 0.2, 0.2)  # describe, same, different
_DIFFERENCE_SHARES = {  # of pairs with none, one, … five
    "describe": (0.12, 0.38, 0.20, 0.12, 0.10, 0.08),
    "same": (0.45, 0.30, 0.13, 0.06, 0.04, 0.02),
    "different": (0.45, 0.30, 0.13, 0.06, 0.04, 0.02),
}
_DECISIVE, _OTHER = 2.0, 0.5  # weights of an answer's tokens

_CATEGORY_INDEX = {category: index for index, category in enumerate(CATEGORIES, start=1)}
_COLOR_INDEX = {color: index for index, color in enumerate(COLORS, start=1)}


@dataclass(frozen=True)
class Vocabulary:
    """Token ids that examples are made of."""

    token_ids: Mapping[str, int]  # of phrases and single bytes
    prompts: Mapping[str, Sequence[int]]  # by task, up to where the answer begins
    nothing: int
    end: int
    padding: int


@dataclass(frozen=True)
class CellTruths:
    """Per cell, the first picture's 16 before the second's; 0 is an empty cell, or one that did not change."""

    words: list[int]  # token ids: category in the first picture, type of the difference in the second
    categories: list[int]
    colors: list[int]
    changed: list[int]  # category of the object that left, came to or changed in this cell; 0 in the first picture
    of_difference: list[set[int]]  # the cells that show each difference, in both pictures


@dataclass(frozen=True)
class Batch:
    """Tensors of a batch; `tokens` is the longest prompt with its answer."""

    input_ids: torch.Tensor  # (batch, tokens)
    attention_mask: torch.Tensor  # (batch, tokens)
    labels: torch.Tensor  # (batch, tokens), IGNORED outside the answer
    weights: torch.Tensor  # (batch, tokens)
    images: torch.Tensor  # (2 × batch, 112, 112, 3), bytes
    words: torch.Tensor  # (batch, 32)
    categories: torch.Tensor  # (batch, 32)
    colors: torch.Tensor  # (batch, 32)
    changed: torch.Tensor  # (batch, 32)
    looking: torch.Tensor  # (looks, 2): example, position whose attention is taught
    looked_at: torch.Tensor  # (looks, 32): 1 at the cells that it should be on


def sample_example(rng: Random) -> tuple[str, ScenePair]:
    task = rng.choices(TASKS, _TASK_SHARES)[0]
    shares = _DIFFERENCE_SHARES[task]
    number = rng.choices(range(len(shares)), shares)[0]
    return task, sample_pair(rng, (max(number, TRAINING_OBJECTS[0]), TRAINING_OBJECTS[1]), (number, number))


def cell_truths(pair: ScenePair, vocabulary: Vocabulary) -> CellTruths:
    words, categories, colors, changed = [vocabulary.nothing] * 2 * CELLS, *([0] * 2 * CELLS for _ in range(3))
    for first_cell, objects in ((0, pair.original), (CELLS, pair.modified)):
        for thing in objects:
            categories[first_cell + thing.cell] = _CATEGORY_INDEX[thing.category]
            colors[first_cell + thing.cell] = _COLOR_INDEX[thing.color]
    for thing in pair.original:
        words[thing.cell] = vocabulary.token_ids[thing.category]
    of_difference = []
    for difference in pair.differences:
        cells = {CELLS + thing.cell for thing in (difference.before, difference.after) if thing}
        for cell in cells:
            words[cell] = vocabulary.token_ids[difference.type]
            changed[cell] = _CATEGORY_INDEX[difference.category]
        of_difference.append(cells | {difference.before.cell})
    return CellTruths(words, categories, colors, changed, of_difference)


def make_batch(examples: Sequence[tuple[str, ScenePair]], vocabulary: Vocabulary, loose_same: bool = False) -> Batch:
    """`loose_same` as in `answer_pieces`."""
    rows: list[tuple[list[int], list[int], list[float]]] = []
    images, truths, looking, looked_at = [], [], [], []
    for index, (task, pair) in enumerate(examples):
        truth = cell_truths(pair, vocabulary)
        truths.append(truth)
        images += [render_small(pair.background, objects) for objects in (pair.original, pair.modified)]
        prompt = list(vocabulary.prompts[task])
        pieces = answer_pieces(task, pair.differences, loose_same)
        answer = [vocabulary.token_ids[piece.text] for piece in pieces] + [vocabulary.end]
        # A describe answer ends after its JSON as a matter of form; the others when every difference is told.
        decisive = [piece.decisive for piece in pieces] + [task != "describe"]
        rows.append((prompt, answer, [_DECISIVE if yes else _OTHER for yes in decisive]))
        for offset, cells in _cells_looked_at(pieces, truth):
            looking.append((index, len(prompt) + offset - 1))  # the position that predicts the piece
            looked_at.append([float(cell in cells) for cell in range(2 * CELLS)])
    length = max(len(prompt) + len(answer) for prompt, answer, _ in rows)

    def padded(filler: float, values: Iterable[Sequence[float]]) -> torch.Tensor:
        return torch.tensor([[*row, *[filler] * (length - len(row))] for row in values])

    return Batch(
        input_ids=padded(vocabulary.padding, [prompt + answer for prompt, answer, _ in rows]),
        attention_mask=padded(0, [[1] * (len(prompt) + len(answer)) for prompt, answer, _ in rows]),
        labels=padded(IGNORED, [[IGNORED] * len(prompt) + answer for prompt, answer, _ in rows]),
        weights=padded(0.0, [[0.0] * len(prompt) + weights for prompt, _, weights in rows]),
        images=torch.from_numpy(np.stack(images)),
        words=torch.tensor([truth.words for truth in truths]),
        categories=torch.tensor([truth.categories for truth in truths]),
        colors=torch.tensor([truth.colors for truth in truths]),
        changed=torch.tensor([truth.changed for truth in truths]),
        looking=torch.tensor(looking, dtype=torch.long).view(-1, 2),
        looked_at=torch.tensor(looked_at).view(-1, 2 * CELLS),
    )


def _cells_looked_at(pieces: Sequence[Piece], truth: CellTruths) -> Iterator[tuple[int, set[int]]]:
    """(number of the piece, cells that it is about) of every piece that is about any."""
    for offset, piece in enumerate(pieces):
        if piece.about:
            cells = set().union(*(truth.of_difference[number] for number in piece.about))
            # only the second image's cells can know whether anything differs
            yield offset, cells if offset else {cell for cell in cells if cell >= CELLS}
