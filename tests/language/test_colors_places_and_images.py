"""Colors, places and images in answers."""

from spd_faith.language.colors import find_colors
from spd_faith.language.image_words import find_images
from spd_faith.language.places import find_places


def values(mentions) -> list[str]:
    return [mention.value for mention in mentions]


def test_colors_places_and_images():
    assert values(find_colors("a navy car, a light-green cup, a GREY cat and the orange on the table")) == [
        "blue",
        "green",
        "gray",
    ]
    assert values(find_places("from the upper left to the bottom-right corner, in the second row")) == [
        "top left",
        "bottom right",
        "row 2",
    ]
    assert values(find_places("in the left picture the dog has left, right next to the centre")) == ["center"]
    assert values(find_images("image 1 shows it, the modified picture does not, both images")) == [
        "first",
        "second",
        "both",
    ]
