"""Stage 7: the tables that people read."""
