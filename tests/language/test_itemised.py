"""Claims of items and of passages that set the images apart."""

import pytest

from spd_faith.language.document import read_document
from spd_faith.language.itemised import read_claims


def claims(text: str) -> list[tuple[str, tuple[str, ...], str | None]]:
    return [(str(said.kind), said.objects, said.change) for said in read_claims(text, read_document(text))]


DIFFERS = "difference"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # an item that only describes, or that no rule reads, is a difference without a known type
        ("Differences:\n1. **Kettle**: lit in the second picture", [(DIFFERS, ("kettle",), "other")]),
        ("Differences:\n- **Gauge**: it points up in image 1 and down in image 2", [(DIFFERS, ("gauge",), "other")]),
        ("Differences:\n- **Horse**: its head is lowered in the first image; it is raised in the second image", [
            (DIFFERS, ("horse",), "other"),
        ]),
        # not if it says that nothing changed, only supposes it, or stands in a description
        ("Differences:\n- **Kettle**: no change", [("sameness", ("kettle",), None)]),
        ("Differences:\n- **Gauge**: perhaps another value", []),
        ("**Image 1:**\n- **Gauge**: reads 7", []),
        # what an item says twice is one claim
        ("Differences:\n- **Dog**: The dog is gone. No dog is in the second image.", [
            (DIFFERS, ("dog",), "remove"),
        ]),
        # the title says what a pronoun means
        ("- **Weathervane** – it is missing from the second image", [(DIFFERS, ("weathervane",), "remove")]),
        # objects on both sides
        ("Image 1 shows a table with a red kettle and a black cup, image 2 one with a blue kettle and a white cup.", [
            (DIFFERS, ("kettle",), "color"), (DIFFERS, ("cup",), "color"),
        ]),
        ("- Outfit: a red jacket and black shorts in the first image; a blue jacket and gray shorts in the second", [
            (DIFFERS, ("jacket",), "color"), (DIFFERS, ("shorts",), "color"),
        ]),
        ("Differences:\n- Sheep: there are four sheep in the first image and two sheep in the second", [
            (DIFFERS, ("sheep",), "remove"),
        ]),
        ("Differences:\n- Sheep: four sheep in the first image; only two in the second", [
            (DIFFERS, ("sheep",), "remove"),
        ]),
        ("| Object | Image 1 | Image 2 |\n|---|---|---|\n| Sheep | two sheep | three sheep |", [
            (DIFFERS, ("sheep",), "added"),
        ]),
        # "the same" that only picks out the object
        ("In image 1, the big van is red. In image 2, the same big van is blue.", [(DIFFERS, ("van",), "color")]),
        # a summary repeats
        ("1. The dog is gone.\n\nIn summary, the change is the dog.", [(DIFFERS, ("dog",), "remove")]),
    ],
)  # fmt: skip
def test_claims(text, expected):
    assert claims(text) == expected
