"""The failures of each model: over all questions, by question, by split; and how its answers were parsed."""

from collections.abc import Iterator, Sequence

import pandas as pd

from spd_faith.core.schemas import PARSE_STATUSES, TASKS
from spd_faith.leaderboard.failed_answers import FAILURE_KINDS
from spd_faith.leaderboard.model import COUNT, Cell, Column, Group, Section, Table, Text, Value, note
from spd_faith.leaderboard.row_cells import MODEL, Row, model_cell, rows_by_model

_OF_ANSWERS = {
    "model": Column(
        "No answer by the model",
        COUNT,
        "Answers that are empty, withheld by a filter or the model, or cut before they said anything. They score 0. "
        "Lower is better.",
    ),
    "cut": Column(
        "Cut at the limit",
        COUNT,
        "Answers that reached the limit on generated tokens. What they said before is scored. Lower is better.",
    ),
    "transport": Column(
        "No reply",
        COUNT,
        "Questions without a reply after all attempts. They are not scored and lower the coverage. Lower is better.",
    ),
    "timeout": Column("Timed out", COUNT, "Those of the questions without a reply that ran out of time."),
    "not_asked": Column(
        "Not asked",
        COUNT,
        "Questions that were not asked: those missing in a file of answers, or all of a model in which its "
        "intervention has no place. They are not scored and lower the coverage. Lower is better.",
    ),
}
_QUESTIONS = Column("Questions", COUNT, "Three per pair of images, without controls.")
_OF_PARSING = {
    "n_empty": Column("Descriptions empty", COUNT, "Descriptions without text. They score 0. Lower is better."),
    "n_failed": Column(
        "Descriptions not parsed",
        COUNT,
        "Descriptions with neither a list of differences nor prose that gives one. They score 0 in DQR and the F1s. "
        "Lower is better.",
    ),
    "n_unclear": Column(
        "Verdicts unclear",
        COUNT,
        "Answers to the two yes/no questions without a clear verdict, empty ones included. They count as not seen: 0 "
        "in DS. Lower is better.",
    ),
    "n_unread": Column(
        "Unread language",
        COUNT,
        "Answers in a language that the parser cannot read. Yes/no answers among them are not scored in DS. Lower is "
        "better.",
    ),
}
_BY_STATUS = {
    "json": Column("JSON", COUNT, "Descriptions with a list in valid JSON."),
    "repaired": Column("Repaired JSON", COUNT, "Descriptions with a list in JSON that had to be repaired."),
    "free_text": Column("Prose", COUNT, "Descriptions in prose alone, from which the differences are read."),
    "empty": Column("Empty", COUNT, "Descriptions without text."),
    "failed": Column("Not parsed", COUNT, "Descriptions with text in which no differences can be read."),
    "no_response": Column("No response", COUNT, "Questions without a description: no reply, or not asked."),
}


def failures_section(live: Sequence[Row], by_group: pd.DataFrame) -> Section:
    """The totals of each model, and its failures by task and by split; `by_group` is `failures_by_group`."""
    models = {row["model"]: row for row in live}
    by_task = tuple((model_cell(row), *cells) for row in models.values() for cells in _by_task(row))
    by_split = tuple(
        (model_cell(models[part["model"]]), Text(part["group"]), *cells)
        for part in by_group.query("by == 'split'").to_dict("records")
        for cells in _by_task(part)
    )
    explained = note(
        "A model's failure (empty, withheld, or cut before it said anything) scores 0; an answer that was cut later is "
        "scored as it is. A question without a reply, or not asked, is not scored: its metrics are null, which "
        "lowers the coverage."
    )
    if not by_task:
        none = note("Every question was answered, and no answer was cut.")
        return Section("Failed answers", (none, _totals(live)))
    kinds = (Column("Question"), *_OF_ANSWERS.values())
    tables = (
        Table("failed_answers", (MODEL, *kinds), by_task),
        Table("failed_answers_by_split", (MODEL, Column("Split"), *kinds), by_split),
    )
    return Section("Failed answers", (explained, _totals(live), *tables))


def _totals(live: Sequence[Row]) -> Table:
    rows = (
        (
            *(model_cell(row), Value(len(TASKS) * row["n"])),
            *(Value(failed_questions(row, kind)) for kind in FAILURE_KINDS),
            *(Value(row[name]) for name in _OF_PARSING),
        )
        for row in rows_by_model(live)
    )
    columns = (MODEL, _QUESTIONS, *(_OF_ANSWERS[kind] for kind in FAILURE_KINDS), *_OF_PARSING.values())
    return Table("failures", columns, tuple(rows), Group.FAILURES)


def failed_questions(row: Row, kind: str) -> int:
    """The number of failures of one of FAILURE_KINDS, over the three questions about each pair."""
    return int(sum(row[f"{task}_{kind}"] for task in TASKS))


def _by_task(counts: Row) -> Iterator[tuple[Cell, ...]]:
    """A task and its counts, for the tasks that have any."""
    for task in TASKS:
        if any(counts[f"{task}_{kind}"] for kind in FAILURE_KINDS):
            yield Text(task), *(Value(counts[f"{task}_{kind}"]) for kind in FAILURE_KINDS)


def parsing_section(live: Sequence[Row]) -> Section:
    """The descriptions of each model by parse status."""
    rows = ((model_cell(row), *(Value(row[f"n_{status}"]) for status in PARSE_STATUSES)) for row in rows_by_model(live))
    columns = (MODEL, *(_BY_STATUS[status] for status in PARSE_STATUSES))
    return Section("Parsing of the answers", (Table("parsing", columns, tuple(rows)),))
