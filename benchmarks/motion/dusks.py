"""``python -m benchmarks.motion.dusks``: visitors at dusk, at night and in noise; tuned on.

Drawn at ten pictures a second straight to ``lores`` fields. Rounds from `HELD_ROUND` on are only
scored.
"""

from __future__ import annotations

import argparse
import sys

from benchmarks.motion import scenes, scoring, sources

HELD_ROUND = 50


def score(scene):
    """The tally of one scene, and the seconds of its visitors that were held on."""
    fields = sources.of_drawn(scene)
    truth = scenes.spans(fields.moving, 1 / fields.fps)
    spans = fields.motions("lores")
    held_s = sum(max(0.0, min(b, d) - max(a, c)) for a, b in truth for c, d in spans)
    return scoring.tally(spans, truth, fields.seconds), held_s, sum(b - a for a, b in truth)


def main(argv=None):
    """Draw what is missing, score everything, print the table."""
    parser = argparse.ArgumentParser(prog="benchmarks.motion.dusks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--held", action="store_true", help="the rounds that are only scored")
    options = parser.parse_args(argv)
    rows, first = {}, HELD_ROUND if options.held else 0
    for number in range(first, first + options.rounds):
        for scene in scenes.dusks(number):
            tally, held_s, visited_s = score(scene)
            row = rows.setdefault(scene.name.rpartition("_")[0], [scoring.Tally(), 0.0, 0.0])
            row[0].add(tally)
            row[1] += held_s
            row[2] += visited_s
            print("scored", scene.name, file=sys.stderr)
    print("| scene | found | held, of their time | false | quiet minutes |\n|---|---|---|---|---|")
    for name, (tally, held_s, visited_s) in rows.items():
        cells = name, tally.found, tally.events, 100 * held_s / visited_s, tally.false
        print("| %s | %d/%d | %.0f %% | %d | %.1f |" % (*cells, tally.quiet_s / 60))
    return 0


if __name__ == "__main__":
    sys.exit(main())
