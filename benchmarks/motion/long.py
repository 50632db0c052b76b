"""``python -m benchmarks.motion.long``: false alarms over hours of weather, light and noise.

Nobody is in these scenes. They are drawn at ten pictures a second and become ``lores`` fields, and
the first ``--matched`` seconds of each at twenty become VideoCore-like ones, without an encoder
between: an hour takes two minutes of processor, VideoCore-like thirteen. Each piece is kept with
its fields and counted in ``--json`` as soon as it is scored, so an interruption loses one piece.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from pathlib import Path

from benchmarks.motion import scenes, scoring, sources

SURE = 0.95


def pieces(minutes, make=scenes.quiet_pieces, number=0):
    """Scenes until they last `minutes`, from round `number` on."""
    seconds = 0.0
    while seconds < 60 * minutes:
        for scene in make(number):
            yield scene
            seconds += scene.seconds
        number += 1


def most_an_hour(false, hours):
    """The rate that so few false alarms in so many hours leave possible, one-sided, 95 %."""
    low, high = 0.0, 10.0 * (false + 3)
    while high - low > 1e-3:
        middle = (low + high) / 2
        terms = (math.exp(-middle) * middle**k / math.factorial(k) for k in range(false + 1))
        low, high = (low, middle) if sum(terms) <= 1 - SURE else (middle, high)
    return high / hours


def score(scene, matched_s):
    """{source: tally} of one piece."""
    fields = sources.of_quiet(scene, matched_s)
    told = {}
    for source, (stamps, _) in fields.fields.items():
        told[source] = scoring.tally(fields.motions(source), [], float(stamps[-1]))
    return told


def table(board):
    """Markdown: quiet hours, false alarms and what they allow to state, by source and script."""
    lines = ["| source | quiet hours | false | an hour | at most, 95 % |", "|---|---|---|---|---|"]
    for source in ("lores", "videocore"):
        rows = [row[source] for row in board.values() if source in row]
        hours = sum(row["quiet_s"] for row in rows) / 3600
        if hours:
            false = sum(row["false"] for row in rows)
            cells = source, hours, false, false / hours, most_an_hour(false, hours)
            lines.append("| %s | %.2f | %d | %.2f | %.2f |" % cells)
    lines += ["", "| piece with false alarms | source | at |", "|---|---|---|"]
    for name, row in board.items():
        for source, one in row.items():
            if one["false"]:
                lines.append("| %s | %s | %s |" % (name, source, one["false_at"]))
    return "\n".join(lines)


def main(argv=None):
    """Draw what is missing, score everything, print the table."""
    parser = argparse.ArgumentParser(prog="benchmarks.motion.long", description=__doc__)
    parser.add_argument("--minutes", type=float, default=200.0)
    parser.add_argument("--first", type=int, default=0, help="the round to begin with")
    parser.add_argument("--matched", type=float, default=0.0, help="seconds a piece; default: none")
    parser.add_argument("--json", type=Path, help="rewritten after each piece")
    parser.add_argument("--kept", action="store_true", help="only pieces that are drawn already")
    for name, make in (("swarms", scenes.swarms), ("lights", scenes.lights)):
        text = "the %s that are tuned on" % name
        parser.add_argument("--" + name, dest="make", action="store_const", const=make, help=text)
    parser.set_defaults(make=scenes.quiet_pieces)
    options = parser.parse_args(argv)
    board = {}
    for scene in pieces(options.minutes, options.make, options.first):
        if options.kept and not sources.is_kept(scene):
            continue
        board[scene.name] = {
            source: one.as_json() for source, one in score(scene, options.matched).items()
        }
        print("scored", scene.name, file=sys.stderr)
        if options.json:
            options.json.write_text(json.dumps(board, indent=1))
    print(table(board))
    return 0


if __name__ == "__main__":
    sys.exit(main())
