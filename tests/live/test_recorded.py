"""A recorded run while writers write: the recording shows their writes, and no row is lost."""

import sqlite3
import subprocess
import sys
import time
from contextlib import closing

import pytest

from schemasync.files.disk import Disk, DiskStep
from schemasync.sync.run.log_samples import LogSamples
from schemasync.sync.run.recorder import Recorder
from schemasync.sync.run.target import target
from schemasync.sync.runner import sync

from .oracle import QUICK, made, read
from .test_runs import CASE, STRICTER

WRITER = """
import sqlite3, sys, time
number = 1000
while True:
    try:
        connection = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=5)
        while True:
            connection.execute("INSERT INTO t VALUES (?, 'written', 1)", (number,))
            print(number, flush=True)
            number += 1
            time.sleep(0.002)  # more would fill the pipe, which nobody reads meanwhile
    except sqlite3.OperationalError as error:
        assert "superseded" in str(error), error
        connection.close()
"""


@pytest.fixture
def link(folder):
    return made(folder / "w", CASE)


def test_a_recorded_run_keeps_every_write_and_sees_the_log_grow(link):
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(link)], stdout=subprocess.PIPE, text=True)
    acknowledged = [int(writer.stdout.readline())]

    def observer(when, label):
        if (when, label) == ("before", DiskStep.BUILD_VERIFY):
            time.sleep(0.5)

    recorder = Recorder(samples=LogSamples(every=0.01))
    try:
        done = sync(target(link, disk=Disk(observer), wait=5.0, recorder=recorder), read({"t": STRICTER}), QUICK)
    finally:
        writer.kill()
        acknowledged += map(int, writer.stdout.read().split())
        writer.wait()
        writer.stdout.close()
    assert done.result == "synced"
    with closing(sqlite3.connect(link)) as connection:
        there = {number for (number,) in connection.execute("SELECT id FROM t")}
    assert set(acknowledged) <= there
    found = recorder.as_json()
    assert found["log"]["bytes_most"] > 0
    assert found["log"]["samples"] > 10
    phases = {one["phase"]: one["seconds"] for one in found["phases"]}
    assert phases["verification"] >= 0.5
    assert {"capture", "replay", "catch up", "cut over"} <= set(phases)
