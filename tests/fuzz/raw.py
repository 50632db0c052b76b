"""Plays the attacks against a server on loopback, many at a time, with an honest client beside."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from random import Random
from typing import List, NamedTuple, Tuple

from tests.fuzz.attacks import KINDS, Attack, Place, request

ATTACKERS = 40
"""Connections at a time: fewer than the server takes, so that the honest client gets in."""

PATIENCE_S = 20.0
"""The server hangs up after 8 s of an unfinished request; a busy machine takes its time."""

HONEST_S = 10.0


class Outcome(NamedTuple):
    """Answers by status (0: hung up without one), what went wrong, the honest client's waits."""

    answers: Counter
    wrong: List[str]
    waits_s: List[float]


async def answer(reader: asyncio.StreamReader) -> int:
    """The status of the final answer; 0 when the server hung up instead."""
    while True:
        line = await reader.readline()
        if not line:
            return 0
        words = line.split(b" ", 2)
        if line.startswith(b"HTTP/1.") and not words[1].startswith(b"1"):
            return int(words[1])


async def play(port: int, attack: Attack) -> int:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        status = asyncio.ensure_future(answer(reader))
        for number, piece in enumerate(attack.pieces):
            if number and attack.pause_s:
                await asyncio.wait({status}, timeout=attack.pause_s)
            if status.done():
                break
            writer.write(piece)
            await writer.drain()
        return await asyncio.wait_for(status, PATIENCE_S)
    except ConnectionError:
        return 0
    finally:
        status.cancel()
        await asyncio.gather(status, return_exceptions=True)
        writer.close()


async def attacker(port: int, place: Place, seed: int, until: float, outcome: Outcome) -> None:
    rng = Random(seed)
    while time.monotonic() < until:
        attack = rng.choice(KINDS)(rng, place)
        try:
            status = await play(port, attack)
        except asyncio.TimeoutError:
            outcome.wrong.append("hang: %s, seed %d: %r" % (attack.name, seed, attack.pieces))
            continue
        outcome.answers[status] += 1
        if status >= 500:
            outcome.wrong.append("%d: %s: %r" % (status, attack.name, attack.pieces))


async def honest(port: int, place: Place, until: float, outcome: Outcome) -> None:
    """Asks for the state once a second, as a page would."""
    while time.monotonic() < until:
        began = time.monotonic()
        asked = request(place, "/api/v1/status", "Connection: close")
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write(asked)
            data = await asyncio.wait_for(reader.read(), HONEST_S)
            json.loads(data.partition(b"\r\n\r\n")[2])
            outcome.waits_s.append(time.monotonic() - began)
        except (asyncio.TimeoutError, ValueError) as error:
            outcome.wrong.append("the honest client: %r" % error)
        finally:
            writer.close()
        await asyncio.sleep(1)


async def fuzz(port: int, place: Place, seed: int, seconds: float) -> Outcome:
    outcome = Outcome(Counter(), [], [])
    until = time.monotonic() + seconds
    seeds = range(seed, seed + ATTACKERS)
    await asyncio.gather(
        honest(port, place, until, outcome),
        *(attacker(port, place, one, until, outcome) for one in seeds),
    )
    return outcome


def told(outcome: Outcome) -> Tuple[str, str]:
    """For people: what was answered, and the honest client's waits."""
    statuses = ", ".join("%d: %d" % pair for pair in sorted(outcome.answers.items()))
    waits = sorted(outcome.waits_s)
    middle, worst = waits[len(waits) // 2], waits[-1]
    return statuses, "honest client: p50 %.0f ms, worst %.0f ms" % (1e3 * middle, 1e3 * worst)
