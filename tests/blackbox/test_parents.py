"""`parent_id`: which items can be one, and what children go along with."""
import pytest

from client import problem, uuid7
from history import content, fields_of, items_of, judged, last, order, trash, undo


@pytest.fixture
def a_list(person):
    return person.make_list()


def family(person, a_list, children=2):
    """A parent, its children, and one beside them; ids."""
    parent = person.add(a_list, "parent")["id"]
    ids = [person.add(a_list, f"child {n}", parent_id=parent)["id"] for n in range(children)]
    return parent, ids, person.add(a_list, "other")["id"]


def item(person, a_list, ident):
    return person.get(f"{items_of(a_list)}/{ident}", status=200).json()


def test_an_item_is_added_below_another(person, a_list):
    parent = person.add(a_list, "parent")
    assert parent["parent_id"] is None
    child = person.add(a_list, "child", parent_id=parent["id"])
    put = person.put(f"{items_of(a_list)}/{uuid7()}", {"text": "child", "parent_id": parent["id"]}, status=201).json()
    blank = person.add(a_list, "no child", parent_id=None)
    assert (child["parent_id"], put["parent_id"], blank["parent_id"]) == (parent["id"], parent["id"], None)
    log = judged(person, a_list)
    assert [change["effects"][0]["set"]["parent_id"] for change in log[1:]] == [None, parent["id"], parent["id"], None]
    assert [each["parent_id"] for each in person.whole(a_list)["items"]] == [None, parent["id"], parent["id"], None]


def test_a_parent_is_set_and_taken_away(person, a_list):
    parent, other = person.add(a_list, "parent")["id"], person.add(a_list, "other")["id"]
    target = f"{items_of(a_list)}/{other}"
    assert person.patch(target, {"parent_id": parent}, status=200).json()["parent_id"] == parent
    assert last(person, a_list)["effects"] == [
        {"entity": "item", "id": other, "set": {"parent_id": parent}, "previous": {"parent_id": None}}]
    same = person.patch(target, {"parent_id": parent}, status=200)
    assert same.revision == 4
    person.patch(target, {"text": "only this"}, status=200)
    assert item(person, a_list, other)["parent_id"] == parent
    assert person.patch(target, {"parent_id": None}, status=200).json()["parent_id"] is None
    assert last(person, a_list)["effects"][0]["set"] == {"parent_id": None}
    undo(person, a_list)
    assert item(person, a_list, other)["parent_id"] == parent
    undo(person, a_list)
    assert item(person, a_list, other)["parent_id"] is None


def test_another_parent(person, a_list):
    parent, (child,), other = family(person, a_list, 1)
    person.patch(f"{items_of(a_list)}/{child}", {"parent_id": other}, status=200)
    assert last(person, a_list)["effects"][0]["previous"] == {"parent_id": parent}
    person.delete(f"{items_of(a_list)}/{parent}", status=204)
    assert order(person, a_list) == [child, other]


def refused(person, a_list, parent, item_id, code=None):
    """By an add (with an id of its own), a PUT and, where there is an item, a PATCH."""
    items = items_of(a_list)
    fields = {"text": "a", "parent_id": parent}
    answers = [person.post(items, fields), person.put(f"{items}/{uuid7()}", fields),
               person.patch(f"{items}/{item_id}", {"parent_id": parent})]
    for answer in answers:
        told = problem(answer, 422, "invalid_request", pointers=["/parent_id"])
        assert code is None or [each["code"] for each in told["errors"]] == [code]


def test_what_cannot_be_a_parent(person, a_list):
    items = items_of(a_list)
    parent, (child,), other = family(person, a_list, 1)
    elsewhere = person.add(person.make_list())["id"]
    trashed, purged, moved = (person.add(a_list)["id"] for _ in range(3))
    person.delete(f"{items}/{trashed}", status=204)
    person.delete(f"{items}/{purged}?purge=true", status=204)
    person.post(f"{items}/{moved}/move", {"to_list": person.make_list()}, status=200)
    before = person.whole(a_list)
    for wrong in (uuid7(), elsewhere, child, trashed, purged, moved):
        refused(person, a_list, wrong, other, "invalid_parent")
    for wrong in ("", "x", other.upper(), 5, True, [other], {"id": other}):
        refused(person, a_list, wrong, other)
    assert person.whole(a_list) == before
    assert parent in order(person, a_list)


def test_nobody_is_his_own_parent(person, a_list):
    items, other = items_of(a_list), person.add(a_list)["id"]
    problem(person.patch(f"{items}/{other}", {"parent_id": other}), 422, pointers=["/parent_id"])
    new = uuid7()
    problem(person.post(items, {"id": new, "text": "a", "parent_id": new}), 422, pointers=["/parent_id"])
    problem(person.put(f"{items}/{new}", {"text": "a", "parent_id": new}), 422, pointers=["/parent_id"])
    assert person.whole(a_list)["revision"] == 2


def test_a_parent_gets_none_as_long_as_it_has_live_children(person, a_list):
    items = items_of(a_list)
    parent, (child,), other = family(person, a_list, 1)
    problem(person.patch(f"{items}/{parent}", {"parent_id": other}), 422, pointers=["/parent_id"])
    person.delete(f"{items}/{child}", status=204)
    person.patch(f"{items}/{parent}", {"parent_id": other}, status=200)
    back = person.post(f"{items}/{child}/restore", status=200).json()  # Its parent cannot be one any more.
    assert back["parent_id"] is None
    judged(person, a_list)


def test_all_that_is_wrong_is_told(person, a_list):
    other = person.add(a_list)["id"]
    answer = person.patch(f"{items_of(a_list)}/{other}?x=1", {"text": "", "parent_id": "x", "parent": 1},
                          headers={"Client-Id": "x"})
    problem(answer, 422, pointers=["/text", "/parent_id", "/parent", "?x", "Client-Id"])
    answer = person.post(items_of(a_list), {"text": "a", "parent_id": uuid7(), "after": uuid7()})
    problem(answer, 422, pointers=["/parent_id", "/after"])


def test_412_before_a_wrong_parent(person, a_list):
    other = person.add(a_list)["id"]
    problem(person.patch(f"{items_of(a_list)}/{other}", {"parent_id": uuid7()}, headers={"If-Match": '"x"'}), 412)


def test_order_stays_flat(person, a_list):
    items = items_of(a_list)
    parent, (one, two), other = family(person, a_list)
    person.post(f"{items}/{parent}/move", {"before": None}, status=200)
    assert order(person, a_list) == [one, two, other, parent]
    person.post(f"{items}/{one}/move", {"after": other}, status=200)
    assert order(person, a_list) == [two, other, one, parent]
    new = person.add(a_list, "new", parent_id=parent, after=None)["id"]
    assert order(person, a_list) == [new, two, other, one, parent]
    judged(person, a_list)


def test_remove_takes_live_children_along(person, a_list):
    items = items_of(a_list)
    parent, (one, two, three), other = family(person, a_list, 3)
    person.delete(f"{items}/{two}", status=204)
    person.post(f"{items}/{three}/move", {"after": None}, status=200)  # three, parent, one, other
    before, rows = content(person, a_list), {each["id"]: fields_of(each) for each in person.whole(a_list)["items"]}
    gone = person.delete(f"{items}/{parent}", status=204)
    change = last(person, a_list)
    assert (change["kind"], change["item_id"], change["revision"]) == ("remove", parent, gone.revision)
    at = change["at"]
    assert change["effects"] == [
        {"entity": "item", "id": parent, "set": {"deleted_at": at}, "previous": rows[parent], "was_after": three},
        {"entity": "item", "id": three, "set": {"deleted_at": at}, "previous": rows[three], "was_after": None},
        {"entity": "item", "id": one, "set": {"deleted_at": at}, "previous": rows[one], "was_after": None}]
    assert order(person, a_list) == [other] and set(trash(person, a_list)) == {parent, one, two, three}
    assert item(person, a_list, one)["parent_id"] == parent  # It stays, for the way back.
    undo(person, a_list)
    assert content(person, a_list) == before
    undo(person, a_list)
    assert order(person, a_list) == [other]
    judged(person, a_list)


def test_remove_of_a_child_is_of_that_alone(person, a_list):
    parent, (one, two), other = family(person, a_list)
    person.delete(f"{items_of(a_list)}/{one}", status=204)
    assert order(person, a_list) == [parent, two, other]


def test_restore_brings_back_those_that_went_along(person, a_list):
    items = items_of(a_list)
    parent, (one, two, three), other = family(person, a_list, 3)
    person.delete(f"{items}/{two}", status=204)  # Before, and for itself: it stays in trash.
    person.delete(f"{items}/{parent}", status=204)
    person.patch(f"{items}/{three}", {"text": "edited in trash"}, status=200)
    back = person.post(f"{items}/{parent}/restore", status=200)
    change = last(person, a_list)
    assert (change["kind"], change["item_id"], back.json()["id"]) == ("restore", parent, parent)
    assert [effect["id"] for effect in change["effects"]] == [parent, one, three]
    assert [effect["after"] for effect in change["effects"]] == [None, parent, one]
    for effect in change["effects"]:
        assert set(effect["previous"]) == {"deleted_at"} and effect["set"] == fields_of(item(person, a_list, effect["id"]))
    assert order(person, a_list) == [parent, one, three, other] and trash(person, a_list) == [two]
    assert item(person, a_list, three)["text"] == "edited in trash"
    assert item(person, a_list, one)["parent_id"] == parent
    undo(person, a_list)
    assert order(person, a_list) == [other]
    judged(person, a_list)


def test_a_child_comes_back_without_a_parent_that_is_not_live(person, a_list):
    items = items_of(a_list)
    parent, (one, two), other = family(person, a_list)
    person.delete(f"{items}/{parent}", status=204)
    back = person.post(f"{items}/{one}/restore", status=200).json()
    assert back["parent_id"] is None
    effect, = last(person, a_list)["effects"]
    assert effect["previous"].keys() == {"deleted_at", "parent_id"} and effect["previous"]["parent_id"] == parent
    assert effect["set"]["parent_id"] is None
    person.post(f"{items}/{parent}/restore", status=200)
    assert order(person, a_list) == [parent, one, two, other]
    assert item(person, a_list, one)["parent_id"] is None and item(person, a_list, two)["parent_id"] == parent
    judged(person, a_list)


def test_a_child_that_went_by_itself_comes_back_below_its_parent(person, a_list):
    items = items_of(a_list)
    parent, (one,), _ = family(person, a_list, 1)
    person.delete(f"{items}/{one}", status=204)
    assert person.post(f"{items}/{one}/restore", status=200).json()["parent_id"] == parent


def test_clear_done_takes_children_along(person, a_list):
    items = items_of(a_list)
    parent, (one, two), other = family(person, a_list)
    person.patch(f"{items}/{two}", {"done": True}, status=200)
    before = content(person, a_list)
    assert person.post(f"{items}/clear-done", status=200).json() == {"cleared": 1}
    assert order(person, a_list) == [parent, one, other]  # A child goes for itself.
    undo(person, a_list)
    assert content(person, a_list) == before
    person.patch(f"{items}/{parent}", {"done": True}, status=200)
    before = content(person, a_list)
    assert person.post(f"{items}/clear-done", status=200).json() == {"cleared": 3}
    change = last(person, a_list)
    assert change["kind"] == "clear-done" and "item_id" not in change
    assert [effect["id"] for effect in change["effects"]] == [parent, one, two]
    assert order(person, a_list) == [other]
    person.post(f"{items}/{parent}/restore", status=200)
    assert content(person, a_list) == before
    undo(person, a_list)
    assert order(person, a_list) == [other]
    judged(person, a_list)


def test_purge_of_a_parent_leaves_its_children_in_trash(person, a_list):
    items = items_of(a_list)
    parent, (one, two), other = family(person, a_list)
    person.delete(f"{items}/{parent}?purge=true", status=204)
    assert order(person, a_list) == [other] and trash(person, a_list) == [one, two]
    assert person.post(f"{items}/{one}/restore", status=200).json()["parent_id"] is None
    judged(person, a_list)


def test_a_move_does_not_change_the_parent(person, a_list):
    parent, (one, two), other = family(person, a_list)
    moved = person.post(f"{items_of(a_list)}/{one}/move", {"after": other}, status=200).json()
    assert moved["parent_id"] == parent and order(person, a_list) == [parent, two, other, one]


def test_a_parent_in_trash_may_be_edited_and_its_children_too(person, a_list):
    items = items_of(a_list)
    parent, (one,), other = family(person, a_list, 1)
    person.delete(f"{items}/{parent}", status=204)
    problem(person.patch(f"{items}/{other}", {"parent_id": parent}), 422, pointers=["/parent_id"])
    assert person.patch(f"{items}/{one}", {"parent_id": other}, status=200).json()["parent_id"] == other
    person.post(f"{items}/{parent}/restore", status=200)
    assert order(person, a_list) == [parent, other]  # It is somebody else's child now.
    assert person.post(f"{items}/{one}/restore", status=200).json()["parent_id"] == other
    judged(person, a_list)


def test_a_list_with_families_replays_from_anywhere(person, a_list):
    parent, (one, two), other = family(person, a_list)
    items = items_of(a_list)
    person.delete(f"{items}/{parent}", status=204)
    person.post(f"{items}/{two}/restore", status=200)
    person.post(f"{items}/{parent}/restore", status=200)
    person.patch(f"{items}/{other}", {"parent_id": parent}, status=200)
    person.delete(f"{items}/{parent}", status=204)
    assert set(trash(person, a_list)) == {parent, one, other} and order(person, a_list) == [two]
    assert len(judged(person, a_list)) == 10
