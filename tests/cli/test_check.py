"""What `dashcamd check` makes of a machine's memory, and of a stick's past."""

from __future__ import annotations

import json
from pathlib import Path
from unittest.mock import ANY

import pytest

from dashcamd.cli.check import fitness, fits
from dashcamd.config import Config, RecordingConfig
from dashcamd.core.proof import Proof
from dashcamd.core.pulse import Past
from dashcamd.storage.disk import PosixDisk
from dashcamd.storage.volume import MARKER, remembered


@pytest.mark.parametrize(
    ("ring", "boat", "machine", "todo"),
    [
        (64, 64, 328, ""),
        (64, 64, 327, "set [recording] lifeboat_mib to 63 or less"),
        (64, 256, 370, "set [recording] lifeboat_mib to 106 or less"),
        (128, 64, 300, "set [recording] lifeboat_mib to 0 or less and ring_mib to 100 or less"),
    ],
)
def test_ring_and_lifeboat_leave_the_system_its_memory(ring, boat, machine, todo):
    finding = fits(RecordingConfig(ring_mib=ring, lifeboat_mib=boat), machine)
    assert (finding.is_ok, finding.todo) == (todo == "", todo)


@pytest.mark.parametrize(
    ("past", "is_ok", "what", "todo"),
    [
        (None, True, "was never recorded to", ""),
        (Past(3 * 10**9), True, "took 3.0 GB, good", ""),
        (Past(0, 3, 7.0), True, "stalled 3 times, longest 7 s; memory bridges that", ""),
        (Past(0, 1, 900.0), False, "stalled once", "memory does not bridge that: replace it"),
        (Past(0, 3, 7.0, 2), False, "refused writes 2 times", "copy what matters, replace it"),
    ],
)
def test_the_health_of_a_stick_is_said(past, is_ok, what, todo):
    finding = fitness("/stick", past and (past, Proof()), Config(), 1000)
    assert (finding.is_ok, finding.todo) == (is_ok, todo)
    assert what in finding.what


@pytest.mark.parametrize(
    ("proof", "is_ok", "said"),
    [
        (Proof(9.8e6), True, "it writes 9.8 MB/s, the video needs 0.50"),
        (Proof(0.4e6), False, "it is too slow: it writes 0.4 MB/s"),
        (Proof(9.8e6, 0.0, 16, 1), False, "does not keep what it is given (1 of 16 pieces"),
    ],
)
def test_what_a_stick_was_proven_to_do_is_said(proof, is_ok, said):
    finding = fitness("/stick", (Past(), proof), Config(), 1000)
    assert finding.is_ok == is_ok
    assert said in finding.what + finding.todo


def test_check_reads_what_a_stick_is_remembered_by_and_writes_nothing(terminal, stick):
    marker = Path(stick, MARKER)
    known = json.loads(marker.read_text())
    marker.write_text(json.dumps({**known, "health": {"stalls": 2, "longest_stall_s": 4}}))
    before = {path: path.stat().st_mtime_ns for path in Path(stick).rglob("*")}
    report = terminal.json("check", "--camera", "synthetic:..", "--storage", stick, status=ANY)
    (found,) = [check for check in report["checks"] if check["name"] == "stick"]
    assert found["ok"]
    assert "stalled 2 times, longest 4 s" in found["what"]
    assert before == {path: path.stat().st_mtime_ns for path in Path(stick).rglob("*")}


def test_a_stick_that_says_nonsense_of_itself_is_only_unknown(tmp_path):
    disk = PosixDisk(str(tmp_path))
    assert remembered(disk) is None
    Path(tmp_path, "DASHCAM").mkdir()
    Path(tmp_path, MARKER).write_bytes(b"[1, 2")
    assert remembered(disk) is None
    Path(tmp_path, MARKER).write_text('{"id": "x", "health": {"errors": "many"}, "proof": []}')
    assert remembered(disk) == (Past(), Proof())
    disk.close()
