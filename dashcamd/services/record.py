"""The record thread: the only one that writes video.

It wakes twice a second and on messages, asks `dashcamd.core.recording` what to do, does it, and
confirms what is durable. Anything the volume refuses ends the part, is shown, and never reaches
the camera: the frames stay in the ring and go to the next volume, or to this one when it is back.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import replace
from typing import Callable, Dict, NamedTuple, Optional, Sequence, Tuple

from dashcamd.config import Config, RecordingConfig
from dashcamd.core import naming
from dashcamd.core.actions import Action, Append, CloseEvent, ClosePart, Event, Lose, OpenPart
from dashcamd.core.fullness import Full, found_full
from dashcamd.core.naming import EventName
from dashcamd.core.part_locks import PartLocks
from dashcamd.core.pulse import Pulse
from dashcamd.core.recording import Recording
from dashcamd.core.retention import part_bytes
from dashcamd.core.timeline import Timeline
from dashcamd.core.wants import DRIVING, Policy
from dashcamd.errors import MediaError, StorageError
from dashcamd.handover import Board, Follower, Latest, Mailbox
from dashcamd.services.messages import (
    Armed,
    Bumped,
    CameraLost,
    CameraReady,
    EventClosed,
    EventOpened,
    FramesLost,
    Judged,
    KeepMessage,
    PartAbandoned,
    PartClosed,
    PartsLocked,
    RecordMessage,
    RoomNeeded,
    Triggered,
    VolumeFailed,
    VolumeLeaving,
    VolumeMessage,
)
from dashcamd.storage.disk import is_full
from dashcamd.storage.mp4_writer import FrameRefused, StreamChanged
from dashcamd.storage.part import Part
from dashcamd.storage.sidecar import EventFacts
from dashcamd.storage.volume import Volume, local
from dashcamd.types import Frame, Seconds

log = logging.getLogger(__name__)

PERIOD_S = 0.5
WRITE_S = 1.0
"""A backlog is written for so long at a time; then messages are heard and the lifeboat filled."""

NOTE_S = 60.0
"""The stick's marker is written at most so often for the sake of its health."""

LOG_PERIOD_S = 60.0
"""Lost frames are logged at most so often; every one is counted."""


class Place(NamedTuple):
    """Where an event lies."""

    volume: Volume
    name: EventName


class RecordService:
    """Carries out the recorder's decisions on the volume in use."""

    name = "record"

    def __init__(
        self,
        settings: Latest[Config],
        recording: Recording,
        inbox: Mailbox[RecordMessage],
        volume: Latest[Optional[Volume]],
        keep: Mailbox[KeepMessage],
        failed: Mailbox[VolumeMessage],
        timeline: Timeline,
        board: Board,
        now: Callable[[], Seconds],
    ) -> None:
        self.wake: threading.Event = inbox.wake
        self._settings = Follower(settings)
        self._recording = recording
        self._inbox = inbox
        self._slot = volume
        self._keep = keep
        self._failed = failed
        self._timeline = timeline
        self._board = board
        self._now = now
        self._slot_version = 0
        self._began = now()
        self._volume: Optional[Volume] = None
        """What is written to: none while the one in use is full."""
        self._full: Optional[Full] = None
        self._part: Optional[Part] = None
        self._pulse = Pulse()
        self._next_note: Seconds = float("-inf")
        self._places: Dict[int, Place] = {}
        self._locks: PartLocks[Place] = PartLocks()
        self._stillborn: Optional[Tuple[str, EventName]] = None
        """The stick and the event on it whose newest part took no frame at all."""
        self._camera = ""
        self._fault: Optional[str] = None
        self._frames_written = 0
        self._frames_lost = 0
        self._bytes_written = 0
        self._gaps = 0
        self._durable_at: Optional[Seconds] = None
        self._newest_durable_ts: Optional[Seconds] = None
        self._gap_logged_at: Seconds = float("-inf")

    def step(self, now: Seconds) -> Seconds:
        """Take messages, write what is wanted, say how it goes."""
        self._follow_settings(now)
        self._follow_volume(now)
        for message in self._inbox.drain():
            self._hear(message)
        is_behind = self._write_wanted(self._now() + WRITE_S)
        self._secure()
        self._remember(is_behind)
        self._post(now)
        return 0.0 if is_behind else PERIOD_S

    def close(self) -> None:
        """Write everything that is still wanted and close the open part."""
        self._follow_volume(float("inf"))  # A full one is not waited for any longer.
        for message in self._inbox.drain():
            self._hear(message)
        self._recording.wants.stop()
        self._write_wanted()
        self._post(self._now())

    def _hear(self, message: RecordMessage) -> None:
        wants = self._recording.wants
        if isinstance(message, Judged):
            if message.motion is not None:
                wants.motion(message.motion)
            wants.seen(message.ts)
        elif isinstance(message, Triggered):
            self._lock_on_drive(message.ts)
            wants.trigger(message.ts, message.reason)
        elif isinstance(message, Bumped):
            if wants.is_armed:
                self._lock(self._locks.bumped(message.ts))
        elif isinstance(message, Armed):
            wants.arm(message.is_armed, message.ts)
        elif isinstance(message, CameraReady):
            self._camera = message.info.description or message.info.name
            self._recording.camera(message.info.fps, message.info.gop_s)
        elif isinstance(message, CameraLost):
            wants.camera_lost()
        elif isinstance(message, VolumeLeaving):
            self._keep.put(message)

    def _follow_settings(self, now: Seconds) -> None:
        before = self._settings.value.recording
        if not self._settings.has_news() or self._settings.value.recording is before:
            return
        after = self._settings.value.recording
        self._recording.change(policy(after))
        if after.armed != before.armed:
            self._recording.wants.arm(after.armed, now)

    def _lock_on_drive(self, ts: Seconds) -> None:
        """Who presses the button on a drive wants what is there kept."""
        if self._recording.wants.reason_at(ts) == DRIVING:
            self._lock(self._locks.bumped(ts))

    def _lock(self, parts: Sequence[Tuple[Place, int]]) -> None:
        """Have parts locked where each lies: the one before may be on another stick."""
        for place in dict.fromkeys(place for place, _ in parts):
            numbers = tuple(part for other, part in parts if other == place)
            self._keep.put(PartsLocked(place.volume, place.name, numbers))
            log.info("parts %s of %s are locked", ", ".join(map(str, numbers)), place.name.folder)

    def _follow_volume(self, now: Seconds) -> None:
        version, volume = self._slot.peek()
        if version == self._slot_version:
            if volume is not None and self._volume is None and self._full is not None:
                self._try_full(volume, self._full, now)
            return
        self._slot_version = version
        if self._volume is not None and volume is not self._volume:
            self._let_go("the volume was taken away")
        self._volume, self._full = volume, None
        if volume is not None:
            self._pulse = Pulse(volume.past)
            self._take(volume)

    def _take(self, volume: Volume) -> None:
        self._volume = volume
        try:
            limit = part_bytes(volume.space.total)
        except StorageError as error:
            self._give_up(volume, error)
            return
        self._fault = None
        self._recording.volume_ready(volume.id, limit, self._has_event(volume))

    def _try_full(self, volume: Volume, full: Full, now: Seconds) -> None:
        """Go on with the volume in use that was full, once that is worth a try."""
        try:
            is_over = full.is_over(now, volume.space.free)
        except StorageError as error:
            self._give_up(volume, error)
            return
        if is_over:
            self._take(volume)

    def _has_event(self, volume: Volume) -> bool:
        """Whether the event that was open can go on in its folder.

        People move folders to a computer while their stick is out, and copy whole sticks.
        """
        event = self._recording.event
        place = self._places.get(event.serial) if event else None
        return place is None or volume.has_event(place.name)

    def _remember(self, is_behind: bool) -> None:
        """Note on the stick how it fared, while there is nothing more urgent.

        Grave news are noted as soon as nothing waits to be written, or the part is closed: power
        usually goes while something is recorded, in continuous mode always.
        """
        volume = self._volume
        if volume is None:
            return
        volume.past = self._pulse.past
        if self._recording.state == "idle" or (volume.has_grave_news and not is_behind):
            self._note(volume, self._now())

    def _note(self, volume: Volume, now: Seconds) -> None:
        if now < self._next_note:
            return
        if volume.has_news:
            self._next_note = now + NOTE_S
            try:
                volume.remember()
            except StorageError as error:
                log.debug("the stick's health could not be noted on it: %s", error)

    def _secure(self) -> None:
        for lost in self._recording.secure():
            self._count_lost(self._volume, lost)

    def _write_wanted(self, until: Seconds = float("inf")) -> bool:
        """Write until there is nothing left to write or it is `until`; True in that case."""
        while self._volume is not None:
            if self._now() > until:
                return True
            actions = self._recording.advance()
            if not actions:
                return False
            try:
                for action in actions:
                    self._carry_out(self._volume, action)
            except (StorageError, MediaError) as error:
                self._give_up(self._volume, error)
                return False
            self._recording.confirm()
        return False

    def _carry_out(self, volume: Volume, action: Action) -> None:
        if isinstance(action, OpenPart):
            self._open_part(volume, action)
        elif isinstance(action, Append):
            self._append(volume, action)
        elif isinstance(action, ClosePart):
            self._close_part(volume, action.reason)
        elif isinstance(action, CloseEvent):
            self._close_event(action.event)
        else:
            self._count_lost(volume, action)

    def _open_part(self, volume: Volume, opened: OpenPart) -> None:
        start = opened.first.ts
        before, is_seamless = self._places.get(opened.event.serial), True
        if before is not None:
            place = Place(volume, before.name)
        else:
            is_seamless = opened.event.continues in self._places
            place = Place(volume, self._open_event(volume, opened.event, start))
        self._places = {opened.event.serial: place}
        moment = self._timeline.moment(start)
        stem = naming.part_name(opened.part, local(moment), start)
        wall = moment.wall if moment else 0.0
        self._part = Part(volume.disk, place.name.path, stem, wall, opened.overlap_frames)
        self._open_place, self._open_story = place, opened.event.story
        self._lock(self._locks.opened(place, opened.part, start, is_seamless))

    def _open_event(self, volume: Volume, event: Event, start: Seconds) -> EventName:
        moment = self._timeline.moment(start)
        number, name = volume.new_event(event.reason, moment, start)
        before = self._places.get(event.continues) if event.continues else None
        facts = EventFacts(
            number=number,
            reason=event.reason,
            boot=volume.boot,
            boot_id=volume.boot_id,
            start=start,
            moment=moment,
            first_motion=event.story.first_motion,
            last_motion=event.story.last_motion,
            peak_blocks=event.story.peak_blocks,
            motions=event.story.motions,
            continues=before.name.folder if before else "",
            camera=self._camera,
        )
        self._keep.put(EventOpened(volume, name, facts))
        log.info("event %s begins", name.folder)
        return name

    def _append(self, volume: Volume, action: Append) -> None:
        """Write frames; what is wrong with one, and not with the volume, ends the part alone.

        What was before a refused frame may be refused itself: an earlier one only shows then.
        """
        frames, next_ts = action.frames, action.next_ts
        refused: Optional[FrameRefused] = None
        while frames:
            try:
                self._write(frames, next_ts)
                break
            except FrameRefused as error:
                refused, next_ts = error, frames[error.index].ts
                frames = frames[: error.index]
        if refused is not None:
            self._refuse(volume, refused, len(action.frames) - len(frames))

    def _refuse(self, volume: Volume, refused: FrameRefused, left: int) -> None:
        if isinstance(refused, StreamChanged):
            self._close_part(volume, "stream changed")
            self._recording.turn(left)
            return
        log.warning("a frame of the camera is unusable and left out: %s", refused)
        self._close_part(volume, "unusable frame")
        self._recording.discard(left)

    def _write(self, frames: Sequence[Frame], next_ts: Optional[Seconds]) -> None:
        assert self._part is not None
        before, began = self._part.bytes, self._now()
        self._part.append(frames, next_ts)
        self._durable_at = self._now()
        size = self._part.bytes - before
        self._pulse.wrote(self._durable_at, self._durable_at - began, size)
        self._bytes_written += size
        self._frames_written += len(frames)
        self._newest_durable_ts = frames[-1].ts

    def _close_part(self, volume: Volume, reason: str) -> None:
        part = self._part
        assert part is not None
        if not part.frames:
            self._abandon(volume, part)
            return
        facts = part.finish()
        self._part = None
        name = self._open_place.name
        self._keep.put(PartClosed(volume, name, facts, replace(self._open_story)))
        log.info("%s closed: %d frames, %s", facts.file, facts.frames, reason)
        volume.past = self._pulse.past
        if volume.has_grave_news:
            self._note(volume, self._now())

    def _abandon(self, volume: Volume, part: Part) -> None:
        """Leave the open part to recovery, unless it is one more of which no frame got through.

        A stick that makes files but takes no data would collect one at each try.
        """
        self._part = None
        part.abandon()
        name = self._open_place.name
        is_one_more = not part.is_durable and self._stillborn == (volume.id, name)
        self._stillborn = None if part.is_durable else (volume.id, name)
        if is_one_more:
            try:
                volume.disk.unlink(part.path)
                return
            except StorageError as error:
                log.debug("an empty part stays for recovery: %s", error)
        self._keep.put(PartAbandoned(volume, name, part.path, part.is_durable))

    def _close_event(self, event: Event) -> None:
        """Have the event closed where it lies: it may go on elsewhere, and its stick come back."""
        self._locks.closed()
        place = self._places.get(event.serial)
        if place is not None:
            self._keep.put(EventClosed(place.volume, place.name, replace(event.story)))

    def _count_lost(self, volume: Optional[Volume], lost: Lose) -> None:
        self._frames_lost += lost.gap.frames
        self._gaps += 1
        place = self._places.get(lost.event.serial)
        if place is not None:
            self._keep.put(FramesLost(place.volume, place.name, lost.gap))
        elif volume is not None:
            self._keep.put(FramesLost(volume, None, lost.gap))
        if self._now() - self._gap_logged_at >= LOG_PERIOD_S:
            self._gap_logged_at = self._now()
            log.warning(
                "%d frames of an event are lost (%s), %d since the start; a faster stick keeps "
                "them, or more memory: [recording] ring_mib and lifeboat_mib",
                lost.gap.frames,
                lost.gap.cause,
                self._frames_lost,
            )

    def _give_up(self, volume: Volume, error: Exception) -> None:
        """End the part as it is and hand the volume back; the frames wait in the ring."""
        why = str(error)
        log.error("recording on %s stopped: %s; frames are kept in memory", volume.where, why)
        if is_full(error):
            self._keep.put(RoomNeeded())
            self._finish_if_possible(volume)
        else:
            self._full = None
            self._pulse.failed()
        self._let_go(why)
        if is_full(error):
            self._full = found_full(self._full, self._now(), volume.free_bytes)
        self._failed.put(VolumeFailed(volume, why, is_full(error)))

    def _finish_if_possible(self, volume: Volume) -> None:
        """Close the part on a full volume: cutting off what did not fit may leave enough room."""
        if self._part is not None:
            try:
                self._close_part(volume, "volume full")
            except StorageError as error:
                log.info("the part is left to recovery: %s", error)

    def _let_go(self, why: str) -> None:
        part, volume, self._volume = self._part, self._volume, None
        if volume is not None:
            volume.past = self._pulse.past
        if part is not None and volume is not None:
            self._abandon(volume, part)
        self._fault = why
        self._locks.closed()
        self._recording.volume_lost()

    def _post(self, now: Seconds) -> None:
        event = self._recording.event
        place = self._places.get(event.serial) if event else None
        self._board.post(
            "recording",
            {
                "state": self._recording.state,
                "posted_at": now,
                "since": self._began,
                "armed": self._recording.wants.is_armed,
                "event": place.name.folder if place else None,
                "part": self._part.path if self._part else None,
                "durable_at": self._durable_at,
                "durable_ts": self._newest_durable_ts,
                "backlog_frames": self._recording.backlog_frames,
                "waiting": self._recording.waiting._asdict(),
                "lifeboat": self._recording.lifeboat.stats._asdict(),
                "pulse": self._pulse.reading(now),
                "frames_written": self._frames_written,
                "frames_lost": self._frames_lost,
                "bytes_written": self._bytes_written,
                "gaps": self._gaps,
                "messages_dropped": self._inbox.dropped,
                "is_full": self._is_full,
                "fault": self._fault,
            },
        )

    @property
    def _is_full(self) -> bool:
        """Whether the volume in use is not written to because it is full."""
        return self._full is not None and self._volume is None


def policy(recording: RecordingConfig) -> Policy:
    """The recording rules out of the configuration."""
    return Policy(
        recording.pre_roll_s,
        recording.post_roll_s,
        recording.gap_s,
        recording.segment_s,
        recording.event_max_s,
        recording.manual_s,
        is_continuous=recording.mode == "continuous",
    )
