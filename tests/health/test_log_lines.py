"""What the page shows of the log."""

from __future__ import annotations

import itertools
import logging

import pytest

from dashcamd.health.log_lines import LINES, TEXT_LIMIT, LogLines


@pytest.fixture
def kept():
    handler = LogLines(itertools.count(1).__next__)
    logger = logging.getLogger("dashcamd.services.volumes")
    logger.addHandler(handler)
    before = logger.level
    logger.setLevel(logging.DEBUG)
    yield handler
    logger.setLevel(before)
    logger.removeHandler(handler)


log = logging.getLogger("dashcamd.services.volumes")


def texts(kept):
    return [line.text for line in kept.lines.peek()[1]]


def test_lines_are_kept_in_order_with_who_said_them(kept):
    log.info("a stick of %d GB", 64)
    log.warning("it is slow")
    assert kept.lines.peek()[1] == (
        (1, "info", "services.volumes", "a stick of 64 GB", 1),
        (2, "warning", "services.volumes", "it is slow", 1),
    )


def test_chatter_does_not_push_out_warnings_and_both_have_a_bound(kept):
    log.warning("this one matters")
    for number in range(3 * LINES):
        log.info("chatter %d", number)
    assert texts(kept)[0] == "this one matters"
    assert len(texts(kept)) == LINES + 1
    for number in range(3 * LINES):
        log.error("trouble %d", number)
    assert len(texts(kept)) == 2 * LINES


def test_a_line_that_is_said_again_and_again_is_one(kept):
    for _ in range(5):
        log.warning("no camera")
        log.info("trying")
    lines = kept.lines.peek()[1]
    assert [(line.text, line.times, line.at) for line in lines] == [
        ("no camera", 5, 9),
        ("trying", 5, 10),
    ]


def test_details_for_developers_are_left_out(kept):
    log.debug("bytes")
    assert kept.lines.peek()[1] is None


def test_a_line_is_one_short_line_whatever_it_was(kept):
    log.info("two\nlines\x1b[31m of a stick called \u202e")
    log.info("x" * 5000)
    wrong = {"levelno": logging.INFO, "msg": "%d", "args": ("no number",)}
    kept.emit(logging.makeLogRecord({**wrong, "name": "x"}))
    try:
        raise ValueError("the reason")
    except ValueError:
        log.exception("it failed")
    first, long, wrong, failed = texts(kept)
    assert first == "two lines [31m of a stick called  "
    assert len(long) == TEXT_LIMIT
    assert wrong == "%d"
    assert failed == "it failed: ValueError('the reason')"
