"""The command `make_dataset.py` against a server that speaks the hub's protocol, and fails as hubs fail."""

import hashlib
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from core.file_systems import environment
from dataset.hub_server import REPOSITORY, Fault, Hub, serve
from dataset.published import difference, pair, parquet
from waiting import COMMAND_SECONDS, wait_until

from spd_faith.core.files import read_provenance

pytestmark = pytest.mark.slow

COMMAND = Path(__file__).parents[2] / "workflow_scripts" / "make_dataset.py"
TOKEN = "hf_TheValueThatNobodyMaySee"
STORED = r"^GET /[0-9a-f]{64}"
CHUNK = 10 * 1024 * 1024  # huggingface_hub's write size; less than that is lost if the process dies
EASY, HARD = "data/easy-00000-of-00001.parquet", "data/hard-00000-of-00001.parquet"


def published(*image_ids: int, padding: int = 0) -> bytes:
    return parquet([pair(image_id, [difference()], padding=padding) for image_id in image_ids])


@dataclass
class Workplace:
    """A folder with a registry of one dataset, its tables, and a cache of the hub."""

    folder: Path
    hub: Hub

    def entry(self, splits: str = "{easy: null}", **fields: str) -> None:
        lines = {"source": "hub", "repository": REPOSITORY, "splits": splits, **fields}
        text = "".join(f"  {name}: {value}\n" for name, value in lines.items())
        (self.folder / "datasets.yaml").write_text(f"bench:\n{text}")

    def start(self, **environment: str) -> subprocess.Popen:
        flags = ["--datasets-file", self.folder / "datasets.yaml", "--dataset", "bench"]
        tables = ["--samples", self.folder / "samples.parquet", "--images", self.folder / "images.parquet"]
        kept = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
        hub = {"HF_ENDPOINT": self.hub.endpoint, "HF_HOME": str(self.folder / "hf"), "HF_TOKEN": TOKEN}
        return subprocess.Popen(
            [sys.executable, COMMAND, *flags, *tables],
            env=kept | hub | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, **environment: str) -> tuple[int, str]:
        """(exit code, all that was said) of the command; no secret must be in it."""
        process = self.start(**environment)
        output, _ = process.communicate(timeout=COMMAND_SECONDS)
        token = environment.get("HF_TOKEN", TOKEN)
        assert not token or token not in output
        assert "signature" not in output  # with which the storage lets anybody in
        assert "Traceback" not in output
        return process.returncode, output

    def refused(self, **environment: str) -> str:
        code, output = self.run(**environment)
        assert code == 1, output
        assert not (self.folder / "samples.parquet").exists()
        return output[output.index("error: ") :]

    def ids(self, **environment: str) -> list[str]:
        """The sample ids that a run, which must succeed, writes into both tables."""
        code, output = self.run(**environment)
        assert code == 0, output
        samples, images = (pq.read_table(self.folder / f"{name}.parquet") for name in ("samples", "images"))
        assert samples["sample_id"].to_pylist() == images["sample_id"].to_pylist()
        return samples["sample_id"].to_pylist()

    def commits(self) -> set[str]:
        return {read_provenance(self.folder / f"{name}.parquet")["revision"] for name in ("samples", "images")}

    def cached(self, pattern: str) -> list[Path]:
        return [
            path for path in (self.folder / "hf" / "hub").glob(f"datasets--owner--pairs/{pattern}") if path.exists()
        ]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Workplace]:
    with serve() as hub:
        place = Workplace(tmp_path, hub)
        place.entry()
        yield place


# ---- what is fetched -------------------------------------------------------------------------------------------------


def test_pairs_of_the_splits_and_the_commit_are_recorded(place: Workplace) -> None:
    place.entry("{easy: 2, hard: null}")
    files = {EASY: published(5, 5), HARD: published(6), "data/medium.parquet": published(7), "README.md": b"Pairs."}
    commit = place.hub.push(files)
    assert place.ids() == ["easy/00000_5", "easy/00001_5", "hard/00000_6"]
    assert place.commits() == {commit}
    resolved = {request.path.rpartition("/data/")[2] for request in place.hub.asked("resolve")}
    assert resolved == {Path(EASY).name, Path(HARD).name}  # nothing of other splits
    assert sum(request.sent for request in place.hub.asked(STORED)) == len(files[EASY]) + len(files[HARD])


@pytest.mark.slow
def test_the_token_goes_to_the_hub_and_not_to_the_storage(place: Workplace) -> None:
    place.hub.push({EASY: published(1)})
    place.ids()
    assert {r.headers["Authorization"] for r in place.hub.asked("/(revision|resolve|tree)/")} == {f"Bearer {TOKEN}"}
    assert [r.headers["Authorization"] for r in place.hub.asked(STORED)] == [None]


@pytest.mark.slow
def test_contents_come_by_http_where_the_repository_offers_xet(place: Workplace) -> None:
    place.hub.push({EASY: published(1)})
    place.ids()
    assert place.hub.asked(STORED)
    assert not place.hub.asked("xet")


@pytest.mark.slow
def test_a_second_run_fetches_no_content(place: Workplace) -> None:
    place.hub.push({EASY: published(1)})
    assert place.ids() == place.ids()
    assert len(place.hub.asked(STORED)) == 1


@pytest.mark.slow
def test_a_file_that_is_not_kept_as_a_large_one_is_fetched_too(place: Workplace) -> None:
    place.entry("{easy: null, hard: null}")
    place.hub.small.add(HARD)
    place.hub.push({EASY: published(1), HARD: published(2)})
    assert place.ids() == ["easy/00000_1", "hard/00000_2"]
    assert place.ids(HF_HUB_OFFLINE="1") == ["easy/00000_1", "hard/00000_2"]


@pytest.mark.slow
def test_two_runs_at_once_fetch_a_content_once(place: Workplace) -> None:
    place.hub.push({EASY: published(1, padding=CHUNK)})
    runs = [place.start() for _ in range(2)]
    assert [(run.communicate(timeout=COMMAND_SECONDS), run.returncode)[1] for run in runs] == [0, 0]
    assert len(place.hub.asked(STORED)) == 1


# ---- offline ---------------------------------------------------------------------------------------------------------


def test_offline_a_filled_cache_gives_the_same_commit(place: Workplace) -> None:
    commit = place.hub.push({EASY: published(1)})
    first = place.ids()
    asked = len(place.hub.requests)
    assert place.ids(HF_HUB_OFFLINE="1") == first
    assert place.commits() == {commit}
    assert len(place.hub.requests) == asked


@pytest.mark.slow
def test_offline_an_empty_cache_is_told(place: Workplace) -> None:
    place.hub.push({EASY: published(1)})
    output = place.refused(HF_HUB_OFFLINE="1")
    assert "missing or incomplete in the cache" in output
    assert str(place.folder / "hf" / "hub") in output
    assert not place.hub.requests


@pytest.mark.slow
def test_offline_a_split_that_was_not_fetched_is_told(place: Workplace) -> None:
    place.hub.push({EASY: published(1), HARD: published(2)})
    place.ids()
    (place.folder / "samples.parquet").unlink()
    place.entry("{easy: null, hard: null}")
    assert "missing or incomplete in the cache" in place.refused(HF_HUB_OFFLINE="1")


# ---- broken connections ----------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_broken_connection_is_taken_up_where_it_broke(place: Workplace) -> None:
    content = published(1, padding=CHUNK)
    place.hub.push({EASY: content})
    place.hub.faults.append(Fault(STORED, cut_after=CHUNK + 1000))
    assert place.ids() == ["easy/00000_1"]
    first, second = place.hub.asked(STORED)
    assert (first.headers["Range"], second.headers["Range"]) == (None, f"bytes={CHUNK}-")
    assert second.sent == len(content) - CHUNK


def test_a_killed_run_is_taken_up_where_it_was_killed(place: Workplace) -> None:
    content = published(1, padding=CHUNK)
    place.hub.push({EASY: content})
    released = threading.Event()
    place.hub.faults.append(Fault(STORED, cut_after=CHUNK + 1000, hold=released))
    process = place.start()
    wait_until(lambda: any(path.stat().st_size == CHUNK for path in place.cached("blobs/*.incomplete")))
    process.kill()
    process.communicate()
    released.set()
    assert place.ids() == ["easy/00000_1"]
    assert [request.headers["Range"] for request in place.hub.asked(STORED)] == [None, f"bytes={CHUNK}-"]
    assert not place.cached("blobs/*.incomplete")


@pytest.mark.slow
def test_a_server_that_sends_less_than_it_should_is_asked_for_the_rest(place: Workplace) -> None:
    content = published(1, padding=5000)
    place.hub.push({EASY: content})
    place.hub.faults.append(Fault(STORED, cut_after=4000, announce_cut=True))
    assert place.ids() == ["easy/00000_1"]
    assert [request.sent for request in place.hub.asked(STORED)] == [4000, len(content) - 4000]


@pytest.mark.slow
def test_a_beginning_that_is_longer_than_the_whole_is_thrown_away(place: Workplace) -> None:
    content = published(1)
    place.hub.push({EASY: content})
    blobs = place.folder / "hf" / "hub" / "datasets--owner--pairs" / "blobs"
    blobs.mkdir(parents=True)
    (blobs / f"{hashlib.sha256(content).hexdigest()}.incomplete").write_bytes(content + b"more")
    assert place.ids() == ["easy/00000_1"]


@pytest.mark.slow
def test_a_server_that_never_sends_the_rest_is_told(place: Workplace) -> None:
    content = published(1)
    place.hub.push({EASY: content})
    place.hub.faults.append(Fault(STORED, cut_after=0, announce_cut=True, times=None))
    output = place.refused()
    assert f"should be of size {len(content)} but has size 0" in output
    assert "Run the command again" in output
    assert len(place.hub.asked(STORED)) == 5


# ---- refusals that pass ----------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("where", ["/revision/", "GET .*/resolve/", STORED, "/tree/"])
@pytest.mark.parametrize("status", [429, 500])
def test_a_hub_that_is_busy_once_is_retried(place: Workplace, where: str, status: int) -> None:
    place.hub.push({EASY: published(1)})
    place.hub.faults.append(Fault(where, status))
    assert place.ids() == ["easy/00000_1"]
    assert len(place.hub.asked(where)) == 2


@pytest.mark.slow
@pytest.mark.parametrize("headers", [{"Retry-After": "3"}, {"RateLimit": '"api";r=0;t=2'}])
def test_the_wait_that_the_hub_asks_for_is_kept(place: Workplace, headers: dict[str, str]) -> None:
    place.hub.push({EASY: published(1)})
    place.hub.faults.append(Fault("/revision/", 429, headers))
    start = time.monotonic()
    code, output = place.run()
    assert code == 0
    assert time.monotonic() - start > 3
    assert "retrying in 3 s (2 of 5)" in output


@pytest.mark.slow
@pytest.mark.parametrize("status", [429, 500])
def test_a_hub_that_stays_busy_is_asked_five_times_and_told(place: Workplace, status: int) -> None:
    place.hub.push({EASY: published(1)})
    place.hub.faults.append(Fault("/revision/", status, times=None))
    output = place.refused()
    assert "download failed" in output
    assert str(status) in output
    assert len(place.hub.asked("/revision/")) == 5


@pytest.mark.slow
def test_a_hub_that_is_not_there_is_told(place: Workplace) -> None:
    place.hub.push({EASY: published(1)})
    output = place.refused(HF_ENDPOINT="http://127.0.0.1:9")
    assert "download failed" in output
    assert "HF_HUB_OFFLINE=1" in output


# ---- refusals that stay ----------------------------------------------------------------------------------------------


def test_a_gated_repository_says_accept_the_terms(place: Workplace) -> None:
    place.hub.token = "hf_another"
    place.hub.push({EASY: published(1)})
    output = place.refused()
    assert "access denied (401)" in output
    assert f"Accept the terms at {place.hub.endpoint}/datasets/{REPOSITORY}, then set HF_TOKEN" in output
    assert "The token in use has no read access" in output
    assert len(place.hub.asked("resolve")) == 1
    assert place.ids(HF_TOKEN="hf_another") == ["easy/00000_1"]


@pytest.mark.slow
def test_without_a_token_no_token_is_blamed(place: Workplace) -> None:
    place.hub.token = TOKEN
    place.hub.push({EASY: published(1)})
    output = place.refused(HF_TOKEN="")
    assert "access denied (401)" in output
    assert "token in use" not in output


@pytest.mark.slow
@pytest.mark.parametrize("where", ["/revision/", "/tree/", "GET .*/resolve/"])
@pytest.mark.parametrize("code", ["GatedRepo", ""])
def test_a_token_without_the_right_to_read_is_told(place: Workplace, where: str, code: str) -> None:
    place.hub.push({EASY: published(1)})
    place.hub.faults.append(Fault(where, 403, {"X-Error-Code": code}))
    assert "access denied (403)\n  The token in use has no read access. Accept the terms" in place.refused()


@pytest.mark.slow
def test_a_token_that_cannot_be_sent_is_told_without_showing_it(place: Workplace) -> None:
    place.hub.push({EASY: published(1)})
    assert "contains invalid characters" in place.refused(HF_TOKEN="hf_with\x01inside")
    assert not place.hub.requests


@pytest.mark.slow
@pytest.mark.parametrize(("token", "status"), [(TOKEN, 404), ("", 401)])
def test_a_missing_repository_is_told(place: Workplace, token: str, status: int) -> None:
    place.entry(repository="owner/elsewhere")
    place.hub.push({EASY: published(1)})
    output = place.refused(HF_TOKEN=token)
    assert f"owner/elsewhere at main: no such repository ({status})" in output
    assert "If it is private, set HF_TOKEN" in output


@pytest.mark.slow
def test_a_missing_revision_is_told(place: Workplace) -> None:
    place.entry(revision="v2")
    place.hub.push({EASY: published(1)})
    assert f"{REPOSITORY} at v2: no such revision (404)" in place.refused()


def test_a_missing_split_is_told_before_anything_is_fetched(place: Workplace) -> None:
    place.entry("{easy: null, hard: null}")
    place.hub.push({EASY: published(1), "data/harder.parquet": published(2)})
    output = place.refused()
    assert "no Parquet file for split 'hard'" in output
    assert f"found: {EASY}, data/harder.parquet" in output
    assert not place.hub.asked("resolve")


# ---- wrong contents --------------------------------------------------------------------------------------------------


def test_a_wrong_checksum_is_told_and_the_next_run_fetches_anew(place: Workplace) -> None:
    content = published(1)
    right = hashlib.sha256(content).hexdigest()
    wrong = content[:-20] + bytes([content[-20] ^ 1]) + content[-19:]
    place.hub.push({EASY: content})
    place.hub.damaged[right] = wrong
    output = place.refused()
    assert f"{EASY}: SHA-256 {hashlib.sha256(wrong).hexdigest()}, expected {right}" in output
    assert "Run the command again" in output
    assert not place.cached("blobs/*")
    assert not place.cached("refs/*")
    place.hub.damaged.clear()
    assert place.ids() == ["easy/00000_1"]


@pytest.mark.slow
@pytest.mark.parametrize("offline", ["0", "1"])
def test_a_cache_that_went_bad_is_told(place: Workplace, offline: str) -> None:
    place.entry("{easy: null, hard: null}")
    place.hub.push({EASY: published(1), HARD: published(1)})  # one content, and so one file of the cache
    place.ids()
    (place.folder / "samples.parquet").unlink()
    (blob,) = place.cached("blobs/*")
    blob.write_bytes(blob.read_bytes()[:-1])
    output = place.refused(HF_HUB_OFFLINE=offline)
    assert f"  {EASY}: SHA-256 " in output
    assert f"  {HARD}: SHA-256 " in output
    assert not blob.exists()
    shutil.rmtree(*place.cached("trees"))  # as of a cache that another version filled
    assert "no Parquet file for split 'easy'" in place.refused(HF_HUB_OFFLINE="1")
    assert place.ids() == ["easy/00000_1", "hard/00000_1"]


@pytest.mark.slow
def test_a_file_that_was_published_truncated_is_told(place: Workplace) -> None:
    place.hub.push({EASY: published(1)[:-100]})
    assert f"{EASY}: not a complete Parquet file" in place.refused()


# ---- revisions that move ---------------------------------------------------------------------------------------------


def test_a_branch_that_moved_is_taken_wholly(place: Workplace) -> None:
    place.entry("{easy: null, hard: null}")
    old = place.hub.push({EASY: published(1), HARD: published(2)})
    assert place.ids() == ["easy/00000_1", "hard/00000_2"]
    new = place.hub.push({EASY: published(3, 4), HARD: published(2, 9)})
    assert place.ids() == ["easy/00000_3", "easy/00001_4", "hard/00000_2", "hard/00001_9"]
    assert place.commits() == {new}
    assert place.ids(HF_HUB_OFFLINE="1")[0] == "easy/00000_3"
    place.entry("{easy: null, hard: null}", revision=f'"{old}"')
    assert place.ids() == ["easy/00000_1", "hard/00000_2"]
    assert place.commits() == {old}


@pytest.mark.slow
def test_a_branch_that_moves_during_a_run_is_not_mixed(place: Workplace) -> None:
    place.entry("{easy: null, hard: null}")
    old = place.hub.push({EASY: published(1), HARD: published(2)})
    released = threading.Event()
    place.hub.faults.append(Fault(STORED, cut_after=100, hold=released))
    process = place.start()
    wait_until(lambda: place.hub.asked(STORED))
    place.hub.push({EASY: published(3), HARD: published(4)})
    released.set()
    output, _ = process.communicate(timeout=COMMAND_SECONDS)
    assert process.returncode == 0, output
    assert pq.read_table(place.folder / "samples.parquet")["sample_id"].to_pylist() == ["easy/00000_1", "hard/00000_2"]
    assert place.commits() == {old}


@pytest.mark.slow
def test_a_failed_move_leaves_the_tables_and_the_offline_commit(place: Workplace) -> None:
    old = place.hub.push({EASY: published(1)})
    place.ids()
    place.hub.push({EASY: published(3)})
    place.hub.faults.append(Fault(STORED, 404))
    code, output = place.run()
    assert code == 1, output
    assert place.commits() == {old}
    assert place.ids(HF_HUB_OFFLINE="1") == ["easy/00000_1"]
    assert place.commits() == {old}


# ---- file systems without locks --------------------------------------------------------------------------------------


@pytest.mark.parametrize("answer", ["ENOLCK", "ENOSYS"])
def test_without_locks_two_runs_at_once_end_well_and_leave_nothing_behind(place: Workplace, answer: str) -> None:
    shimmed = environment(place.folder, answer)
    variables = {name: shimmed[name] for name in ("PYTHONPATH", "FLOCK_ANSWERS")}
    place.hub.small.add(HARD)  # which the library itself fetches
    place.hub.push({EASY: published(1, padding=CHUNK), HARD: published(2)})
    place.entry("{easy: null, hard: null}")
    runs = [place.start(**variables) for _ in range(2)]
    output = [run.communicate(timeout=COMMAND_SECONDS)[0] for run in runs]
    assert [run.returncode for run in runs] == [0, 0], output
    assert all("locking failed" in one for one in output)
    assert place.ids() == ["easy/00000_1", "hard/00000_2"]
    assert not place.cached("blobs/*.incomplete")
