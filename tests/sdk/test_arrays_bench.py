"""The benchmark of large arrays: its rows agree, and it can be told what to do."""

from __future__ import annotations

import json
import tomllib

import pytest

from pcpu.bench import array_peers, arrays
from pcpu.bench.definition import ROOT
from pcpu.errors import EngineError

CASES = tomllib.loads((ROOT / "arrays.toml").read_text("utf-8"))["case"]


def test_every_case(capsys: pytest.CaptureFixture[str]) -> None:
    assert arrays.main(["--size", "1 MiB", "--rounds", "2", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["size"] == 1 << 20
    assert all(len(row["seconds"]) == 2 for row in record["rows"])
    titles = [array_peers.find(peer).title for case in CASES for peer in case["peers"]]
    assert [r["title"] for r in record["rows"] if not r["title"].startswith("pCPU")] == titles
    assert len(record["rows"]) == len(titles) + 2 * len(CASES)


def test_one_case_as_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert arrays.main(["--size", "64 KiB", "--rounds", "1", "--only", "min"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[2:]] == ["min"] * 3
    assert lines[2].endswith("1.00x")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--only", "nothing"], "no case is called 'nothing'; known: xor, add, lut"),
        (["--size", "many"], "'many' is not a size such as '64 KiB'"),
    ],
)
def test_misuse(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert arrays.main(arguments) == 2
    assert message in capsys.readouterr().err


def test_rows_that_disagree(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = array_peers.Peer("wrong", lambda data, array, operand: 1)
    monkeypatch.setitem(array_peers.PEERS, "wrong", wrong)
    case = {"name": "max", "program": "max", "peers": ["wrong"]}
    with pytest.raises(EngineError, match="max: wrong and pCPU disagree"):
        arrays.measure(case, bytes(100), 1, [1])
