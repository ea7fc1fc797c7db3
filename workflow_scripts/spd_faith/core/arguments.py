"""Types of command-line arguments."""

import argparse


def seed(text: str) -> int:
    """A seed of numpy's generators: a whole number from 0 on."""
    try:
        number = int(text)
    except ValueError:
        number = -1
    if number < 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0 on")
    return number
