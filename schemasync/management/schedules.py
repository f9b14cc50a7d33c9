"""Schedules for backups and drills, as texts that can be installed: systemd timers, cron lines, Kubernetes CronJobs."""

from __future__ import annotations

import getpass
import json
import os
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, assert_never

from django.db import DEFAULT_DB_ALIAS

from .. import conf

ScheduleFormat = Literal["systemd", "cron", "kubernetes"]
KINDS: tuple[ScheduleFormat, ...] = ("systemd", "cron", "kubernetes")
ENCRYPTED = """\
# The backups are encrypted: the drill needs SCHEMASYNC_IDENTITY_FILE=FILE in its environment. The machine of the site
# should not have that file, so run the drill on another one, with --from."""
OF_TENANTS = """\
# For each host: it makes the backups of its own tenants. A drill is of one tenant, and no part of this:
# manage.py schemasync drill --tenant KEY"""
MINUTE = 17  # past the hour: most other jobs run at the full hour


@dataclass(frozen=True, slots=True)
class Job:
    """A command, and its time: every hour, or on Sundays at four."""

    name: str
    words: Sequence[str]
    text: str
    is_hourly: bool


def schedule(kind: ScheduleFormat, alias: str, storage: str = "", *, is_compact: bool = False) -> str:
    """Return the schedule for a backup of a database every hour and a drill every week. `storage`: as for `--to`."""
    of = ("--database", alias) if alias != DEFAULT_DB_ALIAS else ()
    there, back = (("--to", storage), ("--from", storage)) if storage else ((), ())
    compact = ("--compact",) if is_compact else ()
    jobs = (
        Job("backup", (*_start(), "backup", "--prune", *of, *there, *compact), "Backup of the database", True),
        Job("drill", (*_start(), "drill", *of, *back), "Restore of the newest backup on trial", False),
    )
    text = _text(kind, jobs)
    return f"{ENCRYPTED}\n{text}" if conf.backup_recipients() else text


def schedule_of_tenants(kind: ScheduleFormat, options: Sequence[str]) -> str:
    """Return the schedule that makes the due backups of tenants every hour. `options`: of `tenants backup`."""
    words = (*_start(), "tenants", "backup", "--prune", *options)
    return f"{OF_TENANTS}\n{_text(kind, (Job('tenants-backup', words, 'Backups of the tenants', True),))}"


def _start() -> tuple[str, ...]:
    return sys.executable, str(Path(sys.argv[0] or "manage.py").absolute()), "schemasync"


def _text(kind: ScheduleFormat, jobs: Sequence[Job]) -> str:
    match kind:
        case "systemd":
            return "\n".join(map(_systemd, jobs))
        case "cron":
            return _cron(jobs)
        case "kubernetes":
            return "---\n".join(map(_kubernetes, jobs))
        case _:
            assert_never(kind)


def _systemd(job: Job) -> str:
    unit, calendar = f"schemasync-{job.name}", "*:" + str(MINUTE) if job.is_hourly else f"Sun *-*-* 04:{MINUTE}"
    settings = [f"Environment={_quoted('DJANGO_SETTINGS_MODULE=' + module)}\n"] if (module := _settings()) else []
    return f"""\
# /etc/systemd/system/{unit}.service
[Unit]
Description={job.text}

[Service]
Type=oneshot
User={getpass.getuser()}
WorkingDirectory={str(Path.cwd()).replace("%", "%%")}
{"".join(settings)}ExecStart={" ".join(map(_quoted, job.words))}

# /etc/systemd/system/{unit}.timer
[Unit]
Description={job.text}

[Timer]
OnCalendar={calendar}
Persistent=true

[Install]
WantedBy=timers.target

# systemctl daemon-reload && systemctl enable --now {unit}.timer
"""


def _quoted(word: str) -> str:
    """Return a word quoted for ExecStart:
    https://www.freedesktop.org/software/systemd/man/latest/systemd.service.html#Command%20lines"""
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return escaped if escaped == word and word and not set(word) & set(" \t';") else f'"{escaped}"'


def _cron(jobs: Sequence[Job]) -> str:
    """Return lines for `crontab -e`; cron mails the output of a command on stderr."""
    settings = f"DJANGO_SETTINGS_MODULE={shlex.quote(module)} " if (module := _settings()) else ""
    lines = []
    for job in jobs:
        when = f"{MINUTE} * * * *" if job.is_hourly else f"{MINUTE} 4 * * 0"
        command = f"cd {shlex.quote(str(Path.cwd()))} && {settings}{shlex.join(job.words)} >/dev/null"
        lines.append(f"{when} {command.replace('%', chr(92) + '%')}")  # cron makes a line break of a bare %
    return "\n".join(lines) + "\n"


def _kubernetes(job: Job) -> str:
    """Return a CronJob, with placeholders for the image and the volume of the deployment."""
    when = f"{MINUTE} * * * *" if job.is_hourly else f"{MINUTE} 4 * * 0"
    module = _settings()
    settings = (
        f"""
              env: [{{name: DJANGO_SETTINGS_MODULE, value: {json.dumps(module)}}}]"""
        if module
        else ""
    )
    return f"""\
apiVersion: batch/v1
kind: CronJob
metadata:
  name: schemasync-{job.name}
spec:
  schedule: {json.dumps(when)}
  concurrencyPolicy: Forbid
  jobTemplate:
    spec:
      backoffLimit: 0
      template:
        spec:
          restartPolicy: Never
          containers:
            - name: {job.name}
              image: IMAGE  # that of the application
              workingDir: {json.dumps(str(Path.cwd()))}
              command: {json.dumps(list(job.words))}{settings}
              volumeMounts:
                - {{name: data, mountPath: MOUNT}}  # all folders of the databases: links and generations
          volumes:
            - name: data
              persistentVolumeClaim: {{claimName: CLAIM}}  # ReadWriteOnce: it runs on the node of the application
"""


def _settings() -> str:
    return os.environ.get("DJANGO_SETTINGS_MODULE", "")
