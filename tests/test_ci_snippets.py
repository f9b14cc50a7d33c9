"""The snippets of docs/howto/ci.md: their commands run in a clone, on a branch that changes a model."""

import shlex
import subprocess

import pytest
import yaml

from .pages import page
from .support.processes import environment, run
from .support.site import Site
from .test_howto import MODELS

MOBILE = ("phone = models", "mobile = models")
FILES = {
    fence.comment.removeprefix("file: "): yaml.safe_load(fence.text)
    for fence in page("docs/howto/ci.md").fences
    if fence.language == "yaml"
}
BY_BASH = "import os, sys; os.execvp('bash', ['bash', '-e', '-c', sys.argv[1]])"
NOT_HERE = "pip install -r requirements.txt"  # it would query a package index


def lines(file):
    """Return the commands of a file, in order. GitHub runs a step of several lines by `bash -e`, which ends with the
    first that fails."""
    (job,) = FILES[file].get("jobs", FILES[file]).values()
    scripts = job["script"] if "script" in job else [step["run"] for step in job["steps"] if "run" in step]
    found = [line for script in scripts for line in script.splitlines()]
    assert found[0] == NOT_HERE
    return found[1:]


def git(folder, *words):
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "init.defaultBranch=main"]
    subprocess.run(["git", *identity, *words], cwd=folder, check=True, capture_output=True)


@pytest.fixture(scope="module")
def _origin(tmp_path_factory):
    """A repository with a project, its exported schema.json, and a test."""
    site = Site(tmp_path_factory.mktemp("ci") / "origin", MODELS)
    site.done("schemasync", "export")
    (site.folder / "shop" / "tests.py").write_text(
        "from django.test import TestCase\n"
        "from shop.models import Customer\n"
        "class Names(TestCase):\n"
        "    def test_it(self):\n"
        "        Customer.objects.create(name='Ann')\n"
    )
    (site.folder / ".gitignore").write_text("db.sqlite3*\n__pycache__/\n")
    git(site.folder, "init", "-q")
    git(site.folder, "add", "-A")
    git(site.folder, "commit", "-q", "-m", "first")
    return site


@pytest.fixture
def branch(_origin, tmp_path):
    """A clone of the repository with a single branch, as CI makes it."""
    git(tmp_path, "clone", "-q", _origin.folder, "clone")
    clone = object.__new__(Site)
    super(Site, clone).__init__(tmp_path / "clone")
    return clone


def ci(branch, file):
    """Run the commands until one fails; return that one, its exit code and its output, or None."""
    variables = environment(GITHUB_BASE_REF="main", CI_MERGE_REQUEST_TARGET_BRANCH_NAME="main")
    for line in lines(file):
        if line.startswith("python manage.py "):
            ended = branch.manage(*shlex.split(line)[2:])
        else:
            ended = run(["-c", BY_BASH, line], branch.folder, variables)
        if ended.code:
            return line, ended.code, ended.out + ended.err
    return None


@pytest.fixture(params=FILES)
def file(request):
    return request.param


def test_the_files_are_those_that_github_and_gitlab_read():
    assert set(FILES) == {".github/workflows/schema.yml", ".gitlab-ci.yml"}
    flow = FILES[".github/workflows/schema.yml"]
    assert set(flow) == {"name", True, "jobs"}  # YAML 1.1 reads `on` as true
    assert all("uses" in step or "run" in step for step in flow["jobs"]["schema"]["steps"])


@pytest.mark.slow(but=[".gitlab-ci.yml"])
def test_a_branch_whose_models_were_exported_passes(branch, file):
    branch.change(("max_length=40", "max_length=50"))
    branch.done("schemasync", "export")
    assert ci(branch, file) is None
    assert branch.rows("SELECT count(*) FROM _schema_versions") == [(2,)]


def test_a_model_that_was_not_exported_fails(branch, file):
    branch.change(("max_length=40", "max_length=50"))
    line, code, _ = ci(branch, file)
    assert (line, code) == ("python manage.py schemasync export --check", 1)


def test_a_column_that_is_gone_without_a_hint_fails_and_the_hint_is_shown(branch, file):
    branch.change(MOBILE)
    branch.schema.write_text(branch.schema.read_text().replace('"phone":', '"mobile":'))
    line, code, reported = ci(branch, file)
    assert "schemasync plan" in line
    assert code == 3
    assert '"was": ["phone"]' in reported
