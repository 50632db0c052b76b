"""What every camera promises: subclass `CameraContract`, or `PumpedContract` for software ones.

A back-end with threads of its own overrides `run`, which starts the camera, collects until
`count` frames have come, and leaves it running.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from typing import Any, Callable, List, Optional, Tuple

import numpy as np
import pytest

from dashcamd.cameras.port import Camera, PumpedCamera
from dashcamd.config import CameraConfig
from dashcamd.core.annexb import IDR, PICTURES, PPS, SPS, Gluer, parse_configuration, split
from dashcamd.core.fields import grid
from dashcamd.errors import CameraError, EndOfStream
from dashcamd.types import MOTION_DTYPE, CameraInfo, Frame, Jpeg, MotionField, Sinks

START_TS = 1000.0


@dataclass
class Delivered:
    """Everything that came out of a camera, in order."""

    everything: List[Any] = field(default_factory=list)
    info: Optional[CameraInfo] = None

    def sinks(self) -> Sinks:
        add = self.everything.append
        return Sinks(add, add, add)

    def of(self, kind: type) -> List[Any]:
        return [one for one in self.everything if isinstance(one, kind)]

    @property
    def frames(self) -> List[Frame]:
        return self.of(Frame)

    @property
    def fields(self) -> List[MotionField]:
        return self.of(MotionField)

    @property
    def jpegs(self) -> List[Jpeg]:
        return self.of(Jpeg)

    def fingerprint(self) -> List[Tuple[Any, ...]]:
        """A form that can be compared: fields hold arrays."""
        return [
            (one.ts, one.blocks.tobytes(), one.scale) if isinstance(one, MotionField) else (one,)
            for one in self.everything
        ]


def kinds(data: bytes) -> List[int]:
    return [nal[0] & 31 for nal in split(data)]


def decoded_lumas(frames: List[Frame]) -> List[np.ndarray]:
    """The pictures of a recording, as a player would see them."""
    av = pytest.importorskip("av", reason="reading the recording back needs PyAV")
    stream = io.BytesIO(b"".join(frame.data for frame in frames))
    with av.open(stream, format="h264") as container:
        return [
            picture.to_ndarray(format="gray")[: picture.height, : picture.width]
            for picture in container.decode(video=0)
        ]


class CameraContract:
    """Needs `make_camera`; `frames_wanted` should span at least three keyframes."""

    frames_wanted = 30

    def make_camera(self) -> Camera:
        raise NotImplementedError

    def run(self, camera: Camera, count: int, delivered: Optional[Delivered] = None) -> Delivered:
        raise NotImplementedError

    @pytest.fixture
    def camera(self) -> Any:
        made = self.make_camera()
        yield made
        made.stop()

    @pytest.fixture
    def delivered(self, camera: Camera) -> Delivered:
        return self.run(camera, self.frames_wanted)

    def test_stamps_rise_strictly_from_the_start(self, delivered: Delivered) -> None:
        stamps = [frame.ts for frame in delivered.frames]
        assert stamps[0] >= START_TS
        assert all(after > before for before, after in zip(stamps, stamps[1:]))

    def test_the_first_frame_is_a_keyframe(self, delivered: Delivered) -> None:
        assert delivered.frames[0].key

    def test_key_means_idr_with_its_parameter_sets_in_front(self, delivered: Delivered) -> None:
        assert sum(frame.key for frame in delivered.frames) >= 2
        for frame in delivered.frames:
            found = kinds(frame.data)
            assert frame.key == (IDR in found)
            if frame.key:
                assert found.index(SPS) < found.index(PPS) < found.index(IDR)

    def test_frames_are_whole_access_units_without_b_slices(self, delivered: Delivered) -> None:
        gluer = Gluer(parse_configuration(b""))
        for frame in delivered.frames:
            assert frame.data.startswith(b"\0\0\0\1")
            assert PICTURES.intersection(kinds(frame.data))
            unit = gluer.unit(frame.data)
            assert unit is not None
            assert not unit.has_b_slice

    def test_every_frame_decodes_to_a_picture_of_the_announced_size(
        self, delivered: Delivered
    ) -> None:
        lumas = decoded_lumas(delivered.frames)
        assert len(lumas) == len(delivered.frames)
        assert delivered.info is not None
        assert lumas[0].shape == (delivered.info.height, delivered.info.width)

    def test_keyframes_are_no_further_apart_than_announced(self, delivered: Delivered) -> None:
        assert delivered.info is not None
        keys = [frame.ts for frame in delivered.frames if frame.key]
        longest = max(after - before for before, after in zip(keys, keys[1:]))
        assert longest <= delivered.info.gop_s + 1.01 / delivered.info.fps

    def test_fields_come_after_their_frames_in_the_house_layout(self, delivered: Delivered) -> None:
        assert delivered.info is not None
        assert delivered.fields
        seen = set()
        for one in delivered.everything:
            if isinstance(one, Frame):
                seen.add(one.ts)
            if isinstance(one, MotionField):
                assert one.ts in seen
                assert one.blocks.dtype == MOTION_DTYPE
                rows, cols = one.blocks.shape
                width, height = delivered.info.width, delivered.info.height
                analysed = grid(round(width / one.scale), round(height / one.scale))
                assert abs(rows - analysed[0]) <= 1
                assert abs(cols - 1 - analysed[1]) <= 1
                assert one.source == delivered.info.field_source
        stamps = [one.ts for one in delivered.fields]
        assert all(after > before for before, after in zip(stamps, stamps[1:]))

    def test_jpegs_come_only_while_somebody_watches(self, camera: Camera) -> None:
        delivered = self.run(camera, 8)
        assert not delivered.jpegs
        camera.want_jpegs(5)
        self.run(camera, self.frames_wanted, delivered)
        assert delivered.jpegs
        assert all(jpeg.data.startswith(b"\xff\xd8") for jpeg in delivered.jpegs)
        camera.want_jpegs(0)
        watched = len(delivered.jpegs)
        self.run(camera, 8, delivered)
        assert len(delivered.jpegs) == watched

    def test_a_rate_of_jpegs_that_was_asked_for_before_the_start_counts(
        self, camera: Camera
    ) -> None:
        camera.want_jpegs(5)
        assert self.run(camera, 8).jpegs

    def test_what_cannot_be_honoured_is_named(self, camera: Camera) -> None:
        self.run(camera, 2)
        assert camera.apply(CameraConfig(image_effect="sketch")).count("image_effect") <= 1
        assert isinstance(camera.apply(CameraConfig()), tuple)

    def test_a_healthy_camera_passes_its_check(self, camera: Camera) -> None:
        self.run(camera, 2)
        camera.check()

    def test_stop_is_safe_before_start_and_twice(self, camera: Camera) -> None:
        camera.stop()
        delivered = self.run(camera, 2)
        camera.stop()
        camera.stop()
        assert len(delivered.frames) >= 2

    def test_it_starts_again_after_a_stop(self, camera: Camera) -> None:
        self.run(camera, 5)
        camera.stop()
        assert self.run(camera, 3).frames[0].key


class PumpedContract(CameraContract):
    """Further promises of cameras that deliver only inside `pump`."""

    frames_before_the_end: Optional[int] = None

    def make_camera(self) -> PumpedCamera:
        raise NotImplementedError

    def run(
        self,
        camera: Camera,
        count: int,
        delivered: Optional[Delivered] = None,
        between: Callable[[], object] = lambda: None,
    ) -> Delivered:
        assert isinstance(camera, PumpedCamera)
        if delivered is None:
            delivered = Delivered()
            delivered.info = camera.start(delivered.sinks(), START_TS)
        for _ in range(count):
            between()
            camera.pump()
        return delivered

    def test_each_pump_delivers_the_frame_that_was_announced(self, camera: PumpedCamera) -> None:
        delivered = Delivered()
        camera.start(delivered.sinks(), START_TS)
        for number in range(12):
            announced = camera.next_ts()
            stamp = camera.pump()
            assert announced in (None, stamp)
            assert len(delivered.frames) == number + 1
            assert delivered.frames[-1].ts == stamp

    def test_the_first_stamp_is_the_start(self, delivered: Delivered) -> None:
        assert delivered.frames[0].ts == pytest.approx(START_TS)

    def test_output_is_the_same_however_it_is_pumped(self) -> None:
        eager, lazy = self.make_camera(), self.make_camera()
        one = self.run(eager, self.frames_wanted)
        two = self.run(lazy, self.frames_wanted, between=lambda: (lazy.next_ts(), lazy.check()))
        eager.stop()
        lazy.stop()
        assert one.fingerprint() == two.fingerprint()

    def test_pumping_a_stopped_camera_is_an_error(self, camera: PumpedCamera) -> None:
        self.run(camera, 2)
        camera.stop()
        with pytest.raises(CameraError, match="not started"):
            camera.pump()

    def test_a_file_ends_with_end_of_stream_and_stays_ended(self, camera: PumpedCamera) -> None:
        if self.frames_before_the_end is None:
            pytest.skip("this camera never ends")
        delivered = self.run(camera, self.frames_before_the_end)
        for _ in range(2):
            with pytest.raises(EndOfStream):
                camera.pump()
        assert camera.next_ts() is None
        assert len(delivered.frames) == self.frames_before_the_end
