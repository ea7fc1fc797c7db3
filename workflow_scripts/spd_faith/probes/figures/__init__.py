"""The probes' figures: a module per probe and a function per figure, from tables to a matplotlib figure."""
