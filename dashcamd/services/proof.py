"""Proof of a stick: tried out once while it has time, and read back ever after.

Part of the keep thread. The trial waits until the stick has been idle for a while, and is given up
as soon as anything is to be recorded; it begins anew later. Where recording never ends it is made
beside it, a step now and then, and given up as soon as the stick does not keep up with ease. One
that finds the stick too slow is made twice, and what recording itself shows counts instead.
"""

from __future__ import annotations

import errno
import logging
import random
from collections import deque
from dataclasses import replace
from typing import Callable, Deque, Generator, Optional

from dashcamd.config import Config
from dashcamd.core.proof import ALONE, Pace, Proof, lies, pace, slowness
from dashcamd.core.pulse import proven_rate
from dashcamd.errors import StorageError
from dashcamd.handover import Board, Latest
from dashcamd.storage.read_back import Spots, lies_in, spots, sweep, try_out
from dashcamd.storage.volume import Volume
from dashcamd.types import Seconds

log = logging.getLogger(__name__)

MIB = 1 << 20

TRIES = 5
"""Most trials that are begun in one plug-in: each that is given up has written something."""

ROOM = 8
"""A stick with less than so many times the trial free is not tried out."""

REMEMBERED = 256
"""Parts of which blocks are remembered, to be read again: a fake stick may lose them later."""


Trial = Generator[Proof, None, None]


class Prover:
    """Tries a new stick out and reads back what was recorded to it. One thread (keep).

    Every method may raise `StorageError`. `now` measures how long the stick takes.
    """

    def __init__(self, in_force: Latest[Config], board: Board, now: Callable[[], Seconds]) -> None:
        self._in_force = in_force
        self._board = board
        self._now = now
        self._volume: Optional[Volume] = None
        self._is_swept = False
        self._found = Proof()
        self._trial: Optional[Trial] = None
        self._tries = 0
        self._pace: Optional[Pace] = None
        self._quiet_since: Seconds = float("inf")
        self._next_piece: Seconds = float("-inf")
        self._noted: Deque[Spots] = deque(maxlen=REMEMBERED)
        self._doubted = 0.0
        """Bytes a second by a first trial that found the stick too slow; 0 without one."""

    @property
    def is_busy(self) -> bool:
        """Whether a trial goes on that has the stick for itself."""
        return self._trial is not None and self._pace is ALONE

    def follow(self, volume: Optional[Volume]) -> None:
        """`volume` came into use, or none is."""
        self._give_up()
        # While a stick was out, its owner may have changed any file on it.
        self._noted.clear()
        self._volume, self._tries, self._pace = volume, 0, None
        self._is_swept, self._doubted = False, 0.0

    def leave(self, volume: Volume) -> None:
        """Touch `volume` no more."""
        if volume is self._volume:
            self.follow(None)

    def step(self, now: Seconds) -> None:
        """Do a piece of the trial if there is one to be made, and nothing more urgent."""
        volume = self._volume
        if volume is None:
            return
        if not self._is_swept:
            self._is_swept = True
            sweep(volume.disk)
        self._follow_pace(now)
        if self._pace is None:
            return
        if self._trial is not None:
            if now >= self._next_piece:
                self._go_on(volume, self._trial, self._pace)
        elif now - self._quiet_since >= self._pace.quiet_s:
            self._begin(volume)

    def _follow_pace(self, now: Seconds) -> None:
        """See what time the stick has; what begins to be recorded comes before any trial."""
        before, self._pace = self._pace, self._pace_at(now)
        if self._pace is not before:
            self._quiet_since = now
            if before is ALONE or self._pace is None:
                self._give_up()

    def _pace_at(self, now: Seconds) -> Optional[Pace]:
        _, config = self._in_force.peek()
        video_bytes_per_s = config.camera.bitrate / 8 if config else 0.0
        return pace(self._board.snapshot().get("recording", {}), video_bytes_per_s, now)

    def closed(self, volume: Volume, path: str) -> None:
        """Read some of a part that was closed back, and of an earlier one."""
        if volume is not self._volume:
            return
        self._believe_recording(volume)
        newest = spots(volume.disk, path)
        self._read_back(volume, newest)
        if self._noted:
            self._read_back(volume, random.choice(self._noted))
        self._noted.append(newest)

    def _believe_recording(self, volume: Volume) -> None:
        """Correct the trial: the stick did better, or is too slow for the video after all."""
        rate, tried = self._recorded_rate, volume.proof.write_bytes_per_s
        if rate and (0 < tried < rate or self._is_slow(rate)):
            volume.proof = replace(volume.proof, write_bytes_per_s=rate)

    @property
    def _recorded_rate(self) -> float:
        """Bytes a second as recording has shown them; 0 while it has not."""
        pulse = self._board.snapshot().get("recording", {}).get("pulse", {})
        return proven_rate(pulse) or 0.0

    def _read_back(self, volume: Volume, noted: Spots) -> None:
        try:
            found = lies_in(volume.disk, noted)
        except StorageError as error:
            if error.errno != errno.ENOENT:
                raise
            self._noted = deque((one for one in self._noted if one != noted), REMEMBERED)
            return
        self._note(volume, volume.proof.read_back(len(noted.blocks), found))

    def _begin(self, volume: Volume) -> None:
        _, config = self._in_force.peek()
        size = config.storage.trial_mib * MIB if config else 0
        if not size or volume.proof.write_bytes_per_s or self._tries >= TRIES:
            return
        if volume.space.free < size * ROOM:
            return
        self._tries += 1
        self._trial = try_out(volume.disk, size, self._now)

    def _go_on(self, volume: Volume, trial: Trial, pace: Pace) -> None:
        self._trial, began = None, self._now()
        found = next(trial, None)
        if found is not None:
            self._trial, self._found = trial, found
            ended = self._now()
            self._next_piece = ended + max(pace.pause_s, pace.pauses * (ended - began))
            return
        rate = max(self._found.write_bytes_per_s, self._doubted, self._recorded_rate)
        before = volume.proof
        if self._is_slow(rate) and not self._doubted:
            self._doubted, self._pace = rate, None  # It has to be quiet anew.
            rate = 0.0
        rates = replace(before, write_bytes_per_s=rate)
        rates = replace(rates, read_bytes_per_s=self._found.read_bytes_per_s)
        self._note(volume, rates.read_back(self._found.checked, self._found.lies))
        log.info("a stick was tried out: it writes %.1f MB/s", (rate or self._doubted) / 1e6)

    def _is_slow(self, rate: float) -> bool:
        _, config = self._in_force.peek()
        return config is not None and bool(
            slowness({"write_bytes_per_s": rate}, config.camera.bitrate / 8)
        )

    def _note(self, volume: Volume, proof: Proof) -> None:
        if proof.lies > volume.proof.lies:
            log.error("the stick at %s: %s", volume.where, lies(proof.to_json())[0])
        volume.proof = proof

    def _give_up(self) -> None:
        trial, self._trial = self._trial, None
        if trial is not None:
            trial.close()
