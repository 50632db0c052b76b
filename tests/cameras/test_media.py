"""Files as cameras: what passes through is untouched, what cannot is encoded, nothing crashes."""

from __future__ import annotations

import os
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any, Iterator, List, Optional, Type

import numpy as np
import pytest

pytest.importorskip("av", reason="media: cameras need PyAV")

import av

from dashcamd.cameras import source
from dashcamd.cameras.media import MediaCamera
from dashcamd.cameras.source import Kind, parse_address
from dashcamd.clock import SimClock
from dashcamd.config import CameraConfig
from dashcamd.core.annexb import PICTURES, split
from dashcamd.errors import CameraError, EndOfStream
from dashcamd.health import progress
from tests.cameras import films
from tests.cameras.contract import START_TS, Delivered, PumpedContract, decoded_lumas
from tests.cameras.films import B_FRAMES, FPS, counters, write_film, write_joined

CONFIG = CameraConfig(bitrate=400_000)


def play(
    path: Any, config: CameraConfig = CONFIG, limit: int = 1000, camera: Any = None
) -> Delivered:
    """Everything a file delivers until it ends."""
    camera = camera or MediaCamera("media:%s" % path, config, SimClock())
    delivered = Delivered()
    delivered.info = camera.start(delivered.sinks(), START_TS)
    try:
        for _ in range(limit):
            camera.pump()
    except EndOfStream:
        pass
    finally:
        camera.stop()
    return delivered


def pictures_of(path: Path) -> List[bytes]:
    """The coded pictures in a file, taken out by FFmpeg's own filter."""
    found = []
    with av.open(str(path)) as container:
        for packet in container.demux(video=0):
            data = bytes(packet)
            place = 0
            while place < len(data):
                size = int.from_bytes(data[place : place + 4], "big")
                found.append(data[place + 4 : place + 4 + size])
                place += 4 + size
    return [nal for nal in found if nal[0] & 31 in PICTURES]


def is_passed_through(delivered: Delivered) -> bool:
    assert delivered.info is not None
    return "passed through" in delivered.info.description


class TestContractPassingThrough(PumpedContract):
    frames_before_the_end: Optional[int] = 50

    @pytest.fixture(autouse=True)
    def film(self, tmp_path: Path) -> None:
        self.path = write_film(tmp_path / "plain.mp4", frames=50)

    def make_camera(self) -> MediaCamera:
        return MediaCamera("media:%s" % self.path, CONFIG, SimClock())


class TestContractEncodedAgain(TestContractPassingThrough):
    @pytest.fixture(autouse=True)
    def film(self, tmp_path: Path) -> None:
        self.path = write_film(tmp_path / "b.mp4", frames=50, options=B_FRAMES)


class TestContractLooping(TestContractPassingThrough):
    frames_before_the_end = None

    @pytest.fixture(autouse=True)
    def film(self, tmp_path: Path) -> None:
        self.path = write_film(tmp_path / "short.mp4", frames=11)

    def make_camera(self) -> MediaCamera:
        return MediaCamera(str(self.path), replace(CONFIG, media_loop=True), SimClock())


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts", "h264", "avi", "mov", "flv"])
def test_h264_without_b_frames_passes_through_from_any_container(
    tmp_path: Path, suffix: str
) -> None:
    delivered = play(write_film(tmp_path / ("film." + suffix)))
    assert is_passed_through(delivered)
    assert counters(decoded_lumas(delivered.frames)) == list(range(26))


def test_what_passes_through_is_bit_for_bit_the_source(tmp_path: Path) -> None:
    path = write_film(tmp_path / "film.mp4")
    recorded = [
        nal for frame in play(path).frames for nal in split(frame.data) if nal[0] & 31 in PICTURES
    ]
    assert recorded == [nal.rstrip(b"\0") for nal in pictures_of(path)]


@pytest.mark.parametrize(
    ("name", "codec", "options"),
    [
        ("b.mp4", "libx264", B_FRAMES),
        ("b.mkv", "libx264", B_FRAMES),
        ("b.h264", "libx264", B_FRAMES),
        ("b.ts", "libx264", B_FRAMES),
        ("old.avi", "mpeg4", {"bf": "0"}),
        ("old.mp4", "mpeg4", {"bf": "2"}),
        ("tape.mpg", "mpeg2video", {}),
    ],
)
def test_everything_else_is_encoded_again_without_losing_a_frame(
    tmp_path: Path, name: str, codec: str, options: dict
) -> None:
    if codec == "mpeg2video":
        path = write_film(tmp_path / name, codec, options={"b": "3000000"}, fps=25)
    else:
        path = write_film(tmp_path / name, codec, options=options)
    delivered = play(path)
    assert not is_passed_through(delivered)
    assert counters(decoded_lumas(delivered.frames)) == list(range(26))


def test_mjpeg_as_webcams_send_it_is_encoded_again(tmp_path: Path) -> None:
    path = write_film(tmp_path / "cam.avi", "mjpeg", pix_fmt="yuvj420p")
    lumas = decoded_lumas(play(path).frames)
    assert counters(lumas) == list(range(26))


def test_b_frames_that_come_late_switch_to_encoding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dashcamd.cameras.inspect.PACKET_LIMIT", 10)
    delivered = play(films.write_late_b_frames(tmp_path / "late.ts", 24))
    numbers = counters(decoded_lumas(delivered.frames))
    assert numbers == [*range(25), *range(27, 48)], "27 came before 25 and 26"


def test_pictures_shown_in_another_order_are_encoded_again(tmp_path: Path) -> None:
    delivered = play(films.write_reordered(tmp_path / "reordered.ts"))
    assert not is_passed_through(delivered)
    stamps = [frame.ts for frame in delivered.frames]
    assert stamps == sorted(set(stamps))


@pytest.mark.parametrize("suffix", ["ts", "h264"])
def test_a_stream_that_begins_inside_a_gop_waits_for_its_keyframe(
    tmp_path: Path, suffix: str
) -> None:
    path = write_film(tmp_path / ("film." + suffix), frames=24)
    data = path.read_bytes()
    path.write_bytes(data[len(data) // 10 // 188 * 188 :])
    delivered = play(path)
    assert delivered.frames[0].key
    assert counters(decoded_lumas(delivered.frames)) == list(range(8, 24))


def test_without_stamps_the_switch_waits_for_a_keyframe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dashcamd.cameras.inspect.PACKET_LIMIT", 10)
    plain = write_film(tmp_path / "plain.h264", frames=24)
    late = write_film(tmp_path / "late.h264", frames=24, options=B_FRAMES, first=24)
    plain.write_bytes(plain.read_bytes() + late.read_bytes())
    numbers = counters(decoded_lumas(play(plain).frames))
    assert numbers == [*range(25), 27, *range(32, 48)]


def test_stamps_follow_a_variable_frame_rate(tmp_path: Path) -> None:
    ticks = [0, 4, 9, 30, 31, 80, 81, 150, 152, 160, 170, 300]
    path = write_film(tmp_path / "vfr.mp4", frames=12, ticks=ticks)
    stamps = [round((frame.ts - START_TS) * 100) for frame in play(path).frames]
    assert stamps == ticks


def test_encoded_again_the_stamps_of_a_variable_frame_rate_stay(tmp_path: Path) -> None:
    ticks = [0, 4, 9, 30, 31, 80, 81, 150, 152, 160, 170, 300, 310, 320]
    path = write_film(tmp_path / "vfr.mkv", frames=14, ticks=ticks, options=B_FRAMES)
    delivered = play(path)
    stamps = [round((frame.ts - START_TS) * 100) for frame in delivered.frames]
    assert stamps == ticks
    keys = [frame.ts - START_TS for frame in delivered.frames if frame.key]
    assert max(np.diff(keys)) <= 1.5, "a keyframe a second by the stamps, as frames allow"


@pytest.mark.parametrize("size", [(97, 81), (130, 66), (33, 17)])
def test_odd_sizes_are_cut_to_even_ones(tmp_path: Path, size: tuple) -> None:
    path = write_film(tmp_path / "odd.avi", "mjpeg", frames=6, size=size, pix_fmt="yuvj444p")
    delivered = play(path)
    assert decoded_lumas(delivered.frames)[0].shape == (size[1] & ~1, size[0] & ~1)


def test_a_looped_file_goes_on_for_ever_with_rising_stamps(tmp_path: Path) -> None:
    path = write_film(tmp_path / "short.mp4", frames=11)
    delivered = play(path, replace(CONFIG, media_loop=True), limit=50)
    assert counters(decoded_lumas(delivered.frames)) == [number % 11 for number in range(50)]
    stamps = np.array([frame.ts for frame in delivered.frames])
    assert np.diff(stamps) == pytest.approx(1 / FPS)


def test_a_looped_file_with_b_frames_loses_nothing_at_the_seam(tmp_path: Path) -> None:
    path = write_film(tmp_path / "short.mp4", frames=11, options=B_FRAMES)
    delivered = play(path, replace(CONFIG, media_loop=True), limit=50)
    assert counters(decoded_lumas(delivered.frames)) == [number % 11 for number in range(50)]


def test_a_truncated_file_plays_to_the_cut(tmp_path: Path) -> None:
    path = write_film(tmp_path / "film.ts", frames=40)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 6 // 10])
    numbers = counters(decoded_lumas(play(path).frames))
    assert numbers[:-1] == list(range(len(numbers) - 1)), "only the last may be cut"
    assert len(numbers) >= 15


def test_an_mp4_whose_end_is_missing_is_not_a_video(tmp_path: Path) -> None:
    path = write_film(tmp_path / "film.mp4")
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(CameraError, match=r"film\.mp4: not a video"):
        play(path)


@pytest.mark.parametrize("suffix", ["mp4", "ts", "h264", "mkv"])
def test_damage_in_the_middle_costs_at_most_its_gop(tmp_path: Path, suffix: str) -> None:
    path = write_film(tmp_path / ("film." + suffix), frames=48)
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 1500] = bytes(range(250)) * 6
    path.write_bytes(bytes(data))
    delivered = play(path)
    stamps = [frame.ts for frame in delivered.frames]
    assert all(after > before for before, after in zip(stamps, stamps[1:]))
    assert delivered.frames[0].key
    assert len(stamps) >= 24
    assert counters(decoded_lumas(delivered.frames[:10])) == list(range(10))


def test_packets_that_cannot_be_used_are_counted(tmp_path: Path) -> None:
    path = write_film(tmp_path / "film.mp4", frames=30)
    data = path.read_bytes()
    with av.open(str(path)) as container:
        positions = [packet.pos for packet in container.demux(video=0) if packet.pos]
    hurt = bytearray(data)
    hurt[positions[12] : positions[12] + 4] = b"\x7f\xff\xff\xff"
    path.write_bytes(bytes(hurt))
    camera = MediaCamera(str(path), CONFIG, SimClock())
    delivered = Delivered()
    camera.start(delivered.sinks(), START_TS)
    for _ in range(26):
        camera.pump()
    with pytest.raises(EndOfStream):
        camera.pump()
    assert camera.damaged_packets == 1
    numbers = counters(decoded_lumas(delivered.frames))
    assert numbers == [*range(12), *range(16, 30)], "goes on at the next keyframe"
    camera.stop()


def garbage(name: str, data: bytes) -> Any:
    return pytest.param(name, data, id=name)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        garbage("empty.mp4", b""),
        garbage("text.mp4", b"this is no video\n" * 50),
        garbage("text.txt", b"this is no video\n" * 50),
        garbage("zeros.mp4", bytes(5000)),
        garbage("noise.mp4", np.random.RandomState(5).bytes(5000)),
        garbage("noise.h264", np.random.RandomState(6).bytes(5000)),
        garbage("playlist.m3u8", b"#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/x.ts\n#EXT-X-ENDLIST\n"),
        garbage("list.ffconcat", b"ffconcat version 1.0\nfile '/etc/passwd'\n"),
    ],
)
def test_what_is_not_a_video_gets_one_line_with_its_name(
    tmp_path: Path, name: str, data: bytes
) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(CameraError) as caught:
        play(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_sound_alone_is_not_a_video(tmp_path: Path) -> None:
    path = films.write_sound(tmp_path / "sound.wav")
    with pytest.raises(CameraError, match="has no video stream"):
        play(path)


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(CameraError, match=r"gone\.mp4: cannot be read: No such file"):
        play(tmp_path / "gone.mp4")
    with pytest.raises(CameraError, match="is a folder"):
        play(tmp_path)


def test_a_pipe_does_not_hang_the_start(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(CameraError, match="neither a file nor a camera"):
        play(tmp_path / "pipe")


def test_a_name_with_protocol_characters_is_a_file(tmp_path: Path) -> None:
    path = write_film(tmp_path / "concat:a|b 100%.mp4", frames=9)
    assert len(play(path).frames) == 9


def test_a_failed_start_leaves_a_camera_that_can_be_stopped(tmp_path: Path) -> None:
    camera = MediaCamera(str(tmp_path / "gone.mp4"), CONFIG, SimClock())
    with pytest.raises(CameraError):
        camera.start(Delivered().sinks(), START_TS)
    camera.stop()
    with pytest.raises(CameraError, match="not started"):
        camera.pump()


def test_settings_are_refused_where_bytes_pass_through(tmp_path: Path) -> None:
    camera = MediaCamera(str(write_film(tmp_path / "film.mp4")), CONFIG, SimClock())
    camera.start(Delivered().sinks(), START_TS)
    assert camera.is_passed_through
    assert set(camera.apply(CameraConfig(brightness=80, rotation=90))) == {"brightness", "rotation"}
    camera.stop()


def test_settings_change_what_is_encoded_again(tmp_path: Path) -> None:
    path = write_film(tmp_path / "b.mp4", options=B_FRAMES)
    plain = decoded_lumas(play(path).frames)[0].astype(int)
    config = replace(CONFIG, rotation=180, brightness=70)
    turned = decoded_lumas(play(path, config).frames)[0][::-1, ::-1].astype(int)
    assert 30 < (turned - plain)[:40].mean() < 70


def test_a_live_source_joined_between_keyframes_holds_nobody_up(tmp_path: Path) -> None:
    camera = MediaCamera(write_joined(tmp_path / "joined.mkv").as_uri(), CONFIG, SimClock())
    delivered = Delivered()
    camera.start(delivered.sinks(), START_TS)
    assert camera.is_live
    pumped = [camera.pump() for _ in range(10)]
    camera.stop()
    assert pumped[:7] == [None] * 7, "each packet gives the runner its turn"
    assert None not in pumped[7:]
    assert [frame.key for frame in delivered.frames] == [True, False, False]


def test_a_live_source_that_is_encoded_again_holds_nobody_up_either(tmp_path: Path) -> None:
    path = write_film(tmp_path / "b.mkv", frames=20, options=B_FRAMES)
    camera = MediaCamera(path.as_uri(), CONFIG, SimClock())
    delivered = Delivered()
    camera.start(delivered.sinks(), START_TS)
    pumped = [camera.pump() for _ in range(20)]
    camera.stop()
    assert pumped[0] is None, "a decoder of B frames begins by keeping pictures back"
    assert len(delivered.frames) == 20 - pumped.count(None)


@pytest.fixture
def router(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Nothing on the network is opened before this is set; then there is a film at each address."""
    answers = threading.Event()
    really_open = av.open

    def slowly_open(name: str, *mode: str, **options: Any) -> Any:
        assert mode or answers.wait(10)
        return really_open(name, *mode, **options)

    monkeypatch.setattr(av, "open", slowly_open)
    monkeypatch.setattr(source, "OPEN_LIMIT_S", 0.01)
    yield answers
    answers.set()


def test_an_address_that_cannot_be_opened_soon_is_an_error_not_a_hang(
    tmp_path: Path, router: threading.Event
) -> None:
    address = write_joined(tmp_path / "door.mkv").as_uri()
    for _ in range(3):
        with pytest.raises(CameraError, match="and still tried"):
            MediaCamera(address, CONFIG, SimClock()).start(Delivered().sinks(), START_TS)
    opening = [thread for thread in threading.enumerate() if thread.name == "dashcamd-opening"]
    assert len(opening) == 1, "tries do not pile up"
    router.set()
    opening[0].join()
    camera = MediaCamera(address, CONFIG, SimClock())
    camera.start(Delivered().sinks(), START_TS)
    assert camera.pump() is None
    camera.stop()


def test_an_address_that_fails_late_says_why_at_the_next_try_and_is_then_tried_anew(
    tmp_path: Path, router: threading.Event
) -> None:
    address = (tmp_path / "gone.mkv").as_uri()
    camera = MediaCamera(address, CONFIG, SimClock())
    with pytest.raises(CameraError, match="still tried"):
        camera.start(Delivered().sinks(), START_TS)
    router.set()
    for thread in threading.enumerate():
        if thread.name == "dashcamd-opening":
            thread.join()
    with pytest.raises(CameraError, match="No such file"):
        camera.start(Delivered().sinks(), START_TS)
    write_joined(tmp_path / "gone.mkv")
    source.OPEN_LIMIT_S = 10.0
    camera.start(Delivered().sinks(), START_TS)
    camera.stop()


def test_a_password_that_was_put_right_is_not_answered_with_what_the_wrong_one_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers, asked = threading.Event(), []

    def slowly_open(address: source.Address, _: CameraConfig) -> str:
        asked.append(address.text)
        assert answers.wait(10)
        return address.text

    monkeypatch.setattr(source, "_open", slowly_open)
    monkeypatch.setattr(source, "OPEN_LIMIT_S", 0.01)
    wrong, right = (parse_address("rtsp://admin:%s@door/s" % word) for word in ("old", "new"))
    with pytest.raises(CameraError, match=r"^rtsp://\*\*\*@door/s: not open"):
        source._open_in_time(wrong, CONFIG)
    answers.set()
    for thread in threading.enumerate():
        if thread.name == "dashcamd-opening":
            thread.join()
    monkeypatch.setattr(source, "OPEN_LIMIT_S", 10.0)
    assert source._open_in_time(right, CONFIG) == right.text
    assert source._open_in_time(wrong, CONFIG) == wrong.text, "and leaves nothing under way"
    assert asked == [wrong.text, right.text]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_whatever_else_fails_while_opening_is_raised_where_it_is_waited_for(
    monkeypatch: pytest.MonkeyPatch, error: Type[BaseException]
) -> None:
    def fail(*_: object) -> None:
        raise error("odd")

    monkeypatch.setattr(source, "_open", fail)
    with pytest.raises(error, match="odd"):
        source._open_in_time(parse_address("rtsp://door/s"), CONFIG)


def test_closing_and_opening_again_are_over_before_the_watchdog_loses_patience() -> None:
    assert source.READ_TIMEOUT_S + source.OPEN_LIMIT_S < progress.PATIENCE_S


def test_addresses_are_told_apart_and_hide_passwords(tmp_path: Path) -> None:
    assert parse_address("media:rtsp://a:b@10.0.0.2/live").kind is Kind.NETWORK
    assert str(parse_address("media:rtsp://a:b@10.0.0.2/live")) == "rtsp://***@10.0.0.2/live"
    assert parse_address("/dev/null").kind is Kind.DEVICE
    assert parse_address("film.mp4").kind is Kind.FILE
    assert MediaCamera("rtsp://10.0.0.2/", CONFIG, SimClock()).is_live
    assert not MediaCamera("film.mp4", CONFIG, SimClock()).is_live


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("rtsp://u:s@cret@host/s", "rtsp://***@host/s"),
        ("rtsp://u:s/cret@host/s", "rtsp://***@host/s"),
        ("rtsp://u:s?c#ret@host/s", "rtsp://***@host/s"),
        ("rtsp:/u:secret@host/s", "rtsp:/***@host/s"),
        ("admin:secret@host/s", "admin:***@host/s"),
        ("rtsp://host:554/user=admin&password=secret&channel=1", "rtsp://host:554/user=admin&password=***"),
        ("rtsp://host/user=admin_password=s@cret_channel=1", "rtsp://host/user=admin_password=***"),
        ("http://u:p@host/v?usr=a&PWD=secret", "http://***@host/v?usr=a&PWD=***"),
        ("rtsp://host:554/live", "rtsp://host:554/live"),
        ("/srv/film@home.mp4", "/srv/film@home.mp4"),
    ],
)  # fmt: skip
def test_no_message_tells_a_password(address: str, shown: str) -> None:
    assert str(parse_address("media:" + address)) == shown


def test_a_device_that_is_no_camera_is_named() -> None:
    with pytest.raises(CameraError, match="/dev/null: cannot be opened"):
        play("/dev/null")


def test_pyav_missing_is_one_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(__import__("sys").modules, "av", None)
    with pytest.raises(CameraError, match=r"dashcamd\[media\]'|apt install python3-av"):
        play(tmp_path / "film.mp4")
