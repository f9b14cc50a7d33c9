"""post_migrate is sent by one process at a time: its receivers look for missing rows, and insert them."""

import threading
import time

from schemasync.orm.migrate import _alone
from schemasync.sync.run.target import target


def test_who_comes_second_waits_until_the_first_is_done(tmp_path):
    one = target(tmp_path / "db.sqlite3", wait=10.0)
    one.layout.folder.mkdir()
    events = []

    def send(name):
        with _alone(one):
            events.append(f"{name} begins")
            time.sleep(0.1)
            events.append(f"{name} ends")

    threads = [threading.Thread(target=send, args=(name,)) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    first, second = events[0][0], events[2][0]
    assert events == [f"{first} begins", f"{first} ends", f"{second} begins", f"{second} ends"]
    assert first != second


def test_who_cannot_lock_sends_all_the_same(tmp_path):
    with _alone(target(tmp_path / "db.sqlite3")):  # there is no folder of generations
        pass
    assert not list(tmp_path.iterdir())


def test_who_waits_for_too_long_sends_all_the_same(tmp_path):
    one = target(tmp_path / "db.sqlite3", wait=0.0)
    one.layout.folder.mkdir()
    with _alone(one), _alone(one):
        pass
