"""A clause together with everything that it mentions."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from spd_faith.language.attributes import is_relative, one_image
from spd_faith.language.categories import is_aspect, is_worn
from spd_faith.language.change_kinds import Change, change_named
from spd_faith.language.changes import find_types
from spd_faith.language.colors import find_colors
from spd_faith.language.image_words import DEPICTIONS, find_images
from spd_faith.language.lexicon import LexiconFile, PhraseList, any_of, load_lexicon
from spd_faith.language.objects import find_objects
from spd_faith.language.places import find_places
from spd_faith.language.sameness import find_sameness
from spd_faith.language.word_classes import ADVERBS, CONJUNCTIONS, PREPOSITIONS, VERBS
from spd_faith.language.words import Mention, Text, word_after, words_within


class _Mentions(LexiconFile):
    spot_relations: PhraseList
    spot_openers: PhraseList
    no_spots: PhraseList
    in_both: PhraseList
    picking_out: PhraseList


_WORDS = load_lexicon("mentions", _Mentions)
_SPOT = re.compile(
    rf"\b{any_of(_WORDS.spot_relations)}\s{any_of(_WORDS.spot_openers)}"
    rf"\s(?!(?:\w+\s)?{any_of((*DEPICTIONS, *_WORDS.no_spots))})\w+",
    re.I,
)


@dataclass(frozen=True)
class ReadClause(Text):
    """A clause and its mentions, in text order; `changes` are change words, `same` are words for sameness."""

    objects: tuple[Mention, ...]
    changes: tuple[Mention, ...]
    same: tuple[Mention, ...]
    images: tuple[Mention, ...]
    colors: tuple[Mention, ...]
    places: tuple[Mention, ...]

    @property
    def image(self) -> int | None:
        """The image that the clause is about, if it is only one."""
        return one_image(self.images)

    @property
    def sets_images_apart(self) -> bool:
        """Whether both images are named separately."""
        return {"first", "second"} <= {image.value for image in self.images}

    @property
    def named_changes(self) -> list[Change]:
        """The distinct changes that the change words name."""
        named = (change_named(mention.value) for mention in self.changes)
        return list(dict.fromkeys(change for change in named if change))


@lru_cache(maxsize=4096)  # answers repeat each other's clauses
def read_clause(text: str) -> ReadClause:
    read = Text(text)
    objects, images, changes = find_objects(read), find_images(read), find_types(read)
    same = tuple(same for same in find_sameness(read) if _is_of_object(same, objects, images))
    objects = [one for one in objects if not is_aspect(one.value) or (changes and not same and _is_led(read, one))]
    return ReadClause(
        text,
        objects=tuple(objects),
        changes=tuple(changes),
        same=same,
        images=tuple(images),
        colors=tuple(find_colors(read)),
        places=tuple(place for place in find_places(read) if not is_relative(text, place, images)),
    )


def _is_led(text: Text, aspect: Mention) -> bool:
    """Whether an aspect ("lighting") is what a clause speaks of, rather than one of those that it enumerates."""
    after = word_after(text.words, words_within(text.words, 0, aspect.end).stop)
    return not after or after in VERBS or after in PREPOSITIONS or after in ADVERBS or after in CONJUNCTIONS


def _is_of_object(same: Mention, objects: Sequence[Mention], images: Sequence[Mention]) -> bool:
    """Whether a word says that an object stays the same: not "in both", and not a word that only identifies it."""
    text = same.text.lower()
    if text in _WORDS.in_both:
        return False
    if text not in _WORDS.picking_out or not same.start or any(image.value == "both" for image in images):
        return True  # also "Same car, same dog."
    picked = next((one for one in objects if same.end < one.start <= same.end + 2), None)  # "the same car is blue"
    return picked is None or (is_worn(picked.value) and picked is not objects[0])  # "she wears the same dress"


def find_spots(text: str, start: int = 0) -> list[str]:
    """Places relative to another object, in lower case: "on the shelf"."""
    return [spot[0].lower() for spot in _SPOT.finditer(text, start)]
