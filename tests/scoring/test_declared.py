"""What follows from the list of metrics: the columns of the scores, and the definitions that a config can choose."""

from typing import get_args

import pyarrow as pa
import pytest

from spd_faith.core.config import Scoring
from spd_faith.scoring.metrics import METRICS
from spd_faith.scoring.tables import SCORES

COLUMNS = (  # by version 0.1, in this order; what is new comes after it
    "sample_id split image_id control parse_status n_gt n_pred n_listed dqr dqr_exact ds ds_count n_unclear "
    "type_matched category_matched alias_matched pair_matched tf1 cf1 cf1_alias pf1 tf1_figure cf1_figure "
    "color_matched color_predicted color_true remove_matched remove_predicted remove_true "
    "position_matched position_predicted position_true drf drf_status n_faithful n_unfaithful n_unverifiable "
    "cr cr_status n_consistent n_contradictory n_ambiguous cr_signed cr_verdict overall"
)
STORED = COLUMNS.split()


def test_tables_of_scores_keep_their_columns() -> None:
    assert SCORES.names[: len(STORED)] == STORED
    types = {name: SCORES.field(name).type for name in STORED}
    assert {name for name in STORED if types[name] == pa.float64()} == {
        name for name, metric in METRICS.items() if metric.stored
    } & set(STORED)
    assert {name for name in STORED if SCORES.field(name).nullable} == {
        *("drf", "cr", "dqr", "ds", "tf1", "cf1", "cf1_alias", "pf1", "tf1_figure", "cf1_figure"),
        *("dqr_exact", "ds_count", "cr_signed", "cr_verdict", "overall"),
    }


@pytest.mark.parametrize("name", ["dqr", "ds"])
def test_the_config_takes_the_definitions_that_are_declared(name: str) -> None:
    assert get_args(Scoring.model_fields[name].annotation) == tuple(METRICS[name].variants)
    assert Scoring.model_fields[name].default == next(iter(METRICS[name].variants))
