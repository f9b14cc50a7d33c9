"""Power loss while a tenant is created, which has a row in one place and a folder in another."""

import subprocess
import sys

import pytest

from .recorder import ROOT, strace


@pytest.mark.slow
def test_a_tenant_is_whole_or_is_created_by_the_same_call():
    if strace() is None:
        pytest.skip("strace is not installed, or may not trace here")
    command = [sys.executable, "-m", "tests.power.tenants", "1", "0"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert "failed" not in ended.stdout, ended.stdout
    assert "new" in ended.stdout
