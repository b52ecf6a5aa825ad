"""What reconstructors for Linux leave behind, and what they do with blobs that agree with all
checks and are others."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from random import Random

import google_crc32c
import pytest

from pcpu import targets
from pcpu.iprog.plan import make_plan
from pcpu.iprog.reconstructor import compile_plan
from tests.iprog import forge

WINDOW_BITS = 16
WINDOW = 1 << WINDOW_BITS
# Large, so that there is time to end the program.
BLOB = Random(1).randbytes(1 << 24)
FILE = b"new" + BLOB
WRONG = b"rebuild: a blob is not the one that the plan was made for\n"
# The polynomial of CRC-32C with its highest bit first: a CRC does not change with it.
POLYNOMIAL = (1 | 0x82F63B78 << 1).to_bytes(5, "little")


def write_program(plan: bytes, path: Path, target: str = "x86-64") -> Path:
    path.write_bytes(compile_plan(plan, targets.find(target)))
    path.chmod(0o755)
    return path


def changed(blob: bytes, at: int) -> bytes:
    """Another blob with the same CRCs of whatever holds these five bytes."""
    other = bytes(a ^ b for a, b in zip(blob[at : at + 5], POLYNOMIAL, strict=True))
    return blob[:at] + other + blob[at + 5 :]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Holds the program, the blob, and one that is wrong in its second window."""
    here = tmp_path_factory.mktemp("files")
    (here / "blob").write_bytes(BLOB)
    (here / "wrong").write_bytes(changed(BLOB, WINDOW + 100))
    write_program(make_plan(FILE, [BLOB], window_bits=WINDOW_BITS).plan, here / "rebuild")
    return here


def run(command: Sequence[str | Path]) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(command, capture_output=True, check=False)


def test_a_blob_with_the_same_checks_gives_no_file_g23(folder: Path, tmp_path: Path) -> None:
    wrong = (folder / "wrong").read_bytes()
    assert wrong != BLOB
    part = slice(WINDOW - 3, 2 * WINDOW - 3)  # the window's
    assert google_crc32c.value(wrong[part]) == google_crc32c.value(BLOB[part])
    done = run([folder / "rebuild", folder / "wrong", "-o", tmp_path / "out"])
    assert (done.returncode, done.stdout, done.stderr) == (1, b"", WRONG)
    assert list(tmp_path.iterdir()) == []


def test_a_pipe_gets_no_last_window_of_such_a_blob_d20(folder: Path) -> None:
    done = run([folder / "rebuild", folder / "wrong"])
    assert (done.returncode, done.stderr) == (1, WRONG)
    assert len(done.stdout) == len(FILE) // WINDOW * WINDOW
    right = run([folder / "rebuild", folder / "blob"])
    assert (right.returncode, right.stdout == FILE) == (0, True)


@pytest.mark.parametrize(
    ("target", "emulator"),
    [
        ("aarch64", "qemu-aarch64"),
        ("riscv64", "qemu-riscv64"),
        ("x86-64", "qemu-x86_64 -cpu Nehalem"),  # which has no instructions for the hash
    ],
)
def test_other_processors_compare_the_hash(target: str, emulator: str, tmp_path: Path) -> None:
    qemu, *options = emulator.split()
    if shutil.which(qemu) is None:
        pytest.skip(f"{qemu} is missing")
    blob = BLOB[: 3 * WINDOW]
    file = b"new" + blob
    plan = make_plan(file, [blob], window_bits=WINDOW_BITS).plan
    program = write_program(plan, tmp_path / "rebuild", target)
    (tmp_path / "blob").write_bytes(blob)
    command: list[str | Path] = [qemu, *options, program, tmp_path / "blob"]
    done = run(command)
    assert (done.returncode, done.stdout == file, done.stderr) == (0, True, b"")
    (tmp_path / "blob").write_bytes(changed(blob, 100))
    done = run(command)
    assert (done.returncode, len(done.stdout), done.stderr) == (1, 3 * WINDOW, WRONG)


@pytest.mark.parametrize("is_right", [True, False])
def test_the_hash_of_an_empty_file_is_compared(is_right: bool, tmp_path: Path) -> None:
    plan = make_plan(b"", []).plan
    if not is_right:
        stated = hashlib.sha256().digest()
        assert stated in plan
        header = plan[:-4].replace(stated, bytes(32))
        plan = header + forge.check(header)
    program = write_program(plan, tmp_path / "rebuild")
    done = run([program, "-o", tmp_path / "out"])
    assert (done.returncode, done.stderr) == ((0, b"") if is_right else (1, WRONG))
    assert [path.name for path in tmp_path.iterdir() if path != program] == ["out"] * is_right


# The program has the number of the process that becomes it.
BECOME = """
import os, pathlib, sys
for path in list(pathlib.Path().glob("rebuild-{}*")):
    path.rename(path.name.format(os.getpid()))
os.execv(sys.argv[1], sys.argv[1:])
"""


def run_within(here: Path, folder: Path) -> tuple[int, int]:
    """The exit code and the number of a process that writes ``out``; names have the number where
    they had ``{}``."""
    command: list[str | Path] = [folder / "rebuild", folder / "blob", "-o", "out"]
    with subprocess.Popen([sys.executable, "-c", BECOME, *command], cwd=here) as running:
        return running.wait(), running.pid


def test_files_of_others_stay_d20(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "theirs").write_bytes(b"theirs")
    for name in ("out.part", "rebuild-{}-1.part"):
        (tmp_path / name).write_bytes(name.encode())
    (tmp_path / "rebuild-{}.part").symlink_to("theirs")
    code, pid = run_within(tmp_path, folder)
    assert code == 0
    names = ["out", "out.part", f"rebuild-{pid}-1.part", f"rebuild-{pid}.part", "theirs"]
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    assert (tmp_path / "out").read_bytes() == FILE
    assert (tmp_path / "out.part").read_bytes() == b"out.part"
    assert (tmp_path / names[2]).read_bytes() == b"rebuild-{}-1.part"
    assert (tmp_path / names[3]).is_symlink()
    assert (tmp_path / "theirs").read_bytes() == b"theirs"


def test_where_no_name_is_free_all_stays(folder: Path, tmp_path: Path) -> None:
    for n in range(1000):
        (tmp_path / (f"rebuild-{{}}-{n}.part" if n else "rebuild-{}.part")).touch()
    code, _ = run_within(tmp_path, folder)
    assert code == 1
    assert len([*tmp_path.glob("rebuild-*.part")]) == len([*tmp_path.iterdir()]) == 1000


def test_a_name_may_be_as_long_as_names_can_be(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / ("x" * os.pathconf(tmp_path, "PC_NAME_MAX"))
    assert run([folder / "rebuild", folder / "blob", "-o", out]).returncode == 0
    assert [path.name for path in tmp_path.iterdir()] == [out.name]


def ended(command: Sequence[str | Path], out: Path, number: int) -> int:
    """The exit code of a program that gets a signal when it has begun to write ``out``."""
    with subprocess.Popen([*command, "-o", out]) as running:
        while running.poll() is None:
            if list(out.parent.glob("*.part")):
                running.send_signal(number)
                return running.wait()
            time.sleep(0.0001)
        return running.returncode


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT, signal.SIGTERM])
def test_a_signal_leaves_nothing_d20(folder: Path, tmp_path: Path, number: signal.Signals) -> None:
    # Under nohup, tests and what they start would take no notice of SIGHUP.
    command: list[str | Path] = ["env", "--default-signal", folder / "rebuild", folder / "blob"]
    code, tries = 0, 0
    while code == 0 and tries < 50:  # on a machine that is busy the file may be done before
        code, tries = ended(command, tmp_path / "out", number), tries + 1
        assert [path.name for path in tmp_path.iterdir()] == ["out"] * (code == 0)
        (tmp_path / "out").unlink(missing_ok=True)
    assert code == -number


def test_a_signal_that_is_ignored_ends_nothing(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    program, blob = folder / "rebuild", folder / "blob"
    assert ended(["nohup", program, blob], out, signal.SIGHUP) == 0
    assert list(tmp_path.iterdir()) == [out]
