"""Verdicts of answers to the two yes/no questions."""

from pathlib import Path

import pytest
import yaml

from spd_faith.parsing.verdicts import is_unread_verdict, verdict

ANSWERS = [
    ("same", "No. The car moved. Everything else is the same.", "differs"),
    ("same", "No.", "differs"),
    ("different", "No.", "same"),
    ("same", "Yes", "same"),
    ("different", "Yes.", "differs"),
    ("same", "Yes, they are identical", "same"),
    ("same", "They appear the same except the car", "differs"),
    ("different", "They appear the same except the car", "differs"),
    ("same", "Not quite", "differs"),
    ("same", "They are not identical", "differs"),
    ("same", "Both are the same", "same"),
    ("different", "Both are the same", "same"),
    ("same", "**No**", "differs"),
    ("same", '{"answer": "no"}', "differs"),
    ("same", '{"same": false}', "differs"),
    ("different", '```json\n{"different": true}\n```', "differs"),
    ("same", "I am not sure.", "unclear"),
    ("same", "", "unclear"),
    ("same", "Yes and no.", "unclear"),
    ("same", "Yes, they are identical. The car has been removed.", "unclear"),
    ("same", "No. The two pictures are identical.", "unclear"),
    ("different", "Yes, the two pictures are the same.", "unclear"),
    ("same", "No, the two pictures are not the same. The color of the car has changed.", "differs"),
    ("different", "No, the two pictures are not different.", "same"),
    ("different", "Yes, the two pictures are different. The dog has moved.", "differs"),
    ("same", "No, the pictures are not same, in second picture the car is not there", "differs"),
    ("same", "They look the same. However, the car has moved.", "differs"),
    ("same", "No differences.", "same"),
    ("different", "There are no differences between the two pictures.", "same"),
    ("different", "I cannot see any differences.", "same"),
    ("same", "There is one difference: the cup is gone.", "differs"),
    ("different", "Not really, they are the same.", "same"),
    ("same", "Almost. The car changed.", "differs"),
    ("different", "Slightly different.", "differs"),
    ("same", "The dog is the same, but the car is red now.", "differs"),
    ("same", "Same", "same"),
    ("different", "Different", "differs"),
    ("same", "Not the same", "differs"),
    ("different", "identical", "same"),
    ("same", "The answer is no.", "differs"),
    (
        "same",
        "Let me compare. The car is red in the first picture and blue in the second. So the answer is: **No**",
        "differs",
    ),
    ("same", "No, they are almost the same but the clock is missing", "differs"),
    ("different", "No, everything is unchanged: the dog, the car and the cup are the same.", "same"),
    ("same", "Yes. I compared the dog, the car and the cup; nothing changed.", "same"),
    ("same", "Yes. All objects are in the same place and have the same color.", "same"),
    ("same", "I cannot determine whether they are the same.", "unclear"),
    ("same", "asdf qwer", "unclear"),
    ("same", "Nope!", "differs"),
    ("different", "Yes they differ in the color of the bus.", "differs"),
    ("different", "No, there is no difference.", "same"),
    ("same", "Yes, there is no difference between them.", "same"),
    ("same", "No, there are no differences.", "unclear"),
    ("same", "Yes, the two pictures are the same except that the bench is gone.", "differs"),
    ("different", "Yeah, the umbrella is another colour.", "differs"),
    ("same", "I think they are the same picture.", "same"),
    ("same", "Yes. Both pictures show a red car and a dog.", "same"),
    ("same", "It is not the same.", "differs"),
    ("same", "No, but very similar.", "differs"),
    ("same", "True", "same"),
    ("different", "False", "same"),
    ("same", "The car has moved.", "differs"),
    ("different", "The pictures are very similar.", "unclear"),
    ("same", "Yes, but the car changed color.", "differs"),
    (
        "same",
        "No, I compared the dog, car and bench, and the car has a different color. The others are the same.",
        "differs",
    ),
    ("different", "Yes, I compared color and position of the objects.", "differs"),
    ("same", "Yes, I compared the color, the position and the presence of each object.", "same"),
    ("same", "No, these two picture is not same because the second one lost the clock.", "differs"),
    ("different", "Yes, is different. In picture 2 have no dog.", "differs"),
    ("same", "- No\n- The clock was taken away.", "differs"),
    ("same", "Final answer: Yes", "same"),
    (
        "different",
        "Comparing both scenes object by object: the dog, the car and the bus are all where they were. No",
        "same",
    ),
    ("same", "Perhaps they are the same.", "unclear"),
    ("different", '{"answer": false}', "same"),
    ("same", "{'answer': 'no'}", "differs"),
    ("same", "They are.", "same"),
    ("different", "They are not.", "same"),
    ("same", "I don't think so. The dog is gone.", "differs"),
    ("different", "I think so.", "differs"),
    ("same", "For me not.", "differs"),
    ("same", "I would lean towards no, one chair is missing.", "differs"),
    ("same", "Probably not.", "differs"),
    ("different", "Probably.", "unclear"),
    ("same", "It's a yes.", "same"),
    ("same", "Looks the same to me... oh wait, no. The cup moved.", "differs"),
    ("same", "Yes... wait, no. The cup moved.", "differs"),
    ("same", "Pizza, knife. So no.", "differs"),
    ("different", "Yes, but no dog was removed.", "differs"),
    ("same", "Almost identical.", "differs"),
    ("different", "There are some differences.", "differs"),
    ("different", "Yes. I also looked at the curtains, and they are the same.", "differs"),
    ("same", "The answer would be no.", "differs"),
    ("same", "\x00\ud800", "unclear"),
]


AS_MODELS_ANSWER = yaml.safe_load(Path(__file__).with_name("verdict_answers.yaml").read_text(encoding="utf-8"))


@pytest.mark.parametrize(("task", "answer", "expected"), [*ANSWERS, *AS_MODELS_ANSWER])
def test_verdict(task, answer, expected):
    assert verdict(answer, task) == expected


@pytest.mark.parametrize(("word", "same", "different"), [("Yes.", "same", "differs"), ("no", "differs", "same")])
def test_polarity_depends_on_the_question(word, same, different):
    assert (verdict(word, "same"), verdict(word, "different")) == (same, different)


@pytest.mark.parametrize(
    ("task", "answer", "expected"),
    [
        ("same", "不同。", "differs"),
        ("same", "不是", "differs"),
        ("different", "是的。", "differs"),
        ("different", "没有", "same"),
        ("different", "**Oui**", "differs"),
        ("same", "Non.", "differs"),
        ("different", '{"answer": "相同"}', "same"),
        ("same", "\\boxed{不同}", "differs"),
        ("same", "不，这两张图片不同，汽车的颜色变了。", None),
        ("same", "Non, la voiture est bleue dans la deuxième image.", None),
        ("different", "ответ", None),
        ("different", '{"different": true, "reason": "汽车的颜色不同"}', None),
        ("different", '是的，汽车的颜色变了。\n{"different": true}', None),
        ("same", 'No. The sign "出口" is missing.', "differs"),
        ("same", "Nope.", "differs"),
    ],
)
def test_other_languages(task, answer, expected):
    assert verdict(answer, task) == expected
    assert is_unread_verdict(answer) == (expected is None)
