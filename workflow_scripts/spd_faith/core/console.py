"""Tables on a terminal, no wider than it is."""

import shutil
import sys

from rich import box
from rich.console import Console
from rich.table import Table

from spd_faith.core.terminal import encodable
from spd_faith.core.text import printable

_NARROWEST = 80  # columns; a terminal of fewer wraps the lines by itself


def make_console(without_terminal: int) -> Console:
    """A console on standard output that shows texts as they are; `without_terminal` is its width in a file or pipe."""
    width = max(_NARROWEST, shutil.get_terminal_size((without_terminal, 25)).columns)
    # no colours and no markup: a label may hold [brackets] and :colons:
    return Console(
        file=sys.stdout, width=width, height=25, color_system=None, markup=False, emoji=False, highlight=False
    )


def fits(console: Console, table: Table) -> bool:
    """Whether the console is as wide as the table would like to be."""
    return console.measure(table, options=console.options.update(width=10_000)).maximum <= console.width


def print_table(console: Console, table: Table) -> None:
    """Print a table; one that does not fit without the lines between its columns."""
    table.title_justify = "left"
    if not fits(console, table):
        table.box, table.padding, table.pad_edge = box.SIMPLE_HEAVY, (0, 1, 0, 0), False
    console.print(table)


def cell(text: object) -> str:
    """A text from outside as the cell of a table: one line, and as wide as it will be printed."""
    return encodable(printable(" ".join(str(text).split())), sys.stdout.encoding)
