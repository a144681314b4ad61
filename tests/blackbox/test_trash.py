"""Trash: of lists, and of items."""
import pytest

import replay
from client import problem, uuid7


@pytest.fixture
def a_list(person):
    return person.make_list()


def test_a_list_goes_to_trash_and_back(person, a_list):
    item = person.add(a_list, "kept")
    before = person.whole(a_list)
    gone = person.delete(f"/v1/lists/{a_list}", status=204)
    assert gone.body == b"" and gone.revision == before["revision"] + 1
    trashed = person.get(f"/v1/lists/{a_list}", status=200)
    assert trashed.etag == gone.etag
    at = trashed.json()["deleted_at"]
    assert trashed.json() == {**before, "deleted_at": at, "updated_at": at, "revision": before["revision"] + 1}
    back = person.post(f"/v1/lists/{a_list}/restore", status=200)
    assert back.json()["deleted_at"] is None and "items" not in back.json() and "members" not in back.json()
    after = person.whole(a_list)
    assert after == {**before, "revision": before["revision"] + 2, "updated_at": after["updated_at"]}
    assert after["items"] == [item]


def test_what_is_so_already_adds_no_revision(person, a_list):
    before = person.get(f"/v1/lists/{a_list}")
    same = person.post(f"/v1/lists/{a_list}/restore", status=200)
    assert same.etag == before.etag
    person.delete(f"/v1/lists/{a_list}", status=204)
    trashed = person.get(f"/v1/lists/{a_list}")
    assert person.delete(f"/v1/lists/{a_list}", status=204).etag == trashed.etag
    assert person.whole(a_list) == trashed.json()


def test_in_trash_the_owner_may_read_and_not_write(person, a_list):
    item = person.add(a_list)["id"]
    items = f"/v1/lists/{a_list}/items"
    person.delete(f"/v1/lists/{a_list}", status=204)
    for target in ("", "/items", f"/items/{item}", "/changes"):
        person.get(f"/v1/lists/{a_list}{target}", status=200)
    for method, target, body in (
            ("PATCH", f"/v1/lists/{a_list}", {"title": "b"}), ("PATCH", f"/v1/lists/{a_list}", {}),
            ("POST", items, {"text": "a"}), ("PUT", f"{items}/{uuid7()}", {"text": "a"}),
            ("PATCH", f"{items}/{item}", {"done": True}), ("POST", f"{items}/{item}/move", {"after": None}),
            ("DELETE", f"{items}/{item}", None), ("POST", f"{items}/{item}/restore", None),
            ("POST", f"{items}/clear-done", None)):
        more = {} if body is None else {"json": body}
        problem(person.call(method, target, **more), 409, "list_trashed")
    assert person.whole(a_list)["revision"] == 3
    kinds = [change["kind"] for change in person.log(a_list)]
    assert kinds == ["create-list", "add", "remove-list"]


def test_an_item_goes_to_trash_and_back(person, a_list):
    first, item = person.add(a_list, "a"), person.add(a_list, "b", note="n", labels=["l"])
    person.add(a_list, "c")
    target = f"/v1/lists/{a_list}/items/{item['id']}"
    gone = person.delete(target, status=204)
    assert gone.body == b"" and gone.revision == 5
    trashed = person.get(target, status=200).json()
    at = trashed["deleted_at"]
    assert trashed == {**item, "deleted_at": at, "updated_at": at, "revision": 5}
    assert person.texts(a_list) == ["a", "c"]
    assert person.get(f"/v1/lists/{a_list}/items?state=trashed").json()["data"] == [trashed]
    assert person.delete(target, status=204).revision == 5
    back = person.post(f"{target}/restore", status=200)
    assert back.json() == {**item, "updated_at": back.json()["updated_at"], "revision": 6}
    assert person.texts(a_list) == ["a", "b", "c"]
    assert person.post(f"{target}/restore", status=200).revision == 6
    assert person.get(f"/v1/lists/{a_list}/items/{first['id']}").json() == first


def test_items_in_trash_take_edits_and_no_moves(person, a_list):
    item = person.add(a_list, "b")["id"]
    person.add(a_list, "c")
    target = f"/v1/lists/{a_list}/items/{item}"
    person.delete(target, status=204)
    edited = person.patch(target, {"text": "B", "done": True}, status=200)
    assert edited.json()["deleted_at"] is not None and edited.json()["done_at"] is not None
    assert edited.revision == 5 == edited.json()["revision"]
    assert person.whole(a_list)["done_count"] == 0
    for place in ({"after": None}, {"before": None}):
        problem(person.post(f"{target}/move", place), 409, "item_trashed")
    person.post(f"{target}/restore", status=200)
    assert person.texts(a_list) == ["B", "c"] and person.whole(a_list)["done_count"] == 1
    replay.check_log(person.log(a_list), a_list, person.whole(a_list), person.id)


def test_clear_done(person, a_list):
    ids = [person.add(a_list, text)["id"] for text in "abcde"]
    items = f"/v1/lists/{a_list}/items"
    for each in (ids[0], ids[2], ids[3]):
        person.patch(f"{items}/{each}", {"done": True}, status=200)
    before = person.whole(a_list)["revision"]
    answer = person.post(f"{items}/clear-done", status=200)
    assert answer.json() == {"cleared": 3} and answer.revision == before + 1
    assert person.texts(a_list) == ["b", "e"]
    again = person.post(f"{items}/clear-done", status=200)
    assert again.json() == {"cleared": 0} and again.etag == answer.etag
    assert [each["text"] for each in person.get(f"{items}?state=trashed").json()["data"]] == ["a", "c", "d"]
    for each in ids:
        person.post(f"{items}/{each}/restore", status=200)
    assert person.texts(a_list) == list("abcde")
