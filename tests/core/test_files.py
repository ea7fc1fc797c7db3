"""Tables and texts are written atomically and match their schema."""

import errno
import os
import stat

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from spd_faith.core import schemas
from spd_faith.core.errors import UserError
from spd_faith.core.files import (
    check_keys,
    read_provenance,
    read_table,
    sha256,
    table_writer,
    whole_file,
    write_table,
    write_text,
)

CLAIM = pa.struct([pa.field("text", pa.string(), nullable=False), pa.field("label", pa.string(), nullable=False)])
SCHEMA = pa.schema(
    [
        pa.field("name", pa.string(), nullable=False),
        pa.field("count", pa.int32(), nullable=False),
        pa.field("note", pa.string()),
        pa.field("claims", pa.list_(CLAIM), nullable=False),
    ]
)
ROW = {"name": "a", "count": 1, "note": None, "claims": [{"text": "gone", "label": "faithful"}]}


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def test_text_is_written_into_a_new_folder(tmp_path):
    write_text(tmp_path / "new" / "a.txt", "Größe\n")
    assert (tmp_path / "new" / "a.txt").read_bytes() == b"Gr\xc3\xb6\xc3\x9fe\n"
    assert names_in(tmp_path / "new") == ["a.txt"]


def test_a_failing_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")

    def fail_half_way():
        with whole_file(path) as part:
            part.write_text("new, but not wh")
            assert path.read_text() == "old"
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail_half_way()
    assert path.read_text() == "old"
    assert names_in(tmp_path) == ["a.txt"]


def test_the_temporary_file_is_in_the_same_folder(tmp_path):
    with whole_file(tmp_path / "a.txt") as part:
        assert part.parent == tmp_path  # a rename is atomic within one file system
        part.write_text("new")
    assert names_in(tmp_path) == ["a.txt"]


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o002, 0o664), (0o077, 0o600)])
def test_files_follow_the_umask(tmp_path, umask, mode):
    before = os.umask(umask)
    try:
        write_text(tmp_path / "a.txt", "")
        write_table(tmp_path / "t.parquet", [ROW], SCHEMA)
    finally:
        os.umask(before)
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {mode}


@pytest.mark.parametrize(
    ("number", "advice"),
    [(errno.ENOSPC, "Free some space"), (errno.EDQUOT, "Free some space"), (errno.EROFS, "Grant this user access")],
)
def test_what_a_user_can_fix_about_a_disk_is_reported_with_the_place(tmp_path, number, advice):
    def fail(path):
        with whole_file(path):
            raise OSError(number, "as pyarrow words it")

    with pytest.raises(UserError, match=f"{tmp_path}/a.txt: {os.strerror(number)}\n  {advice}"):
        fail(tmp_path / "a.txt")
    assert names_in(tmp_path) == []


def test_another_error_of_a_disk_stays_as_it_is(tmp_path):
    (tmp_path / "a").touch()
    with pytest.raises(NotADirectoryError):
        write_text(tmp_path / "a" / "b" / "c.txt", "")


def test_rows_come_back(tmp_path):
    path = tmp_path / "t.parquet"
    rows = [ROW, ROW | {"name": "b", "note": "x", "claims": []}]
    write_table(path, rows, SCHEMA)
    assert read_table(path, SCHEMA).to_pylist() == rows
    assert read_table(path, SCHEMA, columns=["count"]).to_pylist() == [{"count": 1}, {"count": 1}]
    assert pq.ParquetFile(path).metadata.row_group(0).column(0).compression == "ZSTD"


def test_a_table_is_written_as_rows_are(tmp_path):
    write_table(tmp_path / "t.parquet", pa.Table.from_pylist([ROW], schema=SCHEMA), SCHEMA)
    assert read_table(tmp_path / "t.parquet", SCHEMA).to_pylist() == [ROW]


def test_an_absent_key_is_null(tmp_path):
    write_table(tmp_path / "t.parquet", [{key: ROW[key] for key in ("name", "count", "claims")}], SCHEMA)
    assert read_table(tmp_path / "t.parquet", SCHEMA)["note"].to_pylist() == [None]


@pytest.mark.parametrize(
    ("row", "named"),
    [
        (ROW | {"count": None}, "count"),
        ({"name": "a", "claims": []}, "count"),
        (ROW | {"count": "one"}, "one"),
        (ROW | {"count": 2**31}, "2147483648"),
        (ROW | {"name": 3}, "got a 'int' object"),
        (ROW | {"nmae": "b"}, "no such columns: nmae"),
        (ROW | {"claims": [{"text": "gone", "label": None}]}, "label"),
    ],
    ids=["null", "absent", "type", "range", "number for text", "unknown column", "nested null"],
)
def test_a_row_that_does_not_fit_is_refused(tmp_path, row, named):
    path = tmp_path / "t.parquet"
    write_table(path, [ROW], SCHEMA)
    with pytest.raises(pa.ArrowInvalid) as caught:
        write_table(path, [ROW, row], SCHEMA)
    assert str(path) in str(caught.value)
    assert named in str(caught.value)
    assert read_table(path, SCHEMA).num_rows == 1  # the old table
    assert names_in(tmp_path) == ["t.parquet"]


def test_tables_are_written_bit_by_bit(tmp_path):
    path = tmp_path / "t.parquet"
    with table_writer(path, SCHEMA, {"seed": 1}) as write:
        write([ROW])
        write([ROW | {"name": "b"}, ROW | {"name": "c"}])
        assert not path.exists()
    assert read_table(path, SCHEMA)["name"].to_pylist() == ["a", "b", "c"]
    assert read_provenance(path) == {"seed": 1}


def test_a_table_that_fails_half_way_is_not_there(tmp_path):
    def fail_half_way():
        with table_writer(tmp_path / "t.parquet", SCHEMA) as write:
            write([ROW])
            write([ROW | {"count": None}])

    with pytest.raises(pa.ArrowInvalid):
        fail_half_way()
    assert names_in(tmp_path) == []


@pytest.mark.parametrize("name", ["SAMPLES", "IMAGES", "RESPONSES", "PARSED", "JUDGEMENTS"])
def test_every_schema_comes_back_as_it_was(tmp_path, name):
    write_table(tmp_path / "t.parquet", [], getattr(schemas, name))
    assert read_table(tmp_path / "t.parquet", getattr(schemas, name)).num_rows == 0


def test_provenance_comes_back(tmp_path):
    provenance = {"revision": "abc", "package": {"torch": "2"}, "label": "Größe", "seeds": [1, 2], "none": None}
    write_table(tmp_path / "t.parquet", [ROW], SCHEMA, provenance)
    assert read_provenance(tmp_path / "t.parquet") == provenance
    write_table(tmp_path / "without.parquet", [ROW], SCHEMA)
    assert read_provenance(tmp_path / "without.parquet") == {}


def test_a_missing_table_says_how_to_make_it(tmp_path):
    with pytest.raises(UserError) as caught:
        read_table(tmp_path / "t.parquet", SCHEMA)
    path = tmp_path / "t.parquet"
    assert str(caught.value) == f"{path}: no such file. Create it with: snakemake --cores all {path}"


def test_a_table_of_another_schema_is_refused(tmp_path):
    path = tmp_path / "t.parquet"
    write_table(path, [{"name": "a"}], pa.schema([pa.field("name", pa.large_string())]))
    with pytest.raises(UserError) as caught:
        read_table(path, SCHEMA)
    first, found, expected, advice = str(caught.value).splitlines()
    assert first == f"{path}: its columns do not match this version."
    assert found == "  found:    name large_string"
    assert expected.startswith("  expected: name string not null, count int32 not null, note string, claims list<")
    assert advice == "  Remove the file and run the workflow again."


def test_a_column_that_may_be_null_is_another_schema(tmp_path):
    looser = pa.schema([field.with_nullable(True) for field in SCHEMA])
    write_table(tmp_path / "t.parquet", [ROW], looser)
    with pytest.raises(UserError, match="its columns do not match this version"):
        read_table(tmp_path / "t.parquet", SCHEMA)


@pytest.mark.parametrize("cut", [0, 3, -40], ids=["empty", "start", "without its end"])
def test_a_cut_off_table_is_refused(tmp_path, cut):
    path = tmp_path / "t.parquet"
    write_table(path, [ROW], SCHEMA)
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(UserError) as caught:
        read_table(path, SCHEMA)
    assert str(caught.value).startswith(f"{path}: not a Parquet file. Remove it and run the workflow again.")


def test_one_row_per_key_passes():
    check_keys("answers", [("b", 2), ("a", 1)], [("a", 1), ("b", 2)])
    check_keys("answers", [], [])


def test_keys_that_are_not_one_row_each_are_named():
    with pytest.raises(UserError) as caught:
        check_keys("answers.parquet", iter(["a", "b", "b", "x"]), iter(["a", "b", "c", "d"]))
    assert str(caught.value) == (
        "answers.parquet: expected exactly one row per key\n  missing: 2 (c, d)\n  unexpected: 1 (x)\n  repeated: 1 (b)"
    )


def test_five_keys_are_named_and_the_rest_counted():
    with pytest.raises(UserError) as caught:
        check_keys("t", [], "gfedcba")
    assert str(caught.value) == "t: expected exactly one row per key\n  missing: 7 (a, b, c, d, e, …)"


def test_sha256_of_the_standard():
    # FIPS 180-2, appendix B.1
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert sha256("abc") == expected
    assert sha256(b"abc") == expected
