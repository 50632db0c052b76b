"""What a stick says of itself: it may say anything."""

from __future__ import annotations

from typing import Dict, Mapping

COUNTER_LIMIT = 1 << 60
"""No counter of ours gets so far."""


def numbers(found: object, limits: Mapping[str, float]) -> Dict[str, float]:
    """Numbers by name out of a stranger's JSON, each from 0 to its limit; anything else is 0."""
    said = found if isinstance(found, dict) else {}
    return {name: _number(said.get(name), limit) for name, limit in limits.items()}


def _number(value: object, limit: float) -> float:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return value if is_number and 0 <= value <= limit else 0.0  # type: ignore[return-value,operator]
