"""Stage 4: labels the claims of an answer."""
