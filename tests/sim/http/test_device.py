"""A device with as many lists as an account may have asks whether there is anything new."""
import collections
import json
import time
import uuid

import pytest

from harness import Fleet, pause, sign_up, uuid7

LISTS = 2_000
ASKED = 30
BYTES = 200


class Device:
    """A local store that reads."""

    def __init__(self, person):
        self.person, self.client_id, self.cursor = person, str(uuid.uuid4()), None

    def ask(self, **more):
        body = {"user_id": self.person.id, "client_id": self.client_id, **more}
        if self.cursor:
            body["cursor"] = self.cursor
        answer = self.person.post("/v1/sync", body, status=200)
        self.cursor = answer.json()["cursor"]
        return answer

    def settle(self):
        """Everything is known that there is, content and all."""
        granted = {row["id"]: row["revision"] for row in self.ask().json()["granted"]}
        assert len(granted) == LISTS
        missing = dict.fromkeys(granted, 0)
        for _ in range(100):
            answer = self.ask(lists=missing).json() if missing else self.ask().json()
            for list_id, entry in answer["lists"].items():
                reached = entry["changes"][-1]["revision"] if entry["changes"] else missing[list_id]
                if reached < entry["revision"]:
                    missing[list_id] = reached
                else:
                    missing.pop(list_id, None)
            if not missing and not answer["has_more"]:
                return
        raise AssertionError(f"{len(missing)} lists do not come")


@pytest.fixture(params=["sqlite", "postgres"])
def fleet(request, tmp_path):
    started = Fleet(request.param, tmp_path)
    try:
        yield started
    finally:
        started.close()


def fill(person):
    """As many lists as there may be, each with an item."""
    client_id = str(uuid.uuid4())
    for begin in range(0, LISTS, 50):
        ops = []
        for number in range(begin, min(begin + 50, LISTS)):
            list_id = uuid7()
            ops.append({"op_id": uuid7(), "list_id": list_id, "kind": "create-list",
                        "fields": {"title": f"list {number}"}})
            ops.append({"op_id": uuid7(), "list_id": list_id, "kind": "add", "base_revision": 0,
                        "item_id": uuid7(), "fields": {"text": f"item {number}"}})
        answer = person.post("/v1/sync", {"user_id": person.id, "client_id": client_id, "ops": ops}, status=200)
        results = answer.json()["results"].values()
        assert {result["status"] for result in results} <= {"applied", "merged"}, answer


def reads_of(fleet) -> float:
    return sum(value for name, value in fleet.metrics().items() if name.startswith("read_queue_wait_seconds_count"))


def test_nothing_new_is_a_short_answer_from_one_statement(fleet):
    log = fleet.log_statements() if fleet.is_shared else None
    fleet.start()
    person = sign_up(fleet.address)
    fill(person)
    device = Device(person)
    device.settle()
    assert device.ask().json()["lists"] == {}
    pause(3)  # What was read just now is confirmed for a while.
    began, before = time.monotonic(), reads_of(fleet)
    of_its_own = log and log.since(lambda: pause(2))
    took = time.monotonic() - began
    idle = reads_of(fleet) - before

    def ask():
        for _ in range(ASKED):
            answer = device.ask()
            assert len(answer.body) < BYTES, answer
            assert json.loads(answer.body) == {"cursor": device.cursor, "results": {}, "lists": {},
                                               "granted": [], "revoked": [], "has_more": False}

    began, before = time.monotonic(), reads_of(fleet)
    statements = log.since(ask) if log else ask()
    most = ASKED + (idle + 1) * (1 + (time.monotonic() - began) / took)
    assert ASKED <= reads_of(fleet) - before <= most
    if log:
        # One each, but for what the service does on its own in that time.
        counts = collections.Counter(text for text in statements if text not in of_its_own)
        (_, most_often), *others = counts.most_common()
        assert most_often == ASKED and sum(count for _, count in others) < ASKED // 3, counts
