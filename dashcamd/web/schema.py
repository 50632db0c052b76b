"""The few words of JSON Schema that the API needs: its bodies and queries are flat. Pure."""

from __future__ import annotations

import math
import re
from typing import Any, Dict, Mapping, Optional, Sequence

from dashcamd.types import Json

_KINDS: Dict[str, Any] = {
    "string": str,
    "boolean": bool,
    "object": dict,
    "integer": int,
    "number": (int, float),
}


def problem(value: Any, schema: Mapping[str, Any]) -> Optional[str]:
    """Why `value` does not fit `schema`, in words that follow its name; None when it does."""
    kind = schema["type"]
    is_truth = isinstance(value, bool)
    if not isinstance(value, _KINDS[kind]) or (is_truth and kind != "boolean"):
        return "must be a JSON %s" % kind
    if "enum" in schema and value not in schema["enum"]:
        return "must be %s" % " or ".join(map(repr, schema["enum"]))
    if isinstance(value, str):
        return _text_problem(value, schema)
    if isinstance(value, (int, float)) and not is_truth:
        return _number_problem(value, schema)
    return None


def _text_problem(value: str, schema: Mapping[str, Any]) -> Optional[str]:
    if len(value) > schema.get("maxLength", 1000):
        return "must not be longer than %d characters" % schema.get("maxLength", 1000)
    if "pattern" in schema and not re.fullmatch(schema["pattern"].strip("^$"), value, re.ASCII):
        return "is malformed"
    return None


def _number_problem(value: float, schema: Mapping[str, Any]) -> Optional[str]:
    low, high = schema.get("minimum", -math.inf), schema.get("maximum", math.inf)
    return None if low <= value <= high else "must be %g to %g" % (low, high)


def body_problem(body: Json, schemas: Mapping[str, Json], required: Sequence[str]) -> Optional[str]:
    """Why a body does not fit; None when it does."""
    for name in required:
        if name not in body:
            return "%s is missing" % name
    for name, value in body.items():
        if name not in schemas:
            return "unknown key %r; known are: %s" % (name[:40], ", ".join(schemas) or "none")
        why = problem(value, schemas[name])
        if why:
            return "%s %s" % (name, why)
    return None


def query_value(text: str, schema: Mapping[str, Any]) -> Any:
    """A query's text as `schema` types it; the text itself when it is not of that type."""
    if schema["type"] == "integer" and re.fullmatch(r"-?\d{1,18}", text, re.ASCII):
        return int(text)
    return text
