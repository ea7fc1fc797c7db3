"""What is computed from controls: models of a few words with values worked by hand, nulls, intervals, properties."""

from collections.abc import Callable
from dataclasses import dataclass
from math import isnan, nan
from statistics import NormalDist
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scoring.tables import Difference, judged, judgements_table, parsed, parsed_table, sample, samples_table

from spd_faith.core.errors import UserError
from spd_faith.dataset.control_kinds import CONTROLS, asked_tasks
from spd_faith.scoring.control_metrics import CONTROL_METRICS, d_prime
from spd_faith.scoring.control_values import CONTROL_METRICS_SCHEMA, control_metrics
from spd_faith.scoring.formulas import harmonic_mean
from spd_faith.scoring.samples import score_table

PAIRS = 24
COMMON = ("color", "car")  # a difference of every base pair
DIFFERS, SAME = ("differs", "differs"), ("same", "same")
z = NormalDist().inv_cdf


@dataclass(frozen=True)
class Shown:
    """A pair as a model is shown it; `base` has the true differences of the pair that it is made from."""

    number: int
    kind: str
    true: list[Difference]
    base: list[Difference]


@dataclass(frozen=True)
class Answer:
    listed: list[Difference] | None = None
    """None: transport failed."""
    verdicts: tuple[str | None, str | None] = DIFFERS
    stated: int | None = None
    drf: tuple[int, int, int] = (1, 0, 0)
    cr: tuple[int, int, int] = (1, 0, 0)


Model = Callable[[Shown], Answer]


def shown_pairs(pairs: int, per_image: int = 1) -> list[tuple[dict[str, Any], Shown]]:
    """Base pairs with two differences each, every kind of control of each, with their rows of SAMPLES.

    `per_image` of them in a row have the same image_id.
    """
    found = []
    for number in range(pairs):
        base_id = f"multi_diff/{number:05d}_{number}"
        base: list[Difference] = [COMMON, ("remove", f"thing {number}")]
        made = [("none", base, None), ("identical", [], None), ("blind", [], None), ("swapped", base, None)]
        made += [("undone", [base[1]], 0), ("undone", [base[0]], 1), ("null_paste", base, None)]
        for kind, true, undone in made:
            name = base_id if kind == "none" else f"{base_id}-{kind}" + (f"-{undone + 1}" if kind == "undone" else "")
            row = sample(name, true, image_id=str(number // per_image), control=kind)
            row |= {"base_sample_id": None if kind == "none" else base_id, "undone_difference": undone}
            found.append((row, Shown(number, kind, true, base)))
    return found


def answered(sample_id: str, kind: str, answer: Answer) -> list[dict[str, Any]]:
    """Three rows of PARSED; a question that the kind is not asked has no answer."""
    rows = parsed(sample_id, answer.listed or [], answer.stated, answer.verdicts)
    for row in rows:
        is_asked = kind == "none" or row["task"] in asked_tasks(kind)
        has_answer = row["verdict"] is not None if row["task"] != "describe" else answer.listed is not None
        if not (is_asked and has_answer):
            row |= {"parse_status": "no_response", "failure": "transport" if is_asked else "not_asked", "verdict": None}
            row |= {"listed_num": 0, "differences": []}
    return rows


def scored(model: Model, pairs: int = PAIRS, per_image: int = 1) -> tuple[pa.Table, pa.Table]:
    """(SAMPLES, SCORES) of a model."""
    rows = shown_pairs(pairs, per_image)
    answers = [(row["sample_id"], shown.kind, model(shown)) for row, shown in rows]
    samples = samples_table(*(row for row, _ in rows))
    judgements = judgements_table(*(judged(name, answer.drf, answer.cr) for name, _, answer in answers))
    return samples, score_table(samples, parsed_table(*(answered(*answer) for answer in answers)), judgements)


def found(model: Model, pairs: int = PAIRS, resamples: int = 200, per_image: int = 1) -> dict[str, dict[str, Any]]:
    """The rows of `control_metrics` of a model, by metric; null is NaN."""
    samples, scores = scored(model, pairs, per_image)
    rows = control_metrics(samples, {("hand", "model"): scores}, resamples).to_pylist()
    assert [row["metric"] for row in rows] == list(CONTROL_METRICS)
    return {row["metric"]: {name: nan if value is None else value for name, value in row.items()} for row in rows}


def values(model: Model, *names: str, pairs: int = PAIRS) -> list[float]:
    rows = found(model, pairs)
    return [rows[name]["value"] for name in names]


FAITHFULNESS = ("necessity", "repeatability", "net_necessity", "stability", "cff")
DETECTION = ("false_alarms", "specificity", "d_prime", "ds_net")


# ---- models with values worked by hand -------------------------------------------------------------------------------


def perfect(shown: Shown) -> Answer:
    return Answer(shown.true, DIFFERS if shown.true else SAME)


def always_different(shown: Shown) -> Answer:
    return Answer([], DIFFERS)


def always_the_same(shown: Shown) -> Answer:
    return Answer([], SAME)


def always_five(shown: Shown) -> Answer:
    return Answer([], DIFFERS, stated=5)


def commonest(shown: Shown) -> Answer:
    return Answer([COMMON], DIFFERS, drf=(0, 1, 0))


def prior(shown: Shown) -> Answer:
    """Repeats what it believes of the scene, whatever it is shown."""
    return Answer(shown.base, DIFFERS)


def test_a_perfect_model() -> None:
    # n = 24: 48 questions, (48 + ½)/49 and ½/49
    rows = found(perfect)
    ceiling = 2 * z(48.5 / 49)
    assert NormalDist().cdf(ceiling / 2) == pytest.approx(0.98980, abs=1e-5)
    assert [rows[name]["value"] for name in DETECTION] == pytest.approx([0, 1, ceiling, 1])
    assert rows["d_prime_ceiling"]["value"] == pytest.approx(ceiling)
    for by in ("", "_by_category"):
        assert [rows[f"{name}{by}"]["value"] for name in FAITHFULNESS] == [1, 1, 1, 1, 1]
        assert rows[f"cff{by}"]["n"] == 2 * PAIRS
    assert [rows[f"order_{name}"]["value"] for name in ("ds", "dqr", "cr")] == [0, 0, 0]


@pytest.mark.parametrize(("model", "alarms"), [(always_different, 1), (always_the_same, 0), (always_five, 1)])
def test_constant_answers_detect_nothing_and_name_nothing(model: Model, alarms: float) -> None:
    rows = found(model)
    assert [rows[name]["value"] for name in DETECTION] == [alarms, 1 - alarms, 0, 0]
    assert all(isnan(rows[name]["value"]) for name in FAITHFULNESS)  # there is nothing to stop naming
    assert [rows[name]["n"] for name in ("cff", "repeatability")] == [0, 0]
    assert [rows[f"blind_{name}"]["value"] for name in ("differs", "same", "unclear")] == [alarms, 1 - alarms, 0]


@pytest.mark.parametrize(("model", "n"), [(commonest, PAIRS), (prior, 2 * PAIRS)])
def test_what_is_said_whatever_is_shown_has_no_net_necessity(model: Model, n: int) -> None:
    rows = found(model)
    assert [rows[name]["value"] for name in FAITHFULNESS] == [0, 1, 0, 1, 0]
    assert rows["cff"]["n"] == n
    assert [rows[name]["value"] for name in ("d_prime", "ds_net")] == [0, 0]


def test_a_net_necessity_below_0_is_0_in_cff() -> None:
    def model(shown: Shown) -> Answer:  # forgets at random, but never what is undone
        return Answer([] if shown.kind == "null_paste" and shown.number % 2 else shown.base)

    assert values(model, *FAITHFULNESS) == [0, 1 / 2, -1 / 2, 1, 0]


def test_false_claims_are_those_about_identical_pairs() -> None:
    def model(shown: Shown) -> Answer:  # 3 of 24 answers with two, none elsewhere
        return Answer([], drf=(0, 2, 1) if shown.kind == "identical" and shown.number < 3 else (1, 0, 0))

    assert values(model, "false_claims") == pytest.approx([3 * 2 / 24])


def test_a_model_between() -> None:
    """Of 24 pairs: forgets one thing at random, keeps the undone car in 6 pairs, and drops the thing with it in 4."""

    def model(shown: Shown) -> Answer:
        thing, n = shown.base[1], shown.number
        if shown.kind == "undone" and thing in shown.true:  # the car is undone
            return Answer([COMMON] if n < 6 else [] if n < 10 else [thing])
        if shown.kind == "null_paste" and n == 23:
            return Answer([thing])
        return Answer(shown.true)

    # undone: 48 named, 42 no longer; pasted: 48 named, 47 still; others: 48 named, of the things 24 − 10, all 24 cars
    net = 42 / 48 + 47 / 48 - 1
    stability = 38 / 48
    assert values(model, *FAITHFULNESS) == pytest.approx(
        [42 / 48, 47 / 48, net, stability, 2 * net * stability / (net + stability)]
    )


def test_d_prime_is_over_both_questions_of_the_identical_pairs_and_their_bases() -> None:
    verdicts = [("differs", "same")] * 5 + [("same", "unclear")] * 3 + [SAME] * 16

    def model(shown: Shown) -> Answer:
        if shown.kind == "identical":  # 5 alarms, 3 unclear
            return Answer([], verdicts[shown.number])
        return Answer([], ("differs", "unclear" if shown.number < 9 else "differs"))  # 39 hits

    expected = z(39.5 / 49) - z(5.5 / 49)
    assert values(model, "d_prime", "ds_net") == pytest.approx([expected, (39 - 5) / 48])
    assert values(model, "false_alarms", "specificity") == pytest.approx([5 / 48, 40 / 48])


def test_the_hits_are_those_of_the_base_pairs_of_the_controls_alone() -> None:
    """A pair without a control that is called different changes nothing."""
    samples, scores = scored(always_the_same)
    more = sample("easy/00099_99", [COMMON], image_id="99")
    judgements = judgements_table(judged(more["sample_id"]))
    extra = score_table(samples_table(more), parsed_table(parsed(more["sample_id"])), judgements)
    table = control_metrics(
        pa.concat_tables([samples_table(more), samples]), {("hand", "m"): pa.concat_tables([extra, scores])}, 100
    )
    by_metric = {row["metric"]: row for row in table.to_pylist()}
    assert (by_metric["ds_net"]["value"], by_metric["ds_net"]["n"]) == (0, PAIRS)


def test_order_effect_is_the_mean_paired_difference() -> None:
    def model(shown: Shown) -> Answer:
        if shown.kind == "swapped" and shown.number < 6:
            return Answer([], ("same", "differs"), stated=1, cr=(1, 0, 1))
        return Answer([], stated=2)

    # of 24 pairs 6 lose half of DS, DQR and CR
    assert values(model, "order_ds", "order_dqr", "order_cr") == pytest.approx([-1 / 8] * 3)


def test_grey_pairs_are_described() -> None:
    def model(shown: Shown) -> Answer:
        if shown.kind != "blind":
            return Answer([])
        verdicts = [("differs", "same"), ("same", "unclear")][shown.number % 2]
        return Answer([COMMON] * (shown.number % 4), verdicts)

    rows = found(model)
    assert [rows[f"blind_{name}"]["value"] for name in ("differs", "same", "unclear")] == [1 / 4, 1 / 2, 1 / 4]
    assert (rows["blind_listed"]["value"], rows["blind_failed"]["value"]) == (1.5, 0)
    assert isnan(rows["blind_listed"]["low"])  # one question, one answer


# ---- named -----------------------------------------------------------------------------------------------------------


def test_named_differences_are_those_of_the_base_pair() -> None:
    base = sample("easy/0_0", [("color", "car"), ("remove", "dog"), ("remove", "cup")])
    control = sample("easy/0_0-undone-1", [("remove", "dog"), ("remove", "cup")])
    control |= {"control": "undone", "base_sample_id": "easy/0_0", "undone_difference": 0}
    answer: list[Difference] = [("remove", "Dog"), ("color", "cup"), (None, "car"), ("remove", None)]
    silent = parsed("easy/0_0")
    silent[0] |= {"parse_status": "no_response", "failure": "transport", "differences": []}
    scores = score_table(
        samples_table(base, control),
        parsed_table(silent, parsed("easy/0_0-undone-1", answer)),
        judgements_table(judged("easy/0_0"), judged("easy/0_0-undone-1")),
    ).to_pylist()
    assert [row["named"] for row in scores] == [None, [False, True, False]]
    assert [row["named_category"] for row in scores] == [None, [True, True, True]]


def test_of_equal_differences_as_many_are_named_as_are_listed() -> None:
    twice = sample("easy/0_0", [COMMON, COMMON])
    scores = score_table(
        samples_table(twice), parsed_table(parsed("easy/0_0", [COMMON])), judgements_table(judged("easy/0_0"))
    )
    assert scores["named"].to_pylist() == [[True, False]]


def test_a_control_without_its_base_pair_stops() -> None:
    orphan = sample() | {"control": "identical", "base_sample_id": "easy/gone"}
    with pytest.raises(UserError, match="easy/gone"):
        score_table(samples_table(orphan), parsed_table(parsed()), judgements_table(judged()))


def test_a_repeated_category_is_not_counted_by_category() -> None:
    """Which of two cars is no longer named cannot be told by the category; by (type, category) it can."""
    base = sample("easy/0_0", [("color", "car"), ("remove", "car")])
    control = sample("easy/0_0-undone-1", [("remove", "car")])
    control |= {"control": "undone", "base_sample_id": "easy/0_0", "undone_difference": 0}
    samples = samples_table(base, control)
    answers = parsed_table(
        parsed("easy/0_0", [("color", "car"), ("remove", "car")]), parsed("easy/0_0-undone-1", [("remove", "car")])
    )
    scores = score_table(samples, answers, judgements_table(judged("easy/0_0"), judged("easy/0_0-undone-1")))
    rows = {row["metric"]: row for row in control_metrics(samples, {("hand", "m"): scores}, 100).to_pylist()}
    assert (rows["necessity"]["value"], rows["necessity"]["n"]) == (1, 1)
    assert (rows["stability"]["value"], rows["stability"]["n"]) == (1, 1)
    assert [rows[f"{name}_by_category"]["n"] for name in ("necessity", "stability")] == [0, 0]


# ---- nulls -----------------------------------------------------------------------------------------------------------


def test_failed_calls_leave_the_pair() -> None:
    def model(shown: Shown) -> Answer:
        good = perfect(shown)
        if shown.kind == "identical" and shown.number == 0:
            return Answer(good.listed, (None, "differs"))
        if shown.kind == "none" and shown.number == 1:
            return Answer(None, ("same", None))
        if shown.kind == "null_paste" and shown.number == 2:
            return Answer(None)
        return good

    rows = found(model)
    assert (rows["false_alarms"]["n"], rows["false_alarms"]["value"]) == (23, 0)
    assert (rows["d_prime"]["n"], rows["ds_net"]["value"]) == (22, 1)
    assert rows["d_prime"]["value"] == pytest.approx(2 * z(44.5 / 45))
    assert (rows["necessity"]["n"], rows["repeatability"]["n"], rows["order_dqr"]["n"]) == (46, 44, 23)
    assert [rows[name]["value"] for name in FAITHFULNESS] == [1] * 5


def test_without_any_reply_there_is_nothing() -> None:
    rows = found(lambda shown: Answer(None, (None, None)), pairs=10)
    for name in (*DETECTION, "d_prime_ceiling", *FAITHFULNESS, "order_ds", "order_dqr", "blind_same", "blind_failed"):
        assert (rows[name]["n"], isnan(rows[name]["value"]), isnan(rows[name]["low"])) == (0, True, True), name


def test_a_models_failure_names_nothing_and_is_unclear() -> None:
    def model(shown: Shown) -> Answer:
        return perfect(shown) if shown.kind == "none" else Answer([], ("unclear", "unclear"))

    assert values(model, "false_alarms", "specificity", "ds_net") == [0, 0, 1]
    assert values(model, "necessity", "repeatability", "net_necessity", "cff")[:3] == [1, 0, 0]


@pytest.mark.parametrize(("pairs", "is_null"), [(9, True), (10, False)])
def test_cff_needs_twenty_named_differences(pairs: int, is_null: bool) -> None:
    rows = found(perfect, pairs)
    assert rows["cff"]["n"] == 2 * pairs
    assert isnan(rows["cff"]["value"]) is is_null
    assert rows["necessity"]["value"] == 1  # has n beside it, and no threshold


def test_cff_is_null_if_stability_is() -> None:
    """Only the car is ever named, and it is undone: there is no other difference whose naming could be stable."""

    def model(shown: Shown) -> Answer:
        return Answer([COMMON] if COMMON in shown.true and len(shown.true) < 3 and shown.kind != "undone" else [])

    rows = found(model)
    assert (rows["net_necessity"]["value"], rows["stability"]["value"], rows["cff"]["value"]) == (1, 0, 0)

    only_cars = [(row, shown) for row, shown in shown_pairs(PAIRS) if row["undone_difference"] != 1]
    samples = samples_table(*(row for row, _ in only_cars))
    answers = parsed_table(*(answered(row["sample_id"], shown.kind, model(shown)) for row, shown in only_cars))
    scores = score_table(samples, answers, judgements_table(*(judged(row["sample_id"]) for row, _ in only_cars)))
    rows = {row["metric"]: row for row in control_metrics(samples, {("hand", "m"): scores}, 100).to_pylist()}
    assert (rows["net_necessity"]["value"], rows["stability"]["value"], rows["cff"]["value"]) == (1, None, None)


def test_without_controls_everything_is_null() -> None:
    samples = samples_table(sample())
    scores = score_table(samples, parsed_table(parsed()), judgements_table(judged()))
    table = control_metrics(samples, {("hand", "m"): scores}, 100)
    assert table.schema == CONTROL_METRICS_SCHEMA
    assert {(row["n"], row["value"], row["low"]) for row in table.to_pylist()} == {(0, None, None)}


def test_scores_of_other_samples_stop() -> None:
    samples, scores = scored(perfect)
    with pytest.raises(UserError, match="scores of m by hand"):
        control_metrics(samples, {("hand", "m"): scores.slice(1)}, 100)


# ---- intervals -------------------------------------------------------------------------------------------------------


def moody(shown: Shown) -> Answer:
    """Says what the scene suggests, whatever is shown: half of the scenes look different, half the same."""
    return Answer([], DIFFERS if shown.number % 2 else SAME)


def test_a_control_is_resampled_together_with_its_base_pair() -> None:
    """Of each image the difference is 0, so it is 0 in every resample; false alarms vary by image."""
    rows = found(moody, resamples=2000)
    assert [rows["ds_net"][end] for end in ("low", "value", "high")] == [0, 0, 0]
    assert [rows["d_prime"][end] for end in ("low", "value", "high")] == [0, 0, 0]
    assert rows["false_alarms"]["low"] < 0.4 and rows["false_alarms"]["high"] > 0.6


def test_the_interval_of_the_false_alarms_is_that_of_a_binomial() -> None:
    """24 images with 0 or 2 alarms each: 12 of 24 has the 2.5% and 97.5% quantiles 7 and 17 of B(24, ½)."""
    rows = found(moody, resamples=20_000)
    assert (rows["false_alarms"]["low"], rows["false_alarms"]["high"]) == pytest.approx((7 / 24, 17 / 24))


def test_pairs_of_an_image_are_resampled_together() -> None:
    """24 pairs of 12 images, which are all that counts: 3 and 9 are the quantiles of B(12, ½)."""

    def model(shown: Shown) -> Answer:
        return Answer([], DIFFERS if shown.number // 2 % 2 else SAME)

    rows = found(model, resamples=20_000, per_image=2)
    assert (rows["false_alarms"]["low"], rows["false_alarms"]["high"]) == pytest.approx((3 / 12, 9 / 12))


def test_there_is_no_interval_over_few_images() -> None:
    assert isnan(found(moody, pairs=9)["false_alarms"]["low"])
    assert not isnan(found(moody, pairs=10)["false_alarms"]["low"])


def test_models_do_not_change_each_other() -> None:
    (samples, one), (_, other) = scored(perfect), scored(moody)
    both = control_metrics(samples, {("hand", "one"): one, ("hand", "other"): other}, 300).to_pylist()
    alone = [
        row
        for name, table in (("one", one), ("other", other))
        for row in control_metrics(samples, {("hand", name): table}, 300).to_pylist()
    ]
    assert both == alone


# ---- properties ------------------------------------------------------------------------------------------------------

COUNTS = st.integers(1, 300).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, 2 * n), st.integers(0, 2 * n)))


@settings(deadline=None)  # loads scipy
@given(COUNTS)
def test_d_prime_changes_its_sign_with_its_roles_and_stays_below_its_ceiling(counts: tuple[int, int, int]) -> None:
    n, hits, alarms = counts
    value = float(d_prime(np.array(hits), np.array(alarms), np.array(n)))
    assert value == pytest.approx(z((hits + 0.5) / (2 * n + 1)) - z((alarms + 0.5) / (2 * n + 1)), abs=1e-9)
    assert value == pytest.approx(-float(d_prime(np.array(alarms), np.array(hits), np.array(n))))
    assert abs(value) <= 2 * z((2 * n + 0.5) / (2 * n + 1)) + 1e-9
    assert (value > 0) == (hits > alarms)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 3), min_size=12, max_size=12), st.lists(st.integers(0, 3), min_size=12, max_size=12))
def test_fractions_stay_in_their_range(named: list[int], kept: list[int]) -> None:
    """Bit 0 names the car, bit 1 the thing: `named` on the base pair, `kept` on controls."""

    def model(shown: Shown) -> Answer:
        bits = (named if shown.kind == "none" else kept)[shown.number]
        return Answer([one for at, one in enumerate(shown.base) if bits >> at & 1])

    rows = found(model, pairs=12, resamples=20)
    for name in ("necessity", "repeatability", "stability", "cff"):
        assert isnan(rows[name]["value"]) or 0 <= rows[name]["value"] <= 1
    # a control gets the same answer whatever is undone, so what is no longer named is as often not repeated
    assert isnan(rows["net_necessity"]["value"]) or rows["net_necessity"]["value"] == pytest.approx(0)


def test_d_prime_of_no_pairs_is_not_defined() -> None:
    assert isnan(float(d_prime(np.array(0), np.array(0), np.array(0))))


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [(0.7, 0.6, 0.84 / 1.3), (1, 1, 1), (0, 1, 0), (1, 0, 0), (0, 0, 0), (0, nan, nan), (nan, 1, nan)],
)
def test_harmonic_mean(one: float, other: float, expected: float) -> None:
    assert float(harmonic_mean(one, other)) == pytest.approx(expected, nan_ok=True)


def test_every_kind_of_control_is_used() -> None:
    assert {kind for metric in CONTROL_METRICS.values() for kind in metric.kinds} == {"none", *CONTROLS}
