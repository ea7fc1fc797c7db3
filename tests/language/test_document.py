"""The structure of an answer: items, titles, sections."""

import pytest

from spd_faith.language.document import object_of_title, read_document, without_respects
from spd_faith.language.layout import without_marks


def items(text: str) -> list[tuple[str, str]]:
    """(title, text after it) of each item."""
    return [(item.title, " ".join(text[item.title_end : item.end].split())) for item in read_document(text).items]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1. **Van**: blue now\n2. **Gull**: gone", [("Van", "blue now"), ("Gull", "gone")]),
        ("- Van – blue now\n- Gull – gone", [("Van", "blue now"), ("Gull", "gone")]),
        ("* The van is blue now.\n* The gull is gone.", [("", "The van is blue now."), ("", "The gull is gone.")]),
        ("**Van:** It is blue now.\n\n**Gull:** It is gone.", [("Van", "It is blue now."), ("Gull", "It is gone.")]),
        ("**1. Van**\nIt is blue.\n\n**2. Gull**\nIt is gone.", [("Van", "It is blue."), ("Gull", "It is gone.")]),
        ("### 1. Van\n- First photo: red\n- Second photo: blue", [("Van", "- First photo: red - Second photo: blue")]),
        ("1. **Van**\n   - In A it is red.\n   - In B it is blue.", [("Van", "- In A it is red. - In B it is blue.")]),
        ("### Vehicles\n- **Van**: blue\n- **Bus**: gone\n### Birds\n- **Gull**: gone", [
            ("Van", "blue"), ("Bus", "gone"), ("Gull", "gone"),
        ]),
        ("1. **Vehicles**:\n   - **Van**: blue\n   - **Bus**: gone", [("Van", "blue"), ("Bus", "gone")]),
        ("### Difference 1: Van\nType: color. It was red.\n### Difference 2: Gull\nIt flew.", [
            ("Van", "Type: color. It was red."), ("Gull", "It flew."),
        ]),
        ("I see two changes: 1) the van is blue, 2) the gull is gone.", [
            ("", "the van is blue,"), ("", "the gull is gone."),
        ]),
        ("First, the van is blue. Second, the gull is gone.", [
            ("", "First, the van is blue."), ("", "Second, the gull is gone."),
        ]),
        ("In the first photo, the van is red. Second, I see a gull.", []),
        ("The van was built in 1998. It is blue now.", []),
    ],
)  # fmt: skip
def test_items(text, expected):
    assert items(text) == expected


@pytest.mark.parametrize(
    ("text", "roles"),
    [
        ("**Image 1:** a van\n\n**Image 2:** a bus\n\n**Differences:**\n1. the van", [
            "description", "description", "comparison", "comparison",
        ]),
        ("The pictures differ:\n- the van\n\nIn total, one difference.", ["comparison", "comparison", "summary"]),
        ("The pictures differ:\n- the van\n\nSo there are two changes.", ["comparison", "comparison", "summary"]),
        ("The pictures differ:\n- the van\n\nThere are also fewer gulls.", ["comparison"] * 3),
        ("### Similarities\n- the van\n\n### Changes\n- the bus", ["similarities", "comparison", "comparison"]),
        ("**Step 1: Identify the objects.** A van.\n\n**Step 2: Compare.** Blue.", ["description", "comparison"]),
        ("There are two vans.\n\nThere is a gull.", ["open", "open"]),
    ],
)  # fmt: skip
def test_sections(text, roles):
    assert [section.role for section in read_document(text).sections] == roles


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("The kettle", "kettle"),
        ("Bench on the left", "bench"),
        ("The woman's handbag", "handbag"),
        ("Hanging scale", "hanging scale"),
        ("Image quality", "image quality"),
    ],
)
def test_object_of_title(title, name):
    assert object_of_title(title) == name


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("1. Position of the skater: he crouches in the first image", "the skater: he crouches"),
        ("1. Skater's position: he crouches in the first image", "Skater: he crouches"),
        ("1. Van color: red in the first image", "Van: red"),
        ("1. Van color: different", "Van color: different"),
        ("1. Color of the van: it changed in the second image", "Color of the van: it changed"),
    ],
)
def test_respects_in_titles_are_blank_where_the_text_states_the_sides(text, kept):
    blank = without_respects(without_marks(text), read_document(text).items)
    assert len(blank) == len(text)
    assert kept in " ".join(blank.split()).replace(" :", ":")


def test_an_item_ends_before_the_next_paragraph():
    text = "- The van is blue now.\n  It was red.\n\nThe rest is the same."
    assert items(text) == [("", "The van is blue now. It was red.")]
    document = read_document(text)
    assert document.item_at(text.index("It was")) == document.items[0]
    assert document.item_at(text.index("rest")) is None
