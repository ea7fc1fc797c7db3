"""resources/published_results.csv: the six published rows."""

import csv
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import pytest

from spd_faith.scoring.metrics import HEADLINE

_FILE = Path(__file__).parents[2] / "resources" / "published_results.csv"
ROWS = list(csv.DictReader(_FILE.read_text(encoding="utf-8").splitlines()))


def test_columns_and_models():
    assert list(ROWS[0]) == ["model", *HEADLINE, "overall", "source"]
    assert len({row["model"] for row in ROWS}) == len(ROWS) == 6
    assert all(row["source"] for row in ROWS)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["model"])
def test_overall_is_the_mean_of_the_six(row):
    mean = sum(Decimal(row[name]) for name in HEADLINE) / 6
    assert mean.quantize(Decimal("0.1"), ROUND_HALF_UP) == Decimal(row["overall"])


def test_the_contradictions_that_the_evidence_table_names():
    """docs/metrics.md: neither (exact count, count deviation) nor (recall, count deviation) can be DQR and DS."""
    published = {row["model"]: (float(row["dqr"]), float(row["ds"])) for row in ROWS}
    assert published["Qwen2.5-VL-72B"] == (61.6, 44.4)  # a count deviation is never below an exact match
    assert published["GLM-4.5V"] == (67.0, 92.5)  # … and never above a recall
    assert [model for model, (dqr, ds) in published.items() if ds < dqr] == ["Qwen2.5-VL-72B"]
