"""The cost of calls survives their process; a killed call counts with its bound."""

import asyncio

import pytest

from spd_faith.endpoints.charges import Charges
from spd_faith.endpoints.spending import Spending


def test_an_ended_call_counts_with_its_cost_and_another_with_its_bound(tmp_path):
    with Charges(tmp_path) as charges:
        ended = charges.begin(0.5)
        charges.end(ended, 0.02)
        charges.begin(0.25)
    assert Charges(tmp_path).spent_usd() == pytest.approx(0.27)


def test_an_empty_folder_means_no_spending(tmp_path):
    assert Charges(tmp_path / "none").spent_usd() == 0


def test_two_starts_add_up(tmp_path):
    for usd in (0.01, 0.02):
        with Charges(tmp_path) as charges:
            charges.end(charges.begin(1.0), usd)
    assert Charges(tmp_path).spent_usd() == pytest.approx(0.03)


def spend(charges, ends):
    """A call with a bound of 0.25 dollars that costs a cent, or is killed before it ends."""
    spending = Spending(1.0, charges.spent_usd(), charges)

    async def call():
        async with spending.reserved(0.25) as charge:
            spending.begin(charge)
            assert charges.spent_usd() == pytest.approx(spending.spent_usd + 0.25)  # a kill here leaves this
            charge.usd = 0.01 if ends else charge.bound

    asyncio.run(call())
    return spending.spent_usd


def test_spending_records_a_call_before_it_is_made(tmp_path):
    with Charges(tmp_path) as charges:
        assert spend(charges, ends=True) == pytest.approx(0.01)
        assert spend(charges, ends=False) == pytest.approx(0.26)
        assert charges.spent_usd() == pytest.approx(0.26)


def test_a_call_that_was_never_made_costs_nothing(tmp_path):
    async def wait_only(spending):
        async with spending.reserved(0.25):
            pass

    with Charges(tmp_path) as charges:
        asyncio.run(wait_only(Spending(1.0, 0.0, charges)))
        assert charges.spent_usd() == 0
