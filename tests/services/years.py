"""Years with one stick in minutes: events without video, reboots, clocks that lie, other people.

`Years` knows the true time of everything, which the daemon never does, and holds after each round
of the keep thread what must be true whatever happened.
"""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Dict, NamedTuple, Set

from dashcamd.core import naming
from dashcamd.core.naming import EventName
from dashcamd.core.retention import CONTINUOUS, SACRIFICE, class_of, marks
from dashcamd.core.timeline import Timeline
from dashcamd.services.front import PAUSE_S
from dashcamd.services.keep import RETENTION_S
from dashcamd.storage import catalog, clocks, sidecar
from dashcamd.storage.disk import replace_file
from dashcamd.storage.ledger import RELIST_S
from dashcamd.storage.locking import set_lock
from dashcamd.storage.sidecar import EventFacts, PartFacts
from dashcamd.testing import MemoryDisk
from dashcamd.types import Anchor
from tests.services.desk import Desk
from tests.storage.events import WALL

DAY_S = 86400.0
YEARS_S = 10 * 365 * DAY_S
CAPACITY = 300_000
KEEP_DAYS = 4.0


class Truth(NamedTuple):
    """What really was: when the event ended, and its class by its name."""

    ended: float
    kind: str


class Years:
    """One stick, driven by dice; `events` are those that must be on it now."""

    def __init__(self, dice: random.Random) -> None:
        self.dice = dice
        self.disk = MemoryDisk(CAPACITY)
        self.time = WALL
        self.events: Dict[EventName, Truth] = {}
        self.locked: Set[EventName] = set()
        self.foreign: Dict[str, bytes] = {}
        self.made = self.deleted = 0
        self.boots = 0
        self.reboot()

    def reboot(self) -> None:
        """The monotonic clock starts anew, and nobody knows the time yet."""
        self.boots += 1
        self.uptime = self.dice.uniform(5.0, 60.0)
        self.is_known = False
        self._start()

    def _start(self) -> None:
        self.timeline = Timeline()
        self.desk = Desk(
            self.disk,
            timeline=self.timeline,
            keep_days=KEEP_DAYS,
            continuous_keep_days=KEEP_DAYS,
            high_water_percent=10.0,
        )
        self.desk.now = self.uptime
        self.disk.journal.clear()
        self.disk._placed.clear()
        self.desk.plug(boot_id="boot-%d" % self.boots)

    def restart(self) -> None:
        """The daemon is killed and started anew in the same boot; clocks may jump meanwhile.

        A stick so full that it did not take the time cannot know better than the first who says it.
        """
        self.is_known = self.is_known and "boot-%d" % self.boots in clocks.read(self.disk)
        self._start()

    def pass_time(self, seconds: float) -> None:
        self.time += seconds
        self.uptime += seconds
        self.desk.now = self.uptime

    def hear_of_time(self) -> None:
        """Somebody says what time it is: NTP is right the first time in a boot."""
        source = self.dice.choice(["system", "system", "rtc", "phone", "ntp"])
        if source in ("system", "rtc"):
            wrong = self.dice.choice([0.0, -30 * DAY_S, YEARS_S, -YEARS_S, -WALL])
            unsure = 3600.0 if source == "system" else 120.0
        else:
            may_lie = self.is_known or source == "phone"
            wrong = self.dice.choice([0.0, YEARS_S, -300 * DAY_S]) if may_lie else 0.0
            unsure = 0.5 if source == "ntp" else 2.0
            self.is_known = self.is_known or source == "ntp"
        error = self.dice.uniform(-0.9, 0.9) * unsure
        self.timeline.offer(Anchor(self.uptime, self.time + wrong + error, unsure, source))

    def record(self) -> None:
        """An event of a few kilobytes, closed."""
        reason = self.dice.choice(["motion", "motion", "trigger", CONTINUOUS])
        start = self.uptime
        moment = self.timeline.moment(start)
        number, name = self.desk.volume.new_event(reason, moment, start)
        assert name not in self.events, "two events of one name"
        assert all(naming.event_number(known.folder) < number for known in self.events)
        size = self.dice.randrange(200, 6000)
        self.pass_time(self.dice.uniform(1.0, 600.0))
        volume = self.desk.volume
        facts = EventFacts(
            number, reason, volume.boot, volume.boot_id, start, moment, start, start, is_closed=True
        )  # fmt: skip
        part = PartFacts("120000_p00.mp4", start, self.uptime - start, 1, size)
        room = self.disk.space().free - 2000
        if room < size:
            part = replace(part, bytes=max(0, room))
        self.disk.put("%s/%s" % (name.path, part.file), bytes(part.bytes))
        data = sidecar.to_bytes(facts.with_part(part))
        if self.disk.space().free > 2 * len(data):
            replace_file(self.disk, name.path + "/event.json", data)
        self.events[name] = Truth(self.time, class_of(reason, False))
        self.made += 1

    def meddle(self) -> None:
        """Somebody uses the stick for something else, or locks and unlocks."""
        act = self.dice.randrange(5)
        if act == 0 and self.events and len(self.locked) < 30:
            name = self.dice.choice(sorted(self.events))
            self._lock(name, True)
        elif act == 1 and self.locked:
            self._lock(self.dice.choice(sorted(self.locked)), False)
        elif act == 2:
            folder = self.dice.choice(["", "films/", "DASHCAM/", *self._folders()])
            path = "%sfilm%04d.mkv" % (folder, self.dice.randrange(10_000))
            self.disk.make_dirs(path.rpartition("/")[0])
            size = min(self.dice.randrange(20_000), max(0, self.disk.space().free - 100))
            self.foreign[path] = bytes([self.dice.randrange(256)]) * size
            self.disk.put(path, self.foreign[path])
        elif act > 2 and self.foreign:
            path = self.dice.choice(sorted(self.foreign))
            del self.foreign[path]
            self.disk.unlink(path)

    def _folders(self):
        return [name.path + "/" for name in sorted(self.events)[:3]]

    def _lock(self, name: EventName, is_locked: bool) -> None:
        if self.disk.space().free > 200:
            set_lock(self.disk, name.folder, is_locked)
            (self.locked.add if is_locked else self.locked.discard)(name)

    def keep(self) -> None:
        """Let the keep thread do its rounds, and hold it to its promises."""
        self.pass_time(RELIST_S)
        # A label or an anchor that is noted meanwhile takes some of the room.
        free, is_short = self.disk.space().free, self._is_short(slack=-2000)
        self.desk.step()
        self.pass_time(RETENTION_S)
        while self.desk.service.step(self.desk.now) <= PAUSE_S:
            self.pass_time(PAUSE_S)  # much is deleted in pieces
        left = self._left()
        gone = set(self.events) - left
        assert left <= set(self.events), "an event out of nothing"
        assert not gone & self.locked, "a locked event was deleted"
        for path, data in self.foreign.items():
            assert self.disk.content(path) == data, "a foreign file was touched"
        old = {n for n in gone if self.time - self.events[n].ended > KEEP_DAYS * DAY_S}
        if not is_short:
            assert gone == old, "deleted although young, with %d bytes free: %s" % (
                free,
                [(self.time - self.events[name].ended) / DAY_S for name in gone - old],
            )
        self._hold_order(gone - old, left)
        if self._is_short(slack=2000):  # of a sidecar that was dated since
            assert self.desk.posted["short_bytes"] > 0
            assert "leave no room" in self.desk.posted["fault"]
            assert not left - self.locked, "events that could go are there still"
        for name in gone:
            del self.events[name]
        self.deleted += len(gone)

    def _left(self) -> Set[EventName]:
        split = [path.split("/") for path in self.disk.paths if path.count("/") == 3]
        return {
            EventName(day, folder)
            for _, day, folder, file in split
            if naming.event_number(folder) is not None and naming.is_ours(file)
        }

    def _hold_order(self, for_room: Set[EventName], left: Set[EventName]) -> None:
        """Continuous before motion, and each the oldest first."""
        spared = left - self.locked
        for kind in SACRIFICE:
            went = [number_of(name) for name in for_room if self.events[name].kind == kind]
            stay = [number_of(name) for name in spared if self.events[name].kind == kind]
            assert not went or not stay or max(went) < min(stay), "a younger one went first"
        if any(self.events[name].kind != CONTINUOUS for name in for_room):
            assert not [n for n in spared if self.events[n].kind == CONTINUOUS]

    def _is_short(self, slack: int = 0) -> bool:
        space = self.disk.space()
        return space.free + slack < marks(1 << 20, 10.0, space.total).low

    def hold_labels(self) -> None:
        """What may delete is right within its uncertainty, on every event there is."""
        for event in catalog.events(self.disk):
            facts = event.facts
            if facts is not None and facts.moment is not None and facts.moment.is_decisive:
                truth = self.events[event.name].ended - (facts.end - facts.start)
                assert abs(facts.moment.wall - truth) <= facts.moment.uncertainty_s + 0.01

    def day(self) -> None:
        """Something happens."""
        self.pass_time(self.dice.choice([60.0, 600.0, 7200.0, 20_000.0]))
        act = self.dice.randrange(20)
        if act == 0:
            self.pass_time(self.dice.choice([0.0, 30.0, DAY_S, 10 * DAY_S]))
            self.reboot()
        elif act in (1, 2):
            if self.dice.randrange(4) == 0:
                self.restart()
            self.hear_of_time()
        elif act in (3, 4, 5):
            self.meddle()
        else:
            for _ in range(self.dice.choice([1, 2, 6])):
                self.record()
        self.keep()


def number_of(name: EventName) -> int:
    """The event's number."""
    number = naming.event_number(name.folder)
    assert number is not None
    return number
