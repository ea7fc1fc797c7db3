"""The columns of the published dataset and their allowed types."""

from collections.abc import Callable

import pyarrow as pa

from spd_faith.core.errors import UserError

AXES = ("x", "y", "w", "h")


def check_columns(name: str, schema: pa.Schema) -> None:
    """Raise `UserError`, listing found and expected columns, if they do not match."""
    found = {field.name: field.type for field in schema}
    if wrong := [column for column, (fits, _) in COLUMNS.items() if column not in found or not fits(found[column])]:
        raise UserError(
            f"{name}: the columns do not match the published dataset\n"
            f"  missing or wrong type: {', '.join(wrong)}\n"
            f"  found:    {', '.join(f'{column} {kind}' for column, kind in found.items())}\n"
            f"  expected: {', '.join(f'{column} {form}' for column, (_, form) in COLUMNS.items())}"
        )


def _plain(kind: pa.DataType) -> pa.DataType:
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def _is_text(kind: pa.DataType) -> bool:
    kind = _plain(kind)
    return pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)


def _is_id(kind: pa.DataType) -> bool:
    return _is_text(kind) or pa.types.is_integer(_plain(kind))


def _is_bytes(kind: pa.DataType) -> bool:
    kind = _plain(kind)
    return pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind)


def _is_image(kind: pa.DataType) -> bool:
    if pa.types.is_struct(kind):
        names = [field.name for field in kind]
        return "bytes" in names and (_is_bytes(kind.field("bytes").type) or pa.types.is_null(kind.field("bytes").type))
    return _is_bytes(kind)


def _is_number_or_absent(kind: pa.DataType) -> bool:
    return pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_null(kind)


def _is_differences(kind: pa.DataType) -> bool:
    if not (pa.types.is_list(kind) or pa.types.is_large_list(kind)) or not pa.types.is_struct(kind.value_type):
        return False
    found = {field.name: field.type for field in kind.value_type}
    return all(name in found and is_right(found[name]) for name, is_right in _DIFFERENCE.items())


_DIFFERENCE: dict[str, Callable[[pa.DataType], bool]] = {
    "type": _is_text,
    "category": _is_text,
    "description": lambda kind: _is_text(kind) or pa.types.is_null(kind),  # null if a file has no descriptions
    **{f"bbox_{axis}": _is_number_or_absent for axis in AXES},
}
COLUMNS: dict[str, tuple[Callable[[pa.DataType], bool], str]] = {
    "image_id": (_is_id, "string or integer"),
    "image1": (_is_image, "binary or struct<bytes, path>"),
    "image2": (_is_image, "binary or struct<bytes, path>"),
    "num_differences": (_is_number_or_absent, "number"),
    "differences": (_is_differences, f"list<struct<{', '.join(_DIFFERENCE)}>>"),
}
