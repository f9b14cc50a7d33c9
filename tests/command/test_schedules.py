"""manage.py schemasync backup --print-schedule: its output can be installed unchanged."""

import json
import shutil
import subprocess
import sys

import pytest
import yaml

from schemasync.management import fleet, schedules
from schemasync.management.schedules import schedule

ODD = "/srv/my app/100% $HOME/it's"


@pytest.fixture
def odd(tmp_path, monkeypatch):
    """A project whose path contains all characters that these formats treat specially."""
    folder = tmp_path / ODD.lstrip("/")
    folder.mkdir(parents=True)
    script = folder / "manage.py"
    script.write_text("import json, os, sys; print(json.dumps([os.getcwd(), sys.argv[1:]]), file=sys.stderr)")
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "argv", [str(script), "schemasync"])
    return folder


WORDS = {
    "backup": ["schemasync", "backup", "--prune", "--database", "other", "--to", "./a b"],
    "drill": ["schemasync", "drill", "--database", "other", "--from", "./a b"],
}


def test_a_line_of_cron_does_what_it_says(odd):
    lines = schedule("cron", "other", "./a b").splitlines()
    assert [line.split(" ")[:5] for line in lines] == [["17", "*", "*", "*", "*"], ["17", "4", "*", "*", "0"]]
    for line, words in zip(lines, WORDS.values(), strict=True):
        command = line.split(" ", 5)[5]
        assert "%" not in command.replace("\\%", "")
        ended = subprocess.run(["sh", "-c", command.replace("\\%", "%")], capture_output=True, text=True, cwd="/")
        assert (ended.stdout, json.loads(ended.stderr)) == ("", [str(odd), words])


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
def test_systemd_accepts_the_units_and_runs_at_these_times(odd, tmp_path):
    text = schedule("systemd", "other", "./a b")
    units = {}
    for line in text.splitlines():
        if line.startswith("# /etc/systemd/system/"):
            name = line.rpartition("/")[2]
            units[name] = ""
        elif not line.startswith("#"):
            units[name] += f"{line}\n"
    assert set(units) == {f"schemasync-{name}.{kind}" for name in WORDS for kind in ("service", "timer")}
    for name, unit in units.items():
        (tmp_path / name).write_text(unit)
    ended = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *(str(tmp_path / name) for name in units)],
        capture_output=True, text=True,
    )  # fmt: skip
    assert "schemasync-" not in ended.stderr, ended.stderr
    for name in WORDS:
        (when,) = [line for line in units[f"schemasync-{name}.timer"].splitlines() if line.startswith("OnCalendar=")]
        subprocess.run(["systemd-analyze", "calendar", when.partition("=")[2]], check=True, capture_output=True)


def test_the_jobs_of_kubernetes_run_the_same_commands(odd, monkeypatch):
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "shop.settings")
    jobs = list(yaml.safe_load_all(schedule("kubernetes", "other", "./a b")))
    for job, (name, words) in zip(jobs, WORDS.items(), strict=True):
        assert (job["kind"], job["metadata"]["name"]) == ("CronJob", f"schemasync-{name}")
        assert job["spec"]["concurrencyPolicy"] == "Forbid"
        (container,) = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
        assert (container["workingDir"], container["command"][2:]) == (str(odd), words)
        assert container["env"] == [{"name": "DJANGO_SETTINGS_MODULE", "value": "shop.settings"}]


@pytest.mark.parametrize("kind", schedules.KINDS)
def test_for_encrypted_backups_it_says_what_the_drill_needs(kind, settings):
    assert "SCHEMASYNC_IDENTITY_FILE" not in schedule(kind, "default")
    settings.SCHEMASYNC = {
        "BACKUPS": {"RECIPIENTS": ["age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"]}
    }
    said, *rest = schedule(kind, "default").partition("one, with --from.\n")
    assert "SCHEMASYNC_IDENTITY_FILE=FILE" in said and all(line.startswith("#") for line in said.splitlines())
    assert rest[1]


OF_TENANTS = ["schemasync", "tenants", "backup", "--prune", "--due", "1.5", "--group", "a b", "--workers", "2"]


def test_the_schedule_of_tenants_makes_every_hour_what_is_due_with_the_options_that_are_given(odd):
    given = {"group": "a b", "tenant": ["acme", "blue"], "workers": 2, "due": 1.5, "compact": True, "dry_run": True}
    words = [*OF_TENANTS, "--tenant", "acme", "--tenant", "blue", "--compact"]
    *notes, line = fleet.backup_schedule("cron", given).splitlines()
    assert all(note.startswith("# ") or not note for note in notes)
    assert line.startswith("17 * * * * ")
    command = line.split(" ", 5)[5].replace("\\%", "%")
    ended = subprocess.run(["sh", "-c", command], capture_output=True, text=True, cwd="/")
    assert json.loads(ended.stderr) == [str(odd), words]
    (job,) = yaml.safe_load_all(fleet.backup_schedule("kubernetes", given))
    (container,) = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    assert (job["metadata"]["name"], container["command"][2:]) == ("schemasync-tenants-backup", words)
    assert " --prune --due 20\n" in fleet.backup_schedule("systemd", {})


@pytest.mark.parametrize("kind", schedules.KINDS)
def test_printing_one_makes_no_backup(evolved, kind):
    found = evolved.done("backup", "--print-schedule", kind, json=True).json
    assert (found["result"], found["kind"]) == ("printed", kind)
    assert not (evolved.folder / "db.sqlite3.backups").exists()
