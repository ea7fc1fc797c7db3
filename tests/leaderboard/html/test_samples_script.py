"""What the script of the samples computes without a document: links, filters, cuts, marks and maps."""

import base64
import json
import shutil
import subprocess
import zlib

import pytest

from spd_faith.core.html import page_script
from spd_faith.leaderboard.html.answers import FLAGS
from spd_faith.leaderboard.html.packed import packed
from spd_faith.leaderboard.html.samples import samples_script

needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="needs Node.js")


def passes(script: str) -> None:
    source = page_script("offsets.js", "samples_logic.js").source + "\nconst assert = require('assert');\n" + script
    done = subprocess.run(["node", "-e", source], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@needs_node
def test_the_script_is_javascript(tmp_path):
    (tmp_path / "samples.js").write_text(samples_script().text, encoding="utf-8")
    done = subprocess.run(["node", "--check", tmp_path / "samples.js"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@needs_node
def test_links_lead_back_to_what_they_name():
    passes("""
const place = { sample: "multi_diff/00012_629587", model: "a model & more", view: "flicker" };
assert.strictEqual(linkTo(place), "#sample=multi_diff/00012_629587&model=a%20model%20%26%20more&view=flicker");
assert.deepStrictEqual(readLink(linkTo(place)), place);
for (const sample of ["a+b", "100%", "ü/#?&=", "<script>", "日本"]) {
  assert.deepStrictEqual(readLink(linkTo({ sample, model: null })), { sample });
}
assert.strictEqual(readLink("#headline"), null);
assert.strictEqual(readLink(""), null);
assert.strictEqual(readLink("#%E0%A4%A"), null); // no valid escape
""")


@needs_node
def test_what_is_packed_comes_back():
    content = {"texts": ["🚗 <b>\u2028", "\x00"], "number": [1, 2.5, None]}
    passes(f"unpack('{packed(content)}').then((found) => assert.deepStrictEqual(found, {json.dumps(content)}));")


def test_lone_surrogates_are_replaced():
    compressed = base64.b64decode(packed(["\ud800", "a" * 10_000]))
    assert len(compressed) < 100
    assert json.loads(zlib.decompress(compressed, -zlib.MAX_WBITS))[0] == "�"


SAMPLES = """
const texts = ["A zebra ran.", "Nothing.", "json"];
const samples = [
  { id: "easy/0", split: "easy", differences: [{ type: "color", category: "cat" }],
    models: { 0: { a: [[0, 2]], f: 1, m: {} }, 1: { a: [[1, 2]], f: 2, d: 0.5 } } },
  { id: "hard/1", split: "hard", differences: [{ type: "remove", category: "dog", description: "the dog left" }],
    models: { 0: { a: [[1, 2]], d: 0.2, m: "left out" }, 1: { a: [null], f: 3 } } },
  { id: "hard/1-blind", split: "hard", control: "blind", base: "hard/1", differences: [], models: {} },
];
const none = { model: "", split: "", type: "", control: "", bits: 0, maps: "", words: [] };
const ids = (filters) => filtered(samples, { ...none, ...filters }, texts).map(({ id }) => id).join(" ");
"""


@needs_node
@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({}, "easy/0 hard/1 hard/1-blind"),
        ({"split": "hard"}, "hard/1 hard/1-blind"),
        ({"type": "remove"}, "hard/1"),
        ({"control": "none"}, "easy/0 hard/1"),
        ({"control": "blind"}, "hard/1-blind"),
        ({"model": "1"}, "easy/0 hard/1"),  # the blind pair was not asked
        ({"bits": 1}, "easy/0 hard/1"),
        ({"bits": 3}, "hard/1"),  # both in one answer
        ({"bits": 1, "model": "0"}, "easy/0"),
        ({"maps": "1"}, "easy/0"),  # the others were not probed, or their maps are not in the page
        ({"maps": "1", "bits": 1}, "easy/0"),
        ({"maps": "1", "bits": 2}, ""),  # of another model
        ({"maps": "1", "model": "1"}, ""),
        ({"words": ["zebra"]}, "easy/0"),
        ({"words": ["zebra"], "model": "1"}, ""),  # another model says it
        ({"words": ["dog", "left"]}, "hard/1"),
        ({"words": ["dog", "zebra"]}, ""),
        ({"words": ["nothing"], "bits": 2}, "easy/0"),
        ({"words": ["json"]}, ""),  # the status of parsing is no word of an answer
    ],
)
def test_filters(filters, found):
    passes(f"{SAMPLES}assert.strictEqual(ids({json.dumps(filters)}), {json.dumps(found)});")


@needs_node
def test_the_models_whose_answers_fit():
    passes(f"""{SAMPLES}
const fitting = (filters) => samples.map((one) => modelsThatFit(one, {{ ...none, ...filters }}));
assert.deepStrictEqual(fitting({{}}), [["0", "1"], ["0", "1"], []]);
assert.deepStrictEqual(fitting({{ bits: 2 }}), [["1"], ["1"], []]);
assert.deepStrictEqual(fitting({{ maps: "1" }}), [["0"], [], []]);
assert.deepStrictEqual(fitting({{ bits: 1, model: "0" }}), [["0"], [], []]);
""")


@needs_node
def test_differences_keep_the_numbers_of_the_base_pair():
    passes("""
const numbers = (sample) => [0, 1, 2].map((difference) => numberOf(sample, difference));
assert.deepStrictEqual(numbers({}), [1, 2, 3]);
assert.deepStrictEqual(numbers({ undone: 0 }), [2, 3, 4]);
assert.deepStrictEqual(numbers({ undone: 1 }), [1, 3, 4]);
assert.deepStrictEqual(numbers({ undone: 3 }), [1, 2, 3]);
""")


@needs_node
@pytest.mark.parametrize(
    ("before", "now", "said"),
    [
        (True, False, "was named → no longer named"),
        (True, True, "was named → still named"),
        (False, False, "was not named before"),
        (False, True, "was not named before → named now"),
        (None, False, "not named"),
        (True, None, ""),
    ],
)
def test_what_undoing_a_difference_changes(before, now, said):
    passes(f"assert.strictEqual(undoneAnswer({json.dumps(before)}, {json.dumps(now)}), {json.dumps(said)});")


@needs_node
@pytest.mark.parametrize("word", ["easy/00000_7", "a b", "it's; rm -rf $HOME `x`", '"', "-x", "", "日本"])
def test_a_shell_reads_a_word_as_it_is(word):
    passes(f"""
const done = require("child_process").execSync("printf %s " + shellWord({json.dumps(word)}));
assert.strictEqual(done.toString(), {json.dumps(word)});
assert.strictEqual(shellWord("easy/00000_7"), "easy/00000_7");
assert.strictEqual(shellWord("a\\nb\\0"), "'a\\nb␀'");
""")


@needs_node
def test_the_largest_disagreement():
    passes(f"""{SAMPLES}
assert.deepStrictEqual(samples.map((one) => disagreement(one, "")), [0.5, 0.2, 0]);
assert.deepStrictEqual(samples.map((one) => disagreement(one, "0")), [0, 0.2, 0]);
""")


@needs_node
def test_answers_are_cut_between_characters():
    passes("""
assert.strictEqual(cutAt("x".repeat(130), 100), 130); // a little more is shown
assert.strictEqual(cutAt("x".repeat(131), 100), 100);
assert.strictEqual(cutAt("x".repeat(99) + "🚗".repeat(99), 100), 99);
assert.strictEqual(cutAt("🚗".repeat(99), 100), 100);
assert.strictEqual(cutAt("", 100), 0);
assert.strictEqual(cutAt("x".repeat(1000), Infinity), 1000);
assert.strictEqual(visible("a\\0b\\x1b\\n\\t\\x7f🚗"), "a␀b␛\\n\\t␡🚗");
""")


@needs_node
def test_marks_stand_where_claims_quote():
    passes("""
const claims = [{ q: [[0, 2, 6]] }, { q: [[1, 0, 3], [0, 4, 9]] }, { q: [7] }, { q: [[0, 90, 95]] }];
assert.deepStrictEqual(quotedParts(8, claims, 0), [
  { start: 0, end: 2, claims: [] }, { start: 2, end: 4, claims: [0] }, { start: 4, end: 6, claims: [0, 1] },
  { start: 6, end: 8, claims: [1] }]);
assert.deepStrictEqual(quotedParts(3, claims, 1), [{ start: 0, end: 3, claims: [1] }]);
assert.deepStrictEqual(quotedParts(4, claims, 2), [{ start: 0, end: 4, claims: [] }]);
""")


@needs_node
def test_an_answer_by_the_names_of_its_fields():
    passes("""
const answer = answerOf([1, 0, null, null, null, null, null, 7], ["json", "A cat."]);
assert.deepStrictEqual([answer.text, answer.parse_status, answer.verdict, answer.tokens, answer.language],
  ["A cat.", "json", null, 7, null]);
assert.strictEqual(answerOf(null, []), null);
""")


@needs_node
def test_maps_cover_the_tokens_of_an_image():
    passes("""
const grid = { image: 1, first: 2, stride: 4, rows: 2, columns: 2, x: 0, y: -0.25, dx: 0.5, dy: 0.75 };
const values = [9, 9, 0, 255, 9, 9, 51];
assert.deepStrictEqual(cells(grid, values), [[0.5, -0.25, 0.5, 0.75, 1], [0, 0.5, 0.5, 0.75, 0.2]]);
assert.strictEqual(heat(1), "rgb(189 0 38 / 0.60)");
""")


def test_the_bits_of_the_flags_fit_into_what_javascript_shifts():
    assert len(FLAGS) < 31
