"""Every question has its outcome, whatever goes wrong in its batch."""

import io
import weakref

import pytest
from PIL import Image

from spd_faith.inference.batches import Generation, answer_in_batches
from spd_faith.inference.questions import Question


def generation(text, token_ids):
    return Generation(text, token_ids, prompt_tokens=9, finished=True)


class Describer:
    """Answers with the question and the widths of its pictures; fails where the original's is in `fails_at`."""

    def __init__(self, fails_at=()):
        self.fails_at = fails_at
        self.batches = []

    def __call__(self, questions):
        self.batches.append([original.width for _, original, _ in questions])
        for _, original, _ in questions:
            if original.width in self.fails_at:
                raise RuntimeError(f"cannot see {original.width}")
        return [generation(f"{text} {a.width} {b.width}", [a.width, b.width]) for text, a, b in questions]


def image(width):
    out = io.BytesIO()
    Image.new("RGB", (width, 2)).save(out, "PNG")
    return out.getvalue()


def questions(count, tasks=("same",), broken=()):
    """Pair i is named s{i}, its pictures are i + 1 and i + 101 wide; of those in `broken` the second is unreadable."""
    for i in range(count):
        modified = b"no picture" if i in broken else image(i + 101)
        for task in tasks:
            yield Question(f"s{i}", task, f"{task}?", image(i + 1), modified)


def outcomes(asked, generate, batch_size):
    return {(q.sample_id, q.task): answer for q, answer in answer_in_batches(asked, generate, batch_size)}


def test_every_question_is_answered_about_its_own_images():
    found = outcomes(questions(5, ("describe", "same")), Describer(), 2)
    assert set(found) == {(f"s{i}", task) for task in ("describe", "same") for i in range(5)}
    assert found["s1", "describe"].response_text == "describe? 2 102"
    assert found["s4", "same"].response_text == "same? 5 105"
    assert found["s4", "same"].response_token_ids == [5, 105]
    assert {answer.attempts for answer in found.values()} == {1}
    assert all(answer.error is None for answer in found.values())


def test_a_batch_holds_pairs_with_all_questions_about_them():
    generate = Describer()
    found = outcomes(questions(5, ("describe", "same")), generate, 2)
    assert generate.batches == [[1, 1, 2, 2], [3, 3, 4, 4], [5, 5]]
    assert [found[f"s{i}", "same"].batch_size for i in range(5)] == [4, 4, 4, 4, 2]


def test_questions_about_a_pair_show_the_same_images():
    shown = []
    outcomes(questions(2, ("describe", "same")), lambda asked: (shown.append(asked), Describer()(asked))[1], 2)
    (((_, *first), (_, *second), (_, *other), _),) = shown
    assert all(one is same for one, same in zip(first, second, strict=True))
    assert not any(one is another for one in first for another in other)


def test_no_more_than_a_batch_is_read_ahead():
    read = []

    def reading():
        for question in questions(10, ("describe", "same")):
            read.append(question)
            yield question

    answers = answer_in_batches(reading(), Describer(), 4)
    assert len(read) == 0
    next(answers)
    assert len(read) == 9  # the fifth pair's first question ended the fourth


def test_a_failing_batch_is_halved_until_the_question_stands_alone():
    generate = Describer(fails_at=[3])
    found = outcomes(questions(8), generate, 8)
    assert generate.batches == [[1, 2, 3, 4, 5, 6, 7, 8], [1, 2, 3, 4], [1, 2], [3, 4], [3], [4], [5, 6, 7, 8]]
    answers = [found[f"s{i}", "same"] for i in range(8)]
    assert [answer.finish_reason for answer in answers] == ["stop", "stop", "error", *["stop"] * 5]
    assert [answer.error for answer in answers if answer.error] == ["RuntimeError: cannot see 3"]
    assert (answers[2].response_text, answers[2].response_token_ids) == ("", None)
    assert [answer.batch_size for answer in answers] == [2, 2, None, 1, 4, 4, 4, 4]


def test_a_image_that_cannot_be_read_costs_its_own_questions_alone():
    generate = Describer()
    found = outcomes(questions(4, ("describe", "same"), broken=[2]), generate, 3)
    assert [key for key, answer in found.items() if answer.error] == [("s2", "describe"), ("s2", "same")]
    assert found["s2", "same"].error.startswith("image: ")
    assert generate.batches == [[1, 1, 2, 2, 4, 4]]


def test_an_interrupt_ends_the_run():
    def interrupted(shown):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        outcomes(questions(2), interrupted, 2)


def test_a_failed_batch_is_freed_before_its_halves_run():
    class Tensors:
        """Stands for what a failing forward pass holds."""

    alive = []

    def out_of_memory(shown):
        assert [tensors for tensors in alive if tensors() is not None] == []
        tensors = Tensors()
        alive.append(weakref.ref(tensors))
        if len(shown) > 1:
            raise RuntimeError("out of memory")
        return [generation("No.", [1])]

    found = outcomes(questions(4), out_of_memory, 4)
    assert [answer.error for answer in found.values()] == [None] * 4


def test_an_answer_too_few_is_not_a_shift_of_all():
    with pytest.raises(ValueError, match="zip"):
        outcomes(questions(3), lambda shown: [generation("No.", [1])], 3)


def test_finish_reason_and_counts():
    found = outcomes(questions(1), lambda shown: [Generation("It is", [4, 5], 70, False)], 1)
    answer = found["s0", "same"]
    assert (answer.finish_reason, answer.prompt_tokens, answer.generated_tokens) == ("length", 70, 2)


def test_reasoning_stands_apart():
    found = outcomes(questions(1), lambda shown: [generation("<think>I look.</think>No.", [1, 2, 3])], 1)
    answer = found["s0", "same"]
    assert (answer.response_text, answer.reasoning_text) == ("No.", "I look.")
    assert answer.response_token_ids == [1, 2, 3]


def test_a_long_error_is_cut():
    def fail(shown):
        raise RuntimeError("x" * 10_000)

    assert outcomes(questions(1), fail, 1)["s0", "same"].error == "RuntimeError: " + "x" * 486
