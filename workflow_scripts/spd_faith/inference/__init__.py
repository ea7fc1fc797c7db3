"""Stage 2: the answers of a model to the three tasks."""
