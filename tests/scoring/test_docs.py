"""docs/metrics.md and docs/statistics.md have the metrics as they are declared."""

from pathlib import Path

import pytest

from spd_faith.scoring.control_metrics import CONTROL_METRICS, LEAST_NAMED, Topic
from spd_faith.scoring.metric_types import Metric, Role
from spd_faith.scoring.metrics import METRICS

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE = DOCS / "metrics.md"
HEADLINE = (Role.HEADLINE, Role.OVERALL)
BESIDE = (Role.SECONDARY, Role.DESCRIPTIVE, Role.BY_TYPE)


def row(metric: Metric) -> str:
    name = f"**{metric.label}** {metric.title}".rstrip() if metric.role in HEADLINE else f"`{metric.name}`"
    cells = [cell.replace("|", "\\|") for cell in (name, metric.definition, metric.over_dataset)]
    return f"| {' | '.join(cells)} |"


@pytest.mark.parametrize("roles", [HEADLINE, BESIDE], ids=["headline", "beside"])
def test_the_table_of_the_page_is_the_list(roles: tuple[Role, ...]) -> None:
    table = "\n".join(row(metric) for metric in METRICS.values() if metric.role in roles)
    assert f"| --- | --- | --- |\n{table}\n\n" in PAGE.read_text(), f"docs/metrics.md is missing this table:\n{table}"


def test_the_table_of_control_metrics_is_the_list() -> None:
    table = "\n".join(
        f"| `{metric.name}` | {metric.definition} | {metric.computed} |"
        for metric in CONTROL_METRICS.values()
        if metric.topic is not Topic.BY_CATEGORY
    )
    text = (DOCS / "statistics.md").read_text()
    assert f"| --- | --- | --- |\n{table}\n\n" in text, f"docs/statistics.md is missing this table:\n{table}"
    assert f"no cff under {LEAST_NAMED} named" in text
