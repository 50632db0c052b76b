"""The two ways from a source to the sinks: its own bytes, or encoded again.

`Tape` hands out packets with stamps, for ever when the file is looped. `Passing` and `Encoding`
turn them into deliveries: one frame each, with its field and preview. Each call of `next` reads at
most one packet, so that whoever waits for a keyframe far away is not held up. One thread.
"""

from __future__ import annotations

from typing import Any, Iterator, List, Optional, Protocol, Tuple, Union

from dashcamd.cameras import pyav
from dashcamd.cameras.analysis import PictureFields
from dashcamd.cameras.encoder import Encoded, H264Encoder
from dashcamd.cameras.lens import Annotation, Lens
from dashcamd.cameras.preview import Previews
from dashcamd.cameras.source import Source, pts_of
from dashcamd.clock import Clock
from dashcamd.config import CameraConfig
from dashcamd.core.annexb import Gluer, Unit, parse_configuration
from dashcamd.core.stamps import FileStamps, LiveStamps
from dashcamd.errors import EndOfStream, MediaError
from dashcamd.types import Frame, MotionField, Seconds, Sinks

GOP_LIMIT = 600
"""Packets remembered since the last keyframe, in case a B frame turns up behind them."""


class BidirectionalError(Exception):
    """A B frame in a stream that was thought to have none."""


class Delivery(Protocol):
    """One frame, ready to be delivered."""

    ts: Seconds

    def deliver(self) -> None:
        """Call the sinks: the frame, then what belongs to it."""


class Tape:
    """Packets of a source and the stamps of what is in them.

    `round` counts how often a looped file began; decoders start afresh with each.
    """

    def __init__(
        self, source: Source, config: CameraConfig, clock: Clock, start_ts: Seconds
    ) -> None:
        self.source, self.clock = source, clock
        self.round = 0
        self.unusable = 0
        self._config = config
        self._loops = config.media_loop and not source.address.is_live
        self._earlier_damage = 0
        self._packets: Iterator[Any] = source.packets()
        self._stamps: Union[FileStamps, LiveStamps]
        if source.address.is_live:
            self._stamps = LiveStamps(start_ts)
        else:
            self._stamps = FileStamps(start_ts, 1 / source.fps)
        self._used_this_round = False

    @property
    def damaged(self) -> int:
        """Packets that could not be read or used."""
        return self._earlier_damage + self.source.damaged + self.unusable

    def next(self) -> Any:
        """The next packet. Raises `EndOfStream`, `CameraError`."""
        packet = next(self._packets, None)
        while packet is None:
            self._rewind()
            packet = next(self._packets, None)
        return packet

    def stamp(self, pts_s: Optional[Seconds]) -> Seconds:
        """The boot-monotonic stamp of a picture that is marked `pts_s`."""
        self._used_this_round = True
        if isinstance(self._stamps, LiveStamps):
            return self._stamps.stamp(pts_s, self.clock.monotonic())
        return self._stamps.stamp(pts_s)

    def close(self) -> None:
        """Release the source."""
        self.source.close()

    def _rewind(self) -> None:
        if not self._loops or not self._used_this_round:
            raise EndOfStream("%s: has ended" % self.source.address)
        self._earlier_damage += self.source.damaged
        self.source.close()
        self.source = Source(self.source.address, self._config)
        self._packets = self.source.packets()
        assert isinstance(self._stamps, FileStamps)
        self._stamps.restart()
        self._used_this_round = False
        self.round += 1


class Passing:
    """H.264 whose bytes stay as they are.

    Begins with the first IDR; behind damage it waits for the next one. `next` raises
    `BidirectionalError` at the first B frame.
    """

    def __init__(self, tape: Tape, sinks: Sinks, previews: Previews) -> None:
        self.tape, self.sinks, self.previews = tape, sinks, previews
        self.gop: List[Any] = []
        self.last_pts_s: Optional[Seconds] = None
        self._begin()

    @property
    def size(self) -> Tuple[int, int]:
        """Width and height of the recorded picture."""
        return self.tape.source.width, self.tape.source.height

    def next(self) -> Optional[Delivery]:
        """The next access unit, None if it is of no use. Raises `EndOfStream`, `CameraError`."""
        packet = self.tape.next()
        if self.tape.round != self._round:
            self._begin()
        unit = self._unit(packet)
        if unit is None:
            return None
        frames = self._decoded(packet)
        if frames is None:
            return None
        self.last_pts_s = pts_of(packet)
        ts = self.tape.stamp(self.last_pts_s)
        return _Passed(self, ts, unit, self._stamped(ts, packet, frames))

    def fields_of(self, ts: Seconds, frame: Any) -> Optional[MotionField]:
        """The motion field of a decoded frame."""
        return self._fields.of_frame(ts, frame)

    def _begin(self) -> None:
        self._round = self.tape.round
        self._decoder = self.tape.source.stream.codec_context
        pyav.decode_at_once(self._decoder)
        self._gluer = Gluer(parse_configuration(bytes(self._decoder.extradata or b"")))
        self._fields = PictureFields()
        self._is_waiting = True
        self._pending: List[Tuple[Optional[int], Seconds]] = []

    def _unit(self, packet: Any) -> Optional[Unit]:
        """The packet as an access unit, unless it is useless or damaged."""
        try:
            if packet.is_corrupt:
                raise MediaError("the container marks it as damaged")
            unit = self._gluer.unit(bytes(packet))
        except MediaError:
            self._skip_to_key()
            return None
        if unit is None:
            return None
        if unit.is_idr and self._gluer.has_parameter_sets:
            self._is_waiting = False
            self.gop = []
        if len(self.gop) < GOP_LIMIT:
            self.gop.append(packet)
        if self._is_waiting:
            return None
        if unit.has_b_slice:
            raise BidirectionalError
        return unit

    def _decoded(self, packet: Any) -> Optional[List[Any]]:
        try:
            return list(self._decoder.decode(packet))
        except pyav.av_errors():
            self._skip_to_key()
            return None

    def _skip_to_key(self) -> None:
        self.tape.unusable += 1
        self._is_waiting = True

    def _stamped(self, ts: Seconds, packet: Any, frames: List[Any]) -> List[Tuple[Seconds, Any]]:
        """Decoded frames with the stamps of the packets they came in."""
        self._pending.append((packet.pts, ts))
        stamped = []
        for frame in frames:
            while len(self._pending) > 1 and self._pending[0][0] != frame.pts:
                self._pending.pop(0)
            stamped.append((self._pending[0][1], frame))
        del self._pending[:-GOP_LIMIT]
        return stamped


class _Passed(Delivery):
    def __init__(
        self, route: Passing, ts: Seconds, unit: Unit, decoded: List[Tuple[Seconds, Any]]
    ) -> None:
        self.ts = ts
        self._route, self._unit, self._decoded = route, unit, decoded

    def deliver(self) -> None:
        route = self._route
        route.sinks.frame(Frame(self.ts, self._unit.is_idr, self._unit.data))
        for ts, frame in self._decoded:
            field = route.fields_of(ts, frame)
            if field is not None:
                route.sinks.field(field)
            route.previews.offer(ts, frame)


class Encoding:
    """Pictures decoded and encoded again, through the lens settings.

    Text is burnt in only when the source is live: a file's pictures are of another time.
    """

    def __init__(self, tape: Tape, sinks: Sinks, previews: Previews, config: CameraConfig) -> None:
        source = tape.source
        self.tape, self.sinks, self.previews = tape, sinks, previews
        self._rotation = config.rotation
        self._even = source.width & ~1, source.height & ~1
        width, height = self._even if config.rotation % 180 == 0 else self._even[::-1]
        self.size = width, height
        self.encoder = H264Encoder(
            width, height, source.fps, config.keyframe_s, config.bitrate, config.quality
        )
        self.fields = PictureFields()
        self._reformatter = pyav.load().video.reformatter.VideoReformatter()
        self._after_pts_s: Optional[Seconds] = None
        self._again: List[Any] = []
        self._decoder: Any = None
        self._begin()
        self._frames = self._decoded_frames()
        self.apply(config)

    def apply(self, settings: CameraConfig) -> None:
        """Change how the pictures look from the next one on."""
        self._lens = Lens(settings, self._rotation)
        self._annotation = Annotation(settings)

    def take_over(self, passing: Passing) -> None:
        """Go on behind the last frame that passed: decode its GOP again, deliver what is new.

        Without stamps nobody knows what is new: then with the next keyframe.
        """
        codec = pyav.load().CodecContext.create("h264", "r")
        codec.extradata = self._decoder.extradata
        codec.thread_count = 1
        self._decoder = codec
        self._after_pts_s = passing.last_pts_s
        self._again = passing.gop if passing.last_pts_s is not None else []

    def next(self) -> Optional[Delivery]:
        """The next picture, None if a packet gave none. Raises `EndOfStream`, `CameraError`."""
        try:
            frame = next(self._frames)
        except StopIteration:
            raise EndOfStream("%s: has ended" % self.tape.source.address) from None
        pts_s = None if frame is None else self._pts_of(frame)
        if frame is None or self._is_past(pts_s):
            return None
        ts = self.tape.stamp(pts_s)
        plain = self._plain(frame)
        # The field comes first: a clock that ticks in the picture is not motion.
        field = self.fields.of_frame(ts, plain)
        return _Encoded(self, ts, self._labelled(ts, plain), field)

    def _is_past(self, pts_s: Optional[Seconds]) -> bool:
        after = self._after_pts_s
        return after is not None and pts_s is not None and pts_s <= after

    def _begin(self) -> None:
        self._round = self.tape.round
        self._decoder = self.tape.source.stream.codec_context
        self._again = []

    def _decoded_frames(self) -> Iterator[Any]:
        """Pictures as they are decoded, None for a packet without one."""
        while True:
            packets, self._again = self._again, []
            for packet in packets:
                yield from self._decode(packet) or [None]
            try:
                packet = self.tape.next()
            except EndOfStream:
                yield from self._decode(None)
                return
            if self.tape.round != self._round:
                yield from self._decode(None)
                self._begin()
                self._after_pts_s = None
            yield from self._decode(packet) or [None]

    def _decode(self, packet: Any) -> List[Any]:
        try:
            return list(self._decoder.decode(packet))
        except pyav.av_errors():
            self.tape.unusable += 1
            return []

    def _pts_of(self, frame: Any) -> Optional[Seconds]:
        time_base = self.tape.source.stream.time_base
        return None if frame.pts is None or not time_base else float(frame.pts * time_base)

    def _plain(self, frame: Any) -> Any:
        """The picture as the lens settings make it, without text."""
        picture = self._reformatter.reformat(frame, *self._even, "yuv420p")
        if self._lens.is_neutral:
            return picture
        return pyav.picture_of(self._lens.apply(pyav.planes_of(picture)))

    def _labelled(self, ts: Seconds, plain: Any) -> Any:
        """The picture with its text, or itself when there is none."""
        if not self.tape.source.address.is_live or self._annotation.is_empty:
            return plain
        picture = pyav.picture_of(pyav.planes_of(plain))
        clock = self.tape.clock
        wall = clock.wall() - clock.monotonic() + ts
        self._annotation.draw(wall, pyav.planes_of(picture))
        return picture


class _Encoded(Delivery):
    def __init__(
        self, route: Encoding, ts: Seconds, picture: Any, field: Optional[MotionField]
    ) -> None:
        self.ts = ts
        self._route, self._picture, self._field = route, picture, field

    def deliver(self) -> None:
        route = self._route
        encoded: Encoded = route.encoder.encode(self._picture, self.ts)
        route.sinks.frame(Frame(self.ts, encoded.key, encoded.data))
        if self._field is not None:
            route.sinks.field(self._field)
        route.previews.offer(self.ts, self._picture)
