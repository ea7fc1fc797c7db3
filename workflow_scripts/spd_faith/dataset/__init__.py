"""Stage 1: image pairs and their ground-truth differences."""
