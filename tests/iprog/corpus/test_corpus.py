"""Corpora: what is planned, kept, noticed and reported. Workers run in this process."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import distributed
import fastparquet
import pytest

from pcpu.errors import UsageError
from pcpu.iprog.apply import Reader
from pcpu.iprog.bank.store import Bank
from pcpu.iprog.corpus import cluster, journal, page, work
from pcpu.iprog.corpus import run as runs
from pcpu.iprog.corpus.jobs import Job, Outcome, Setting, Summary, list_jobs
from pcpu.iprog.corpus.run import run
from tests.iprog.bank.test_bank import versions


@contextmanager
def within(scheduler: str | None, workers: int | None) -> Iterator[Any]:
    with (
        distributed.LocalCluster(
            n_workers=1, threads_per_worker=2, processes=False, dashboard_address=None
        ) as local,
        distributed.Client(local) as client,
    ):
        yield client


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A bank of three blobs, and a corpus of four files, one of them in a folder."""
    monkeypatch.setattr(cluster, "connected", within)
    bank = Bank.made(str(tmp_path / "bank"))
    (tmp_path / "new/inner").mkdir(parents=True)
    for n in range(3):
        old, new = versions(60 + n, 2, 9000)
        (tmp_path / f"old-{n}").write_bytes(old)
        bank.add(str(tmp_path / f"old-{n}"), f"old-{n}")
        (tmp_path / "new" / ("inner/2" if n == 2 else str(n))).write_bytes(new)
    (tmp_path / "new/empty").write_bytes(b"")
    return tmp_path


def go(folder: Path, **more: Any) -> Summary:
    return run(str(folder / "new"), str(folder / "bank"), str(folder / "out"), **more)


def test_all_files_are_planned(folder: Path) -> None:
    seen: list[tuple[int, int]] = []
    summary = go(folder, advance=lambda path, done, count: seen.append((done, count)))
    assert [o.path for o in summary.outcomes] == ["0", "1", "empty", "inner/2"]
    assert [o.blob for o in summary.outcomes] == ["old-0", "old-1", "", "old-2"]
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]
    for outcome in summary.outcomes:
        plan = (folder / f"out/plans/{outcome.path}.iprog").read_bytes()
        blobs = [(folder / outcome.blob).read_bytes()] if outcome.blob else []
        file = (folder / "new" / outcome.path).read_bytes()
        assert Reader(plan, blobs).rebuild() == file
        assert (outcome.size, outcome.plan_size) == (len(file), len(plan))
        assert outcome.plan_sha256 == hashlib.sha256(plan).hexdigest()
    told = summary.to_json()
    assert (told["files"], told["planned"], told["kept"], told["failed"]) == (4, 4, 0, 0)
    assert told["bytes"] == sum(o.size for o in summary.outcomes)


def test_what_is_done_is_not_done_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = go(folder)
    monkeypatch.setattr(cluster, "outcomes", None)  # nothing is left to do
    again = go(folder)
    assert again.kept == 4
    assert again.outcomes == first.outcomes


@pytest.mark.parametrize("change", ["file", "size", "plan", "no plan", "bank", "version", "mode"])
def test_changes_are_noticed(folder: Path, change: str, monkeypatch: pytest.MonkeyPatch) -> None:
    go(folder)
    file, plan = folder / "new/0", folder / "out/plans/0.iprog"
    redone, more = 1, {}
    if change == "file":
        file.write_bytes(file.read_bytes()[::-1])
    elif change == "size":
        file.write_bytes(file.read_bytes() + b"x")
    elif change == "plan":
        plan.write_bytes(plan.read_bytes()[:-1] + b"x")
    elif change == "no plan":
        plan.unlink()
    else:
        redone = 4
        if change == "bank":
            Bank(str(folder / "bank")).add(str(file), "itself")
        elif change == "version":
            monkeypatch.setattr("pcpu.iprog.corpus.jobs.version", lambda name: "9.9")
        else:
            more = {"mode": "instant"}
    assert go(folder, **more).kept == 4 - redone
    assert go(folder, **more).kept == 4


def test_a_run_that_was_cut_off_goes_on(folder: Path) -> None:
    go(folder)
    path = folder / "out/journal.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    assert len(lines) == 4
    path.write_bytes(lines[0] + lines[1] + lines[2][:40])
    assert go(folder).kept == 2
    assert go(folder).kept == 4
    path.write_bytes(
        b"[]\n{}\nnull\n" + b"[" * 100_000 + b"\n" + lines[0].replace(b'"size": ', b'"size": "x')
    )
    assert journal.read(path) == {}


def test_a_file_that_fails_is_reported_and_tried_again(folder: Path) -> None:
    (folder / "out/plans/0.iprog").mkdir(parents=True)
    summary = go(folder)
    assert len(summary.planned) == 3
    (failed,) = summary.failed
    assert failed.path == "0"
    assert failed.error.endswith("out/plans/0.iprog is a directory")
    assert summary.to_json()["failed"] == 1
    assert "0.iprog is a directory" in (folder / "out/report.html").read_text()
    (folder / "out/plans/0.iprog").rmdir()
    again = go(folder)
    assert (again.kept, again.failed) == (3, [])


def test_a_file_that_takes_too_much_memory_is_skipped(folder: Path) -> None:
    bank = Bank(str(folder / "bank"))
    setting = Setting.of(
        str(folder / "new"), str(folder / "bank"), str(folder / "out"), "small", bank.entries()
    )
    outcome = work.work(setting, Job("0", 1), memory=50_000)
    assert "MiB of memory, and a worker has 0; use fewer workers" in outcome.error
    assert not (folder / "out/plans/0.iprog").exists()
    assert work.work(setting, Job("0", 1), memory=1 << 30).error == ""


def flaky(setting: Any, job: Job, memory: int | None) -> Outcome:
    """Goes well the third time, but for job 1."""
    mark = Path(setting.out, f"tries-{job.path.replace('/', '-')}")
    tries = len(mark.read_bytes()) if mark.exists() else 0
    mark.write_bytes(b"x" * (tries + 1))
    if tries < 2 or job.path == "1":
        raise OSError("the disk is away")
    return work.work(setting, job, memory)


def test_errors_of_the_system_lead_to_another_try(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "work", flaky)
    summary = go(folder)
    assert [(o.path, o.error) for o in summary.failed] == [("1", "OSError: the disk is away")]
    assert (folder / "out/tries-1").read_bytes() == b"xxx"
    assert len(summary.planned) == 3


def test_the_table(folder: Path) -> None:
    (folder / "out/plans/1.iprog").mkdir(parents=True)
    summary = go(folder)
    table = fastparquet.ParquetFile(str(folder / "out/results.parquet")).to_pandas()
    assert table["path"].tolist() == ["0", "1", "empty", "inner/2"]
    assert table["status"].tolist() == ["planned", "failed", "planned", "planned"]
    assert table["plan_size"].tolist() == [o.plan_size for o in summary.outcomes]
    assert table["blob"].tolist() == ["old-0", "", "", "old-2"]
    assert table["ratio"][0] == summary.outcomes[0].size / summary.outcomes[0].plan_size
    assert "made_by" not in table.columns


def test_the_page_holds_all_and_nothing_from_outside() -> None:
    outcomes = (
        Outcome("<b>&.bin", 1000, "x", plan_size=10, blob="<i>", shared=0.5),
        Outcome("bad\udcff", 5, "x", error="<no> & \udcff"),
    )
    html = page.render(Summary(outcomes, 0, 1.5), "a<b", "c&d")
    assert "&lt;b&gt;&amp;.bin" in html
    assert "&lt;no&gt; &amp; ?" in html
    assert "<b>&" not in html
    assert "<i>" not in html
    assert "://" not in html
    assert "100 : 1" in html
    html.encode()
    assert "0 failed" not in page.render(Summary((), 0, 0), "a", "b")


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1 kB"),
        (999_600, "1 MB"),
        (12_345_678, "12.3 MB"),
        (5e15, "5e+03 TB"),
    ],
)
def test_numbers_of_bytes(count: float, text: str) -> None:
    assert page.bytes_text(count) == text


def test_listing(tmp_path: Path) -> None:
    for name in ("b/x", "a", "out/plans/a.iprog", "bank/bank.json"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"12345")
    (tmp_path / "broken").symlink_to(tmp_path / "nothing")
    found = list_jobs(str(tmp_path), (str(tmp_path / "out"), str(tmp_path / "bank")))
    assert found == [Job("a", 5), Job("b/x", 5)]
    with pytest.raises(UsageError, match="the folder has no files"):
        list_jobs(str(tmp_path / "out"), (str(tmp_path / "out/plans"),))
    with pytest.raises(UsageError, match="there is no such folder"):
        list_jobs(str(tmp_path / "a"), ())


def test_plans_that_would_lie_where_folders_are(tmp_path: Path) -> None:
    (tmp_path / "in/x.iprog").mkdir(parents=True)
    (tmp_path / "in/x.iprog/y").write_bytes(b"")
    assert len(list_jobs(str(tmp_path), ())) == 1
    (tmp_path / "in/x").write_bytes(b"")
    with pytest.raises(UsageError) as raised:
        list_jobs(str(tmp_path), ())
    assert str(raised.value) == (
        f"--corpus {tmp_path}: the plan of in/x would be called in/x.iprog, as the folder of "
        "in/x.iprog/y is; rename one of them"
    )


@pytest.mark.parametrize("path", ["0.iprog/y", "0.iprog/y/z"])
def test_a_plan_of_a_run_before_that_is_in_the_way(folder: Path, path: str) -> None:
    assert go(folder).failed == []
    (folder / "new/0").unlink()
    (folder / "new" / path).parent.mkdir(parents=True)
    (folder / "new" / path).write_bytes(b"")
    failed = {outcome.path: outcome.error for outcome in go(folder).failed}
    there = folder / "out/plans/0.iprog"
    assert failed == {path: f"{there}, of a run before, is in the way of a folder; remove it"}
    there.unlink()
    assert go(folder).failed == []


def test_without_the_extra(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "find_spec", lambda name: None if name == "distributed" else name)
    with pytest.raises(UsageError, match="--corpus needs distributed; run 'make setup'"):
        go(folder)
    assert not (folder / "out").exists()
