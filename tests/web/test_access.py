from __future__ import annotations

import math
import re

from hypothesis import given
from hypothesis import strategies as st

from dashcamd.web import access
from dashcamd.web.access import Turnstile

steps = st.lists(st.tuples(st.sampled_from("ab"), st.floats(0, 40), st.booleans()), max_size=60)


def test_a_password_has_more_than_fifty_bits_and_is_easy_to_read():
    assert access.PASSWORD_LETTERS * math.log2(len(set(access.ALPHABET))) > 50
    made = {access.new_password() for _ in range(50)}
    assert len(made) == 50
    assert all(re.fullmatch("([a-z2-9]{4}-){2}[a-z2-9]{4}", password) for password in made)
    assert not set("il1o0") & set("".join(made))


def test_a_token_has_128_bits():
    assert re.fullmatch("[0-9a-f]{32}", access.new_token())
    assert access.new_token() != access.new_token()


def test_a_password_is_known_again_however_it_is_typed_and_no_other_is():
    salt = b"12345678"
    expected = access.password_hash("abcd-efgh-jkmn", salt)
    assert access.is_password("abcd-efgh-jkmn", salt, expected)
    assert access.is_password(" ABCDEFGH jkmn ", salt, expected)
    assert not access.is_password("abcd-efgh-jkmm", salt, expected)
    assert not access.is_password("abcd-efgh-jkmn", b"87654321", expected)
    assert not access.is_password("", salt, expected)
    assert not access.is_password("\udcff" * 9, salt, expected)


@given(steps)
def test_never_more_than_a_burst_and_one_a_second_are_let_through(steps):
    turnstile, now, passed = Turnstile(), 0.0, []
    for address, pause, is_wrong in steps:
        now += pause / 10
        if turnstile.wait_s(address, now) == 0:
            passed.append(now)
            if is_wrong:
                turnstile.failed(address, now)
    for place, start in enumerate(passed):
        for count, later in enumerate(passed[place:], 1):
            assert count <= access.BURST + (later - start) / access.ATTEMPT_EVERY_S + 1e-6


@given(steps)
def test_nobody_ever_waits_longer_than_half_a_minute(steps):
    turnstile, now = Turnstile(), 0.0
    for address, pause, _ in steps:
        now += pause
        wait_s = turnstile.wait_s(address, now)
        assert 0 <= wait_s <= access.BACK_OFF_LIMIT_S + 1e-9
        if wait_s == 0:
            turnstile.failed(address, now)


def test_who_guesses_all_day_does_not_keep_the_owner_out():
    turnstile, now = Turnstile(), 0.0
    for _ in range(5000):
        now += 0.1
        if turnstile.wait_s("guesser", now) == 0:
            turnstile.failed("guesser", now)
    assert turnstile.wait_s("owner", now) == 0


def test_a_wrong_password_costs_more_each_time_and_a_right_one_clears_it():
    turnstile, waits, now = Turnstile(), [], 0.0
    for _ in range(7):
        now += 100
        assert turnstile.wait_s("a", now) == 0
        turnstile.failed("a", now)
        waits.append(turnstile.wait_s("a", now))
    assert waits == [1, 2, 4, 8, 16, 30, 30]
    turnstile.passed("a")
    assert turnstile.wait_s("a", now) == 0


def test_addresses_are_not_remembered_without_a_bound():
    turnstile = Turnstile()
    for number in range(2000):
        turnstile.failed(str(number), 0.0)
    assert len(turnstile._wrong) == access.ADDRESSES_REMEMBERED
