"""The command `score_differences.py`, with both protocols."""

import json

import pytest
from scoring.tables import judged, judgements_table, parsed, parsed_table, sample, samples_table

import score_differences
from spd_faith.core.errors import UserError
from spd_faith.core.files import read_table, write_table
from spd_faith.core.schemas import JUDGEMENTS, PARSED, SAMPLES, SCORES


@pytest.fixture
def paths(tmp_path):
    tables = {
        "samples": (samples_table(sample()), SAMPLES),
        "parsed": (parsed_table(parsed()), PARSED),
        "judgements": (judgements_table(judged()), JUDGEMENTS),
    }
    for name, (table, schema) in tables.items():
        write_table(tmp_path / f"{name}.parquet", table, schema)
    return tmp_path


def run(monkeypatch, *arguments):
    monkeypatch.setattr("sys.argv", ["score_differences.py", *map(str, arguments)])
    score_differences.main()


def test_released(paths, monkeypatch, capsys):
    inputs = ("--samples", paths / "samples.parquet", "--parsed", paths / "parsed.parquet")
    run(monkeypatch, "--protocol", "released", *inputs, "--json", paths / "out.json")
    written = json.loads((paths / "out.json").read_text())
    assert set(written) == {"summary", "per_sample_results"}
    assert written["summary"]["model"] == "parsed"
    assert "0.6667" in capsys.readouterr().out  # DQR


@pytest.mark.parametrize(
    ("definitions", "dqr", "ds"), [([], 2 / 3, 1), (["--dqr", "exact", "--ds", "count"], 0, 2 / 3)]
)
def test_headline(paths, monkeypatch, definitions, dqr, ds):
    inputs = ("--samples", paths / "samples.parquet", "--parsed", paths / "parsed.parquet")
    outputs = ("--judgements", paths / "judgements.parquet", "--output", paths / "scores.parquet")
    run(monkeypatch, *inputs, *outputs, *definitions)
    (row,) = read_table(paths / "scores.parquet", SCORES).to_pylist()
    assert (row["dqr"], row["ds"], row["tf1"]) == pytest.approx((dqr, ds, 2 / 5))
    assert row["overall"] == pytest.approx((dqr + ds + 2 / 5 + 2 / 5 + 1 / 2 + 1 / 4) / 6)
    assert (row["dqr_exact"], row["ds_count"], row["tf1_figure"]) == pytest.approx((0, 2 / 3, 4 / 7))


@pytest.mark.parametrize("arguments", [["--output", "o"], ["--protocol", "released", "--output", "o"], ["--json", "j"]])
def test_refuses_what_does_not_go_together(paths, monkeypatch, arguments):
    inputs = ("--samples", paths / "samples.parquet", "--parsed", paths / "parsed.parquet")
    with pytest.raises(UserError, match="--protocol"):
        run(monkeypatch, *inputs, *arguments)
