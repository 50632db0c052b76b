"""dashcamd: records what moves, with the seconds before it, on a stick that anybody may pull.

Start reading at ``docs/design/architecture.md``, then ``dashcamd/app.py``.
"""

__version__ = "0.1.0"
