"""A file that another program also uses. The long run `files` tests more of them, with the programs that it
installs."""

from dataclasses import replace

from tests.long.files.format import Environment
from tests.long.files.formats import FORMATS
from tests.long.files.steps import Steps


def test_litestream_restores_an_equal_copy_after_each_step(tmp_path, capsys):
    file = next(file for file in FORMATS if file.name == "Litestream")
    ours = replace(file, packages=())  # this environment has its program already
    Steps(ours, Environment(ours, tmp_path), tmp_path).take()
    assert capsys.readouterr().out.count("it reads, after") == 9
