"""What the leaderboard's page shows: the tables of a run as data for its scripts."""
