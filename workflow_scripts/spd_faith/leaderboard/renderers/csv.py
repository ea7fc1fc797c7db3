"""The rows of the leaderboard as CSV: all columns, fractions as percentages, plain numbers."""

from spd_faith.leaderboard.model import Leaderboard


def render(leaderboard: Leaderboard) -> str:
    rows = leaderboard.rows
    fractions = rows.columns.intersection(list(leaderboard.fractions))
    return rows.assign(**(rows[fractions] * 100).round(2)).to_csv(index=False)
