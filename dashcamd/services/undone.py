"""What failed on a volume and waits until the same one can take it: recoveries and locks."""

from __future__ import annotations

from dataclasses import replace
from typing import Callable, List, Union

from dashcamd.core.naming import EventName
from dashcamd.services.messages import PartAbandoned, PartsLocked
from dashcamd.storage.volume import Volume

LIMIT = 64
"""Most messages that wait; a part whose recovery is forgotten is found at plug-in."""

Message = Union[PartAbandoned, PartsLocked]


class Undone:
    """Messages of the record thread that could not be followed yet. Used by the keep thread."""

    def __init__(self) -> None:
        self._messages: List[Message] = []

    def add(self, message: Message) -> None:
        """Have `message` wait; above the limit a recovery is forgotten before a lock is."""
        self._messages.append(message)
        if len(self._messages) > LIMIT:
            oldest = (m for m in self._messages if isinstance(m, PartAbandoned))
            self._messages.remove(next(oldest, self._messages[0]))

    def take(self, volume: Volume, is_gone: Callable[[EventName], bool]) -> List[Message]:
        """The messages about `volume`, to be followed now; none about folders that are gone."""
        ours = [m for m in self._messages if m.volume.id == volume.id]
        self._messages = [m for m in self._messages if m.volume.id != volume.id]
        return [replace(m, volume=volume) for m in ours if not is_gone(m.name)]

    def is_to_be_locked(self, volume: Volume, name: EventName) -> bool:
        """Whether a lock of the event waits."""
        return any(
            isinstance(m, PartsLocked) and m.volume.id == volume.id and m.name == name
            for m in self._messages
        )
