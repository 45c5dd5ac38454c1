"""The configuration files load, say what the settings say, and every key is explained."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml
from pydantic import TypeAdapter

from proxy import config

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted((ROOT / "config").glob("*.yaml"))


def load_generator() -> ModuleType:
    """Import `docs/generate.py`, which belongs to no package."""
    if "docs_generate" not in sys.modules:
        origin = importlib.util.spec_from_file_location(
            "docs_generate", ROOT / "docs" / "generate.py"
        )
        assert origin is not None
        assert origin.loader is not None
        module = importlib.util.module_from_spec(origin)
        sys.modules["docs_generate"] = module
        origin.loader.exec_module(module)
    return sys.modules["docs_generate"]


def configurations_of_pods() -> list[str]:
    """Give the configurations inside the ConfigMaps under k8s/."""
    manifests = [
        manifest
        for path in sorted((ROOT / "k8s").rglob("*.yaml"))
        for manifest in yaml.safe_load_all(path.read_text("utf-8"))
    ]
    return [
        manifest["data"]["stablehand.yaml"]
        for manifest in manifests
        if isinstance(manifest, dict) and manifest.get("kind") == "ConfigMap"
    ]


def explained(schema: dict[str, Any], path: str = "") -> dict[str, str]:
    """Give every key of a schema with its description, definitions by their name."""
    found = {}
    for name, inner in schema.get("properties", {}).items():
        reference = inner.get("$ref", "").rpartition("/")[2]
        found[f"{path}.{name}"] = inner.get("description", reference)
    for name, inner in schema.get("$defs", {}).items():
        found |= explained(inner, name)
    return found


@pytest.mark.parametrize("name", ["docs/configuration.md", "config/stablehand.yaml"])
def test_the_page_is_what_the_settings_say(name: str) -> None:
    """`make docs` would change nothing: reference and default file are current."""
    assert (ROOT / name).read_text("utf-8") == load_generator().pages()[ROOT / name]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_file_loads(path: Path) -> None:
    """No file under config/ has a mistake, whatever the environment."""
    assert config.load(path, {}).config.models.candidate.url


def test_the_default_file_is_the_default() -> None:
    """Written out in full, the defaults are what three lines give."""
    minimal = {"models": {"candidate": {"url": "http://127.0.0.1:8080"}}}
    expected = TypeAdapter(config.Config).validate_python(minimal)
    assert config.load(ROOT / "config" / "stablehand.yaml", {}).config == expected


@pytest.mark.parametrize("text", configurations_of_pods())
def test_the_configuration_of_a_pod_loads(text: str, tmp_path: Path) -> None:
    """The ConfigMaps under k8s/ hold configurations that start."""
    path = tmp_path / "stablehand.yaml"
    path.write_text(text, "utf-8")
    loaded = config.load(path, {})
    assert loaded.config.admin.host == "0.0.0.0"
    assert str(loaded.state_dir) == "/var/lib/stablehand"


def test_the_schema_explains_every_key() -> None:
    """An editor shows a description for each, inherited ones too."""
    keys = explained(config.schema())
    assert len(keys) > 100
    assert [path for path, text in keys.items() if not text] == []


def test_a_mistake_is_found_in_every_section() -> None:
    """Each settings class refuses a key that it does not know, so no typing error is silent."""
    schema = config.schema()
    definitions = schema["$defs"]
    assert isinstance(definitions, dict)
    sections = {name: one for name, one in definitions.items() if "properties" in one}
    open_ones = [name for name, one in sections.items() if one["additionalProperties"] is not False]
    assert open_ones == []
    assert schema["additionalProperties"] is False
