"""SPD-Faith: does a vision-language model see, say and reason from what differs between two pictures?

The stages, from left to right: dataset, inference, parsing, judging, scoring, leaderboard. A stage imports only
from the stages to its left and from `core`.
"""
