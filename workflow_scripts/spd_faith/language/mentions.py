"""A clause with all that it mentions."""

import re
from functools import lru_cache
from typing import NamedTuple

from spd_faith.language.attributes import is_relative, one_image
from spd_faith.language.change_kinds import Change, change_named
from spd_faith.language.changes import find_types
from spd_faith.language.colors import find_colors
from spd_faith.language.image_words import find_pictures
from spd_faith.language.lexicon import LexiconFile, PhraseList, any_of, load_lexicon
from spd_faith.language.objects import find_objects
from spd_faith.language.places import find_places
from spd_faith.language.sameness import find_sameness
from spd_faith.language.words import Mention, Words, words_of


class _Mentions(LexiconFile):
    spot_relations: PhraseList
    spot_openers: PhraseList
    no_spots: PhraseList
    in_both: PhraseList
    picking_out: PhraseList


_WORDS = load_lexicon("mentions", _Mentions)
_SPOT = re.compile(
    rf"\b{any_of(_WORDS.spot_relations)}\s{any_of(_WORDS.spot_openers)}\s(?!(?:\w+\s)?{any_of(_WORDS.no_spots)})\w+",
    re.I,
)


class ReadClause(NamedTuple):
    """The text of a clause, its words and its mentions, each in their order.

    `changes` are words of change, `same` are words by which something stays as it is.
    """

    text: str
    words: Words
    objects: tuple[Mention, ...]
    changes: tuple[Mention, ...]
    same: tuple[Mention, ...]
    images: tuple[Mention, ...]
    colors: tuple[Mention, ...]
    places: tuple[Mention, ...]

    @property
    def image(self) -> int | None:
        """The one image that the clause speaks of, if so."""
        return one_image(self.images)

    @property
    def sets_images_apart(self) -> bool:
        """Whether both images are named, each by itself."""
        return {"first", "second"} <= {image.value for image in self.images}

    @property
    def named_changes(self) -> list[Change]:
        """The changes that the words of change name, each once."""
        named = (change_named(mention.value) for mention in self.changes)
        return list(dict.fromkeys(change for change in named if change))


@lru_cache(maxsize=4096)  # answers repeat each other's clauses
def read_clause(text: str) -> ReadClause:
    objects, images = find_objects(text), find_pictures(text)
    same = [
        mention
        for mention in find_sameness(text)
        if mention.text.lower() not in _WORDS.in_both and not _is_one_thing(mention, objects, images)
    ]
    places = [place for place in find_places(text) if not is_relative(text, place)]
    found = objects, find_types(text), same, images, find_colors(text), places
    return ReadClause(text, words_of(text), *map(tuple, found))


def _is_one_thing(same: Mention, objects: list[Mention], images: list[Mention]) -> bool:
    """Whether "same" only picks an object out ("the same car is blue"), rather than saying that it stays."""
    if same.text.lower() not in _WORDS.picking_out or any(image.value == "both" for image in images):
        return False
    return any(same.end < mention.start <= same.end + 2 for mention in objects)


def find_spots(text: str, start: int = 0) -> list[str]:
    """Places given by another thing, in lower case: "on the shelf"."""
    return [spot[0].lower() for spot in _SPOT.finditer(text, start)]
