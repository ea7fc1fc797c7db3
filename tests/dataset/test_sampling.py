"""A limit as a random sample: which pairs it draws, and the same for each source."""

import hashlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from dataset.own_files import CAR, errors_of, folder_entry, line, tables, write_lines, write_pair_folder
from dataset.published import difference, pair

from spd_faith.core.entries import identity
from spd_faith.core.errors import UserError
from spd_faith.dataset.control_settings import Controls
from spd_faith.dataset.entries import FolderDataset, HubDataset, JsonlDataset
from spd_faith.dataset.hub import hub_pairs
from spd_faith.dataset.own_pairs import check_pairs
from spd_faith.dataset.sampling import RandomSample

DIFFERENCES = {f"multi/{n:05d}_{n}": 2 + (n % 10 >= 6) + (n % 10 >= 9) for n in range(40)}  # 24, 12 and 4 pairs


def by_hash(sample_ids: list[str], seed: int = 0) -> list[str]:
    return sorted(sample_ids, key=lambda sample_id: hashlib.sha256(f"{seed}/{sample_id}".encode()).hexdigest())


def test_pairs_of_one_stratum_are_those_with_the_smallest_hashes() -> None:
    ids = [f"easy/{n:05d}_{n}" for n in range(30)]
    for seed in (0, 7):
        assert RandomSample(pairs=8, seed=seed).drawn(dict.fromkeys(ids, 1)) == set(by_hash(ids, seed)[:8])
    assert RandomSample(pairs=31).drawn(dict.fromkeys(ids, 1)) == set(ids)


@pytest.mark.parametrize(
    ("pairs", "allocation"),
    # the parts at (k − 1/2)/s: 24 pairs at 1/48, 3/48, …; 12 at 1/24, 3/24, …; 4 at 1/8, 3/8, …
    [
        (1, {2: 1}),
        (2, {2: 1, 3: 1}),
        (6, {2: 3, 3: 2, 4: 1}),
        (10, {2: 6, 3: 3, 4: 1}),
        (20, {2: 12, 3: 6, 4: 2}),
        (40, {2: 24, 3: 12, 4: 4}),
    ],
)
def test_each_number_of_differences_keeps_its_proportion(pairs: int, allocation: dict[int, int]) -> None:
    drawn = RandomSample(pairs=pairs, seed=3).drawn(DIFFERENCES)
    assert Counter(DIFFERENCES[sample_id] for sample_id in drawn) == allocation
    for number, count in allocation.items():
        stratum = [sample_id for sample_id, of in DIFFERENCES.items() if of == number]
        assert set(by_hash(stratum, 3)[:count]) <= drawn


def test_samples_are_nested_and_never_far_from_proportional() -> None:
    before: set[str] = set()
    for pairs in range(1, 41):
        drawn = RandomSample(pairs=pairs, seed=1).drawn(DIFFERENCES)
        assert len(drawn) == pairs and before < drawn
        before = drawn
        for number, of_all in Counter(DIFFERENCES.values()).items():
            assert abs(sum(DIFFERENCES[one] == number for one in drawn) - pairs * of_all / 40) <= 1


def test_each_pair_is_drawn_equally_often() -> None:
    counts = Counter(one for seed in range(2000) for one in RandomSample(pairs=10, seed=seed).drawn(DIFFERENCES))
    # 10 of 40, in each stratum: 500 ± 4 standard deviations of 19
    assert len(counts) == 40 and all(abs(count - 500) < 80 for count in counts.values())


# ---- the published files ---------------------------------------------------------------------------------------------


def hub_entry(limit: object, exclude: tuple[str, ...] = (), **splits: int | None) -> HubDataset:
    return HubDataset.model_validate(
        {"source": "hub", "repository": "a/b", "splits": splits, "limit": limit, "exclude": list(exclude)}
    )


def write_hub(folder: Path) -> None:
    """Two files of 20 rows of `multi` in row groups of 5, and 3 rows of `easy`."""
    rows = [pair(n, [difference()] * number) for n, number in enumerate(DIFFERENCES.values())]
    for shard in range(2):
        table = pa.Table.from_pylist(rows[20 * shard : 20 * (shard + 1)])
        pq.write_table(table, folder / f"multi-0000{shard}-of-00002.parquet", row_group_size=5)
    pq.write_table(pa.Table.from_pylist([pair(n, [difference()]) for n in range(3)]), folder / "easy.parquet")


def hub_ids(folder: Path, entry: HubDataset) -> list[str]:
    batches = list(hub_pairs(folder, entry))
    assert all(samples for samples, _ in batches)
    assert [row["sample_id"] for _, images in batches for row in images] == [
        row["sample_id"] for samples, _ in batches for row in samples
    ]
    return [row["sample_id"] for samples, _ in batches for row in samples]


@pytest.mark.parametrize("pairs", [1, 4, 10, 39, 40, 100])
def test_a_sample_of_the_published_files(tmp_path: Path, pairs: int) -> None:
    write_hub(tmp_path)
    expected = RandomSample(pairs=pairs, seed=5).drawn(DIFFERENCES)
    easy = by_hash([f"easy/0000{n}_{n}" for n in range(3)], 5)[:pairs]
    found = hub_ids(tmp_path, hub_entry({"pairs": pairs, "seed": 5}, multi=40, easy=None))
    assert found == sorted(expected) + sorted(easy)  # in the order of the files, with the numbers of their rows


def test_a_drawn_pair_is_the_same_as_in_the_full_dataset(tmp_path: Path) -> None:
    write_hub(tmp_path)
    full = {row["sample_id"]: row for rows, _ in hub_pairs(tmp_path, hub_entry(None, multi=40)) for row in rows}
    for rows, _ in hub_pairs(tmp_path, hub_entry({"pairs": 7}, multi=40)):
        assert rows == [full[row["sample_id"]] for row in rows]


def test_only_row_groups_with_drawn_pairs_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_hub(tmp_path)
    read: list[tuple[list[str], list[int]]] = []
    whole = pq.ParquetFile.iter_batches

    def iter_batches(file: pq.ParquetFile, **options: object) -> object:
        read.append((options["columns"], options["row_groups"]))
        return whole(file, **options)

    monkeypatch.setattr(pq.ParquetFile, "iter_batches", iter_batches)
    found = hub_ids(tmp_path, hub_entry({"pairs": 2}, multi=40))
    rows = [int(sample_id.split("/")[1][:5]) for sample_id in found]
    choosing, reading = read[:2], read[2:]
    assert [columns for columns, _ in choosing] == [["image_id", "differences"]] * 2
    assert all("image1" in columns for columns, _ in reading)
    expected = [(row // 20, row % 20 // 5) for row in rows]
    assert [(file, group) for file, (_, of) in enumerate(reading) for group in of] == sorted(set(expected))


def test_reading_stops_at_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pq.write_table(pa.Table.from_pylist([pair(n, [difference()]) for n in range(200)]), tmp_path / "easy.parquet")
    batches: list[int] = []
    whole = pq.ParquetFile.iter_batches

    def iter_batches(file: pq.ParquetFile, **options: object) -> Iterator[pa.RecordBatch]:
        for batch in whole(file, **options):
            batches.append(batch.num_rows)
            yield batch

    monkeypatch.setattr(pq.ParquetFile, "iter_batches", iter_batches)
    assert len(hub_ids(tmp_path, hub_entry(3, easy=200))) == 3
    assert len(batches) == 1


def test_a_sample_is_drawn_from_the_pairs_that_are_not_excluded(tmp_path: Path) -> None:
    write_hub(tmp_path)
    first = hub_ids(tmp_path, hub_entry({"pairs": 10}, multi=40))
    without = hub_ids(tmp_path, hub_entry({"pairs": 10}, (first[0],), multi=40))
    assert len(without) == 10 and first[0] not in without and len(set(first) & set(without)) >= 8
    with pytest.raises(UserError, match=r"excludes unknown pairs: multi/00000_1$"):
        hub_ids(tmp_path, hub_entry({"pairs": 10}, ("multi/00000_1",), multi=40))
    with pytest.raises(UserError, match="split multi has 40 rows; its entry says 41"):
        hub_ids(tmp_path, hub_entry({"pairs": 10}, multi=41))


def test_an_unusable_pair_costs_nothing_unless_it_is_drawn(tmp_path: Path) -> None:
    rows = [pair(n, [difference()] if n else []) for n in range(10)]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "easy.parquet")
    few = hub_ids(tmp_path, hub_entry({"pairs": 4}, easy=10))  # its part is 1/2, and four of the others are smaller
    assert len(few) == 4 and "easy/00000_0" not in few
    with pytest.raises(UserError, match="easy/00000_0: no differences"):
        hub_ids(tmp_path, hub_entry({"pairs": 10}, easy=10))


def test_counts_of_a_sample() -> None:
    sample = {"pairs": 50}
    assert hub_entry(sample, easy=1000, hard=20).num_pairs() == 70
    assert hub_entry(sample, easy=1000, hard=None).num_pairs() == 100  # at most
    assert hub_entry(sample, ("easy/00001_1", "hard/00001_1"), easy=1000, hard=20).num_pairs() == 50 + 19
    entry = hub_entry(sample, easy=1000, hard=20).model_copy(update={"controls": Controls(identical=30)})
    assert entry.num_controls()["identical"] == 30 + 20


# ---- own pairs -------------------------------------------------------------------------------------------------------


def own_folder(root: Path) -> None:
    for n in range(10):
        write_pair_folder(root, "multi", str(n), {"modifications": [CAR] * (1 + (n >= 6))})
    write_pair_folder(root, "easy", "1")


def test_a_sample_of_folders(tmp_path: Path) -> None:
    own_folder(tmp_path)
    ids = [f"multi/{n:05d}_{n}" for n in range(10)]
    strata = by_hash(ids[:6]), by_hash(ids[6:])
    entry = folder_entry(tmp_path, splits=["multi"], limit=RandomSample(pairs=5))
    found = [one.sample_id for one in check_pairs(entry)]
    assert found == sorted([*strata[0][:3], *strata[1][:2]])
    assert entry.num_pairs() == 5
    assert folder_entry(tmp_path, limit=RandomSample(pairs=5)).num_pairs() == 6
    same = FolderDataset.of_folder(tmp_path / "multi", RandomSample(pairs=5))
    assert [one.sample_id for one in check_pairs(same)] == found
    undrawn = next(one for one in ids if one not in found).split("_")[1]
    (tmp_path / f"multi/{undrawn}/{undrawn}_original.jpg").write_bytes(b"damaged")  # not opened
    assert [one.sample_id for one in check_pairs(entry)] == found
    (tmp_path / f"multi/{undrawn}/differences.json").write_text("{")  # but its differences must be known
    with pytest.raises(UserError, match="not valid JSON"):
        check_pairs(entry)


def test_a_sample_of_lines_of_mixed_splits(tmp_path: Path) -> None:
    lines = [line(n, split="ab"[n % 2], modifications=[CAR] * (1 + n // 8)) for n in range(16)]
    ids = {split: [f"{split}/{n:05d}_{2 * n + k}" for n in range(8)] for k, split in enumerate("ab")}
    drawn = {one for of in ids.values() for half in (of[:4], of[4:]) for one in by_hash(half, 2)[:2]}
    entry = write_lines(tmp_path, *lines, limit=RandomSample(pairs=4, seed=2))
    samples, _ = tables(entry)
    order = [ids["ab"[n % 2]][n // 2] for n in range(16)]
    assert [row["sample_id"] for row in samples] == [one for one in order if one in drawn]
    assert entry.num_pairs() == 8
    wrong = [*lines, line(17, modifications=0)]
    assert "line 17: modifications" in errors_of(write_lines(tmp_path, *wrong, limit=RandomSample(pairs=1)))


# ---- the setting -----------------------------------------------------------------------------------------------------


def test_the_identity_of_each_form() -> None:
    assert identity(hub_entry(50, easy=None))["limit"] == 50
    assert identity(hub_entry({"pairs": 50}, easy=None))["limit"] == {"pairs": 50, "seed": 0}
    assert identity(hub_entry(None, easy=None))["limit"] is None


@pytest.mark.parametrize(
    "limit",
    [0, -1, 1.0, True, "50", [], {}, {"pairs": 0}, {"pairs": True}, {"pairs": 5, "seed": -1}, {"seed": 1},
     {"pairs": 5, "sed": 1}, {"pairs": "5"}],
)  # fmt: skip
@pytest.mark.parametrize("make", [HubDataset, FolderDataset, JsonlDataset])
def test_another_limit_is_one_error(make: type, limit: object) -> None:
    fields = {"splits": {"easy": None}, "repository": "a/b"} if make is HubDataset else {"path": "x"}
    source = {HubDataset: "hub", FolderDataset: "folder", JsonlDataset: "jsonl"}[make]
    with pytest.raises(ValueError, match=r"(?s)^1 validation error.*neither a number of pairs.*pairs: NUMBER"):
        make.model_validate({"source": source, "limit": limit, **fields})
