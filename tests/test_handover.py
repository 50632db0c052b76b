"""The four hand-overs: what they promise to both sides, against models and under two threads."""

from __future__ import annotations

import threading
from bisect import bisect_right

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashcamd.handover import READ_LIMIT, Board, Latest, Mailbox, Ring
from dashcamd.types import Frame


def frame(number, key=False, size=10):
    return Frame(float(number), key, b"%010d" % number + b"." * (size - 10))


def filled(pattern, capacity=10**6):
    ring = Ring(capacity)
    for number, letter in enumerate(pattern):
        ring.append(frame(number, letter == "k"))
    return ring


class NaiveRing:
    """What `Ring` promises, said with lists and without a thought for cost."""

    def __init__(self, capacity):
        self.capacity = capacity
        self.all = []
        self.tail = 0

    def append(self, one):
        self.all.append(one)
        while sum(len(f.data) for f in self.all[self.tail :]) > self.capacity:
            if self.tail == len(self.all) - 1:
                break
            self.tail += 1

    @property
    def keys(self):
        return [place for place in range(self.tail, len(self.all)) if self.all[place].key]

    def read(self, cursor, limit):
        start = min(max(cursor, self.tail), len(self.all))
        frames = self.all[start : start + limit]
        return frames, start + len(frames), max(0, start - cursor)

    def cursor_before(self, ts):
        if not self.keys:
            return len(self.all)
        early = [place for place in self.keys if self.all[place].ts <= ts]
        return early[-1] if early else self.keys[0]

    def cursor_after(self, ts):
        stamps = [one.ts for one in self.all[self.tail :]]
        return self.tail + bisect_right(stamps, ts)

    def keyframe_before(self, cursor):
        early = [place for place in self.keys if place <= cursor]
        return early[-1] if early else None


@given(
    st.lists(st.tuples(st.booleans(), st.integers(10, 60)), max_size=300),
    st.integers(1, 2000),
    st.data(),
)
def test_ring_does_what_a_naive_one_does(shapes, capacity, data):
    ring, naive = Ring(capacity), NaiveRing(capacity)
    for number, (key, size) in enumerate(shapes):
        for one in (ring, naive):
            one.append(frame(number, key, size))
    cursor = data.draw(st.integers(0, len(shapes) + 3), label="cursor")
    limit = data.draw(st.integers(0, 300), label="limit")
    ts = data.draw(st.floats(-1, len(shapes) + 1), label="ts")
    assert ring.read(cursor, limit) == naive.read(cursor, limit)
    assert ring.cursor_before(ts) == naive.cursor_before(ts)
    assert ring.cursor_after(ts) == naive.cursor_after(ts)
    assert ring.keyframe_before(cursor) == naive.keyframe_before(cursor)
    held = naive.all[naive.tail :]
    assert ring.stats[:4] == (
        len(held),
        sum(len(one.data) for one in held),
        len(shapes),
        naive.tail,
    )
    assert ring.stats.span_s == (held[-1].ts - held[0].ts if held else 0.0)
    assert ring.newest_ts == (held[-1].ts if held else None)
    assert ring.head == len(shapes)


@given(
    st.lists(
        st.one_of(
            st.tuples(st.booleans(), st.integers(10, 60)),
            st.integers(1, 3000),
            st.tuples(st.just("read"), st.integers(1, 40)),
        ),
        max_size=300,
    ),
    st.integers(1, 500),
)
def test_a_ring_that_grows_while_it_is_read_does_what_a_naive_one_does(script, capacity):
    """A script of frames, new capacities, and reads of somebody who holds a cursor."""
    ring, naive = Ring(capacity), NaiveRing(capacity)
    cursor, count, lost, seen = 0, 0, 0, []
    for act in script:
        if isinstance(act, int):
            ring.grow(act)
            naive.capacity = max(naive.capacity, act)
        elif act[0] == "read":
            read = ring.read(cursor, act[1])
            assert read == naive.read(cursor, act[1])
            cursor, lost, seen = read.cursor, lost + read.lost, seen + read.frames
        else:
            for one in (ring, naive):
                one.append(frame(count, *act))
            count += 1
        assert ring.capacity_bytes == naive.capacity
        assert ring.stats.bytes == sum(len(one.data) for one in naive.all[naive.tail :])
        assert ring.keyframe_before(cursor) == naive.keyframe_before(cursor)
    rest = ring.read(cursor, count)
    assert len(seen) + len(rest.frames) + lost + rest.lost == count


def test_a_ring_that_has_grown_drops_nothing_until_it_is_full_again():
    ring = filled("kppp" * 10, capacity=100)
    ring.grow(150)
    ring.grow(120)
    for number in range(40, 45):
        ring.append(frame(number))
    assert ring.read(0).frames == [frame(n, n < 40 and n % 4 == 0) for n in range(30, 45)]


def test_the_videos_rate_is_known_once_enough_is_held():
    assert filled("kpp").stats.bytes_per_s == 0.0, "two seconds tell little"
    assert filled("k" + "p" * 10).stats.bytes_per_s == 11.0
    assert filled("kpppp", capacity=20).stats.bytes_per_s == 20.0, "it will never hold more"


def test_ring_never_holds_more_than_its_bytes_but_always_the_newest_frame():
    ring = Ring(100)
    for number in range(1000):
        ring.append(frame(number, number % 5 == 0, 30))
        assert ring.stats.bytes <= 100
    ring.append(frame(1000, True, 5000))
    assert ring.read(0).frames == [frame(1000, True, 5000)]


def test_a_cursor_stays_valid_for_ever_and_says_what_it_missed():
    ring = filled("kpppp" * 200, capacity=100)
    first = ring.read(0)
    assert (first.lost, first.frames[0]) == (990, frame(990, True))
    assert ring.read(first.cursor) == ([], 1000, 0)
    ring.append(frame(1000, True))
    assert ring.read(first.cursor).frames == [frame(1000, True)]


def test_a_cursor_from_the_future_waits_at_the_head():
    ring = filled("kpp")
    assert ring.read(99) == ([], 3, 0)


def test_frames_are_references_not_copies():
    one = frame(1, True)
    ring = Ring(1000)
    ring.append(one)
    assert ring.read(0).frames[0] is one


def test_one_read_is_bounded():
    ring = filled("k" + "p" * 999)
    assert len(ring.read(0).frames) == READ_LIMIT


class Counting:
    """Counts how often a slot is looked at, in the place of the ring's own list."""

    def __init__(self, slots):
        self.slots, self.touched = slots, 0

    def __len__(self):
        return len(self.slots)

    def __getitem__(self, place):
        self.touched += 1
        return self.slots[place]

    def __setitem__(self, place, value):
        self.touched += 1
        self.slots[place] = value


@pytest.mark.parametrize("seconds", [60, 3600])
def test_cost_does_not_grow_with_what_is_held(seconds):
    fps = 30
    ring = filled("k" + "p" * (fps - 1), capacity=10 * fps * seconds)
    for number in range(fps, fps * seconds):
        ring.append(frame(number, number % fps == 0))
    ring._slots = counting = Counting(ring._slots)
    ring.append(frame(fps * seconds, True))
    assert counting.touched <= 3
    counting.touched = 0
    ring.read(ring.head - 10, 5)
    assert counting.touched == 5
    counting.touched = 0
    ring.cursor_after(fps * seconds / 2)
    assert counting.touched <= 20
    assert len(ring._keys) <= 2 * seconds + 66


def test_one_writer_and_a_slow_reader_lose_and_double_nothing_unsaid():
    ring = Ring(40 * 10)
    total, seen, lost = 20_000, [], 0
    start = threading.Event()

    def write():
        start.wait(5)
        for number in range(total):
            ring.append(frame(number, number % 7 == 0))

    writer = threading.Thread(target=write)
    writer.start()
    start.set()
    cursor = turns = 0
    while cursor < total:
        read = ring.read(cursor, limit=1 + turns % 50)
        assert read.cursor == cursor + read.lost + len(read.frames)
        cursor, turns = read.cursor, turns + 1
        lost += read.lost
        seen += [int(one.ts) for one in read.frames]
        if turns % 100 == 0:
            ring.cursor_before(cursor - 5)
            ring.stats  # noqa: B018 - a third party that looks while both are busy
    writer.join()
    assert len(seen) + lost == total
    assert seen == sorted(set(seen))


def test_latest_gives_the_newest_and_counts_every_put():
    latest = Latest()
    assert latest.peek() == (0, None)
    latest.put("a")
    latest.put("b")
    assert latest.peek() == (2, "b")
    assert latest.peek() == (2, "b")


def test_mailbox_keeps_order_and_wakes():
    box = Mailbox(10)
    assert not box.wake.is_set()
    for letter in "abc":
        box.put(letter)
    assert box.wake.is_set()
    assert box.drain() == ["a", "b", "c"]
    assert box.drain() == []


def test_a_full_mailbox_drops_the_oldest_and_counts_it():
    box = Mailbox(3)
    for letter in "abcde":
        box.put(letter)
    assert (box.drain(), box.dropped) == (["c", "d", "e"], 2)


def test_a_full_mailbox_keeps_what_must_not_go_as_long_as_it_can():
    box = Mailbox(3, may_go=str.islower)
    for letter in "AbcBd":
        box.put(letter)
    assert (box.drain(), box.dropped) == (["A", "B", "d"], 2)
    for letter in "ABCDe":
        box.put(letter)
    assert (box.drain(), box.dropped) == (["B", "C", "D"], 4)


def test_messages_that_fold_take_one_place():
    box = Mailbox(3, lambda old, new: old + new if old != "x" and new != "x" else None)
    for message in (1, 2, 3, "x", 4, 5):
        box.put(message)
    assert (box.drain(), box.dropped) == ([6, "x", 9], 0)


@given(st.lists(st.one_of(st.integers(0, 9), st.sampled_from("xyz"), st.none()), max_size=60))
def test_folding_loses_no_message(script):
    """A script of messages, None where the reader takes what there is."""
    box = Mailbox(1000, lambda old, new: old + new if isinstance(old, tuple) else None)
    taken = []
    for message in script:
        if message is None:
            taken += box.drain()
        else:
            box.put((message,))
    taken += box.drain()
    assert [part for message in taken for part in message] == [m for m in script if m is not None]
    assert box.dropped == 0


def test_many_writers_and_one_reader_lose_nothing():
    box = Mailbox(10**6)
    writers = [
        threading.Thread(target=lambda who=who: [box.put((who, n)) for n in range(2000)])
        for who in range(3)
    ]
    for writer in writers:
        writer.start()
    got = []
    while any(writer.is_alive() for writer in writers):
        got += box.drain()
    for writer in writers:
        writer.join()
    got += box.drain()
    for who in range(3):
        assert [n for sender, n in got if sender == who] == list(range(2000))


def test_a_snapshot_never_changes_after_it_was_taken():
    board = Board()
    board.post("camera", {"fps": 25})
    before = board.snapshot()
    board.post("camera", {"fps": 30})
    board.post("volume", {"where": "/stick"})
    assert before == {"camera": {"fps": 25}}
    assert board.snapshot() == {"camera": {"fps": 30}, "volume": {"where": "/stick"}}


def test_listeners_hear_of_every_change_and_may_look_at_once():
    board, heard = Board(), []
    board.subscribe(lambda: heard.append(dict(board.snapshot())))
    board.post("a", {"n": 1})
    board.subscribe(lambda: board.post("b", {}) if "b" not in board.snapshot() else None)
    board.post("a", {"n": 2})
    assert heard[0] == {"a": {"n": 1}}
    assert heard[-1] == {"a": {"n": 2}, "b": {}}
