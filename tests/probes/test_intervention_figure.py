"""The figure of what interventions gain over what they cost."""

import math
from pathlib import Path
from typing import Any

import matplotlib.colors
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from matplotlib.figure import Figure

from draw_probes import read_interventions
from spd_faith.core.errors import UserError
from spd_faith.probes.figures.interventions import benefit_and_cost
from spd_faith.scoring.interventions import INTERVENTIONS_SCHEMA


def row(model: str, difference: float, seconds: float = 2.0, **others: Any) -> dict[str, Any]:
    whole = {"judge": "rules", "judge_label": "Rules", "base": "a", "model": model, "label": model.title()}
    whole |= {"role": "variant", "other_model": "a", "other_label": "A", "against": "base", "metric": "drf", "n": 40}
    whole |= {"difference": difference, "low": difference - 0.1, "high": difference + 0.1, "p": 0.01, "p_holm": 0.02}
    return whole | {"seconds_ratio": seconds, "probing_ratio": 1.0} | others


ROWS = pd.DataFrame(
    [
        row("v", 0.25),
        row("v", 0.2, against="placebo", other_model="p"),
        row("v", -0.5, metric="ds"),
        row("p", 0.05, 1.75, role="placebo"),
        row("w", -0.125, 3.0, low=math.nan, high=math.nan),
    ]
)


def points(figure: Figure, panel: int = 0) -> dict[str, tuple[float, float, bool, str]]:
    """(x, y, whether it is hollow, color) of each labelled point."""
    return {
        str(line.get_label()): (
            float(line.get_xdata()[0]),
            float(line.get_ydata()[0]),
            line.get_markerfacecolor() == "white",
            matplotlib.colors.to_hex(line.get_color()),
        )
        for line in figure.axes[panel].lines
        if not str(line.get_label()).startswith("_")
    }


def test_points_stand_at_their_cost_and_benefit() -> None:
    found = points(benefit_and_cost(ROWS))
    assert {name: of[:3] for name, of in found.items()} == {
        "base model": (1, 0, False),
        "V": (2, 25, False),
        "P": (1.75, 5, True),
        "W": (3, -12.5, False),
    }
    assert found["P"][3] == found["V"][3] != found["W"][3]  # a placebo has the color of its variant


def test_thirty_variants_look_different_and_their_placebos_alike() -> None:
    rows = [row(f"v{number}", 0.01 * number) for number in range(30)]
    rows += [row("p", 0.5, role="placebo"), row("v29", 0.2, against="placebo", other_model="p")]
    lines = [line for line in benefit_and_cost(pd.DataFrame(rows)).axes[0].lines if line.get_marker() != "None"]
    looks = {str(line.get_label()): (line.get_marker(), line.get_color()) for line in lines}
    assert len(looks) == 1 + 30 + 1 and looks["P"] == looks["V29"]
    assert len(set(looks.values())) == 1 + 30


def test_intervals_are_drawn_where_there_are_some() -> None:
    lines = [line.get_ydata() for line in benefit_and_cost(ROWS).axes[0].lines if len(line.get_xdata()) == 2]
    ends = [tuple(round(float(end), 6) for end in ends) for ends in lines]
    assert ends == [(0, 0), (15, 35), (-5, 15)]  # the line of no difference, V, P; none of W


def test_each_judge_has_a_panel_and_unknown_costs_are_said() -> None:
    unknown = ROWS.assign(judge="panel", judge_label="Panel", seconds_ratio=math.nan)
    figure = benefit_and_cost(pd.concat([ROWS, unknown]))
    assert [axes.get_title() for axes in figure.axes] == ["judged by Rules", "judged by Panel"]
    assert [text.get_text() for text in figure.axes[1].texts] == ["no variant with scores and a known cost"]


def test_the_command_takes_the_rows_of_its_model(tmp_path: Path) -> None:
    path = tmp_path / "interventions.parquet"
    rows = [*ROWS.to_dict("records"), row("other", 0.5, base="b")]
    pq.write_table(pa.Table.from_pylist(rows, INTERVENTIONS_SCHEMA), path)
    assert read_interventions(path, "b")["model"].tolist() == ["other"]
    with pytest.raises(UserError, match="no variant of c"):
        read_interventions(path, "c")
