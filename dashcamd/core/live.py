"""What the detector sees right now, for who watches: made into text only when somebody asks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Optional

import numpy as np

from dashcamd.core.watch import Seen
from dashcamd.core.zones import squares_text
from dashcamd.types import Json

if TYPE_CHECKING:
    Array = np.ndarray[Any, Any]  # numpy before 1.22 cannot be subscripted at run time


@dataclass(frozen=True)
class Live:
    """The last field: what it told, which blocks stand out, and how many must touch to count.

    `standing` is bool of shape (rows, cols) and never changes; None before the first field.
    """

    seen: Seen
    standing: Optional[Array]
    least_blocks: int

    def as_json(self) -> Json:
        """The page's motion overlay; `blocks` reads like ``motion.ignore``, COLSxROWS:HEX.

        `veto` is one of the detector's words, None when it objects to nothing.
        """
        score, ego = self.seen.score, self.seen.ego
        return {
            "ts": score.ts,
            "blocks": None if self.standing is None else squares_text(self.standing),
            "count": score.blocks,
            "largest": score.cluster,
            "least": self.least_blocks,
            "place": score.place,
            "is_moving": score.is_moving,
            "is_motion": self.seen.motion is not None,
            "veto": score.veto,
            "reason": score.reason,
            "ego": ego.state.value if ego else None,
        }
