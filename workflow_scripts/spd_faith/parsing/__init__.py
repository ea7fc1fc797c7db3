"""Stage 3: parses answers into lists of differences and verdicts."""
