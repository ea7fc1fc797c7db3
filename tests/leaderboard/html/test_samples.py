"""The samples of a run as data of a page, and the command draw_samples.py."""

import base64
import io
import json
import re
import subprocess
import sys
import zlib
from pathlib import Path

import pyarrow.compute as pc
import pytest
from leaderboard.html.sample_tables import (
    EASY,
    HTML,
    JUDGES,
    LONG,
    MODELS,
    MULTI,
    RTL,
    UNDONE,
    claim,
    judgement,
    pair,
    write_run,
)
from PIL import Image
from waiting import COMMAND_SECONDS

from draw_samples import nearest
from spd_faith.core.files import read_table, write_table
from spd_faith.core.schemas import IMAGES, JUDGEMENTS, SAMPLES
from spd_faith.leaderboard.html.answers import FLAGS
from spd_faith.leaderboard.html.samples import MAX_BYTES, room_for_samples, samples_html, samples_section

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    return write_run(tmp_path_factory.mktemp("results"))


@pytest.fixture(scope="module")
def section(paths):
    return samples_section(paths, MODELS, JUDGES, paths.folder / "page_files", 6_000_000)


@pytest.fixture(scope="module")
def data(section):
    return section.content


def sample(data, sample_id):
    return next(one for one in data["samples"] if one["id"] == sample_id)


def record(data, sample_id, model="one"):
    return sample(data, sample_id)["models"][str(list(MODELS).index(model))]


def texts(data, numbers):
    return [None if number is None else data["texts"][number] for number in numbers]


def claims(data, sample_id, metric, judge="rules", model="one"):
    return record(data, sample_id, model)["j"][list(JUDGES).index(judge)][metric][2]


def flags(data, sample_id, model="one"):
    return {name for bit, name in enumerate(FLAGS) if record(data, sample_id, model).get("f", 0) >> bit & 1}


def test_all_samples_are_in_in_their_order(section):
    assert [one["id"] for one in section.content["samples"]] == [EASY, MULTI, UNDONE]
    assert (section.shown, section.total, section.note) == (3, 3, "All 3 samples of the run.")


def test_the_truth_of_a_sample(data):
    easy, multi, undone = (sample(data, one) for one in (EASY, MULTI, UNDONE))
    truth = {"type": "remove", "category": "cat", "description": "the black cat was removed", "box": [1, 2, 3, 4]}
    assert easy["differences"] == [truth] and (easy["question"], easy["faithful"]) == ("What changed?", True)
    assert multi["differences"] == [truth, {"type": "color", "category": "dog"}]
    assert (undone["control"], undone["base"], undone["undone"]) == ("undone", MULTI, 0)
    assert "control" not in easy


def test_images_are_shared(data):
    easy, multi, undone = (sample(data, one)["images"] for one in (EASY, MULTI, UNDONE))
    assert easy == undone == [0, 1] and multi == [0, 0]


def test_answers_are_whole(data):
    text, status, verdict, failure, error, finish, reasoning, *_ = texts(data, record(data, EASY)["a"][0][:7])
    assert (text, status, verdict, failure, error) == (HTML, "free_text", None, None, None)
    assert (finish, reasoning) == ("stop", "I look.")
    assert texts(data, [one[0] for one in record(data, MULTI)["a"]]) == [LONG, RTL, "\x00\x1b"]
    assert texts(data, record(data, EASY)["a"][1][1:3]) == ["free_text", "differs"]


def test_a_failure_is_an_answer_with_its_reason(data):
    assert texts(data, record(data, EASY, "two")["a"][0][:5]) == ["", "no_response", None, "transport", "HTTP 500"]


def test_a_claim_stands_where_the_answer_says_it(data):
    (one,) = claims(data, EASY, "drf", "paid")
    ((task, start, end),) = one["q"]
    assert task == 0 and HTML[start:end] == "The cat was <b>removed"
    (both,) = claims(data, EASY, "cr")
    assert both["q"] == [[1, 0, 26], [2, 0, 24]]
    far, _ = claims(data, MULTI, "drf")
    ((_, start, end),) = far["q"]
    assert LONG.encode("utf-16-le")[2 * start : 2 * end].decode("utf-16-le") == "The dog turned red"


def test_a_claim_that_stands_nowhere_keeps_its_words(data):
    _, lost = claims(data, MULTI, "drf")
    assert texts(data, lost["q"]) == ["a zebra appeared"]
    assert texts(data, [lost["l"], lost["e"]]) == ["unfaithful", "fabrication"]


def test_a_claim_names_the_differences_that_it_is_about(data):
    far, lost = claims(data, MULTI, "drf")
    assert far["d"] == [1] and "d" not in lost  # the dog; no zebra


def test_the_reasons_of_a_judge(data):
    (paid,), (rules,) = claims(data, EASY, "drf", "paid"), claims(data, EASY, "drf")
    assert texts(data, [paid["r"]]) == ["It is <gone>."] and "r" not in rules


def test_the_votes_of_a_panel(paths, tmp_path):
    copy = write_run(tmp_path)
    votes = {EASY: {"drf": [["faithful"], ["fabrication"], None]}}
    rows = [judgement(EASY, "drf", [claim("The cat", "unverifiable"), claim("cat", "invented")], 0.0)]
    write_table(copy.judgements("rules", "one"), rows, JUDGEMENTS, {"votes": votes})
    data = samples_section(copy, MODELS, {"rules": "Rules"}, tmp_path / "page_files", 6_000_000).content
    first, invented = claims(data, EASY, "drf")
    assert texts(data, first["v"]) == ["faithful", "fabrication", None] and "v" not in invented
    assert {"disagree", "invented"} <= flags(data, EASY)


def test_what_can_be_filtered_by(data):
    assert flags(data, EASY) == {"disagree"} and record(data, EASY)["d"] == 0.75
    assert flags(data, EASY, "two") == {"transport"}
    assert flags(data, MULTI) == {"missed", "unfaithful", "fabrication"}
    assert flags(data, MULTI, "two") == {"missed", "unscored", "wrong_verdict"}
    assert flags(data, UNDONE) == set()  # what is not asked is no failure


def test_maps_are_a_byte_per_token(data):
    maps = record(data, EASY)["m"][0]
    cat, again, gone = maps["words"]
    assert cat[:2] == ["cat", 0.375] and list(base64.b64decode(cat[2])) == [0, 255, 0, 85]
    assert again[:2] == ["cat", 1.0] and list(base64.b64decode(again[2])) == [255, 0, 0, 0]
    assert gone == ["gone", None, ""] and maps["more"] == 0
    first, second = data["grids"][maps["grids"]]
    place = {"stride": 4, "rows": 1, "columns": 2, "x": 0, "y": 0, "dx": 0.5, "dy": 1}
    assert first == {"image": 0, "first": 0} | place and second == {"image": 1, "first": 2} | place
    assert "m" not in record(data, MULTI)


def test_scores_have_a_column_each(data):
    assert data["scores"][0]["label"] == "DRF"
    assert record(data, EASY)["j"][0]["s"][0] == 0.1235


def test_tables_that_do_not_exist_yet_are_left_out(tmp_path):
    paths = write_run(tmp_path)
    paths.judgements("paid", "one").unlink()
    paths.scores("paid", "one").unlink()
    data = samples_section(paths, MODELS, JUDGES, tmp_path / "page_files", 6_000_000).content
    assert record(data, EASY)["j"][1] is None and record(data, EASY)["j"][0]


# ---- within bounds ---------------------------------------------------------------------------------------------------


def test_a_page_without_room_shows_no_sample(tmp_path):
    found = samples_section(write_run(tmp_path), MODELS, JUDGES, tmp_path / "page_files", -1)
    assert (found.shown, found.content["samples"], found.data["images"]) == (0, [], [])


def test_samples_have_room_whatever_the_tables_take():
    assert room_for_samples("é" * 1_000_000) == MAX_BYTES - 2_000_000
    assert room_for_samples(" " * 7_000_000) == 2_000_000


def test_a_small_page_shows_a_choice_and_says_so(paths):
    found = samples_section(paths, MODELS, JUDGES, paths.folder / "small_files", 1_400)
    assert [one["id"] for one in found.content["samples"]] == [EASY]  # MULTI has 100,000 characters, UNDONE needs it
    assert LONG not in found.content["texts"] and found.total == 3
    assert found.note.startswith("1 of 3 samples, drawn with seed 0")


@pytest.mark.parametrize(
    ("budget", "shown"),
    [
        (62_000, [EASY]),  # MULTI is tried by its estimate and does not fit; UNDONE would, but needs MULTI
        (100_000, [EASY, MULTI, UNDONE]),
    ],
)
def test_the_bound_holds(paths, tmp_path, budget, shown):
    found = samples_section(paths, MODELS, JUDGES, tmp_path / "page_files", budget)
    assert [one["id"] for one in found.content["samples"]] == shown
    assert (LONG in found.content["texts"]) == (MULTI in shown)
    assert len(found.data["packed"]) < budget


def test_one_sample_is_not_samples(tmp_path):
    paths = write_run(tmp_path)
    rows = read_table(paths.samples, SAMPLES)
    write_table(paths.samples, rows.filter(pc.field("sample_id") == EASY), SAMPLES)
    found = [samples_section(paths, {}, {}, tmp_path / "page_files", 10_000, only=only) for only in (None, [EASY])]
    notes = ["The only sample of the run.", "1 of 1 sample: what was asked for, with the other versions of each pair."]
    assert [one.note for one in found] == notes


def test_images_that_do_not_fit_are_beside_the_page(tmp_path):
    paths = write_run(tmp_path)
    file = io.BytesIO()
    Image.effect_noise((400, 400), 90).save(file, "PNG")
    write_table(paths.images, [pair(one, file.getvalue(), file.getvalue()) for one in (EASY, MULTI, UNDONE)], IMAGES)
    found = samples_section(paths, MODELS, JUDGES, tmp_path / "page_files", 100_000)
    assert found.note == "All 3 samples of the run. Their images are in the folder page_files beside this page."
    assert [(tmp_path / one).is_file() for one in found.data["images"]] == [True]


def test_maps_take_a_part_of_the_page(paths, monkeypatch):
    monkeypatch.setattr("spd_faith.leaderboard.html.samples._ROOM_FOR_MAPS", 0)
    data = samples_section(paths, MODELS, JUDGES, paths.folder / "maps_files", 6_000_000).content
    assert record(data, EASY)["m"] == "left out"


# ---- pages -----------------------------------------------------------------------------------------------------------


def held_in(page):
    """The content of the data in a page."""
    (held,) = re.findall(r'<script type="application/json" id="samples-data">(.*?)</script>', page, re.DOTALL)
    compressed = base64.b64decode(json.loads(held)["packed"])
    return json.loads(zlib.decompress(compressed, -zlib.MAX_WBITS))


def test_answers_cannot_end_their_element(section):
    page = samples_html("Samples", section)
    assert held_in(page)["texts"] == section.content["texts"]
    assert HTML not in page and "onerror=alert(1)>" not in page


def draw(*flags):
    command = [sys.executable, ROOT / "workflow_scripts/draw_samples.py", *flags]
    return subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=COMMAND_SECONDS)


def test_the_command_draws_a_sample_with_the_versions_of_its_pair(paths, tmp_path):
    done = draw("--results", paths.folder, "--sample", UNDONE, "--output", tmp_path / "page.html")
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{tmp_path / 'page.html'}: 2 samples\n"
    page = (tmp_path / "page.html").read_text()
    assert [one["id"] for one in held_in(page)["samples"]] == [MULTI, UNDONE]
    assert "2 of 3 samples: what was asked for" in page


@pytest.mark.parametrize(
    ("flags", "error"),
    [
        (["--sample", "easy/00000_8", "--output", "page.html"], f"not in {{}}/samples.parquet; nearest: {EASY}"),
        (["--sample", f"{MULTI}-undone-7", "--output", "page.html"], f"nearest: {MULTI}, {UNDONE}\n"),
        (["--sample", EASY, "--output", "page.png"], "--output page.png: expected a file name that ends in .html"),
    ],
)
def test_wrong_names_are_reported(paths, flags, error):
    done = draw("--results", paths.folder, *flags)
    assert done.returncode == 1 and error.format(paths.folder) in done.stderr and "Traceback" not in done.stderr


def test_a_folder_without_a_run_is_reported(tmp_path):
    finished = write_run(tmp_path / "finished")
    finished.leaderboard("parquet").touch()
    for folder, error in [(tmp_path, "no samples in it"), (finished.folder / "typo", "no such folder")]:
        done = draw("--results", folder, "--sample", EASY, "--output", tmp_path / "page.html")
        assert done.returncode == 1 and done.stderr.startswith(f"error: {folder}: {error}\n")
        assert "typo/samples.parquet" not in done.stderr
        if folder == tmp_path:
            assert f"finished runs: {finished.folder}" in done.stderr


def test_nearest_ids_are_of_base_pairs():
    bases = {"easy/1": "easy/1", "easy/2": "easy/2", "easy/1-blind": "easy/1", "easy/1-swapped": "easy/1"}
    assert nearest("easy/3-blind", bases) in (["easy/1", "easy/2"], ["easy/2", "easy/1"])
    assert nearest("easy/1-blinded", bases) == ["easy/1", "easy/1-blind", "easy/1-swapped"]
    assert nearest("x", {}) == []


def test_the_page_knows_how_many_samples_the_run_has_and_how_to_draw_them(paths, tmp_path):
    found = samples_section(paths, MODELS, JUDGES, tmp_path / "page_files", 6_000_000, only=[EASY]).content
    assert (len(found["samples"]), found["total"]) == (1, 3)
    assert found["draw"] == f"python workflow_scripts/draw_samples.py --results {paths.folder}"
    spaced = write_run(tmp_path / "my results")
    found = samples_section(spaced, MODELS, JUDGES, tmp_path / "page_files", 6_000_000).content
    assert found["draw"].endswith(f"--results '{tmp_path}/my results'")


def test_unfaithful_claims_can_be_found_without_counting_twice(data):
    assert {"unfaithful", "fabrication"} <= flags(data, MULTI) and "unfaithful" not in flags(data, EASY)
    assert {flag["name"] for flag in data["flags"] if not flag["marked"]} == {"unfaithful"}
