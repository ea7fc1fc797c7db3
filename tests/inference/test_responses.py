"""One row per sample and task, whatever goes wrong."""

import io
import weakref
from dataclasses import dataclass

import pyarrow as pa
import pytest
from PIL import Image

from spd_faith.core.errors import UserError
from spd_faith.core.files import read_table, sha256, write_table
from spd_faith.core.schemas import IMAGES, RESPONSES
from spd_faith.inference.prompts import Prompt
from spd_faith.inference.responses import respond

PROMPTS = {"describe": Prompt("describe", "How many?"), "same": Prompt("same", "Same?")}
SETTINGS = {"dtype": "float32", "pixel_backend": "pil"}


@dataclass
class Answer:
    text: str
    token_ids: list[int]
    prompt_tokens: int = 9
    finished: bool = True


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
        return [Answer(f"{text} {a.width} {b.width}", [a.width, b.width]) for text, a, b in questions]


def picture(width):
    out = io.BytesIO()
    Image.new("RGB", (width, 2)).save(out, "PNG")
    return out.getvalue()


def pairs(count, broken=()):
    """Pair i is named s{i}; its pictures are i + 1 and i + 101 wide; those in `broken` have no readable second one."""
    columns = {
        "sample_id": [f"s{i}" for i in range(count)],
        "original": [picture(i + 1) for i in range(count)],
        "modified": [b"no picture" if i in broken else picture(i + 101) for i in range(count)],
    }
    digests = {f"{name}_sha256": map(sha256, columns[name]) for name in ("original", "modified")}
    rows = [
        dict(zip([*columns, *digests], row, strict=True))
        for row in zip(*columns.values(), *digests.values(), strict=True)
    ]
    return pa.Table.from_pylist(rows, schema=IMAGES)


def keys(rows):
    return [(row["sample_id"], row["task"]) for row in rows]


def test_every_question_is_answered_about_its_own_pictures():
    rows = respond(pairs(5), PROMPTS, Describer(), batch_size=2, settings=SETTINGS)
    assert keys(rows) == [(f"s{i}", task) for task in ("describe", "same") for i in range(5)]
    assert [row["response_text"] for row in rows[:2]] == ["How many? 1 101", "How many? 2 102"]
    assert rows[9]["response_text"] == "Same? 5 105"
    assert rows[9]["response_token_ids"] == [5, 105]
    assert {row["attempts"] for row in rows} == {1}
    assert all(row["error"] is None for row in rows)


def test_questions_of_one_task_share_a_batch():
    generate = Describer()
    rows = respond(pairs(5), PROMPTS, generate, batch_size=2, settings=SETTINGS)
    assert generate.batches == [[1, 2], [3, 4], [5], [1, 2], [3, 4], [5]]
    assert [row["batch_size"] for row in rows] == [2, 2, 2, 2, 1] * 2


def test_rows_fit_their_table(tmp_path):
    rows = respond(pairs(3, broken=[1]), PROMPTS, Describer(fails_at=[1]), batch_size=2, settings=SETTINGS)
    write_table(tmp_path / "responses.parquet", rows, RESPONSES)
    table = read_table(tmp_path / "responses.parquet", RESPONSES)
    assert table.num_rows == 6
    assert table["dtype"].to_pylist() == ["float32"] * 6
    assert table["prompt_sha"].to_pylist() == [sha256("How many?")] * 3 + [sha256("Same?")] * 3


def test_a_failing_batch_is_halved_until_the_question_stands_alone():
    generate = Describer(fails_at=[3])
    rows = respond(pairs(8), {"same": PROMPTS["same"]}, generate, batch_size=8, settings=SETTINGS)
    assert generate.batches == [[1, 2, 3, 4, 5, 6, 7, 8], [1, 2, 3, 4], [1, 2], [3, 4], [3], [4], [5, 6, 7, 8]]
    assert keys(rows) == [(f"s{i}", "same") for i in range(8)]
    assert [row["finish_reason"] for row in rows] == ["stop", "stop", "error", "stop", "stop", "stop", "stop", "stop"]
    assert [row["error"] for row in rows if row["error"]] == ["RuntimeError: cannot see 3"]
    assert (rows[2]["response_text"], rows[2].get("response_token_ids")) == ("", None)
    assert [row.get("batch_size") for row in rows] == [2, 2, None, 1, 4, 4, 4, 4]


def test_a_picture_that_cannot_be_read_costs_its_own_rows_alone():
    generate = Describer()
    rows = respond(pairs(4, broken=[2]), PROMPTS, generate, batch_size=4, settings=SETTINGS)
    assert [row["sample_id"] for row in rows if row["error"]] == ["s2", "s2"]
    assert rows[2]["error"].startswith("picture: ")
    assert generate.batches == [[1, 2, 4], [1, 2, 4]]
    assert keys(rows) == [(f"s{i}", task) for task in ("describe", "same") for i in range(4)]


def test_failures_are_told_in_the_log(caplog):
    respond(pairs(4, broken=[2]), PROMPTS, Describer(fails_at=[1]), batch_size=4, settings=SETTINGS)
    assert "4 of 8 questions failed; each has a row with its error" in caplog.text


def test_not_one_answer_is_a_fault_of_the_run():
    with pytest.raises(UserError, match=r"not one of 6 questions was answered; .*\n  RuntimeError: cannot see 1"):
        respond(pairs(3), PROMPTS, Describer(fails_at=[1, 2, 3]), batch_size=2, settings=SETTINGS)


def test_an_interrupt_ends_the_run():
    def interrupted(questions):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        respond(pairs(2), PROMPTS, interrupted, batch_size=2, settings=SETTINGS)


def test_a_failed_batch_is_freed_before_its_halves_run():
    class Tensors:
        """Stands for what a failing forward pass holds."""

    alive = []

    def out_of_memory(questions):
        assert [tensors for tensors in alive if tensors() is not None] == []
        tensors = Tensors()
        alive.append(weakref.ref(tensors))
        if len(questions) > 1:
            raise RuntimeError("out of memory")
        return [Answer("No.", [1])]

    rows = respond(pairs(4), {"same": PROMPTS["same"]}, out_of_memory, batch_size=4, settings=SETTINGS)
    assert [row["error"] for row in rows] == [None] * 4


def test_an_answer_too_few_is_not_a_shift_of_all():
    with pytest.raises(ValueError, match="zip"):
        respond(pairs(3), PROMPTS, lambda questions: [Answer("No.", [1])], batch_size=3, settings=SETTINGS)


def test_finish_reason_and_counts():
    def cut_off(questions):
        return [Answer("It is", [4, 5], prompt_tokens=70, finished=False)]

    (row,) = respond(pairs(1), {"same": PROMPTS["same"]}, cut_off, batch_size=1, settings=SETTINGS)
    assert (row["finish_reason"], row["prompt_tokens"], row["generated_tokens"]) == ("length", 70, 2)


def test_reasoning_has_its_own_column():
    def thinking(questions):
        return [Answer("<think>I look.</think>No.", [1, 2, 3])]

    (row,) = respond(pairs(1), {"same": PROMPTS["same"]}, thinking, batch_size=1, settings=SETTINGS)
    assert (row["response_text"], row["reasoning_text"]) == ("No.", "I look.")
    assert row["response_token_ids"] == [1, 2, 3]


def test_progress_counts_every_question():
    steps = []
    respond(pairs(5, broken=[0]), PROMPTS, Describer(fails_at=[3]), 2, SETTINGS, steps.append)
    assert steps == [2, 2, 1, 2, 2, 1]


def test_a_long_error_is_cut():
    def fail(questions):
        if questions[0][1].width == 1:
            raise RuntimeError("x" * 10_000)
        return [Answer("No.", [1])]

    rows = respond(pairs(2), {"same": PROMPTS["same"]}, fail, batch_size=1, settings=SETTINGS)
    assert rows[0]["error"] == "RuntimeError: " + "x" * 486
