"""Many devices that come back from a time without a network at the same moment."""
import concurrent.futures
import uuid

from client import Api, uuid7

DEVICES, OPS = 48, 50


def a_sync(person, a_list):
    """More ops than go past the line."""
    ops = [{"op_id": uuid7(), "list_id": a_list, "kind": "add", "item_id": uuid7(), "base_revision": 1,
            "fields": {"text": f"{n} " + "x" * 60}} for n in range(OPS)]
    return {"user_id": person.id, "client_id": str(uuid.uuid4()), "ops": ops}


def test_all_are_answered_and_each_op_is_done_once(server, new_person):
    person = new_person()
    lists = [person.make_list() for _ in range(6)]
    bodies = [a_sync(person, lists[n % len(lists)]) for n in range(DEVICES)]

    def send(body):
        return Api(server.address, person.token).post("/v1/sync", body, status=200).json()["results"]

    with concurrent.futures.ThreadPoolExecutor(DEVICES) as threads:
        first = list(threads.map(send, bodies))
        again = list(threads.map(send, bodies))  # As if no answer had come.
    assert first == again
    assert all(result["status"] == "applied" for results in first for result in results.values())
    for a_list in lists:
        assert person.whole(a_list)["item_count"] == DEVICES * OPS // len(lists)


def test_one_that_is_malformed_does_not_keep_its_place(server, new_person):
    person = new_person()
    for _ in range(20):
        Api(server.address, person.token).post("/v1/sync", {"ops": "x" * 5000}, status=422)
    body = a_sync(person, person.make_list())
    assert len(Api(server.address, person.token).post("/v1/sync", body, status=200).json()["results"]) == OPS
