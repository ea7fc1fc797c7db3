"""Stage 3: answers as structured lists and verdicts."""
