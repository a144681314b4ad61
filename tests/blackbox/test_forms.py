"""'Forms': what JSON may be, lengths on both sides of their limits, types of bodies, pages, HEAD, 405."""
import json
import re

import pytest

from client import Connection, problem, uuid7

ASTRAL = "\U0001F9FA"  # One code point, four bytes, two UTF-16 units.


def raw_title(text: str) -> bytes:
    """A body whose title is written as told, escapes and all."""
    return b'{"title":"' + text.encode("ascii") + b'"}'


@pytest.mark.parametrize("body", [
    b"{", b'{"title":}', b'{"title":"a",}', b"{'title':'a'}", b"{title:1}", b'{"title":"a"} x',
    b'{"title":"a"}{}', b"   ", b'{"title":NaN}', b'{"title":"a" /* b */}', b'{"title":01}',
    b'{"title":"a\x01b"}', b'{"title":"a\nb"}', b'{"title":"a\x00b"}', b'{"title":"\\x41"}',
    b'{"title":"\xff"}', b'{"title":"\xc3"}', b'{"title":"\xc0\xaf"}', b'{"title":"\xed\xa0\x80"}',
    b'{"title":"\xf5\x80\x80\x80"}', b'{"title":"\xf4\x90\x80\x80"}', b'{"\xfe":1}',
], ids=repr)
def test_what_is_not_json_is_400(person, body):
    problem(person.post("/v1/lists", body=body), 400)


@pytest.mark.parametrize("body", [
    raw_title("a\\u0000b"), raw_title("\\u0000"), raw_title("\\ud800"), raw_title("\\udc00x"),
    raw_title("\\ud83e\\ud83e"), raw_title("\\udf00\\ud83c"),
], ids=repr)
def test_escaped_nul_and_lone_surrogates_are_422(person, body):
    problem(person.post("/v1/lists", body=body), 422)


@pytest.mark.parametrize("body", [
    b'{"title":"a","title":"a"}', b'{"title":"a","title":"b"}', b'{"title":"a","\\u0074itle":"b"}',
], ids=repr)
def test_duplicate_members_are_422(person, body):
    problem(person.post("/v1/lists", body=body), 422)


def test_duplicates_and_nul_are_found_below_the_top(new_person):
    someone = new_person()
    for settings, pointer in (
            (b'{"a":1,"a":1}', "/settings/a"), (b'{"a":{"b":1,"b":2,"b":3}}', "/settings/a/b"),
            (b'{"a":["","\\u0000"]}', "/settings/a/1"), (b'{"c":{"\\u0000":1}}', "/settings/c"),
            (b'{"x":{"y":[{}]},"a/b":{"~":"\\ud800"}}', "/settings/a~1b/~0"), (b"[1]", "/settings"),
            (b'"x"', "/settings")):
        answer = problem(someone.patch("/v1/me", body=b'{"settings":' + settings + b"}"), 422)
        assert [error["pointer"] for error in answer["errors"]] == [pointer]
    assert someone.get("/v1/me").json()["settings"] == {}


def test_escapes_that_mean_something_are_taken(person):
    answer = person.post("/v1/lists", body=raw_title("\\ud83e\\uddfa \\u00e9 \\/ \\t \\\\"), status=201)
    assert answer.json()["title"] == f"{ASTRAL} é / \t \\"


@pytest.mark.parametrize("body", [b"[]", b'"a"', b"null", b"1", b"true"])
def test_a_body_that_is_no_object_is_422(person, body):
    problem(person.post("/v1/lists", body=body), 422)


def test_deep_nesting_is_refused_and_never_a_500(person):
    for depth in (40, 1000, 400_000):
        answer = person.post("/v1/lists", body=b'{"title":' + b"[" * depth + b"]" * depth + b"}")
        assert answer.status in (400, 422), answer


def test_every_wrong_field_is_told_at_once(person):
    a_list = person.make_list()
    answer = person.post(f"/v1/lists/{a_list}/items", {
        "text": "", "note": 1, "labels": ["a", "", "b" * 51], "due": {"date": "2026-02-30"},
        "colour": "red", "a/b~c": 1, "id": "X"})
    told = problem(answer, 422)["errors"]
    pointers = {each["pointer"] for each in told}
    assert {"/text", "/note", "/labels/1", "/labels/2", "/colour", "/a~1b~0c", "/id"} <= pointers, told
    assert any(pointer == "/due" or pointer.startswith("/due/") for pointer in pointers), told
    assert person.whole(a_list)["revision"] == 1


def test_body_query_and_headers_are_told_together(person):
    a_list = person.make_list()
    answer = person.post(f"/v1/lists/{a_list}/items?colour=red", {"text": ""},
                         headers={"Client-Id": "x", "Min-Revision": "-1"})
    problem(answer, 422, pointers=["/text", "?colour", "Client-Id", "Min-Revision"])


@pytest.mark.parametrize("field, value", [
    ("repeat", None), ("repeat", {"every": "day"}), ("done", True),
    ("created_at", "2026-01-01T00:00:00.000Z"), ("rank", "a"), ("revision", 1),
])
def test_fields_that_are_unknown_or_not_due_are_422(person, field, value):
    a_list = person.make_list()
    problem(person.post(f"/v1/lists/{a_list}/items", {"text": "a", field: value}), 422,
            pointers=[f"/{field}"])
    if field != "done":
        item = person.add(a_list)["id"]
        problem(person.patch(f"/v1/lists/{a_list}/items/{item}", {field: value}), 422,
                pointers=[f"/{field}"])


@pytest.mark.parametrize("method, path, query", [
    ("GET", "/v1/lists", "?x=1"), ("GET", "/v1/lists/{id}", "?as_of=1"), ("GET", "/v1/me", "?x"),
    ("GET", "/v1/lists/{id}/items", "?due_before=2026-01-01"), ("GET", "/v1/lists/{id}/changes", "?until=3"),
    ("DELETE", "/v1/lists/{id}/items/{item}", "?erase=true"), ("GET", "/v1/me/sessions", "?x=1"),
    ("POST", "/v1/lists", "?title=a"), ("GET", "/v1/limits", "?x=1"),
])
def test_query_parameters_that_are_unknown_or_not_due_are_422(person, method, path, query):
    a_list = person.make_list()
    item = person.add(a_list)["id"]
    name = query.split("=")[0]
    body = {"json": {"title": "a"}} if method == "POST" else {}
    problem(person.call(method, path.format(id=a_list, item=item) + query, **body), 422, pointers=[name])
    assert person.get(f"/v1/lists/{a_list}/items/{item}").json()["deleted_at"] is None


@pytest.mark.parametrize("path", ["duplicate", "members", "invitations", "links", "export", "import"])
def test_calls_that_are_not_due_are_404(person, path):
    a_list = person.make_list()
    for method in ("GET", "POST"):
        problem(person.call(method, f"/v1/lists/{a_list}/{path}"), 404)
    for other in ("/v1/events", "/v1/search", "/docs"):
        assert person.get(other).status == 404


def test_browsers_are_told_404_by_the_page(anonymous):
    browser = {"Accept": "text/html,*/*;q=0.8"}
    for path in ("/docs", "/p/abc", "/metrics", "/healthz/deep", "/nothing", "/lists/1"):
        answer = anonymous.get(path, headers=browser, status=404)
        assert answer.header("Content-Type").startswith("text/html"), answer
        problem(anonymous.get(path), 404, "no_such_route")
    etag = anonymous.get("/", headers=browser, status=200).header("ETag")
    anonymous.get("/", headers=browser | {"If-None-Match": etag}, status=304)
    anonymous.get("/nothing", headers=browser | {"If-None-Match": etag}, status=404)
    for method in ("POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
        answer = anonymous.call(method, "/")
        problem(answer, 405)
        assert answer.header("Allow") == "GET, HEAD"


def test_titles_count_code_points(person):
    for title in ("a", ASTRAL, "a" * 200, ASTRAL * 200, " "):
        assert person.post("/v1/lists", {"title": title}, status=201).json()["title"] == title
    for title in ("", "a" * 201, ASTRAL * 201, None, 1, ["a"], {}):
        problem(person.post("/v1/lists", {"title": title}), 422, pointers=["/title"])
    problem(person.post("/v1/lists", {}), 422, pointers=["/title"])
    problem(person.post("/v1/lists"), 422, pointers=["/title"])  # No body counts as {}.


@pytest.mark.parametrize("how", ["post", "put", "patch"])
def test_limits_of_items(person, how):
    a_list = person.make_list()

    def write(**fields):
        if how == "patch":
            item = person.add(a_list)["id"]
            return person.patch(f"/v1/lists/{a_list}/items/{item}", fields)
        fields = {"text": "a", **fields}
        if how == "put":
            return person.put(f"/v1/lists/{a_list}/items/{uuid7()}", fields)
        return person.post(f"/v1/lists/{a_list}/items", fields)

    taken = [{"text": "a"}, {"text": "a" * 500}, {"text": ASTRAL * 500}, {"note": ""},
             {"note": "n" * 16384}, {"note": ASTRAL * 4096}, {"labels": []},
             {"labels": [str(n) for n in range(20)]}, {"labels": ["l" * 50, ASTRAL * 50]}]
    for fields in taken:
        answer = write(**fields)
        assert answer.status in (200, 201), answer
        assert answer.json().items() >= fields.items()
    refused = [({"text": ""}, "/text"), ({"text": "a" * 501}, "/text"), ({"text": ASTRAL * 501}, "/text"),
               ({"text": None}, "/text"), ({"text": 5}, "/text"), ({"note": "n" * 16385}, "/note"),
               ({"note": ASTRAL * 4096 + "n"}, "/note"), ({"note": 1}, "/note"),
               ({"labels": "a"}, "/labels"), ({"labels": [str(n) for n in range(21)]}, "/labels"),
               ({"labels": ["l" * 51]}, "/labels/0"), ({"labels": ["a", ASTRAL * 51]}, "/labels/1"),
               ({"labels": [""]}, "/labels/0"), ({"labels": [1]}, "/labels/0")]
    for fields, pointer in refused:
        problem(write(**fields), 422, pointers=[pointer])
    told = problem(write(labels=["a", "b", "a"]), 422)["errors"]
    assert told[0]["pointer"] in ("/labels", "/labels/2")


@pytest.mark.parametrize("due", [
    None, {"date": "2026-02-28"}, {"date": "2024-02-29"}, {"local": "2026-12-24T18:00:00"},
    {"at": "2026-12-24T17:00:00.000Z", "tz": "Europe/Berlin"},
    {"at": "2026-12-24T17:00:00.000Z", "tz": "UTC"},
])
def test_forms_of_due(person, due):
    a_list = person.make_list()
    item = person.add(a_list, due=due)
    assert item["due"] == due
    assert person.get(f"/v1/lists/{a_list}/items/{item['id']}").json()["due"] == due


@pytest.mark.parametrize("due", [
    "2026-01-01", 5, [], {}, {"date": "2026-02-29"}, {"date": "2026-13-01"}, {"date": "2026-1-1"},
    {"date": None}, {"date": "2026-01-01", "local": "2026-01-01T00:00:00"}, {"local": "2026-01-01"},
    {"local": "2026-01-01T24:00:00"}, {"local": "2026-01-01T00:00:00Z"}, {"local": "2026-01-01T00:60:00"},
    {"at": "2026-01-01T00:00:00.000Z"}, {"tz": "UTC"}, {"at": "2026-01-01T00:00:00.000Z", "tz": "Mars/Base"},
    {"at": "2026-01-01T00:00:00.000+02:00", "tz": "UTC"}, {"at": "2026-02-30T00:00:00.000Z", "tz": "UTC"},
    {"at": "2026-01-01T00:00:00.000Z", "tz": "../etc/passwd"}, {"at": "2026-01-01T00:00:00.000Z", "tz": ""},
    {"date": "2026-01-01", "time": "00:00"},
], ids=json.dumps)
def test_other_forms_of_due_are_422(person, due):
    a_list = person.make_list()
    told = problem(person.post(f"/v1/lists/{a_list}/items", {"text": "a", "due": due}), 422)
    assert all(each["pointer"] == "/due" or each["pointer"].startswith("/due/") for each in told["errors"])


def test_null_in_a_patch_sets_the_default_or_is_422(person):
    a_list = person.make_list()
    item = person.add(a_list, note="n", labels=["l"], due={"date": "2026-01-01"})["id"]
    target = f"/v1/lists/{a_list}/items/{item}"
    for name, default in (("note", ""), ("labels", []), ("due", None)):
        assert person.patch(target, {name: None}, status=200).json()[name] == default
    problem(person.patch(target, {"text": None, "done": None}), 422, pointers=["/text", "/done"])
    problem(person.patch(f"/v1/lists/{a_list}", {"title": None, "archived": None}), 422,
            pointers=["/title", "/archived"])
    problem(person.patch("/v1/me", {"name": None}), 422, pointers=["/name"])


@pytest.mark.parametrize("type, status", [
    ("application/json", 201), ("application/json; charset=utf-8", 201), ("Application/JSON", 201),
    ("application/json; a=b", 201), ('application/json;a=b; charset="UTF-8"', 201),
    ("application/json; charset=latin1", 415), ("application/json; a=b; charset=utf-16", 415),
    ("text/plain", 415), ("application/x-www-form-urlencoded", 415), ("application/merge-patch+json", 415),
    ("application/jsonp", 415), ("", 415), (None, 415), ("multipart/form-data", 415),
])
def test_types_of_bodies(person, type, status):
    headers = [] if type is None else [("Content-Type", type)]
    answer = person.post("/v1/lists", body=b'{"title":"a"}', type=None, headers=headers)
    assert answer.status == status, answer
    if status == 415:
        problem(answer, 415)


def test_a_patch_may_be_a_merge_patch(person):
    a_list = person.make_list()
    item = person.add(a_list)["id"]
    for target, body in ((f"/v1/lists/{a_list}", b'{"title":"b"}'),
                         (f"/v1/lists/{a_list}/items/{item}", b'{"text":"b"}'), ("/v1/me", b"{}")):
        person.patch(target, body=body, type="application/merge-patch+json", status=200)
        problem(person.patch(target, body=body, type="application/json-patch+json"), 415)


def test_no_body_needs_no_type_and_counts_as_nothing(person):
    a_list = person.make_list()
    assert person.patch(f"/v1/lists/{a_list}", status=200).json()["revision"] == 1
    assert person.post(f"/v1/lists/{a_list}/items/clear-done", status=200).json() == {"cleared": 0}
    assert person.post(f"/v1/lists/{a_list}/items/clear-done", body=b"", type="text/plain",
                       status=200).json() == {"cleared": 0}
    problem(person.post(f"/v1/lists/{a_list}/items/clear-done", {"x": 1}), 422, pointers=["/x"])
    problem(person.post(f"/v1/lists/{a_list}/restore", {"x": 1}), 422, pointers=["/x"])


def test_the_largest_body_and_the_next(person):
    pad = 1024 * 1024 - len(b'{"title":"a"}')
    person.post("/v1/lists", body=b'{"title":"a"' + b" " * pad + b"}", status=201)
    problem(person.post("/v1/lists", body=b'{"title":"a"' + b" " * (pad + 1) + b"}"), 413)


@pytest.mark.parametrize("id", ["x", "01934C8E-7D3A-7CC1-9A5E-2F6B1C0D4E8F", "0", "%00",
                                "6f2f4a3e-9d5b-4c1e-8b7a-0123456789ab", "01934c8e7d3a7cc19a5e2f6b1c0d4e8f"])
def test_a_malformed_id_in_a_path_is_404_and_in_a_put_422(person, id):
    a_list = person.make_list()
    for target in (f"/v1/lists/{id}", f"/v1/lists/{a_list}/items/{id}"):
        problem(person.get(target), 404, "not_found")
        problem(person.patch(target, {}), 404, "not_found")
        problem(person.delete(target), 404, "not_found")
    problem(person.put(f"/v1/lists/{id}", {"title": "a"}), 422, pointers=["/id"])
    problem(person.put(f"/v1/lists/{a_list}/items/{id}", {"text": "a"}), 422, pointers=["/id"])
    problem(person.delete(f"/v1/me/sessions/{id}"), 404, "not_found")
    problem(person.post("/v1/lists", {"title": "a", "id": id}), 422, pointers=["/id"])


ROUTES = {
    "/v1/auth/sign-up": {"POST"}, "/v1/auth/sign-in": {"POST"}, "/v1/auth/refresh": {"POST"},
    "/v1/auth/sign-out": {"POST"}, "/v1/me": {"GET", "PATCH", "DELETE"}, "/v1/me/password": {"PUT"},
    "/v1/me/sessions": {"GET"}, "/v1/me/sessions/{id}": {"DELETE"}, "/v1/lists": {"GET", "POST"},
    "/v1/lists/{id}": {"GET", "PUT", "PATCH", "DELETE"}, "/v1/lists/{id}/restore": {"POST"},
    "/v1/lists/{id}/items": {"GET", "POST"},
    "/v1/lists/{id}/items/{id}": {"GET", "PUT", "PATCH", "DELETE"},
    "/v1/lists/{id}/items/{id}/move": {"POST"}, "/v1/lists/{id}/items/{id}/restore": {"POST"},
    "/v1/lists/{id}/changes": {"GET"}, "/v1/lists/{id}/revert": {"POST"}, "/v1/sync": {"POST"},
    "/v1/limits": {"GET"}, "/livez": {"GET"}, "/readyz": {"GET"},
    "/openapi.json": {"GET"}, "/.well-known/jwks.json": {"GET"},
}


@pytest.mark.parametrize("path", ROUTES)
def test_a_method_that_a_path_does_not_have_is_405(anonymous, path):
    methods = ROUTES[path]
    for method in {"GET", "POST", "PUT", "PATCH", "DELETE"} - methods:
        answer = anonymous.call(method, path.format(id=uuid7()))
        problem(answer, 405)
        allow = {name.strip() for name in answer.header("Allow").split(",")}
        assert allow - {"HEAD", "OPTIONS"} == methods
        assert "HEAD" in allow or "GET" not in methods


@pytest.mark.parametrize("path", ["/v1", "/v1/", "/v1/nothing", "/v1/lists/", "/v2/lists", "/v1/lists/{id}/items/",
                                  "/v1//lists", "/V1/lists", "/v1/me/", "/v1/lists/{id}/items/{id}/x"])
def test_a_path_that_is_no_route_is_404_with_any_method(person, path):
    for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
        assert person.call(method, path.format(id=uuid7())).status == 404


def test_head_is_get_without_the_body(person, anonymous):
    a_list = person.make_list()
    item = person.add(a_list)["id"]
    changing = {"date", "x-request-id", "server-timing"}
    for target in ("/v1/me", "/v1/lists", f"/v1/lists/{a_list}", f"/v1/lists/{a_list}/items",
                   f"/v1/lists/{a_list}/items/{item}", f"/v1/lists/{a_list}/changes", "/v1/limits",
                   "/livez", "/openapi.json", f"/v1/lists/{uuid7()}"):
        get, head = person.get(target), person.head(target)
        assert head.status == get.status and head.body == b""
        rest = [[(name.lower(), value) for name, value in answer.headers if name.lower() not in changing]
                for answer in (get, head)]
        assert rest[0] == rest[1], target
    connection = Connection(anonymous.address)  # Nothing follows the head of the answer.
    connection.send(b"HEAD /v1/limits HTTP/1.1\r\nHost: a\r\n\r\nGET /livez HTTP/1.1\r\nHost: a\r\n\r\n")
    assert connection.read("HEAD").status == 200 and connection.read("GET").status == 200


def test_what_stands_in_every_answer(person):
    a_list = person.make_list()
    seen = set()
    for answer in (person.get(f"/v1/lists/{a_list}"), person.get("/v1/me"), person.get("/v1/lists"),
                   person.get(f"/v1/lists/{uuid7()}"), person.get("/v1/nothing"), person.patch("/v1/me", {})):
        assert answer.header("X-Request-Id") and answer.header("Server-Timing"), answer
        seen.add(answer.header("X-Request-Id"))
        if answer.status == 200:
            control = {word.strip() for word in answer.header("Cache-Control").split(",")}
            assert {"private", "no-cache"} <= control, answer
            assert {"authorization", "cookie"} <= {
                word.strip().lower() for word in ",".join(answer.all("Vary")).split(",")}, answer
    assert len(seen) == 6


def test_a_broken_traceparent_is_nobodys_trouble(person):
    for value in ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "ff-0-0-0", "", "x" * 500,
                  "00-00000000000000000000000000000000-0000000000000000-00"):
        person.get("/v1/me", headers={"traceparent": value}, status=200)


def test_pages(person, new_person):
    someone = new_person()
    ids = sorted((someone.make_list(f"L{n}") for n in range(7)), reverse=True)
    for limit in (1, 2, 3, 7, 8, 200):
        data, pages = someone.pages(f"/v1/lists?limit={limit}")
        assert [each["id"] for each in data] == ids
        assert pages <= 7 // limit + 1
    assert [each["id"] for each in someone.get("/v1/lists").json()["data"]] == ids
    first = someone.get("/v1/lists?limit=3", status=200)
    link = re.fullmatch(r'<([^>]*)>; *rel="?next"?', first.header("Link"))
    assert link, first
    target = re.sub(r"^https?://[^/]*", "", link[1])
    second = someone.get(target, status=200).json()
    by_cursor = someone.get(f"/v1/lists?limit=3&cursor={first.json()['next_cursor']}").json()
    assert second["data"] == by_cursor["data"] and [each["id"] for each in second["data"]] == ids[3:6]
    assert someone.get("/v1/lists?limit=200").header("Link") is None


@pytest.mark.parametrize("query, pointer", [
    ("limit=0", "?limit"), ("limit=201", "?limit"), ("limit=-1", "?limit"), ("limit=a", "?limit"),
    ("limit=", "?limit"), ("limit=1.0", "?limit"), ("limit=99999999999999999999", "?limit"),
    ("cursor=garbage", "?cursor"), ("cursor=", "?cursor"), ("cursor=%00", "?cursor"),
    ("state=gone", "?state"), ("state=", "?state"), ("limit=1&limit=2", "?limit"),
])
def test_parameters_of_pages(person, query, pointer):
    problem(person.get(f"/v1/lists?{query}"), 422, pointers=[pointer])
    if not query.startswith("state"):
        a_list = person.make_list()
        problem(person.get(f"/v1/lists/{a_list}/items?{query}"), 422, pointers=[pointer])
        problem(person.get(f"/v1/me/sessions?{query}"), 422, pointers=[pointer])


def test_limits_are_told_without_sign_in(anonymous):
    limits = anonymous.get("/v1/limits", status=200).json()
    assert limits and all(isinstance(value, int) and not isinstance(value, bool) for value in limits.values())
    assert {200, 500, 16384, 20, 50, 10_000, 20_000, 8 * 1024 * 1024, 2_000, 100, 1024 * 1024} <= set(
        limits.values()), limits
    sync = {name: value for name, value in limits.items() if name.startswith("sync_")}
    assert sync == {"sync_ops": 100, "sync_lists": 2_000, "sync_changes": 2_000, "sync_bytes": 1024 * 1024}


def test_health(anonymous):
    anonymous.get("/livez", status=200)
    anonymous.get("/readyz", status=200)
