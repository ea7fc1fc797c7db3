"""leaderboard.md as GitHub shows it: a parser of its Markdown reads back each text as it was."""

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from spd_faith.core.text import printable
from spd_faith.leaderboard.model import Code, Column, Leaderboard, Section, Strong, Table, Term, Text, note
from spd_faith.leaderboard.renderers import md

PARSER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
GITHUB_LINKS = re.compile(
    r"@\w|https?://|ftp://|www\.|(?<![\w&])#\d|:[\w+-]+:|\$.*\$", re.IGNORECASE
)  # what GitHub makes of a text between two tags

ODD = [
    *("a|b", "a\\|b", "a\\", "\\\\|", "*a*", "**a**", "_a_", "__a__", "a_b_c", "snake_case", "_", "~~a~~", "~a~"),
    *("`a`", "``a`", "`", "<b>a</b>", "<script>alert(1)</script>", "<!-- a -->", "<https://example.org>", "a<b"),
    *("[a](https://example.org)", "![a](b.png)", "[a][b]", "[a]", "[a]: https://example.org", "[^1]", "[^1]: a"),
    *("https://example.org/a_b_", "www.example.org", "WWW.EXAMPLE.ORG", "ftp://example.org", "mailto:a@example.org"),
    *("@octocat", "me@example.org", "#1", "owner/name#12", "C#", "# a", "## a ##", "a #", "#", ":smile:", ":a:b:"),
    *("$x$", "$a$ and $b$", "US$", "$$x$$", "&amp;", "&#36;", "&lt;b&gt;", "R&D", "&", "1. a", "1) a", "12.", "- a"),
    *("+ a", "> a", "===", "---", "***", "```", "~~~", "    a", "\ta", "a\nb", "a\n\n# b", "a\r\n- b", "|", "||", ""),
    *("مرحبا", "模型 🙂", "“a” – ′", "a\x1b[2Jb", "\u202eabc", "a" * 300, "!", "![", "](a)", "a  b", " a "),
]
TEXTS = st.one_of(
    st.sampled_from(ODD),
    st.lists(st.sampled_from([*ODD, *"\\|*_`<>~[]()!#$&:@.-+ ;ab1\n"]), max_size=6).map("".join),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=30),
)


class _Page(HTMLParser):
    """The texts by element, and every run of text between two tags."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: dict[str, list[str]] = {}
        self.runs: list[str] = []
        self.tags: set[str] = set()
        self.open: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.open.append(tag)
        self.found.setdefault(tag, []).append("")

    def handle_endtag(self, tag):
        self.open.remove(tag)

    def handle_data(self, data):
        self.runs.append(data)
        for tag in set(self.open):
            self.found[tag][-1] += data


def shown(text: str) -> str:
    return printable(" ".join(text.split()))


def page_of(section: Section) -> _Page:
    return _Page(PARSER.render(md.render(Leaderboard(section, None, ()))))


def everything(text: str) -> Section:
    """A section with the text in each place that can hold one."""
    table = Table("t", (Column("Model"), Column(text)), ((Text(text), Text("x")), (Text("y"), Text(text))))
    return Section(
        text, (note(text, " of ", Term(text), ": ", Strong(text)), table, Section(text, (note("a ", text),)))
    )


def check(text: str) -> None:
    page, expected = page_of(everything(text)), shown(text)
    cells = [one.strip() for one in page.found["td"]]
    assert (page.found["h1"], page.found["h2"], cells) == ([expected], [expected], [expected, "x", "y", expected])
    assert page.found["th"] == ["Model", expected]
    first, second = page.found["p"]
    assert first.split() == f"{expected} of {expected}: {expected}".split()
    assert second.split() == f"a {expected}".split()
    assert page.tags <= {"h1", "h2", "p", "table", "thead", "tbody", "tr", "th", "td", "span", "em", "strong"}
    assert not [run for run in page.runs if GITHUB_LINKS.search(run)]


@pytest.mark.parametrize("text", ODD)
def test_an_odd_text_is_shown_as_it_is(text: str):
    check(text or "x")


@given(TEXTS.filter(lambda text: text.split()))
def test_any_text_is_shown_as_it_is(text: str):
    check(text)


@pytest.mark.parametrize("text", ["leaderboard.parquet", "a`b", "``a``", "`", "$x$ @me <b> |", "a\n\n# b"])
def test_code_is_shown_as_it_is(text: str):
    page = page_of(Section("s", (note("see ", Code(text), "."),)))
    assert page.found["code"] == [shown(text)] and page.found["p"] == [f"see {shown(text)}."]


def test_numbers_in_brackets_stay_readable_in_the_source():
    table = Table("t", (Column("DRF [0.8, 1)"), Column("snake_case")), ((Text("R&D 2:1 #"), Text("a [b] c")),))
    source = md.table_text(table)
    assert "DRF [0.8, 1)" in source and "snake_case" in source
    assert "R&D 2:1 \\#" in source and "a [b] c" in source
