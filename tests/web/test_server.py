"""The page over loopback: who may enter, what every answer carries, what a hostile client gets."""

from __future__ import annotations

import asyncio
import errno
import re

import pytest

from dashcamd import state
from dashcamd.control.status import STATES
from dashcamd.core import detector
from dashcamd.core.wants import BUMP, CONTINUOUS, DRIVING, MOTION
from dashcamd.health.machine import CONDITIONS
from dashcamd.storage.disk import storage_error
from dashcamd.storage.mp4_layout import faststart
from dashcamd.testing import stream
from dashcamd.types import Jpeg
from tests.storage.events import write_event
from tests.storage.test_mp4_layout import boxes, served, source
from tests.web.house import Stage, content, visit

from dashcamd.web import live, mjpeg, openapi, recordings, server  # isort: skip
from dashcamd.web.operations import OPERATIONS  # isort: skip
from dashcamd.web.pages import FILES, FOLDER  # isort: skip

EVENT = "120000_e000001_motion"

PUBLIC = {
    ("GET", "/sign-in"),
    ("HEAD", "/sign-in"),
    ("POST", "/api/v1/session"),
}
METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS")


def addresses(site):
    """Every route with something in the place of its variables."""
    for pattern, *_ in server.routes(site):
        path = re.sub(r"\(\?P<\w+>[^)]*\)", EVENT, pattern)
        path = path.replace("([a-z.-]{1,40})", "secrets.txt")
        path = path.replace("([0-9a-z_]{1,40})", EVENT).replace("([0-9a-z_.]{1,40})", "cover.jpg")
        assert "(" not in path, pattern
        yield path


def test_every_route_refuses_whoever_is_not_signed_in(tmp_path):
    async def scenario(visitor):
        for path in [*addresses(visitor.site), "/nowhere"]:
            for method in METHODS:
                if (method, path) in PUBLIC or path.startswith("/static/"):
                    continue
                body = "{}" if method in ("POST", "PUT", "PATCH") else None
                headers = {
                    "Origin": "http://" + visitor.host,
                    "Content-Type": "application/json",
                }
                answer = await visitor.ask(method, path, body, headers)
                led = answer.code == 302 and answer.headers["Location"] == "/sign-in"
                known = path == "/sign-in" and answer.code == 405
                assert answer.code == 401 or (path == "/" and led) or known, (method, path)
        assert visitor.stage.asked == []
        assert visitor.stage.watched == []

    visit(tmp_path, scenario, signed_in=False)


def test_what_is_public_is_files_of_the_page_and_nothing_else(tmp_path):
    async def scenario(visitor):
        assert (await visitor.get("/sign-in")).code == 200
        for name in FILES:
            assert (await visitor.get("/static/" + name)).body == (FOLDER / name).read_bytes()
        for name in ("index.html", "sign-in.html", "..", "secrets.txt", "%2e%2e%2fpages.py"):
            assert (await visitor.get("/static/" + name)).code in (401, 404)

    visit(tmp_path, scenario, signed_in=False)


@pytest.mark.parametrize("is_service", [False, True])
def test_the_way_in_names_the_command_that_shows_the_password(tmp_path, monkeypatch, is_service):
    async def scenario(visitor):
        if is_service:
            monkeypatch.setattr(state, "SERVICE", visitor.site.vault.path.parent)
        body = (await visitor.get("/sign-in")).body.decode()
        (word, text) = re.findall(r'data-w="(where_password\w*)">(.*)</p>', body)[0]
        assert text.endswith(": sudo dashcamd password") == is_service
        words = (FOLDER / "words.js").read_text()
        (line,) = re.findall(r"^  %s: (.*)$" % word, words, re.MULTILINE)
        assert line.count("sudo dashcamd password") == (3 if is_service else 0)

    visit(tmp_path, scenario, signed_in=False)


def test_every_file_of_the_page_can_be_served():
    assert {path.name for path in FOLDER.iterdir()} == {*FILES, "index.html", "sign-in.html"}


def test_the_page_needs_no_inline_script_nor_anybody_elses_files():
    for path in FOLDER.iterdir():
        if path.suffix in (".html", ".js", ".css"):
            text = path.read_text()
            foreign = re.findall(r"https?://(?!www\.w3\.org)[^\s\"']+", text)
            assert not foreign, path
            assert not re.search(r"<script(?! src=)|\son\w+=\"|style=\"|innerHTML|\beval\(", text)


def test_every_word_is_there_in_three_languages():
    lines = (FOLDER / "words.js").read_text().splitlines()
    words = {}
    for line in lines:
        match = re.fullmatch(r"  (\w+): \[(.*)\],", line)
        if match:
            words[match.group(1)] = re.findall(r"'((?:[^'\\]|\\.)*)'", match.group(2))
    assert len(words) > 80
    assert {name: len(found) for name, found in words.items() if len(found) != 3} == {}
    for name, found in words.items():
        assert len({tuple(sorted(re.findall(r"{\w}", text))) for text in found}) == 1, name
    used = set()
    for name in ("index.html", "sign-in.html"):
        used |= set(re.findall(r'data-w[la]?="(\w+)"', (FOLDER / name).read_text()))
    for path in FOLDER.glob("*.js"):
        used |= set(re.findall(r"\bw\('(\w+)'[,)]", path.read_text()))
        used |= set(re.findall(r"'(h_\w+)'", path.read_text()))
    assert used - set(words) == set()
    made = {prefix + re.sub("[^a-z]+", "_", text) for prefix, text in the_daemons_own_words()}
    assert made - set(words) == set(), "the page has no word for it"


def the_daemons_own_words():
    """What the page translates of what the daemon says, by the prefix of its words."""
    objections = [text for name, text in vars(detector).items()
                  if name.isupper() and isinstance(text, str)]  # fmt: skip
    yield from (("v_", text) for text in objections)
    yield from (("power_", text) for text in CONDITIONS)
    yield from (("stick_", text) for text in ("unknown", "good", "slow", "failing"))
    yield from (("r_", text) for text in (MOTION, DRIVING, BUMP, CONTINUOUS, "manual"))
    for text in STATES:
        yield "s_", text
        yield "m_", text


def test_every_answer_carries_the_policy(tmp_path):
    async def scenario(visitor):
        for path in ("/", "/sign-in", "/static/app.js", "/api/v1/status", "/nowhere", "/media/x/y"):
            answer = await visitor.get(path)
            assert "default-src 'none'" in answer.headers["Content-Security-Policy"], path
            assert "unsafe" not in answer.headers["Content-Security-Policy"]
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert answer.headers["Server"] == "dashcamd"
            assert "Access-Control-Allow-Origin" not in answer.headers

    visit(tmp_path, scenario)


def test_a_name_that_is_not_ours_is_answered_with_the_address_to_use(tmp_path):
    async def scenario(visitor):
        strange = {"Host": "camera.lan:%d" % visitor.port}
        address = "http://127.0.0.1:%d/" % visitor.port
        for path in ("/", "/api/v1/status", "/static/app.js"):
            said = content(await visitor.get(path, **strange))["error"]
            assert address in said, path
            assert "[web] names" in said
        page = await visitor.get("/", Accept="text/html,*/*;q=0.8", **strange)
        assert page.code == 421
        assert page.headers["Content-Type"].startswith("text/html")
        text = page.body.decode("utf-8")
        assert text.count('<a href="%s">' % address) == len(("English", "繁體中文", "日本語"))
        assert "camera.lan" not in text, "nothing of the request is repeated"

    visit(tmp_path, scenario)


def test_who_is_signed_in_is_not_asked_again(tmp_path):
    async def scenario(visitor):
        answer = await visitor.get("/sign-in")
        assert (answer.code, answer.headers["Location"]) == (302, "/")
        await visitor.post("/api/v1/session/end")
        assert (await visitor.get("/sign-in")).code == 200

    visit(tmp_path, scenario)


def test_a_phone_is_told_the_zone_of_the_cameras_clock(tmp_path, eight_hours_east):
    async def scenario(visitor):
        assert content(await visitor.get("/api/v1/status"))["clock"]["utc_offset_s"] is None
        visitor.stage.board.post("clock", {"known": True, "now": "2027-01-15T17:00:00.000Z"})
        clock = content(await visitor.get("/api/v1/status"))["clock"]
        assert clock["utc_offset_s"] == 8 * 3600

    visit(tmp_path, scenario)


def test_the_cookie_is_out_of_reach_of_scripts_and_foreign_pages(tmp_path):
    async def scenario(visitor):
        answer = await visitor.sign_in()
        cookie = answer.headers["Set-Cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=Strict" in cookie
        assert "Max-Age=34560000" in cookie
        assert "expires" not in cookie.lower()
        assert visitor.cookie not in (tmp_path / "web.json").read_text()
        assert (await visitor.get("/api/v1/status")).code == 200
        assert (await visitor.post("/api/v1/session/end")).code == 200
        assert (await visitor.get("/api/v1/status")).code == 401

    visit(tmp_path, scenario, signed_in=False)


def test_a_wrong_password_is_refused_and_guessing_is_slowed_down(tmp_path):
    async def scenario(visitor):
        assert (await visitor.sign_in("aaaa-aaaa-aaaa")).code == 403
        second = await visitor.sign_in()
        assert (second.code, second.headers["Retry-After"]) == (429, "2")
        visitor.stage.now += 1.01
        assert (await visitor.sign_in()).code == 200
        for body in ("nonsense", "[]", '{"password": 5}', "[" * 5000, b"\xff"):
            assert (await visitor.post("/api/v1/session", body)).code == 400

    visit(tmp_path, scenario, signed_in=False)


@pytest.mark.parametrize("path", ["/api/v1/trigger", "/api/v1/session", "/api/v1/session/end"])
def test_a_foreign_page_can_change_nothing(tmp_path, path):
    async def scenario(visitor):
        own = "http://" + visitor.host
        for headers, code in (
            ({"Origin": "http://evil.example"}, 403),
            ({"Origin": "null"}, 403),
            ({"Origin": own + "0"}, 403),
            ({"Content_Type": "text/plain"}, 415),
            ({"Content_Type": "application/x-www-form-urlencoded"}, 415),
            ({"Host": "evil.example"}, 421),
            ({"Host": "dashcam.local.evil.example:%d" % visitor.port}, 421),
        ):
            assert (await visitor.post(path, {}, **headers)).code == code, headers
        answer = await visitor.ask("POST", path, "{}", {"Content-Type": "application/json"})
        assert answer.code == 403, "no Origin at all"
        assert visitor.stage.asked == []

    visit(tmp_path, scenario)


def test_a_name_of_ours_is_answered(tmp_path):
    async def scenario(visitor):
        for host in ("localhost", "dashcam.local:80", "10.0.0.1:8080", "[::1]:8080"):
            assert (await visitor.get("/api/v1/status", Host=host)).code == 200

    visit(tmp_path, scenario)


def test_get_changes_nothing(tmp_path):
    async def scenario(visitor):
        visitor.stage.plug()
        for operation in OPERATIONS:
            path = operation.path.replace("{event}", EVENT)
            answer = await visitor.get(path + "?confirm=true&armed=false&locked=true")
            is_asked = (operation.path, "get") in {(one.path, one.method) for one in OPERATIONS}
            assert answer.code in ((200, 404) if is_asked else (405,)), path
        assert visitor.stage.asked == []

    visit(tmp_path, scenario)


def test_a_wrong_method_is_told_the_right_ones(tmp_path):
    async def scenario(visitor):
        for path, methods in (
            ("/api/v1/arm", "POST"),
            ("/api/v1/status", "GET"),
            ("/", "GET"),
            ("/media/a/b", "GET, HEAD"),
        ):
            answer = await visitor.ask("PUT", path)
            assert (answer.code, answer.headers["Allow"]) == (405, methods), path

    visit(tmp_path, scenario)


def test_a_script_signs_in_with_its_token(tmp_path):
    async def scenario(visitor):
        token = visitor.site.vault.add_token("backup")
        bearer = {"Authorization": "Bearer " + token}
        assert (await visitor.ask("GET", "/api/v1/status", None, bearer)).code == 200
        plain = {**bearer, "Content-Type": "application/json"}
        assert (await visitor.ask("POST", "/api/v1/trigger", "{}", plain)).code == 200
        foreign = {**plain, "Origin": "http://evil.example"}
        assert (await visitor.ask("POST", "/api/v1/trigger", "{}", foreign)).code == 403
        wrong = {"Authorization": "Bearer " + "0" * 32}
        assert (await visitor.ask("GET", "/api/v1/status", None, wrong)).code == 401
        assert visitor.stage.asked == [("trigger", "manual")]

    visit(tmp_path, scenario, signed_in=False)


def test_the_buttons_reach_the_daemon(tmp_path):
    async def scenario(visitor):
        post = visitor.post
        assert content(await post("/api/v1/trigger", {"reason": "horn"})) == {"triggered": "horn"}
        sure = {"confirm": True}
        assert content(await post("/api/v1/arm", {"armed": True, **sure})) == {"armed": True}
        assert (await post("/api/v1/arm", {"armed": False})).code == 400
        assert (await post("/api/v1/arm", {"armed": False, "confirm": True})).code == 200
        assert visitor.stage.asked == [("trigger", "horn"), ("arm", True), ("arm", False)]

    visit(tmp_path, scenario)


@pytest.mark.parametrize(
    ("path", "body", "word"),
    [
        ("trigger", {"reason": 5}, "reason must be"),
        ("trigger", {"reason": "x" * 61}, "60"),
        ("trigger", {"why": "x"}, "unknown key 'why'"),
        ("arm", {}, "armed is missing"),
        ("arm", {"armed": "yes", "confirm": True}, "armed must be"),
        ("clock", {"unix_s": 5, "confirm": True}, "unix_s must be"),
        ("clock", {"unix_s": 1_800_000_000}, "confirm is missing"),
        ("trigger", "nonsense", "not JSON"),
        ("trigger", "[]", "not a JSON object"),
    ],
)
def test_nonsense_is_answered_with_one_line(tmp_path, path, body, word):
    async def scenario(visitor):
        answer = await visitor.post("/api/v1/" + path, body)
        assert answer.code == 400
        assert word in content(answer)["error"]
        assert visitor.stage.asked == []

    visit(tmp_path, scenario)


def test_a_phone_sets_a_clock_that_nobody_else_has_set(tmp_path):
    stage, ask = Stage(), {"unix_s": 1_800_000_000.5, "confirm": True}

    async def scenario(visitor):
        assert content(await visitor.post("/api/v1/clock", ask)) == {"taken": True}
        stage.board.post("clock", {"known": True, "uncertainty_s": 0.5, "source": "ntp"})
        assert content(await visitor.post("/api/v1/clock", ask)) == {"taken": False}
        ((_, anchor),) = stage.asked
        assert (anchor.ts, anchor.wall, anchor.source) == (stage.now, 1_800_000_000.5, "phone")

    visit(tmp_path, scenario, stage)


def test_events_are_listed_newest_first_in_pages(tmp_path):
    stage = Stage()
    volume = stage.plug()
    for _ in range(5):
        write_event(volume, ("kppp" * 2, "kppp"))

    async def scenario(visitor):
        first = content(await visitor.get("/api/v1/events?limit=3"))
        assert [event["number"] for event in first["events"]] == [5, 4, 3]
        rest = content(await visitor.get("/api/v1/events?before=%d" % first["next"]))
        assert [event["number"] for event in rest["events"]] == [2, 1]
        assert (rest["next"], rest["total"], len(rest["days"])) == (None, 5, 1)
        assert content(await visitor.get("/api/v1/events?day=2001-01-01"))["events"] == []
        event = first["events"][0]
        assert [part["open"] for part in event["parts"]] == [False, False]
        assert event["duration_s"] == pytest.approx(12 / 30, abs=0.01)
        for query in ("limit=0", "limit=x", "limit=1e9", "before=-1", "day=" + "x" * 30):
            assert (await visitor.get("/api/v1/events?" + query)).code == 400

    visit(tmp_path, scenario, stage)


def test_an_event_is_locked_and_unlocked(tmp_path):
    stage = Stage()
    name = write_event(stage.plug())

    async def scenario(visitor):
        path = "/api/v1/events/%s/lock" % name.folder
        assert content(await visitor.post(path, {"locked": True}))["locked"] is True
        assert content(await visitor.get("/api/v1/events/" + name.folder))["locked"] is True
        assert content(await visitor.post(path, {"locked": False}))["locked"] is False

    visit(tmp_path, scenario, stage)


def test_deleting_is_asked_of_the_keep_thread_and_its_reason_is_told(tmp_path):
    stage = Stage()
    name = write_event(stage.plug())
    path = "/api/v1/events/%s/delete" % name.folder

    async def scenario(visitor):
        assert (await visitor.post(path, {})).code == 400
        assert (await visitor.post(path, {"confirm": True})).code == 200
        stage.refusal = "this event is locked; unlock it first"
        answer = await visitor.post(path, {"confirm": True})
        assert (answer.code, content(answer)) == (409, {"error": stage.refusal})
        assert stage.asked == [("delete", name.folder)] * 2
        gone = "/api/v1/events/120000_e000009_motion/delete"
        assert (await visitor.post(gone, {"confirm": True})).code == 404

    visit(tmp_path, scenario, stage)


def test_without_a_stick_there_is_nothing_and_it_says_so(tmp_path):
    async def scenario(visitor):
        for path in ("/api/v1/events", "/api/v1/events/" + EVENT, "/media/%s/cover.jpg" % EVENT):
            answer = await visitor.get(path)
            assert answer.code == 404
            assert "stick" in content(answer)["error"]
        answer = await visitor.post("/api/v1/eject", {"confirm": True})
        assert answer.code == 409

    visit(tmp_path, scenario)


class Broken:
    """A stick that answers nothing but errors."""

    def __init__(self, code):
        self.code = code

    def entries(self, path):
        raise storage_error("list", path, self.code)


@pytest.mark.parametrize(
    ("code", "status", "text"),
    [(errno.EIO, 503, "the medium failed"), (errno.ENOENT, 404, "it is not there")],
)
def test_a_stick_that_fails_is_one_line(tmp_path, code, status, text):
    """What is gone between two looks is no failure of ours: somebody deleted it."""
    stage = Stage()
    stage.plug().disk = Broken(code)

    async def scenario(visitor):
        answer = await visitor.get("/api/v1/events")
        assert answer.code == status
        assert text in content(answer)["error"]

    visit(tmp_path, scenario, stage)


def test_a_part_is_played_by_ranges(tmp_path):
    stage = Stage()
    volume = stage.plug()
    name = write_event(volume)
    path = "/media/%s/120000_p00.mp4" % name.folder
    stored = source(volume.disk, name.path + "/120000_p00.mp4")
    data = served(faststart(stored), stored)

    async def scenario(visitor):
        raw = await visitor.get(path + "?raw=1")
        assert (raw.code, raw.body) == (200, stored.data)
        whole = await visitor.get(path)
        assert raw.headers["ETag"] != whole.headers["ETag"]
        assert (whole.code, whole.body) == (200, data)
        assert whole.headers["Content-Type"] == "video/mp4"
        some = await visitor.get(path, Range="bytes=10-19")
        assert (some.code, some.body) == (206, data[10:20])
        assert some.headers["Content-Range"] == "bytes 10-19/%d" % len(data)
        last = await visitor.get(path, Range="bytes=-5")
        assert last.body == data[-5:]
        beyond = await visitor.get(path, Range="bytes=%d-" % len(data))
        assert (beyond.code, beyond.headers["Content-Range"]) == (416, "bytes */%d" % len(data))
        head = await visitor.head(path)
        assert (head.code, head.body) == (200, b"")
        assert head.headers["Content-Length"] == str(len(data))
        etag = whole.headers["ETag"]
        assert (await visitor.get(path, Range="bytes=0-1", If_Range=etag)).code == 206
        assert (await visitor.get(path, Range="bytes=0-1", If_Range='"x"')).code == 200
        kept = await visitor.get(path + "?download=1")
        assert kept.headers["Content-Disposition"] == 'attachment; filename="120000_p00.mp4"'
        assert kept.body == data

    visit(tmp_path, scenario, stage)


def test_a_part_that_grows_is_frozen_and_stays_that_file_when_it_is_closed(tmp_path):
    stage = Stage()
    volume = stage.plug()
    name = write_event(volume, (), open_part="kpppkppp")
    path = "/media/%s/120000_p00.part.mp4" % name.folder

    async def scenario(visitor):
        answer = await visitor.get(path)
        assert answer.code == 302
        frozen = answer.headers["Location"]
        assert re.fullmatch(re.escape(path) + r"\?upto=\d+", frozen)
        before = await visitor.get(frozen)
        assert (before.code, boxes(before.body)) == (200, ["ftyp", "moov", "mdat"])
        # the whole part is recovered: closed and renamed
        from dashcamd.storage import recovery

        recovery.recover_part(volume.disk, name.path + "/120000_p00.part.mp4")
        after = await visitor.get(frozen)
        assert after.body == before.body
        assert after.headers["ETag"] == before.headers["ETag"]
        finished = await visitor.get(path[:-9] + ".mp4")
        assert before.headers["ETag"] != finished.headers["ETag"]
        late = await visitor.get(path + "?download=1")
        assert (late.code, late.body) == (200, finished.body), "who kept its name gets the whole"
        assert late.headers["Content-Disposition"] == 'attachment; filename="120000_p00.mp4"'
        assert (await visitor.get(path + "?upto=10")).code == 404
        assert (await visitor.get(path + "?upto=x")).code == 400

    visit(tmp_path, scenario, stage)


def test_a_part_that_grows_under_its_final_name_is_told_and_frozen_too(tmp_path):
    stage = Stage()
    volume = stage.plug()
    volume.disk.renames_are_whole = False
    name = write_event(volume, ("kppp",), open_part="kppp")
    path = "/media/%s/120000_p01.mp4" % name.folder

    async def scenario(visitor):
        event = content(await visitor.get("/api/v1/events/" + name.folder))
        assert [part["open"] for part in event["parts"]] == [False, True]
        frozen = (await visitor.get(path)).headers["Location"]
        assert [part["play"] for part in event["parts"]] == [event["parts"][0]["url"], frozen]
        before = await visitor.get(frozen)
        from dashcamd.storage import recovery

        recovery.recover_part(volume.disk, name.path + "/120000_p01.mp4")
        assert (await visitor.get(frozen)).body == before.body
        assert (await visitor.get(path)).body == before.body, "nothing was written since"

    visit(tmp_path, scenario, stage)


def test_a_part_without_a_whole_picture_has_nothing_to_play_until_it_has(tmp_path):
    stage = Stage()
    volume = stage.plug()
    name = write_event(volume, (), open_part="kppp")
    path = name.path + "/120000_p00.part.mp4"
    whole = volume.disk.content(path)
    volume.disk.put(path, whole[:-1])

    async def scenario(visitor):
        asked = "/api/v1/events/" + name.folder
        (part,) = content(await visitor.get(asked))["parts"]
        assert part["play"] is None
        assert (await visitor.get(part["url"])).code == 404
        volume.disk.put(path, whole)
        (part,) = content(await visitor.get(asked))["parts"]
        assert (await visitor.get(part["play"])).code == 200

    visit(tmp_path, scenario, stage)


def test_a_part_whose_content_somebody_replaced_is_served_as_it_is(tmp_path):
    stage = Stage()
    volume = stage.plug()
    name = write_event(volume)
    nonsense = b"\0\0\0\x08ftyp" + b"nonsense" * 90
    volume.disk.put(name.path + "/120000_p00.mp4", nonsense)

    async def scenario(visitor):
        (part,) = content(await visitor.get("/api/v1/events/" + name.folder))["parts"]
        answer = await visitor.get(part["play"])
        assert (answer.code, answer.body) == (200, nonsense)

    visit(tmp_path, scenario, stage)


def test_the_index_of_a_part_is_read_once_for_all_its_ranges(tmp_path):
    stage = Stage()
    name = write_event(stage.plug())
    path = "/media/%s/120000_p00.mp4" % name.folder

    async def scenario(visitor):
        for start in range(0, 50, 10):
            answer = await visitor.get(path, Range="bytes=%d-%d" % (start, start + 9))
            assert answer.code == 206
        assert len(made) == 1
        stage.plug()
        write_event(stage.slot.peek()[1])
        await visitor.get(path)
        assert len(made) == 2, "another stick, another file"

    made = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recordings, "faststart", lambda file: made.append(file) or faststart(file))
        visit(tmp_path, scenario, stage)


@pytest.mark.parametrize(
    "path",
    [
        "/media/%s/event.json" % EVENT,
        "/media/%s/locked.txt" % EVENT,
        "/media/%s/120000_p07.mp4" % EVENT,
        "/media/%s/..%%2f..%%2fvolume.json" % EVENT,
        "/media/../volume.json",
        "/media/%2e%2e/%2e%2e/etc/passwd",
        "/media/120000_e000002_motion/120000_p00.mp4",
        "/media/DASHCAM/volume.json",
        "//etc/passwd",
        "/api/v1/events/..",
        "/api/v1/events/%2e%2e%2f%2e%2e",
    ],
)
def test_no_path_of_a_request_reaches_the_disk(tmp_path, path):
    stage = Stage()
    write_event(stage.plug())

    async def scenario(visitor):
        assert (await visitor.get(path)).code == 404

    visit(tmp_path, scenario, stage)


def test_one_picture_is_fresh_or_drawn(tmp_path, monkeypatch):
    stage = Stage()

    async def scenario(visitor):
        stage.previews.put(Jpeg(stage.now - 0.25, b"picture"))
        answer = await visitor.get("/preview.jpg")
        assert (answer.body, answer.headers["X-Age-Ms"]) == (b"picture", "250")
        stage.now += 60
        waiting = asyncio.ensure_future(visitor.get("/preview.jpg"))
        while not visitor.site.preview._waiting:
            await asyncio.sleep(0)
        stage.previews.put(Jpeg(stage.now, b"later"))
        visitor.site.preview.tick()
        assert (await waiting).body == b"later"
        stage.now += 60
        monkeypatch.setattr(mjpeg, "PATIENCE_S", 0)
        drawn = await visitor.get("/preview.jpg")
        assert drawn.body.startswith(b"\xff\xd8")
        assert "X-Age-Ms" not in drawn.headers, "a page must not call it live"

    visit(tmp_path, scenario, stage)


@pytest.mark.parametrize("path", ["/preview.mjpg", "/live.mp4", "/api/v1/stream", "/api/v1/motion"])
def test_a_stream_ends_when_its_phone_is_signed_out(tmp_path, monkeypatch, path):
    stage = Stage()
    for module in (mjpeg, live):
        monkeypatch.setattr(module, "SWEEP_S", 0.01)

    async def scenario(visitor):
        for frame in stream("kpp", pad_bytes=100):
            stage.ring.append(frame)
        visitor.site.news._period_s = visitor.site.motion._period_s = 0.01
        _, reader, writer = await visitor.stream(path)
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(_to_the_end(reader), 0.1)
        visitor.site.vault.renew()
        await _to_the_end(reader)
        writer.close()

    visit(tmp_path, scenario, stage)


async def _to_the_end(reader):
    while await reader.read(1 << 16):
        pass


def test_who_asks_again_and_again_waits_for_the_next_picture(tmp_path):
    stage = Stage()

    async def scenario(visitor):
        stage.previews.put(Jpeg(stage.now - 0.25, b"picture"))
        stamp = (await visitor.get("/preview.jpg?after=0")).headers["X-Stamp"]
        waiting = asyncio.ensure_future(visitor.get("/preview.jpg?after=" + stamp))
        while not visitor.site.preview._waiting:
            assert not waiting.done(), "the same one was sent again"
            await asyncio.sleep(0)
        stage.now += 0.5
        stage.previews.put(Jpeg(stage.now - 0.1, b"next"))
        visitor.site.preview.tick()
        answer = await waiting
        assert answer.body == b"next"
        assert (answer.headers["X-Age-Ms"], answer.headers["X-Waited-Ms"]) == ("100", "500")
        assert (await visitor.get("/preview.jpg?after=soon")).code == 400

    visit(tmp_path, scenario, stage)


def test_the_preview_is_pushed_and_ends_with_the_client(tmp_path):
    stage = Stage()

    async def scenario(visitor):
        head, reader, writer = await visitor.stream("/preview.mjpg?fps=12")
        assert "200 OK" in head
        assert "multipart/x-mixed-replace; boundary=frame" in head
        assert "Content-Security-Policy" in head
        assert stage.watched == [12]
        stage.previews.put(Jpeg(stage.now, b"picture"))
        visitor.site.preview.tick()
        wanted = b"--frame\r\nContent-Type: image/jpeg\r\n\r\npicture\r\n--frame\r\n"
        got = await reader.readexactly(len(wanted))
        assert got == wanted
        writer.close()
        while stage.watched != [12, 0]:
            await asyncio.sleep(0)
        assert (await visitor.get("/preview.mjpg?fps=1000")).code == 400

    visit(tmp_path, scenario, stage)


def test_hd_is_pushed(tmp_path):
    stage = Stage()

    async def scenario(visitor):
        assert (await visitor.get("/live.mp4")).code == 409
        for frame in stream("kp"):
            stage.ring.append(frame)
        head, reader, writer = await visitor.stream("/live.mp4")
        assert 'video/mp4; codecs="avc1.42c00a"' in head
        assert (await reader.readexactly(8))[4:] == b"ftyp"
        writer.close()
        while visitor.site.live.viewers:
            await asyncio.sleep(0)

    visit(tmp_path, scenario, stage)


def test_the_state_is_pushed(tmp_path):
    async def scenario(visitor):
        head, reader, writer = await visitor.stream("/api/v1/stream")
        assert "text/event-stream" in head
        assert await reader.readline() == b"event: state\n"
        assert b'"state":"no stick"' in await reader.readline()
        writer.close()

    visit(tmp_path, scenario)


def test_settings_are_shown_and_checked_but_not_changed(tmp_path):
    async def scenario(visitor):
        found = content(await visitor.get("/api/v1/settings"))
        assert [section["name"] for section in found["sections"]][:2] == ["camera", "motion"]
        check = "/api/v1/settings/check"
        fine = {"settings": {"camera": {"framerate": 30}}}
        assert content(await visitor.post(check, fine)) == {"ok": True, "error": None}
        wrong = {"settings": {"camera": {"framerate": 3000}}}
        answer = content(await visitor.post(check, wrong))
        assert answer["ok"] is False
        assert "1 to 90" in answer["error"]

    visit(tmp_path, scenario)


def test_the_description_covers_every_operation(tmp_path):
    async def scenario(visitor):
        found = content(await visitor.get("/api/v1/openapi.json"))
        asked = {(path, method) for path, item in found["paths"].items() for method in item}
        assert asked == {(operation.path, operation.method) for operation in OPERATIONS}
        identities = [item["operationId"] for path in found["paths"].values()
                      for item in path.values()]  # fmt: skip
        assert len(set(identities)) == len(identities)

    visit(tmp_path, scenario)
    assert openapi.document(OPERATIONS)["openapi"].startswith("3.")


def test_rubbish_on_the_wire_is_dropped_and_the_next_client_is_served(tmp_path):
    async def scenario(visitor):
        for rubbish in (b"\0\xff" * 500, b"GET\r\n\r\n", b"GET / HTTP/9\r\n\r\n", b"\r\n" * 50,
                        b"POST /api/v1/session HTTP/1.1\r\nHost: localhost\r\n"
                        b"Content-Length: 999999999\r\n\r\n",
                        b"GET / HTTP/1.1\r\nX: " + b"a" * 40_000 + b"\r\n\r\n"):  # fmt: skip
            reader, writer = await asyncio.open_connection("127.0.0.1", visitor.port)
            writer.write(rubbish)
            writer.write_eof()
            answer = await reader.read()
            assert answer == b"" or b" 4" in answer.split(b"\r\n")[0]
            writer.close()
        assert (await visitor.get("/api/v1/status")).code == 200

    visit(tmp_path, scenario)


def test_connections_have_a_bound(tmp_path, monkeypatch):
    monkeypatch.setattr(server, "CONNECTIONS", 3)

    async def scenario(visitor):
        opened = [await asyncio.open_connection("127.0.0.1", visitor.port) for _ in range(4)]
        reader, _ = opened[3]
        assert await reader.read() == b""
        for _, writer in opened:
            writer.close()

    visit(tmp_path, scenario, signed_in=False)
