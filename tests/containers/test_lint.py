"""The files for containers pass the linters of their formats, and the pages show them unchanged."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.pages import ROOT, page

FOLDER = ROOT / "demo_project" / "containers"
BIN = Path(sys.executable).parent
LINTS = {
    "Dockerfile": [BIN / "hadolint", "--failure-threshold", "info"],
    "compose.yml": [BIN / "check-jsonschema", "--builtin-schema", "vendor.compose-spec"],
    "kubernetes.yml": [BIN / "kubernetes-validate", "--strict"],
}


SLOW = {"kubernetes.yml"}


@pytest.mark.parametrize("name", [pytest.param(one, marks=[pytest.mark.slow] * (one in SLOW)) for one in LINTS])
def test_the_linter_of_its_format_finds_nothing(name):
    done = subprocess.run([*LINTS[name], FOLDER / name], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_yamllint_finds_nothing():
    rules = "{extends: relaxed, rules: {line-length: {max: 130}}}"
    words = [BIN / "yamllint", "--strict", "-d", rules, FOLDER / "compose.yml", FOLDER / "kubernetes.yml"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_both_keep_link_and_generations_on_one_volume_and_the_schema_for_reading_only():
    compose = yaml.safe_load((FOLDER / "compose.yml").read_text())
    for service in compose["services"].values():
        mounts = {mount["target"]: mount for mount in service["volumes"]}
        assert (mounts["/data"]["type"], mounts["/schema/schema.json"]["read_only"]) == ("volume", True)
        assert (service["user"], service["read_only"]) == ("1000:1000", True)
    (_, pods) = yaml.safe_load_all((FOLDER / "kubernetes.yml").read_text())
    spec = pods["spec"]["template"]["spec"]
    for container in (*spec["initContainers"], *spec["containers"]):
        mounts = {mount["mountPath"]: mount for mount in container["volumeMounts"]}
        assert mounts["/schema"]["readOnly"]
        assert "readOnly" not in mounts["/data"]
    dockerfile = (FOLDER / "Dockerfile").read_text()
    assert "DEMO_DATABASE=/data/db.sqlite3" in dockerfile
    assert "DEMO_SCHEMA=/schema/schema.json" in dockerfile


def test_the_page_names_the_files():
    text = page("docs/howto/docker.md").text
    assert all(f"demo_project/containers/{path.name}" in text for path in FOLDER.glob("*.yml"))
