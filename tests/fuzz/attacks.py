"""What a hostile client sends, byte by byte: made from a seed, so a failure comes again."""

from __future__ import annotations

from random import Random
from typing import Callable, List, NamedTuple

SLOW_S = 3.0
"""Between two pieces of a slow client; the server gives a whole request eight seconds."""

PATHS = (
    "/", "/sign-in", "/static/app.js", "/api/v1/session", "/api/v1/openapi.json", "/api/v1/stream",
    "/preview.mjpg", "/preview.jpg", "/live.mp4", "/api/v1/status", "/api/v1/events",
    "/api/v1/settings", "/api/v1/motion", "/api/v1/log", "/nowhere",
)  # fmt: skip
POSTS = (
    "trigger",
    "arm",
    "clock",
    "settings/check",
    "motion/what-if",
    "session",
    "events/120000_e000001_motion/lock",
)


class Place(NamedTuple):
    """What the attacker knows: the host, a token that is valid, the address of a recording."""

    host: str
    token: str
    media: str


class Attack(NamedTuple):
    """Bytes for one connection, piece by piece with `pause_s` between them."""

    name: str
    pieces: List[bytes]
    pause_s: float = 0.0


def request(
    place: Place, path: str, *lines: str, method: str = "GET", body: bytes = b"", host: str = ""
) -> bytes:
    """A request that would be let in, but for what `lines` add."""
    head = [
        "%s %s HTTP/1.1" % (method, path),
        "Host: " + (host or place.host),
        "Authorization: Bearer " + place.token,
        *lines,
    ]
    if method == "POST":
        head += ["Content-Type: application/json", "Content-Length: %d" % len(body)]
    return "\r\n".join([*head, "", ""]).encode("latin-1", "replace") + body


def any_request(rng: Random, place: Place) -> bytes:
    """An honest one."""
    if rng.random() < 0.3:
        path = "/api/v1/" + rng.choice(POSTS)
        return request(place, path, method="POST", body=b'{"confirm": true, "armed": true}')
    return request(place, rng.choice([*PATHS, place.media]))


def noise(rng: Random, most: int) -> bytes:
    return bytes(rng.randrange(256) for _ in range(rng.randrange(1, most)))


def half(rng: Random, place: Place) -> Attack:
    whole = any_request(rng, place)
    return Attack("half a request", [whole[: rng.randrange(len(whole))]])


def bad_headers(rng: Random, place: Place) -> Attack:
    lines = [
        "Content-Length: -1", "Content-Length: 1e3", "Content-Length: 5, 6", "Content-Length: 99",
        "Transfer-Encoding: chunked", "Transfer-Encoding: \x0bchunked", "Transfer-Encoding: gzip",
        "Expect: 100-continue", "Upgrade: websocket", "Connection: close, upgrade", " folded",
        "no colon", ": no name", "Name : space", "X-Nul: \0", "Cookie: dashcamd=\xff;;=;a",
        "Authorization: Bearer", "Authorization: \xe9", "Content-Encoding: gzip", "X: \xe9",
        "If-None-Match: \"", "Cookie: " + "a=b; " * 999, "Origin: null", "Origin: \x7f",
        "Content-Type: multipart/form-data; boundary=", "X-Forwarded-Proto: https", "\r\n\r\n",
    ]  # fmt: skip
    chosen = rng.choices(lines, k=rng.randrange(1, 6))
    method = rng.choice(["GET", "HEAD", "POST"])
    path = rng.choice([*PATHS, "/api/v1/trigger", place.media])
    return Attack("bad headers", [request(place, path, *chosen, method=method, body=b"{}")])


def huge(rng: Random, place: Place) -> Attack:
    size = rng.choice([4_000, 15_000, 17_000, 65_000, 300_000])
    long = "a" * size
    whole = rng.choice([
        request(place, "/" + long),
        request(place, "/api/v1/events?day=" + long),
        request(place, "/", "X: " + long),
        request(place, "/", *["X-%d: y" % number for number in range(size // 10)]),
        request(place, "/api/v1/trigger", method="POST", body=b'{"reason": "%s"}' % long.encode()),
        long.encode(),
    ])  # fmt: skip
    return Attack("huge lines", [whole])


def slow(rng: Random, place: Place) -> Attack:
    body = b'{"reason": "slow"}'
    whole = request(place, "/api/v1/trigger", method="POST", body=body)
    cut = len(whole) - rng.randrange(2, len(whole) if rng.random() < 0.5 else len(body))
    step = rng.randrange(1, 4)
    tail = [whole[at : at + step] for at in range(cut, len(whole), step)]
    return Attack("slow body", [whole[:cut], *tail[:6]], SLOW_S)


def odd_ranges(rng: Random, place: Place) -> Attack:
    first, last = (
        rng.choice([0, 1, 99, 10**9, 10**17, 10**30]),
        rng.choice(["", "0", "5", "9" * 25]),
    )
    header = rng.choice([
        *["bytes=%d-%s" % (first, last)] * 6, "bytes=-%d" % first, "bytes=-", "bytes=0-1,4-5",
        "bytes=a-b", "bytes=%s" % ("0-0," * 900), "BYTES=0-1", "pages=1-2", "bytes=\xb2-\xb3",
        "bytes=-0", "=",
    ])  # fmt: skip
    upto = rng.choice(
        ["", "", "", "", "?upto=0", "?upto=nan", "?upto=1e400", "?upto=-5", "?upto=100", "?upto="]
    )
    more = rng.choice(["X: y", "X: y", "X: y", 'If-Range: "x"', "If-Range: \xff"])
    method = rng.choice(["GET", "HEAD"])
    made = request(place, place.media + upto, "Range: " + header, more, method=method)
    return Attack("odd ranges", [made])


def wrong_hosts(rng: Random, place: Place) -> Attack:
    host = rng.choice([
        "evil.example", "127.0.0.1:99999999", "127.0.0.1:x", "[::1", "[::1]:80", "user@127.0.0.1",
        "\xff", "a" * 5000, "127.0.0.1/..", "127.0.0.1, evil", " ", "0x7f.1", "127.0.0.1\t",
    ])  # fmt: skip
    whole = request(place, rng.choice(PATHS), host=host)
    if rng.random() < 0.2:
        whole = whole.replace(b"Host: ", rng.choice([b"X: ", b"Host: a\r\nHost: "]), 1)
    return Attack("wrong hosts", [whole])


def odd_paths(rng: Random, place: Place) -> Attack:
    path = rng.choice([
        "/media/../../etc/passwd", "/media/%2e%2e/%2e%2e", "/static/..%2f..%2fconfig", "//", "*",
        "/static/%00", "/api/v1/events/%ff", "/api/v1/events/" + "%2f" * 20, "http://evil.example/",
        "/api/v1/events?limit=%s&before=%s" % (rng.randrange(-9, 999), "9" * rng.randrange(1, 40)),
        "/api/v1/events?day=%00%ff", "/api/v1/events?limit=1&limit=2", "/?%", "/\xff\xfe", "",
        "/preview.jpg?fps=nan", "/preview.mjpg?fps=-1", "/preview.mjpg?fps=1e999", "/#", "/ /",
        place.media + "/", place.media.replace("_", "%5f"), place.media + "?download=\xe9",
    ])  # fmt: skip
    method = rng.choice(
        ["GET", "GET", "HEAD", "POST", "PUT", "TRACE", "CONNECT", "get", "\xe9", ""]
    )
    return Attack("odd paths", [request(place, path, method=method, body=b"")])


def odd_bodies(rng: Random, place: Place) -> Attack:
    body = rng.choice([
        b"[" * 50_000, b'{"a":' * 9_000, b"\xff\xfe", b"NaN", b"[]", b"null", b'"x"', b"{", b"",
        b'{"unix_s": 1e999, "confirm": true}', b'{"unix_s": NaN, "confirm": true}',
        b'{"armed": "yes", "confirm": 1}', b'{"reason": "\\ud800"}', b'{"reason": "\\u0000\\n"}',
        b'{"settings": {"camera": {"resolution": [1, {}]}}}', b'{"settings": {"x": 1}}',
        b'{"motion": {"sensitivity": {}}}', b'{"motion": {"ignore": "9999x9999:f"}, "hours": 24}',
        b'{"settings": {"motion": {"ignore": "\\ud800"}}}', b'{"password": "\\ud800"}',
        b'{"unix_s": %s, "confirm": true}' % (b"9" * 5000), b'{"locked": true}', noise(rng, 400),
    ])  # fmt: skip
    path = "/api/v1/" + rng.choice(POSTS)
    return Attack("odd bodies", [request(place, path, method="POST", body=body)])


def mutated(rng: Random, place: Place) -> Attack:
    whole = bytearray(any_request(rng, place))
    for _ in range(rng.randrange(1, 8)):
        at = rng.randrange(len(whole))
        end = at + rng.choice([0, 0, 1, 5])
        whole[at:end] = rng.choice([b"", b"\0", b"\r\n", b"%", noise(rng, 6)])
    return Attack("mutated", [bytes(whole)])


def many_at_once(rng: Random, place: Place) -> Attack:
    return Attack("pipelined", [b"".join(any_request(rng, place) for _ in range(12))])


def garbage(rng: Random, place: Place) -> Attack:
    return Attack("garbage", [noise(rng, 3000)])


QUICK: List[Callable[[Random, Place], Attack]] = [
    bad_headers, huge, odd_ranges, wrong_hosts, odd_paths, odd_bodies, mutated, many_at_once,
    garbage,
]  # fmt: skip
KINDS = [half, slow, *QUICK * 4]
"""The slow ones take the server's whole patience, so they are met less often."""
