"""One person's doings at two processes: what the one writes, the other shows, and takes further."""
from services import Address, Caller, replay, sign_up, uuid7

NEW = "another horse battery staple"


class Tour:
    """Whatever is not as it must be raises AssertionError or replay.Broken."""

    def __init__(self, one, other):
        self.one, self.other = one, other
        self.person = sign_up(Address([one.address]))
        self.caller = Caller([one, other], self.person)
        self.list = f"/v1/lists/{uuid7()}"

    def ask(self, service, method, target, json=None, status=200, **headers):
        answer = self.caller.once(method, target, json, service=service, **headers)
        assert answer is not None and answer.status == status, f"{method} {target}: {answer}"
        return answer

    def both(self, target, **headers):
        """What both show, which is the same."""
        first, second = (self.ask(each, "GET", target, **headers).json() for each in (self.one, self.other))
        assert first == second, (first, second)
        return first

    def whole(self):
        """The list at both, the log of each leading there."""
        self.both("/v1/lists?limit=200")
        least = max(self.ask(each, "GET", self.list).json()["revision"] for each in (self.one, self.other))
        shown = self.both(self.list, Min_Revision=least)
        changes = self.both(f"{self.list}/changes", Min_Revision=least)["changes"]
        replay.check_log(changes, shown["id"], shown, self.person.id)
        return shown

    def run(self):
        try:
            self.lists()
            self.items(self.one, self.other)
            self.items(self.other, self.one)
            self.conditions_and_keys()
            self.trash()
            self.sessions()
            self.account()
        finally:
            self.caller.close()

    def lists(self):
        self.ask(self.one, "PUT", self.list, {"title": "Mine"}, 201)
        again = self.ask(self.other, "PUT", self.list, {"title": "Mine"})
        done = self.ask(self.other, "PATCH", self.list, {"title": "Ours"}, Min_Revision=again.json()["revision"])
        done = self.ask(self.one, "PATCH", self.list, {"archived": True}, Min_Revision=done.revision)
        self.ask(self.other, "PATCH", self.list, {"archived": False}, Min_Revision=done.revision)
        shown = self.whole()
        assert (shown["title"], shown["archived"], shown["revision"]) == ("Ours", False, 4), shown

    def items(self, one, other):
        """All that can be done with them, each step at the process that did not do the one before."""
        items, before = f"{self.list}/items", self.whole()
        least, ids = before["revision"], [uuid7() for _ in range(5)]
        fields = {"note": "A note", "labels": ["a", "b"], "due": {"date": "2030-01-02"}}
        steps = [("PUT", f"{items}/{each}", {"text": f"{number}", **(fields if number % 2 else {})}, 201)
                 for number, each in enumerate(ids)]
        steps += [("PATCH", f"{items}/{ids[0]}", {"done": True, "text": "Done"}, 200),
                  ("PATCH", f"{items}/{ids[1]}", {"due": None, "labels": []}, 200),
                  ("POST", f"{items}/{ids[4]}/move", {"before": ids[0]}, 200),
                  ("DELETE", f"{items}/{ids[3]}", None, 204), ("POST", f"{items}/{ids[3]}/restore", None, 200),
                  ("POST", f"{items}/clear-done", None, 200), ("DELETE", f"{items}/{ids[2]}", None, 204)]
        for method, target, json, status in steps:
            done = self.ask(one, method, target, json, status, Min_Revision=least)
            assert done.revision == least + 1, done
            least, one, other = done.revision, other, one
        shown = self.whole()
        live = [self.both(f"{items}/{each}", Min_Revision=least) for each in (ids[4], ids[1], ids[3])]
        assert (shown["revision"], shown["items"]) == (least, before["items"] + live), shown
        trashed = [item["id"] for item in self.both(f"{items}?state=trashed", Min_Revision=least)["data"]]
        assert {ids[0], ids[2]} <= set(trashed), trashed

    def conditions_and_keys(self):
        items, key = f"{self.list}/items", uuid7()
        tag = self.ask(self.one, "GET", self.list, Min_Revision=self.whole()["revision"]).etag
        made = self.ask(self.other, "POST", items, {"text": "Once"}, 201, If_Match=tag, Idempotency_Key=key)
        again = self.ask(self.one, "POST", items, {"text": "Once"}, 201, If_Match=tag, Idempotency_Key=key)
        assert again.header("Idempotent-Replayed") == "true" and made.header("Idempotent-Replayed") is None
        assert (again.body, again.etag, again.revision) == (made.body, made.etag, made.revision)
        self.ask(self.one, "PATCH", self.list, {"title": "Late"}, 412, If_Match=tag)
        self.ask(self.one, "GET", self.list, status=304, If_None_Match=made.etag, Min_Revision=made.revision)

    def trash(self):
        gone = self.ask(self.one, "DELETE", self.list, status=204)
        assert self.both("/v1/lists?state=trashed")["data"][0]["revision"] == gone.revision
        self.ask(self.other, "POST", f"{self.list}/restore", Min_Revision=gone.revision)
        assert self.whole()["deleted_at"] is None

    def sessions(self):
        body = {"email": self.person.email, "password": self.person.password}
        there = self.ask(self.other, "POST", "/v1/auth/sign-in", body).json()
        assert len(self.both("/v1/me/sessions")["data"]) == 2
        for one, other in ((self.one, self.other), (self.other, self.one)):
            refresh = {"refresh_token": there["refresh_token"]}
            following = self.ask(one, "POST", "/v1/auth/refresh", refresh).json()
            again = self.ask(other, "POST", "/v1/auth/refresh", refresh).json()
            there = following
            assert all(again[name] == there[name] for name in ("access_token", "refresh_token"))
        ours, self.person.token = self.person.token, there["access_token"]
        self.both("/v1/me")
        self.ask(self.one, "POST", "/v1/auth/sign-out", {}, 204)
        self.ask(self.other, "POST", "/v1/auth/refresh", {"refresh_token": there["refresh_token"]}, 401)
        self.person.token = ours
        assert len(self.both("/v1/me/sessions")["data"]) == 1

    def account(self):
        self.ask(self.one, "PATCH", "/v1/me", {"name": "N", "settings": {"a": 1}})
        self.ask(self.other, "PATCH", "/v1/me", {"settings": {"b": 2}})
        shown = self.both("/v1/me")
        assert (shown["name"], shown["settings"]) == ("N", {"a": 1, "b": 2}), shown
        old = {"email": self.person.email, "password": self.person.password}
        change = {"current": self.person.password, "new": NEW}
        self.ask(self.one, "PUT", "/v1/me/password", change, 204)
        self.ask(self.other, "POST", "/v1/auth/sign-in", old, 401)
        self.ask(self.other, "POST", "/v1/auth/sign-in", old | {"password": NEW})
        self.ask(self.other, "DELETE", "/v1/me", {"password": NEW}, 204)
        self.ask(self.one, "GET", self.list, status=401)
