"""The cost limit holds whatever calls cost in the end, and admits every call that fits."""

import asyncio

import pytest

from spd_faith.core.errors import UserError
from spd_faith.endpoints.entries import Prices
from spd_faith.endpoints.spending import Spending
from spd_faith.endpoints.token_bounds import max_image_tokens, max_text_tokens


def spend(spending, calls, usd=0.01, seconds=0.0):
    """Run calls with a bound of 0.25 dollars each concurrently; returns their outcomes."""

    async def call():
        async with spending.reserved(0.25) as charge:
            await asyncio.sleep(seconds)
            charge.usd = usd

    async def together():
        return await asyncio.gather(*(call() for _ in range(calls)), return_exceptions=True)

    return asyncio.run(together())


def test_the_cost_is_tokens_times_price_per_million():
    prices = Prices(input=2.5, output=10, source="by hand", date="2026-01-01")
    assert prices.usd(1_200, 300) == pytest.approx(0.003 + 0.003)


def test_calls_whose_bounds_do_not_fit_together_wait_for_each_other_and_all_are_made():
    spending = Spending(max_usd=0.5, spent_usd=0.0)  # two bounds fit, and forty costs of a cent do
    assert spend(spending, calls=20, seconds=0.005) == [None] * 20
    assert spending.spent_usd == pytest.approx(0.20)


def test_what_was_spent_before_counts():
    spending = Spending(max_usd=0.5, spent_usd=0.3)
    outcomes = spend(spending, calls=1)
    assert isinstance(outcomes[0], UserError)
    assert spending.spent_usd == 0.3


def test_a_call_that_fits_to_the_cent_is_made():
    assert spend(Spending(max_usd=0.5, spent_usd=0.25), calls=1, usd=0.25) == [None]


def test_the_limit_is_never_passed_where_every_call_costs_its_bound():
    spending = Spending(max_usd=1.1, spent_usd=0.0)
    outcomes = spend(spending, calls=16, usd=0.25, seconds=0.005)
    assert outcomes.count(None) == 4
    assert spending.spent_usd == 1.0


def test_bounds_that_were_too_low_are_raised_once_for_all_calls_in_flight():
    """16 calls that cost twice their bound: the next bound is 0.5 dollars, not 0.25 * 2**16."""
    spending = Spending(max_usd=10.0, spent_usd=0.0)
    assert spend(spending, calls=16, usd=0.5, seconds=0.005) == [None] * 16
    assert spend(spending, calls=3, usd=0.5) == [None] * 3
    assert spending.spent_usd == pytest.approx(9.5)
    assert spend(spending, calls=1, usd=0.5) == [None]  # the last one fits, to the cent


def test_the_error_states_what_is_spent_and_what_is_needed():
    message = str(spend(Spending(max_usd=0.5, spent_usd=0.3), calls=1)[0])
    assert "$0.3000 of $0.5000 is spent" in message
    assert "0.5500" in message
    assert "Nothing is lost" in message


def test_a_call_that_fails_before_it_is_charged_costs_nothing():
    spending = Spending(max_usd=0.5, spent_usd=0.0)

    async def fail():
        async with spending.reserved(0.25):
            raise RuntimeError

    with pytest.raises(RuntimeError):
        asyncio.run(fail())
    assert spending.spent_usd == 0.0
    assert spend(spending, calls=1) == [None]


def test_a_call_above_its_bound_raises_the_bounds_of_later_ones():
    spending = Spending(max_usd=2.5, spent_usd=0.0)
    assert spend(spending, calls=1, usd=1.0) == [None]  # four times its bound
    assert spend(spending, calls=1, usd=0.6) == [None]  # 1.0 + 4 · 0.25 fits
    assert isinstance(spend(spending, calls=1)[0], UserError)  # 1.6 + 4 · 0.25 does not, though 1.6 + 0.25 would


@pytest.mark.parametrize(
    ("size", "tokens"),
    [
        ((1024, 1024), 1337),  # patches of 28 × 28
        ((1024, 1024), 10 * 256),  # InternVL: nine tiles of 448 × 448 and the whole
        ((1024, 1024), 10 * 729),  # LLaVA-OneVision: nine tiles of 384 × 384 and the whole
        ((1024, 512), 85 + 170 * 2),  # GPT-4o: tiles of 512 × 512
        ((28, 28), 85 + 170),
        ((28, 28), 258),  # Gemini
        ((4096, 4096), 21_400),
    ],
)
def test_an_images_bound_is_no_less_than_what_families_count(size, tokens):
    assert max_image_tokens(*size) >= tokens


def test_what_an_endpoint_is_known_to_count_for_an_image_is_its_bound():
    assert max_image_tokens(28, 28, known=25_501) == 25_501


def test_a_texts_bound_is_no_less_than_a_token_per_two_letters():
    assert max_text_tokens("ab" * 500) >= 500
    assert max_text_tokens("差" * 500) >= 750
