"""What answers and judgements of a model cost, on hand-computed rows."""

from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from scoring.tables import judged

from spd_faith.core.schemas import JUDGEMENTS, RESPONSES
from spd_faith.leaderboard.costs import COSTS, judging_costs, model_costs

IMAGES = pa.Table.from_pylist(
    [{"sample_id": name, "original_sha256": first, "modified_sha256": second} for name, first, second in
     (("a", "x", "y"), ("b", "x", "z"), ("grey 1", "g", "g"), ("grey 2", "g", "g"))]
)  # fmt: skip


def asked(name: str, task: str = "describe", **more: Any) -> dict[str, Any]:
    row = {"sample_id": name, "task": task, "prompt_sha": task, "response_text": "x", "finish_reason": "stop"}
    return row | {"prompt_tokens": 100, "generated_tokens": 10, "seconds": 2.0, "usd": 0.5, "attempts": 1} | more


def cost(*rows: dict[str, Any]) -> pd.Series:
    return model_costs(IMAGES, {"m": pa.Table.from_pylist(list(rows), schema=RESPONSES)}).iloc[0]


def test_sums_over_the_questions() -> None:
    found = cost(asked("a"), asked("b", seconds=4.0, usd=0.25), asked("b", "same"))
    assert (found["questions_asked"], found["prompt_tokens"], found["generated_tokens"]) == (3, 300, 30)
    assert (found["answer_seconds"], found["model_usd"]) == (8, 1.25)
    assert found["seconds_per_answer"] == pytest.approx(8 / 3)


def test_equal_images_with_an_equal_prompt_are_one_question() -> None:
    found = cost(asked("grey 1"), asked("grey 2"), asked("grey 1", "same"))
    assert (found["questions_asked"], found["model_usd"], found["answer_seconds"]) == (2, 1.0, 4)


def test_what_nobody_asked_costs_nothing() -> None:
    found = cost(asked("a"), asked("b", failure="not_asked", seconds=0.0, usd=None, prompt_tokens=None))
    assert (found["questions_asked"], found["seconds_per_answer"]) == (1, 2)


def test_answers_made_elsewhere_have_an_unknown_cost() -> None:
    unknown = {"prompt_sha": "", "prompt_tokens": None, "generated_tokens": None, "usd": None, "seconds": 0.0}
    found = cost(asked("grey 1", **unknown), asked("grey 2", **unknown))
    assert found["questions_asked"] == 2
    assert found[[name for name in COSTS if name != "questions_asked"]].isna().all()


def test_a_model_without_a_price() -> None:
    found = cost(asked("a", usd=None))
    assert pd.isna(found["model_usd"]) and found["answer_seconds"] == 2


def test_a_judge_is_paid_once_per_question_of_a_model() -> None:
    def judgements(*shas: str | None) -> pa.Table:
        rows = [row for number in range(len(shas) // 2) for row in judged(f"easy/{number:05d}_1")]
        paid = [{} if sha is None else {"question_sha": sha, "calls": 2, "usd": 0.5} for sha in shas]
        return pa.Table.from_pylist([row | more for row, more in zip(rows, paid, strict=True)], schema=JUDGEMENTS)

    tables = {("llm", "m"): judgements("a", "b", "a", "c"), ("llm", "n"): judgements("a", "b")}
    found = judging_costs(tables | {("rules", "m"): judgements(None, None)}).set_index(["judge", "model"])
    assert found.loc[("llm", "m")].tolist() == [6, 1.5] and found.loc[("llm", "n")].tolist() == [4, 1.0]
    free = found.loc[("rules", "m")]
    assert free["calls_to_judge"] == 0 and pd.isna(free["usd_to_judge"])
