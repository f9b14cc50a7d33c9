"""A user's installation: the source distribution is the repository, the wheel is the package, and it works without
either."""

import re
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from dataclasses import dataclass
from email import message_from_bytes
from importlib.metadata import distribution
from pathlib import Path

import pytest

from schemasync import __version__

from .demo.test_requirements import installed_with
from .support.archives import unpack
from .support.processes import ROOT, environment
from .support.site import Site

NAME = f"django_schemasync-{__version__}"
LINK = re.compile(r"\]\(([^)\s]+)\)|(?:src|srcset)=\"([^\"]+)\"")


def files_of_the_repository() -> set[str]:
    """Return the files that git lists; in an unpacked source distribution, the files of its own list."""
    if (ROOT / ".git").exists():
        listed = subprocess.run(["git", "-C", ROOT, "ls-files", "-z"], check=True, capture_output=True, text=True)
        return set(listed.stdout.split("\0")) - {""}
    listed = (ROOT / "django_schemasync.egg-info" / "SOURCES.txt").read_text("utf-8").splitlines()
    return {name for name in listed if ".egg-info/" not in name and name != "PKG-INFO"}


@dataclass(frozen=True)
class Built:
    """A copy of the repository, and the distributions built from it."""

    source: Path

    def build(self, kind: str) -> Path:
        code = f"from setuptools import build_meta; print(build_meta.build_{kind}('dist'))"
        command = [sys.executable, "-c", code]
        done = subprocess.run(
            command, cwd=self.source, env=clean_environment(), check=True, capture_output=True, text=True
        )
        return self.source / "dist" / done.stdout.splitlines()[-1]

    @property
    def description(self) -> str:
        """The long description in the wheel's metadata, which a package index displays."""
        with zipfile.ZipFile(self.build("wheel")) as wheel:
            message = message_from_bytes(wheel.read(f"{NAME}.dist-info/METADATA"))
        assert message["Description-Content-Type"] == "text/markdown"
        return message.get_payload(decode=True).decode("utf-8")


def clean_environment() -> dict[str, str]:
    return {name: value for name, value in environment().items() if name != "PYTHONPATH"}


@pytest.fixture
def copy(tmp_path):
    for name in files_of_the_repository():
        (tmp_path / "source" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, tmp_path / "source" / name)
    return Built(tmp_path / "source")


def test_the_source_distribution_holds_every_file_of_the_repository(copy):
    with tarfile.open(copy.build("sdist")) as archive:
        held = {member.name.removeprefix(f"{NAME}/") for member in archive if member.isfile()}
    added = {name for name in held if ".egg-info/" in name} | {"PKG-INFO"}
    assert held - added == files_of_the_repository()


def test_the_wheel_holds_every_file_of_the_package_and_nothing_else(copy):
    """Templates, static files, translations, JSON Schemas and py.typed are among them."""
    with zipfile.ZipFile(copy.build("wheel")) as wheel:
        held = set(wheel.namelist())
    package = {name for name in files_of_the_repository() if name.startswith("schemasync/")}
    assert {name for name in held if not name.startswith(f"{NAME}.dist-info/")} == package
    assert f"{NAME}.dist-info/licenses/LICENSE" in held


def test_without_an_address_the_description_names_paths_and_links_to_nothing(copy):
    text = copy.description
    assert LINK.findall(text) == []
    for path in re.findall(r"`((?:docs|tests|benchmarks)/[^`]+)`", text):
        assert (ROOT / path).exists(), path
    assert "each with the tests that show it (`docs/guarantees.md`)" in text


@pytest.mark.slow
def test_with_an_address_every_link_and_picture_of_the_description_leads_to_this_version(copy):
    config = copy.source / "setup.cfg"
    config.write_text(
        config.read_text().replace("\nkeywords", "\nproject_urls =\n    Source = https://example.org/us\nkeywords")
    )
    targets = ["".join(pair) for pair in LINK.findall(copy.description)]
    assert len(targets) > 20
    for target in targets:
        address = re.fullmatch(rf"https://example\.org/us/(blob|raw)/v{re.escape(__version__)}/([^#]+)(#.*)?", target)
        assert address, target
        assert (address[1] == "raw") == address[2].endswith((".png", ".svg"))
        assert (ROOT / address[2]).exists(), target


@pytest.mark.slow
def test_the_tests_of_the_source_distribution_run(copy, tmp_path):
    with tarfile.open(copy.build("sdist")) as archive:
        unpack(archive, tmp_path)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-n",
        "0",
        "tests/schema/test_write.py",
        "tests/test_distribution.py",
    ]
    done = subprocess.run(
        command, cwd=tmp_path / NAME, env=clean_environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


# --- the wheel in a clean environment -----------------------------------------------------------------------------


@pytest.fixture
def python(copy, tmp_path):
    """The interpreter of an environment with only the wheel and its requirements. The required packages are copied from
    this environment, so no index is queried."""
    venv.create(tmp_path / "venv", with_pip=True)
    python = tmp_path / "venv" / "bin" / "python"
    pip = [python, "-m", "pip", "-q", "--disable-pip-version-check"]
    subprocess.run(
        [*pip, "install", "--no-deps", "--no-index", copy.build("wheel")],
        cwd=tmp_path,
        env=clean_environment(),
        check=True,
    )
    (packages,) = (tmp_path / "venv" / "lib").glob("python*/site-packages")
    for name in installed_with(["django-schemasync"]) - {"django-schemasync"}:
        for file in distribution(name).files:
            if ".." not in file.parts and file.suffix != ".pyc":
                (packages / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(file.locate(), packages / file)
    subprocess.run([*pip, "check"], cwd=tmp_path, env=clean_environment(), check=True)
    shutil.rmtree(copy.source)
    return python


class Installed(Site):
    """A project that runs in the environment of the wheel."""

    @property
    def environment(self):
        """The environment variables with bytecode allowed, without which each command would compile Django."""
        return {name: value for name, value in clean_environment().items() if name != "PYTHONDONTWRITEBYTECODE"}


@pytest.mark.slow
def test_a_wheel_in_a_clean_environment_does_the_main_job(python, tmp_path):
    site = Installed(tmp_path / "site")
    site.interpreter = str(python)
    assert site.python("import schemasync; print(schemasync.__file__)").startswith(str(tmp_path / "venv"))
    site.done("migrate")
    site.python("from shop.models import Customer; Customer.objects.create(name='Ann', email='a@example.org')")
    site.change(
        (
            "name = models.CharField(max_length=100)",
            "name = models.CharField(max_length=120)\n    note = models.TextField(default='-')",
        )
    )
    assert site.manage("makemigrations", "--check").code == 1
    site.done("schemasync", "--export")
    assert site.rows("SELECT name, note FROM shop_customer") == [("Ann", "-")]
    assert '"result"' in site.done("schemasync", "status", "--json").out
    site.python(PAGES)
    site.done("schemasync", "rollback", "--noinput")
    assert "note" not in [name for (name,) in site.rows("SELECT name FROM pragma_table_info('shop_customer')")]
    assert site.rows("SELECT name FROM shop_customer") == [("Ann",)]


PAGES = """
from django.contrib.auth.models import User
from django.contrib.staticfiles import finders
from django.test import Client
from django.utils.translation import gettext, override
visitor = Client(SERVER_NAME="localhost")
visitor.force_login(User.objects.create_superuser("ann"))
page = visitor.get("/admin/schemasync/schemaversion/")
assert page.status_code == 200, page
assert b"schemasync/admin.css" in page.content
assert finders.find("schemasync/admin.css") and finders.find("schemasync/admin.js")
with override("de"):
    assert gettext("Remove old archives") == "Alte Archive löschen"
"""
