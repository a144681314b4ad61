"""'The first that holds answers': each adjacent pair of the list in 'Errors', the earlier one wins.
404 before 403, and 403 before the replay, need members: test_authorisation has them.
"""
import pytest

from client import Api, Connection, problem, request_bytes, uuid7

BIG = 1024 * 1024 + 1
AHEAD = {"Min-Revision": str(2**52)}
STALE = {"If-Match": '"stale"'}


def with_length_only(person, method, target, headers=()):
    """An answer to a request that tells of a body of 1 MiB + 1 and has not sent it yet."""
    connection = Connection(person.address)
    connection.send(request_bytes(person.address, method, target, [
        *headers, ("Content-Type", "application/json"), ("Content-Length", str(BIG))]))
    answer = connection.read(method)
    connection.close()
    return answer


@pytest.fixture
def a_list(person):
    return person.make_list()


@pytest.fixture
def trashed(person):
    made = person.make_list()
    person.delete(f"/v1/lists/{made}", status=204)
    return made


def test_http_before_no_such_route(person):
    connection = Connection(person.address)
    connection.send(b"GET /v1/nothing HTTP/1.1\r\nHost: a\r\nBad Name: x\r\n\r\n")
    assert connection.read().status == 400


def test_no_such_route_before_too_large(person):
    problem(with_length_only(person, "POST", "/v1/nothing"), 404)


def test_no_such_route_before_sign_in(anonymous):
    problem(anonymous.get("/v1/nothing"), 404)


def test_405_before_too_large(person):
    problem(with_length_only(person, "PUT", "/v1/lists"), 405)


def test_405_before_sign_in(anonymous):
    problem(anonymous.put("/v1/lists", {}), 405)


def test_too_large_before_sign_in(person):
    problem(with_length_only(person, "POST", "/v1/lists"), 413)


@pytest.fixture(scope="module")
def cookies(server):
    """Those of a browser's session, as `name=value`."""
    answer = Api(server.address).post(
        "/v1/auth/sign-up", {"email": f"{uuid7()}@example.org", "password": "a long enough phrase",
                             "name": "A", "session": "cookie"},
        headers={"Sec-Fetch-Site": "same-origin"}, status=201)
    return [value.split(";")[0] for value in answer.all("Set-Cookie")]


def test_sign_in_before_cross_site(anonymous, cookies):
    broken = "; ".join(each[:-4] + "xxxx" for each in cookies)
    cross = {"Cookie": broken, "Sec-Fetch-Site": "cross-site"}
    problem(anonymous.post("/v1/lists", {"title": "a"}, headers=cross), 401)


def test_cross_site_before_type(server, cookies):
    cross = {"Cookie": "; ".join(cookies), "Sec-Fetch-Site": "cross-site"}
    problem(Api(server.address).post("/v1/lists", body=b"title=a", type="text/plain", headers=cross),
            403, "cross_site")


def test_sign_in_before_type_and_json(anonymous):
    problem(anonymous.post("/v1/lists", body=b"{", type="text/plain"), 401)
    problem(anonymous.post("/v1/lists", body=b"{"), 401)


def test_type_before_json(person):
    problem(person.post("/v1/lists", body=b"{", type="text/plain"), 415)


def test_type_before_404(person):
    problem(person.post(f"/v1/lists/{uuid7()}/items", body=b"{}", type="text/plain"), 415)


def test_json_before_404(person):
    problem(person.post(f"/v1/lists/{uuid7()}/items", body=b"{"), 400)
    problem(person.patch("/v1/lists/x", body=b"{"), 400)


def test_404_before_revision_ahead_412_and_422(person, a_list):
    for target in (f"/v1/lists/{uuid7()}", f"/v1/lists/{a_list}/items/{uuid7()}"):
        problem(person.patch(f"{target}?x=1", {"x": 1}, headers={**STALE, **AHEAD}), 404)
        problem(person.get(f"{target}?x=1", headers={**AHEAD}), 404)


def test_the_replay_of_a_key_before_revision_ahead_trash_412_and_422(person, a_list):
    key = {"Idempotency-Key": uuid7()}
    target, body = f"/v1/lists/{a_list}/items", {"text": "once"}
    first = person.post(target, body, headers=key, status=201)
    for more in (AHEAD, STALE, {"Client-Id": "x"}):
        again = person.post(target, body, headers={**key, **more}, status=201)
        assert again.body == first.body and again.header("Idempotent-Replayed") == "true"
    person.delete(f"/v1/lists/{a_list}", status=204)
    assert person.post(target, body, headers=key, status=201).body == first.body


def test_a_repeated_put_before_revision_ahead_trash_412_and_422(person):
    a_list, item = uuid7(), uuid7()
    target = f"/v1/lists/{a_list}/items/{item}"
    person.put(f"/v1/lists/{a_list}", {"title": "a"}, status=201)
    person.put(target, {"text": "a"}, status=201)
    for more in (AHEAD, STALE):
        person.put(f"/v1/lists/{a_list}", {"title": "a"}, headers=more, status=200)
        person.put(target, {"text": "a"}, headers=more, status=200)
    person.put(f"/v1/lists/{a_list}", {"title": ""}, status=200)
    person.put(target, {"text": "", "after": uuid7(), "x": 1}, status=200)
    person.delete(f"/v1/lists/{a_list}", status=204)
    person.put(f"/v1/lists/{a_list}", {"title": "a"}, status=200)
    person.put(target, {"text": "a"}, status=200)


def test_revision_ahead_before_list_trashed(person, trashed):
    problem(person.patch(f"/v1/lists/{trashed}", {"title": "b"}, headers=AHEAD), 409, "revision_ahead")
    problem(person.patch(f"/v1/lists/{trashed}", {"title": "b"}), 409, "list_trashed")


def test_revision_ahead_before_412_and_422(person, a_list):
    problem(person.patch(f"/v1/lists/{a_list}", {"x": 1}, headers={**AHEAD, **STALE}), 409, "revision_ahead")


def test_list_trashed_before_412(person, trashed):
    problem(person.patch(f"/v1/lists/{trashed}", {"title": "b"}, headers=STALE), 409, "list_trashed")


def test_list_trashed_before_422(person, trashed):
    problem(person.patch(f"/v1/lists/{trashed}", {"x": 1}), 409, "list_trashed")
    problem(person.post(f"/v1/lists/{trashed}/items", {}), 409, "list_trashed")


def test_412_before_422_and_other_409(person, a_list):
    item = person.add(a_list)["id"]
    items = f"/v1/lists/{a_list}/items"
    problem(person.patch(f"/v1/lists/{a_list}", {"x": 1}, headers=STALE), 412)
    problem(person.post(items, {"text": "", "id": item}, headers=STALE), 412)
    problem(person.post(items, {"text": "a", "id": item}, headers=STALE), 412)
    person.delete(f"{items}/{item}", status=204)
    problem(person.post(f"{items}/{item}/move", {"after": None}, headers=STALE), 412)


def test_field_errors_do_not_hide_behind_a_replay_of_another_body(person, a_list):
    key = {"Idempotency-Key": uuid7()}
    person.post(f"/v1/lists/{a_list}/items", {"text": "once"}, headers=key, status=201)
    problem(person.post(f"/v1/lists/{a_list}/items", {"text": ""}, headers=key), 422, "idempotency_key_reused")


def test_404_of_a_session_before_422(person):
    target = f"/v1/me/sessions/{uuid7()}"
    problem(person.delete(target + "?x=1"), 404)
    problem(person.call("DELETE", target, {"x": 1}), 404)
    problem(person.delete(target, headers={"Client-Id": "x"}), 404)
    own = [each["id"] for each in person.get("/v1/me/sessions").json()["data"] if each["current"]][0]
    problem(person.delete(f"/v1/me/sessions/{own}?x=1"), 422, pointers=["?x"])
    person.get("/v1/me", status=200)


def test_a_log_that_is_not_so_far_before_422(person, a_list):
    problem(person.get(f"/v1/lists/{a_list}/changes?after=999&x=1"), 409, "revision_ahead")
    problem(person.get(f"/v1/lists/{a_list}/changes?after=1&x=1"), 422, pointers=["?x"])


def test_a_refresh_by_cookie_is_403_before_its_type_and_json(server, cookies):
    cross = {"Cookie": "; ".join(cookies), "Sec-Fetch-Site": "cross-site"}
    api = Api(server.address)
    problem(api.post("/v1/auth/refresh", body=b"a=b", type="text/plain", headers=cross), 403, "cross_site")
    problem(api.post("/v1/auth/refresh", body=b"{", headers=cross), 403, "cross_site")
    same = cross | {"Sec-Fetch-Site": "same-origin"}
    problem(api.post("/v1/auth/refresh", body=b"a=b", type="text/plain", headers=same), 415)
    problem(api.post("/v1/auth/refresh", body=b"{", headers=same), 400)


def test_a_bad_header_is_told_whether_the_list_is_in_memory_or_not(person, a_list):
    for _ in range(3):
        person.get(f"/v1/lists/{a_list}", status=200)
        problem(person.get(f"/v1/lists/{a_list}", headers={"Client-Id": "x"}), 422, pointers=["Client-Id"])
