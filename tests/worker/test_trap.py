"""H9 and H10 where the code traps: `boom` of fixture.wat does at a byte that equals its immediate."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.worker.server import OCTETS, Server, problem


@pytest.fixture
def trapping(trapping_bundle: Path) -> Iterator[Server]:
    with Server(trapping_bundle) as server:
        yield server


def works(server: Server) -> bool:
    answer = server.json({"data": "123456789", "program": "crc32c | xor 0"}).json()
    return bool(answer["results"] == {"crc32c": "0xe3069283"})


def test_a_trap_is_a_problem_and_the_next_request_works(trapping: Server) -> None:
    for _ in range(3):
        for answer in (
            trapping.json({"data": "abc", "program": "xor 0 | boom 0x62"}),
            trapping.octets("boom:0x62", b"abc"),
            trapping.octets("boom:0x62", b"abc", want="results"),
        ):
            assert (answer.status_code, problem(answer)["code"]) == (500, "trap")
            assert works(trapping)
    assert trapping.output().count("trap: ") == 9


@pytest.mark.parametrize("want", ["data", "both"])
def test_h10_a_trap_in_mid_stream_breaks_off(trapping: Server, want: str) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        trapping.octets("boom:0x62", bytes(1_000_000) + b"b", want=want)
    assert works(trapping)


def test_a_stream_survives_the_trap_of_another(trapping: Server) -> None:
    """Its state is a number of its own, so the new instance goes on with it."""

    def body() -> Iterator[bytes]:
        for index in range(4):
            yield bytes([index]) * 300_000
            time.sleep(0.05)
            assert trapping.octets("boom:0", b"\0").status_code == 500

    answer = trapping.client.post(
        "/v1/pipeline?program=crc32c", content=body(), headers={"content-type": OCTETS}
    )
    whole = b"".join(bytes([index]) * 300_000 for index in range(4))
    assert answer.json()["results"] == trapping.octets("crc32c", whole).json()["results"]


def test_h5_scalar_code_is_called_scalar(trapping: Server) -> None:
    answer = trapping.json({"data": "a", "program": "xor 1 | crc32c"}).json()
    assert [op["vectorized"] for op in answer["ops"]] == [False, False]
    assert answer["vectorized"] is False
