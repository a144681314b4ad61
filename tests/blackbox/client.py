"""A small HTTP/1.1 client that hides nothing: headers and bodies as they came, one socket a Connection.

`Connection` speaks bytes; `Api` calls with JSON; `Person` is somebody signed in.
"""
import itertools
import json as json_module
import os
import re
import secrets
import select
import socket
import threading
import time
import uuid as uuid_module

TIMEOUT = 30.0  # Seconds until a test that waits for an answer fails.
PASSWORD = "correct horse battery staple"


def uuid7() -> str:
    """A new id as clients make them."""
    value = (int(time.time() * 1000) << 80) | (0x7 << 76) | (secrets.randbits(12) << 64)
    return str(uuid_module.UUID(int=value | (0b10 << 62) | secrets.randbits(62)))


_BELOW_A_LIST = re.compile(r"/v1/lists/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?![^/?])")
_MAKES_A_LIST = re.compile(r"POST /v1/lists|PUT /v1/lists/([^/?]+)")
_REQUEST_LINE = re.compile(rb"[A-Z]+ (/\S*) HTTP/1\.[01]\r\n")
READ_AT_MOST = 65536  # Bytes of a body in which revisions are looked for.


def list_of(target: str):
    """The id of the list that a request is about; None: of none."""
    found = _BELOW_A_LIST.match(target)
    return found[1] if found else None


class Address(tuple):
    """Host and port of a service, and of each of its processes where it has several: connections and
    calls go to them in turn, as behind a balancer. The pair itself is the first one's.

    It also knows the newest revision of each list that any answer told: the people of a test tell each
    other what they saw. Sent as `Min-Revision`, that is what makes every process show it.
    """

    to_first = False  # Everything goes to the first process: for what each counts for itself.

    def __new__(cls, processes):
        self = super().__new__(cls, processes[0])
        self.processes, self.turns = list(processes), itertools.count()
        self.seen, self.lock = {}, threading.Lock()
        return self

    @classmethod
    def of(cls, pair):
        return pair if isinstance(pair, cls) else cls([tuple(pair)])

    def following(self):
        """Whose turn it is."""
        return self.processes[0 if Address.to_first else next(self.turns) % len(self.processes)]

    def forget(self):
        """After a start: the data may be that of a backup, with fewer revisions."""
        with self.lock:
            self.seen.clear()

    def least(self, target: str):
        """The revision below which an answer would be one of the past; None: anything will do."""
        return self.seen.get(list_of(target))

    def saw(self, target: str, answer):
        if not 200 <= answer.status < 300:
            return
        list_id = list_of(target)
        if list_id and answer.revision is not None:
            self.note(list_id, answer.revision)
        elif list_id or target.split("?", 1)[0] == "/v1/lists":
            self._look_in(answer, list_id)

    def _look_in(self, answer, list_id):
        """For what has no List-Revision: a made list, a page of lists, an item, a page of the log."""
        if not answer.body or len(answer.body) > READ_AT_MOST or answer.all("Content-Encoding") \
                or answer.all("Content-Type") != ["application/json"]:
            return
        body = answer.json()
        rows = body["data"] if list_id is None and "data" in body else [body]
        for row in rows:
            if isinstance(row.get("revision"), int):
                self.note(list_id or row["id"], row["revision"])

    def note(self, list_id, revision):
        with self.lock:
            self.seen[list_id] = max(revision, self.seen.get(list_id, 0))


class Answer:
    """What came back, undigested."""

    def __init__(self, status: int, reason: str, headers: list, body: bytes):
        self.status, self.reason, self.headers, self.body = status, reason, headers, body

    def header(self, name: str):
        """The header's value; None without it. Fails when it stands twice."""
        values = self.all(name)
        assert len(values) <= 1, f"{name} stands {len(values)} times: {self}"
        return values[0] if values else None

    def all(self, name: str) -> list:
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def json(self):
        return json_module.loads(self.body.decode("utf-8"))

    @property
    def etag(self):
        return self.header("ETag")

    @property
    def revision(self):
        value = self.header("List-Revision")
        return None if value is None else int(value)

    def __repr__(self):
        return f"{self.status} {self.reason} {self.headers} {self.body[:2000]!r}"


class Connection:
    """One TCP connection. Answers are read in the order of the requests. `process`: to this one of the
    address's; otherwise to the one whose turn it is.
    """

    def __init__(self, address, timeout: float = TIMEOUT, process=None):
        self.address = Address.of(address)
        self.asked = []  # Targets of the requests that have no answer yet, as far as they can be told.
        self.socket = socket.create_connection(process or self.address.following(), timeout=timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""

    def close(self):
        self.socket.close()

    def send(self, data: bytes):
        self.asked += [target.decode("latin-1") for target in _REQUEST_LINE.findall(data)]
        self.socket.sendall(data)

    def request(self, method: str, target: str, headers=(), body=None, **more) -> Answer:
        self.send(request_bytes(self.address, method, target, headers, body, **more))
        return self.read(method)

    def _more(self):
        data = self.socket.recv(262144)
        if not data:
            raise ConnectionError("the connection was closed")
        self.buffer += data

    def _line(self) -> bytes:
        while b"\r\n" not in self.buffer:
            self._more()
        line, self.buffer = self.buffer.split(b"\r\n", 1)
        return line

    def _bytes(self, count: int) -> bytes:
        while len(self.buffer) < count:
            self._more()
        data, self.buffer = self.buffer[:count], self.buffer[count:]
        return data

    def read(self, method: str = "GET") -> Answer:
        while b"\r\n\r\n" not in self.buffer:
            self._more()
        head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        lines = head.decode("latin-1").split("\r\n")
        version, status, reason = (lines[0].split(" ", 2) + [""])[:3]
        assert version in ("HTTP/1.1", "HTTP/1.0"), lines[0]
        headers = []
        for line in lines[1:]:
            name, value = line.split(":", 1)
            headers.append((name, value.strip(" \t")))
        answer = Answer(int(status), reason, headers, b"")
        if method != "HEAD" and answer.status not in (204, 304) and answer.status >= 200:
            answer.body = self._body(answer)
        if self.asked and answer.status >= 200:
            self.address.saw(self.asked.pop(0), answer)
        return answer

    def _body(self, answer: Answer) -> bytes:
        if (answer.header("Transfer-Encoding") or "").lower() == "chunked":
            parts = []
            while size := int(self._line().split(b";")[0], 16):
                parts.append(self._bytes(size))
                assert self._line() == b""
            while self._line():
                pass
            return b"".join(parts)
        length = answer.header("Content-Length")
        if length is not None:
            return self._bytes(int(length))
        try:
            while True:
                self._more()
        except ConnectionError:
            data, self.buffer = self.buffer, b""
            return data

    def is_ended(self) -> bool:
        """Whether the other side has closed; does not wait."""
        return bool(select.select([self.socket], [], [], 0)[0])

    def at_end(self) -> bool:
        """Waits until the other side has closed; False when it sends something instead."""
        if self.buffer:
            return False
        try:
            return self.socket.recv(1) == b""
        except ConnectionResetError:
            return True


def request_bytes(address, method: str, target: str, headers=(), body=None, at_least=True) -> bytes:
    """A well-formed request, unless told otherwise by its parts. `at_least`: with the Min-Revision that
    the address knows, if there is one.
    """
    head = [f"{method} {target} HTTP/1.1"]
    names = {name.lower() for name, _ in headers}
    if "host" not in names:
        head.append(f"Host: {address[0]}:{address[1]}")
    least = Address.of(address).least(target)
    if at_least and least is not None and "min-revision" not in names:
        head.append(f"Min-Revision: {least}")
    head += [f"{name}: {value}" for name, value in headers]
    if body is not None and "content-length" not in names and "transfer-encoding" not in names:
        head.append(f"Content-Length: {len(body)}")
    return ("\r\n".join(head) + "\r\n\r\n").encode("latin-1") + (body or b"")


_UNSET = object()


class Api:
    """Calls with JSON, over kept connections: one a thread and process."""

    def __init__(self, address, token=None, headers=()):
        self.address, self.token, self.headers = Address.of(address), token, list(headers)
        self._local, self._made = threading.local(), set()

    def call(self, method, target, json=_UNSET, *, body=None, headers=(), status=None,
             type="application/json") -> Answer:
        """`status`: what must come; a number or several."""
        sent = self.headers + list(headers.items() if isinstance(headers, dict) else headers)
        names = {name.lower() for name, _ in sent}
        if self.token and "authorization" not in names:
            sent.append(("Authorization", f"Bearer {self.token}"))
        if json is not _UNSET:
            body = json_module.dumps(json, ensure_ascii=False).encode("utf-8")
        if body is not None and type and "content-type" not in names:
            sent.append(("Content-Type", type))
        answer = self._exchange(method, target, sent, body)
        if status is not None:
            wanted = (status,) if isinstance(status, int) else status
            assert answer.status in wanted, f"{method} {target}: wanted {status}, got {answer}"
        return answer

    def _exchange(self, method, target, headers, body) -> Answer:
        all_kept, process = self._local.__dict__.setdefault("kept", {}), self.address.following()
        kept = all_kept.pop(process, None)
        if kept is None or kept.is_ended():
            kept = Connection(self.address, process=process)
        makes = _MAKES_A_LIST.fullmatch(f"{method} {target}")
        # Whoever makes a list has seen nothing of it, also where somebody else has it already.
        answer = kept.request(method, target, headers, body, at_least=not makes or makes[1] in self._made)
        if makes and answer.status in (200, 201):
            self._made.add(makes[1] or answer.header("Location").rsplit("/", 1)[1])
        if (answer.header("Connection") or "").lower() == "close":
            kept.close()
        else:
            all_kept[process] = kept
        return answer

    def get(self, target, **more):
        return self.call("GET", target, **more)

    def head(self, target, **more):
        return self.call("HEAD", target, **more)

    def post(self, target, json=_UNSET, **more):
        return self.call("POST", target, json, **more)

    def put(self, target, json=_UNSET, **more):
        return self.call("PUT", target, json, **more)

    def patch(self, target, json=_UNSET, **more):
        return self.call("PATCH", target, json, **more)

    def delete(self, target, json=_UNSET, **more):
        return self.call("DELETE", target, json, **more)

    def pages(self, target, **more):
        """All data of a paged call, and how many pages there were."""
        data, pages, cursor = [], 0, None
        while True:
            join = "&" if "?" in target else "?"
            page = self.get(target + (f"{join}cursor={cursor}" if cursor else ""), status=200, **more).json()
            assert set(page) == {"data", "next_cursor"}
            data += page["data"]
            pages += 1
            cursor = page["next_cursor"]
            if cursor is None:
                return data, pages
            assert pages < 1000, "the pages do not end"


class Person(Api):
    """Somebody signed in, with a token in `Authorization`."""

    def __init__(self, address, answer: dict, password: str):
        super().__init__(address, answer["access_token"])
        self.user, self.id, self.email = answer["user"], answer["user"]["id"], answer["user"]["email"]
        self.refresh_token, self.password = answer["refresh_token"], password

    def make_list(self, title="A list", **more) -> str:
        return self.post("/v1/lists", {"title": title}, status=201, **more).json()["id"]

    def add(self, list_id, text="An item", **fields) -> dict:
        return self.post(f"/v1/lists/{list_id}/items", {"text": text, **fields}, status=201).json()

    def whole(self, list_id, **more) -> dict:
        return self.get(f"/v1/lists/{list_id}", status=200, **more).json()

    def texts(self, list_id) -> list:
        return [item["text"] for item in self.whole(list_id)["items"]]

    def log(self, list_id, after=0) -> list:
        """The changes of a list after a revision, all pages."""
        changes, more = [], True
        while more:
            page = self.get(f"/v1/lists/{list_id}/changes?after={after}", status=200).json()
            changes += page["changes"]
            more = page["has_more"]
            after = changes[-1]["revision"] if changes else after
        return changes


def new_email() -> str:
    return f"p{secrets.token_hex(8)}@example.org"


def sign_up(address, password=PASSWORD, headers=(), **fields) -> Person:
    """A new account."""
    body = {"email": new_email(), "password": password, "name": "A person", **fields}
    answer = Api(address).post("/v1/auth/sign-up", body, headers=headers, status=201)
    return Person(address, answer.json(), password)


def sign_in(person, password=None) -> Person:
    """The same account in a session of its own."""
    body = {"email": person.email, "password": password or person.password}
    answer = Api(person.address).post("/v1/auth/sign-in", body, status=200)
    return Person(person.address, answer.json(), password or person.password)


def problem(answer: Answer, status: int, code=None, pointers=None) -> dict:
    """Asserts that this is a problem document with that status (and code, and the bad fields)."""
    assert answer.status == status, f"wanted {status} {code or ''}, got {answer}"
    assert (answer.header("Content-Type") or "").split(";")[0] == "application/problem+json", answer
    body = answer.json()
    assert {"type", "title", "status", "detail", "code", "request_id"} <= set(body), body
    assert set(body) <= {"type", "title", "status", "detail", "code", "request_id", "errors"}, body
    assert body["status"] == status, body
    assert body["request_id"] == answer.header("X-Request-Id"), answer
    for name in ("type", "title", "detail", "code"):
        assert isinstance(body[name], str) and body[name], body
    if code is not None:
        assert body["code"] == code, body
    if "errors" in body:
        assert body["errors"], body
        for each in body["errors"]:
            assert set(each) == {"pointer", "code", "detail"}, each
            assert all(isinstance(value, str) for value in each.values()), each
    if pointers is not None:
        told = [each["pointer"] for each in body.get("errors", [])]
        assert sorted(set(told)) == sorted(set(pointers)), f"wanted {pointers}: {body}"
    return body


def eventually(check, seconds: float = 5.0, every: float = 0.02):
    """Waits until `check` is true, and returns what it gave."""
    end = time.monotonic() + seconds
    while True:
        value = check()
        if value:
            return value
        assert time.monotonic() < end, f"not within {seconds} s"
        time.sleep(every)


def is_long() -> bool:
    """Whether full counts are asked for; otherwise a tenth."""
    return bool(os.environ.get("LISTS_TEST_LONG"))
