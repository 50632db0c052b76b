"""The camera's keeper: opens it, watches it, closes it, and opens it again when it died.

::

    closed ──start──▶ delivering ──error, silence──▶ lost ──back-off──▶ closed
                          └──end of the file──▶ ended

Changed settings that the running camera cannot take up close and reopen it in a quiet moment. If
it does not deliver with them, the former ones are tried in turn, and kept when they work.

A camera with threads of its own is only looked after, once a second; a pumped one is also driven
from here, at the pace of its stamps. Where the machine is too slow for that, pictures are left out
of one that can do without, so that its stamps stay true.
"""

from __future__ import annotations

import logging
import threading
from typing import Callable, List, Optional, Tuple

from dashcamd.cameras.choose import is_file, is_film
from dashcamd.cameras.port import Camera, PumpedCamera, Skippable
from dashcamd.clock import Clock
from dashcamd.config import CameraConfig, Config
from dashcamd.errors import CameraError, DeadCameraError, EndOfStream
from dashcamd.handover import Board, Follower, Latest, Mailbox, Ring
from dashcamd.services.demand import Demand
from dashcamd.services.messages import CameraLost, CameraReady, RecordMessage
from dashcamd.types import CameraInfo, Frame, Jpeg, MotionField, Seconds, Sinks

log = logging.getLogger(__name__)

CHECK_S = 1.0
SILENCE_S = 4.0
"""No frame for so long is a fault: shown within 5 s, far above any pause of a healthy camera."""

START_S = 10.0
"""The first frame of a session may take so long: libcamera's wait for it, and a check, are less."""

KEYFRAME_WAIT_S = 60.0
"""A live source that sends may make wait for its next keyframe so long: those that save bits send
one every 10 to 20 s, and one may be damaged. That it sends nothing at all it says itself."""

BACK_OFF_S = (1.0, 2.0, 4.0, 8.0)
"""Pauses before reopening; the last one repeats, so a camera that returns records within 10 s."""

QUIET_WAIT_S = 60.0
"""Reopening costs a second or two of video: an event that is being recorded may end first."""

LATE_S = 0.5
"""Pictures that are late by more are left out where that can be: a hiccup is caught up with."""

SLOW_CHECKS = 5
"""A machine that left out pictures in so many checks in a row is too slow, and that is said."""

COVER_FPS = 2.0
"""Previews a second while an event still lacks its cover picture."""


class CameraService:
    """Keeps one camera delivering into ring, fields and previews.

    `make` builds a camera that is not started yet; `reliable` are the settings to fall back on
    when it does not deliver with those in force. The sinks it hands out run on the camera's own
    thread: each is one append and never raises.
    """

    name = "camera"

    def __init__(
        self,
        settings: Latest[Config],
        reliable: CameraConfig,
        make: Callable[[CameraConfig], Camera],
        clock: Clock,
        ring: Ring,
        fields: Mailbox[MotionField],
        previews: Latest[Jpeg],
        record: Mailbox[RecordMessage],
        board: Board,
    ) -> None:
        self.wake = threading.Event()
        self.ended = threading.Event()
        """Set when the source has come to its end and nothing more will be delivered."""
        self.dead = threading.Event()
        """Set when the camera's library can neither go on nor be closed: the process must end."""
        self._settings = Follower(settings)
        self._wanted = self._settings.value.camera
        self._used, self._worked = self._wanted, reliable
        self._useless: Optional[CameraConfig] = None
        self._refused: Tuple[str, ...] = ()
        self._reopen_by: Optional[Seconds] = None
        self._settings_fault: Optional[str] = None
        self._make = make
        self._clock = clock
        self._ring = ring
        self._record = record
        self._board = board
        self._previews = previews
        self._sinks = Sinks(self._take, fields.put, self._take_jpeg)
        self._camera: Optional[Camera] = None
        self._pumped: Optional[PumpedCamera] = None
        self._skippable: Optional[Skippable] = None
        self._frames_skipped = self._skipped_before = 0
        self._slow_checks, self._is_slow = 0, False
        self._info: Optional[CameraInfo] = None
        self._fault: Optional[str] = None
        self._failures = 0
        self._retry_at: Seconds = float("-inf")
        self._last_frame_ts: Optional[Seconds] = None
        self._last_frame_seen: Seconds = 0.0
        self._next_check: Seconds = 0.0
        self._demand = Demand()
        self._on_frame: List[Callable[[], None]] = []
        self._on_jpeg: List[Callable[[], None]] = []
        self._jpeg_fps = 0.0

    @property
    def is_file(self) -> bool:
        """Whether the source is one that will not come later: a file, or drawn here."""
        return is_file(self._wanted.source)

    @property
    def is_pumped(self) -> bool:
        """Whether frames come because this service asks for them; silence is then its own."""
        return self._pumped is not None and not self._pumped.is_live

    @property
    def is_lost(self) -> bool:
        """Whether there is no camera now although there should be."""
        return self._fault is not None and not self.ended.is_set()

    def open(self) -> None:
        """Start the camera now; called first by `run`, so that a wrong file ends it.

        Raises `CameraError`.
        """
        camera = self._make(self._used)
        now = self._clock.monotonic()
        try:
            info = camera.start(self._sinks, now)
            self._refused = camera.apply(self._used)
        except CameraError:
            camera.stop()
            raise
        if self._refused:
            log.warning(
                "%s has no way to honour these settings: %s", info.name, ", ".join(self._refused)
            )
        self._camera, self._info, self._fault = camera, info, None
        # Asked once: a protocol's isinstance costs 0.1 ms before Python 3.12, a frame 0.03 s.
        self._pumped = camera if isinstance(camera, PumpedCamera) else None
        self._skippable = camera if isinstance(camera, Skippable) else None
        self._last_frame_seen = self._next_check = self._clock.monotonic()
        self._jpeg_fps = 0.0
        self._record.put(CameraReady(info))
        log.info("%s delivers %dx%d at %g fps", info.name, info.width, info.height, info.fps)

    def want_cover(self, is_wanted: bool) -> None:
        """Ask for previews while an event lacks its cover; from any thread."""
        self.want_previews("cover", COVER_FPS if is_wanted else 0.0)

    def want_previews(self, who: str, fps: float) -> None:
        """`who` wants `fps` previews a second from now on, 0 for none; from any thread."""
        self._demand.want(who, fps)
        self.wake.set()

    def subscribe(self, on_frame: Callable[[], None], on_jpeg: Callable[[], None]) -> None:
        """Call these after each frame and preview, on the camera's thread; they only set a flag.

        Before the camera is opened. They must neither wait nor raise.
        """
        self._on_frame.append(on_frame)
        self._on_jpeg.append(on_jpeg)

    def step(self, now: Seconds) -> Seconds:
        """Open, pump or check the camera, whatever is due."""
        if self.ended.is_set() or self.dead.is_set():
            return CHECK_S
        try:
            return self._care(now)
        except EndOfStream:
            self._end()
        except DeadCameraError as error:
            self._camera = None
            self._record.put(CameraLost(str(error)))
            self._lose(now, str(error))
            self.dead.set()
        except CameraError as error:
            self._lose(now, str(error))
        return CHECK_S

    def close(self) -> None:
        """Stop the camera."""
        if self._camera is not None:
            self._camera.stop()
            self._camera = None
        self._post()

    def _care(self, now: Seconds) -> Seconds:
        self._hear_settings()
        if self._camera is None:
            if now < self._retry_at:
                return self._retry_at - now
            self.open()
        assert self._camera is not None
        self._heed_settings(self._camera, now)
        camera = self._camera
        if now >= self._next_check:
            self._next_check = now + CHECK_S
            self._check(camera, now)
        self._heed_demand(camera)
        if self._pumped is not None:
            return self._pump(self._pumped, now)
        return CHECK_S

    def _heed_settings(self, camera: Camera, now: Seconds) -> None:
        """Take up changed settings at once where the camera can, else by reopening it."""
        if self._wanted is self._used or self._wanted is self._useless:
            return
        if self._reopen_by is None:
            newly_refused = sorted(set(camera.apply(self._wanted)) - set(self._refused))
            if not newly_refused:
                self._used = self._wanted
                return
            if is_film(self._wanted.source):
                self._forgo(", ".join(newly_refused), "cannot be changed in a film")
                return
            self._reopen_by = now + QUIET_WAIT_S
        if self._is_quiet() or now >= self._reopen_by:
            self._reopen(camera)

    def _hear_settings(self) -> None:
        if self._settings.has_news() and self._settings.value.camera is not self._wanted:
            self._wanted = self._settings.value.camera
            self._useless = self._settings_fault = self._reopen_by = None

    def _forgo(self, what: str, why: str) -> None:
        self._useless = self._wanted
        self._settings_fault = "changed [camera] settings are not used: %s %s" % (what, why)
        log.warning("%s", self._settings_fault)

    def _is_quiet(self) -> bool:
        return self._board.snapshot().get("recording", {}).get("state") in (None, "idle")

    def _reopen(self, camera: Camera) -> None:
        self._reopen_by, self._used = None, self._wanted
        camera.stop()
        self._camera, self._last_frame_ts = None, None
        self._record.put(CameraLost("its settings were changed"))
        log.info("the camera is opened again with changed settings")
        self.open()

    def _heed_demand(self, camera: Camera) -> None:
        fps = self._demand.fps
        if fps != self._jpeg_fps:
            self._jpeg_fps = fps
            camera.want_jpegs(fps)

    def _check(self, camera: Camera, now: Seconds) -> None:
        camera.check()
        self._raise_silence(now - self._last_frame_seen)
        if self._last_frame_ts is not None:
            self._failures, self._worked = 0, self._used
            if self._worked is self._wanted:
                self._useless = self._settings_fault = None
        self._mind_slowness()
        self._post()

    def _mind_slowness(self) -> None:
        """Say once that the machine is too slow for its camera."""
        has_skipped = self._frames_skipped > self._skipped_before
        self._skipped_before = self._frames_skipped
        self._slow_checks = self._slow_checks + 1 if has_skipped else 0
        if self._slow_checks == SLOW_CHECKS and not self._is_slow:
            self._is_slow = True
            log.warning(
                "this machine is too slow for its camera, %d pictures were left out so far: lower "
                "[camera] resolution or framerate",
                self._frames_skipped,
            )

    def _raise_silence(self, silence_s: Seconds) -> None:
        if self._pumped is None:
            limit_s = START_S if self._last_frame_ts is None else SILENCE_S
            what = "no picture for %.0f s; the camera is stopped and opened again"
        else:
            limit_s = KEYFRAME_WAIT_S
            what = "no keyframe for %.0f s; set a shorter keyframe interval in the camera"
        if silence_s > limit_s and not self.is_pumped:
            raise CameraError(what % silence_s)

    def _pump(self, camera: PumpedCamera, now: Seconds) -> Seconds:
        if camera.is_live:
            camera.pump()
            return 0.0
        due = camera.next_ts()
        if due is not None and due > now:
            return min(CHECK_S, due - now)
        if due is not None and now - due > LATE_S:
            self._skip(now - LATE_S)
        camera.pump()
        following = camera.next_ts()
        return 0.0 if following is None else min(CHECK_S, max(0.0, following - now))

    def _skip(self, until: Seconds) -> None:
        skipped = self._skippable.skip(until) if self._skippable is not None else 0
        # What was due while the camera was being opened is not missed by anybody.
        if self._last_frame_ts is not None:
            self._frames_skipped += skipped

    def _take(self, frame: Frame) -> None:
        self._ring.append(frame)
        self._last_frame_ts = frame.ts
        self._last_frame_seen = self._clock.monotonic()
        for tell in self._on_frame:
            tell()

    def _take_jpeg(self, picture: Jpeg) -> None:
        self._previews.put(picture)
        for tell in self._on_jpeg:
            tell()

    def _lose(self, now: Seconds, why: str) -> None:
        if self._camera is not None:
            self._camera.stop()
            self._camera = None
            self._record.put(CameraLost(why))
        pause_s = BACK_OFF_S[min(self._failures, len(BACK_OFF_S) - 1)]
        self._failures += 1
        self._retry_at = now + pause_s
        if why != self._fault:
            log.error("camera lost: %s; trying again every few seconds", why)
        self._fault = why
        self._choose_settings(has_delivered=self._last_frame_ts is not None)
        self._last_frame_ts = None
        self._post()

    def _choose_settings(self, has_delivered: bool) -> None:
        """Settings that never delivered and the last ones that did take turns."""
        if self._used is not self._worked:
            self._used = self._worked
            self._forgo("it", "did not deliver with them")
        elif self._wanted is not self._useless or not has_delivered:
            self._used = self._wanted

    def _end(self) -> None:
        assert self._camera is not None
        self._camera.stop()
        self._record.put(CameraLost("the source has ended"))
        log.info("the source has ended after %d frames", self._ring.stats.appended)
        self.ended.set()

    @property
    def _waiting(self) -> Optional[str]:
        """What people are told while a picture is late and waited for."""
        silence_s = self._clock.monotonic() - self._last_frame_seen
        if self._camera is None or self.is_pumped or silence_s <= SILENCE_S:
            return None
        if self._pumped is not None:
            what = "no picture for %.0f s; the camera sends, its next keyframe is awaited"
            return what % silence_s
        if self._last_frame_ts is not None:
            return None
        return "no first picture for %.0f s; the camera is slow to start" % silence_s

    def _post(self) -> None:
        info, stats = self._info, self._ring.stats
        is_on = self._camera is not None
        self._board.post(
            "camera",
            {
                "name": info.name if info else None,
                "state": "ended" if self.ended.is_set() else "delivering" if is_on else "lost",
                "resolution": "%dx%d" % (info.width, info.height) if info else None,
                "fps": info.fps if info else None,
                "last_frame_at": round(self._last_frame_seen, 3) if info else None,
                "frames_captured": stats.appended,
                "frames_skipped": self._frames_skipped,
                "ring_bytes": stats.bytes,
                "ring_capacity_bytes": self._ring.capacity_bytes,
                "ring_span_s": round(stats.span_s, 3),
                "video_bytes_per_s": round(stats.bytes_per_s),
                "fault": self._fault or self._waiting or self._settings_fault,
            },
        )
