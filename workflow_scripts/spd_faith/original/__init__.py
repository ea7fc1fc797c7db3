"""The files and flags of the benchmark's original commands: what reads and writes them, and what those commands run."""
