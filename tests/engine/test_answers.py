"""An engine answers as the transformers backend does, in float32, token for token."""

import re

import pandas as pd
import pytest
from engine.started import FAMILIES

from spd_faith.probes.registry import PROBES

pytestmark = pytest.mark.engine


def test_every_answer_is_equal(family):
    expected, found = family.transformers.answers(), family.engine.answers()
    assert len(found) == 4 * 8 * 3
    assert set(found["finish_reason"]) <= {"stop", "length"}
    pd.testing.assert_frame_equal(found, expected)


def test_the_provenance_names_the_engine(family):
    provenance = family.engine.provenance()
    assert provenance["vllm"] == "0.32.0"
    assert (provenance["device"], provenance["tensor_parallel_size"]) == ("cpu", "1")
    assert provenance["engine_starts"] == 1


def test_the_parity_check_found_equal_answers(family):
    assert family.engine.provenance()["parity"] == "24 of 24 answers equal"


def test_the_questions_of_a_pair_share_their_images(family):
    hits, images = map(int, re.findall(r"\d+", family.engine.provenance()["image_cache"]))
    assert images == 4 * 8 * 3 * (1 if family.name == "tiny-llava" else 2)
    assert hits == images * 2 // 3
    hits, _ = map(int, re.findall(r"\d+", family.engine.provenance()["prefix_cache"]))
    assert hits > 0


def test_probes_of_both_answers_are_equal(family):
    probes = list(PROBES) if family.name == FAMILIES[0] else ["layer_changes"]
    expected, found = family.transformers.probed(*probes), family.engine.probed(*probes)
    for probe in probes:
        assert set(found[probe]["status"]) - {"not_named"} == {"ok"}  # some answers name no difference that is there
        pd.testing.assert_frame_equal(found[probe], expected[probe], obj=probe)
