"""Models that a command is told by name: a key, a folder or an id."""

from pathlib import Path

import pytest
import yaml

from spd_faith.core.errors import UserError
from spd_faith.inference.named_models import is_reference_model, named_model

ROOT = Path(__file__).parents[2]


@pytest.fixture
def named(tmp_path, monkeypatch):
    """Look a name up where the registry has a model of a folder, one of the hub and one at an endpoint; no GPU."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    for folder in ("known", "unknown"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "config.json").write_text("{}")
    local = {"backend": "transformers", "dtype": "float16", "max_new_tokens": 7}
    far = {"backend": "openai", "base_url": "http://127.0.0.1:9/v1", "model": "far-model", "max_new_tokens": 5}
    entries = {
        "mine": local | {"model": str(tmp_path / "known")},
        "lost": local | {"model": str(tmp_path / "nowhere")},
        "hub": local | {"model": "owner/name", "image_layout": "merged"},
        "far": far,
    }
    (tmp_path / "models.yaml").write_text(yaml.safe_dump(entries))
    return lambda name: named_model(name.format(tmp_path), tmp_path / "models.yaml")


@pytest.mark.parametrize("name", ["mine", "{}/known"])
def test_an_entry_is_found_by_its_key_and_by_its_folder(named, name):
    assert named(name).dtype == "float16"
    assert Path(named(name).model).name == "known"


def test_an_entry_is_found_by_its_id(named):
    assert named("owner/name").image_layout == "merged"


@pytest.mark.parametrize("name", ["{}/unknown", "owner/other"])
def test_what_has_no_entry_runs_as_it_can_here(named, name):
    entry = named(name)
    assert (entry.dtype, entry.resources.gpu, entry.image_layout) == ("float32", 0, "pair")
    assert entry.model.split("/")[-1] in ("unknown", "other")


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("mime", "mime: no such model\n  found:   'mime'\n  allowed: hub, lost, mine, a folder with config.json"),
        ("mime", "nearest: mine"),
        ("{}/none/at/all", "no such model"),
        ("lost", "/nowhere'"),
        ("far", "far.backend: not what this command takes"),
        ("far-model", "far.backend: not what this command takes"),
    ],
)
def test_what_cannot_be_run_is_told(named, name, told):
    with pytest.raises(UserError) as raised:
        named(name)
    assert told in str(raised.value)


def test_reference_models_are_known_by_their_place(monkeypatch):
    monkeypatch.chdir(ROOT)
    assert is_reference_model(named_model("tiny-llava", Path("config/models.yaml")))
    assert is_reference_model(named_model(str(ROOT / "resources/models/tiny-llava"), Path("config/models.yaml")))
    assert not is_reference_model(named_model("qwen2-vl-7b", Path("config/models.yaml")))
