"""Whether work grows with the data: instructions a request, at 1,000 and at 1,000,000 items."""
import callgrind
import data
from client import Api, Connection
from report import Row

CALLS = 300
SIGN_INS = 8


class Client:
    """One connection that sends prepared requests, one after the other's answer."""

    def __init__(self, port):
        self.connection = Connection(("127.0.0.1", port), timeout=60)

    def send(self, requests, status):
        for request in requests:
            self.connection.send(request)
            answer = self.connection.read()
            assert answer.status == status, answer
        return len(requests)


class Folder:
    def __init__(self, lists, items=100):
        self.source = data.folder(lists, items)
        self.tokens = data.tokens(self.source)
        # Of one person: what a token costs when it is first seen is not what grows.
        lists = data.lists_of(self.source)
        self.lists = [each for each in lists if each[1] == lists[0][1]]
        self.items = data.items_of(self.source, self.lists[0][0])

    def reads(self, count=CALLS, lists=10):
        return [data.request("GET", f"/v1/lists/{i}", self.tokens[o])
                for i, o in (self.lists[n % lists] for n in range(count))]

    def ticks(self, done, count=CALLS, lists=10):
        """Each of another item, so that each changes something."""
        return [data.request("PATCH", f"/v1/lists/{i}/items/{self.items[n // lists]}", self.tokens[o],
                             body={"done": done})
                for n, (i, o) in ((n, self.lists[n % lists]) for n in range(count))]

    def creates(self, count=CALLS, lists=10):
        return [data.request("POST", f"/v1/lists/{i}/items", self.tokens[o], body={"text": "Milk and bread"})
                for i, o in (self.lists[n % lists] for n in range(count))]


def hot_tick_create(folder, name):
    """Instructions of a hot read, a tick, the read after one, and a create in 10 lists; the lists are in
    memory."""
    with callgrind.Counted(data.copy_of(folder.source, name)) as counted:
        client = Client(counted.port)
        client.send(folder.reads(), 200)
        found = {"hot read": counted.count(lambda: client.send(folder.reads(), 200))}
        client.send(folder.ticks(True, 30), 200)
        client.send(folder.creates(30), 201)
        found["tick"] = counted.count(lambda: client.send(folder.ticks(False, 30) + folder.ticks(True), 200))
        found["create"] = counted.count(lambda: client.send(folder.creates(), 201))

        def ticks_and_reads():
            for request, read in zip(folder.ticks(False), folder.reads()):
                client.send([request, read], 200)
            return CALLS
        found["read after a tick"] = counted.count(ticks_and_reads) - found["tick"]
        return found


def cold_and_sign_in(folder, name):
    """Of a cold read (each list's first), and of a sign-in without its cryptography."""
    with callgrind.Counted(data.copy_of(folder.source, name)) as counted:
        client = Client(counted.port)
        client.send(folder.reads(1, 1), 200)  # Statements are prepared.
        cold = counted.count(lambda: client.send(folder.reads(10)[1:], 200))
        api = Api(("127.0.0.1", counted.port))

        def sign_in():
            for _ in range(SIGN_INS):
                api.post("/v1/auth/sign-in", {"email": data.known_email(folder.source),
                                              "password": data.client.PASSWORD}, status=200)
            return SIGN_INS
        sign_in()
        return {"cold read": cold, "sign-in, without cryptography": counted.count(sign_in, callgrind.OUTSIDE)}


def tick_in(folder, name):
    with callgrind.Counted(data.copy_of(folder.source, name)) as counted:
        client = Client(counted.port)
        client.send(folder.reads(1, 1), 200)
        client.send(folder.ticks(True, 20, 1), 200)
        return counted.count(lambda: client.send(folder.ticks(False, 20, 1) + folder.ticks(True, 80, 1), 200))


def growth():
    """The same requests at 1,000 and at 1,000,000 items."""
    rows, sizes = [], {}
    for lists in (10, 10_000):
        folder = Folder(lists)
        sizes[lists] = hot_tick_create(folder, "growth") | cold_and_sign_in(folder, "growth")
    for work, small in sizes[10].items():
        large = sizes[10_000][work]
        rows.append(Row(f"instructions of a {work}", "1,000,000 items to 1,000", f"{large:,.0f}", f"{small:,.0f}",
                        large / small, firm=1.2, more=False))
    short, long = tick_in(Folder(10), "growth"), tick_in(Folder(1, 10_000), "growth")
    rows.append(Row("instructions of a tick", "a list of 10,000 items to one of 100", f"{long:,.0f}",
                    f"{short:,.0f}", long / short, firm=3, more=False))
    return rows
