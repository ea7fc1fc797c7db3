"""The page of the leaderboard as JSON (`json_format`), for programs; the HTML page is made from it."""

import json

from spd_faith.leaderboard.json_format import to_json
from spd_faith.leaderboard.model import Leaderboard


def render(leaderboard: Leaderboard) -> str:
    return json.dumps(to_json(leaderboard.page), ensure_ascii=False, allow_nan=False) + "\n"
