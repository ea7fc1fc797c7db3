"""The command `score_responses.py`."""

from pathlib import Path

import pytest
from scoring.tables import judged, judgements_table, parsed, parsed_table, sample, samples_table

import score_responses
from spd_faith.core.files import read_provenance, read_table, write_table
from spd_faith.core.schemas import JUDGEMENTS, PARSED, RESPONSES, SAMPLES
from spd_faith.scoring.tables import SCORES

RESPONSE = [
    {"sample_id": row["sample_id"], "task": row["task"], "response_text": "", "finish_reason": "stop"}
    | {"prompt_sha": "", "seconds": 0.0, "attempts": 1}
    for row in parsed()
]


@pytest.mark.parametrize(
    ("definitions", "dqr", "ds"), [([], 2 / 3, 1), (["--dqr", "exact", "--ds", "count"], 0, 2 / 3)]
)
def test_scores_of_the_bedroom(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, definitions: list[str], dqr: float, ds: float
) -> None:
    tables = {
        "samples": (samples_table(sample()), SAMPLES),
        "responses": (RESPONSE, RESPONSES),
        "parsed": (parsed_table(parsed()), PARSED),
        "judgements": (judgements_table(judged()), JUDGEMENTS),
    }
    arguments = [*definitions, "--output", str(tmp_path / "scores.parquet")]
    for name, (table, schema) in tables.items():
        write_table(tmp_path / f"{name}.parquet", table, schema)
        arguments += [f"--{name}", str(tmp_path / f"{name}.parquet")]
    monkeypatch.setattr("sys.argv", ["score_responses.py", *arguments])
    score_responses.main()
    (row,) = read_table(tmp_path / "scores.parquet", SCORES).to_pylist()
    assert (row["dqr"], row["ds"], row["tf1"]) == pytest.approx((dqr, ds, 2 / 5))
    assert row["overall"] == pytest.approx((dqr + ds + 2 / 5 + 2 / 5 + 1 / 2 + 1 / 4) / 6)
    assert (row["dqr_exact"], row["ds_count"], row["tf1_figure"]) == pytest.approx((0, 2 / 3, 4 / 7))
    used = {"dqr": "exact", "ds": "count"} if definitions else {"dqr": "recall", "ds": "detection"}
    assert read_provenance(tmp_path / "scores.parquet") == used
