"""Reads English prose: turns a text into assertions."""
