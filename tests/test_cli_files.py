"""Files that the command reads and writes: odd names, full disks, inputs that are outputs."""

from __future__ import annotations

import os
import pty
import subprocess
from pathlib import Path

import pytest

from tests.test_cli import PCPU, pcpu


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "data.bin"
    path.write_bytes(b"one\ntwo\n" * 200_000)
    return path


def test_what_is_written_is_not_read_again(file: Path) -> None:
    """As of cat: with the data at the end of its own file there would be no end."""
    before = file.read_bytes()
    for command in (
        "run 'xor 1' {0} >> {0}",
        "run 'xor 1' < {0} >> {0}",
        "run 'crc32c' {0} -o - >> {0}",
    ):
        script = f"ulimit -f 4096; '{PCPU}' " + command.format(f"'{file}'")
        done = subprocess.run(["bash", "-c", script], capture_output=True, check=False)
        assert done.returncode == 2, command
        assert b"the data comes from the file that it goes to" in done.stderr
        assert file.read_bytes() == before
    script = f"'{PCPU}' run 'xor 1' < '{file}' 1<> '{file}'"  # in place, behind what is read
    assert subprocess.run(["bash", "-c", script], check=False).returncode == 0
    assert file.read_bytes() == bytes(byte ^ 1 for byte in before)


@pytest.mark.parametrize("command", [
    ["run", "{whole}", "{file}", "-o", "{out}"], ["compile", "xor 1", "-o", "{out}"],
    ["compile", "--decoder", "-o", "{out}"], ["sim", "xor 1", "{file}", "--html", "{out}"],
    ["plan", "{file}", "-o", "{out}"],
], ids=lambda command: command[0])  # fmt: skip
def test_a_full_disk_is_said_with_the_file(command: list[str], file: Path, tmp_path: Path) -> None:
    whole = tmp_path / "whole.pasm"
    whole.write_text(".inout data\nxor data, 1\nrepeat 1\n    xor data, 2\nend\n")
    done = pcpu(*(part.format(whole=whole, file=file, out="/dev/full") for part in command))
    assert done.returncode == 1
    assert b"No space left on device" in done.stderr
    assert b"/dev/full" in done.stderr or b"the data cannot be written" in done.stderr


def test_outputs_that_name_no_file(file: Path, tmp_path: Path) -> None:
    for out in ("", f"{tmp_path}/new/"):
        done = pcpu("run", "xor 1", file, "-o", out)
        assert (done.returncode, b"names no file" in done.stderr) == (2, True)
    assert list(tmp_path.iterdir()) == [file]


def test_an_empty_file_name_is_not_stdin(tmp_path: Path) -> None:
    whole = tmp_path / "whole.pasm"
    whole.write_text(".in data\nn = counteq data[0:1], 0\n")
    for program in ("crc32c", str(whole)):
        done = pcpu("run", program, "", stdin=b"x")
        assert done.returncode == 2
        assert b"'' cannot be read" in done.stderr


def test_a_pipe_of_the_shell_is_written_to(tmp_path: Path) -> None:
    script = (
        f"'{PCPU}' compile 'xor 1' -o >(head -c 4 > '{tmp_path}/out'; echo done > '{tmp_path}/end')"
    )
    wait = f"while ! [ -s '{tmp_path}/end' ]; do sleep 0.1; done"
    subprocess.run(["bash", "-c", f"{script} && {wait}"], check=True, timeout=60)
    assert (tmp_path / "out").read_bytes() == b"\0asm"


def test_names_that_are_no_text_in_a_strict_locale(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"n\xff.pasm")
    path.write_text(".in data\nc=crc32c data\n")
    done = pcpu("fmt", path, "--diff", PYTHONIOENCODING="utf-8:strict")
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"n\\udcff.pasm" in done.stdout
    page = tmp_path / "page.html"
    assert pcpu("sim", path, "--html", page, stdin=b"abc").returncode == 0
    assert "n?.pasm" in page.read_text("utf-8")


@pytest.mark.parametrize(
    "command", [["run", "xor 1", os.devnull], ["compile", "xor 1", "--emit", "obj"]]
)
def test_data_goes_to_a_terminal_only_where_that_is_asked_for(command: list[str]) -> None:
    wanted = b"the data would go to the terminal; give -o FILE, or -o - to see it there"
    for more, expected in (([], (2, b"pcpu: error: " + wanted + b"\n")), (["-o", "-"], (0, b""))):
        ours, theirs = pty.openpty()
        done = subprocess.run(
            [PCPU, *command, *more], stdout=theirs, stderr=subprocess.PIPE, check=False
        )
        os.close(theirs)
        os.close(ours)
        assert (done.returncode, done.stderr) == expected
