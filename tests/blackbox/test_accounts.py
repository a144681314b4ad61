"""'Accounts', for programs: sign-up to deletion, tokens in bodies. Cookies: test_cookies."""
import statistics
import time

import pytest

from client import PASSWORD, Api, Person, eventually, new_email, problem, sign_in, sign_up, uuid7

USER = {"id", "email", "name", "created_at", "settings"}


def works(person) -> bool:
    status = person.get("/v1/me").status
    assert status in (200, 401)
    return status == 200


def refreshed(api, token, status=200):
    return api.post("/v1/auth/refresh", {"refresh_token": token}, status=status)


def successor(person) -> Person:
    """A new pair for the same session."""
    return Person(person.address, {"user": person.user, **refreshed(person, person.refresh_token).json()},
                  person.password)


def test_sign_up(anonymous):
    email = new_email()
    answer = anonymous.post("/v1/auth/sign-up", {"email": email, "password": PASSWORD, "name": "Ada"},
                            status=201)
    body = answer.json()
    assert set(body) == {"user", "access_token", "refresh_token", "token_type", "expires_in"}
    assert body["token_type"] == "Bearer" and body["expires_in"] == 3600
    assert set(body["user"]) == USER
    assert body["user"] | {"id": 0, "created_at": 0} == {
        "id": 0, "created_at": 0, "email": email, "name": "Ada", "settings": {}}
    assert answer.all("Set-Cookie") == []
    assert Api(anonymous.address, body["access_token"]).get("/v1/me", status=200).json() == body["user"]


def test_addresses_compare_without_case(anonymous):
    email = new_email()
    body = {"email": email.capitalize(), "password": PASSWORD, "name": "Ada"}
    assert anonymous.post("/v1/auth/sign-up", body, status=201).json()["user"]["email"] == email.capitalize()
    for other in (email, email.upper(), email.capitalize()):
        problem(anonymous.post("/v1/auth/sign-up", {**body, "email": other}), 409, "email_taken")
        anonymous.post("/v1/auth/sign-in", {"email": other, "password": PASSWORD}, status=200)


@pytest.mark.parametrize("email", ["", "a", "@", "a@", "@b.org", "a b@example.org", "a@b@c.org", "a@ex ample.org",
                                   None, 5, "a" * 300 + "@example.org", "a\n@example.org"])
def test_what_is_no_address_is_422(anonymous, email):
    body = {"email": email, "password": PASSWORD, "name": "Ada"}
    problem(anonymous.post("/v1/auth/sign-up", body), 422, pointers=["/email"])


@pytest.mark.parametrize("password", [
    "x9 rT-v2 qLm zW", "\U0001F9FA é" * 4 + "\U0001F3D6 z", "wq7 " * 31 + "j5kd", "               x",
    "".join(chr(0x1F300 + 7 * n) for n in range(128)),
], ids=len)
def test_passwords_have_no_composition_rules(anonymous, password):
    assert 15 <= len(password) <= 128
    person = sign_up(anonymous.address, password=password)
    sign_in(person)


@pytest.mark.parametrize("password", [
    "", "x9 rT-v2 qLm z", "".join(chr(0x1F300 + 7 * n) for n in range(14)), "wq7 " * 31 + "j5kdx",
    "passwordpassword", "PasswordPassword", "1234567890123456", "aaaaaaaaaaaaaaaa", "abcdefghijklmnop",
    "abcabcabcabcabcabc", "9876543210987654", None, 5,
])
def test_passwords_that_are_refused(anonymous, person, password):
    body = {"email": new_email(), "password": password, "name": "Ada"}
    problem(anonymous.post("/v1/auth/sign-up", body), 422, pointers=["/password"])
    problem(person.put("/v1/me/password", {"current": PASSWORD, "new": password}), 422, pointers=["/new"])


def test_names(anonymous, person):
    for name in ("A", "n" * 100, "\U0001F9FA" * 100):
        assert sign_up(anonymous.address, name=name).user["name"] == name
        assert person.patch("/v1/me", {"name": name}, status=200).json()["name"] == name
    for name in ("", "n" * 101, "\U0001F9FA" * 101, None, 5):
        body = {"email": new_email(), "password": PASSWORD, "name": name}
        problem(anonymous.post("/v1/auth/sign-up", body), 422, pointers=["/name"])
        problem(person.patch("/v1/me", {"name": name}), 422, pointers=["/name"])


def test_all_that_is_wrong_with_a_sign_up_is_told(anonymous):
    problem(anonymous.post("/v1/auth/sign-up", {"email": "x", "password": "short", "name": "", "age": 5}), 422,
            pointers=["/email", "/password", "/name", "/age"])
    problem(anonymous.post("/v1/auth/sign-up", {}), 422, pointers=["/email", "/password", "/name"])
    problem(anonymous.post("/v1/auth/sign-in", {}), 422, pointers=["/email", "/password"])
    problem(anonymous.post("/v1/auth/sign-up", {"email": new_email(), "password": PASSWORD, "name": "A",
                                                "session": "token"}), 422, pointers=["/session"])


def test_sign_in(person):
    answer = Api(person.address).post("/v1/auth/sign-in", {"email": person.email, "password": PASSWORD},
                                      status=200)
    body = answer.json()
    assert set(body) == {"user", "access_token", "refresh_token", "token_type", "expires_in"}
    assert body["user"]["id"] == person.id
    assert Api(person.address, body["access_token"]).get("/v1/me", status=200).json()["id"] == person.id


def test_an_unknown_address_gets_the_answer_of_a_wrong_password(server, anonymous):
    """In the same time, too: medians of attempts that alternate."""
    took = {"known": [], "unknown": []}
    bodies = {"known": set(), "unknown": set()}
    for _ in range(3):
        known = sign_up(server.address)
        unknown = new_email()
        for _ in range(5):
            for which, email in (("known", known.email), ("unknown", unknown)):
                began = time.perf_counter()
                answer = anonymous.post("/v1/auth/sign-in", {"email": email, "password": "wrong " + PASSWORD})
                took[which].append(time.perf_counter() - began)
                body = problem(answer, 401, "invalid_credentials")
                headers = sorted(name for name, _ in answer.headers)
                bodies[which].add((str({**body, "request_id": ""}), str(headers)))
    assert bodies["known"] == bodies["unknown"] and len(bodies["known"]) == 1
    medians = [statistics.median(took[which]) for which in took]
    assert max(medians) < 1.6 * min(medians), took


def test_wrong_passwords_of_any_form_are_401(anonymous, new_person):
    someone = new_person()
    for password in ("x", PASSWORD + " ", PASSWORD.upper(), "p" * 129, "p" * 1024):
        problem(anonymous.post("/v1/auth/sign-in", {"email": someone.email, "password": password}), 401,
                "invalid_credentials")
    for password in ("", "p" * 1025, None, 5):
        problem(anonymous.post("/v1/auth/sign-in", {"email": someone.email, "password": password}), 422,
                pointers=["/password"])


def test_401_says_how_to_sign_in(anonymous, person):
    for answer in (anonymous.get("/v1/me"), Api(person.address, "x").get("/v1/me")):
        problem(answer, 401)
        assert answer.header("WWW-Authenticate").startswith("Bearer")


# Refresh tokens and their successors.

def test_refresh_gives_a_new_pair(new_person):
    first = new_person()
    second = successor(first)
    assert second.refresh_token != first.refresh_token and second.token != first.token
    assert works(second) and second.get("/v1/me").json()["id"] == first.id
    third = successor(second)
    assert third.refresh_token not in (first.refresh_token, second.refresh_token) and works(third)


def test_the_same_refresh_token_gets_the_same_successor(new_person):
    first = new_person()
    second = successor(first)
    for _ in range(3):  # A lost answer, two tabs.
        again = successor(first)
        assert again.refresh_token == second.refresh_token
        # Reading would use the successor; signing in again does not.


@pytest.mark.parametrize("use", ["access", "refresh"])
def test_the_successor_is_given_a_while_longer_after_it_was_used(new_person, use):
    first = new_person()
    second = successor(first)
    if use == "access":
        assert works(second)
    else:
        third = successor(second)
    assert successor(first).refresh_token == second.refresh_token  # Within 60 s.
    assert works(second)
    if use == "refresh":
        assert successor(second).refresh_token == third.refresh_token and works(third)


def test_what_is_no_refresh_token_is_401(new_person, anonymous):
    someone = new_person()
    for token in ("x", someone.token, someone.refresh_token[:-1], someone.refresh_token + "A",
                  someone.refresh_token[::-1], "\U0001F9FA", "." * 1000):
        problem(refreshed(anonymous, token, status=401), 401)
    for token in ("", "." * 100_000, 5):
        problem(anonymous.post("/v1/auth/refresh", {"refresh_token": token}), 422, pointers=["/refresh_token"])
    assert works(someone) and works(successor(someone))


def test_a_refresh_token_is_no_access_token(person):
    problem(Api(person.address, person.refresh_token).get("/v1/me"), 401)


def test_sign_out_ends_this_session_only(new_person):
    first = new_person()
    other = sign_in(first)
    first.post("/v1/auth/sign-out", status=204)
    eventually(lambda: not works(first))
    problem(refreshed(first, first.refresh_token, status=401), 401)
    assert works(other) and works(successor(other))


def test_sign_out_everywhere(new_person):
    sessions = [new_person()]
    sessions += [sign_in(sessions[0]) for _ in range(3)]
    sessions[1].post("/v1/auth/sign-out", {"everywhere": True}, status=204)
    for each in sessions:
        eventually(lambda each=each: not works(each))
        refreshed(each, each.refresh_token, status=401)
    assert works(sign_in(sessions[0]))


def test_sign_out_takes_only_what_it_knows(new_person):
    someone = new_person()
    problem(someone.post("/v1/auth/sign-out", {"everywhere": "yes"}), 422, pointers=["/everywhere"])
    problem(someone.post("/v1/auth/sign-out", {"all": True}), 422, pointers=["/all"])
    someone.post("/v1/auth/sign-out", {"everywhere": False}, status=204)
    problem(Api(someone.address).post("/v1/auth/sign-out"), 401)


# The account.

def test_me(new_person):
    someone = new_person()
    me = someone.get("/v1/me", status=200).json()
    assert me == someone.user and set(me) == USER
    changed = someone.patch("/v1/me", {"name": "Grace"}, status=200).json()
    assert changed == {**me, "name": "Grace"} == someone.get("/v1/me").json()
    assert someone.patch("/v1/me", {}, status=200).json() == changed
    problem(someone.patch("/v1/me", {"email": new_email(), "id": uuid7()}), 422, pointers=["/email", "/id"])


def test_settings_are_merged(new_person):
    someone = new_person()

    def patched(settings):
        return someone.patch("/v1/me", {"settings": settings}, status=200).json()["settings"]

    assert patched({"a": 1, "b": {"c": [1, None], "d": "é\U0001F9FA"}}) == {
        "a": 1, "b": {"c": [1, None], "d": "é\U0001F9FA"}}
    assert patched({"b": {"c": None, "e": 1.5}, "f": False}) == {
        "a": 1, "b": {"d": "é\U0001F9FA", "e": 1.5}, "f": False}
    assert patched({"b": None, "new": {"deep": {"gone": None, "x": {}}}}) == {
        "a": 1, "f": False, "new": {"deep": {"x": {}}}}
    assert patched({"a": {"now": "an object"}, "new": [1]}) == {"a": {"now": "an object"}, "f": False, "new": [1]}
    assert patched({}) == someone.get("/v1/me").json()["settings"] != {}
    assert patched(None) == {} == someone.get("/v1/me").json()["settings"]


def test_settings_end_at_16_kib(new_person):
    someone = new_person()
    room = 16384 - len('{"k":""}')
    someone.patch("/v1/me", {"settings": {"k": "v" * room}}, status=200)
    for more in ({"k": "v" * (room + 1)}, {"l": 1}, {"k": "é" * (room // 2 + 1)}):
        problem(someone.patch("/v1/me", {"settings": more, "name": "Not taken"}), 422, pointers=["/settings"])
    assert someone.get("/v1/me").json()["settings"] == {"k": "v" * room}
    assert someone.get("/v1/me").json()["name"] != "Not taken"


def test_change_password(new_person):
    someone = new_person()
    others = [sign_in(someone), sign_in(someone)]
    problem(someone.put("/v1/me/password", {"current": "wrong " + PASSWORD, "new": "another long phrase"}), 422,
            pointers=["/current"])
    problem(someone.put("/v1/me/password", {}), 422, pointers=["/current", "/new"])
    assert all(works(each) for each in others)
    someone.put("/v1/me/password", {"current": PASSWORD, "new": "another long phrase"}, status=204)
    for each in others:
        eventually(lambda each=each: not works(each))
        refreshed(each, each.refresh_token, status=401)
    assert works(someone) and works(successor(someone))
    api = Api(someone.address)
    problem(api.post("/v1/auth/sign-in", {"email": someone.email, "password": PASSWORD}), 401)
    api.post("/v1/auth/sign-in", {"email": someone.email, "password": "another long phrase"}, status=200)


def test_sessions(new_person, stranger):
    first = new_person(headers={"User-Agent": "first/1.0"})
    other = sign_in(first)
    answer = Api(first.address).post("/v1/auth/sign-in", {"email": first.email, "password": PASSWORD},
                                     headers={"User-Agent": "<b>" + "u" * 1000}, status=200)
    third = Person(first.address, answer.json(), PASSWORD)
    data, _ = first.pages("/v1/me/sessions?limit=2")
    assert len(data) == 3 and all(set(each) == {"id", "created_at", "user_agent", "current"} for each in data)
    current = [each for each in data if each["current"]]
    assert [each["user_agent"] for each in current] == ["first/1.0"]
    assert any(each["user_agent"].startswith("<b>uuu") for each in data)
    mine = [each for each in third.get("/v1/me/sessions").json()["data"] if each["current"]][0]
    problem(stranger.delete(f"/v1/me/sessions/{mine['id']}"), 404, "not_found")
    assert works(third)
    first.delete(f"/v1/me/sessions/{mine['id']}", status=204)
    eventually(lambda: not works(third))
    refreshed(third, third.refresh_token, status=401)
    assert {each["id"] for each in first.get("/v1/me/sessions").json()["data"]} == {
        each["id"] for each in data} - {mine["id"]}
    problem(first.delete(f"/v1/me/sessions/{mine['id']}"), 404, "not_found")
    first.delete(f"/v1/me/sessions/{current[0]['id']}", status=204)
    eventually(lambda: not works(first))
    assert works(other)


def test_a_session_of_somebody_else_is_one_that_is_not_there(person, stranger):
    theirs = stranger.get("/v1/me/sessions").json()["data"][0]["id"]
    told = [problem(person.delete(f"/v1/me/sessions/{each}"), 404) for each in (theirs, uuid7())]
    assert {**told[0], "request_id": ""} == {**told[1], "request_id": ""}


def test_delete_the_account(new_person):
    someone = new_person()
    other = sign_in(someone)
    a_list = someone.make_list()
    problem(someone.delete("/v1/me", {"password": "wrong " + PASSWORD}), 422, pointers=["/password"])
    problem(someone.delete("/v1/me"), 422, pointers=["/password"])
    assert works(someone)
    someone.delete("/v1/me", {"password": PASSWORD}, status=204)
    for each in (someone, other):
        problem(each.get("/v1/me"), 401)
        problem(each.get(f"/v1/lists/{a_list}"), 401)
        refreshed(each, each.refresh_token, status=401)
    problem(Api(someone.address).post("/v1/auth/sign-in", {"email": someone.email, "password": PASSWORD}), 401,
            "invalid_credentials")
    again = sign_up(someone.address, email=someone.email)
    assert again.id != someone.id and again.get("/v1/lists").json()["data"] == []
    problem(again.get(f"/v1/lists/{a_list}"), 404)


# Failed sign-ins.

def failed(api, email, password="wrong " + PASSWORD, **more):
    return api.post("/v1/auth/sign-in", {"email": email, "password": password}, **more)


def check_too_many(answer):
    problem(answer, 429)
    assert int(answer.header("Retry-After")) >= 1


@pytest.mark.one_process  # Each counts failed sign-ins for itself.
def test_after_10_failures_even_the_right_password_is_429(new_person, anonymous):
    someone, other = new_person(), new_person()
    for _ in range(9):
        problem(failed(anonymous, someone.email), 401)
    sign_in(someone)  # The tenth failure is the last that is looked at.
    problem(failed(anonymous, someone.email), 401)
    for _ in range(2):
        check_too_many(failed(anonymous, someone.email))
        check_too_many(failed(anonymous, someone.email.upper(), PASSWORD))
    assert works(someone)
    sign_in(other)


@pytest.mark.one_process  # Each counts failed sign-ins for itself.
def test_an_unknown_account_is_429_likewise(anonymous):
    email = new_email()
    for _ in range(10):
        problem(failed(anonymous, email), 401, "invalid_credentials")
    check_too_many(failed(anonymous, email))


@pytest.mark.one_process  # Each counts failed sign-ins for itself.
def test_a_forwarded_address_is_not_believed_from_just_anybody(anonymous, new_person):
    someone = new_person()
    for n in range(10):
        problem(failed(anonymous, someone.email, headers={"X-Forwarded-For": f"192.0.2.{n}"}), 401)
    check_too_many(failed(anonymous, someone.email, PASSWORD, headers={"X-Forwarded-For": "198.51.100.1"}))


@pytest.mark.one_process  # Each counts failed sign-ins for itself.
@pytest.mark.parametrize("how", ["password", "delete"])
def test_a_wrong_password_elsewhere_counts_as_a_failed_sign_in(new_person, anonymous, how):
    someone = new_person()
    for _ in range(10):
        if how == "password":
            answer = someone.put("/v1/me/password", {"current": "wrong", "new": "another long phrase"})
        else:
            answer = someone.delete("/v1/me", {"password": "wrong"})
        problem(answer, 422)
    check_too_many(failed(anonymous, someone.email, PASSWORD))
    check_too_many(someone.put("/v1/me/password", {"current": PASSWORD, "new": "another long phrase"}))
    check_too_many(someone.delete("/v1/me", {"password": PASSWORD}))
    assert works(someone)
