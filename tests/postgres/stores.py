"""A local store that reads by sync: it holds lists by replaying what it is told, and nothing else."""
import collections
import time
import uuid

from services import replay

PARTS = {"cursor", "results", "lists", "granted", "revoked", "has_more"}


class Store:
    """It asks the processes in turn. `is_eager`: it names a list whose entry ends early at once, and not
    only after the last page. For one thread at a time.
    """

    def __init__(self, caller, is_eager=False):
        self.caller, self.is_eager, self.client_id = caller, is_eager, str(uuid.uuid4())
        self.cursor, self.has_more = None, False
        self.seen, self.unsure = set(), set()  # What it sees; of that, what it has to name after a reset.
        self.views, self.behind = {}, {}
        self.told = collections.defaultdict(dict)  # By list: revision to change.
        self.whole = {}  # By list: the revision at which it was last told as a whole.
        self.sights = collections.defaultdict(list)  # By list: whether it came or went, as told.
        self.asked = []  # Of each answer: when it was asked for and was there, and the lists told of.
        self.resets = self.repeats = 0

    @property
    def syncs(self):
        return len(self.asked)

    def follow(self, over):
        """Syncs again and again."""
        while not over.is_set():
            self.step()
            over.wait(0.01)

    def sync(self):
        """Until there is nothing more."""
        for _ in range(500):
            self.step()
            if not self.has_more and not self.lacking():
                return self
        raise AssertionError("there is always more")

    def step(self):
        body = {"user_id": self.caller.person.id, "client_id": self.client_id}
        if self.cursor:
            body["cursor"] = self.cursor
        if self.is_eager or not self.has_more:
            body["lists"] = self.lacking()
        began = time.monotonic()
        answer = self.caller.settled("POST", "/v1/sync", body)
        assert answer.status == 200, answer
        self.take(answer.json(), body.get("lists", {}))
        self.asked.append((began, time.monotonic(), set(answer.json()["lists"])))

    def lacking(self) -> dict:
        """Lists that it has to name, and from where."""
        held = {each: self.views[each].revision if each in self.views else 0 for each in self.seen}
        return {each: at for each, at in held.items()
                if at == 0 or at < self.behind.get(each, 0) or each in self.unsure}

    def take(self, answer, named):
        assert PARTS <= set(answer) <= PARTS | {"reset"}, answer
        self.cursor, self.has_more = answer["cursor"], answer["has_more"]
        granted, revoked = {each["id"] for each in answer["granted"]}, set(answer["revoked"])
        assert not granted & revoked and not revoked & set(answer["lists"]), answer
        if answer.get("reset"):
            self.resets += 1
            self.seen, self.behind = set(), {}
            self.unsure = set(granted)
        for each in granted | revoked:
            self.sights[each].append(each in granted)
        self.seen = (self.seen | granted) - revoked
        assert set(answer["lists"]) <= self.seen, "told of what was not granted"
        for each in set(self.views) - self.seen:
            del self.views[each]
        for each, entry in answer["lists"].items():
            self.behind[each] = max(self.behind.get(each, 0), entry["revision"])
            if "reset" in entry:
                self.take_whole(each, entry)
            else:
                self.take_changes(each, entry["changes"], named.get(each))
            self.unsure.discard(each)

    def take_whole(self, list_id, entry):
        whole = entry["list"]
        assert whole["revision"] == entry["revision"], entry
        view = self.views[list_id] = replay.View()
        view.id, view.revision, view.updated_at = whole["id"], whole["revision"], whole["updated_at"]
        view.row = {name: whole[name] for name in replay.LIST}
        view.members = {each["user_id"]: each["role"] for each in whole["members"]}
        view.order = [item["id"] for item in whole["items"]]
        view.items = {item["id"]: {name: item[name] for name in replay.ITEM} for item in whole["items"]}
        view.touched = {item["id"]: (item["revision"], item["updated_at"]) for item in whole["items"]}
        self.behind[list_id] = self.whole[list_id] = view.revision
        self.told[list_id] = {}  # It may have been of a lost history.

    def take_changes(self, list_id, changes, named):
        view = self.views.get(list_id)
        if view is None and changes and changes[0]["revision"] % replay.EPOCH != 1:
            assert named is None, f"named from {named}, told from {changes[0]['revision']}"
            return  # It does not hold the list: it names it next.
        view = self.views.setdefault(list_id, view or replay.View())
        for change in changes:
            revision = change["revision"]
            before = self.told[list_id].setdefault(revision, change)
            assert before == change, f"{list_id} at {revision} was {before}, is {change}"
            if revision > view.revision:
                replay.apply(view, change, list_id)  # Fails where there is a gap.
            else:
                self.repeats += 1

    def check(self):
        """It holds exactly what is served, and was told all of each list's log."""
        assert set(self.views) == self.seen == self.served(), "other lists than are served"
        for list_id, view in self.views.items():
            whole = self.caller.whole(list_id, Min_Revision=view.revision)
            replay.compare(view, whole, self.caller.person.id)
            since = self.whole.get(list_id, 0)
            log = [change for change in self.caller.log(list_id) if change["revision"] > since]
            told = [change for at, change in sorted(self.told[list_id].items()) if at > since]
            assert told == log, f"{list_id}: told {len(told)} of {len(log)}"

    def served(self) -> set:
        found = set()
        for state in ("active", "archived", "trashed"):
            page = self.caller.settled("GET", f"/v1/lists?state={state}&limit=200").json()
            assert page["next_cursor"] is None
            found |= {each["id"] for each in page["data"]}
        return found
