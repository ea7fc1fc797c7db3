"""Text for LaTeX."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spd_faith.core.latex import latex, legible


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Qwen2-VL (7B)", "Qwen2-VL (7B)"),
        ("50% & #1 $x_{a}$", r"50\% \& \#1 \$x\_\{a\}\$"),
        (r"\input{/etc/passwd}", r"\textbackslash{}input\{/etc/passwd\}"),
        ("~ ^ < > |", r"\textasciitilde{} \textasciicircum{} \textless{} \textgreater{} \textbar{}"),
        ("[a] *b*", "{[}a] {*}b{*}"),
        ('`a\' "b"', r"\`{}a' {\char34}b{\char34}"),
        ("a--b ''c'' ,,", "a-{}-b '{}'c'{}' ,{},"),
        ("2–3 — “x” ‘y’ …", r"2{--}3 {---} {``}x{''} {`}y{'} \ldots{}"),
        ("d′ −1 ≤ ×", r"d$'$ $-$1 $\leq$ $\times$"),
        ("é Ü ñ ç š î Å", r"\'{e} \"{U} \~{n} \c{c} \v{s} \^{\i} \r{A}"),
        ("e\u0301", r"\'{e}"),
        ("ß Ø λΩ", r"\ss{} \O{} $\lambda$$\Omega$"),
        ("a\n\n b\tc ", "a b c"),
        ("模型 x", "{[}U+6A21 U+578B] x"),
        ("a🙂b", "a{[}U+1F642]b"),
        ("\u202eab\x1b", "{[}U+202E]ab{[}U+001B]"),
        ("ệ", "{[}U+1EC7]"),
        ("", ""),
    ],
)
def test_texts(text: str, expected: str):
    assert latex(text) == expected


def test_named_characters_stay_apart():
    assert legible("中 文") == "[U+4E2D] [U+6587]" and legible("中文") == "[U+4E2D U+6587]"


_COMMANDS = re.compile(
    r"\\(?:[{}$&#%_]|[a-zA-Z]+(?![a-zA-Z])|[`'^~\"=.](?=\{))"  # a character, a command, or an accent
)


@given(st.text(st.characters(exclude_categories=[]), max_size=60))
def test_any_text_is_harmless(text: str):
    source = latex(text)
    assert source.isascii() and source.isprintable()
    names = set(re.findall(r"\\([a-zA-Z]+)", source))
    assert not names & {"input", "include", "write", "def", "csname", "openout", "catcode", "par", "end"}
    bare = _COMMANDS.sub("", source)
    assert "\\" not in bare and not re.search(r"[%&#_~^]", re.sub(r"\$[^$]*\$", "", bare))
    assert bare.count("$") % 2 == 0
    depth = 0
    for char in bare:
        depth += (char == "{") - (char == "}")
        assert depth >= 0
    assert depth == 0
