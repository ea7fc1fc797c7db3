"""Answers scored against the truths of other pairs: who gets which truth, and what that gives."""

from collections import Counter
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scoring.tables import Difference, judged, judgements_table, parsed, parsed_table, sample, samples_table

from spd_faith.core.errors import UserError
from spd_faith.core.schemas import RESPONSES
from spd_faith.scoring.control_values import control_metrics
from spd_faith.scoring.permuted_truth import derangements, permuted_truth
from spd_faith.scoring.samples import score_table

# ---- who gets which truth --------------------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from("12345")), min_size=1, max_size=30), st.integers(0, 9))
def test_nobody_gets_the_truth_of_the_own_image(pairs: list[tuple[str, str]], seed: int) -> None:
    strata, units = zip(*pairs, strict=True)
    others = derangements(strata, units, 4, seed)
    assert others.shape == (4, len(pairs))
    assert (others == derangements(strata, units, 4, seed)).all()
    for stratum in set(strata):
        members = [sample for sample, name in enumerate(strata) if name == stratum]
        largest = max(Counter(units[member] for member in members).values())
        for given_to in others[:, members]:
            if 2 * largest > len(members):  # no permutation exists: a unit has more than all others together
                assert (given_to == -1).all()
            else:
                assert sorted(given_to) == members
                assert all(units[own] != units[other] for own, other in zip(members, given_to, strict=True))


def test_all_others_are_given_equally_often() -> None:
    """Of 5 images each of the 4 others has a quarter of 8,000 permutations: 2,000 ± 4 standard deviations of 39."""
    others = derangements(["a"] * 5, list("12345"), 8000, 0)
    for own in range(5):
        counts = Counter(others[:, own].tolist())
        assert own not in counts and len(counts) == 4
        assert all(abs(count - 2000) < 155 for count in counts.values())


def test_another_seed_permutes_differently() -> None:
    one, other = (derangements(["a"] * 9, list("123456789"), 1, seed) for seed in (0, 1))
    assert not np.array_equal(one, other)


# ---- what that gives -------------------------------------------------------------------------------------------------


def responses_table(texts: dict[str, str]) -> pa.Table:
    rows = [
        {"sample_id": name, "task": task, "response_text": text if task == "describe" else ""}
        | {"prompt_sha": "", "finish_reason": "stop", "seconds": 0.0, "attempts": 1}
        for name, text in texts.items()
        for task in ("describe", "same", "different")
    ]
    return pa.Table.from_pylist(rows, schema=RESPONSES)


def scores(
    rows: list[dict[str, Any]], listed: dict[str, list[Difference]], texts: dict[str, str]
) -> tuple[pa.Table, pa.Table]:
    samples, answers = samples_table(*rows), parsed_table(*(parsed(name, answer) for name, answer in listed.items()))
    judgements = judgements_table(*(judged(name, drf=(1, 0, 0), cr=(1, 0, 1)) for name in listed))
    permuted = permuted_truth(samples, answers, responses_table(texts))
    return samples, score_table(samples, answers, judgements, permuted=permuted)


CARS: list[Difference] = [("color", "car")]
DOGS: list[Difference] = [("color", "dog")]
TRUTHS = {"easy/0_0": CARS, "easy/1_1": DOGS, "easy/2_2": CARS, "easy/3_3": DOGS}


def truths_of(truths: dict[str, list[Difference]]) -> list[dict[str, Any]]:
    return [sample(name, true, image_id=name[-1]) for name, true in truths.items()]


def of_model(samples: pa.Table, table: pa.Table) -> dict[str, dict[str, Any]]:
    return {row["metric"]: row for row in control_metrics(samples, {("hand", "m"): table}, 100).to_pylist()}


def test_types_that_all_share_are_found_by_prior_alone_and_categories_are_not() -> None:
    """Two images, so each gets the other's truth: the type is right, the category is wrong, and so is the claim."""
    truths = {name: TRUTHS[name] for name in ("easy/0_0", "easy/1_1")}
    texts = {"easy/0_0": "The color of the car changed.", "easy/1_1": "The color of the dog changed."}
    samples, table = scores(truths_of(truths), truths, texts)
    rows = of_model(samples, table)
    assert table["drf"].to_pylist() == [1, 1]
    expected = {"tf1": 1, "cf1": 0, "drf": 0, "dqr": 1, "ds": 1, "cr": 1 / 2, "overall": 3.5 / 6}
    assert {name: rows[f"permuted_{name}"]["value"] for name in expected} == pytest.approx(expected)
    assert rows["permuted_tf1"]["n"] == 2


def test_an_answer_that_fits_every_truth_loses_nothing() -> None:
    truths = dict.fromkeys(TRUTHS, CARS)
    samples, table = scores(truths_of(truths), truths, dict.fromkeys(TRUTHS, "The color of the car changed."))
    rows = of_model(samples, table)
    assert [rows[f"permuted_{name}"]["value"] for name in ("tf1", "cf1", "drf")] == [1, 1, 1]


def test_the_counts_are_the_mean_of_many_permutations() -> None:
    """Six cars and three dogs, always answered with a car: every permutation hands out all six cars."""
    truths = {f"easy/{n}_{n}": CARS if n < 6 else DOGS for n in range(9)}
    listed = dict.fromkeys(truths, CARS)
    samples, table = scores(truths_of(truths), listed, dict.fromkeys(truths, ""))
    assert sum(table["permuted_category_matched"].to_pylist()) == pytest.approx(6)
    matched = np.array(table["permuted_category_matched"].to_pylist())
    assert np.all((matched > 0.3) & (matched < 1)) and len(set(matched)) > 1  # a mean, not one permutation
    assert of_model(samples, table)["permuted_cf1"]["value"] == pytest.approx(6 / 9)


def test_pairs_without_another_are_left_out_and_counted() -> None:
    """Alone in its split, alone with its number of differences, two of one image, a control, and a failed call."""
    rows = [
        *truths_of({"easy/0_0": CARS, "easy/1_1": DOGS}),
        sample("easy/2_2", CARS + DOGS, image_id="2"),
        sample("hard/0_3", CARS, image_id="3"),
        sample("medium/0_4", CARS, image_id="4"),
        sample("medium/1_4", DOGS, image_id="4"),
        sample("easy/0_0-swapped", CARS, image_id="0", control="swapped") | {"base_sample_id": "easy/0_0"},
    ]
    listed = {row["sample_id"]: CARS for row in rows}
    samples, table = scores(rows, listed, dict.fromkeys(listed, ""))
    assert [value is not None for value in table["permuted_drf"].to_pylist()] == [True, True] + [False] * 5
    found = of_model(samples, table)["permuted_overall"]
    assert found["n"] == 2


def test_a_failed_call_has_no_permuted_score_and_gives_its_truth_away() -> None:
    answers = [parsed(name, CARS) for name in TRUTHS]
    answers[0][0] |= {"parse_status": "no_response", "failure": "transport", "differences": []}
    answers[1][0] |= {"parse_status": "empty", "failure": "model", "differences": []}
    columns = permuted_truth(
        samples_table(*truths_of(TRUTHS)), parsed_table(*answers), responses_table(dict.fromkeys(TRUTHS, ""))
    )
    assert columns["permuted_type_matched"] == [None, 0, 1, 1]  # the model's failure scores 0


def test_an_unread_language_has_no_permuted_drf_alone() -> None:
    texts = dict.fromkeys(TRUTHS, "汽车的颜色变了，从红色变成了蓝色。")
    columns = permuted_truth(
        samples_table(*truths_of(TRUTHS)), parsed_table(*(parsed(n, CARS) for n in TRUTHS)), responses_table(texts)
    )
    assert columns["permuted_drf"] == [None] * 4 and columns["permuted_type_matched"] == [1] * 4


def test_missing_answers_stop() -> None:
    samples, answers = samples_table(*truths_of(TRUTHS)), parsed_table(*(parsed(name) for name in TRUTHS))
    with pytest.raises(UserError, match="responses"):
        permuted_truth(samples, answers, responses_table({"easy/0_0": ""}))
