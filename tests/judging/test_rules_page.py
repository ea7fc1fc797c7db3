"""Every example of docs/judging_rules.md."""

from pathlib import Path

import pytest
from judging.worked_answers import labelled, parsed, sample

from spd_faith.judging.consistency import YesNoAnswer, judge_consistency
from spd_faith.judging.reasoning import judge_reasoning
from spd_faith.parsing.verdicts import verdict

PAGE = Path(__file__).parents[2] / "docs" / "judging_rules.md"


def rows(*headings: str) -> list[list[str]]:
    """The cells of the tables in the sections whose titles start with `headings`."""
    sections = PAGE.read_text(encoding="utf-8").split("\n## ")
    lines = [line for section in sections if section.startswith(headings) for line in section.splitlines()]
    tables = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    return [row for row in tables if row[0] not in ("Rule", "---")]


def truth(text: str) -> dict:
    differences, _, unchanged = text.partition("; unchanged: ")
    named = [] if differences == "(none)" else differences.split("; ")
    return sample(named, unchanged.split(", ") if unchanged else ())


REASONING = rows("What counts", "DRF")
CONSISTENCY = rows("CR")


def test_the_page_has_its_tables():
    assert len(REASONING) == 67
    assert len(CONSISTENCY) == 18


@pytest.mark.parametrize(("rule", "true", "answer", "claims"), REASONING, ids=[row[0] for row in REASONING])
def test_reasoning_rule(rule, true, answer, claims):
    answer = answer.replace("\\n", "\n")
    found = labelled(judge_reasoning(truth(true), answer, parsed(answer)))
    assert ", ".join(found) == claims


@pytest.mark.parametrize(("rule", "same", "different", "claims"), CONSISTENCY, ids=[row[0] for row in CONSISTENCY])
def test_consistency_rule(rule, same, different, claims):
    answers = YesNoAnswer(same, verdict(same, "same")), YesNoAnswer(different, verdict(different, "different"))
    assert ", ".join(labelled(judge_consistency(*answers))) == claims
