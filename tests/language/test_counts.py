"""Numbers of differences in answers."""

import pytest
from growth import assert_about_linear

from spd_faith.language.counts import find_count, find_count_phrase


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("There are three differences.", 3),
        ("I can see 3 main differences between them", 3),
        ("Only one difference.", 1),
        ("A single visible change", 1),
        ("There are no differences.", 0),
        ("There aren't any noticeable differences.", 0),
        ("The two pictures are identical.", 0),
        ("The two pictures are identical except for the car.", None),
        ("Number of differences: **2**", 2),
        ("differences: 2", 2),
        ("Difference 2: the car moved", None),
        ("4", 4),
        ("**Five.**", 5),
        ("There are two (2) differences", 2),
        ("I first saw 5 changes. In total there are 4 differences.", 4),
        ("2.5 differences", None),
        ("-3 differences", None),
        ("two or three differences", None),
        ("There are no other differences.", None),
        ("No.", None),
        ("three cars and two dogs", None),
        ("a couple of differences", 2),
    ],
)
def test_find_count(text, count):
    assert find_count(text) == count


LIST = "1. The car moved.\n2. The dog is gone.\n"


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("There are **four** differences.", 4),
        ("a total of **7** differences between the images", 7),
        ("6 differences across objects, colors, and placement", 6),
        ("exactly 3 distinct, noticeable differences", 3),
        ("I found three differences:\n\n" + LIST + "3. The cup is red.", 3),
        ("There are 3 differences between the two pictures:\n\n1. car\n2. dog\n3. cup", 3),
        ("Changes: 3\n- car\n- dog\n- cup", 3),
        ("Total differences: **4** (a toothbrush, a towel, the tiles, the bin).", 4),
        ("Here are the differences:\n\n**1. Car**: red\n**2. Dog**: gone", None),
        ("Differences: one cup is missing", None),
        ("Altogether there are **five** differences in the two photos.", 5),
        ("I count four.", 4),
        ("Counting them shows a total of 6.", 6),
        ("**Final answer:** 3", 3),
        ("Only one thing changes between these two photos.", 1),
        ("three items differ: the fridge, the bowl and the kettle", 3),
        ("The only thing that differs is the weather.", 1),
        ("two of the three differences are colors", 3),
        ("One of the differences is the car.", None),
        ("The bus is red in the first. There is one difference between them, and it is the bus.", 1),
        ("One difference is the car. Another difference is the dog.", None),
        ("One difference: the car is gone.", 1),
        ("The only difference is the color of the bus.", 1),
        ("There are several differences.", None),
        ("Every single difference matters.", None),
        ("There isn't a single difference.", 0),
    ],
)
def test_number_of_differences(text, count):
    assert find_count(text) == count


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("One. The teddy bear is white now.", 1),
        ("2. The umbrella is green and the bananas are gone.", 2),
        ("**5**\n\n1. a hat\n2. a bag\n3. a dog\n4. a cup\n5. a bed", 5),
        ("**Three**:\n1. the tie\n2. the bag\n3. the flowers", 3),
        ("None. Both pictures show a man on a bench.", 0),
        (LIST, None),
        ("1. The car moved.", None),
        ("Two men sit on a bench.", None),
    ],
)
def test_number_that_opens_the_answer(text, count):
    assert find_count(text) == count


@pytest.mark.parametrize(
    ("text", "count"),
    [
        (LIST + "\nThese are the only differences.", 2),
        ("- The car moved.\n- The dog is gone.\n- Bench: no change\nThose are the only changes I can see.", 2),
        ("First, the car moved. Second, the dog left. Third, the cup is red. These are all the differences.", 3),
        ("There are: 1) the car, 2) the dog. No more. Those are the only ones.", 2),
        ("These two are the only differences.", 2),
        ("These are the main differences.", None),
        ("The only differences are the car and the dog.", None),
        (LIST + "These are the main differences.", None),
    ],
)
def test_only_differences_are_as_many_as_were_listed(text, count):
    assert find_count(text) == count


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("5 differences … wait, 4.", 4),
        ("I count five differences. Actually, there are only four differences.", 4),
        ("Five, no, make that four.", 4),
        ("Two differences. Hmm, on closer inspection there are three differences.", 3),
        ("There are 4 differences... wait. The door: same.\nCorrected answer: 2 differences.", 2),
        ("At first glance I see two differences, but there are actually three differences.", 3),
        ("I thought there were two differences, but there are no differences.", 0),
        ("I see three, maybe four differences.", 3),
        ("three differences, possibly four", 3),
        ("between 3 and 5 differences", None),
        ("more than three differences", None),
        ("Not two differences but three differences.", 3),
    ],
)
def test_corrected_and_uncertain_numbers(text, count):
    assert find_count(text) == count


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("Position changes: none.", None),
        ("No objects have been moved.", None),
        ("There are no changes in color.", None),
        ("two color differences and one position difference", None),
        ("Two objects changed color.", None),
        ("Color changes: 2\nPosition changes: none\nTotal: 3", 3),
        ("**Color:** no difference. **Position:** one change.", 1),
        ("Cabinets: no change.\nThere are **2 differences** between the two pictures.", 2),
        ("| Cup | no change |", None),
        ("The laptop shows no changes.", None),
        ("There is no difference in the car.", None),
        ("I see 2 differences in the color of the bus and the position of the dog.", 2),
    ],
)
def test_counts_of_one_type_or_object_are_not_the_count(text, count):
    assert find_count(text) == count


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("The two pictures are identical in terms of color, layout and objects.", 0),
        ("There are no visible changes in lighting, position or objects.", 0),
        ("They look identical to me. If there is a difference, it is too subtle.", 0),
        ("The images show no differences.", 0),
        ("Nothing has changed.", 0),
        ("Nothing else has changed.", None),
        ("In conclusion, no differences were found.", 0),
        ("I don't see any other differences.", None),
        ("The bus changed; otherwise there are no differences.", None),
        ("Apart from the bus there are no differences.", None),
        ("There are no differences apart from the bus.", None),
        ("No further changes were found.", None),
        ("Both images look identical at first glance.", None),
        ("I don't see any difference. The only thing that changes is the car.", 1),
    ],
)
def test_denials(text, count):
    assert find_count(text) == count


@pytest.mark.parametrize(
    "words", ["only differences ", "one difference another ", "answer: 1. ", "no change in ", "wait, "]
)
def test_time_is_linear_in_the_length(words):
    assert_about_linear(find_count, lambda times: words * times, 200_000 // len(words))


@pytest.mark.parametrize(
    ("text", "number", "words"),
    [
        ("There are two differences. The car is gone.", 2, "There are two differences"),
        ("Looking closely, I  can see **3** main  differences between them.", 3, "I  can see **3** main  differences"),
        ("I first saw 5 changes. In total there are 4 differences.", 4, "In total there are 4 differences"),
        ("The car is red. **Total: 7 differences**", 7, "Total: 7 differences"),
        ("The car is gone; number of differences: *2*.", 2, "number of differences: *2"),
        ("I looked at it. There are no differences at all.", 0, "There are no differences"),
        ("The two pictures are identical.", 0, "The two pictures are identical"),
        ("**Five.**", 5, "Five"),
        ("3. The car moved.", 3, "3"),
        ("İ. There is one difference.", 1, "There is one difference"),  # longer in lower case
        (
            f"{LIST}These are the only differences.",
            2,
            "These are the only differences",
        ),
    ],
)
def test_the_words_of_a_count(text, number, words):
    found = find_count_phrase(text)
    assert (found.number, text[found.start : found.end]) == (number, words)
    assert find_count(text) == number


def test_no_words_without_a_count():
    assert find_count_phrase("The car is gone.") is find_count_phrase("") is None
