"""The published dataset's Parquet files, with the quirks that third parties report."""

from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from dataset.published import difference, image, pair, parquet, write
from PIL import ExifTags, Image

from spd_faith.core.errors import UserError
from spd_faith.core.schemas import IMAGES, SAMPLES
from spd_faith.dataset.entries import HubDataset
from spd_faith.dataset.hub import hub_pairs
from spd_faith.dataset.hub_files import split_files


def dataset(limit: int | None = None, exclude: tuple[str, ...] = (), **splits: int | None) -> HubDataset:
    return HubDataset(source="hub", repository="owner/name", splits=splits, limit=limit, exclude=list(exclude))


def read(folder: Path, entry: HubDataset) -> tuple[list[dict], list[dict]]:
    batches = list(hub_pairs(folder, entry))
    samples = [row for rows, _ in batches for row in rows]
    images = [row for _, rows in batches for row in rows]
    pa.Table.from_pylist(samples, schema=SAMPLES).validate(full=True)
    pa.Table.from_pylist(images, schema=IMAGES).validate(full=True)
    return samples, images


def test_repeated_ids_become_different_samples_of_one_cluster(tmp_path: Path) -> None:
    write(tmp_path, "data/easy-00000-of-00002.parquet", [pair(785, [difference()]), pair(785, [difference()])])
    write(tmp_path, "data/easy-00001-of-00002.parquet", [pair(9, [difference()])])
    samples, images = read(tmp_path, dataset(easy=3))
    assert [row["sample_id"] for row in samples] == ["easy/00000_785", "easy/00001_785", "easy/00002_9"]
    assert [row["image_id"] for row in samples] == ["785", "785", "9"]
    assert [row["sample_id"] for row in images] == [row["sample_id"] for row in samples]


def test_descriptions_lose_their_quotation_marks_and_boxes_may_be_missing(tmp_path: Path) -> None:
    differences = [
        difference(description='"The car turned red."'),
        difference(type="Remove", category=" Dining Table ", bbox_x=None, bbox_y=None, bbox_w=None, bbox_h=None),
    ]
    write(tmp_path, "multi_diff.parquet", [pair(1, differences)])
    (sample,), _ = read(tmp_path, dataset(multi_diff=None))
    first, second = sample["differences"]
    assert first["description"] == "The car turned red."
    assert first["bbox"] == {"x": 1.0, "y": 2.0, "w": 3.0, "h": 4.0}
    assert (second["type"], second["category"]) == ("remove", "dining table")
    assert second["bbox"] is None and second["description"] is None
    assert sample["num_differences"] == 2


def test_bytes_are_kept_as_published_and_sizes_that_differ_pass(tmp_path: Path) -> None:
    larger = image(61, 41)
    as_struct = pair(1, [difference()], larger)
    as_struct |= {name: {"bytes": as_struct[name], "path": "1.jpg"} for name in ("image1", "image2")}
    write(tmp_path, "easy/part.parquet", [as_struct])
    (sample,), (encoded,) = read(tmp_path, dataset(easy=None))
    assert encoded["modified"] == larger
    assert (sample["width"], sample["height"]) == (60, 40)


@pytest.mark.parametrize(
    ("published", "kept"),
    [
        ("“The car turned red.”", "The car turned red."),
        (" ' It moved. ' ", "It moved."),
        ('""It moved.""', "It moved."),
        ('"A" is now "B"', '"A" is now "B"'),
        ("The sign says 'go'", "The sign says 'go'"),
        ('""', None),
        ("  ", None),
    ],
)
def test_only_quotation_marks_around_the_whole_are_taken_away(tmp_path: Path, published: str, kept: str | None) -> None:
    write(tmp_path, "easy.parquet", [pair(1, [difference(description=published)])])
    (sample,), _ = read(tmp_path, dataset(easy=1))
    assert sample["differences"][0]["description"] == kept


def test_a_description_stays_with_the_difference_that_carries_it(tmp_path: Path) -> None:
    both = "The car turned red and the dog is gone."
    write(tmp_path, "easy.parquet", [pair(1, [difference(description=both), difference()])])
    (sample,), _ = read(tmp_path, dataset(easy=1))
    assert [one["description"] for one in sample["differences"]] == [both, None]


@pytest.mark.parametrize(
    ("published", "kept"),
    [
        ("COLOR", "color"),
        ("Colour", "color"),
        ("color_change", "color"),
        ("Removal", "remove"),
        ("removed", "remove"),
        ("position-change", "position"),
        (" moved ", "position"),
    ],
)
def test_types_under_other_names_are_known(tmp_path: Path, published: str, kept: str) -> None:
    write(tmp_path, "easy.parquet", [pair(1, [difference(type=published)])])
    (sample,), _ = read(tmp_path, dataset(easy=1))
    assert sample["differences"][0]["type"] == kept


LARGE = pa.schema(
    [
        ("image_id", pa.dictionary(pa.int32(), pa.large_string())),
        ("image1", pa.struct([("bytes", pa.large_binary()), ("path", pa.large_string())])),
        ("image2", pa.large_binary()),
        ("num_differences", pa.int8()),
        (
            "differences",
            pa.large_list(
                pa.struct(
                    [
                        ("type", pa.dictionary(pa.int8(), pa.string())),
                        ("category", pa.large_string()),
                        ("description", pa.string()),
                        *[(f"bbox_{axis}", pa.int16()) for axis in "xywh"],
                    ]
                )
            ),
        ),
        ("note", pa.string()),
    ]
)


def test_other_arrow_types_of_the_same_columns_are_read(tmp_path: Path) -> None:
    one = pair(1, [difference(bbox_x=1, bbox_y=2, bbox_w=3, bbox_h=4)])
    large = {**one, "image_id": "0785", "image1": {"bytes": one["image1"], "path": None}, "note": "more"}
    write(tmp_path, "easy.parquet", [large], LARGE)
    (sample,), (image,) = read(tmp_path, dataset(easy=1))
    assert sample["sample_id"] == "easy/00000_0785"
    assert sample["differences"][0]["bbox"] == {"x": 1, "y": 2, "w": 3, "h": 4}
    assert (image["original"], image["modified"]) == (one["image1"], one["image2"])


def test_numbers_that_make_no_box_and_wrong_counts_are_reported_and_used(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    no_boxes = [difference(bbox_w=0.0), difference(bbox_x=float("nan")), difference(bbox_h=None)]
    none = difference(**{f"bbox_{axis}": None for axis in "xywh"})
    pairs = [pair(1, [difference()]), pair(2, [*no_boxes, none], image(10, 10)) | {"num_differences": 2}]
    write(tmp_path, "easy.parquet", pairs)
    (_, sample), _ = read(tmp_path, dataset(easy=2))
    assert sample["num_differences"] == 4
    assert [one["bbox"] for one in sample["differences"]] == [None] * 4
    assert sorted(caplog.messages) == [
        "differences with an invalid box, treated as missing: 3, first in easy/00001_2",
        "differences without a box: 1, first in easy/00001_2",
        "pairs whose images differ in size: 1, first in easy/00001_2",
        "pairs with num_differences unlike the length of their list, which is used: 1, first in easy/00001_2",
    ]


def test_a_rotated_photograph_has_its_upright_size(tmp_path: Path) -> None:
    buffer, exif = BytesIO(), Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    Image.new("RGB", (60, 40)).save(buffer, "JPEG", exif=exif)
    write(tmp_path, "easy.parquet", [pair(1, [difference()]) | {"image1": buffer.getvalue()}])
    (sample,), _ = read(tmp_path, dataset(easy=1))
    assert (sample["width"], sample["height"]) == (40, 60)


def bad_pairs() -> list[dict]:
    as_path = {"bytes": None, "path": "images/3.jpg"}
    pairs = [
        pair(0, [difference()]),
        pair(1, [difference(), difference(type="lighting")]),
        pair(2, [difference(category=None)]),
        pair(3, [difference()]),
        pair(4, [difference()]),
        pair(5, [difference()], b"no picture"),
        pair(6, []),
        pair(7, [difference(type=None)]),
    ]
    for one in pairs:
        one["image1"] = {"bytes": one["image1"], "path": None}
    pairs[3]["image1"] = as_path
    pairs[4]["image1"] = None
    return pairs


ERRORS = """\
owner/name: 7 unusable pairs
  easy/00001_1: difference 2 has the unknown type 'lighting' (known: color, remove, position)
  easy/00002_2: difference 1 has no category
  easy/00003_3: image1 is a path without image bytes: 'images/3.jpg'
  easy/00004_4: no image1
  easy/00005_5: image2 is not a readable image
  easy/00006_6: no differences
  easy/00007_7: difference 1 has the unknown type None (known: color, remove, position)
  To continue without them, list them under `exclude` in the dataset's entry."""


def test_pairs_that_cannot_be_used_are_reported_all_at_once(tmp_path: Path) -> None:
    write(tmp_path, "easy.parquet", bad_pairs())
    with pytest.raises(UserError) as error:
        read(tmp_path, dataset(easy=None))
    assert str(error.value) == ERRORS


def test_excluded_pairs_are_left_out_and_the_others_keep_their_ids(tmp_path: Path) -> None:
    bad = tuple(f"easy/0000{number}_{number}" for number in range(1, 8))
    write(tmp_path, "easy.parquet", [*bad_pairs(), {**bad_pairs()[0], "image_id": 8}])
    samples, _ = read(tmp_path, dataset(easy=9, exclude=bad))
    assert [row["sample_id"] for row in samples] == ["easy/00000_0", "easy/00008_8"]


def test_an_excluded_pair_that_does_not_exist_is_reported(tmp_path: Path) -> None:
    write(tmp_path, "easy.parquet", [pair(1, [difference()])])
    with pytest.raises(UserError, match=r"excludes unknown pairs: easy/00000_2"):
        read(tmp_path, dataset(easy=None, exclude=("easy/00000_2",)))


@pytest.mark.parametrize(
    ("limit", "easy"), [(1, [0]), (69, range(69)), (70, range(70)), (71, range(71)), (500, range(140))]
)
def test_a_limit_takes_the_first_pairs_of_each_split(tmp_path: Path, limit: int, easy: range) -> None:
    for shard in range(2):
        first = 70 * shard
        write(tmp_path, f"easy-0000{shard}-of-00002.parquet", [pair(first + n, [difference()]) for n in range(70)])
    write(tmp_path, "hard.parquet", [pair(7, [difference()])])
    entry = dataset(limit=limit, easy=140, hard=1)
    assert all(rows for rows, _ in hub_pairs(tmp_path, entry))  # it stops reading there
    samples, images = read(tmp_path, entry)
    assert [row["sample_id"] for row in samples] == [f"easy/{n:05d}_{n}" for n in easy] + ["hard/00000_7"]
    assert len(images) == len(samples)


def test_a_limit_does_not_hide_that_the_rows_are_not_the_counted_ones(tmp_path: Path) -> None:
    write(tmp_path, "easy.parquet", [pair(1, [difference()]), pair(2, [difference()])])
    with pytest.raises(UserError, match="split easy has 2 rows; its entry says 3"):
        read(tmp_path, dataset(limit=1, easy=3))


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (["data/easy-00000-of-00001.parquet", "data/easier.parquet"], ["data/easy-00000-of-00001.parquet"]),
        (["easy-00001-of-00002-0a1b.parquet", "easy-00000-of-00002-2c3d.parquet"],
         ["easy-00000-of-00002-2c3d.parquet", "easy-00001-of-00002-0a1b.parquet"]),
        (["default/easy/0000.parquet", "default/easy/0001.parquet", "default/hard/0000.parquet"],
         ["default/easy/0000.parquet", "default/easy/0001.parquet"]),
    ],
)  # fmt: skip
def test_files_of_a_split_are_known_by_their_names(names: list[str], found: list[str]) -> None:
    assert split_files(names, "easy") == found


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["easy-00000-of-00003.parquet", "easy-00002-of-00003.parquet"], "is missing some of its 3 files"),
        (["easy.parquet", "easy-00000-of-00001.parquet"], "more than one set of files"),
        (["easy.parquet", "data/easy.parquet"], "more than one set of files"),
        (["uneasy.parquet", "easy.csv"], "no Parquet file for split 'easy'"),
    ],
)
def test_a_split_without_one_whole_set_of_files_is_reported(names: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        split_files(names, "easy")


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (dataset(easy=2), "split easy has 1 rows; its entry says 2"),
        (dataset(hard=None), "no Parquet file for split 'hard'"),
    ],
)
def test_what_does_not_fit_the_entry_is_reported(tmp_path: Path, entry: HubDataset, message: str) -> None:
    write(tmp_path, "easy.parquet", [pair(1, [difference()])])
    with pytest.raises(UserError, match=message):
        read(tmp_path, entry)


def test_a_changed_schema_shows_found_against_expected(tmp_path: Path) -> None:
    renamed = pair(1, [difference()])
    renamed["picture1"] = renamed.pop("image1")
    write(tmp_path, "easy.parquet", [renamed])
    with pytest.raises(UserError, match=r"missing or wrong type: image1\n") as error:
        read(tmp_path, dataset(easy=None))
    assert "found:" in str(error.value) and "picture1 binary" in str(error.value)


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        ("image2", pa.string()),
        ("image_id", pa.float64()),
        ("differences", pa.list_(pa.struct([("type", pa.string()), ("category", pa.string())]))),
    ],
)
def test_a_column_of_another_type_is_a_changed_schema(tmp_path: Path, column: str, kind: pa.DataType) -> None:
    whole = pa.Table.from_pylist([pair(1, [difference()])])
    changed = whole.set_column(whole.schema.get_field_index(column), column, pa.nulls(1, kind))
    pq.write_table(changed, tmp_path / "easy.parquet")
    with pytest.raises(UserError) as error:
        read(tmp_path, dataset(easy=None))
    assert f"missing or wrong type: {column}\n" in str(error.value)
    assert f"{column} {kind}".replace("item", "element") in str(error.value)


@pytest.mark.parametrize(
    "damage", [lambda data: data[:-100], lambda data: b"", lambda data: data[:4] + bytes(3000) + data[3004:]]
)
def test_a_damaged_file_is_named(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    data = parquet([pair(n, [difference()], padding=2000) for n in range(3)])
    (tmp_path / "easy.parquet").write_bytes(damage(data))
    with pytest.raises(UserError, match=r"easy\.parquet: not a complete Parquet file"):
        read(tmp_path, dataset(easy=None))
