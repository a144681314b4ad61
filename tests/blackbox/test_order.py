"""Order: only a move changes it, restored items come back to their place, ranks are never shown."""
import random

import pytest

import replay
from client import is_long, problem, uuid7


@pytest.fixture
def a_list(person):
    return person.make_list()


def fill(person, a_list, texts="abcd"):
    return {text: person.add(a_list, text)["id"] for text in texts}


def order(person, a_list):
    return "".join(person.texts(a_list))


def test_added_at_the_end_unless_placed(person, a_list):
    ids = fill(person, a_list, "ab")
    person.add(a_list, "c")
    person.add(a_list, "d", after=None)
    person.add(a_list, "e", before=None)
    person.add(a_list, "f", after=ids["a"])
    person.add(a_list, "g", before=ids["a"])
    assert order(person, a_list) == "dgafbce"


@pytest.mark.parametrize("move, expected", [
    (("a", "after", "c"), "bcad"), (("a", "after", "d"), "bcda"), (("d", "after", "a"), "adbc"),
    (("d", "after", None), "dabc"), (("a", "before", None), "bcda"), (("d", "before", "a"), "dabc"),
    (("a", "before", "d"), "bcad"), (("b", "before", "d"), "acbd"), (("c", "after", "a"), "acbd"),
])
def test_moves(person, a_list, move, expected):
    ids = fill(person, a_list)
    who, side, whom = move
    before = {item["id"]: item for item in person.whole(a_list)["items"]}
    answer = person.post(f"/v1/lists/{a_list}/items/{ids[who]}/move", {side: ids.get(whom)}, status=200)
    assert order(person, a_list) == expected
    moved = answer.json()
    assert moved == {**before[ids[who]], "updated_at": moved["updated_at"], "revision": 6}
    for item in person.whole(a_list)["items"]:  # Nothing else was touched.
        assert item["id"] == ids[who] or item == before[item["id"]]


@pytest.mark.parametrize("move", [("a", "after", None), ("d", "before", None), ("b", "after", "a"), ("b", "before", "c"),
                                  ("a", "before", "b"), ("d", "after", "c")])
def test_a_move_to_where_it_is_adds_no_revision(person, a_list, move):
    ids = fill(person, a_list)
    who, side, whom = move
    before = person.get(f"/v1/lists/{a_list}")
    answer = person.post(f"/v1/lists/{a_list}/items/{ids[who]}/move", {side: ids.get(whom)}, status=200)
    assert answer.etag == before.etag and person.whole(a_list) == before.json()


def test_neighbours_must_be_live_items_of_the_list(person, a_list):
    ids = fill(person, a_list, "abc")
    items = f"/v1/lists/{a_list}/items"
    elsewhere = person.add(person.make_list())["id"]
    person.delete(f"{items}/{ids['c']}", status=204)
    for side in ("after", "before"):
        for neighbour in (uuid7(), elsewhere, ids["c"], "x", 5, [ids["a"]]):
            problem(person.post(f"{items}/{ids['a']}/move", {side: neighbour}), 422, pointers=[f"/{side}"])
            problem(person.post(items, {"text": "x", side: neighbour}), 422, pointers=[f"/{side}"])
            problem(person.put(f"{items}/{uuid7()}", {"text": "x", side: neighbour}), 422, pointers=[f"/{side}"])
    both = {"after": ids["a"], "before": ids["b"]}
    assert person.post(items, {"text": "x", **both}).status == 422
    assert person.post(items, {"text": "x", "after": None, "before": None}).status == 422
    assert person.post(f"{items}/{ids['a']}/move", both).status == 422
    assert person.post(f"{items}/{ids['a']}/move", {}).status == 422
    problem(person.post(f"{items}/{ids['a']}/move", {"after": None, "text": "x"}), 422, pointers=["/text"])
    assert order(person, a_list) == "ab" and person.whole(a_list)["revision"] == 5


def test_beside_itself_is_never_a_500(person, a_list):
    ids = fill(person, a_list, "abc")
    for side in ("after", "before"):
        answer = person.post(f"/v1/lists/{a_list}/items/{ids['b']}/move", {side: ids["b"]})
        assert answer.status in (200, 422), answer
    assert order(person, a_list) == "abc"


def test_restored_items_come_back_to_their_place(person, a_list):
    ids = fill(person, a_list, "abcdef")
    items = f"/v1/lists/{a_list}/items"
    for each in "adcf":
        person.delete(f"{items}/{ids[each]}", status=204)
    assert order(person, a_list) == "be"
    for each, expected in (("c", "bce"), ("f", "bcef"), ("a", "abcef"), ("d", "abcdef")):
        person.post(f"{items}/{ids[each]}/restore", status=200)
        assert order(person, a_list) == expected


def test_many_in_one_gap(person, a_list):
    """Always between the same two: hidden ranks must not run out of room, nor what is shown grow."""
    ids = fill(person, a_list, "az")
    left, right, expected = ids["a"], ids["z"], []
    count = 3000 if is_long() else 300
    for n in range(count):
        made = person.add(a_list, "m", **({"after": left} if n % 2 else {"before": right}))["id"]
        if n % 3 == 0:
            left, expected = made, [*expected, made]
        else:
            right = made
    log = person.log(a_list)
    assert len(log) == count + 3 and all(len(change["effects"]) == 1 for change in log[1:])
    view = replay.check_log(log, a_list, person.whole(a_list), person.id)
    places = {item: n for n, item in enumerate(view.order)}
    assert [places[item] for item in expected] == sorted(places[item] for item in expected)
    assert places[left] + 1 == places[right]
    assert b"rank" not in person.get(f"/v1/lists/{a_list}").body


class Pairs:
    """For each two items ever seen together, which came first; a move makes it forget the moved one."""

    def __init__(self):
        self.first = {}

    def forget(self, item):
        self.first = {pair: first for pair, first in self.first.items() if item not in pair}

    def check(self, shown):
        for n, left in enumerate(shown):
            for right in shown[n + 1:]:
                assert self.first.setdefault(frozenset((left, right)), left) == left, "the order changed by itself"


@pytest.mark.parametrize("seed", range(20 if is_long() else 3))
def test_only_a_move_changes_the_order(person, a_list, seed):
    rng, pairs, live, trash = random.Random(seed), Pairs(), [], []
    items = f"/v1/lists/{a_list}/items"
    for step in range(150):
        what = rng.choice(["add", "add", "add", "move", "edit", "tick", "delete", "restore", "restore", "clear"])
        if what == "add" and len(live) < 30:
            place = rng.choice([{}, {"after": None}, {"before": None}]
                               + [{"after": each} for each in live] + [{"before": each} for each in live])
            item = person.add(a_list, f"{step}", **place)["id"]
            neighbour = next(iter(place.values()), None)
            live = [each["id"] for each in person.whole(a_list)["items"]]
            if "after" in place:
                assert (live[live.index(item) - 1] if live.index(item) else None) == neighbour
            else:
                assert [*live, None][live.index(item) + 1] == neighbour
        elif what == "move" and live:
            item = rng.choice(live)
            side = rng.choice(["after", "before"])
            neighbour = rng.choice([None, *(each for each in live if each != item)])
            person.post(f"{items}/{item}/move", {side: neighbour}, status=200)
            pairs.forget(item)
            live = [each["id"] for each in person.whole(a_list)["items"]]
            beside = [None, *live, None]
            place = beside.index(item)
            assert beside[place - 1 if side == "after" else place + 1] == neighbour
        elif what == "edit" and live + trash:
            person.patch(f"{items}/{rng.choice(live + trash)}", {"text": f"edited {step}"}, status=200)
        elif what == "tick" and live:
            person.patch(f"{items}/{rng.choice(live)}", {"done": rng.random() < 0.7}, status=200)
        elif what == "delete" and live:
            person.delete(f"{items}/{rng.choice(live)}", status=204)
        elif what == "restore" and trash:
            person.post(f"{items}/{rng.choice(trash)}/restore", status=200)
        elif what == "clear" and rng.random() < 0.2:
            person.post(f"{items}/clear-done", status=200)
        live = [each["id"] for each in person.whole(a_list)["items"]]
        trash = [each["id"] for each in person.pages(f"{items}?state=trashed&limit=200")[0]]
        pairs.check(live)
    replay.check_log(person.log(a_list), a_list, person.whole(a_list), person.id)
