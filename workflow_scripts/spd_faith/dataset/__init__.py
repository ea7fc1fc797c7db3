"""Stage 1: image pairs and their true differences."""
