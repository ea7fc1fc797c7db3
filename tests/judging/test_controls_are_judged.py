"""Of a control, judges label what its kind declares; the rest has a row without score, and costs nothing."""

from pathlib import Path

import pyarrow as pa
import pytest
import yaml
from fault_server import FaultServer
from judging.paid_judge import Judged, answers_of, fields_of, honest, metric_of, write_answers, write_pairs

from spd_faith.core.entries import AnswerPaths
from spd_faith.core.files import read_table, write_table
from spd_faith.core.schemas import PARSED, RESPONSES, SAMPLES, TASKS
from spd_faith.judging.entries import JUDGES
from spd_faith.parsing.table import parse_table

CONTROLS = ("none", "identical", "blind", "swapped", "undone", "null_paste", "swapped")  # the last was not asked
JUDGED = {(0, "drf"), (0, "cr"), (1, "drf"), (3, "cr")}
UNASKED = {(4, "same"), (4, "different"), (5, "same"), (5, "different"), (6, "same"), (6, "different")}
PROMPTS = Path(__file__).parents[2] / "resources/prompts"


@pytest.fixture
def judged(tmp_path: Path) -> Judged:
    """A pair of each kind of control with different answers."""
    write_pairs(tmp_path, len(CONTROLS))
    samples = read_table(tmp_path / "samples.parquet", SAMPLES).to_pylist()
    for sample, control in zip(samples, CONTROLS, strict=True):
        sample["control"] = control
    write_table(tmp_path / "samples.parquet", samples, SAMPLES)
    write_answers(tmp_path, "model", [answers_of(number) for number in range(len(CONTROLS))])
    responses = read_table(tmp_path / "responses/model.parquet", RESPONSES).to_pylist()
    for row in responses:
        if (int(row["sample_id"][5:10]), row["task"]) in UNASKED:
            row |= {"response_text": "", "finish_reason": "error", "error": "not asked", "failure": "not_asked"}
    table = pa.Table.from_pylist(responses, schema=RESPONSES)
    write_table(tmp_path / "responses/model.parquet", table, RESPONSES)
    write_table(tmp_path / "parsed/model.parquet", parse_table(table), PARSED)
    return Judged(tmp_path)


def test_what_was_not_asked_has_no_verdict(judged: Judged) -> None:
    rows = read_table(judged.folder / "parsed/model.parquet", PARSED).to_pylist()
    assert len(rows) == len(CONTROLS) * len(TASKS)
    unasked = {(int(row["sample_id"][5:10]), row["task"]) for row in rows if row["failure"] == "not_asked"}
    assert unasked == UNASKED
    for row in rows:
        if row["task"] != "describe":
            assert (row["verdict"] is None) == (row["failure"] == "not_asked")


def check(judged: Judged) -> None:
    rows = judged.rows()
    assert {key for key, row in rows.items() if row["status"] != "not_asked"} == JUDGED
    assert len(rows) == 2 * len(CONTROLS)
    for key, row in rows.items():
        assert (row["score"] is not None) == (key in JUDGED)
        if key not in JUDGED:
            assert row["claims"] == [] and not row["calls"]


def test_the_rules(judged: Judged) -> None:
    (judged.folder / "judges.yaml").write_text(yaml.safe_dump({"rules": {"judge": "rules"}}))
    judged.main(judged.flags("rules", "model"))
    check(judged)


def test_an_endpoint_is_called_for_what_is_judged_alone(judged: Judged) -> None:
    with FaultServer(answer=honest) as server:
        judged.run(server)
        assert sorted(map(metric_of, server.requests)) == ["cr", "cr", "drf", "drf"]
        check(judged)
        paths = [AnswerPaths(judged.folder / "samples.parquet", judged.folder / "responses/model.parquet",
                             images=judged.folder / "images.parquet")]  # fmt: skip
        entry = JUDGES.validate(fields_of(server))
        calls = entry.planned_calls(judged.folder / "none", PROMPTS, paths, {"drf": 0, "cr": 0})
        assert {one.metric: one.calls for one in calls} == {"drf": 2, "cr": 2}


def test_a_panel(judged: Judged) -> None:
    with FaultServer(answer=honest) as server:
        judges = {"rules": {"judge": "rules"}, "paid": fields_of(server)}
        judges["panel"] = {"judge": "panel", "members": ["rules", "paid"]}
        (judged.folder / "judges.yaml").write_text(yaml.safe_dump(judges))
        judged.main(judged.flags("panel", "model"))
        first_asked = [request for request in server.requests if len(request.body["messages"]) == 2]
        assert sorted(map(metric_of, first_asked)) == ["cr", "cr", "drf", "drf"]
    rows = judged.rows()
    assert {key for key, row in rows.items() if row["status"] == "not_asked"} == set(rows) - JUDGED
