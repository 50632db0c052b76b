"""Commands that ask the running daemon: ``status``, ``trigger``, ``arm``, ``disarm``, ``eject``."""

from __future__ import annotations

import argparse
import json
import time
from typing import Any, List

from dashcamd.cli.arguments import add_json, print_json
from dashcamd.control import protocol
from dashcamd.errors import OperationError
from dashcamd.types import Json

WATCH_S = 1.0
EJECT_S = 45
EJECT_POLL_S = 0.3


def add(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], common: argparse.ArgumentParser
) -> None:
    """Add the commands."""
    parser = commands.add_parser("status", parents=[common], help="how the daemon fares")
    parser.add_argument("--watch", action="store_true", help="again every second")
    add_json(parser)
    parser.set_defaults(is_forgiving=True, act=status)
    parser = commands.add_parser("trigger", parents=[common], help="record now")
    parser.add_argument("--reason", default="manual", metavar="TEXT", help="noted in the event")
    add_json(parser)
    parser.set_defaults(is_forgiving=True, act=trigger)
    for word, text in (("arm", "react to motion"), ("disarm", "do not react to motion")):
        parser = commands.add_parser(word, parents=[common], help=text)
        add_json(parser)
        parser.set_defaults(is_forgiving=True, act=arm, do=word)
    _add_eject(commands, common)


def _add_eject(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], common: argparse.ArgumentParser
) -> None:
    parser = commands.add_parser("eject", parents=[common], help="make the stick safe to remove")
    add_json(parser)
    parser.set_defaults(is_forgiving=True, act=eject)


def status(arguments: argparse.Namespace) -> int:
    """Print the daemon's status, once or every second."""
    while True:
        document = _ask(arguments, {"do": "status"})
        if arguments.json:
            print(json.dumps(document, indent=None if arguments.watch else 1), flush=True)
        else:
            print(_in_words(document), flush=True)
        if not arguments.watch:
            return 0
        time.sleep(WATCH_S)


def trigger(arguments: argparse.Namespace) -> int:
    """Ask for a recording now."""
    answer = _ask(arguments, {"do": "trigger", "reason": arguments.reason})
    if arguments.json:
        print_json(answer)
    else:
        print("recording was asked for")
    return 0


def eject(arguments: argparse.Namespace) -> int:
    """Close what is open, have the stick unmounted, and say when it may be pulled out."""
    outcome = _ask(arguments, {"do": "eject"})
    end = time.monotonic() + EJECT_S
    while not outcome["done"] and time.monotonic() < end:
        time.sleep(EJECT_POLL_S)
        outcome = _ask(arguments, {"do": "ejected", "ticket": outcome["ticket"]})
    if not outcome["done"]:
        raise OperationError("the daemon is still ejecting after %d s; ask again" % EJECT_S)
    if outcome["why"] is not None:
        raise OperationError(outcome["why"])
    if arguments.json:
        print_json({"ejected": True})
    else:
        print("the stick is safe to remove")
    return 0


def arm(arguments: argparse.Namespace) -> int:
    """Arm or disarm."""
    answer = _ask(arguments, {"do": arguments.do})
    if arguments.json:
        print_json(answer)
    else:
        print("armed" if answer["armed"] else "disarmed")
    return 0


def _ask(arguments: argparse.Namespace, request: Json) -> Any:
    return protocol.ask(protocol.daemon_socket(arguments.settings.control.socket), request)


def _in_words(status: Json) -> str:
    volume, motion, counters = status["volume"], status["motion"], status["counters"]
    lines = [
        status["state"].upper() + (": " + status["event"] if status["event"] else ""),
        "camera   %s" % _camera_in_words(status["camera"]),
        *_volume_in_words(volume, status["waiting"]),
        "motion   %s" % (motion.get("reason") or "nothing was looked at yet"),
        "durable  %s" % _last(status, "durable"),
        "frames   %(frames_captured)d seen, %(frames_written)d written, %(frames_lost)d lost"
        % counters,
        "fields   %s, %d dropped" % (_last(motion, "field"), counters["fields_dropped"]),
    ]
    lines += ["FAULT    " + fault for fault in status["faults"]]
    lines += ["WARNING  " + warning for warning in status["health"].get("warnings", ())]
    return "\n".join(lines)


def _last(facts: Json, what: str) -> str:
    age_s = facts.get("last_%s_age_s" % what)
    return "none yet" if age_s is None else "last %.1f s ago" % age_s


def _camera_in_words(camera: Json) -> str:
    words = "%s %s" % (camera.get("name") or "none found,", camera.get("state") or "starting")
    skipped = camera.get("frames_skipped")
    left_out = ", %d left out by a slow machine" % skipped if skipped else ""
    return "%s; pictures: %s%s" % (words, _last(camera, "frame"), left_out)


def _volume_in_words(volume: Json, waiting: Json) -> List[str]:
    place, free = volume.get("where"), volume.get("free_bytes")
    if place is None:
        return ["volume   none"] + ["waiting  %s" % waiting["words"]] * bool(waiting["words"])
    room = "" if free is None else ", %d MiB free" % (free >> 20)
    return ["volume   %s%s" % (place, room), "stick    %s" % _stick_in_words(volume["health"])]


def _stick_in_words(health: Json) -> str:
    if not health.get("writes"):
        return "nothing written to it yet"
    words = "%s; a write is durable in %.0f ms, 99 of 100 in %.0f ms, the slowest in %.0f ms" % (
        health["state"],
        health["p50_s"] * 1000,
        health["p99_s"] * 1000,
        health["max_s"] * 1000,
    )
    hours = health["hours_left"]
    return words if hours is None else "%s; %.1f h of video fit" % (words, hours)
