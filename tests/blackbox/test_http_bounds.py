"""HTTP/1.1 over the wire: what is malformed or ambiguous is 400 and the end of the connection, what is
over a bound is refused, what is right is understood.
"""
import json
import socket
import time

import pytest

from client import Connection, problem, request_bytes, uuid7

NEXT = b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n"


def exchange(address, data, half_close=False):
    """Sends bytes; returns all that comes until the connection ends (it must)."""
    connection = Connection(address, timeout=20)
    try:
        connection.send(data)
        if half_close:
            connection.socket.shutdown(socket.SHUT_WR)
    except OSError:
        pass
    received = b""
    try:
        while part := connection.socket.recv(65536):
            received += part
    except ConnectionResetError:
        pass
    connection.close()
    return received


def check_refused(address, data, statuses=(400,)):
    """One answer of those, then the end: what follows on the connection is not answered."""
    received = exchange(address, data + NEXT)
    assert received.startswith(b"HTTP/1.1 "), received
    assert int(received[9:12]) in statuses, received
    assert received.count(b"HTTP/1.1 ") == 1, received
    head, body = received.split(b"\r\n\r\n", 1)
    assert b"application/problem+json" in head and json.loads(body)["status"] == int(received[9:12]), received


def post(person, headers: bytes, body: bytes, version=b"HTTP/1.1") -> bytes:
    """POST /v1/lists with raw header lines."""
    return (b"POST /v1/lists " + version + b"\r\nHost: a\r\nAuthorization: Bearer " + person.token.encode()
            + b"\r\nContent-Type: application/json\r\n" + headers + b"\r\n" + body)


GOOD = b'{"title":"a"}'
CHUNKED = b"d\r\n" + GOOD + b"\r\n0\r\n\r\n"


@pytest.mark.parametrize("headers, body", [
    (b"Content-Length: 13\r\nTransfer-Encoding: chunked\r\n", CHUNKED),
    (b"Transfer-Encoding: chunked\r\nContent-Length: 13\r\n", CHUNKED),
    (b"Content-Length: 13\r\nContent-Length: 14\r\n", GOOD), (b"Content-Length: 13\r\nContent-Length: 13\r\n", GOOD),
    (b"Content-Length: 13, 13\r\n", GOOD), (b"Content-Length: 13,14\r\n", GOOD), (b"Content-Length: +13\r\n", GOOD),
    (b"Content-Length: -1\r\n", GOOD), (b"Content-Length: 0x0d\r\n", GOOD), (b"Content-Length: 1 3\r\n", GOOD),
    (b"Content-Length: 13x\r\n", GOOD), (b"Content-Length:\r\n", GOOD), (b"Content-Length: 13.0\r\n", GOOD),
    (b"Content-Length: 99999999999999999999999\r\n", GOOD), (b"Content-Length: 18446744073709551629\r\n", GOOD),
    (b"Content-Length : 13\r\n", GOOD), (b"Content-Length\t: 13\r\n", GOOD), (b" Content-Length: 13\r\n", GOOD),
    (b"Transfer-Encoding : chunked\r\n", CHUNKED), (b"Transfer-Encoding: xchunked\r\n", CHUNKED),
    (b"Transfer-Encoding: chunked, identity\r\n", CHUNKED), (b"Transfer-Encoding: identity\r\n", CHUNKED),
    (b"Transfer-Encoding: chunked, chunked\r\n", CHUNKED), (b"Transfer-Encoding: gzip, chunked\r\n", CHUNKED),
    (b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", CHUNKED),
    (b"Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n", CHUNKED),
    (b"Transfer-Encoding: \x0bchunked\r\n", CHUNKED), (b"Transfer-Encoding: chunked\x00\r\n", CHUNKED),
    (b'Transfer-Encoding: "chunked"\r\n', CHUNKED), (b"Transfer-Encoding:\r\n", CHUNKED),
    (b"X: a\r\n b\r\nContent-Length: 13\r\n", GOOD), (b"X: a\r\n\tContent-Length: 5\r\nContent-Length: 13\r\n", GOOD),
    (b"X: a\nContent-Length: 13\r\n", GOOD), (b"X: a\rContent-Length: 13\r\n", GOOD), (b"X: a\x00b\r\n", b""),
    (b"X\x00: a\r\n", b""), (b"X(: a\r\n", b""), (b": a\r\n", b""), (b"X\r\n", b""), (b"X Y: a\r\n", b""),
    (b"\xc3\xa9: a\r\n", b""), (b"X: a\x7f\r\n", b""), (b"X: \x01\r\n", b""), (b"Host: b\r\n", b""),
], ids=repr)
def test_ambiguous_and_malformed_headers(person, headers, body):
    check_refused(person.address, post(person, headers, body))
    assert all(each["title"] != "smuggled" for each in person.get("/v1/lists").json()["data"])


@pytest.mark.parametrize("body", [
    b"x\r\n" + GOOD + b"\r\n0\r\n\r\n", b"-1\r\n" + GOOD + b"\r\n0\r\n\r\n", b"0xd\r\n" + GOOD + b"\r\n0\r\n\r\n",
    b"d" + b"\n" + GOOD + b"\r\n0\r\n\r\n", b"\r\nd\r\n" + GOOD + b"\r\n0\r\n\r\n", b"d\r\n" + GOOD + b"0\r\n\r\n",
    b"c\r\n" + GOOD + b"\r\n0\r\n\r\n", b"e\r\n" + GOOD + b"\r\n0\r\n\r\n",
    b"fffffffffffffffff\r\n" + GOOD + b"\r\n0\r\n\r\n", b"1000000000000000d\r\n" + GOOD + b"\r\n0\r\n\r\n",
    b"d\r\n" + GOOD + b"\n0\r\n\r\n", b"d\r\n" + GOOD + b"\rX0\r\n\r\n", b"+d\r\n" + GOOD + b"\r\n0\r\n\r\n",
    b"d_\r\n" + GOOD + b"\r\n0\r\n\r\n", b" d\r\n" + GOOD + b"\r\n0\r\n\r\n",
], ids=repr)
def test_bad_chunks(person, body):
    received = exchange(person.address, post(person, b"Transfer-Encoding: chunked\r\n", body) + NEXT, half_close=True)
    assert received.startswith(b"HTTP/1.1 400 "), received
    assert received.count(b"HTTP/1.1 ") == 1, received


@pytest.mark.parametrize("request_line", [
    b"GET  /livez HTTP/1.1", b"GET /livez  HTTP/1.1", b" GET /livez HTTP/1.1", b"GET\t/livez\tHTTP/1.1", b"GET /livez",
    b"GET /livez HTTP/1.1 ", b"GET /livez HTTP/1.10", b"GET /livez HTTP/3.0", b"GET /livez http/1.1", b"GET /livez HTTP/x.y",
    b"GET /livez HTTP/11", b"G@T /livez HTTP/1.1", b"GET /li\x00vez HTTP/1.1", b"GET /li\x01vez HTTP/1.1", b"GET livez HTTP/1.1",
    b"/livez HTTP/1.1", b"GET HTTP/1.1", b"GET /li vez HTTP/1.1", b"\x16\x03\x01\x02\x00\x01\x00\x01", b"PRI * HTTP/2.0",
    b"GET /livez\x7f HTTP/1.1",
], ids=repr)
def test_malformed_request_lines(person, request_line):
    check_refused(person.address, request_line + b"\r\nHost: a\r\n\r\n", (400, 505))


@pytest.mark.parametrize("data", [
    b"GET /livez HTTP/1.1\nHost: a\n\n", b"GET /livez HTTP/1.1\nHost: a\r\n\r\n", b"GET /livez HTTP/1.1\r\nHost: a\n\r\n",
    b"GET /livez HTTP/1.1\rHost: a\r\n\r\n", b"GET /livez HTTP/1.1\r\n\r\n", b"GET /livez HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
    b"GET /livez HTTP/1.1\r\n Host: a\r\n\r\n", b"GET /livez HTTP/1.1\r\nHost: a b\r\n\r\n",
], ids=repr)
def test_malformed_heads(person, data):
    check_refused(person.address, data)


def test_the_request_line_is_at_most_8_kib(person):
    def line(size):
        return b"GET /livez?" + b"a" * (size - len("GET /livez? HTTP/1.1\r\n")) + b" HTTP/1.1\r\nHost: a\r\n\r\n"

    connection = Connection(person.address)
    connection.send(line(8 * 1024))  # Read, and found to have an unknown parameter.
    assert connection.read().status == 422
    for size in (8 * 1024 + 3, 12_000, 100_000):
        check_refused(person.address, line(size), (400, 414))


def test_at_most_100_header_fields(person):
    def fields(count):
        return b"GET /livez HTTP/1.1\r\nHost: a\r\n" + b"".join(b"X-%d: a\r\n" % n for n in range(count - 1)) + b"\r\n"

    connection = Connection(person.address)
    connection.send(fields(100))
    assert connection.read().status == 200
    for count in (101, 1000):
        check_refused(person.address, fields(count), (400, 431))


def test_at_most_16_kib_of_header_fields(person):
    def fields(size):
        rest = size - len("Host: a\r\n") - len("X: \r\n")
        return b"GET /livez HTTP/1.1\r\nHost: a\r\nX: " + b"a" * rest + b"\r\n\r\n"

    connection = Connection(person.address)
    connection.send(fields(16 * 1024 - 2))
    assert connection.read().status == 200
    for size in (16 * 1024 + 3, 40_000, 300_000):
        check_refused(person.address, fields(size), (400, 431))


def test_a_chunked_body_is_read(person):
    for body in (CHUNKED, b"4\r\n" + GOOD[:4] + b"\r\n9\r\n" + GOOD[4:] + b"\r\n0\r\n\r\n",
                 b"D\r\n" + GOOD + b"\r\n000\r\n\r\n", b"d;x=y\r\n" + GOOD + b"\r\n0\r\nTrailer: x\r\n\r\n"):
        connection = Connection(person.address)
        connection.send(post(person, b"Transfer-Encoding: chunked\r\n", body) + NEXT)
        assert connection.read().status == 201, body
        assert connection.read().status == 200, body
        connection.close()


def test_a_chunked_body_is_at_most_1_mib(person):
    pad = 1024 * 1024 - len(GOOD)
    for more, status in ((0, 201), (1, 413)):
        body = GOOD[:-1] + b" " * (pad + more) + b"}"
        chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in
                          (body[at:at + 60_000] for at in range(0, len(body), 60_000)))
        connection = Connection(person.address)
        try:
            connection.send(post(person, b"Transfer-Encoding: chunked\r\n", chunks + b"0\r\n\r\n"))
        except OSError:
            pass  # The answer may come, and the connection end, before all is sent.
        assert connection.read().status == status
        connection.close()


def test_chunk_extensions_and_trailers_are_bounded(person):
    for body in (b"d;" + b"x" * 100_000 + b"\r\n" + GOOD + b"\r\n0\r\n\r\n",
                 b"d\r\n" + GOOD + b"\r\n0\r\n" + b"T: x\r\n" * 20_000 + b"\r\n"):
        received = exchange(person.address, post(person, b"Transfer-Encoding: chunked\r\n", body), half_close=True)
        assert not received or int(received[9:12]) in (400, 413, 431), received[:200]


def test_many_requests_in_one_packet_are_answered_in_order(person):
    ids = [uuid7() for _ in range(50)]
    a_list = person.make_list()
    headers = [("Authorization", f"Bearer {person.token}"), ("Content-Type", "application/json")]
    connection = Connection(person.address)
    connection.send(b"".join(
        request_bytes(person.address, "PUT", f"/v1/lists/{a_list}/items/{each}", headers, b'{"text":"a"}')
        + request_bytes(person.address, "GET", f"/v1/lists/{a_list}/items/{each}", headers) for each in ids))
    for each in ids:
        put, get = connection.read(), connection.read()
        assert put.status == 201 and put.json()["id"] == each == get.json()["id"], (put, get)
    assert [item["id"] for item in person.whole(a_list)["items"]] == ids


def test_a_request_may_come_byte_by_byte(person):
    connection = Connection(person.address)
    for byte in request_bytes(person.address, "POST", "/v1/lists", [
            ("Authorization", f"Bearer {person.token}"), ("Content-Type", "application/json")], GOOD):
        connection.send(bytes([byte]))
    assert connection.read().status == 201


def test_connections_end_as_asked(person):
    for data, stays in ((b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n", True),
                        (b"GET /livez HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", False),
                        (b"GET /livez HTTP/1.0\r\n\r\n", False)):
        connection = Connection(person.address)
        connection.send(data)
        answer = connection.read()
        assert answer.status == 200
        if stays:
            connection.send(NEXT)
            assert connection.read().status == 200
        else:
            assert (answer.header("Connection") or "close").lower() == "close" and connection.at_end()
        connection.close()


def test_expect_100_continue(person):
    connection = Connection(person.address)
    head = post(person, b"Expect: 100-continue\r\nContent-Length: 13\r\n", b"")
    connection.send(head)
    assert connection.read().status == 100
    connection.send(GOOD)
    assert connection.read().status == 201


def test_methods_nobody_knows(person):
    for method in ("TRACE", "CONNECT", "PROPFIND", "get", "X" * 20):
        connection = Connection(person.address)
        connection.send(f"{method} /v1/lists HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        answer = connection.read()
        assert answer.status in (400, 405, 501), answer
        assert answer.status != 405 or answer.header("Allow")
        connection.close()


@pytest.mark.parametrize("data", [b"", b"GET /livez HT", b"GET /livez HTTP/1.1\r\nHost: a\r\nX: "], ids=repr)
def test_a_head_must_be_complete_within_5_seconds(person, data):
    """From its first byte, however it trickles; without a byte the connection is idle and may stay."""
    connection = Connection(person.address, timeout=12)
    began = time.monotonic()
    if not data:
        connection.socket.settimeout(6)
        with pytest.raises(TimeoutError):
            connection.socket.recv(1)
        connection.send(NEXT)
        assert connection.read().status == 200
        return
    connection.send(data)
    received = b""
    connection.socket.settimeout(0.5)
    while time.monotonic() - began < 12:
        try:
            part = connection.socket.recv(4096)
            if not part:
                break
            received += part
        except TimeoutError:
            try:
                connection.send(b"a")
            except OSError:
                break
        except OSError:
            break
    assert 3.5 <= time.monotonic() - began <= 9, time.monotonic() - began
    assert not received or received[9:12] in (b"408", b"400"), received


def test_half_a_request_is_never_acted_on(person):
    a_list = person.make_list()
    whole = request_bytes(person.address, "POST", f"/v1/lists/{a_list}/items", [
        ("Authorization", f"Bearer {person.token}"), ("Content-Type", "application/json")], b'{"text":"half"}')
    for cut in (20, len(whole) - 16, len(whole) - 1):
        connection = Connection(person.address)
        connection.send(whole[:cut])
        connection.socket.shutdown(socket.SHUT_WR)
        connection.at_end()
        connection.close()
    assert person.texts(a_list) == []


def test_a_client_that_goes_away_is_nobodys_trouble(person):
    a_list = person.make_list()
    whole = request_bytes(person.address, "POST", f"/v1/lists/{a_list}/items", [
        ("Authorization", f"Bearer {person.token}"), ("Content-Type", "application/json")], b'{"text":"a"}')
    for _ in range(50):
        connection = Connection(person.address)
        connection.send(whole)
        connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        connection.close()  # With a reset.
    person.add(a_list, "another")
    assert "another" in person.texts(a_list) and person.whole(a_list)["item_count"] <= 51


def test_a_slow_reader_of_long_answers_is_no_trouble_for_others(person):
    a_list = person.make_list()
    for _ in range(40):
        person.add(a_list, "a", note="n" * 16000)
    slow = Connection(person.address)
    request = request_bytes(person.address, "GET", f"/v1/lists/{a_list}", [("Authorization", f"Bearer {person.token}")])
    slow.send(request * 40)
    for _ in range(20):
        person.get("/v1/me", status=200)
    for _ in range(40):
        assert slow.read().json()["item_count"] == 40


def test_a_problem_in_http_is_a_problem_document(person):
    connection = Connection(person.address)
    connection.send(b"GET /livez HTTP/1.1\r\nHost: a\r\nBad Name: x\r\n\r\n")
    problem(connection.read(), 400)
