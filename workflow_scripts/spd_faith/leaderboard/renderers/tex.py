"""The tables of the leaderboard that a paper needs, as LaTeX with booktabs (docs/leaderboard_columns.md)."""

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from spd_faith.core.latex import latex, legible
from spd_faith.core.text import printable
from spd_faith.leaderboard import model
from spd_faith.leaderboard.comparisons_section import BOLD, RANKS
from spd_faith.leaderboard.model import Cell, Column, Leaderboard, Section, Table, Unit
from spd_faith.scoring.breakdowns import BREAKDOWNS
from spd_faith.scoring.comparisons import SIGNIFICANT_AT
from spd_faith.scoring.metrics import HEADLINE_AND_OVERALL, METRICS

_TITLES = {
    "headline": "Results",
    "baselines": "Baselines without the images. Quoted: the same answer to every question; below: each model's "
    "answers, scored against the truths of other pairs",
    "detection": "Answers about pairs of identical images",
    "counterfactual": "Counterfactual pairs: whether a model stops naming a difference when that one is undone",
    "by_category": "Counterfactual pairs, where a difference is named if its category is",
    "order": "Order effect: metrics of pairs with the modified image first, minus those of the same pairs as they are",
    "blind": "What is said about two grey images",
    "judge_error": "Scores as judged, and corrected by human labels",
    "published_protocol": "The published protocol (multi-difference split, released formulas), and the published rows, "
    "which have other judges",
    "secondary": "Secondary metrics",
    **{one.name: f"Breakdown: {one.title}" for one in BREAKDOWNS},
    "reasoning_errors": "Unfaithful claims by error and severity, and answers by DRF",
    "interventions": "Interventions and their placebos: what they change, with 95% intervals and p",
    "interventions_cost": "Interventions: how much is said, and the cost",
    "probes": "Mechanism: internals of open-weight models",
    **{
        f"comparisons_{name}": f"Differences in {METRICS[name].label}, row minus column"
        for name in HEADLINE_AND_OVERALL
    },
}
"""The tables in the file: the start of the caption by the name of the table, or by that without the judge."""

_TEXT_WIDTH = 32  # characters of a line
_HEADING_WIDTHS = 14, 22  # of a line of several words, and of one word
_SMALL = 0.75  # width of a character in \scriptsize, relative to the table's
_PAGE_WIDTH = 140  # characters; a little more than a page has, and `spdfit` shrinks a table by as much
_GAP = 2  # between columns
_PAGE_LINES = 44
_MOST_LINES = 12  # of a cell
_LONGEST_NAME = 60  # characters in a caption
_TABLES_PER_CLEARING = 8  # LaTeX holds a limited number of floats

_HEAD = r"""%
% In a paper: \usepackage{booktabs,graphicx} before \begin{document}, then \input{leaderboard}, or copy the definitions
% below and single tables. To see all tables: pdflatex leaderboard.tex
%
% The tables use three commands. A paper that defines them before \input has its own layout:
%   \spdvalue{value}{interval}             the interval below the value; \newcommand{\spdvalue}[2]{#1} leaves it out
%   \spdbounded{value}{interval}{bounds}   a value with unscored answers; of a difference, {p} comes last
%   spdfit                                 shrinks a table that is wider than the text
% Bold is \textbf; intervals and bounds are in \scriptsize.
\makeatletter
\ifx\documentclass\@twoclasseserror
  \let\spdend\relax % in a paper
\else
  \documentclass[a4paper]{article}
  \usepackage[margin=2cm]{geometry}
  \usepackage{booktabs,graphicx}
  \begin{document}
  \def\spdend{\end{document}}
\fi
\makeatother
\providecommand{\spdvalue}[2]{\begin{tabular}[t]{@{}c@{}}#1\\[-0.4ex]\scriptsize #2\\[0.4ex]\end{tabular}}
\providecommand{\spdbounded}[3]{%
  \begin{tabular}[t]{@{}c@{}}#1\\[-0.4ex]\scriptsize #2\\[-0.4ex]\scriptsize #3\\[0.4ex]\end{tabular}}
\ifdefined\spdfit\else
  \newsavebox{\spdbox}
  \newenvironment{spdfit}{\begin{lrbox}{\spdbox}}{\end{lrbox}%
    \ifdim\wd\spdbox>\linewidth\resizebox{\linewidth}{!}{\usebox{\spdbox}}\else\usebox{\spdbox}\fi}
\fi
"""


def render(leaderboard: Leaderboard) -> str:
    floats = [
        float_
        for section, table in _tables(leaderboard.page)
        if (title := _title(section, table)) is not None
        for float_ in _floats(table, f"{title}. {_run(leaderboard)}")
    ]
    for place in range(_TABLES_PER_CLEARING, len(floats), _TABLES_PER_CLEARING):
        floats[place] = "\\clearpage\n\n" + floats[place]
    first = _comment(f"{leaderboard.page.title}. {_run(leaderboard)}")
    return "\n".join((first, _HEAD, *floats, "\\spdend\n"))


def _comment(text: str) -> str:
    """The text as it is, on one line: TeX reads nothing of it."""
    return f"% {printable(' '.join(text.split()))}"


def _tables(section: Section) -> Iterator[tuple[Section, Table]]:
    """The tables, each with its section."""
    for part in section.parts:
        if isinstance(part, Section):
            yield from _tables(part)
        elif isinstance(part, Table):
            yield section, part


def _title(section: Section, table: Table) -> str | None:
    """The start of the caption; None if the table is not in the file."""
    if table.name == "judge_error" and not any(_is_corrected(table)):
        return None
    if table.name in _TITLES or not table.name.startswith("comparisons_"):
        return _TITLES.get(table.name)
    named = next(name for name in _TITLES if table.name.startswith(f"{name}_"))
    return f"{_TITLES[named]}. {_brief(section.title)}"


def _is_corrected(table: Table) -> Iterator[bool]:
    place = [column.title for column in table.columns].index("Corrected")
    return (isinstance(row[place], model.Interval) for row in table.rows)


def _run(leaderboard: Leaderboard) -> str:
    live = leaderboard.rows[leaderboard.rows["origin"] == "run"].iloc[0]
    dataset, revision = _brief(live["dataset"]), _brief(live["dataset_revision"])
    return f"Dataset: {dataset} ({revision}, {model.counted(live['n'], 'pair')})"


def _brief(text: str) -> str:
    """For a caption, where TeX cannot break a long word."""
    shown = legible(text)
    return shown if len(shown) <= _LONGEST_NAME else f"{shown[:_LONGEST_NAME]}[…]"


# ---- a table ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Cell:
    """LaTeX of a cell, and how many characters and lines it takes."""

    source: str
    width: float
    lines: int = 1


@dataclass(frozen=True)
class _Row:
    """`group`: rows of another one are set apart by a line."""

    cells: tuple[_Cell, ...]
    group: tuple[bool, str]

    @property
    def lines(self) -> int:
        return max(cell.lines for cell in self.cells)


def _floats(table: Table, caption: str) -> Iterator[str]:
    """The table as floats that each fit a page: by parts of the columns, and of the rows."""
    table, judge = _without_equal_judges(table)
    caption = ". ".join((caption + judge, *_legend(table))) + "."
    rows = [_row(row, table.columns) for row in table.rows]
    if not rows:
        return
    headings = [_heading(column.title) for column in table.columns]
    pieces = [(columns, part) for columns in _column_parts(table, headings, rows) for part in _row_parts(rows)]
    for number, (columns, part) in enumerate(pieces, start=1):
        of = "" if len(pieces) == 1 else f" Part {number} of {len(pieces)}."
        label = f"tab:spd-faith:{table.name}" + (f":{number}" if number > 1 else "")
        yield "\n".join(
            (
                *(_comment(f"{one.title}: {one.definition}") for one in table.columns if one.definition),
                r"\begin{table*}[!htbp]",
                r"\centering\footnotesize\setlength{\tabcolsep}{4pt}",
                rf"\caption{{{latex(caption + of)}}}",
                rf"\label{{{label}}}",
                r"\smallskip",
                r"\begin{spdfit}",
                rf"\begin{{tabular}}{{{''.join(_alignment(table, place) for place in columns)}}}",
                *_lines(headings, part, columns, _names(table)),
                r"\end{tabular}",
                r"\end{spdfit}",
                r"\end{table*}",
                "",
            )
        )


def _without_equal_judges(table: Table) -> tuple[Table, str]:
    """The table without its column of judges if all are the same, and what the caption says then."""
    titles = [column.title for column in table.columns]
    if "Judge" not in titles:
        return table, ""
    place = titles.index("Judge")
    judges = {cell.text for row in table.rows if isinstance(cell := row[place], model.Text)}
    if len(judges) != 1:
        return table, ""
    rows = tuple((*row[:place], *row[place + 1 :]) for row in table.rows)
    columns = (*table.columns[:place], *table.columns[place + 1 :])
    return Table(table.name, columns, rows, table.group), f", judged by {_brief(judges.pop())}"


def _legend(table: Table) -> Iterator[str]:
    """How to read the cells, as sentences without their full stops."""
    cells = [cell for row in table.rows for cell in row]
    kinds = {type(cell) for cell in cells}
    numbers = [column for column in table.columns if column.unit == model.NUMBER]
    if any(column.unit.scale == 100 for column in table.columns):
        apart = f", apart from {', '.join(column.title for column in numbers)}" if numbers else ""
        yield ("Percentage points" if model.Difference in kinds else "Percentages") + apart
    if kinds & {model.Interval, model.Bounded}:
        yield "Brackets: 95% intervals (bootstrap of images within split)"
    if model.Bounded in kinds:
        yield "Parentheses: bounds, if the unscored answers were scored"
    if model.Ranks in kinds:
        yield RANKS[:1].upper() + RANKS[1:]
    if any(isinstance(cell, model.Interval | model.Bounded) and cell.is_best for cell in cells):
        yield f"Bold: {BOLD}"
    if model.Missing in kinds and model.Difference not in kinds:
        yield "Dash: not defined, not measured or unknown"
    if model.Difference in kinds:
        family = "these comparisons" if table.name == "interventions" else "all pairs of models"
        yield f"Bold: significant, p ≤ {SIGNIFICANT_AT} after Holm's correction for {family}"


def _row(cells: Sequence[Cell], columns: Sequence[Column]) -> _Row:
    texts = [(cell, column.title) for cell, column in zip(cells, columns, strict=True) if isinstance(cell, model.Text)]
    judge = next((cell.text for cell, title in texts if title == "Judge"), "")
    units = (column.unit for column in columns)
    return _Row(tuple(map(_cell, cells, units)), (any(cell.key for cell, _ in texts), judge))


def _column_parts(table: Table, headings: Sequence[_Cell], rows: Sequence[_Row]) -> Iterator[list[int]]:
    """The columns of each part: those that name a row, and as many of the others as fit."""
    lines = headings, *(row.cells for row in rows)
    widths = [max(cells, key=lambda cell: cell.width).width + _GAP for cells in zip(*lines, strict=True)]
    named = _names(table).stop
    others = range(named, len(widths))
    free = _PAGE_WIDTH - sum(widths[:named])
    for size in range(len(others), 0, -1):
        parts = [others[start : start + size] for start in range(0, len(others), size)]
        if size == 1 or all(sum(widths[place] for place in part) <= free for part in parts):
            break
    size = -(-len(others) // len(parts))  # as many in each
    for start in range(0, len(others), size):
        yield [*range(named), *others[start : start + size]]


def _names(table: Table) -> range:
    """The first columns of texts, which name a row."""
    is_text = [any(isinstance(row[place], model.Text) for row in table.rows) for place in range(len(table.columns))]
    first = is_text.index(True)
    return range(first, is_text.index(False, first))


def _row_parts(rows: Sequence[_Row]) -> Iterator[list[_Row]]:
    part: list[_Row] = []
    for row in rows:
        if part and sum(one.lines for one in part) + row.lines > _PAGE_LINES:
            yield part
            part = []
        part.append(row)
    yield part


def _alignment(table: Table, place: int) -> str:
    kinds = {type(row[place]) for row in table.rows}
    if kinds <= {model.Text, model.Missing}:
        return "l"
    return "r" if kinds <= {model.Value, model.Missing} else "c"


def _lines(headings: Sequence[_Cell], rows: Sequence[_Row], columns: Sequence[int], named: range) -> Iterator[str]:
    """The rows of a table; the names that several rows have in common are in the first of them."""
    yield r"\toprule"
    yield " & ".join(headings[place].source for place in columns) + r" \\"
    common = named[:-1] if named.start == 0 else named[:0]  # a rank in front belongs to its own row
    names = [tuple(row.cells[place].source for place in common) for row in rows]
    has_repeated = len(set(names)) < len(names) and len(common) > 0
    for number, row in enumerate(rows):
        is_first = not number or row.group != rows[number - 1].group
        is_repeated = has_repeated and not is_first and names[number] == names[number - 1]
        if is_first:
            yield r"\midrule"
        elif has_repeated and not is_repeated:
            yield r"\addlinespace"
        hidden = common if is_repeated else ()
        yield " & ".join("" if place in hidden else row.cells[place].source for place in columns) + r" \\"
    yield r"\bottomrule"


# ---- cells -----------------------------------------------------------------------------------------------------------


def _cell(cell: Cell, unit: Unit) -> _Cell:
    match cell:
        case model.Text(text):
            return _block(text, _TEXT_WIDTH, "[t]{@{}l@{}}")
        case model.Value(value):
            return _one_line(unit.text(value))
        case model.Interval(value, low, high, _, is_best):
            interval = f"[{unit.text(low)}, {unit.text(high)}]{cell.of_pairs()}"
            return _small(r"\spdvalue", (unit.text(value), is_best), interval)
        case model.Bounded(value, low, high, bound_low, bound_high, _, is_best):
            interval = f"[{unit.text(low)}, {unit.text(high)}]"
            bounds = f"({unit.text(bound_low)} to {unit.text(bound_high)})"
            return _small(r"\spdbounded", (unit.text(value), is_best), interval, bounds)
        case model.Difference(value, is_significant):
            text = model.signed_text(value, unit)
            if details := cell.details(unit):
                return _small(r"\spdbounded", (text, is_significant), *details)
            return _one_line(text, is_significant)
        case model.Ranks(low, high):
            return _one_line(model.rank_text(low, high))
        case model.Unranked() | model.Missing():
            return _one_line(model.MISSING)


def _one_line(number: str, is_bold: bool = False) -> _Cell:
    text = latex(number)
    return _Cell(rf"\textbf{{{text}}}" if is_bold else text, len(number))


def _small(command: str, value: tuple[str, bool], *below: str) -> _Cell:
    """A value with smaller lines below it."""
    first, *others = _one_line(*value), *map(_one_line, below)
    arguments = "".join(f"{{{line.source}}}" for line in (first, *others))
    return _Cell(command + arguments, max(first.width, *(_SMALL * line.width for line in others)), 1 + len(others))


def _heading(title: str) -> _Cell:
    width, longest = _HEADING_WIDTHS
    words = map(len, legible(title).split())
    return _block(title, min(max(width, *words), longest), "[b]{@{}c@{}}")


def _block(text: str, width: int, layout: str) -> _Cell:
    lines = textwrap.wrap(legible(text), width)
    if len(lines) > _MOST_LINES:
        lines[_MOST_LINES - 1 :] = ["[…]"]
    source = r" \\ ".join(map(latex, lines))
    if len(lines) > 1:
        source = rf"\begin{{tabular}}{layout}{source}\end{{tabular}}"
    return _Cell(source, max(map(len, lines), default=0), max(1, len(lines)))
