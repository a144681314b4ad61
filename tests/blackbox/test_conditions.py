"""`If-Match`, `If-None-Match`, `Min-Revision`."""
import pytest

from client import Connection, problem, uuid7


@pytest.fixture
def a_list(person):
    return person.make_list()


def writes(person, a_list, item, trashed):
    """One of each write to a list, as (method, target, body)."""
    list_path = f"/v1/lists/{a_list}"
    items = f"{list_path}/items"
    return [("PATCH", list_path, {"title": uuid7()}), ("POST", items, {"text": "a"}),
            ("PUT", f"{items}/{uuid7()}", {"text": "a"}), ("PATCH", f"{items}/{item}", {"text": uuid7()}),
            ("POST", f"{items}/{item}/move", {"after": None}), ("POST", f"{items}/clear-done", {}),
            ("POST", f"{items}/{trashed}/restore", {}), ("DELETE", f"{items}/{item}", None),
            ("DELETE", list_path, None), ("POST", f"{list_path}/restore", {})]


def call(person, write, headers, status=None):
    method, target, body = write
    more = {} if body is None else {"json": body}
    return person.call(method, target, headers=headers, status=status, **more)


def test_a_read_may_be_304(person, a_list):
    target = f"/v1/lists/{a_list}"
    first = person.get(target)
    for value in (first.etag, f'"other", {first.etag}', f"{first.etag},W/\"x\"", "*", f"W/{first.etag}"):
        answer = person.get(target, headers={"If-None-Match": value}, status=304)
        assert answer.body == b"" and answer.etag == first.etag
        assert answer.header("Content-Length") in (None, str(len(first.body)))
        person.head(target, headers={"If-None-Match": value}, status=304)
    for value in ('"other"', first.etag[:-2] + '0"', '""'):
        assert person.get(target, headers={"If-None-Match": value}, status=200).body == first.body
    connection = Connection(person.address)  # The next answer begins where the 304 ends.
    for status in (304, 200, 304):
        headers = [("Authorization", f"Bearer {person.token}")]
        headers += [("If-None-Match", first.etag)] if status == 304 else []
        assert connection.request("GET", target, headers).status == status


def test_an_old_etag_reads_the_new_list(person, a_list):
    old = person.get(f"/v1/lists/{a_list}").etag
    written = person.post(f"/v1/lists/{a_list}/items", {"text": "a"}, status=201)
    assert written.etag != old
    read = person.get(f"/v1/lists/{a_list}", headers={"If-None-Match": old}, status=200)
    assert read.etag == written.etag
    person.get(f"/v1/lists/{a_list}", headers={"If-None-Match": read.etag}, status=304)


def test_304_is_not_for_strangers(person, stranger, a_list):
    etag = person.get(f"/v1/lists/{a_list}").etag
    for value in (etag, "*"):
        problem(stranger.get(f"/v1/lists/{a_list}", headers={"If-None-Match": value}), 404)


def test_if_match_is_honoured_on_every_write(person, a_list):
    item, trashed = person.add(a_list)["id"], person.add(a_list)["id"]
    person.add(a_list)
    stale = person.get(f"/v1/lists/{a_list}").etag
    person.delete(f"/v1/lists/{a_list}/items/{trashed}", status=204)
    person.post(f"/v1/lists/{a_list}/items/{item}/move", {"before": None}, status=200)
    for n, write in enumerate(writes(person, a_list, item, trashed)):
        before = person.get(f"/v1/lists/{a_list}")
        problem(call(person, write, {"If-Match": stale}), 412)
        problem(call(person, write, {"If-Match": f'"a", {stale}'}), 412)
        assert person.get(f"/v1/lists/{a_list}").body == before.body, write
        value = (before.etag, f"{stale}, {before.etag}", "*")[n % 3]
        answer = call(person, write, {"If-Match": value}, status=(200, 201, 204))
        read = person.get(f"/v1/lists/{a_list}")
        assert answer.etag == read.etag and answer.revision == read.json()["revision"]
        moved = 0 if write[1].endswith("clear-done") else 1
        assert answer.revision == before.json()["revision"] + moved, write


def test_without_if_match_a_call_applies_to_the_list_as_it_is(person, a_list):
    for _ in range(3):
        person.post(f"/v1/lists/{a_list}/items", {"text": "a"}, status=201)
    assert person.whole(a_list)["revision"] == 4


def test_only_one_of_two_writers_with_one_etag(person, a_list):
    etag = person.get(f"/v1/lists/{a_list}").etag
    first = person.patch(f"/v1/lists/{a_list}", {"title": "x"}, headers={"If-Match": etag}, status=200)
    problem(person.patch(f"/v1/lists/{a_list}", {"title": "y"}, headers={"If-Match": etag}), 412)
    person.patch(f"/v1/lists/{a_list}", {"title": "y"}, headers={"If-Match": first.etag}, status=200)


def test_a_412_is_told_even_where_nothing_would_change(person, a_list):
    old = person.get(f"/v1/lists/{a_list}").etag
    person.patch(f"/v1/lists/{a_list}", {"title": "b"}, status=200)
    problem(person.patch(f"/v1/lists/{a_list}", {"title": "b"}, headers={"If-Match": old}), 412)


def test_min_revision(person, a_list):
    item = person.add(a_list)["id"]
    list_path = f"/v1/lists/{a_list}"
    for target in (list_path, f"{list_path}/items", f"{list_path}/items/{item}", f"{list_path}/changes"):
        for least in (0, 1, 2):
            person.get(target, headers={"Min-Revision": str(least)}, status=200)
        for least in (3, 2**32 + 1, 2**53 - 1):
            problem(person.get(target, headers={"Min-Revision": str(least)}), 409, "revision_ahead")
        for wrong in ("-1", "a", "", "1.0", "0x1", "99999999999999999999"):
            problem(person.get(target, headers={"Min-Revision": wrong}), 422, pointers=["Min-Revision"])
    person.patch(list_path, {"title": "b"}, headers={"Min-Revision": "2"}, status=200)
    problem(person.patch(list_path, {"title": "c"}, headers={"Min-Revision": "4"}), 409, "revision_ahead")
    problem(person.patch(list_path, {"title": "c"}, headers={"Min-Revision": "x"}), 422, pointers=["Min-Revision"])
    assert person.whole(a_list)["title"] == "b"


def test_min_revision_and_a_304(person, a_list):
    etag = person.get(f"/v1/lists/{a_list}").etag
    headers = {"If-None-Match": etag, "Min-Revision": "1"}
    person.get(f"/v1/lists/{a_list}", headers=headers, status=304)
    problem(person.get(f"/v1/lists/{a_list}", headers={**headers, "Min-Revision": "2"}), 409, "revision_ahead")


def test_conditions_may_stand_in_several_lines(person, a_list):
    target, now = f"/v1/lists/{a_list}", person.get(f"/v1/lists/{a_list}").header("ETag")
    person.call("GET", target, headers=[("If-None-Match", '"9"'), ("If-None-Match", now)], status=304)
    person.call("GET", target, headers=[("If-None-Match", '"9"'), ("If-None-Match", '"8"')], status=200)
    stale = [("If-Match", '"9"'), ("If-Match", '"8"')]
    problem(person.call("PATCH", target, {"title": "b"}, headers=stale), 412)
    person.call("PATCH", target, {"title": "b"}, headers=[("If-Match", '"9"'), ("If-Match", now)], status=200)
