"""Settings changed over the API: each has its verdict."""

from __future__ import annotations

from tests.web.house import Stage, content, visit


def change(tmp_path, settings):
    stage = Stage()

    async def scenario(visitor):
        return content(await visitor.post("/api/v1/settings", {"settings": settings}))

    return stage, visit(tmp_path, scenario, stage)["verdicts"]


def test_a_change_reaches_the_settings_and_is_taken(tmp_path):
    stage, verdicts = change(tmp_path, {"motion": {"sensitivity": 7}})
    assert ("settings", {"motion": {"sensitivity": 7}}) in stage.asked
    assert [(one["key"], one["taken"]) for one in verdicts] == [("motion.sensitivity", True)]


def test_what_is_wrong_is_refused_by_name_and_the_rest_is_taken(tmp_path):
    _, verdicts = change(tmp_path, {"motion": {"sensitivity": 99, "ignore": "2x2:8"}})
    by_key = {one["key"]: one for one in verdicts}
    assert not by_key["motion.sensitivity"]["taken"]
    assert "1 to 10" in by_key["motion.sensitivity"]["text"]
    assert by_key["motion.ignore"]["taken"]


def test_the_page_may_not_change_what_only_the_file_may(tmp_path):
    _, verdicts = change(tmp_path, {"web": {"listen": "0.0.0.0:1"}})
    assert not verdicts[0]["taken"]
