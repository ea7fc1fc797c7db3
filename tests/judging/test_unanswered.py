"""Every kind of judge leaves questions that nobody answered without a score, and none of them counts as its failure."""

from pathlib import Path

import pyarrow as pa
import pytest
import yaml
from fault_server import FaultServer
from judging.paid_judge import Judged, answers_of, fields_of, honest, metric_of, write_answers, write_pairs

from spd_faith.core.files import read_table, write_table
from spd_faith.core.schemas import JUDGEMENTS, PARSED, RESPONSES
from spd_faith.inference.answers import not_asked, outcome_columns
from spd_faith.judging.unanswered import status_without
from spd_faith.leaderboard.judges import UNSCORED, judge_failures
from spd_faith.parsing.table import parse_table

PAIRS = 5
FAILED = {(1, "same"): "error", (2, "describe"): "timeout", (3, "same"): "error", (4, "describe"): "content_filter"}
UNASKED = (3, "different")
STATUSES = {
    (0, "drf"): "ok",
    (0, "cr"): "ok",
    (1, "drf"): "ok",
    (1, "cr"): "no_answer",  # both answers are needed
    (2, "drf"): "no_answer",
    (2, "cr"): "ok",
    (3, "drf"): "ok",
    (3, "cr"): "no_answer",  # one call failed, the other question was not asked
    (4, "drf"): "no_claims",  # the model's failure
    (4, "cr"): "ok",
}


@pytest.fixture
def judged(tmp_path: Path) -> Judged:
    write_pairs(tmp_path, PAIRS)
    write_answers(tmp_path, "model", [answers_of(number) for number in range(PAIRS)])
    rows = read_table(tmp_path / "responses/model.parquet", RESPONSES).to_pylist()
    for number, row in enumerate(rows):
        question = (int(row["sample_id"][5:10]), row["task"])
        if reason := FAILED.get(question):
            text = row["response_text"] if reason == "content_filter" else ""
            rows[number] = outcome_columns(row | {"finish_reason": reason, "response_text": text})
        elif question == UNASKED:
            rows[number] = row | not_asked("no answer in the file")
    table = pa.Table.from_pylist(rows, schema=RESPONSES)
    write_table(tmp_path / "responses/model.parquet", table, RESPONSES)
    write_table(tmp_path / "parsed/model.parquet", parse_table(table), PARSED)
    return Judged(tmp_path)


def check(judged: Judged, judge: str) -> None:
    rows = judged.rows()
    assert {key: row["status"] for key, row in rows.items()} == STATUSES
    for key, row in rows.items():
        assert (row["score"] is None) == (STATUSES[key] == "no_answer")
        assert row["claims"] or STATUSES[key] != "ok"
    assert rows[4, "drf"]["score"] == 0
    table = pa.Table.from_pylist(list(rows.values()), schema=JUDGEMENTS)
    assert not [name for name in judge_failures({(judge, "model"): table}).columns if name.startswith(UNSCORED)]


def test_the_rules(judged: Judged) -> None:
    (judged.folder / "judges.yaml").write_text(yaml.safe_dump({"rules": {"judge": "rules"}}))
    judged.main(judged.flags("rules", "model"))
    check(judged, "rules")


def test_an_endpoint(judged: Judged) -> None:
    with FaultServer(answer=honest) as server:
        judged.run(server)
        assert sorted(map(metric_of, server.requests)) == ["cr"] * 3 + ["drf"] * 3
    check(judged, "paid")


def test_a_panel(judged: Judged) -> None:
    with FaultServer(answer=honest) as server:
        judges = {"rules": {"judge": "rules"}, "paid": fields_of(server)}
        judges["panel"] = {"judge": "panel", "members": ["rules", "paid"]}
        (judged.folder / "judges.yaml").write_text(yaml.safe_dump(judges))
        judged.main(judged.flags("panel", "model"))
    rows = judged.rows()
    unanswered = {key for key, status in STATUSES.items() if status == "no_answer"}
    assert {key for key, row in rows.items() if row["status"] == "no_answer"} == unanswered
    assert all(rows[key]["score"] is None for key in unanswered) and rows[4, "drf"]["score"] == 0


@pytest.mark.parametrize(
    ("failures", "status"),
    [
        ([None], None),
        (["model"], None),
        (["model", None], None),
        (["not_asked", None], "not_asked"),
        (["not_asked", "not_asked"], "not_asked"),
        (["transport", "not_asked"], "no_answer"),
        (["model", "transport"], "no_answer"),
    ],
)
def test_the_status_without_an_answer(failures: list[str | None], status: str | None) -> None:
    assert status_without(failures) == status
