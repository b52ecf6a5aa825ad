"""The repository's own rules."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

TESTS = "\n".join(path.read_text("utf-8") for path in sorted((ROOT / "tests").rglob("test_*.py")))


def tracked() -> list[Path]:
    done = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return [ROOT / name for name in done.stdout.split("\0") if name and (ROOT / name).is_file()]


@pytest.mark.parametrize("spec", sorted((ROOT / "spec").glob("*.md")), ids=lambda p: p.name)
def test_every_numbered_rule_has_a_test(spec: Path) -> None:
    rules = re.findall(r"^- \*\*([A-Z]\d+)\*\*", spec.read_text("utf-8"), re.MULTILINE)
    assert rules
    missing = [
        rule for rule in rules if not re.search(rf"(?<![A-Za-z0-9]){rule}(?![0-9])", TESTS, re.I)
    ]
    assert not missing


def test_lock_files_hold_no_addresses() -> None:
    for path in tracked():
        if path.suffix == ".lock" or path.name == "package-lock.json":
            text = path.read_text("utf-8")
            assert not re.search(
                r'"resolved"|--(extra-)?index-url|--find-links|@ (file|https?):', text
            )


def test_lock_files_pin_each_package_once() -> None:
    packages = [
        name
        for lock in ROOT.glob("requirements*.lock")
        for name in re.findall(r"^([a-z0-9-]+)==", lock.read_text("utf-8"), re.MULTILINE)
    ]
    assert packages
    assert sorted(set(packages)) == sorted(packages)


def test_import_contracts() -> None:
    done = subprocess.run(
        [Path(sys.executable).parent / "lint-imports"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_files_stay_short() -> None:
    long = {
        path.relative_to(ROOT).as_posix(): count
        for path in tracked()
        if path.suffix in (".py", ".ts", ".js")
        and (count := (text := path.read_text("utf-8")).count("\n")) > 400
        and "auto-generated" not in text[:200]
    }
    assert not long
