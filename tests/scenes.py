"""Scenarios as strings, so that a test reads like the product.

`House` runs the real ring and the real recording core over a string of frames (``k`` keyframe,
``p`` another frame, ``_`` a second without a frame) with a string of motion (``#``), one
character a frame. Its volume is a list of lists: a fake of ours that keeps what is durable.
"""

from __future__ import annotations

from typing import Callable, Dict, List, Optional, Sequence

from dashcamd.core.actions import Append, CloseEvent, ClosePart, Lose, OpenPart
from dashcamd.core.recording import Recording
from dashcamd.core.wants import Policy
from dashcamd.handover import Ring
from dashcamd.types import Frame, Gap, Motion


def frames_of(text: str, fps: float = 1.0, size: int = 1) -> List[Optional[Frame]]:
    """``"kpp_k"`` as frames; ``_`` is a frame time without a frame."""
    return [
        None if letter == "_" else Frame(place / fps, letter == "k", b"%06d" % place + b"." * size)
        for place, letter in enumerate(text)
    ]


class Part:
    """One file of the fake volume: its frames, the stamp of the one behind them, how it ended."""

    def __init__(self, opened: OpenPart, volume: str) -> None:
        self.event = opened.event
        self.index = opened.part
        self.overlap = opened.overlap_frames
        self.volume = volume
        self.frames: List[Frame] = []
        self.next_ts: Optional[float] = None
        self.end: Optional[str] = None


class Files:
    """A volume that carries out actions and holds the rules of the caller's contract."""

    def __init__(self) -> None:
        self.parts: List[Part] = []
        self.gaps: List[Gap] = []
        self.closed_events: List[int] = []
        self.volume = "stick"
        self.open: Optional[Part] = None

    def carry_out(self, action: object) -> None:
        if isinstance(action, OpenPart):
            assert self.open is None, "a part was opened while another one was open"
            self.open = Part(action, self.volume)
            self.parts.append(self.open)
        elif isinstance(action, Append):
            assert self.open is not None
            assert action.frames, "an empty append"
            self.open.frames.extend(action.frames)
            self.open.next_ts = action.next_ts
        elif isinstance(action, ClosePart):
            assert self.open is not None
            self.open.end, self.open = action.reason, None
        elif isinstance(action, CloseEvent):
            assert self.open is None
            self.closed_events.append(action.event.serial)
        else:
            assert isinstance(action, Lose)
            self.gaps.append(action.gap)

    def lose(self) -> None:
        """The stick is pulled: what was confirmed stays, the part ends."""
        if self.open is not None:
            self.open.end = "pulled"
            if not self.open.frames:
                self.parts.remove(self.open)
            self.open = None


Hook = Callable[["House", int], None]


class House:
    """Ring and recording core, driven frame by frame."""

    def __init__(
        self,
        frames: str,
        motion: str = "",
        *,
        pre: float = 4,
        post: float = 4,
        gap: float = 14,
        segment: float = 1000,
        event_max: float = 100_000,
        fps: float = 1.0,
        gop: float = 4,
        continuous: bool = False,
        ring_bytes: int = 10**9,
        boat_bytes: int = 0,
        works: Callable[[int], bool] = lambda place: True,
        fails: Callable[[int], bool] = lambda call: False,
        hooks: Optional[Dict[int, Hook]] = None,
        volume: Optional[str] = "stick",
        run: bool = True,
    ) -> None:
        self.stream = frames_of(frames, fps)
        self.moving = {place for place, letter in enumerate(motion) if letter == "#"}
        policy = Policy(pre, post, gap, segment, event_max, manual_s=2, is_continuous=continuous)
        self.ring = Ring(ring_bytes)
        self.recording = Recording(policy, self.ring, gop, boat_bytes)
        self.disk = Files()
        self.calls = 0
        self._works, self._fails, self._hooks = works, fails, hooks or {}
        self.plug(volume)
        if run:
            self.run()

    def plug(self, volume: Optional[str]) -> None:
        if volume is not None:
            self.disk.volume = volume
            self.recording.volume_ready(volume)

    def pull(self) -> None:
        self.disk.lose()
        self.recording.volume_lost()

    def run(self) -> None:
        for place, frame in enumerate(self.stream):
            if frame is not None:
                self.ring.append(frame)
                if place in self.moving:
                    self.recording.wants.motion(Motion(frame.ts, frame.ts))
                self.recording.wants.seen(frame.ts)
            if place in self._hooks:
                self._hooks[place](self, place)
            if self._works(place):
                self.secure()
                self.work()
        self.recording.wants.stop()
        self.secure()
        self.work()

    def secure(self) -> None:
        self.disk.gaps += [lost.gap for lost in self.recording.secure()]
        stats = self.recording.lifeboat.stats
        assert stats.bytes <= stats.capacity_bytes

    def work(self) -> None:
        while True:
            actions = self.recording.advance()
            if not actions:
                return
            if self._carry_out(actions):
                self.recording.confirm()
            else:
                volume = self.disk.volume
                self.pull()
                self.plug(volume)

    def _carry_out(self, actions: Sequence[object]) -> bool:
        """Whether all went well; what is only to be told cannot fail."""
        are_told = {isinstance(action, (Lose, CloseEvent)) for action in actions}
        assert len(are_told) == 1, "what is to be told waits for no disk"
        for action in actions:
            self.calls += True not in are_told
            if True not in are_told and self._fails(self.calls):
                return False
            self.disk.carry_out(action)
        return True

    @property
    def parts(self) -> List[Part]:
        return self.disk.parts

    @property
    def files(self) -> List[str]:
        """The files as strings of their frames' kinds."""
        return [kinds(part.frames) for part in self.parts]

    @property
    def places(self) -> List[List[int]]:
        """The files as lists of places in the stream."""
        return [[int(frame.data[:6]) for frame in part.frames] for part in self.parts]

    @property
    def written(self) -> List[int]:
        """Places of all frames in all files, file after file."""
        return [place for places in self.places for place in places]


def kinds(frames: Sequence[Frame]) -> str:
    return "".join("k" if frame.key else "p" for frame in frames)
