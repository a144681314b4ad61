"""`Idempotency-Key`: one effect, the first answer again, authorised anew."""
import concurrent.futures
import threading

import pytest

from client import PASSWORD, Api, problem, sign_in, uuid7


@pytest.fixture
def a_list(person):
    return person.make_list()


def key(value=None):
    return {"Idempotency-Key": value or uuid7()}


def check_replayed(first, again):
    assert first.header("Idempotent-Replayed") is None, first
    assert again.header("Idempotent-Replayed") == "true", again
    for part in ("status", "body", "etag", "revision"):
        assert getattr(again, part) == getattr(first, part), (part, first, again)
    assert again.header("Location") == first.header("Location")
    assert again.header("X-Request-Id") != first.header("X-Request-Id")


def test_each_unsafe_call_has_one_effect(new_person):
    someone = new_person()
    a_list = someone.make_list()
    items = f"/v1/lists/{a_list}/items"
    a, b, c = (someone.add(a_list, text)["id"] for text in "abc")
    other = [each["id"] for each in sign_in(someone).get("/v1/me/sessions").json()["data"] if each["current"]][0]
    calls = [
        ("POST", "/v1/lists", {"title": "once"}), ("PUT", f"/v1/lists/{uuid7()}", {"title": "once"}),
        ("PATCH", f"/v1/lists/{a_list}", {"title": "once"}), ("POST", items, {"text": "once"}),
        ("PUT", f"{items}/{uuid7()}", {"text": "once"}), ("PATCH", f"{items}/{a}", {"done": True}),
        ("POST", f"{items}/{b}/move", {"after": None}), ("POST", f"{items}/clear-done", {}),
        ("POST", f"{items}/{a}/restore", {}), ("DELETE", f"{items}/{c}", None),
        ("DELETE", f"/v1/lists/{a_list}", None), ("POST", f"/v1/lists/{a_list}/restore", {}),
        ("PATCH", "/v1/me", {"name": "once"}), ("DELETE", f"/v1/me/sessions/{other}", None),
        ("PUT", "/v1/me/password", {"current": PASSWORD, "new": "another long phrase"}),
    ]
    for method, target, body in calls:
        more = {} if body is None else {"json": body}
        mine = key()
        first = someone.call(method, target, headers=mine, status=(200, 201, 204), **more)
        log = len(someone.log(a_list))
        for _ in range(2):
            check_replayed(first, someone.call(method, target, headers=mine, **more))
        assert len(someone.log(a_list)) == log
    data, _ = someone.pages("/v1/lists")
    assert sorted(each["title"] for each in data) == ["once"] * 3


def test_the_first_answer_comes_again_though_the_list_has_moved(person, a_list):
    mine = key()
    first = person.post(f"/v1/lists/{a_list}/items", {"text": "a"}, headers=mine, status=201)
    item = first.json()["id"]
    person.patch(f"/v1/lists/{a_list}/items/{item}", {"text": "b"}, status=200)
    person.delete(f"/v1/lists/{a_list}/items/{item}", status=204)
    check_replayed(first, person.post(f"/v1/lists/{a_list}/items", {"text": "a"}, headers=mine))
    assert person.texts(a_list) == []


def test_another_body_is_refused(person, a_list):
    mine, target = key(), f"/v1/lists/{a_list}/items"
    person.post(target, body=b'{"text":"a"}', headers=mine, status=201)
    for body in (b'{"text":"b"}', b'{"text": "a"}', b'{"text":"a","note":""}', b'{"text":""}'):
        problem(person.post(target, body=body, headers=mine), 422, "idempotency_key_reused")
    problem(person.post(target, headers=mine), 422, "idempotency_key_reused")
    assert person.texts(a_list) == ["a"]


def test_scope_is_user_method_and_path(person, stranger, a_list):
    mine, other = key(), person.make_list()
    body = {"text": "a"}
    first = person.post(f"/v1/lists/{a_list}/items", body, headers=mine, status=201)
    second = person.post(f"/v1/lists/{other}/items", body, headers=mine, status=201)
    assert second.header("Idempotent-Replayed") is None and second.json()["id"] != first.json()["id"]
    patched = person.patch(f"/v1/lists/{a_list}", {"title": "b"}, headers=mine, status=200)
    assert patched.header("Idempotent-Replayed") is None
    theirs = stranger.make_list(headers=mine)
    assert person.make_list(headers=mine) != theirs
    problem(stranger.post(f"/v1/lists/{a_list}/items", body, headers=mine), 404)  # Authorised anew.
    check_replayed(first, sign_in(person).post(f"/v1/lists/{a_list}/items", body, headers=mine))
    problem(Api(person.address).post(f"/v1/lists/{a_list}/items", body, headers=mine), 401)


def test_only_successes_are_kept(person, a_list):
    target = f"/v1/lists/{a_list}/items"
    mine = key()
    problem(person.post(target, {"text": ""}, headers=mine), 422)
    check = person.post(target, {"text": "a"}, headers=mine, status=201)
    assert check.header("Idempotent-Replayed") is None
    mine = key()
    problem(person.post(target, {"text": "b"}, headers={**mine, "If-Match": '"x"'}), 412)
    person.post(target, {"text": "b"}, headers=mine, status=201)
    made, mine = uuid7(), key()
    problem(person.post(f"/v1/lists/{made}/items", {"text": "c"}, headers=mine), 404)
    person.put(f"/v1/lists/{made}", {"title": "now it is there"}, status=201)
    answer = person.post(f"/v1/lists/{made}/items", {"text": "c"}, headers=mine, status=201)
    assert answer.header("Idempotent-Replayed") is None


def test_keys_on_both_sides_of_their_limits(person, a_list):
    target = f"/v1/lists/{a_list}/items"
    for good in ("k", "!", "~", '"quoted"', "k" * 255, "".join(chr(n) for n in range(0x21, 0x7F))):
        first = person.post(target, {"text": "a"}, headers=key(good), status=201)
        check_replayed(first, person.post(target, {"text": "a"}, headers=key(good)))
    count = len(person.texts(a_list))
    for bad in ("k" * 256, "a b", "\xe9", "a\tb"):
        problem(person.post(target, {"text": "a"}, headers=key(bad)), 422, pointers=["Idempotency-Key"])
    problem(person.post(target, {"text": "a"}, headers={"Idempotency-Key": ""}), 422, pointers=["Idempotency-Key"])
    assert len(person.texts(a_list)) == count


def test_many_at_once_have_one_effect(person, a_list):
    target = f"/v1/lists/{a_list}/items"
    for n in range(5):
        mine, gate = key(), threading.Barrier(12)

        def one(mine=mine, gate=gate, n=n):
            gate.wait()
            return person.post(target, {"text": f"once {n}"}, headers=mine)

        with concurrent.futures.ThreadPoolExecutor(12) as pool:
            answers = [each.result() for each in [pool.submit(one) for _ in range(12)]]
        good = [answer for answer in answers if answer.status == 201]
        for answer in answers:
            if answer not in good:
                problem(answer, 409, "in_progress")
        assert good and len({answer.body for answer in good}) == 1
        assert sum(answer.header("Idempotent-Replayed") is None for answer in good) == 1
        assert person.texts(a_list).count(f"once {n}") == 1
    assert len(person.log(a_list)) == 6


def test_keys_outlive_a_restart(own_server):
    someone = own_server.person()
    a_list = someone.make_list()
    mine = key()
    first = someone.post(f"/v1/lists/{a_list}/items", {"text": "once"}, headers=mine, status=201)
    own_server.restart()
    again = Api(own_server.address, someone.token).post(f"/v1/lists/{a_list}/items", {"text": "once"}, headers=mine)
    check_replayed(first, again)
    own_server.kill()
    own_server.start()
    api = Api(own_server.address, someone.token)
    check_replayed(first, api.post(f"/v1/lists/{a_list}/items", {"text": "once"}, headers=mine))
    assert api.get(f"/v1/lists/{a_list}", status=200).json()["item_count"] == 1


def test_the_scope_is_the_path_without_a_query(person, a_list):
    mine, items = key(), f"/v1/lists/{a_list}/items"
    first = person.post(items, {"text": "once"}, headers=mine, status=201)
    for target in (items + "?", items + "?&"):
        check_replayed(first, person.post(target, {"text": "once"}, headers=mine, status=201))
    assert person.get(f"/v1/lists/{a_list}").json()["item_count"] == 1
