"""Who may do what: each route of the program's own table, as owner, editor, viewer, stranger and
anonymous. A route that is not in `CALLS` fails the test.
"""
import pytest

from client import problem, sign_up, uuid7
from members import add_members, set_role
from server import Server, routes, shape

ROLES = ("owner", "editor", "viewer", "stranger", "anonymous")
# What the table's action asks for (product: viewers read, editors write, the owner owns).
MAY = {"read": {"owner", "editor", "viewer"}, "edit": {"owner", "editor"}, "own": {"owner"}}

# name: (body, status when allowed). Routes of lists; `{new}` in their paths is an id not used before.
LIST_CALLS = {
    "GET /v1/lists/{id}": (None, 200),
    "PATCH /v1/lists/{id}": ({"title": "b"}, 200),
    "DELETE /v1/lists/{id}": (None, 204),
    "POST /v1/lists/{id}/restore": (None, 200),
    "GET /v1/lists/{id}/items": (None, 200),
    "POST /v1/lists/{id}/items": ({"text": "a"}, 201),
    "POST /v1/lists/{id}/items/clear-done": (None, 200),
    "PUT /v1/lists/{id}/items/{item}": ({"text": "a"}, 201),
    "GET /v1/lists/{id}/items/{item}": (None, 200),
    "PATCH /v1/lists/{id}/items/{item}": ({"text": "b"}, 200),
    "DELETE /v1/lists/{id}/items/{item}": (None, 204),
    "POST /v1/lists/{id}/items/{item}/move": ({"before": None}, 200),
    "POST /v1/lists/{id}/items/{item}/restore": (None, 200),
    "GET /v1/lists/{id}/changes": (None, 200),
    "POST /v1/lists/{id}/revert": ({"to_revision": 1}, 200),
}
# Routes of the caller's own: (body, status when signed in). Nobody else's things can be named in them.
OWN_CALLS = {
    "POST /v1/auth/sign-out": ({}, 204), "GET /v1/me": (None, 200), "PATCH /v1/me": ({}, 200),
    "DELETE /v1/me": ({"password": "wrong"}, 422), "PUT /v1/me/password": ({}, 422),
    "GET /v1/me/sessions": (None, 200), "DELETE /v1/me/sessions/{id}": (None, 404),
    "POST /v1/sync": ({}, 422), "GET /v1/lists": (None, 200), "POST /v1/lists": ({"title": "a"}, 201), "PUT /v1/lists/{id}": ({"title": "a"}, 201),
}
# Routes for everybody: (body, status).
PUBLIC_CALLS = {
    "POST /v1/auth/sign-up": ({}, 422), "POST /v1/auth/sign-in": ({}, 422), "POST /v1/auth/refresh": ({"refresh_token": "x"}, 401),
    "GET /v1/limits": (None, 200), "GET /livez": (None, 200), "GET /readyz": (None, 200),
    "GET /openapi.json": (None, 200), "GET /.well-known/jwks.json": (None, 200),
}
TABLE = {f"{route['method']} {route['pattern']}": route for route in routes()}


class World:
    """A list with members of each role, for every call and role one of its own."""

    def __init__(self, server):
        self.server = server
        self.people = {role: sign_up(server.address) for role in ROLES[:4]}
        self.people["anonymous"] = server.api()
        self.lists, self.items, self.trashed = {}, {}, {}
        owner = self.people["owner"]
        for name in LIST_CALLS:
            for role in ROLES:
                a_list = self.lists[name, role] = owner.make_list()
                self.items[name, role] = owner.add(a_list)["id"]
                owner.add(a_list)
                trashed = self.trashed[name, role] = owner.add(a_list)["id"]
                owner.delete(f"/v1/lists/{a_list}/items/{trashed}", status=204)
        self.trashed_list = owner.make_list()
        self.keyed = owner.make_list()
        assert server.stop() == 0
        everywhere = [*self.lists.values(), self.trashed_list, self.keyed]
        for role in ("editor", "viewer"):
            add_members(server, everywhere, self.people[role].id, role)
        server.start()

    def call(self, name, role, a_list=None, item=None, **more):
        method, pattern = name.split(" ", 1)
        if item is None:
            item = self.items.get((name, role), uuid7())
            if pattern.endswith("{item}/restore"):
                item = self.trashed[name, role]
            if method == "PUT":
                item = uuid7()
        target = pattern.replace("{item}", item).replace("{id}", a_list or self.lists.get((name, role)) or uuid7())
        body = {**LIST_CALLS, **OWN_CALLS, **PUBLIC_CALLS}[name][0]
        if body is not None:
            more["json"] = body
        return self.people[role].call(method, target, **more)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("authorisation") / "data")
    try:
        yield World(server.start())
    finally:
        server.close()


def test_every_route_is_in_the_matrix():
    known = {**LIST_CALLS, **OWN_CALLS, **PUBLIC_CALLS}
    assert {shape(name) for name in TABLE} == {shape(name) for name in known}
    for name in LIST_CALLS:
        assert TABLE[name]["action"] in MAY, f"{name} asks for {TABLE[name]['action']}"
        assert TABLE[name]["access"] != "public"
    for name in OWN_CALLS:
        assert TABLE[name]["access"] != "public" and TABLE[name]["action"] in (None, "create")
    for name in PUBLIC_CALLS:
        assert TABLE[name]["access"] == "public" and TABLE[name]["action"] is None


def test_the_table_asks_for_what_the_contract_says():
    """api.md: viewers read; editors write lists' fields and items; trash of lists is the owner's."""
    for name in LIST_CALLS:
        own = name in ("DELETE /v1/lists/{id}", "POST /v1/lists/{id}/restore")
        assert TABLE[name]["action"] == ("own" if own else "read" if name.startswith("GET") else "edit"), name


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("name", LIST_CALLS)
def test_routes_of_lists(world, name, role):
    answer = world.call(name, role)
    if role == "anonymous":
        problem(answer, 401)
    elif role == "stranger":
        problem(answer, 404, "not_found")
    elif role in MAY[TABLE[name]["action"]]:
        assert answer.status == LIST_CALLS[name][1], answer
    else:
        problem(answer, 403)
    a_list = world.lists[name, role]
    whole = world.people["owner"].whole(a_list)
    changed = role in MAY[TABLE[name]["action"]] and not name.startswith("GET") and not name.endswith(("clear-done", "{id}/restore"))
    assert whole["revision"] == (6 if changed else 5), "a refused call must change nothing"


@pytest.mark.parametrize("name", {**OWN_CALLS, **PUBLIC_CALLS})
def test_other_routes(world, name):
    body, status = {**OWN_CALLS, **PUBLIC_CALLS}[name]
    signed_in = sign_up(world.server.address)
    method, pattern = name.split(" ", 1)
    target, more = pattern.format(id=uuid7()), {} if body is None else {"json": body}
    assert signed_in.call(method, target, **more).status == status
    answer = world.server.api().call(method, target, **more)
    if name in PUBLIC_CALLS:
        assert answer.status == status
    else:
        problem(answer, 401)


def comparable(answer):
    """All of an answer but what differs between any two answers."""
    headers = [(name, value) for name, value in answer.headers
               if name.lower() not in ("date", "x-request-id", "server-timing")]
    body = answer.body.replace(answer.header("X-Request-Id").encode(), b"")
    return answer.status, answer.reason, headers, body


@pytest.mark.parametrize("role", ("stranger", "anonymous"))
@pytest.mark.parametrize("name", LIST_CALLS)
def test_a_list_of_others_is_one_that_is_not_there(world, name, role):
    """Byte for byte, also with conditions, keys and bad fields."""
    a_list, item = world.lists[name, role], world.items[name, role]
    etag = world.people["owner"].get(f"/v1/lists/{a_list}").etag
    for headers in ({}, {"If-Match": etag, "If-None-Match": etag}, {"If-None-Match": "*", "Min-Revision": "1"},
                    {"Min-Revision": "999999"}, {"Client-Id": "x"}, {"Idempotency-Key": "key"}, {"Idempotency-Key": "k k"}):
        theirs = comparable(world.call(name, role, a_list, item, headers=headers))
        nobodys = comparable(world.call(name, role, uuid7(), uuid7(), headers=headers))
        assert theirs == nobodys, headers
    method, pattern = name.split(" ", 1)
    for query, body in (("?unknown=1", {"unknown": 1}), ("?limit=0&after=-1", {"text": ""})):
        answers = [world.people[role].call(method, pattern.format(id=each, item=other) + query, body) for each, other in
                   ((a_list, item), (uuid7(), uuid7()))]
        assert comparable(answers[0]) == comparable(answers[1])
        assert answers[0].status == (404 if role == "stranger" else 401)


def test_a_trashed_list_is_gone_for_all_but_its_owner(world):
    owner, a_list = world.people["owner"], world.trashed_list
    owner.delete(f"/v1/lists/{a_list}", status=204)
    for role in ("editor", "viewer", "stranger"):
        for name in LIST_CALLS:
            method, pattern = name.split(" ", 1)
            there, nowhere = (comparable(world.people[role].call(method, pattern.format(id=each, item=uuid7())))
                              for each in (a_list, uuid7()))
            assert there == nowhere and there[0] == 404, (role, name, there)
        for state in ("active", "archived", "trashed"):
            assert a_list not in world.people[role].get(f"/v1/lists?state={state}&limit=200").body.decode()
    owner.get(f"/v1/lists/{a_list}", status=200)
    owner.post(f"/v1/lists/{a_list}/restore", status=200)
    world.people["viewer"].get(f"/v1/lists/{a_list}", status=200)


def test_members_see_the_list_with_their_own_role(world):
    a_list = world.lists["GET /v1/lists/{id}", "owner"]
    wholes = {role: world.people[role].whole(a_list) for role in ("owner", "editor", "viewer")}
    for role, whole in wholes.items():
        assert whole["role"] == role
        assert {**whole, "role": ""} == {**wholes["owner"], "role": ""}
        assert {member["user_id"]: member["role"] for member in whole["members"]} == {
            world.people[each].id: each for each in wholes}
        data, _ = world.people[role].pages("/v1/lists?limit=200")
        assert {each["id"]: each["role"] for each in data}[a_list] == role


def test_404_before_403(world):
    """An item that is not there, asked for by a viewer who could not change it either."""
    a_list = world.lists["PATCH /v1/lists/{id}/items/{item}", "viewer"]
    problem(world.people["viewer"].patch(f"/v1/lists/{a_list}/items/{uuid7()}", {"text": "b"}), 404)


def test_403_before_revision_ahead_412_422_and_other_409(world):
    a_list, item = (each["PATCH /v1/lists/{id}/items/{item}", "viewer"] for each in (world.lists, world.items))
    viewer = world.people["viewer"]
    for headers in ({}, {"If-Match": '"x"'}, {"Min-Revision": "999999"}, {"Client-Id": "x"}):
        problem(viewer.patch(f"/v1/lists/{a_list}/items/{item}?x=1", {"x": 1}, headers=headers), 403)
        problem(viewer.post(f"/v1/lists/{a_list}/items", {"text": "a", "id": item}, headers=headers), 403)


def test_an_editor_cannot_take_the_owners_item_id(world):
    a_list, item = (each["GET /v1/lists/{id}/items/{item}", "editor"] for each in (world.lists, world.items))
    problem(world.people["editor"].put(f"/v1/lists/{a_list}/items/{item}", {"text": "An item"}), 409, "id_taken")
    problem(world.people["editor"].put(f"/v1/lists/{a_list}", {"title": "A list"}), 409, "id_taken")


def test_a_replay_is_authorised_anew(world):
    """403 and 404 before the replay of a key, and before a repeated PUT."""
    editor, a_list, server = world.people["editor"], world.keyed, world.server
    key, item = {"Idempotency-Key": uuid7()}, uuid7()
    items = f"/v1/lists/{a_list}/items"

    def repeat():
        return (editor.post(items, {"text": "once"}, headers=key), editor.put(f"{items}/{item}", {"text": "once"}))

    first, _ = repeat()
    assert [answer.status for answer in repeat()] == [201, 200]
    for role, status in (("viewer", 403), (None, 404)):
        assert server.stop() == 0
        set_role(server, a_list, editor.id, role)
        server.start()
        for answer in repeat():
            problem(answer, status)
    assert first.status == 201
    assert world.people["owner"].whole(a_list)["item_count"] == 2
