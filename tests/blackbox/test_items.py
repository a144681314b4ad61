"""'Items': added, read, changed, listed, and how many a list takes. Order: test_order; trash: test_trash."""
import json

import pytest

from client import Connection, is_long, problem, request_bytes, uuid7

ITEM = {"id", "text", "note", "done", "done_at", "due", "repeat", "labels", "parent_id", "created_by",
        "created_at", "updated_at", "deleted_at", "revision"}


@pytest.fixture
def a_list(person):
    return person.make_list()


def test_add(person, a_list):
    answer = person.post(f"/v1/lists/{a_list}/items", {"text": "Milk"}, status=201)
    item = answer.json()
    assert set(item) == ITEM
    assert item["text"] == "Milk" and item["created_by"] == person.id and item["revision"] == 2
    assert item["created_at"] == item["updated_at"]
    blank = {"note": "", "done": False, "done_at": None, "due": None, "repeat": None, "labels": [],
             "parent_id": None, "deleted_at": None}
    assert item.items() >= blank.items()
    whole = person.get(f"/v1/lists/{a_list}")
    assert answer.revision == 2 == whole.json()["revision"] and answer.etag == whole.etag
    assert whole.json()["items"] == [item]
    assert whole.json()["updated_at"] == item["created_at"]


def test_add_with_everything(person, a_list):
    fields = {"id": uuid7(), "text": "Milk", "note": "whole\n\u2028 é", "due": {"date": "2026-12-24"},
              "labels": ["b", "a", "\U0001F9FA"]}
    item = person.post(f"/v1/lists/{a_list}/items", fields, status=201).json()
    assert item.items() >= fields.items()
    assert person.get(f"/v1/lists/{a_list}/items/{fields['id']}", status=200).json() == item


def test_ids_are_unique_in_their_list(person, a_list):
    item, other = uuid7(), person.make_list()
    target = f"/v1/lists/{a_list}/items"
    person.post(target, {"text": "a", "id": item}, status=201)
    problem(person.post(target, {"text": "a", "id": item}), 409, "id_taken")  # Its maker's, too.
    person.post(f"/v1/lists/{other}/items", {"text": "b", "id": item}, status=201)
    person.delete(f"{target}/{item}", status=204)
    problem(person.post(target, {"text": "a", "id": item}), 409, "id_taken")
    assert person.texts(other) == ["b"]


def test_a_put_is_repeated_without_change(person, a_list):
    item = uuid7()
    target = f"/v1/lists/{a_list}/items/{item}"
    first = person.put(target, {"text": "a", "note": "n"}, status=201)
    again = person.put(target, {"text": "other"}, status=200)
    assert again.json() == first.json() and again.etag == first.etag and again.revision == first.revision
    person.patch(target, {"text": "b"}, status=200)
    assert person.put(target, {"text": "a", "note": "n"}, status=200).json()["text"] == "b"
    person.delete(target, status=204)
    assert person.put(target, {"text": "a", "note": "n"}, status=200).json()["deleted_at"] is not None
    assert person.whole(a_list)["revision"] == 4


def test_change_touches_only_what_is_named(person, a_list):
    item = person.add(a_list, note="n", labels=["l"], due={"date": "2026-12-24"})
    target = f"/v1/lists/{a_list}/items/{item['id']}"
    for n, fields in enumerate(({"text": "b"}, {"note": "m"}, {"labels": []}, {"due": None},
                                {"due": {"local": "2026-12-24T18:00:00"}}, {"text": "c", "note": "x"})):
        answer = person.patch(target, fields, status=200)
        changed = answer.json()
        assert changed == {**item, **fields, "updated_at": changed["updated_at"], "revision": 3 + n}
        assert answer.revision == 3 + n and changed["updated_at"] >= item["updated_at"]
        assert person.get(target).json() == changed
        item = changed


def test_tick_and_untick(person, a_list):
    item = person.add(a_list)
    target = f"/v1/lists/{a_list}/items/{item['id']}"
    done = person.patch(target, {"done": True}, status=200).json()
    assert done["done"] and done["done_at"] == done["updated_at"] == person.whole(a_list)["updated_at"]
    assert person.patch(target, {"done": True}, status=200).json() == done
    undone = person.patch(target, {"done": False}, status=200).json()
    assert (undone["done"], undone["done_at"]) == (False, None)
    problem(person.patch(target, {"done": 1}), 422, pointers=["/done"])
    problem(person.patch(target, {"done_at": None}), 422, pointers=["/done_at"])


def test_what_changes_nothing_adds_no_revision(person, a_list):
    item = person.add(a_list, note="n", labels=["a", "b"], due={"date": "2026-12-24"})
    target = f"/v1/lists/{a_list}/items/{item['id']}"
    before = person.get(f"/v1/lists/{a_list}")
    for fields in ({}, {"text": item["text"]}, {"note": "n"}, {"labels": ["a", "b"]}, {"done": False},
                   {"due": {"date": "2026-12-24"}}):
        answer = person.patch(target, fields, status=200)
        assert answer.json() == item and answer.etag == before.etag
        assert answer.revision == before.json()["revision"]
    assert person.whole(a_list) == before.json()


def test_what_is_not_there_is_404(person, a_list):
    elsewhere = person.add(person.make_list())["id"]
    for item in (uuid7(), elsewhere):
        target = f"/v1/lists/{a_list}/items/{item}"
        for method, path in (("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/restore")):
            problem(person.call(method, target + path), 404, "not_found")
        problem(person.post(f"{target}/move", {"after": None}), 404, "not_found")
    assert person.whole(a_list)["revision"] == 1


def test_pages_in_order(person, a_list):
    ids = [person.add(a_list, f"{n}")["id"] for n in range(7)]
    person.post(f"/v1/lists/{a_list}/items/{ids[6]}/move", {"after": None}, status=200)
    order = [ids[6], *ids[:6]]
    for limit in (1, 2, 3, 7, 200):
        data, _ = person.pages(f"/v1/lists/{a_list}/items?limit={limit}")
        assert [each["id"] for each in data] == order
    assert data == person.whole(a_list)["items"]


def test_filters(person, a_list):
    items = f"/v1/lists/{a_list}/items"
    a, b, c, d = (person.add(a_list, text, labels=labels)["id"] for text, labels in (
        ("a", ["x", "é & ü"]), ("b", ["x"]), ("c", []), ("d", ["y", "x y"])))
    person.patch(f"{items}/{b}", {"done": True}, status=200)
    person.patch(f"{items}/{d}", {"done": True}, status=200)

    def found(query):
        data, _ = person.pages(f"{items}?limit=1&{query}")
        return [each["id"] for each in data]

    assert found("state=active") == [a, b, c, d]
    assert found("done=true") == [b, d] and found("done=false") == [a, c]
    assert found("label=x") == [a, b] and found("label=x&done=true") == [b]
    assert found("label=x%20y") == [d] and found("label=%C3%A9%20%26%20%C3%BC") == [a]
    assert found("label=nobody") == [] and found("state=trashed") == []
    person.delete(f"{items}/{b}", status=204)
    assert found("state=trashed") == [b] and found("done=true") == [d]
    assert found("state=trashed&done=false") == [] and found("state=trashed&label=x") == [b]
    for query, name in (("done=1", "?done"), ("done=", "?done"), ("done=True", "?done"), ("state=done", "?state"), ("text=a", "?text")):
        problem(person.get(f"{items}?{query}"), 422, pointers=[name])


def test_a_page_goes_on_where_it_ended_though_the_list_changes(person, a_list):
    ids = [person.add(a_list, f"{n}")["id"] for n in range(6)]
    target = f"/v1/lists/{a_list}/items"
    first = person.get(f"{target}?limit=3").json()
    person.delete(f"{target}/{ids[2]}", status=204)  # The last that was read.
    person.post(target, {"text": "new", "after": None}, status=201)
    rest = person.get(f"{target}?limit=50&cursor={first['next_cursor']}", status=200).json()
    assert [each["id"] for each in rest["data"]] == ids[3:]


def pipelined(person, requests, window=100):
    """Sends many requests over one connection; returns their answers in order."""
    connection, answers = Connection(person.address), []
    for start in range(0, len(requests), window):
        part = requests[start:start + window]
        connection.send(b"".join(part))
        answers += [connection.read() for _ in part]
    connection.close()
    return answers


def requests_of(person, method, targets_and_bodies):
    headers = [("Authorization", f"Bearer {person.token}"), ("Content-Type", "application/json")]
    return [request_bytes(person.address, method, target, headers,
                          None if body is None else json.dumps(body).encode())
            for target, body in targets_and_bodies]


def test_10000_live_items_are_the_last(person, a_list):
    items = f"/v1/lists/{a_list}/items"
    ids = [uuid7() for _ in range(10_000)]
    answers = pipelined(person, requests_of(person, "PUT", [(f"{items}/{each}", {"text": "a"}) for each in ids]))
    assert {answer.status for answer in answers} == {201}
    problem(person.post(items, {"text": "one more"}), 422, "list_full")
    problem(person.put(f"{items}/{uuid7()}", {"text": "one more"}), 422, "list_full")
    person.put(f"{items}/{ids[0]}", {"text": "a"}, status=200)  # A repeat is known before limits.
    whole = person.whole(a_list)
    assert [item["id"] for item in whole["items"]] == ids and whole["item_count"] == 10_000
    person.delete(f"{items}/{ids[0]}", status=204)
    extra = person.post(items, {"text": "fits"}, status=201).json()["id"]
    problem(person.post(f"{items}/{ids[0]}/restore"), 422, "list_full")
    person.delete(f"{items}/{extra}", status=204)
    person.post(f"{items}/{ids[0]}/restore", status=200)
    if is_long():
        check_20000_with_trash(person, a_list, ids)


def check_20000_with_trash(person, a_list, ids):
    """One item is in trash already; 9,999 more fit."""
    items = f"/v1/lists/{a_list}/items"
    gone = pipelined(person, requests_of(person, "DELETE", [(f"{items}/{each}", None) for each in ids[:9_999]]))
    assert {answer.status for answer in gone} == {204}
    more = pipelined(person, requests_of(person, "POST", [(items, {"text": "b"})] * 9_999))
    assert {answer.status for answer in more} == {201}
    person.delete(f"{items}/{ids[9_999]}", status=204)
    problem(person.post(items, {"text": "one more"}), 422, "list_full")  # Live: 9,999; with trash: 20,000.
    assert person.whole(a_list)["item_count"] == 9_999


def test_8_mib_of_content_are_the_last(person, a_list):
    """Text, note and labels count, in bytes; trash is included."""
    items = f"/v1/lists/{a_list}/items"
    ids = [uuid7() for _ in range(512)]
    full = {"text": "é", "note": "n" * 16379, "labels": ["lll"]}  # 16,384 bytes.
    answers = pipelined(person, requests_of(person, "PUT", [(f"{items}/{each}", full) for each in ids]), window=8)
    assert {answer.status for answer in answers} == {201}
    problem(person.post(items, {"text": "a"}), 422, "list_full")
    problem(person.patch(f"{items}/{ids[0]}", {"text": "aaa"}), 422, "list_full")
    person.delete(f"{items}/{ids[0]}", status=204)
    problem(person.post(items, {"text": "a"}), 422, "list_full")
    person.patch(f"{items}/{ids[1]}", {"note": "n" * 16378}, status=200)
    person.post(items, {"text": "a"}, status=201)
    problem(person.post(items, {"text": "a"}), 422, "list_full")
    person.post(f"{items}/{ids[0]}/restore", status=200)
