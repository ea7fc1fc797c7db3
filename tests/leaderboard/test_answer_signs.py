"""What in the answers calls for a warning, counted on parsed and judged answers."""

from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from scoring.tables import judged, sample, samples_table

from spd_faith.core.schemas import JUDGEMENTS, PARSED, RESPONSES
from spd_faith.inference.answers import outcome_columns
from spd_faith.judging.rules import judge_samples
from spd_faith.leaderboard.answer_signs import answer_signs, reasoning_signs
from spd_faith.parsing.table import parse_response, parse_table

IDS = ["easy/00000_0", "easy/00001_1"]
CONTROL = f"{IDS[0]}-identical"
SAMPLES = samples_table(
    *(sample(name, [("color", "car"), ("remove", "dog")], image_id=name[-1]) for name in IDS),
    sample(CONTROL, [], control="identical"),
)
JSON = '{"predicted_num": 1, "structured_output": [{"type": "remove", "category": "dog"}]}'
PROSE = f"The dog was removed.\n{JSON}"


def signs(describe: list[str], same: str = "No.", different: str = "Yes.") -> tuple[pd.Series, float]:
    """The row of `answer_signs`, and `drf_json_only`; the last description is that of the control."""
    rows: list[dict[str, Any]] = []
    for name, text in zip([*IDS, CONTROL], describe, strict=True):
        for task, answer in (("describe", text), ("same", same), ("different", different)):
            said = {"sample_id": name, "task": task, "prompt_sha": "", "response_text": answer}
            rows.append(outcome_columns(said | {"finish_reason": "stop", "seconds": 0.0, "attempts": 1}))
    table = pa.Table.from_pylist(rows, schema=RESPONSES)
    parsed = parse_table(table)
    judgements = pa.Table.from_pylist(judge_samples(SAMPLES, table, parsed), schema=JUDGEMENTS)
    fraction = reasoning_signs(SAMPLES, {"m": parsed}, {("rules", "m"): judgements})
    return answer_signs(SAMPLES, {"m": parsed}).iloc[0], fraction.loc[0, "drf_json_only"]


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ([PROSE, PROSE], 0),
        ([PROSE, JSON], 0.5),
        ([JSON, f"```json\n{JSON}\n```"], 1),
        ([f"Here is what I found:\n{JSON}", PROSE], 0.5),  # prose that makes no claim
        ([JSON, ""], 1),  # of the answers with claims
    ],
)
def test_reasoning_that_is_json_alone(answers: list[str], expected: float) -> None:
    assert signs([*answers, JSON])[1] == expected


@pytest.mark.parametrize(("answer", "expected"), [(JSON, 1), (PROSE, 0)])
def test_a_judge_that_quotes_the_json_in_its_own_words(answer: str, expected: float) -> None:
    columns = {"sample_id": IDS[0], "failure": None}
    parsed = pa.Table.from_pylist([columns | parse_response("describe", answer, failed=False)], schema=PARSED)
    drf, _ = judged(IDS[0])
    claims = [{"text": '"type": "remove", "category": "dog"', "label": "faithful"}]
    judgements = pa.Table.from_pylist([drf | {"claims": claims}], schema=JUDGEMENTS)
    found = reasoning_signs(SAMPLES, {"m": parsed}, {("llm", "m"): judgements})
    assert found.loc[0, "drf_json_only"] == expected


def test_without_claims_nothing_rests_on_json() -> None:
    assert pd.isna(signs(["", "", JSON])[1])


def test_unclear_verdicts_are_counted_without_controls() -> None:
    found, _ = signs([PROSE] * 3, same="I cannot tell from here.")
    assert (found["n_unclear"], found["n_unread"], found["unread_languages"]) == (2, 0, "")


def test_languages_that_are_not_read() -> None:
    found, _ = signs([PROSE] * 3, different="我看到左边的汽车颜色变了，右边的狗不见了，其他地方完全一样。")
    assert (found["n_unread"], found["unread_languages"]) == (2, "zh")
