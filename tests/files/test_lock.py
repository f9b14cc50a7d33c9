"""One run at a time over all processes, and a lock that is free as soon as its holder has ended."""

import os
import signal
import subprocess
import sys
import time

import pytest

from schemasync.errors import Busy
from schemasync.files.lock import is_held, run_lock
from tests.crash.processes import Child, child
from tests.faults.waiting import wait_for


@pytest.fixture
def lock(tmp_path):
    return tmp_path / "lock"


def held_by_another(lock, seconds=30.0):
    """Start a process that holds the lock until it is killed or the time is over."""

    def hold():
        with run_lock(lock, 0):
            time.sleep(seconds)

    holder = Child(hold)
    wait_for(lambda: lock.exists() and is_held(lock))
    return holder


def take(lock, wait=0.0):
    def taken():
        with run_lock(lock, wait):
            return True

    return child(taken)


def test_only_one_process_is_inside_at_a_time(lock, tmp_path):
    log = tmp_path / "log"

    def work():
        for _ in range(5):
            with run_lock(lock, 20):
                with log.open("a") as file:
                    file.write("in\n")
                time.sleep(0.002)
                with log.open("a") as file:
                    file.write("out\n")

    for one in [Child(work) for _ in range(4)]:
        one.ended().result()
    assert log.read_text().split() == ["in", "out"] * 20


def test_it_is_busy_when_the_wait_is_over_and_not_before(lock):
    holder = held_by_another(lock)
    begun = time.monotonic()
    trouble = take(lock, 0.4).refusal()
    assert 0.4 <= time.monotonic() - begun < 3
    assert (trouble.kind, trouble.codes, trouble.exit_code) == ("Busy", ("run-in-progress",), 5)
    holder.kill()
    holder.ended()


def test_one_that_waits_gets_it_when_the_other_ends(lock):
    holder = held_by_another(lock, 0.3)
    assert take(lock, 20).result()
    holder.ended().result()


def test_death_frees_it(lock):
    holder = held_by_another(lock)
    holder.kill(signal.SIGKILL)
    holder.ended()
    assert not is_held(lock)
    assert take(lock).result()


def test_an_error_inside_frees_it(lock):
    with pytest.raises(ZeroDivisionError), run_lock(lock, 0):
        raise ZeroDivisionError
    assert take(lock).result()


@pytest.mark.parametrize("parent_dies", [False, True])
def test_a_forked_child_does_not_keep_it(lock, tmp_path, parent_dies):
    """A server forks during a run, and its children outlive the run and even the server."""
    forked, over = tmp_path / "forked", tmp_path / "over"

    def parent():
        with run_lock(lock, 0):
            if os.fork() == 0:
                forked.touch()
                wait_for(over.exists)
                os._exit(0)
            wait_for(forked.exists)
            if parent_dies:
                os.kill(os.getpid(), signal.SIGKILL)
        wait_for(over.exists)

    running = Child(parent)
    wait_for(forked.exists)
    assert take(lock, 5).result()
    over.touch()
    assert running.ended().killed == parent_dies


def test_a_forked_child_that_ends_does_not_free_it(lock, tmp_path):
    """The child closes only its copy of the descriptor."""
    reaped, over = tmp_path / "reaped", tmp_path / "over"

    def parent():
        with run_lock(lock, 0):
            pid = os.fork()
            if pid == 0:
                os._exit(0)
            os.waitpid(pid, 0)
            reaped.touch()
            wait_for(over.exists)

    running = Child(parent)
    wait_for(reaped.exists)
    assert take(lock).refusal().codes == ("run-in-progress",)
    over.touch()
    running.ended().result()


def test_a_program_that_is_started_meanwhile_does_not_keep_it(lock, tmp_path):
    started, over = tmp_path / "started", tmp_path / "over"
    script = f"import pathlib, time\nwhile not pathlib.Path({str(over)!r}).exists(): time.sleep(0.01)"

    def parent():
        with run_lock(lock, 0):
            program = subprocess.Popen([sys.executable, "-c", script], close_fds=False)
        started.touch()
        wait_for(over.exists)
        program.wait(10)

    running = Child(parent)
    wait_for(started.exists)
    assert take(lock).result()
    over.touch()
    running.ended().result()


def test_two_threads_of_one_process_exclude_each_other(lock):
    with run_lock(lock, 0), pytest.raises(Busy), run_lock(lock, 0):
        pass


def test_asking_who_holds_it_neither_makes_nor_takes_nor_frees_it(lock):
    assert not is_held(lock)
    assert not lock.exists()
    with run_lock(lock, 0):
        assert child(lambda: is_held(lock)).result()
        assert take(lock).refusal().codes == ("run-in-progress",)
    assert not is_held(lock)
