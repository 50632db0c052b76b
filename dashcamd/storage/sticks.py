"""Sticks as volumes: ``--storage auto``.

udev says what is plugged in, the mount table where it is mounted, `dashcamd.core.sticks` what to
do about it. Mounting is somebody else's duty (the mount unit, or a desktop). A volume is pinned by
a descriptor whose device number is compared with the stick's before the first byte is written, so
nothing ever lands under a mount point that is empty.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Dict, Iterator, List, NamedTuple, Optional, Protocol, Sequence, Set, Tuple

from dashcamd.core import sticks
from dashcamd.core.proof import Proof
from dashcamd.core.pulse import Past
from dashcamd.core.sticks import Block, Mount, Plug, Setback, Setbacks, Verdict
from dashcamd.errors import StorageError
from dashcamd.handover import Latest
from dashcamd.storage import mounts
from dashcamd.storage.disk import PosixDisk, storage_error
from dashcamd.storage.kernel_errors import ErrorCount
from dashcamd.storage.mounts import MountWatch
from dashcamd.storage.udev import Udev
from dashcamd.storage.volume import MARKER, Volume
from dashcamd.types import Json, Seconds

STANDING_BY = "stand-by"
FAILED_HINT = "took no video when it was last tried: unplug it, check it, plug it in again"

SILENT_HINT = "does not answer: unplug it, check it, plug it in again"

ANSWER_S = 2.0
"""A stick that is asked something first is waited for so long; others go before it meanwhile."""

LOOK_ANYWAY_S = 10.0
"""Without any news the whole picture is read again so often, should udev have lost some."""


UNMOUNT_NOTE = Path("/run/dashcamd/eject")


class Stick(NamedTuple):
    """A mounted file system on a stick: its `device` node and where it is mounted."""

    device: str
    mount: str


class Machine(Protocol):
    """What is plugged in and mounted; `has_changed` is cheap and never waits."""

    def has_changed(self) -> bool:
        """Whether anything came, went, was mounted or unmounted since the last call."""

    def blocks(self) -> Sequence[Block]:
        """All block devices."""

    def mounts(self) -> Sequence[Mount]:
        """All mounts."""

    def disk(self, path: str) -> PosixDisk:
        """What is mounted at `path` now."""

    def unmount(self, name: str) -> None:
        """Ask for the device `name` to be unmounted; it happens later, or not."""


class ThisMachine:
    """The machine as udev and the kernel show it. Raises `StorageError` where there is no udev."""

    def __init__(self) -> None:
        try:
            self._udev = Udev()
            self._watch = MountWatch()
        except (OSError, ImportError) as error:
            raise StorageError("udev cannot be asked for sticks: %s" % error) from None

    def has_changed(self) -> bool:
        """Whether udev or the mount table has news; both are asked, so that neither piles up."""
        return any([self._udev.has_changed(), self._watch.has_changed()])

    def blocks(self) -> List[Block]:
        """All block devices."""
        return list(self._udev.blocks())

    def mounts(self) -> List[Mount]:
        """All mounts that this process sees."""
        return list(mounts.mounts())

    def disk(self, path: str) -> PosixDisk:
        """The tree below `path`. Raises `StorageError`."""
        return PosixDisk(path)

    def unmount(self, name: str) -> None:
        """Leave a note that ``dashcamd-eject.path`` waits for: unmounting takes root rights.

        Raises `StorageError`.
        """
        try:
            UNMOUNT_NOTE.write_text(name + "\n", encoding="ascii")
        except OSError as error:
            raise storage_error("write", str(UNMOUNT_NOTE), error.errno or 0) from None


class StickSource:
    """Offers sticks one after the other and remembers which of them failed.

    Used by the volumes thread alone. `machine` is asked for lazily, because udev may not be up
    yet when the daemon starts.
    """

    is_fixed = False

    def __init__(
        self, boot_id: str, accept: str = "usb", machine: Optional[Machine] = None
    ) -> None:
        self._boot_id = boot_id
        self._accept = accept
        self._machine = machine
        self._verdicts: List[Verdict] = []
        self._looked_at: Seconds = float("-inf")
        self._setbacks: Setbacks = {}
        self._pasts: Dict[Plug, Tuple[Past, Proof]] = {}
        """What sticks did until they failed, which could not be noted on them then."""
        self._answers: Dict[Plug, Latest[bool]] = {}
        """Whether dashcamd recorded to a stick before; empty while it has not answered."""
        self._used: Set[str] = set()
        self._in_use: Optional[Tuple[Volume, Block]] = None
        self._errors: Optional[ErrorCount] = None
        self._ejected: List[Tuple[Volume, Block]] = []

    def look(self, now: Seconds) -> bool:
        """Read anew what is plugged in if there is news; True when it differs from before."""
        if self._machine is None:
            self._machine = ThisMachine()
        has_news = self._machine.has_changed()
        if not has_news and now - self._looked_at < LOOK_ANYWAY_S:
            return False
        self._looked_at = now
        before = self._verdicts
        self._verdicts = sticks.survey(self._machine.blocks(), self._machine.mounts(), self._accept)
        self._forgive_replugged(before)
        return before != self._verdicts

    def offer(self, now: Seconds) -> Volume:
        """Open the best stick. Raises `StorageError`, one line, when none can be used."""
        self._in_use = None
        why = sticks.complaint(self._verdicts)
        silent = [verdict for verdict in self._verdicts if self._is_silent(verdict.block)]
        if silent:
            why = "%s %s" % (silent[0].block.title, SILENT_HINT)
        for verdict in self.candidates(now):
            try:
                volume = self._open(verdict)
            except StorageError as error:
                why = "%s: %s" % (verdict.block.title, error)
                self._note_failure(verdict.block, now, is_full=False)
                continue
            self._in_use = volume, verdict.block
            self._errors = ErrorCount(verdict.block.number)
            self._used.add(verdict.block.key)
            return volume
        raise StorageError(why)

    def candidates(self, now: Seconds = 0.0) -> Iterator[Verdict]:
        """The sticks that can be opened at `now`, in the order in which they are to be tried.

        The one in use is not among them.

        Each is asked something before it is opened, as late as can be and one at a time, and left
        out while it does not answer: one that hangs holds up no other.
        """
        used = self._in_use[1].plug if self._in_use else None
        left = [
            verdict
            for verdict in self._verdicts
            if verdict.block.plug != used and not self._is_ejected(verdict.block)
        ]
        while True:
            left = [verdict for verdict in left if not self._is_silent(verdict.block)]
            order = sticks.to_try(left, self._setbacks, self._known(), now)
            if not order:
                return
            unasked = self._to_ask(order)
            if unasked is None:
                yield order[0]
                left.remove(order[0])
            else:
                self._ask(unasked)

    def _to_ask(self, order: Sequence[Verdict]) -> Optional[Verdict]:
        """Whom to ask before the first in `order` is opened; all, where others might go before."""
        first = order[0].block
        is_clear = first.key in self._known() or first.plug in self._setbacks
        asked = order[:1] if is_clear else order
        return next((verdict for verdict in asked if verdict.block.plug not in self._answers), None)

    def _ask(self, verdict: Verdict) -> None:
        """Ask a stick whether it was recorded to before, on a thread that may hang for ever."""
        answer: Latest[bool] = Latest()
        self._answers[verdict.block.plug] = answer
        asking = threading.Thread(
            target=lambda: answer.put(self._has_marker(verdict)), name="dashcamd-ask", daemon=True
        )
        asking.start()
        asking.join(ANSWER_S)

    def _has_marker(self, verdict: Verdict) -> bool:
        try:
            return _is_marked(self._pinned(verdict))
        except StorageError:
            return False

    def _is_silent(self, block: Block) -> bool:
        """Whether a stick was asked and has not answered yet."""
        answer = self._answers.get(block.plug)
        return answer is not None and answer.peek()[1] is None

    def _known(self) -> Set[str]:
        """Keys of the sticks that were recorded to before, as far as they were asked."""
        marked = (v.block for v in self._verdicts if v.block.plug in self._answers)
        return self._used | {b.key for b in marked if self._answers[b.plug].peek()[1]}

    def trouble(self, volume: Volume) -> Optional[str]:
        """Why `volume` can no longer be used, None while it can."""
        if self._in_use is None or self._in_use[0] is not volume:
            return "%s is not in use" % volume.where
        block = self._in_use[1]
        for verdict in self._verdicts:
            if verdict.block.plug == block.plug:
                return None if verdict.state == sticks.READY else verdict.why
        return "%s was pulled out" % block.title

    def has_another(self, now: Seconds) -> bool:
        """Whether there is a stick to go to from the one in use."""
        return next(self.candidates(now), None) is not None

    def distrust(self, volume: Volume, is_full: bool, now: Seconds) -> None:
        """`volume` failed: offer every other stick before it."""
        if self._in_use is not None and self._in_use[0] is volume:
            block = self._in_use[1]
            self._note_failure(block, now, is_full)
            self._pasts[block.plug] = volume.past, volume.proof
            self._in_use = None

    def set_aside(self, volume: Volume) -> None:
        """Offer the stick of `volume` no more until it was pulled out and plugged in again."""
        if self._in_use is not None and self._in_use[0] is volume:
            self._ejected.append(self._in_use)
            self._in_use = None

    def unmount(self, volume: Volume) -> None:
        """Ask for a stick that was set aside to be unmounted. Raises `StorageError`."""
        for ejected, block in self._ejected:
            if self._machine is not None and ejected is volume:
                self._machine.unmount(block.name)

    def is_safe(self, volume: Volume) -> bool:
        """Whether a stick that was set aside may be pulled out: it is mounted no more."""
        plugs = [block.plug for ejected, block in self._ejected if ejected is volume]
        return not any(verdict.path for verdict in self._verdicts if verdict.block.plug in plugs)

    def describe(self) -> Json:
        """What is plugged in and what each of it is good for."""
        used = self._in_use[1] if self._in_use else None
        rows = [self._row(verdict, used) for verdict in self._verdicts]
        if used is None or self._errors is None:
            return {"sticks": rows}
        return {"sticks": rows, "kernel_errors": self._errors.read()._asdict()}

    def _row(self, verdict: Verdict, used: Optional[Block]) -> Json:
        if not self._is_ejected(verdict.block):
            row = _row(verdict, used)
            setback = self._setbacks.get(verdict.block.plug)
            # The kernel may go on calling it writable: ext4 after an error does since Linux 6.13.
            if row["state"] == STANDING_BY and isinstance(setback, Setback):
                row.update(state="failed", hint=FAILED_HINT)
            if row["state"] == STANDING_BY and self._is_silent(verdict.block):
                row.update(state="failed", hint=SILENT_HINT)
            return row
        is_safe = not verdict.path
        hint = "safe to remove" if is_safe else "is being ejected: wait"
        return {**_row(verdict, None), "state": "ejected" if is_safe else "ejecting", "hint": hint}

    def _is_ejected(self, block: Block) -> bool:
        return any(block.plug == ejected.plug for _, ejected in self._ejected)

    def _open(self, verdict: Verdict) -> Volume:
        disk, uuid = self._pinned(verdict), verdict.block.uuid
        volume = Volume(disk, verdict.path, self._boot_id, uuid)
        if verdict.block.plug in self._pasts:
            volume.past, volume.proof = self._pasts.pop(verdict.block.plug)
        return volume

    def _pinned(self, verdict: Verdict) -> PosixDisk:
        """The root of a mounted stick, held by a descriptor that is on that very device."""
        assert self._machine is not None
        disk = self._machine.disk(verdict.path)
        if disk.device == verdict.block.number:
            return disk
        disk.close()
        raise StorageError("%s is no longer mounted at %s" % (verdict.block.name, verdict.path))

    def _note_failure(self, block: Block, now: Seconds, is_full: bool) -> None:
        after = sticks.after_failure(self._setbacks.get(block.plug), now, is_full)
        self._setbacks = {**self._setbacks, block.plug: after}

    def _forgive_replugged(self, before: Sequence[Verdict]) -> None:
        """A stick that was pulled out starts anew; so does one that is mounted differently."""
        stayed = {verdict.block.plug for verdict in set(before) & set(self._verdicts)}
        self._setbacks = {plug: back for plug, back in self._setbacks.items() if plug in stayed}
        self._pasts = {plug: past for plug, past in self._pasts.items() if plug in stayed}
        self._answers = {plug: said for plug, said in self._answers.items() if plug in stayed}
        plugged = {verdict.block.plug for verdict in self._verdicts}
        self._ejected = [one for one in self._ejected if one[1].plug in plugged]


def _is_marked(disk: PosixDisk) -> bool:
    folder, _, name = MARKER.rpartition("/")
    try:
        return any(entry.name == name for entry in disk.entries(folder))
    finally:
        disk.close()


def _row(verdict: Verdict, used: Optional[Block]) -> Json:
    block = verdict.block
    is_used = used is not None and block.plug == used.plug
    standing_by = STANDING_BY if verdict.state == sticks.READY else verdict.state
    return {
        "device": block.name,
        "label": block.label,
        "fs": block.fs,
        "uuid": block.uuid,
        "size_bytes": block.size_bytes,
        "state": "in use" if is_used else standing_by,
        "where": verdict.path or None,
        "hint": verdict.why or None,
    }


def mounted_sticks(accept: str = "usb") -> Iterator[Stick]:
    """Sticks that can be recorded to now, best first; nothing where there is no udev."""
    try:
        source = StickSource("", accept)
        source.look(0.0)
    except StorageError:
        return
    for verdict in source.candidates():
        yield Stick("/dev/" + verdict.block.name, verdict.path)
