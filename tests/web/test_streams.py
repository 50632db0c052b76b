"""Preview, HD and news, driven by hand: what a client gets when it is fast, slow or stalled."""

from __future__ import annotations

import asyncio
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashcamd.storage.mp4_boxes import fragment_header
from dashcamd.storage.mp4_parse import read_box
from dashcamd.testing import stream
from dashcamd.types import Frame, Jpeg
from dashcamd.web.live import PENDING_LIMIT, Live, Muxer, codec_of, header_of_one
from tests.web.house import Stage

from dashcamd.web.mjpeg import PER_SESSION, Preview  # isort: skip
from dashcamd.web.news import News  # isort: skip
from tornado.iostream import IOStream  # isort: skip
from dashcamd.web.outlet import Outlet  # isort: skip


class Client:
    """An outlet whose owner decides when it drains."""

    def __init__(self, session="a", is_slow=False):
        self.session, self.is_slow = session, is_slow
        self.is_free, self.got, self.is_open, self.stalled = True, [], True, False
        self.on_free = self.on_gone = lambda: None

    def send(self, data, tail=0):
        assert self.is_free, "written to while busy: that queues without a bound"
        self.got.append(data)
        self.is_free = not self.is_slow

    def drain(self):
        self.is_free = True
        self.on_free()

    def must_go(self):
        return self.stalled

    def close(self):
        if self.is_open:
            self.is_open = False
            self.on_gone()


def on_loop(scenario):
    async def run():
        scenario()

    asyncio.run(run())


class Show:
    def __init__(self):
        self.stage = Stage()
        self.preview = Preview(self.stage.rooms())

    def picture(self, number, after=0.1):
        self.stage.now += after
        self.stage.previews.put(Jpeg(self.stage.now, b"<%d>" % number))
        self.preview.tick()

    def close(self):
        self.preview.close()


def numbers(client):
    return [int(piece[1 : piece.index(b">")]) for piece in client.got if piece.startswith(b"<")]


def test_pictures_are_made_only_while_somebody_watches():
    def scenario():
        show, one, two = Show(), Client(), Client("b")
        assert not show.preview.is_watched
        show.preview.add(one, 5)
        show.preview.add(two, 15)
        two.close()
        one.close()
        assert show.stage.watched == [5, 15, 5, 0]
        assert not show.preview.is_watched
        show.close()

    on_loop(scenario)


def test_a_slow_client_gets_the_latest_picture_and_never_a_queue():
    def scenario():
        show, fast, slow = Show(), Client(), Client("b", is_slow=True)
        show.preview.add(fast, 30)
        show.preview.add(slow, 30)
        for number in range(1, 11):
            show.picture(number)
            if number == 7:
                slow.drain()
        assert numbers(fast) == list(range(1, 11))
        assert numbers(slow) == [1, 7]
        slow.drain()
        assert numbers(slow) == [1, 7, 10]
        show.close()

    on_loop(scenario)


def test_how_far_a_client_is_behind_is_its_links_part_of_the_age():
    def scenario():
        show, slow = Show(), Client(is_slow=True)
        assert show.preview.behind_s("a") is None
        show.preview.add(slow, 30)
        for number in range(4):
            show.picture(number, after=0.5)
        show.stage.now += 0.25
        assert show.preview.age_s("a") == 1.75
        assert show.preview.behind_s("a") == 1.5
        show.close()

    on_loop(scenario)


def test_the_next_headers_follow_each_picture_at_once():
    def scenario():
        show, client = Show(), Client()
        show.preview.add(client, 30)
        show.picture(1)
        assert client.got == [b"<1>\r\n--frame\r\nContent-Type: image/jpeg\r\n\r\n"]
        show.close()

    on_loop(scenario)


def test_each_client_gets_no_more_than_it_asked_for():
    def scenario():
        show, client = Show(), Client()
        show.preview.add(client, 2)
        for number in range(40):
            show.picture(number)
        assert 7 <= len(client.got) <= 9
        show.close()

    on_loop(scenario)


def test_a_stalled_client_is_dropped():
    def scenario():
        show, client, other = Show(), Client(), Client("b")
        show.preview.add(client, 10)
        show.preview.add(other, 10)
        client.stalled = True
        show.preview._sweep()
        assert [client.is_open, other.is_open] == [False, True]
        show.close()

    on_loop(scenario)


def test_a_newer_stream_of_the_same_phone_replaces_the_oldest():
    def scenario():
        show = Show()
        clients = [Client() for _ in range(PER_SESSION + 2)]
        other = Client("b")
        for client in (other, *clients):
            show.preview.add(client, 10)
        assert [client.is_open for client in clients] == [False, False, True, True]
        assert other.is_open
        show.close()

    on_loop(scenario)


def test_without_a_picture_a_drawn_one_says_why_and_the_age_is_none():
    def scenario():
        show, client = Show(), Client()
        show.preview.add(client, 10)
        show.picture(1)
        assert show.preview.age_s("a") == 0
        show.stage.now += 2
        assert show.preview.age_s("a") == 2
        show.preview._sweep()
        assert len(client.got) == 1
        show.stage.now += 1
        show.stage.board.post("camera", {"state": "lost", "fault": "cable"})
        show.preview._sweep()
        assert client.got[1].startswith(b"\xff\xd8")
        assert show.preview.age_s("a") is None
        show.picture(2)
        assert numbers(client) == [1, 2]
        show.close()

    on_loop(scenario)


def test_pictures_that_come_late_are_shown_with_their_age():
    """A machine that is too slow delivers what its camera took a while ago."""

    def scenario():
        show, client = Show(), Client()
        show.preview.add(client, 10)
        for number in range(1, 4):
            show.stage.now += 0.5
            show.stage.previews.put(Jpeg(show.stage.now - 20, b"<%d>" % number))
            show.preview.tick()
            show.preview._sweep()
        assert numbers(client) == [1, 2, 3]
        assert (show.preview.age_s("a"), show.preview.behind_s("a")) == (20, 0)
        late = Client("b")
        show.preview.add(late, 10)
        assert numbers(late) == [3]
        show.stage.now += 3
        show.preview._sweep()
        assert client.got[-1].startswith(b"\xff\xd8"), "now none comes any more"
        show.close()

    on_loop(scenario)


def pieces(data):
    """Kinds and bodies of the boxes in a stream."""

    class Bytes:
        size = len(data)

        def read(self, offset, size):
            return data[offset : offset + size]

    offset, found = 0, []
    while offset < len(data):
        box = read_box(Bytes(), offset)
        found.append(box.kind.decode())
        offset = box.end
    return found


class Studio:
    def __init__(self):
        self.stage = Stage()
        self.live = Live(self.stage.ring)
        self.frames = iter(stream("kppp" * 60, pad_bytes=4000))

    def film(self, count):
        for _ in range(count):
            self.stage.ring.append(next(self.frames))
        self.live.tick()

    def open(self, client):
        assert self.live.codec() == "avc1.42c00a"
        self.live.add(client)


def test_who_joins_hd_takes_no_frame_from_who_watches():
    def scenario():
        studio, first, second = Studio(), Client(), Client("b")
        studio.film(4)
        studio.open(first)
        studio.stage.ring.append(next(studio.frames))  # the word of it is still on the way
        studio.open(second)
        assert pieces(b"".join(first.got)).count("moof") == 5
        studio.film(3)
        assert pieces(b"".join(first.got)).count("moof") == 8
        assert pieces(b"".join(second.got)).count("moof") == 4, "from the newest keyframe on"
        studio.live.close()

    on_loop(scenario)


def test_hd_begins_at_the_newest_keyframe_with_the_opening():
    def scenario():
        studio, client = Studio(), Client()
        studio.film(10)
        studio.open(client)
        assert pieces(b"".join(client.got)) == ["ftyp", "free", "moov"] + ["moof", "mdat"] * 2
        studio.film(3)
        assert pieces(client.got[-1]) == ["moof", "mdat"] * 3
        studio.live.close()

    on_loop(scenario)


def test_fragments_are_made_once_for_all_viewers():
    def scenario():
        studio, one, two = Studio(), Client(), Client("b")
        studio.film(4)
        studio.open(one)
        studio.open(two)
        studio.film(4)
        assert one.got[-1] == two.got[-1]
        studio.live.close()

    on_loop(scenario)


def test_a_viewer_that_cannot_keep_up_skips_to_a_keyframe_and_the_others_do_not_notice():
    def scenario():
        studio, fast, slow = Studio(), Client(), Client("b", is_slow=True)
        studio.film(4)
        studio.open(fast)
        studio.open(slow)
        held = 0
        for _ in range(200):
            studio.film(1)
            held = max(held, studio.live._viewers[1].pending)
        assert held < PENDING_LIMIT + 10_000
        before = len(slow.got)
        slow.drain()
        assert pieces(slow.got[before])[:2] == ["moof", "mdat"]
        assert slow.got[before][slow.got[before].index(b"trun") + 24 :][:4] != b""
        assert pieces(b"".join(fast.got)).count("moof") == 204
        studio.live.close()

    on_loop(scenario)


def test_nothing_is_muxed_while_nobody_watches():
    def scenario():
        studio, client = Studio(), Client()
        studio.film(4)
        assert not studio.live.is_watched
        studio.open(client)
        assert studio.live.is_watched
        client.close()
        assert not studio.live.is_watched
        studio.live.close()

    on_loop(scenario)


def test_without_a_keyframe_there_is_nothing_to_show():
    assert Live(Stage().ring).codec() is None


def test_the_muxer_keeps_to_the_stamps_and_survives_a_change_of_the_stream():
    muxer = Muxer()
    frames = stream("kppp")
    made = [muxer.fragment(frame) for frame in frames]
    assert [fragment.is_key for fragment in made] == [True, False, False, False]
    late = Frame(frames[-1].ts + 10.0, True, frames[0].data)
    assert muxer.fragment(late).head is made[0].head
    assert Muxer().fragment(frames[1]) is None


@given(
    st.integers(1, 2**32 - 1), st.integers(0, 2**60), st.integers(1, 2**31), st.integers(1, 2**31),
    st.booleans(),
)  # fmt: skip
def test_the_short_way_to_a_header_gives_the_same_bytes(sequence, base, size, duration, is_key):
    expected = fragment_header(sequence, base, [size], [duration], is_key)
    assert header_of_one(sequence, base, size, duration, is_key) == expected


def test_a_client_that_left_before_the_answer_began_is_forgotten():
    async def scenario():
        near, far = socket.socketpair()
        far.close()
        left = IOStream(near)
        left.close()
        gone, outlet = [], Outlet(left, "a", lambda: 0.0, 4096)
        outlet.on_gone = lambda: gone.append(True)
        outlet.send(b"head")
        await asyncio.sleep(0)
        assert gone == [True]

    asyncio.run(scenario())


def test_the_codec_is_spelled_as_browsers_want_it():
    from dashcamd.core.h264 import parameter_sets

    assert codec_of(parameter_sets(stream("k")[0].data)) == "avc1.42c00a"


def test_news_are_told_at_once_and_then_only_when_something_changed():
    def scenario():
        told = []
        news = News("state", lambda session: told.append(session) or {"n": len(told)})
        reader = Client("x")
        news.add(reader)
        assert reader.got == [b'event: state\ndata: {"n":1}\n\n']
        news._beat()
        assert len(reader.got) == 1
        news.tick()
        news._beat()
        assert reader.got[1:] == [b'event: state\ndata: {"n":2}\n\n']
        reader.stalled = True
        news._beat()
        assert not reader.is_open
        news.close()

    on_loop(scenario)


@pytest.mark.parametrize(
    ("camera", "word"),
    [({"state": "lost", "fault": "gone"}, "gone"), ({}, "starting"), ({"state": "ended"}, "ended")],
)
def test_the_drawn_words(camera, word):
    from dashcamd.web.mjpeg import why_no_picture

    assert word in why_no_picture({"camera": camera})
