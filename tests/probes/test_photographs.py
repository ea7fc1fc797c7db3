"""causal_patching on images as large as photographs, with an answer as long as a real model's."""

from itertools import pairwise

import numpy as np
import pytest
from probes import photographs
from probes.photographs import (
    BENCH,
    BENCH_AFTER,
    BICYCLE,
    BUS,
    CLAIMS,
    COUNT,
    DOG,
    JSON_ENTRIES,
    LONG_ANSWER,
    OTHER,
    SIZE,
    UMBRELLA,
    difference,
    painted,
    photograph,
    rows,
)
from probes.probed import ROOT, entry, load_probed, text_ids
from probes.test_forward import Shapes
from probes.test_patched_runs import count_rows
from probes.test_patched_samples import log_probs, measured, model_run, of_difference, pasted, statuses

from spd_faith.dataset.encoded_images import decode
from spd_faith.dataset.merged import find_layout, split
from spd_faith.probes.patching import patched_runs
from spd_faith.probes.patching.patched_runs import Patch
from spd_faith.probes.patching.said import said

REAL_PAIRS = ROOT.parent / "shared" / "data" / "real_pairs"  # not part of the project
BUDGET = {"min_pixels": 28 * 28, "max_pixels": 1600 * 1200}  # more than the images have
COLUMNS, ROWS = 29, 21  # of tokens: 800 / 28 = 28.6, 600 / 28 = 21.4


def large(load, name, layout="pair"):
    """A tiny model that is shown photographs as they are."""
    return load_probed(entry(load.checkpoint(name), layout, pixel_budget=BUDGET))


def tokens_in(*boxes, size=SIZE):
    """The tokens of one image whose middle lies in a box."""
    middles = [
        ((column + 0.5) * size[0] / COLUMNS, (row + 0.5) * size[1] / ROWS)
        for row in range(ROWS)
        for column in range(COLUMNS)
    ]
    return [n for n, (x, y) in enumerate(middles) if any(a <= x <= a + w and b <= y <= b + h for a, b, w, h in boxes)]


# ---- a long answer ---------------------------------------------------------------------------------------------------


def test_what_a_long_answer_says_of_each_difference(load):
    tokenizer = large(load, "qwen2_vl").tokenizer
    ids = tokenizer(LONG_ANSWER, add_special_tokens=False)["input_ids"]
    assert 250 < len(LONG_ANSWER.split()) < 400

    def words(tokens):
        """The pieces of the answer that these tokens are."""
        cuts = [0, *(n for n, (one, after) in enumerate(pairwise(tokens), start=1) if after > one + 1), len(tokens)]
        return [tokenizer.decode([ids[k] for k in tokens[begin:end]]) for begin, end in pairwise(cuts) if begin < end]

    umbrella, dog, bus, bench = said(tokenizer, ids, photographs.pair()[0])
    for found, name in ((umbrella, "umbrella"), (dog, "dog"), (bench, "bench")):
        assert words(found.claim) == [CLAIMS[name]]  # the first mention in prose: no title, no summary
        assert words(found.json_copy) == [JSON_ENTRIES[name]]
        assert OTHER in words(found.other_claims)
        assert not {CLAIMS[name]} & {*words(found.other_claims)}
        others = {CLAIMS[one] for one in CLAIMS if one != name}
        assert others <= {*words(found.other_claims)}
    assert (bus.claim, bus.json_copy) == ((), ())
    assert {*CLAIMS.values(), OTHER} <= {*words(bus.other_claims)}
    assert {tuple(words(one.count)) for one in (umbrella, dog, bus, bench)} == {(COUNT,)}
    summary = range(LONG_ANSWER.encode().index(b"### Summary"), LONG_ANSWER.encode().index(b"```json"))
    for one in (umbrella, dog, bus, bench):  # a token per byte
        assert not {*summary} & {*one.claim, *one.count, *one.json_copy, *one.other_claims, *one.verdict}


@pytest.mark.parametrize(
    ("name", "layout"),
    [
        ("qwen2_vl", "pair"),
        pytest.param("qwen2_vl", "merged", marks=pytest.mark.slow),
        pytest.param("qwen2_5_vl", "pair", marks=pytest.mark.slow),
    ],
)
def test_a_long_answer_about_a_photograph(load, tmp_path, name, layout):
    probed = large(load, name, layout)
    sample, images = photographs.pair()
    run = model_run(tmp_path, probed, [sample], [images], [LONG_ANSWER])
    [found] = measured(run)
    original, modified = decode(images["original"]), decode(images["modified"])
    token_ids = probed.tokenizer(LONG_ANSWER, add_special_tokens=False)["input_ids"]
    assert [one for one in statuses(found) if one[2] != "ok"] == [(2, None, "not_named", None)]
    changed = log_probs(probed, original, modified, token_ids)
    layers = range(-1, len(probed.model.get_decoder().layers))
    inside = [tokens_in(UMBRELLA), tokens_in(DOG), tokens_in(BUS), tokens_in(BENCH, BENCH_AFTER)]
    for number, words in enumerate(said(probed.tokenizer, token_ids, sample)):
        effects = changed - log_probs(
            probed, original, pasted(original, modified, sample["differences"][number]), token_ids
        )
        row = of_difference(found, number)
        for column, tokens in (
            ("image_effect", words.claim),
            ("count_effect", words.count),
            ("json_effect", words.json_copy),
            ("other_claims_effect", words.other_claims),
        ):
            assert row[column] == (pytest.approx(effects[list(tokens)].sum(), abs=0.01) if tokens else None), column
        if not words.claim:
            continue
        for direction in ("undone_into_changed", "changed_into_undone"):
            for layer in layers:
                of_sets = {
                    tokens: of_difference(found, number, direction=direction, layer=layer, tokens=tokens)
                    for tokens in ("difference", "random", "unchanged", "all")
                }
                if layout == "pair":
                    copied = {tokens: one["copied_tokens"] for tokens, one in of_sets.items()}
                    assert copied == {
                        "difference": len(inside[number]),
                        "random": len(inside[number]),
                        "unchanged": len(tokens_in(BICYCLE)),
                        "all": COLUMNS * ROWS,
                    }
                drop = {-1: row["image_effect"], layers[-1]: 0}.get(layer)
                if drop is not None:
                    assert of_sets["all"]["drop"] == pytest.approx(drop, abs=0.01)


# ---- what it costs ---------------------------------------------------------------------------------------------------


def test_memory_and_work_of_patched_runs_over_long_rows(load, monkeypatch):
    """Prompts of over 1,200 image tokens, an answer of 2,000. No tensor has the size of a square of the row, and each
    layer reads the tokens behind the first patched one, up to the last that is asked for, once per run."""
    probed = large(load, "qwen2_vl")
    image, answer = photograph(), text_ids(2000)
    shown = [("Same?", image, image), ("Same?", image, painted(image, (DOG, "brown")))]
    batch = probed.prepared(shown, [answer] * 2)
    row = batch.rows[0]
    assert sum(row.image_tokens) == 2 * COLUMNS * ROWS > 1000
    seconds = row.image_positions[row.image_tokens[0] :]
    chosen, claim = seconds[tokens_in(DOG)], range(900, 960)
    layers = range(-1, len(probed.model.get_decoder().layers))
    patches = [Patch(layer, *rows, chosen) for rows in ((1, 0), (0, 1)) for layer in layers]
    tokens = row.answer_states.start + 960 - int(chosen[0])
    length = row.answer_states.start + 960
    bound = 4 * length * 64  # keys of four runs; two runs of 256 tokens have 128 neurons each
    monkeypatch.setattr(patched_runs, "NUMBERS_AT_ONCE", bound)
    seen = []
    with patched_runs.teacher_forced(probed.model, batch) as runs:
        hooks = count_rows(probed, seen)
        with Shapes() as shapes:
            runs.patched(patches, claim)
        for hook in hooks:
            hook.remove()
    assert max(np.prod(shape) for shape in shapes.seen) <= bound
    # In each direction 3 patches and a run without one: the first two layers' input joins as the layers are reached.
    # The first layer reads 2 runs, the last one 3, of which it finishes the tokens that are asked for alone.
    computed = sum(runs * count for runs, count in seen)
    assert computed == 2 * (2 * tokens + 3 * tokens + 3 * len(claim))


# ---- boxes -----------------------------------------------------------------------------------------------------------

GREEN = "There is one difference. The bus changed from yellow to green."


def one_difference(box, size=SIZE):
    """A box, and a bus in it that is green in the second image, of this size; in a strip there is no bus."""
    buses = [] if box[2] < 20 else [BUS]
    original = painted(photograph(), *((bus, "yellow") for bus in buses))
    modified = painted(photograph(), *((bus, "green") for bus in buses)).resize(size)
    return rows("easy/00000_1", original, modified, [difference("color", "bus", box, box)])


@pytest.mark.parametrize(
    ("box", "inside"),
    [
        (BUS, BUS),  # fractional, and over the border by less than a pixel
        ((0, 0, 800, 600), (0, 0, 800, 600)),
        ((-1, -1, 802, 602), (0, 0, 800, 600)),  # larger than the image by a pixel on each side
        ((799.5, 0, 1, 600), None),  # a strip at the border, beside the middle of its tokens
        ((-0.7, 0, 14.6, 600), (0, 0, 13.9, 600)),  # up to the middle of the first column, 13.8
        ((800, 0, 1, 600), "no_boxes"),  # a pixel beside the image
    ],
)
def test_boxes_of_photographs(load, tmp_path, box, inside):
    sample, images = one_difference(box)
    [found] = measured(model_run(tmp_path, large(load, "qwen2_vl"), [sample], [images], [GREEN]))
    if inside == "no_boxes":
        assert statuses(found) == [(0, None, "not_undone", "no_boxes")]
        return
    assert of_difference(found, 0)["status"] == "ok"
    why = {row["tokens"]: row["status"] for row in found if row["status"] != "ok"}
    copied = {row["tokens"]: row["copied_tokens"] for row in found if row.get("layer") == 0}
    if inside is None:
        assert why == dict.fromkeys(("difference", "random", "unchanged"), "small_box")
    else:
        assert copied["difference"] == len(tokens_in(inside))
        is_whole = len(tokens_in(inside)) == COLUMNS * ROWS
        assert why == ({"random": "no_room"} if is_whole else {}) | {"unchanged": "no_unchanged"}
    assert copied["all"] == COLUMNS * ROWS


@pytest.mark.parametrize("size", [(812, 588), (400, 300)])
def test_images_of_two_sizes_have_no_undone_difference(load, tmp_path, size):
    sample, images = one_difference(BUS, size)
    [found] = measured(model_run(tmp_path, large(load, "qwen2_vl"), [sample], [images], [GREEN]))
    assert statuses(found) == [(0, None, "not_undone", "sizes_differ")]


# ---- published photographs -------------------------------------------------------------------------------------------


@pytest.mark.skipif(not REAL_PAIRS.exists(), reason="the photographs are not part of the project")
@pytest.mark.parametrize("path", sorted(REAL_PAIRS.glob("*.jpg")), ids=lambda path: path.stem)
def test_published_photographs(load, tmp_path, path):
    """A box is made up, and nothing else may differ in it: pairs whose halves differ elsewhere are not undone."""
    merged = decode(path.read_bytes())
    original, modified = split(merged, find_layout(merged))
    box = (10.5, 10.25, original.width / 3, original.height / 3)
    sample, images = rows("easy/00000_1", original, modified, [difference("color", "bus", box, box)])
    probed = large(load, "qwen2_vl")
    [found] = measured(model_run(tmp_path, probed, [sample], [images], [GREEN]))
    assert found[0]["status"] in ("ok", "not_undone"), found[0]
    if found[0]["status"] == "not_undone":
        assert found[0]["error"] in ("sizes_differ", "outside")
        return
    assert {row["status"] for row in found} <= {"ok", "no_unchanged"}
    effect = of_difference(found, 0)["image_effect"]
    whole = of_difference(found, 0, direction="undone_into_changed", layer=-1, tokens="all")
    assert whole["drop"] == pytest.approx(effect, abs=0.01)
