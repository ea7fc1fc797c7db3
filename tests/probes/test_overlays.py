"""Maps over images: colours match the places of the tokens, nothing is cut off, and the command writes its files."""

import re
import subprocess
import sys
import warnings
from itertools import islice, pairwise

import numpy as np
import pyarrow as pa
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.layout_engine import ConstrainedLayoutEngine
from PIL import Image
from probes.probed import ROOT, entry, load_probed
from waiting import COMMAND_SECONDS

from spd_faith.core.files import read_table, write_table
from spd_faith.core.schemas import IMAGES, SAMPLES
from spd_faith.dataset.demo import demo_pairs, image_row, sample_row
from spd_faith.dataset.encoded_images import decode
from spd_faith.dataset.entries import DATASETS
from spd_faith.dataset.merged import find_layout, split
from spd_faith.inference.images import alone_on_square, merged, merged_on_square, usual
from spd_faith.inference.prompts import load_prompts
from spd_faith.probes.figures.drawing import save, style
from spd_faith.probes.figures.token_activation_map import saved_overlays
from spd_faith.probes.forward import run_pass
from spd_faith.probes.image_grid import Raster
from spd_faith.probes.overlays import MAX_PAGES, overlays, word_overlays
from spd_faith.probes.probe import ProbeRun
from spd_faith.probes.token_activation_map import TokenActivationMap
from spd_faith.probes.word_maps import WordMap, saved_rasters, saved_word_maps
from spd_faith.probes.word_overlays import overlays_of_words

WHOLE = (0.0, 0.0, 1.0, 1.0)


def under(layout, first, rows, columns):
    width, height = layout.size
    places = {n: (x / width, y / height, w / width, h / height) for n, (x, y, w, h) in layout.places.items()}
    return Raster(first, rows, columns, places)


def white(*sizes):
    return tuple(Image.new("RGB", size, "white") for size in sizes)


def word_overlay(images, rasters, word):
    (draw,) = word_overlays(images, rasters, [word])
    return draw()


def one_page(*given):
    (figure,) = overlays(*given)
    return figure


def note_of(figure):
    """Below all pairs, on one line."""
    return " ".join(figure.get_supxlabel().split())


def captions(figure):
    """Above each pair."""
    return [axes.texts[0].get_text() for axes in figure.axes[::2]]


def drawn(figure):
    """The canvas with its pixels, and for each of the axes where it is in them: left, top, right, bottom."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba())[..., :3].astype(int)
    boxes = [axes.get_window_extent() for axes in figure.axes]
    return pixels, [(box.x0, len(pixels) - box.y1, box.x1, len(pixels) - box.y0) for box in boxes]


def coloured(figure, number):
    """Left, top, right and bottom of the red area in an image, as fractions of it; None if there is none."""
    pixels, places = drawn(figure)
    left, top, right, bottom = places[number]
    part = pixels[round(top) + 1 : round(bottom) - 1, round(left) + 1 : round(right) - 1]
    red = part[..., 0] - part[..., 1] > 60
    if not red.any():
        return None
    rows, columns = np.nonzero(red.any(axis=1))[0], np.nonzero(red.any(axis=0))[0]
    size = np.array([right - left, bottom - top])
    return [*(np.array([columns[0], rows[0]]) / size), *((np.array([columns[-1], rows[-1]]) + 1) / size)]


# ---- where -----------------------------------------------------------------------------------------------------------

PAIR = [Raster(0, 2, 4, {0: WHOLE}), Raster(8, 3, 3, {1: WHOLE})]
SIDE_BY_SIDE = [under(merged(usual((100, 200))), 0, 4, 8)]
STACKED = [under(merged(usual((200, 100))), 0, 5, 2)]  # the seam goes through the third row, which is the first image's
ON_SQUARE = [under(merged_on_square(usual((100, 100)), 80), 0, 8, 8)]  # each 40 × 40, rows 2 to 5
PADDED = [under(alone_on_square((100, 50), 0, 40), 0, 4, 4), under(alone_on_square((50, 100), 1, 40), 17, 4, 4)]


@pytest.mark.parametrize(
    ("sizes", "rasters", "token", "number", "expected"),
    [
        (((200, 100), (90, 90)), PAIR, 6, 0, (0.5, 0.5, 0.75, 1)),
        (((200, 100), (90, 90)), PAIR, 8 + 5, 1, (2 / 3, 1 / 3, 1, 2 / 3)),
        (((100, 200), (100, 200)), SIDE_BY_SIDE, 9, 0, (0.25, 0.25, 0.5, 0.5)),
        (((100, 200), (70, 99)), SIDE_BY_SIDE, 31, 1, (0.75, 0.75, 1, 1)),
        (((200, 100), (200, 100)), STACKED, 4, 0, (0, 0.8, 0.5, 1)),  # the second half of the token is outside
        (((200, 100), (200, 100)), STACKED, 7, 1, (0.5, 0.2, 1, 0.6)),
        (((100, 100), (100, 100)), ON_SQUARE, 2 * 8 + 3, 0, (0.75, 0, 1, 0.25)),
        (((100, 100), (100, 100)), ON_SQUARE, 5 * 8 + 4, 1, (0, 0.75, 0.25, 1)),
        (((100, 50), (50, 100)), PADDED, 2 * 4 + 1, 0, (0.25, 0.5, 0.5, 1)),
        (((100, 50), (50, 100)), PADDED, 17 + 2 * 4 + 1, 1, (0, 0.5, 0.5, 0.75)),
    ],
)
def test_a_token_is_coloured_where_it_lies(sizes, rasters, token, number, expected):
    values = np.zeros(64)
    values[token] = 0.4
    figure = word_overlay(white(*sizes), rasters, WordMap("car", values))
    assert coloured(figure, number) == pytest.approx(expected, abs=0.03)
    assert coloured(figure, 1 - number) is None


def test_a_token_beside_the_images_is_not_drawn():
    values = np.zeros(64)
    values[3] = 1  # on the grey
    figure = word_overlay(white((100, 100), (100, 100)), ON_SQUARE, WordMap("car", values))
    assert coloured(figure, 0) is coloured(figure, 1) is None


@pytest.mark.parametrize(
    ("rasters", "token", "sizes", "beside"),
    [
        (ON_SQUARE, 3, [(100, 100)] * 2, True),
        (ON_SQUARE, 2 * 8 + 3, [(100, 100)] * 2, False),
        (PADDED, 2, [(100, 50), (50, 100)], True),
        (PADDED, 2 * 4 + 1, [(100, 50), (50, 100)], False),
        (PADDED, 16, [(100, 50), (50, 100)], True),  # ends an image
    ],
)
def test_a_hidden_maximum_is_reported(rasters, token, sizes, beside):
    values = np.full(64, 0.25)
    values[token] = 0.5
    words = [WordMap("car", values), WordMap("dog", np.where(values == 0.5, 0.25, values))]
    figure = one_page("t", white(*sizes), DIFFERENCES, rasters, words)
    assert captions(figure)[1:3] == ["car  0.50*" if beside else "car  0.50", "dog  0.25"]
    assert ("(*: outside the images)" in figure.get_supxlabel().replace("\n", " ")) == beside
    alone = word_overlay(white(*sizes), rasters, words[0])
    assert captions(alone) == ["car  0.50 outside the images" if beside else "car  0.50"]


def test_stronger_tokens_are_stronger_colours():
    values = np.array([0.2, 0.1, 0, 0, 0, 0, 0, 0.05] + [0.0] * 9)
    pixels, (place, _) = drawn(word_overlay(white((200, 100), (90, 90)), PAIR, WordMap("car", values)))
    left, top, right, bottom = place

    def at(across, down):
        return 255 - pixels[round(top + down * (bottom - top)), round(left + across * (right - left)), 1]  # green

    assert at(0.125, 0.25) > at(0.375, 0.25) > at(0.875, 0.75) > at(0.625, 0.25) == 0


# ---- the sheet -------------------------------------------------------------------------------------------------------


def box(x, y, w, h):
    return dict(zip("xywh", map(float, (x, y, w, h)), strict=True))


DIFFERENCES = [
    {"type": "remove", "bbox": box(20, 10, 40, 40), "bbox_after": None},
    {"type": "position", "bbox": box(120, 10, 40, 40), "bbox_after": box(0, 60, 18, 18)},
]


@pytest.mark.parametrize("words", [0, 1, 2, 3, 7])
@pytest.mark.parametrize("sizes", [((200, 100), (90, 90)), ((100, 300), (100, 300))])
def test_a_sheet_has_a_panel_for_each_word_and_cuts_nothing_off(words, sizes):
    texts = ["No, the two pictures are not the same at all", *"abcdef"][:words]
    maps = [WordMap(text, np.linspace(0, 1, 17)) for text in texts]
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # as for a layout without room
        figure = one_page(
            "easy/00000_1",
            white(*sizes),
            DIFFERENCES,
            PAIR,
            maps,
        )
        _, places = drawn(figure)
    found = captions(figure)
    assert found[0] == "true boxes"
    assert found[2:] == [f"{text}  1.00" for text in texts[1:]]
    assert len(places) == 2 * (words + 1)
    renderer = figure.canvas.get_renderer()
    boxes = [axes.texts[0].get_window_extent(renderer) for axes in figure.axes[::2]]
    for number, (text, *pair) in enumerate(zip(boxes, figure.axes[::2], figure.axes[1::2], strict=True)):
        column = figure.bbox.width / 2
        assert column * (number % 2) <= text.x0 and text.x1 <= column * (number % 2 + 1)
        assert all(text.y0 >= axes.get_window_extent().y1 for axes in pair)
    for (left, top, right, bottom), image in zip(places, white(*sizes) * (words + 1), strict=True):
        assert (right - left) / (bottom - top) == pytest.approx(image.width / image.height, rel=0.02)
        assert right - left > 0.4 * figure.bbox.width / 6 * image.width / max(one.width for one in white(*sizes))


def test_boxes_are_whole_where_the_object_is_and_dotted_in_the_other_image():
    figure = one_page("t", white((200, 100), (90, 90)), DIFFERENCES, PAIR, [])
    found = [
        sorted((patch.get_linestyle(), *np.round(patch.get_bbox().bounds, 2)) for patch in axes.patches)
        for axes in figure.axes
    ]
    assert found == [
        [("-", 20, 10, 40, 40), ("-", 120, 10, 40, 40), (":", 0, 66.67, 40, 20)],
        [("-", 0, 60, 18, 18), (":", 9, 9, 18, 36), (":", 54, 9, 18, 36)],
    ]


@pytest.mark.parametrize(
    ("token", "caption"),
    [
        (2 * 8 + 3, "No, the two pictures are not the same  1.00"),
        (3, "No, the two pictures are not the same  1.00 outside the images"),
    ],
)
def test_the_caption_of_a_word_alone_has_the_width_of_a_column(token, caption):
    values = np.zeros(64)
    values[token] = 1
    word = WordMap("No, the two pictures are not the same", values)
    figure = word_overlay(white((100, 100), (100, 100)), ON_SQUARE, word)
    drawn(figure)
    box = figure.axes[0].texts[0].get_window_extent()
    assert box.x0 >= 0 and box.x1 <= figure.bbox.x1
    assert captions(figure) == [caption]


# ---- answers of any length, on photographs ---------------------------------------------------------------------------

REAL_PAIRS = ROOT.parent / "shared" / "data" / "real_pairs"  # not part of the project


def like_a_photograph(width, height):
    """Noise at several scales."""
    noise = [Image.effect_noise((cells, cells), 120).resize((width, height)) for cells in (5, 20, 200)]
    return Image.merge("RGB", noise)


def photographs():
    """Pairs by name: drawn ones, and published ones where they are there."""
    pairs = {"landscape": (640, 480), "portrait": (480, 640), "panorama": (1600, 400)}
    found = {name: (like_a_photograph(*size),) * 2 for name, size in pairs.items()}
    for path in (REAL_PAIRS / "multi_diff_4.jpg", REAL_PAIRS / "hard_12639_remove1.jpg"):
        if path.exists():
            image = decode(path.read_bytes())
            found[path.stem] = split(image, find_layout(image))
    return found


PHOTOGRAPHS = photographs()


def raster_maps(count, pair, layout):
    """Rasters of tokens of 28 pixels, and random maps on them with words of an answer."""
    if layout == "pair":
        shapes = [(one.height // 28, one.width // 28) for one in pair]
        rasters = [Raster(0, *shapes[0], {0: WHOLE}), Raster(shapes[0][0] * shapes[0][1], *shapes[1], {1: WHOLE})]
    else:
        shown = merged(usual(pair[0].size))
        shapes = [(shown.size[1] // 28, shown.size[0] // 28)]
        rasters = [under(shown, 0, *shapes[0])]
    draw = np.random.default_rng(0)
    tokens = sum(rows * columns for rows, columns in shapes)
    return rasters, [WordMap(f"refrigerator{number}", draw.random(tokens) ** 4) for number in range(count)]


@pytest.mark.slow
@pytest.mark.parametrize("name", PHOTOGRAPHS)
@pytest.mark.parametrize(("count", "layout"), [(12, "pair"), (72, "merged"), (91, "pair")])
def test_each_word_of_a_long_answer_has_a_panel_that_can_be_seen(count, name, layout):
    pair = PHOTOGRAPHS[name]
    rasters, words = raster_maps(count, pair, layout)
    pages = list(overlays("multi_diff/4", pair, DIFFERENCES, rasters, words))
    assert [text for page in pages for text in captions(page)[1:]] == [
        f"{word.text}  {word.values.max():.2f}" for word in words
    ]
    assert {captions(page)[0] for page in pages} == {"true boxes"}
    assert len(pages) <= 5
    for number, page in enumerate(pages, start=1):
        assert page.get_figwidth() <= 7.1 and page.get_figheight() <= 9.8  # a page of a paper
        assert len(pages) == 1 or f"Page {number} of {len(pages)}: words " in note_of(page)
        boxes = [axes.get_window_extent() for axes in page.axes]
        for box, image in zip(boxes, pair * len(boxes), strict=False):
            assert box.width / box.height == pytest.approx(image.width / image.height, rel=0.02)
            assert min(box.width, box.height) / page.dpi >= (0.18 if name == "panorama" else 0.5)  # inches
        for (one, below), (other, _) in pairwise(zip(boxes[::2], boxes[1::2], strict=True)):
            assert one.x1 <= below.x0 and (below.x1 <= other.x0 or other.y1 <= one.y0)
        assert min(box.y0 for box in boxes) > page._supxlabel.get_window_extent().y1


def test_no_layout_is_solved(monkeypatch, tmp_path):
    """Solving one for panels as many as a long answer's takes minutes."""
    monkeypatch.setattr(ConstrainedLayoutEngine, "execute", lambda *given: pytest.fail("a layout was solved"))
    pair = PHOTOGRAPHS["landscape"]
    save(overlays("t", pair, [], *raster_maps(30, pair, "pair")), tmp_path / "a")


@pytest.mark.slow
def test_pages_beyond_the_last_are_left_out_and_said_to_be(tmp_path, caplog):
    pair = (Image.new("RGB", (64, 48)),) * 2  # is drawn as large as any
    rasters = [Raster(0, 1, 2, {0: WHOLE}), Raster(2, 1, 2, {1: WHOLE})]
    words = [WordMap(f"word{number}", np.linspace(0, 1, 4)) for number in range(300)]
    save(overlays("multi_diff/4", pair, [], rasters, words), tmp_path / "a")
    names = ["a.png", *(f"a_p{number:02}.png" for number in range(2, MAX_PAGES + 1))]
    assert sorted(path.name for path in tmp_path.glob("*.png")) == names
    assert len(re.findall(rb"/Type /Page\b", (tmp_path / "a.pdf").read_bytes())) == MAX_PAGES
    last = list(overlays("multi_diff/4", pair, [], rasters, words))[-1]
    drawn_words = int(re.search(r"to (\d+) of 300", note_of(last))[1])
    assert captions(last)[-1].startswith(f"word{drawn_words - 1} ") and drawn_words > 200
    assert f"{300 - drawn_words} more words are left out" in note_of(last)
    assert f"multi_diff/4: the first {drawn_words} words are drawn, {300 - drawn_words} more" in caplog.text
    assert captions(last)[0] == "the pair"
    save(overlays("multi_diff/4", pair, [], rasters, words[:30]), tmp_path / "a")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.pdf", "a.png", "a_p02.png"]  # no page of before


def test_words_of_any_script_and_sign_are_drawn_without_a_warning(tmp_path):
    texts = ["自転車", "الدراجة", "साइकिल", "🚲", "a" * 5000, "$\\frac{$", "a\x07\n\ud800b", ""]
    words = [WordMap(text, np.linspace(0, 0.5, 17)) for text in texts]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        save(overlays("$m_1$ 自転車/0_\ud800", white((200, 100), (90, 90)), [], PAIR, words), tmp_path / "a")
    figure = one_page("$m_1$", white((200, 100), (90, 90)), [], PAIR, words)
    with style():
        drawn(figure)
    assert captions(figure)[6:] == ["$\\frac{$  0.50", "a \N{REPLACEMENT CHARACTER}b  0.50", "  0.50"]
    for number, axes in enumerate(figure.axes[::2]):
        box = axes.texts[0].get_window_extent()
        assert figure.bbox.width / 2 * (number % 2) <= box.x0 and box.x1 <= figure.bbox.width / 2 * (number % 2 + 1)


@pytest.mark.parametrize("size", [(20_000, 10), (10, 20_000), (1, 1), (7000, 5000)])
def test_images_of_any_size_and_shape_are_drawn(size):
    pair = (Image.new("RGB", size, "white"),) * 2
    values = np.zeros(12)
    values[2] = 1
    rasters = [Raster(0, 2, 3, {0: WHOLE}), Raster(6, 2, 3, {1: WHOLE})]
    box = {"x": 0, "y": 0, "w": size[0] / 2, "h": size[1]}
    figure = one_page("t", pair, [{"bbox": box, "bbox_after": None}], rasters, [WordMap("car", values)])
    assert coloured(figure, 2) == pytest.approx((2 / 3, 0, 1, 1 / 2), abs=0.05)
    assert figure.axes[0].patches[0].get_bbox().bounds == pytest.approx((0, 0, size[0] / 2, size[1]))
    assert max(figure.axes[0].images[0].get_array().shape) <= 9.4 * 300
    assert ("stretched" in figure.get_supxlabel()) == (max(size) / min(size) > 4)
    assert min(figure.axes[0].get_window_extent().size) / figure.dpi > 0.15  # inches


@pytest.mark.parametrize(
    ("differences", "caption"),
    [
        (DIFFERENCES, "true boxes"),
        ([], "the pair"),
        ([{"type": "color", "bbox": None, "bbox_after": None}], "the pair"),  # as of people's own pairs
        ([{"type": "color", "bbox": {"x": 900, "y": 0, "w": 9, "h": 9}, "bbox_after": None}], "the pair"),  # outside
    ],
)
def test_true_boxes_are_named_where_there_are_any(differences, caption):
    figure = one_page("t", white((200, 100), (90, 90)), differences, PAIR, [])
    assert captions(figure) == [caption]
    assert bool(figure.axes[0].patches) == (caption == "true boxes")
    assert note_of(figure) == "The answer has no content words. Sample t."


def test_a_map_without_values_says_so_and_one_with_some_shows_them():
    values = np.full(17, np.nan)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        none = word_overlay(white((200, 100), (90, 90)), PAIR, WordMap("car", values.copy()))
        assert coloured(none, 0) is None and captions(none) == ["car  no value"]
        values[6] = 0.25
        some = word_overlay(white((200, 100), (90, 90)), PAIR, WordMap("car", values))
        assert coloured(some, 0) == pytest.approx((0.5, 0.5, 0.75, 1), abs=0.03)
        assert captions(some) == ["car  0.25"]


def test_a_map_of_zeros_is_drawn_without_colour():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure = word_overlay(white((200, 100), (90, 90)), PAIR, WordMap("car", np.zeros(17)))
        assert coloured(figure, 0) is coloured(figure, 1) is None


def test_words_of_saved_rows():
    """Tokens side by side that make one word are one map."""
    rows = [
        (None, [9, 9]),
        ("so", [0.5, 0]),
        ("sofa", [0.2, 0.4]),
        ("sofa", [0.4, 0.2]),
        (None, [1, 1]),
        ("sofa", [1, 0]),
    ]
    words = saved_word_maps([{"word": word, "map": values} for word, values in rows])
    assert [(word.text, word.values.tolist()) for word in words] == [
        ("so", [0.5, 0]), ("sofa", pytest.approx([0.3, 0.3])), ("sofa", [1, 0])
    ]  # fmt: skip


# ---- reference models ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def probed(tmp_path_factory):
    """Tables of two pairs of the demo dataset and a reference model's answers to `describe` about them."""
    folder = tmp_path_factory.mktemp("probed")
    pairs = list(islice(demo_pairs(DATASETS.load_entry(ROOT / "config" / "datasets.yaml", "demo")), 2))
    samples, images = [sample_row(pair) for pair in pairs], [image_row(pair) for pair in pairs]
    write_table(folder / "samples.parquet", samples, SAMPLES)
    write_table(folder / "images.parquet", images, IMAGES)
    loaded = load_probed(entry(ROOT / "resources" / "models" / "tiny-qwen2-vl", max_new_tokens=128))
    text = load_prompts(ROOT / "resources" / "prompts")["describe"].text
    shown = [(text, decode(row["original"]), decode(row["modified"])) for row in images]
    answers = [generation.token_ids for generation in loaded.generator.generate(shown)]
    probe = TokenActivationMap(ProbeRun({row["sample_id"]: row for row in samples}, loaded.tokenizer))
    passes = run_pass(loaded.model, loaded.prepared(shown, answers))
    tables = [
        table
        for row, one in zip(samples, passes, strict=True)
        for table in probe.tables(row["sample_id"], "describe", one)
    ]
    path = folder / "tiny-qwen2-vl" / "token_activation_map.parquet"
    write_table(path, pa.concat_tables(tables), TokenActivationMap.schema)
    return folder, [row["sample_id"] for row in samples], loaded, shown, answers


def run(folder, *arguments):
    command = [sys.executable, ROOT / "workflow_scripts" / "draw_overlays.py", "--samples", folder / "samples.parquet"]
    command += ["--images", folder / "images.parquet", "--probes", folder / "tiny-qwen2-vl"]
    return subprocess.run([*command, *arguments], capture_output=True, text=True, cwd=ROOT, timeout=COMMAND_SECONDS)


@pytest.mark.slow
def test_the_command_draws_chosen_samples(probed, tmp_path):
    folder, sample_ids, *_ = probed
    done = run(folder, "--output-folder", tmp_path / "all", "--sample-id", *sample_ids)
    assert done.returncode == 0, done.stderr
    names = [f"overlays_describe_{sample_id.replace('/', '_')}" for sample_id in sample_ids]
    assert sorted(path.name for path in (tmp_path / "all").iterdir()) == sorted(
        f"{name}.{kind}" for name in names for kind in ("pdf", "png")
    )
    assert (tmp_path / "all" / f"{names[0]}.pdf").read_bytes().startswith(b"%PDF")
    assert Image.open(tmp_path / "all" / f"{names[0]}.png").width == 1005
    done = run(folder, "--output-folder", tmp_path / "first")
    assert done.returncode == 0, done.stderr
    assert [path.name for path in (tmp_path / "first").glob("*.png")] == [f"{names[0]}.png"]  # both are of one split


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--sample-id", "easy/9"], "no maps for easy/9, describe: not probed"),
        (["--task", "same"], "no maps for same"),
    ],
)
def test_what_cannot_be_drawn_is_reported(probed, tmp_path, arguments, message):
    done = run(probed[0], "--output-folder", tmp_path / "out", *arguments)
    assert done.returncode == 1 and message in done.stderr and "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()


def test_maps_are_drawn_over_the_images_and_boxes_of_their_own_sample(probed):
    folder, sample_ids, _, shown, _ = probed
    rows = {row["sample_id"]: row for row in read_table(folder / "samples.parquet", SAMPLES).to_pylist()}
    paths = (
        folder / "tiny-qwen2-vl" / "token_activation_map.parquet",
        TokenActivationMap.schema,
        folder / "samples.parquet",
        folder / "images.parquet",
    )
    drawings = saved_overlays(*paths, "describe", sample_ids)
    for sample_id, (_, *pair), draw in zip(sample_ids, shown, drawings.values(), strict=True):
        (figure,) = draw()
        assert f"Sample {sample_id}." in note_of(figure)
        for axes, image in zip(figure.axes[:2], pair, strict=True):
            seen = np.asarray(axes.images[0].get_array(), float)
            assert seen.shape[0] < image.height  # no more than is seen
            expected = image.resize(seen.shape[1::-1], Image.Resampling.BICUBIC)
            assert np.abs(seen - np.asarray(expected, float)).mean() < 1
        (difference,) = rows[sample_id]["differences"]
        corner = figure.axes[0].patches[0].get_xy()
        assert corner == pytest.approx((difference["bbox"]["x"], difference["bbox"]["y"]))


def test_saved_maps_are_those_of_the_answer(probed):
    """By the table and at once."""
    folder, (sample_id, _), loaded, shown, answers = probed
    rows = pa.parquet.read_table(folder / "tiny-qwen2-vl" / "token_activation_map.parquet").to_pylist()
    rows = [row for row in rows if row["sample_id"] == sample_id]
    saved = saved_word_maps(rows)
    at_once = overlays_of_words(loaded.checkpoint, loaded.builder, shown[0], answers[0])
    assert [word.text for word in saved] == [word for word, _ in at_once]
    assert {"remove", "color", "position"} & {word.text for word in saved}
    places = loaded.prepared(shown[:1], answers[:1]).rows[0].places
    assert saved_rasters(rows[0]["rasters"]) == list(places.rasters)
