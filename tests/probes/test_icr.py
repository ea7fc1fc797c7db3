"""The forms of the Information Contribution Rate against loops written from their formulas."""

import math

import numpy as np
import pytest
import torch

from spd_faith.probes import icr

RANDOM = np.random.default_rng(0)


def states(count, width=8):
    return RANDOM.normal(size=(count, width))


def causal_attention(count):
    weights = np.tril(RANDOM.random((count, count)))
    return weights / weights.sum(axis=1, keepdims=True) * 0.3  # the rest goes to the prompt


def by_loops(before, after, attention, subtracted=0):
    """The original form, token by token, as arXiv 2507.16488 has it; None where no token has a number.

    A standard deviation divides by n minus `subtracted`.
    """
    divergences = []
    for i in range(len(before)):
        attended = sorted(range(i + 1), key=lambda j: -attention[i][j])
        most = attended[: int(0.1 * len(attended) + 1e-9)]
        if len(most) < 2:
            continue
        update = after[i] - before[i]
        projections = [sum(update * before[j]) / math.sqrt(sum(before[j] ** 2)) for j in most]
        p = softmax(standardised(projections, subtracted))
        q = softmax(standardised([attention[i][j] for j in most], subtracted))
        middle = [(a + b) / 2 for a, b in zip(p, q, strict=True)]
        divergences.append((kl(p, middle) + kl(q, middle)) / 2)
    return sum(divergences) / len(divergences) if divergences else None


def standardised(values, subtracted):
    mean = sum(values) / len(values)
    deviation = math.sqrt(sum((value - mean) ** 2 for value in values) / (len(values) - subtracted))
    return [(value - mean) / max(deviation, 1e-8) for value in values]  # equal ones are all 0


def softmax(values):
    total = sum(math.exp(value) for value in values)
    return [math.exp(value) / total for value in values]


def kl(p, q):
    return sum(a * math.log(a / b) for a, b in zip(p, q, strict=True))


@pytest.mark.parametrize("count", [20, 21, 37, 60, 115])
def test_the_original_form(count):
    before, after, attention = states(count), states(count), causal_attention(count)
    found = icr.originals(*(torch.tensor(values) for values in (before, after, attention)))
    expected = [by_loops(before, after, attention, subtracted) for subtracted in (0, 1)]
    assert found.tolist() == pytest.approx(expected, rel=1e-9)


def test_of_two_positions_the_released_form_is_lower():
    """Standardised, two numbers are ±1 over n and ±1/√2 over n − 1; opposite orders diverge by log 2 minus the entropy.

    20 states: the last one alone has two positions that count, 0 and 1. Its update points to the second.
    """
    before, attention = torch.eye(20), torch.full((20, 20), 0.01)
    after = before.clone()
    after[-1, 1] += 1
    attention[-1, 0], attention[-1, 1] = 0.3, 0.2

    def divergence(number):
        p = math.exp(number) / (math.exp(number) + math.exp(-number))
        return math.log(2) + p * math.log(p) + (1 - p) * math.log(1 - p)

    found = icr.originals(before, after, attention)
    assert found.tolist() == pytest.approx([divergence(1), divergence(math.sqrt(1 / 2))], rel=1e-5)
    assert found[0] / found[1] == pytest.approx(1.65, abs=5e-3)


@pytest.mark.parametrize("count", [1, 2, 19])
def test_the_original_form_wants_two_attended_positions(count):
    before, after, attention = states(count), states(count), causal_attention(count)
    assert by_loops(before, after, attention) is None
    found = icr.originals(*(torch.tensor(values) for values in (before, after, attention)))
    assert found.isnan().tolist() == [True, True]


def test_the_original_form_follows_the_attention():
    """The released code averages the attention away before it is used."""
    before, after = (torch.tensor(states(60)) for _ in range(2))
    one, other = (icr.originals(before, after, torch.tensor(causal_attention(60))) for _ in range(2))
    assert (abs(one - other) > 1e-4).all()


def test_the_original_form_looks_at_no_later_position():
    before, after, attention = (torch.tensor(v) for v in (states(40), states(40), causal_attention(40)))
    found = icr.originals(before, after, attention)
    later = attention + torch.ones(40, 40, dtype=torch.double).triu(1)
    assert icr.originals(before, after, later).tolist() == found.tolist()


def test_equal_attention_and_equal_projections_are_defined():
    same = torch.ones(30, 4, dtype=torch.double)
    uniform = torch.full((30, 30), 1 / 30, dtype=torch.double)
    assert icr.originals(same, 2 * same, uniform).tolist() == pytest.approx([0, 0])


def test_the_simple_and_the_relative_form():
    """Updates (3, 4) and (0, 2) of states of lengths 2 and 4."""
    before = torch.tensor([[2.0, 0.0], [0.0, 4.0]])
    after = before + torch.tensor([[3.0, 4.0], [0.0, 2.0]])
    assert icr.simple(before, after) == pytest.approx((5 + 2) / 2)
    assert icr.relative(before, after) == pytest.approx((5 / 2 + 2 / 4) / 2)
