"""What one clause mentions."""

import re
from functools import lru_cache
from typing import NamedTuple

from spd_faith.language.attributes import is_relative
from spd_faith.language.changes import find_types
from spd_faith.language.colors import find_colors
from spd_faith.language.image_words import find_pictures
from spd_faith.language.objects import find_objects
from spd_faith.language.places import find_places
from spd_faith.language.sameness import find_sameness
from spd_faith.language.words import Mention

_SPOT = re.compile(
    r"\b(?:on|in|against|under|below|above|beside|behind|near|by|inside|at|over|next to|in front of|on top of|close to"
    r"|(?:to|on|at) the (?:left|right)(?: side)? of)"
    r"\s(?:the|a|an|his|her|its|their)\s"
    r"(?!(?:\w+\s)?(?:picture|image|photo|scene|shot|first|second|left|right|top|bottom))\w+",
    re.I,
)


class Mentions(NamedTuple):
    """Each in the order of the clause; `types` of changes, `same` words by which something stays as it is."""

    objects: list[Mention]
    types: list[Mention]
    same: list[Mention]
    pictures: list[Mention]
    colors: list[Mention]
    places: list[Mention]


@lru_cache(maxsize=4096)  # answers repeat each other's clauses
def find_mentions(clause: str) -> Mentions:
    objects, pictures = find_objects(clause), find_pictures(clause)
    same = [
        mention
        for mention in find_sameness(clause)
        if mention.text.lower() != "in both" and not _one_thing(mention, objects, pictures)
    ]
    places = [place for place in find_places(clause) if not is_relative(clause, place)]
    return Mentions(objects, find_types(clause), same, pictures, find_colors(clause), places)


def _one_thing(same: Mention, objects: list[Mention], pictures: list[Mention]) -> bool:
    """Whether "same" only picks an object out ("the same car is blue"), rather than saying that it stays."""
    if same.text.lower() != "same" or any(picture.value == "both" for picture in pictures):
        return False
    return any(same.end < mention.start <= same.end + 2 for mention in objects)


def find_spots(clause: str, start: int = 0) -> list[str]:
    """Places told by another thing, in lower case: "on the shelf"."""
    return [spot[0].lower() for spot in _SPOT.finditer(clause, start)]
