"""`python -m benchmarks.peers`: run each peer in an environment of its own, in a temporary folder.

Needs Python 3.12 or later, pip and a package index. With --write the output goes into docs/evidence/peers.txt, which a
test compares with docs/comparison.md.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import venv
from datetime import UTC, datetime
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
EVIDENCE = ROOT / "docs" / "evidence" / "peers.txt"
PEERS = [  # a script, and the packages that it needs
    ("sqlite_utils_transform", ["sqlite-utils==4.2.1"]),
    ("alembic_batch", ["alembic==1.20.1", "SQLAlchemy==2.1.9"]),
    ("django_alter_field", ["Django==5.2.19"]),
    ("django_alter_field", ["Django==6.1.3"]),
    ("schemasync_sync", ["Django==6.1.3", "jsonschema==4.26.0", "rich==15.0.0"]),
]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="also write the output to docs/evidence/peers.txt")
    given = parser.parse_args()
    lines = [
        "$ python -m benchmarks.peers",
        f"{datetime.now(UTC):%Y-%m-%d}, schemasync of commit {commit()}, Python {platform.python_version()}",
    ]
    with tempfile.TemporaryDirectory(prefix="peers-") as folder:
        for script, packages in PEERS:
            lines += ["", *ran(script, packages, Path(folder) / packages[0])]
    print("\n".join(lines))
    if given.write:
        EVIDENCE.write_text("\n".join(lines) + "\n", "utf-8")
    return 0


def ran(script: str, packages: list[str], folder: Path) -> list[str]:
    """Run a script in a new virtual environment with these packages. Return the lines that it prints."""
    venv.create(folder / "venv", with_pip=True)
    python = folder / "venv" / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "-q", "--disable-pip-version-check", *packages], check=True)
    variables = os.environ | {"PYTHONPATH": str(ROOT) if script == "schemasync_sync" else ""}
    command = [python, HERE / f"{script}.py", folder]
    return subprocess.run(command, env=variables, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()


def commit() -> str:
    """Return the short name of the last commit that changed the package."""
    command = ["git", "-C", ROOT, "log", "-1", "--format=%h", "--", "schemasync"]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
