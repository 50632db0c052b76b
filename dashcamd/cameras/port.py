"""The one interface of every camera: it *delivers*.

A camera either has threads of its own and calls the sinks from them (the Pi's), or it is
*pumped*: the camera service, or the lockstep runner of ``--speed max``, calls `pump` for each
frame and nothing moves between two calls (the software cameras). Tests that every back-end
passes are in ``tests/cameras/contract.py``.
"""

from __future__ import annotations

from typing import Optional, Protocol, Tuple, runtime_checkable

from dashcamd.config import CameraConfig
from dashcamd.types import CameraInfo, Seconds, Sinks


class Camera(Protocol):
    """A source of H.264, motion fields and, while somebody watches, JPEGs.

    MUST
        deliver whole access units in order of strictly rising ``ts`` (boot-monotonic), the first
        one a keyframe, every keyframe with SPS and PPS in front, no B frames; deliver each field
        after the frame it belongs to; survive `stop` at any time and twice; raise `CameraError`
        with one sentence (what, why, what to do) when it cannot start; never let an exception of
        its own threads vanish: `check` raises it.
    MAY
        leave out fields (keyframes have none in most sources); refuse settings by name; deliver
        JPEGs at a lower rate than asked.
    """

    def start(self, sinks: Sinks, start_ts: Seconds) -> CameraInfo:
        """Begin to deliver; `start_ts` is now, boot-monotonic. Raises `CameraError`."""

    def check(self) -> None:
        """Raise `CameraError` if the camera has died; called each second by the camera service."""

    def apply(self, settings: CameraConfig) -> Tuple[str, ...]:
        """Apply what can change while recording; returns the names of settings it cannot honour."""

    def want_jpegs(self, fps: float) -> None:
        """Deliver previews at about `fps` from now on; at 0 they stop and cost nothing."""

    def stop(self) -> None:
        """Stop delivering and release the device. Safe to call twice and after an error."""


@runtime_checkable
class PumpedCamera(Camera, Protocol):
    """A camera without threads: it delivers only inside `pump`.

    MUST: deliver the same frames and fields however fast it is pumped.
    """

    is_live: bool
    """True when the source sets the pace (a webcam, RTSP): `pump` waits for its next packet, some
    seconds at the most, and itself raises when the source has fallen silent."""

    def next_ts(self) -> Optional[Seconds]:
        """Stamp of the frame that the next `pump` delivers; None when that is not known before."""

    def pump(self) -> Optional[Seconds]:
        """Deliver one frame (and its field, JPEG); returns its stamp.

        None from a live source of which nothing can be delivered yet. Raises `EndOfStream` when
        the source has ended, `CameraError` when it broke.
        """


@runtime_checkable
class Skippable(Protocol):
    """A pumped camera that can leave pictures out, as a real one does that is read too slowly.

    A file cannot: each of its pictures needs the one before.
    """

    def skip(self, until: Seconds) -> int:
        """Leave out the pictures whose stamps are before `until`; returns how many."""
