"""Stage 5: the metrics, per sample and over a dataset."""
