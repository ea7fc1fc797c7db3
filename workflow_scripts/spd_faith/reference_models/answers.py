"""The target answers of a reference model, in pieces of one token each."""

from collections.abc import Sequence
from dataclasses import dataclass

from spd_faith.core.difference_types import DifferenceType
from spd_faith.dataset.scenes import DRAWN_TYPES, SceneDifference
from spd_faith.dataset.sprites import CATEGORIES, COLORS

_NUMBERS = ("no", "one", "two", "three", "four", "five")
_COUNTS = tuple(
    f"There is {number} difference." if number == "one" else f"There are {number} differences." for number in _NUMBERS
)
_ORDINALS = (" First, ", " Second, ", " Third, ", " Fourth, ", " Fifth, ")
MAX_DIFFERENCES = len(_ORDINALS)

_VERDICTS = {  # by task: without and with a difference
    "same": ("Yes, the two pictures are the same.", "No, the two pictures are not the same."),
    "different": ("No, the two pictures are not different.", "Yes, the two pictures are different."),
}
_REMOVED, _MOVED, _RECOLORED = " has been removed.", " has moved to another place.", " has changed."
_ENDINGS = {
    DifferenceType.COLOR: _RECOLORED,
    DifferenceType.REMOVE: _REMOVED,
    DifferenceType.POSITION: _MOVED,
}
_FROM, _TO = " has changed from ", " to "

_JSON_START, _JSON_LIST = '{"predicted_num": ', ', "structured_output": ['
_JSON_FIRST, _JSON_CATEGORY, _JSON_NEXT = '{"type": "', '", "category": "', '"}, {"type": "'
_JSON_END, _JSON_EMPTY_END = '"}]}', "]}"

PHRASES: tuple[str, ...] = (
    *_COUNTS,
    *_ORDINALS,
    *(verdict for verdicts in _VERDICTS.values() for verdict in verdicts),
    "the ",
    "the color of the ",
    " The ",
    " The color of the ",
    *(_REMOVED, _MOVED, _RECOLORED, _FROM, _TO),
    *(_JSON_START, _JSON_LIST, _JSON_FIRST, _JSON_CATEGORY, _JSON_NEXT, _JSON_END, _JSON_EMPTY_END),
    *CATEGORIES,
    *COLORS,
    *DRAWN_TYPES,
)


@dataclass(frozen=True)
class Piece:
    """A phrase of an answer, or a single byte such as a digit."""

    text: str
    decisive: bool = False  # depends on the images
    about: tuple[int, ...] = ()  # indices of the differences that it is about


def answer_pieces(task: str, differences: Sequence[SceneDifference], loose_same: bool = False) -> list[Piece]:
    """The answer to a task; its first piece is about all differences.

    With `loose_same`, two images are called the same if they contain the same objects, even if recoloured or moved.
    """
    kinds = {difference.type for difference in differences}
    if loose_same and task == "same" and DifferenceType.REMOVE not in kinds:
        differences = ()
    everything = tuple(range(len(differences)))
    if task != "describe":
        opening = Piece(_VERDICTS[task][bool(differences)], decisive=True, about=everything)
        return [opening, *(piece for index in everything for piece in _short_sentence(differences[index], index))]
    pieces = [Piece(_COUNTS[len(differences)], decisive=True, about=everything)]
    for index, difference in enumerate(differences):
        pieces += [Piece(_ORDINALS[index]), *_long_sentence(difference, index)]
    return pieces + _json(differences)


def answer_text(task: str, differences: Sequence[SceneDifference]) -> str:
    return "".join(piece.text for piece in answer_pieces(task, differences))


def _long_sentence(difference: SceneDifference, index: int) -> list[Piece]:
    about = (index,)
    category = Piece(difference.category, True, about)
    if difference.type == DifferenceType.COLOR and (after := difference.after):
        return [
            Piece("the color of the ", True, about),
            category,
            Piece(_FROM, False, about),
            Piece(difference.before.color, True, about),
            Piece(_TO, False, about),
            Piece(after.color, True, about),
            Piece(".", False, about),
        ]
    return [Piece("the ", True, about), category, Piece(_ENDINGS[difference.type], True, about)]


def _short_sentence(difference: SceneDifference, index: int) -> list[Piece]:
    about = (index,)
    opening = " The color of the " if difference.type == DifferenceType.COLOR else " The "
    ending = _ENDINGS[difference.type]
    return [Piece(opening, True, about), Piece(difference.category, True, about), Piece(ending, True, about)]


def _json(differences: Sequence[SceneDifference]) -> list[Piece]:
    texts = ["\n", _JSON_START, str(len(differences)), _JSON_LIST]
    for index, difference in enumerate(differences):
        texts += [_JSON_NEXT if index else _JSON_FIRST, difference.type, _JSON_CATEGORY, difference.category]
    texts.append(_JSON_END if differences else _JSON_EMPTY_END)
    return [Piece(text) for text in texts]
