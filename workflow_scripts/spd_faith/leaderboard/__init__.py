"""Stage 6: the tables that people read."""
