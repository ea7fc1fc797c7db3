"""Shared by all stages: schemas, configuration, files, statistics and command-line helpers."""
