"""Which model is a variant of which, from what the entries of models.yaml say."""

from typing import Any

import pytest

from spd_faith.core.entries import ModelEntry
from spd_faith.core.variants import Variant, bases_of, compared_pairs, variants_of
from spd_faith.inference.entries import MODELS

CHECKPOINT = {"backend": "transformers", "model": "owner/big", "dtype": "bfloat16", "max_new_tokens": 64}
ATTENTION = {"image_attention": {"factor": 1.5}}
SAGE = "after a third party's summary of the paper's SAGE; threshold, k and layers are ours"


def entries(**changed: dict[str, Any]) -> dict[str, ModelEntry]:
    return {name: MODELS.validate(CHECKPOINT | fields) for name, fields in changed.items()}


def bases(**changed: dict[str, Any]) -> dict[str, str | None]:
    return {name: variant.base for name, variant in variants_of(entries(**changed)).items()}


@pytest.mark.parametrize(
    "fields",
    [
        {"label": "Other"},
        {"batch_size": 1},
        {"resources": {"gpu": 1}},
        {"requires_gpu": True},
        {"device_map": "auto"},
        {"generation": 1},  # the default
    ],
    ids=str,
)
def test_what_is_no_identity_may_differ_from_the_base(fields: dict[str, Any]) -> None:
    assert bases(base={}, variant=fields | {"intervention": ATTENTION}) == {"variant": "base"}
    assert bases(base=fields, variant={"intervention": ATTENTION}) == {"variant": "base"}


@pytest.mark.parametrize(
    "fields",
    [
        {"model": "owner/other"},
        {"revision": "v2"},
        {"dtype": "float32"},
        {"image_layout": "merged"},
        {"pixel_budget": {"min_pixels": 1, "max_pixels": 9}},
        {"max_new_tokens": 65},
        {"generation": 2},
        {"attention": "flash_attention_2"},
        {"backend": "vllm"},
    ],
    ids=str,
)
def test_what_is_identity_may_not(fields: dict[str, Any]) -> None:
    assert bases(other=fields, variant={"intervention": ATTENTION}) == {"variant": None}


def test_each_variant_has_its_own_base() -> None:
    half, whole = {"dtype": "float16"}, {"dtype": "float32"}
    found = bases(
        a=half, b=whole, of_b=whole | {"intervention": ATTENTION}, of_a=half | {"intervention": {"preset": "vcd"}}
    )
    assert found == {"of_a": "a", "of_b": "b"}
    models = entries(a=half, b=whole, of_b=whole | {"intervention": ATTENTION})
    assert bases_of(variants_of(models).values()) == ["b"]


def test_of_equal_bases_the_first_by_key_is_taken() -> None:
    assert bases(zeta={}, alpha={"batch_size": 1}, variant={"intervention": ATTENTION}) == {"variant": "alpha"}


def test_a_placebo_belongs_to_the_same_settings_whatever_their_preset_and_seed() -> None:
    vcd = {"contrast": {"strength": 1.0, "mask": "noise", "noise_step": 500}}
    found = variants_of(
        entries(
            base={},
            named={"intervention": {"preset": "vcd"}},
            fake={"intervention": vcd | {"placebo": True, "seed": 7}},
            stronger={"intervention": {"contrast": vcd["contrast"] | {"strength": 2.0}}},
            fake_elsewhere={"dtype": "float32", "intervention": vcd | {"placebo": True}},
        )
    )
    assert {name: variant.placebos for name, variant in found.items()} == {
        "named": ("fake",),
        "fake": (),
        "stronger": (),
        "fake_elsewhere": (),
    }
    assert [name for name, variant in found.items() if variant.is_placebo] == ["fake", "fake_elsewhere"]


def test_the_compared_pairs_are_these_and_no_others() -> None:
    variants = {
        "a": Variant("base", "", placebos=("p", "q")),
        "p": Variant("base", "", is_placebo=True),
        "q": Variant("base", "", is_placebo=True),
        "b": Variant("other", ""),
        "lost": Variant(None, "", placebos=("lost_p",)),
        "lost_p": Variant(None, "", is_placebo=True),
    }
    assert set(compared_pairs(variants)) == {
        *{("a", "base"), ("a", "p"), ("a", "q"), ("p", "base"), ("q", "base"), ("b", "other"), ("lost", "lost_p")}
    }


def test_the_method_has_the_source_of_its_preset() -> None:
    found = variants_of(
        entries(
            exact={"intervention": {"preset": "sage_like"}},
            own={"intervention": {"preset": "sage_like", "image_attention": {"factor": 2.0, "layers": [2, 5]}}},
            free={"intervention": {"ffn_scale": {"factor": 0.5}}},
        )
    )
    assert found["exact"].method == f"SAGE-like, {SAGE}"
    assert found["own"].method == (
        f"SAGE-like, {SAGE}; with settings of its own (image_attention: factor 2, layers 2–5)"
    )
    assert found["free"].method == "settings of its own (ffn_scale: factor 0.5, kl_above 0, layers 0–last)"


def test_a_variant_survives_the_merged_config() -> None:
    variant = Variant("base", "method", placebos=("p", "q"))
    assert Variant.from_json(variant.to_json()) == variant
