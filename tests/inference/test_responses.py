"""What the journal lacks is asked, once; every question gets its row."""

from dataclasses import replace
from functools import partial

import pytest

from spd_faith.core.errors import UserError
from spd_faith.core.files import read_table, sha256, write_table
from spd_faith.core.journal import Journal
from spd_faith.core.schemas import IMAGES, RESPONSES
from spd_faith.inference.answers import Answer, Provenance, failed
from spd_faith.inference.prompts import Prompt
from spd_faith.inference.questions import QuestionId, asked_questions, question_keys, read_questions
from spd_faith.inference.responses import Failure, Outcomes, all_rows, ask_missing, joint_provenance, missing_questions

PROMPTS = {"describe": Prompt("describe", "How many?"), "same": Prompt("same", "Same?")}
PROVENANCE = Provenance("m", "float32", "pil", {"device": "cpu"}, "r1")


class Teller:
    """Answers with the words and images it was shown; fails where the original is in `fails_at`."""

    def __init__(self, fails_at=(), provenance=PROVENANCE):
        self.fails_at = fails_at
        self.provenance = provenance
        self.asked = []

    def is_of_same_model(self, provenance):
        return provenance["revision"] == self.provenance.revision

    def answer(self, questions, num_answered=0):
        self.num_answered = num_answered
        for question in questions:
            self.asked.append(question.id)
            if question.original in self.fails_at:
                yield question, failed("cannot see")
            else:
                told = f"{question.text} {question.original.decode()} {question.modified.decode()}"
                yield question, Answer(told, None, [7], "stop", 3, 1, 0.5, None, 1, 1, None)


@pytest.fixture
def images(tmp_path):
    """Three pairs; the third has the pictures of the first."""
    rows = []
    for name, original, modified in [("s0", b"a", b"b"), ("s1", b"c", b"d"), ("s2", b"a", b"b")]:
        shas = {"original_sha256": sha256(original), "modified_sha256": sha256(modified)}
        rows.append({"sample_id": name, "original": original, "modified": modified, **shas})
    write_table(tmp_path / "images.parquet", rows, IMAGES)
    return tmp_path / "images.parquet"


def keys_of(images, prompts=PROMPTS, **identity):
    return question_keys(read_table(images, IMAGES).to_pylist(), prompts, {"model": "m", "generation": 1} | identity)


def run(images, teller, prompts=PROMPTS, **identity):
    """Rows of one worker that starts from what the journal beside the images holds."""
    asked = keys_of(images, prompts, **identity)
    with Journal(images.parent / "journal") as journal:
        outcomes = Outcomes(journal.read())
        if missing_questions(asked, outcomes.answered):
            read = partial(read_questions, images, prompts=prompts)
            outcomes = ask_missing(asked, read, teller, journal, "Teller")
        return outcomes.rows(asked)


def test_every_question_has_its_row_task_by_task(images, tmp_path):
    rows = run(images, Teller())
    assert [(row["sample_id"], row["task"]) for row in rows] == [
        (sample, task) for task in ("describe", "same") for sample in ("s0", "s1", "s2")
    ]
    assert [row["response_text"] for row in rows[:2]] == ["How many? a b", "How many? c d"]
    write_table(tmp_path / "responses.parquet", rows, RESPONSES)
    table = read_table(tmp_path / "responses.parquet", RESPONSES)
    assert table["prompt_sha"].to_pylist() == [sha256("How many?")] * 3 + [sha256("Same?")] * 3
    assert table["dtype"].to_pylist() == ["float32"] * 6


def test_the_same_images_are_asked_once(images):
    teller = Teller()
    rows = run(images, teller)
    assert sorted(teller.asked) == [(sample, task) for sample in ("s0", "s1") for task in ("describe", "same")]
    assert rows[2]["response_text"] == rows[0]["response_text"] == "How many? a b"


def test_a_control_is_asked_what_its_kind_declares(images, tmp_path):
    controls = {"s0": "identical", "s1": "none", "s2": "undone"}
    questions = keys_of(images)
    asked = asked_questions(questions, controls)
    assert {question.id for question in questions} - {question.id for question in asked} == {("s2", "same")}
    teller = Teller()
    with Journal(images.parent / "journal") as journal:
        read = partial(read_questions, images, prompts=PROMPTS)
        rows = all_rows(questions, ask_missing(asked, read, teller, journal, "Teller").rows(asked))
    assert [(row["sample_id"], row["task"]) for row in rows] == [question.id for question in questions]
    write_table(tmp_path / "responses.parquet", rows, RESPONSES)
    table = read_table(tmp_path / "responses.parquet", RESPONSES).to_pylist()
    by_id = {(row["sample_id"], row["task"]): row for row in table}
    unasked = by_id["s2", "same"]  # although the journal has the answer to the same question about the same images
    assert (unasked["failure"], unasked["attempts"], unasked["response_text"]) == ("not_asked", 0, "")
    assert by_id["s2", "describe"]["response_text"] == by_id["s0", "describe"]["response_text"] == "How many? a b"
    assert [row["failure"] for row in table].count("not_asked") == 1
    assert len(teller.asked) == 4  # the images of s2 are those of s0


def test_what_was_answered_is_never_asked_again(images):
    first = run(images, Teller())
    again = Teller()
    assert run(images, again) == first
    assert again.asked == []


@pytest.mark.parametrize(
    ("change", "asked"),
    [
        ({"generation": 2}, 4),
        ({"model": "other"}, 4),
        ({"prompts": PROMPTS | {"same": Prompt("same", "Equal?")}}, 2),
    ],
)
def test_a_change_of_identity_or_prompt_asks_again_what_it_concerns(images, change, asked):
    run(images, Teller())
    teller = Teller()
    run(images, teller, **change)
    assert len(teller.asked) == asked


def test_a_changed_image_asks_again_about_its_pair(images):
    run(images, Teller())
    rows = read_table(images, IMAGES).to_pylist()
    rows[1] |= {"modified": b"e", "modified_sha256": sha256(b"e")}
    write_table(images, rows, IMAGES)
    teller = Teller()
    assert run(images, teller)[1]["response_text"] == "How many? c e"
    assert sorted(teller.asked) == [("s1", "describe"), ("s1", "same")]


def test_a_failure_is_a_row_and_is_retried(images, caplog):
    rows = run(images, Teller(fails_at=[b"c"]))
    assert [(row["sample_id"], row["finish_reason"], row["error"]) for row in rows if row["error"]] == [
        ("s1", "error", "cannot see"),
        ("s1", "error", "cannot see"),
    ]
    assert "2 of 4 questions failed; each has a row with its error" in caplog.text
    teller = Teller()
    assert all(row["error"] is None for row in run(images, teller))
    assert sorted(teller.asked) == [("s1", "describe"), ("s1", "same")]


def test_answers_of_a_journal_that_knows_no_failures_have_them(images):
    stored = {"reasoning_text": None, "response_token_ids": None, "prompt_tokens": 3, "generated_tokens": 1}
    stored |= {"seconds": 0.5, "usd": None, "attempts": 1, "batch_size": None, "error": None}
    endings = [("One.", "stop"), ("", "length"), ("One", "length"), ("A vase", "content_filter")]
    asked = list({question.key: question for question in keys_of(images)}.values())
    with Journal(images.parent / "journal") as journal:
        for question, (text, reason) in zip(asked, endings, strict=True):
            content = {"response_text": text, "finish_reason": reason} | stored
            journal.append(question.key, content, PROVENANCE.to_json())
    teller = Teller()
    by_id = {(row["sample_id"], row["task"]): row for row in run(images, teller)}
    found = [by_id[question.id] for question in asked]
    assert teller.asked == []
    assert [row["failure"] for row in found] == [None, "model", None, "model"]
    assert [row["response_text"] for row in found] == ["One.", "", "One", ""]
    assert found[3]["error"] == "withheld: A vase"


def test_not_one_answer_is_a_fault_of_the_run(images):
    with pytest.raises(UserError, match="none of 4 questions was answered; the first error was\n  cannot see"):
        run(images, Teller(fails_at=[b"a", b"c"]))


def test_an_answer_is_in_the_journal_before_the_next_is_given(images):
    class Dying(Teller):
        def answer(self, questions, num_answered=0):
            for number, outcome in enumerate(super().answer(questions)):
                if number == 3:
                    raise KeyboardInterrupt
                yield outcome

    with pytest.raises(KeyboardInterrupt):
        run(images, Dying())
    teller = Teller()
    run(images, teller)
    assert len(teller.asked) == 1


def test_where_some_were_answered_before_each_failure_is_a_row(images):
    """The error is not with the setup, which has answered; an engine is told how many it has."""
    run(images, Teller(fails_at=[b"c"]))
    teller = Teller(fails_at=[b"c"])
    rows = run(images, teller)
    assert teller.num_answered == 4  # of six questions, two of them about equal images
    assert sorted(row["sample_id"] for row in rows if row["error"]) == ["s1", "s1"]


def test_answers_of_another_model_are_asked_for_again(images):
    """Where anything is missing; else no model is loaded that could say which one it is."""
    run(images, Teller())
    moved = Teller(provenance=replace(PROVENANCE, revision="r2"))
    run(images, moved)
    assert moved.asked == []
    run(images, moved, PROMPTS | {"different": Prompt("different", "Different?")})
    assert len(moved.asked) == 6


def test_progress_counts_every_question(images, capsys):
    run(images, Teller(fails_at=[b"c"]))
    assert "Teller: 4/4 questions" in capsys.readouterr().err


def test_images_of_other_samples_are_not_read(images):
    (question,) = read_questions(images, [QuestionId("s1", "same")], PROMPTS)
    assert (question.id, question.text) == (("s1", "same"), "Same?")
    assert (question.original, question.modified) == (b"c", b"d")


def test_joint_provenance_tells_each_value_once():
    first, second = {"model": "m", "device": "cpu"}, {"model": "m", "device": "cuda"}
    assert joint_provenance([first, second, first]) == {"model": "m", "device": "cpu, cuda"}
    assert joint_provenance([]) == {}


def test_rows_fit_the_table_where_all_is_null(tmp_path):
    pair = {"sample_id": "s", "original_sha256": "1", "modified_sha256": "2"}
    asked = question_keys([pair], {"same": PROMPTS["same"]}, {})
    failure = Failure(failed("no luck", attempts=6, seconds=2.5), replace(PROVENANCE, dtype=None))
    rows = Outcomes({}, {asked[0].key: failure}).rows(asked)
    write_table(tmp_path / "responses.parquet", rows, RESPONSES)
    (row,) = read_table(tmp_path / "responses.parquet", RESPONSES).to_pylist()
    assert (row["attempts"], row["dtype"], row["pixel_backend"]) == (6, None, "pil")
