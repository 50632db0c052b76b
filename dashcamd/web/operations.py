"""The API as a table: what can be asked, what it takes, who answers. ``openapi.py`` describes it.

Every operation takes a checked body and returns a JSON value. What changes something dangerous
(delete, eject, arm, the clock) wants ``"confirm": true``, so that no slip of a script does it.
"""

from __future__ import annotations

import asyncio
from types import MappingProxyType
from typing import Any, Awaitable, Callable, List, Mapping, NamedTuple, Optional, Tuple

from dashcamd import config, config_read
from dashcamd.config_layers import Verdict, in_json
from dashcamd.config_schema import FILE, plain
from dashcamd.core.timeline import Timeline
from dashcamd.errors import ConfigError, OperationError
from dashcamd.storage.what_if import HOURS
from dashcamd.types import Anchor, Json
from dashcamd.web.rooms import Answer
from dashcamd.web.site import Site

ANSWER_S = 15.0
EJECT_S = 40.0
"""How long a page waits for the keep thread, and for a stick to be let go of and unmounted."""

PHONE_UNCERTAINTY_S = 2.0
"""A phone sets its clock by its network to well below a second; the request took a moment."""

FIRST_WALL, LAST_WALL = 1_767_225_600.0, 4_102_444_800.0
"""2026 to 2100: a phone that says otherwise is wrong itself."""

QUIET = ("info", "debug")
"""Levels of the log that are no warnings."""

CONFIRM: Json = {"type": "boolean", "enum": [True]}
EVENT_ID: Json = {"type": "string", "pattern": "^[0-9]{6}_e[0-9]{6,12}_[a-z]{1,16}$"}


class Call(NamedTuple):
    """One request: parts of its path, its query, its body, who asks."""

    path: Mapping[str, str]
    query: Mapping[str, Any]
    body: Json
    session: str


class Operation(NamedTuple):
    """One line of the table; `body` and `query` are JSON schemas by name."""

    method: str
    path: str
    summary: str
    act: Callable[[Site, Call], Awaitable[Any]]
    body: Mapping[str, Json] = MappingProxyType({})
    query: Mapping[str, Json] = MappingProxyType({})
    required: tuple[str, ...] = ()


async def _status(site: Site, call: Call) -> Json:
    return site.state(call.session)


async def _events(site: Site, call: Call) -> Json:
    limit, before = call.query.get("limit") or 50, call.query.get("before")
    day, has_marks = call.query.get("day") or "", bool(call.query.get("marks"))
    found: Json = await site.in_thread(
        lambda: site.recordings.events(
            int(limit), None if before is None else int(before), day, has_marks
        )
    )
    return found


async def _event(site: Site, call: Call) -> Json:
    found: Json = await site.in_thread(lambda: site.recordings.event(call.path["event"]))
    return found


async def _lock(site: Site, call: Call) -> Json:
    found: Json = await site.in_thread(
        lambda: site.recordings.lock(call.path["event"], bool(call.body["locked"]))
    )
    site.rooms.lock_changed(call.path["event"])
    return found


async def _delete(site: Site, call: Call) -> Json:
    event = await _event(site, call)
    await _asked(lambda answer: site.rooms.delete(event["id"], answer))
    return {"deleted": event["id"]}


async def _trigger(site: Site, call: Call) -> Json:
    reason = call.body.get("reason") or "manual"
    site.rooms.trigger(reason)
    return {"triggered": reason}


async def _arm(site: Site, call: Call) -> Json:
    is_armed = bool(call.body["armed"])
    site.rooms.arm(is_armed)
    return {"armed": is_armed}


async def _eject(site: Site, call: Call) -> Json:
    if site.rooms.eject is None:
        raise OperationError("there is no stick that could be ejected")
    await _asked(site.rooms.eject, EJECT_S)
    return {"ejected": True}


async def _clock(site: Site, call: Call) -> Json:
    """Nothing better may be known: the timeline takes only what is more certain."""
    wall = float(call.body["unix_s"])
    anchor = Anchor(site.rooms.now(), wall, PHONE_UNCERTAINTY_S, "phone")
    known = site.rooms.status()["clock"].get("uncertainty_s")
    is_needed = known is None or Timeline(anchor).moment(anchor.ts) is None or known > 60.0
    if is_needed:
        site.rooms.offer_clock(anchor)
    return {"taken": is_needed}


async def _settings(site: Site, call: Call) -> Json:
    sections = []
    for name, section in config.sections():
        values = getattr(site.rooms.config, name)
        keys = [
            {
                "key": key,
                "value": "(secret)" if rules.secret else plain(getattr(values, key)),
                "default": plain(default),
                "kind": type(default).__name__,
                "sentence": rules.sentence,
                "allowed": rules.allowed(),
                "choices": list(rules.choices),
                "is_table": rules.table is not None,
                "settable": rules.trust != FILE,
            }
            for key, default, rules in config.keys(section)
        ]
        sections.append({"name": name, "sentence": (section.__doc__ or "").strip(), "keys": keys})
    return {"sections": sections}


async def _check_settings(site: Site, call: Call) -> Json:
    try:
        config_read.parse(call.body["settings"], "settings")
    except ConfigError as error:
        return {"ok": False, "error": str(error)}
    return {"ok": True, "error": None}


async def _change_settings(site: Site, call: Call) -> Json:
    """Each setting that was sent has its verdict, so a page can show it beside the field."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[Any] = loop.create_future()

    def answer(verdicts: Tuple[Verdict, ...]) -> None:
        loop.call_soon_threadsafe(_settle, done, verdicts)

    site.rooms.change_settings(call.body["settings"], answer)
    try:
        verdicts = await asyncio.wait_for(done, ANSWER_S)
    except asyncio.TimeoutError:
        raise OperationError("the settings did not answer; look again in a while") from None
    return {"verdicts": [in_json(verdict) for verdict in verdicts]}


async def _what_if(site: Site, call: Call) -> Json:
    hours = int(call.body.get("hours") or HOURS)
    return await site.what_ifs.ask(call.session, call.body["motion"], hours)


async def _log(site: Site, call: Call) -> Json:
    """Newest first."""
    _, lines = site.rooms.log.peek()
    now, least = site.rooms.now(), call.query.get("level")
    return {
        "lines": [
            {
                "age_s": round(now - line.at, 1),
                "level": line.level,
                "room": line.room,
                "text": line.text,
                "times": line.times,
            }
            for line in reversed(lines or ())
            if least != "warning" or line.level not in QUIET
        ]
    }


async def _asked(ask: Callable[[Answer], None], patience_s: float = ANSWER_S) -> None:
    """Ask another thread and wait for its answer. Raises `OperationError` with its reason."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[Optional[str]] = loop.create_future()

    def answer(why: Optional[str]) -> None:
        loop.call_soon_threadsafe(_settle, done, why)

    ask(answer)
    try:
        why = await asyncio.wait_for(done, patience_s)
    except asyncio.TimeoutError:
        why = "the stick is busy; look again in a while"
    if why is not None:
        raise OperationError(why)


def _settle(done: asyncio.Future[Any], answer: Any) -> None:
    if not done.done():
        done.set_result(answer)


OPERATIONS: List[Operation] = [
    Operation("get", "/api/v1/status", "How the daemon fares", _status),
    Operation(
        "get",
        "/api/v1/events",
        "What was recorded, newest first; with marks=1 also where all events of that day lie in it",
        _events,
        query={
            "limit": {"type": "integer", "minimum": 1, "maximum": 200},
            "before": {"type": "integer", "minimum": 0, "maximum": 10**12},
            "day": {"type": "string", "maxLength": 20},
            "marks": {"type": "integer", "minimum": 0, "maximum": 1},
        },
    ),
    Operation("get", "/api/v1/events/{event}", "One event", _event),
    Operation(
        "post",
        "/api/v1/events/{event}/lock",
        "Never delete an event, or let it be deleted",
        _lock,
        {"locked": {"type": "boolean"}},
        required=("locked",),
    ),
    Operation(
        "post",
        "/api/v1/events/{event}/delete",
        "Delete an event that is neither locked nor being recorded",
        _delete,
        {"confirm": CONFIRM},
        required=("confirm",),
    ),
    Operation(
        "post",
        "/api/v1/trigger",
        "Record now",
        _trigger,
        {"reason": {"type": "string", "maxLength": 60}},
    ),
    Operation(
        "post",
        "/api/v1/arm",
        "React to motion, or not",
        _arm,
        {"armed": {"type": "boolean"}, "confirm": CONFIRM},
        required=("armed", "confirm"),
    ),
    Operation(
        "post",
        "/api/v1/eject",
        "Finish the files and let go of the stick",
        _eject,
        {"confirm": CONFIRM},
        required=("confirm",),
    ),
    Operation(
        "post",
        "/api/v1/clock",
        "Set the clock by this phone while nothing better is known",
        _clock,
        {
            "unix_s": {"type": "number", "minimum": FIRST_WALL, "maximum": LAST_WALL},
            "confirm": CONFIRM,
        },
        required=("unix_s", "confirm"),
    ),
    Operation(
        "post",
        "/api/v1/motion/what-if",
        "How many events other settings of [motion] would have made; changes nothing. Ask again "
        "while it is not complete",
        _what_if,
        {
            "motion": {"type": "object"},
            "hours": {"type": "integer", "minimum": 1, "maximum": HOURS},
        },
        required=("motion",),
    ),
    Operation(
        "get",
        "/api/v1/log",
        "The last lines of the log, newest first",
        _log,
        query={"level": {"type": "string", "enum": ["warning", "info"]}},
    ),
    Operation("get", "/api/v1/settings", "Every setting in force", _settings),
    Operation(
        "post",
        "/api/v1/settings",
        "Change settings: section to key to value, null for the file's; a verdict for each",
        _change_settings,
        {"settings": {"type": "object"}},
        required=("settings",),
    ),
    Operation(
        "post",
        "/api/v1/settings/check",
        "Whether these settings would be accepted; changes nothing",
        _check_settings,
        {"settings": {"type": "object"}},
        required=("settings",),
    ),
]
