"""SPD-Faith: does a vision-language model see, report and reason from the differences between two images?

The stages, in order: dataset, inference, parsing, judging, scoring, probes, leaderboard. A stage imports only from
earlier stages and from the shared packages `core`, `endpoints` and `language`.
"""
