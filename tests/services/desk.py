"""The keep service on a desk of its own: the test plays the record thread."""

from __future__ import annotations

from dashcamd.config import Config, StorageConfig
from dashcamd.core.timeline import Timeline
from dashcamd.core.wants import Story
from dashcamd.handover import Board, Latest, Mailbox
from dashcamd.services.keep import KeepService
from dashcamd.services.messages import EventOpened, PartAbandoned, PartClosed
from dashcamd.storage import catalog
from dashcamd.storage.sidecar import EventFacts
from dashcamd.storage.volume import Volume
from dashcamd.testing import MemoryDisk, held, stream
from dashcamd.types import Anchor
from tests.storage.events import START, WALL, write_part

STORY = Story("motion", START + 1, START + 2, peak_blocks=9, motions=1)


class Desk:
    """The keep service with its mailboxes; the test plays the record thread."""

    def __init__(self, disk=None, *, timeline=None, **storage):
        self.disk = MemoryDisk() if disk is None else disk
        self.inbox, self.slot, self.previews, self.board = Mailbox(100), Latest(), Latest(), Board()
        self.wanted = []
        self.timeline = timeline or Timeline(Anchor(START, WALL, 1.0, "ntp"))
        self.settings = held(
            Config(storage=StorageConfig(**{"reserve_mib": 1, "keep_days": 0.0, **storage}))
        )
        self.service = KeepService(
            self.settings,
            self.inbox,
            self.slot,
            self.previews,
            self.wanted.append,
            self.timeline,
            self.board,
            lambda: self.now,
        )
        self.now = START + 100
        self.serial = 0

    def plug(self, disk=None, boot_id="boot"):
        self.volume = Volume(self.disk if disk is None else disk, "/stick", boot_id)
        self.slot.put(self.volume)
        return self.volume

    def open_event(self):
        moment = self.timeline.moment(START)
        number, name = self.volume.new_event("motion", moment, START)
        facts = EventFacts(
            number, "motion", self.volume.boot, self.volume.boot_id, START, moment,
            STORY.first_motion, STORY.last_motion,
        )  # fmt: skip
        self.tell(EventOpened(self.volume, name, facts))
        return name

    def part(self, name, number, *, finish=True, pad_bytes=0):
        """The record thread writes a part and tells of it."""
        frames = stream("kppp" * 2, start_ts=START + number * 8 / 30, pad_bytes=pad_bytes)
        stem = "120000_p%02d" % number
        facts = write_part(self.volume.disk, name.path, stem, frames, finish=finish)
        if finish:
            self.tell(PartClosed(self.volume, name, facts, STORY))
        else:
            self.tell(PartAbandoned(self.volume, name, "%s/%s.part.mp4" % (name.path, stem)))

    def tell(self, message):
        self.inbox.put(message)
        self.step()

    def step(self, seconds=0.0):
        self.now += seconds
        while self.service.step(self.now) == 0.0:
            pass

    @property
    def posted(self):
        return self.board.snapshot()["keep"]

    def events(self):
        return catalog.events(self.disk)
