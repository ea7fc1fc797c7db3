"""Pages that are one file: what they hold cannot end its element, run or load anything."""

import base64
import hashlib
import json
import re
from html.parser import HTMLParser

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from spd_faith.core import html
from spd_faith.core.html import Script, data_uri, render_page, script_json


@pytest.fixture(autouse=True)
def template(monkeypatch: pytest.MonkeyPatch):
    from jinja2 import ChoiceLoader, DictLoader

    own = DictLoader({"own.html.j2": '{% extends "base.html.j2" %}{% block body %}<p>{{ text }}</p>{% endblock %}'})
    monkeypatch.setattr(html._ENVIRONMENT, "loader", ChoiceLoader([html._ENVIRONMENT.loader, own]))


class Parsed(HTMLParser):
    """The elements of a page with their texts, as an HTML parser sees them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict, str]] = []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes), ""))

    def handle_data(self, data):
        if self.elements:
            tag, attributes, text = self.elements[-1]
            self.elements[-1] = (tag, attributes, text + data)

    def texts(self, tag: str) -> list[str]:
        return [text for name, _, text in self.elements if name == tag]


def page(text: str = "", scripts=(), data=None) -> str:
    return render_page("own.html.j2", title=text, styles=[], scripts=scripts, data=data or {}, text=text)


HOSTILE = '</title></script><script>alert(1)</script><!--<img src=x onerror=alert(1)>{{ 7 * 7 }}&amp;"\u2028'


@given(st.text())
@example(HOSTILE)
@example("\ud800")
def test_texts_come_back_as_they_are(text: str):
    held = page(text, data={"data": {"key": [text]}})
    found = Parsed(held)
    assert [tag for tag, *_ in found.elements] == [tag for tag, *_ in Parsed(page("a", data={"data": 1})).elements]
    joined = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    assert json.loads(found.texts("script")[0]) == {"key": [joined]}


def test_a_script_with_what_ends_scripts_runs_as_it_was():
    source = 'const a = "<!--<script>", b = /<!--/, c = "</script>";'
    (text,) = Parsed(page(scripts=[Script(source)])).texts("script")
    assert "</script" not in text and "<!--" not in text
    assert text.strip().replace("<\\/", "</").replace("<\\!", "<!") == source


def test_the_policy_names_the_scripts_and_nothing_else():
    held = page(scripts=[Script("one();"), Script("two();")])
    policy = next(dict(a)["content"] for tag, a, _ in Parsed(held).elements if "http-equiv" in a)
    allowed = re.search(r"script-src ([^;]*);", policy)[1].split()
    hashes = [base64.b64encode(hashlib.sha256(text).digest()).decode() for text in (b"one();", b"two();")]
    assert allowed == [f"'sha256-{one}'" for one in hashes]
    assert policy.startswith("default-src 'none';")


def test_numbers_that_json_lacks_are_refused():
    with pytest.raises(ValueError, match="JSON"):
        script_json(float("nan"))


def test_data_uri():
    assert data_uri("image/png", b"\x00\xff") == "data:image/png;base64,AP8="
