"""The repository's own rules."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
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


def test_what_is_imported_is_installed() -> None:
    """`make serve` installs the dependencies alone; benchmarks and corpora may need their extra."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    packages = packages_distributions()
    missing = {}
    for path in sorted((ROOT / "src" / "pcpu").rglob("*.py")):
        declared = set(project["dependencies"])
        for extra in {"bench", "corpus"}.intersection(path.parts):
            declared.update(project["optional-dependencies"][extra])
        installed = {re.split("[<>=;]", each)[0] for each in declared} | {"pcpu"}
        for module in imported_when_run(path):
            names = {name.removesuffix("-binaries") for name in packages.get(module, ())}
            if names and not names & installed:
                missing[path.name] = module
    assert not missing


def imported_when_run(path: Path) -> Iterator[str]:
    waiting: list[ast.AST] = [ast.parse(path.read_text("utf-8"))]
    while waiting:
        match waiting.pop():
            case ast.If(test=ast.Name(id="TYPE_CHECKING")):
                pass
            case ast.Import(names=names):
                yield from (each.name.split(".")[0] for each in names)
            case ast.ImportFrom(module=str(module)):
                yield module.split(".")[0]
            case node:
                waiting += ast.iter_child_nodes(node)


def test_files_stay_short() -> None:
    long = {
        path.relative_to(ROOT).as_posix(): count
        for path in tracked()
        if path.suffix in (".py", ".ts", ".js")
        and (count := (text := path.read_text("utf-8")).count("\n")) > 400
        and "auto-generated" not in text[:200]
    }
    assert not long


def test_the_table_of_modules_names_what_is_there() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    package = ROOT / "src" / "pcpu"
    there = [path.relative_to(package).as_posix() for path in package.rglob("*.py")]
    named = re.findall(r"`(?!tests/)([a-z][\w/]*\.py)`", text)
    assert not [
        name for name in named if not any(f"/{path}".endswith(f"/{name}") for path in there)
    ]
    packages = [
        path.removesuffix("/__init__.py").rpartition("/")[2]
        for path in there
        if "/__init__" in path
    ]
    modules = [path for path in there if "/" not in path and not path.startswith("__")]
    assert not [name for name in packages if f"{name}/" not in text]
    assert not [name for name in modules if name not in text]
