"""Proof of a stick: tried out once while nothing is recorded, and read back ever after.

Part of the keep thread. The trial waits until the stick has been idle for a while, and is given
up as soon as anything is to be recorded; it begins anew later. One that finds the stick too slow is
made twice, and what recording itself shows later counts instead of either.
"""

from __future__ import annotations

import errno
import logging
import random
from collections import deque
from dataclasses import replace
from typing import Callable, Deque, Generator, Optional

from dashcamd.config import Config
from dashcamd.core.proof import Proof, lies, slowness
from dashcamd.core.pulse import proven_rate
from dashcamd.errors import StorageError
from dashcamd.handover import Board, Latest
from dashcamd.storage.read_back import Spots, lies_in, spots, sweep, try_out
from dashcamd.storage.volume import Volume
from dashcamd.types import Seconds

log = logging.getLogger(__name__)

MIB = 1 << 20

QUIET_S = 10.0
"""Nothing was to be recorded for so long before a trial begins."""

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
        self._quiet_since: Optional[Seconds] = None
        self._noted: Deque[Spots] = deque(maxlen=REMEMBERED)
        self._doubted = 0.0
        """Bytes a second by a first trial that found the stick too slow; 0 without one."""

    @property
    def is_busy(self) -> bool:
        """Whether a trial goes on."""
        return self._trial is not None

    def follow(self, volume: Optional[Volume]) -> None:
        """`volume` came into use, or none is."""
        self._give_up()
        # While a stick was out, its owner may have changed any file on it.
        self._noted.clear()
        self._volume, self._tries, self._quiet_since = volume, 0, None
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
        if self._board.snapshot().get("recording", {}).get("state") != "idle":
            self._quiet_since = None
            self._give_up()
        elif self._quiet_since is None:
            self._quiet_since = now
        elif self._trial is not None:
            self._go_on(volume, self._trial)
        elif now - self._quiet_since >= QUIET_S:
            self._begin(volume)

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
        pulse = self._board.snapshot().get("recording", {}).get("pulse", {})
        rate, tried = proven_rate(pulse), volume.proof.write_bytes_per_s
        if rate and (0 < tried < rate or self._is_slow(rate)):
            volume.proof = replace(volume.proof, write_bytes_per_s=rate)

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

    def _go_on(self, volume: Volume, trial: Trial) -> None:
        self._trial = None
        found = next(trial, None)
        if found is not None:
            self._trial, self._found = trial, found
            return
        rate, before = max(self._found.write_bytes_per_s, self._doubted), volume.proof
        if self._is_slow(rate) and not self._doubted:
            self._doubted, self._quiet_since = rate, None
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
