"""What takes minutes or days, with a clock that the test sets (libfaketime): shares, tokens, keys."""
import glob
import json

import pytest

import replay
from client import PASSWORD, Api, Person, eventually, new_email, problem, sign_in, sign_up, uuid7
from test_tokens import parts, public_key

MINUTE, HOUR, DAY = 60, 3600, 86400


class Clock:
    """The wall clock of one service; its monotonic clock runs on as it does."""

    def __init__(self, file):
        self.file, self.offset = file, 0
        self.add(0)
        (library,) = glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")
        self.env = {"LD_PRELOAD": library, "FAKETIME_TIMESTAMP_FILE": str(file), "FAKETIME_NO_CACHE": "1",
                    "DONT_FAKE_MONOTONIC": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}

    def add(self, seconds):
        self.offset += seconds
        following = self.file.with_suffix(".new")
        following.write_text(f"{self.offset:+d}")
        following.replace(self.file)


@pytest.fixture
def clock(tmp_path):
    return Clock(tmp_path / "clock")


@pytest.fixture
def server(make_server, clock):
    return make_server(env=clock.env).start()


def refresh(person, token=None):
    return Api(person.address).post("/v1/auth/refresh", {"refresh_token": token or person.refresh_token})


def works(person):
    return person.get("/v1/me").status == 200


@pytest.mark.parametrize("use", ["access", "refresh"])
def test_reuse_60_s_after_the_successor_was_used_ends_the_session(server, clock, use):
    first, other = sign_up(server.address), None
    other = sign_in(first)
    second = refresh(first).json()
    access = Person(server.address, {"user": first.user, **second}, PASSWORD)
    clock.add(10 * MINUTE)  # Not used yet: however long, the same successor.
    assert refresh(first).json()["refresh_token"] == second["refresh_token"]
    if use == "access":
        assert works(access)
    else:
        assert refresh(access).status == 200
    clock.add(50)
    assert refresh(first).json()["refresh_token"] == second["refresh_token"]
    clock.add(20)
    problem(refresh(first), 401)
    problem(refresh(access), 401)  # The session has ended with it,
    eventually(lambda: not works(access))
    assert works(other) and refresh(other).status == 200  # and no other.


def test_access_tokens_live_an_hour(server, clock):
    person = sign_up(server.address)
    clock.add(59 * MINUTE)
    assert works(person)
    clock.add(2 * MINUTE)
    problem(person.get("/v1/me"), 401)  # It is remembered as verified, and expires all the same.
    following = Person(server.address, {"user": person.user, **refresh(person).json()}, PASSWORD)
    assert works(following)


@pytest.mark.one_process  # Each counts failed sign-ins for itself.
def test_failed_sign_ins_are_forgotten_after_15_minutes(server, clock):
    person, api = sign_up(server.address), server.api()
    for _ in range(10):
        problem(api.post("/v1/auth/sign-in", {"email": person.email, "password": "wrong"}), 401)
    body = {"email": person.email, "password": PASSWORD}
    problem(api.post("/v1/auth/sign-in", body), 429)
    clock.add(14 * MINUTE)
    problem(api.post("/v1/auth/sign-in", body), 429)
    clock.add(2 * MINUTE)
    api.post("/v1/auth/sign-in", body, status=200)


def test_idempotency_keys_live_24_hours(server, clock):
    person = sign_up(server.address)
    a_list, key = person.make_list(), {"Idempotency-Key": uuid7()}

    def add():
        api = sign_in(person)
        return api.post(f"/v1/lists/{a_list}/items", {"text": "a"}, headers=key, status=201)

    first = add()
    clock.add(23 * HOUR)
    assert add().body == first.body
    clock.add(2 * HOUR)
    later = add()
    assert later.header("Idempotent-Replayed") is None and later.json()["id"] != first.json()["id"]
    log = sign_in(person).log(a_list)  # The op's id has the time of the key's first use in it.
    assert len({change["op_id"] for change in log}) == 3


def test_signing_keys_are_rotated_and_the_old_ones_published(server, clock):
    person = sign_up(server.address)
    before = parts(person.token)[0]["kid"]
    public_key(server.address, before)
    clock.add(400 * DAY)
    server.restart()
    later = Api(server.address).post("/v1/auth/sign-in", {"email": person.email, "password": PASSWORD}, status=200)
    after = parts(later.json()["access_token"])[0]["kid"]
    assert after != before
    public_key(server.address, after)
    assert works(Person(server.address, later.json(), PASSWORD))
    kids = [each["kid"] for each in server.api().get("/.well-known/jwks.json").json()["keys"]]
    assert before not in kids, "its last token expired long ago"


def test_a_clock_set_back_after_the_first_start_does_not_stop_sign_in(server, clock):
    """The one signing key there is was made in what is now the future."""
    person = sign_up(server.address)
    clock.add(-2 * HOUR)
    sign_in(person).get("/v1/me", status=200)


def test_time_in_a_list_never_runs_backwards(server, clock):
    clock.add(DAY)
    person = sign_up(server.address)
    a_list = person.make_list()
    person.add(a_list, "at noon")
    clock.add(-2 * HOUR)
    person = sign_in(person)  # What was issued at noon is not yet valid.
    item = person.add(a_list, "after the clock was set back")
    person.patch(f"/v1/lists/{a_list}/items/{item['id']}", {"done": True}, status=200)
    server.restart()
    person = sign_in(person)
    person.add(a_list, "after a restart")
    clock.add(HOUR)
    person = sign_in(person)
    person.add(a_list, "later")
    replay.check_log(person.log(a_list), a_list, person.whole(a_list), person.id)
    body = {"email": new_email(), "password": PASSWORD, "name": "A"}
    assert json.loads(server.api().post("/v1/auth/sign-up", body, status=201).body)["user"]["created_at"]
