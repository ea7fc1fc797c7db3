"""The annotation page: shows any answer as text, loads and reveals nothing."""

import base64
import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from io import BytesIO

import pytest
from judging.annotations.worked_results import CAR, png
from PIL import Image

from spd_faith.core.html import PAGES
from spd_faith.judging.annotations.items import AnnotationItem
from spd_faith.judging.annotations.marks import MarkedClaim
from spd_faith.judging.annotations.page import annotation_page, image_uri

ODD = [
    "</script><script>alert(1)</script><!-- <img src=x onerror=alert(1)>",
    "{{ data }} {% raw %} <!--{data}-->",
    "שלום \u202e🚗👩‍👩‍👧\u2028\r\n\x00 & &amp;",
    "x" * 20_000,
]
SAMPLE = {"differences": [CAR | {"bbox_after": None}], "unchanged": [{"category": "</style>"}]}
IMAGES = {"original": png((0, 0, 0)), "modified": png((255, 0, 0))}


def page(texts=ODD, marked=None) -> str:
    items = [AnnotationItem(f"a{k}", "easy/0", "drf", (text,), ("secret-model",)) for k, text in enumerate(texts)]
    items.append(AnnotationItem("b0", "easy/0", "cr", ("No.", texts[0]), ("secret-model",)))
    return annotation_page("d1", items, {"easy/0": SAMPLE}, {"easy/0": IMAGES}, marked)


class Elements(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict, str]] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs), ""))

    def handle_endtag(self, tag):
        self.found.append((f"/{tag}", {}, ""))

    def handle_data(self, data):
        if self.found:
            tag, attrs, text = self.found[-1]
            self.found[-1] = (tag, attrs, text + data)


def data_of(text: str) -> dict:
    (data,) = [content for tag, attrs, content in Elements(text).found if attrs.get("id") == "data"]
    return json.loads(data)


def test_answers_arrive_unchanged_and_end_no_element():
    written = page()
    assert [item["answers"]["describe"] for item in data_of(written)["items"][:-1]] == ODD
    assert data_of(written)["items"][-1]["answers"] == {"same": "No.", "different": ODD[0]}
    plain = page(["The car moved."])
    tags = [[tag for tag, *_ in Elements(text).found] for text in (written, plain)]
    assert tags[0] == tags[1] and tags[0].count("script") == 2


def test_nothing_names_the_model_or_the_sample():
    assert "secret-model" not in page() and "easy/0" not in page()


def test_the_images_of_a_pair_are_there_once():
    written = page()
    for encoded in IMAGES.values():
        assert written.count(base64.b64encode(encoded).decode()) == 1
    (pair,) = data_of(written)["pairs"]
    assert pair["images"]["original"]["boxes"] == [[2.0, 2.0, 4.0, 4.0]] and pair["images"]["modified"]["boxes"] == []
    assert pair["truth"] == ["color, car: the color of the car changed from red to blue", "unchanged: </style>"]


def test_the_labels_are_those_of_the_metrics():
    names = {metric: [one["name"] for one in found] for metric, found in data_of(page())["choices"].items()}
    assert names["cr"] == ["consistent", "contradictory", "ambiguous"]
    assert names["drf"][0] == "faithful" and names["drf"][-1] == "unverifiable" and "fabrication" in names["drf"]
    for name in names["drf"] + names["cr"]:  # the guideline explains each
        assert f"<dt>{name.replace('_', ' ')}</dt>" in page()


def test_a_page_to_settle_shows_claims_without_names():
    quote = {"answer": "describe", "start": 0, "end": 1, "text": "x"}
    claim = MarkedClaim.model_validate({"quotes": [quote], "label": "faithful"})
    data = data_of(page(marked={"a3": {"ann-person": [claim], "bob-person": []}}))
    assert data["kind"] == "adjudicated" and [len(claims) for claims in data["marked"]["a3"]] == [1, 0]
    assert "ann-person" not in json.dumps(data)


@pytest.mark.parametrize(("kind", "mime"), [("PNG", "png"), ("JPEG", "jpeg"), ("WEBP", "webp")])
def test_images_keep_their_bytes(kind, mime):
    data = BytesIO()
    Image.new("RGB", (4, 4), (9, 8, 7)).save(data, kind)
    head, _, body = image_uri(data.getvalue()).partition(",")
    assert head == f"data:image/{mime};base64" and base64.b64decode(body) == data.getvalue()


def test_a_format_that_browsers_lack_becomes_lossless_webp():
    data = BytesIO()
    Image.new("RGB", (4, 4), (9, 8, 7)).save(data, "TIFF")
    head, _, body = image_uri(data.getvalue()).partition(",")
    assert head == "data:image/webp;base64"
    assert Image.open(BytesIO(base64.b64decode(body))).convert("RGB").getpixel((1, 1)) == (9, 8, 7)


@pytest.mark.parametrize("name", ["common.css", "annotate.css", "disagreements.css"])
def test_colors_are_declared_for_light_and_dark(name):
    outside = re.sub(r"light-dark\([^)]*\)", "", (PAGES / name).read_text(encoding="utf-8"))
    assert set(re.findall(r"#[0-9a-f]{3,6}\b", outside)) <= {"#fff"}  # the white edge of boxes, over images


SCRIPT = """
const assert = require("assert");
const text = "a🚗b 👩‍👧 c";
const points = Array.from(text);
for (let point = 0; point <= points.length; point += 1) {
  const unit = points.slice(0, point).join("").length;
  assert.strictEqual(toPoints(text, unit), point);
  assert.strictEqual(toUnits(text, point), unit);
}
assert.deepStrictEqual(trimmed("  the car.\\n", 0, 11), [2, 10]);
assert.deepStrictEqual(trimmed("a🚗b", 2, 4), [1, 4]); // half an emoji is the whole one
assert.deepStrictEqual(trimmed("a🚗b", 0, 2), [0, 3]);
assert.strictEqual(trimmed("a  b", 1, 3), null);
assert.deepStrictEqual(segments(10, [[2, 6], [4, 8]]), [
  { start: 0, end: 2, covering: [] }, { start: 2, end: 4, covering: [0] }, { start: 4, end: 6, covering: [0, 1] },
  { start: 6, end: 8, covering: [1] }, { start: 8, end: 10, covering: [] }]);
assert.deepStrictEqual(segments(0, []), []);
"""


@pytest.mark.skipif(shutil.which("node") is None, reason="needs Node.js")
def test_offsets_count_characters_as_python_does():
    source = (PAGES / "offsets.js").read_text(encoding="utf-8")
    done = subprocess.run(["node", "-e", source + SCRIPT], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
