"""Estimates the work and cost of a run before it starts."""
