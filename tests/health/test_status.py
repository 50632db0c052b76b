"""The board as one document: what a person is told first, and how long the stick lasts."""

from __future__ import annotations

import itertools

from dashcamd.control import status

MIB = 1 << 20


def test_every_state_is_one_of_those_that_have_words():
    said = set()
    for camera, where, durable_at, fault, armed, is_full in itertools.product(
        (None, "lost", "delivering", "ended"), (None, "/stick"), (None, 9.0), (None, "x"),
        (True, False), (True, False),
    ):  # fmt: skip
        recording = {"part": "p", "durable_at": durable_at, "fault": fault, "armed": armed}
        board = {
            "camera": {"state": camera},
            "volume": {"where": where},
            "recording": {**recording, "is_full": is_full},
        }
        said.add(status.document(board, 10.0)["state"])
    assert said == set(status.STATES)


def test_the_stick_lasts_until_only_the_reserve_is_left():
    board = {
        "camera": {"state": "delivering", "video_bytes_per_s": MIB},
        "volume": {"where": "/stick", "free_bytes": 3600 * MIB + 512 * MIB},
        "recording": {"pulse": {"writes": 5}},
        "keep": {"reserve_bytes": 512 * MIB},
    }
    assert status.document(board, 10.0)["volume"]["health"]["hours_left"] == 1.0
    board["volume"]["free_bytes"] = 100 * MIB
    assert status.document(board, 10.0)["volume"]["health"]["hours_left"] == 0.0
