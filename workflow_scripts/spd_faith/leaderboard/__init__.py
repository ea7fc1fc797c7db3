"""Stage 7: the leaderboard."""
