"""A tenant moves over ssh to a host in another network, whose cable is pulled once."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import threading
import time
from contextlib import closing, suppress
from pathlib import Path

import pytest

from tests.support.processes import ROOT

from .test_move import _begun, hosts

__all__ = ["_begun", "hosts"]

PROGRAMS = ("sshd", "ssh", "ssh-keygen", "ip", "tc")
HERE, THERE, PORT = "10.213.7.1", "10.213.7.2", 2222
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.geteuid() != 0 or not all(map(shutil.which, PROGRAMS)), reason=f"needs root and {PROGRAMS}"),
]


def _do(*words):
    subprocess.run([*map(str, words)], check=True, capture_output=True)


@pytest.fixture
def network():
    """A network namespace with one end of a cable; yield its name, and the name of the end on this host."""
    name, mine, other = f"south{os.getpid()}", f"vn{os.getpid()}", f"vs{os.getpid()}"
    _do("ip", "netns", "add", name)
    try:
        _do("ip", "link", "add", mine, "type", "veth", "peer", "name", other, "netns", name)
        _do("ip", "addr", "add", f"{HERE}/24", "dev", mine)
        _do("ip", "link", "set", mine, "up")
        _do("ip", "-n", name, "addr", "add", f"{THERE}/24", "dev", other)
        _do("ip", "-n", name, "link", "set", other, "up")
        _do("tc", "qdisc", "add", "dev", mine, "root", "tbf", "rate", "40mbit", "burst", "64kb", "latency", "50ms")
        yield name, mine
    finally:
        with suppress(subprocess.CalledProcessError):
            _do("ip", "link", "del", mine)
        _do("ip", "netns", "del", name)


@pytest.fixture
def ssh(network, tmp_path):
    """The words that run a program on the other host."""
    name, _ = network
    for key in ("host", "user"):
        _do("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / key)
    options = ["UsePAM=no", "StrictModes=no", "PermitRootLogin=yes", f"AuthorizedKeysFile={tmp_path / 'user.pub'}"]
    Path("/run/sshd").mkdir(parents=True, exist_ok=True)
    words = ["ip", "netns", "exec", name, shutil.which("sshd"), "-D", "-e", "-f", "/dev/null", "-h", tmp_path / "host"]
    words += ["-o", f"ListenAddress={THERE}:{PORT}", *(word for one in options for word in ("-o", one))]
    daemon = subprocess.Popen([*map(str, words)], stderr=subprocess.DEVNULL)
    known = ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR"]
    found = ["ssh", "-p", str(PORT), "-i", str(tmp_path / "user"), *known, f"root@{THERE}"]
    try:
        for _ in range(100):
            if subprocess.run([*found, "true"], capture_output=True).returncode == 0:
                break
            time.sleep(0.1)
        yield found
    finally:
        daemon.terminate()
        daemon.wait()


def _relay(hosts, ssh):
    given = {
        "DJANGO_SETTINGS_MODULE": "tests.tenants.hosts",
        "TENANTS_FOLDER": hosts.folder,
        "PYTHONPATH": ROOT,
        "IDLE": 15,
    }
    return " ".join([*ssh, "env", *(f"{name}={value}" for name, value in given.items())])


def test_a_tenant_moves_over_ssh_and_a_pulled_cable_leaves_it_where_it_is(hosts, ssh, network):
    with closing(sqlite3.connect(hosts.file("north"))) as connection, connection:
        connection.execute(
            "WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200000) "
            "INSERT INTO shop_author (name) SELECT 'a name of forty characters, number ' || i FROM n"
        )
    relay = _relay(hosts, ssh)
    ended = threading.Event()

    def pull():
        while not ended.is_set():
            if any(one.stat().st_size > 1_000_000 for one in (hosts.folder / "south").glob(".acme.*/made/*/*.sqlite3")):
                _do("ip", "link", "set", network[1], "down")
                return
            time.sleep(0.01)

    pulling = threading.Thread(target=pull)
    pulling.start()
    broken = hosts.send("north", "south", RELAY=relay, ANSWER="5")
    ended.set()
    pulling.join()
    assert broken.returncode == 1, broken.stdout
    assert "[host-unreachable]" in broken.stderr
    assert (hosts.row(), hosts.check()) == (("north", "active"), "north")

    _do("ip", "link", "set", network[1], "up")
    for _ in range(3):  # the other side of the first move waits for its pipe, and gives up after some time
        done = hosts.send("north", "south", RELAY=relay)
        if "[run-in-progress]" not in done.stderr:
            break
    assert done.returncode == 0, done.stderr
    assert hosts.check() == "south"
    assert len(hosts.names("south")) == 200_001
