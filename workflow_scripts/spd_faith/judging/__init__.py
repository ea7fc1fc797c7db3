"""Stage 4: claims of an answer, each with a label."""
