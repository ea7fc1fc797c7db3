"""Groups of samples by label or, without one, by the `rules` judge."""

import pyarrow as pa
from probes.probe_tables import ids, responses_table, samples_table

from spd_faith.core.schemas import RESPONSES, SAMPLES
from spd_faith.probes.judged_groups import groups_by_rules

BOUNDS = {"faithful_at_least": 0.8, "unfaithful_at_most": 0.5}


def test_a_label_decides_the_group_then_the_rules():
    samples, responses = samples_table(dict.fromkeys(ids(6))).to_pylist(), responses_table(ids(6)).to_pylist()
    car = {"type": "color", "category": "car", "description": None, "bbox": None, "bbox_after": None}
    for row in samples[:5]:
        row["differences"] = [car]
    samples[3]["is_faithful"] = True
    right, wrong = "The color of the car has changed.", "The dog was removed."
    failed = {"error": "out of memory", "finish_reason": "error", "failure": "transport"}
    described = [
        {"response_text": right},
        {"response_text": wrong},
        {"failure": "model"},  # an empty answer
        {"response_text": wrong},
        failed,
        {"response_text": right},  # of a pair with unknown truth
    ]
    for row in responses:
        row["prompt_sha"] = "asked"
        if row["task"] == "describe":
            row |= described[int(row["sample_id"].split("_")[1])]
    found = groups_by_rules(
        pa.Table.from_pylist(samples, schema=SAMPLES), pa.Table.from_pylist(responses, schema=RESPONSES), **BOUNDS
    )
    assert [(row["group"], row["reason"]) for row in found if row["contrast"] == "faithfulness"] == [
        ("faithful", "drf"),
        ("unfaithful", "drf"),
        ("unfaithful", "drf"),
        ("faithful", "sample_label"),
        (None, "drf_unscored"),
        (None, "drf_unscored"),
    ]
