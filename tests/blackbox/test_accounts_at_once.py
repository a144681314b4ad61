"""Accounts when several things happen at the same moment, and what is told of them."""
import concurrent.futures
import hashlib
import json
import re

import pytest

import members
from client import PASSWORD, Api, new_email, problem, sign_in, sign_up, uuid7


def at_once(calls):
    with concurrent.futures.ThreadPoolExecutor(len(calls)) as pool:
        return [each.result() for each in [pool.submit(call) for call in calls]]


def test_right_passwords_that_are_under_way_are_no_failures(new_person, anonymous):
    someone = new_person()
    body = {"email": someone.email, "password": someone.password}
    answers = at_once([lambda: Api(someone.address).post("/v1/auth/sign-in", body)] * 24)
    assert [answer.status for answer in answers] == [200] * 24


@pytest.mark.one_process  # Each counts failed sign-ins for itself.
def test_wrong_passwords_at_once_get_no_more_than_ten_tries(new_person):
    someone = new_person()
    body = {"email": someone.email, "password": "wrong wrong wrong"}
    answers = at_once([lambda: Api(someone.address).post("/v1/auth/sign-in", body)] * 16)
    assert sorted(answer.status for answer in answers) == [401] * 10 + [429] * 6


def test_changes_of_an_account_at_once_are_all_made(new_person):
    someone = new_person()
    calls = [lambda n=n: Api(someone.address, someone.token).patch("/v1/me", {"settings": {f"k{n}": n}})
             for n in range(24)]
    calls += [lambda: Api(someone.address, someone.token).patch("/v1/me", {"name": "N"})] * 8
    assert {answer.status for answer in at_once(calls)} == {200}
    me = someone.get("/v1/me").json()
    assert me["settings"] == {f"k{n}": n for n in range(24)} and me["name"] == "N"


def test_a_sign_in_with_the_old_password_does_not_outlive_its_change(new_person):
    for _ in range(3):
        someone = new_person()
        old = {"email": someone.email, "password": someone.password}
        sign_ins = [lambda: Api(someone.address).post("/v1/auth/sign-in", old)] * 4
        change = lambda: someone.put("/v1/me/password", {"current": PASSWORD, "new": "another long phrase"})
        changed, *answers = at_once([change, *sign_ins])
        assert changed.status == 204
        for answer in answers:
            if answer.status == 200:
                assert Api(someone.address, answer.json()["access_token"]).get("/v1/me").status == 401


def test_a_chain_of_refreshes_gives_each_its_successor_again(new_person):
    someone = new_person()
    pairs = [{"access_token": someone.token, "refresh_token": someone.refresh_token}]
    ask = lambda pair: someone.post("/v1/auth/refresh", {"refresh_token": pair["refresh_token"]}, status=200).json()
    for _ in range(8):
        pairs.append(ask(pairs[-1]))
    for before, after in zip(pairs, pairs[1:]):
        again = ask(before)
        assert all(again[name] == after[name] for name in ("access_token", "refresh_token"))
    Api(someone.address, pairs[-1]["access_token"]).get("/v1/me", status=200)


def test_a_session_cannot_be_refreshed_without_end(new_person):
    someone = new_person()
    token, answers = someone.refresh_token, []
    for _ in range(80):
        answers.append(someone.post("/v1/auth/refresh", {"refresh_token": token}))
        if answers[-1].status != 200:
            break
        token = answers[-1].json()["refresh_token"]
    problem(answers[-1], 429)
    assert int(answers[-1].header("Retry-After")) >= 1 and len(answers) > 60


@pytest.mark.parametrize("text", [
    "0.30000000000000004", "123456789.12345679", "1.5", "-0", "1E2", "12345678901234567890123", "1.7976931348623157e308",
])
def test_numbers_in_settings_stay_as_they_were_written(new_person, text):
    someone = new_person()
    answer = someone.patch("/v1/me", body=b'{"settings":{"n":' + text.encode() + b'}}', status=200)
    assert b'"n":' + text.encode() + b"}" in answer.body
    someone.patch("/v1/me", {"settings": {"other": 1}}, status=200)
    assert b'"n":' + text.encode() + b"," in someone.get("/v1/me", status=200).body


@pytest.mark.parametrize("text", ["1e400", "-1e400", "1.7976931348623159e308", "9" * 400, "1e99999999999"])
def test_numbers_that_no_client_could_read_are_422(new_person, text):
    someone = new_person()
    someone.patch("/v1/me", {"settings": {"keep": 1}}, status=200)
    problem(someone.patch("/v1/me", body=b'{"settings":{"n":' + text.encode() + b'}}'), 422, pointers=["/settings/n"])
    assert someone.get("/v1/me").json()["settings"] == {"keep": 1}


def test_addresses_of_all_alphabets_compare_without_case(anonymous):
    email = f"Éва-Ångström-{uuid7()}@Example.org"
    anonymous.post("/v1/auth/sign-up", {"email": email, "password": PASSWORD, "name": "A"}, status=201)
    other = {"email": email.lower(), "password": PASSWORD}
    problem(anonymous.post("/v1/auth/sign-up", other | {"name": "B"}), 409, "email_taken")
    assert anonymous.post("/v1/auth/sign-in", other, status=200).json()["user"]["email"] == email


@pytest.mark.one_process  # Each counts failed sign-ins for itself.
def test_all_that_is_wrong_is_told_though_a_password_must_be_looked_at(new_person):
    someone = new_person()
    both = {"current": "wrong wrong wrong", "new": "short", "x": 1}
    problem(someone.put("/v1/me/password", both), 422, pointers=["/current", "/new", "/x"])
    problem(someone.put("/v1/me/password", both | {"current": PASSWORD}), 422, pointers=["/new", "/x"])
    problem(someone.call("DELETE", "/v1/me", {"password": "wrong wrong wrong", "x": 1}), 422,
            pointers=["/password", "/x"])
    problem(someone.patch("/v1/me", {"name": "", "settings": {"a": "x" * 17000}}), 422,
            pointers=["/name", "/settings"])
    for _ in range(8):
        someone.put("/v1/me/password", both, status=422)
    problem(someone.put("/v1/me/password", both), 429)  # They have counted.


@pytest.mark.one_process  # Each counts failed sign-ins for itself.
def test_what_is_left_of_a_share_is_told(new_person, anonymous):
    someone = new_person()
    wrong = {"email": someone.email, "password": "wrong wrong wrong"}
    for left in (9, 8):
        answer = anonymous.post("/v1/auth/sign-in", wrong, status=401)
        assert answer.header("RateLimit-Policy") == '"sign-in";q=10;w=900'
        told = re.fullmatch(rf'"sign-in";r={left};t=(\d+)', answer.header("RateLimit"))
        assert told and 890 <= int(told[1]) <= 900, answer
    answer = anonymous.post("/v1/auth/sign-in", wrong | {"password": someone.password}, status=200)
    assert answer.header("RateLimit").startswith('"sign-in";r=8;')
    fresh = anonymous.post("/v1/auth/sign-in", wrong | {"email": new_email()}, status=401)
    assert fresh.header("RateLimit").startswith('"sign-in";r=9;')
    assert someone.get("/v1/me").header("RateLimit") is None


def test_passwords_are_not_kept_with_an_idempotency_key_in_a_form_that_can_be_guessed(own_server):
    """A plain digest of the body would let whoever has a backup try passwords without argon2."""
    someone = sign_up(own_server.address)
    body = json.dumps({"current": someone.password, "new": "another long phrase"}).encode()
    mine = {"Idempotency-Key": uuid7()}
    someone.put("/v1/me/password", body=body, headers=mine, status=204)
    again = someone.put("/v1/me/password", body=body, headers=mine, status=204)
    assert again.header("Idempotent-Replayed") == "true"
    problem(someone.put("/v1/me/password", {"current": "x", "new": "y"}, headers=mine), 422, "idempotency_key_reused")
    assert own_server.stop() == 0
    digests = [row[0] for row in own_server.sql("SELECT digest FROM idempotency")]
    assert len(digests) == 1 and digests[0] != hashlib.sha256(body).digest()


def test_cookies_of_a_session_that_has_ended_are_taken_back(server):
    same = {"Sec-Fetch-Site": "same-origin"}
    for end in ("session", "account"):
        body = {"email": new_email(), "password": PASSWORD, "name": "A", "session": "cookie"}
        api = Api(server.address)
        made = api.post("/v1/auth/sign-up", body, headers=same, status=201)
        mine = same | {"Cookie": "; ".join(line.split(";")[0] for line in made.all("Set-Cookie"))}
        if end == "session":
            own = [each["id"] for each in api.get("/v1/me/sessions", headers=mine).json()["data"] if each["current"]][0]
            answer = api.delete(f"/v1/me/sessions/{own}", headers=mine, status=204)
        else:
            answer = api.call("DELETE", "/v1/me", {"password": PASSWORD}, headers=mine, status=204)
        assert len(answer.all("Set-Cookie")) == 2
        assert all("Max-Age=0" in line for line in answer.all("Set-Cookie"))


def test_another_scheme_than_bearer_leaves_the_cookie_in_force(server):
    same = {"Sec-Fetch-Site": "same-origin"}
    body = {"email": new_email(), "password": PASSWORD, "name": "A", "session": "cookie"}
    made = Api(server.address).post("/v1/auth/sign-up", body, headers=same, status=201)
    cookie = {"Cookie": "; ".join(line.split(";")[0] for line in made.all("Set-Cookie"))}
    api = Api(server.address)
    api.get("/v1/me", headers=cookie | {"Authorization": "Basic YTpi"}, status=200)
    api.get("/v1/me", headers=cookie | {"Authorization": "Bearer x"}, status=401)


def test_a_replay_is_for_who_still_sees_the_list(own_server):
    someone, other = sign_up(own_server.address), sign_up(own_server.address)
    put, post, target = {"Idempotency-Key": uuid7()}, {"Idempotency-Key": uuid7()}, f"/v1/lists/{uuid7()}"
    made = someone.put(target, {"title": "mine"}, headers=put, status=201)
    again = someone.put(target, {"title": "mine"}, headers=put, status=201)
    assert again.body == made.body
    posted = someone.post("/v1/lists", {"title": "mine"}, headers=post, status=201).json()["id"]
    assert own_server.stop() == 0
    for each in (target.rsplit("/", 1)[1], posted):
        members.set_role(own_server, each, someone.id, None)
        members.add_member(own_server, each, other.id, "owner")
    own_server.start()
    someone = sign_in(someone)
    problem(someone.put(target, {"title": "mine"}, headers=put), 404)
    problem(someone.post("/v1/lists", {"title": "mine"}, headers=post), 404)
