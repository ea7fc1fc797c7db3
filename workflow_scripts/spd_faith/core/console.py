"""Tables that fit the width of the terminal."""

import shutil
import sys

from rich import box
from rich.console import Console
from rich.table import Table

from spd_faith.core.terminal import encodable
from spd_faith.core.text import printable

_NARROWEST = 80  # columns; narrower terminals wrap lines themselves


def make_console(without_terminal: int) -> Console:
    """A console on standard output that prints text verbatim; `without_terminal` is its width in a file or pipe."""
    width = max(_NARROWEST, shutil.get_terminal_size((without_terminal, 25)).columns)
    # no colours and no markup: a label may hold [brackets] and :colons:
    return Console(
        file=sys.stdout, width=width, height=25, color_system=None, markup=False, emoji=False, highlight=False
    )


def fits(console: Console, table: Table) -> bool:
    """Whether the table fits the console without wrapping."""
    return console.measure(table, options=console.options.update(width=10_000)).maximum <= console.width


def print_table(console: Console, table: Table) -> None:
    """Print a table; if it does not fit, drop the lines between columns."""
    table.title_justify = "left"
    if not fits(console, table):
        table.box, table.padding, table.pad_edge = box.SIMPLE_HEAVY, (0, 1, 0, 0), False
    console.print(table)


def cell(text: object) -> str:
    """Untrusted text as a table cell: one line, exactly as it will be printed."""
    return encodable(printable(" ".join(str(text).split())), sys.stdout.encoding)
