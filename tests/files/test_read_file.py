"""schema.json is read as of one moment, and only if it is a file: a pipe or device cannot block or fill the memory."""

import os
import socket

import pytest

from schemasync.files import read_file as module
from schemasync.files.read_file import LIMIT, read_file


@pytest.mark.parametrize("kind", ["pipe", "device", "socket", "link to a device"])
def test_what_is_no_file_is_named_and_not_read(tmp_path, monkeypatch, kind):
    monkeypatch.chdir(tmp_path)  # the path of a socket has at most about a hundred characters
    path = tmp_path / "schema.json"
    match kind:
        case "pipe":
            os.mkfifo(path)
        case "device":
            path = type(path)("/dev/zero")
        case "socket":
            socket.socket(socket.AF_UNIX).bind("schema.json")
        case _:
            path.symlink_to("/dev/zero")
    with pytest.raises(OSError, match="is a pipe, a device or a socket"):
        read_file(path)


def test_a_folder_and_a_link_to_nothing_are_named(tmp_path):
    (tmp_path / "link").symlink_to("nothing")
    with pytest.raises(IsADirectoryError, match="it is a folder"):
        read_file(tmp_path)
    with pytest.raises(FileNotFoundError):
        read_file(tmp_path / "link")


def test_of_a_huge_file_only_as_much_is_read_as_shows_that_it_is_huge(tmp_path):
    path = tmp_path / "schema.json"
    with path.open("wb") as file:
        file.truncate(LIMIT * 1000)
    assert len(read_file(path)) == LIMIT + 1


def test_a_file_that_changes_while_it_is_read_is_read_again_and_refused_if_that_never_ends(tmp_path, monkeypatch):
    path, reads = tmp_path / "schema.json", []
    path.write_bytes(b"{")

    def changing(attempts):
        def moment(status):
            reads.append(status)
            if len(reads) % 2 and len(reads) < 2 * attempts:  # between the stat before and the stat after the read
                path.write_bytes(path.read_bytes() + b" ")
            return status.st_size, status.st_mtime_ns, status.st_ctime_ns

        reads.clear()
        monkeypatch.setattr(module, "_moment", moment)
        return read_file(path)

    monkeypatch.setattr(module, "_PAUSE", 0)
    assert changing(2) == path.read_bytes()
    with pytest.raises(BlockingIOError, match="it is being written all the time"):
        changing(1000)
