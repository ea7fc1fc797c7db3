"""Stage 2: a model's answers to the three tasks."""
