"""docs/metrics.md has the metrics as they are declared."""

from pathlib import Path

import pytest

from spd_faith.scoring.metric_types import Metric, Role
from spd_faith.scoring.metrics import METRICS

PAGE = Path(__file__).resolve().parents[2] / "docs/metrics.md"
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
