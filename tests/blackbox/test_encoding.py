"""'Everywhere': answers over 1 KiB are compressed for those who ask. Both forms are the same list: what
one gives, the conditions of the other take.
"""
import concurrent.futures
import zlib

import pytest

from client import Connection, problem, request_bytes, uuid7
from members import add_member

GZIP = {"Accept-Encoding": "gzip"}
ACCEPTED = ("gzip", "GZIP", " gzip ", "br, gzip", "deflate,gzip;q=0.5", "gzip;q=0.001", "*", "identity;q=0, *;q=0.1",
            "gzip ; q=1.000", "gzip, deflate, br, zstd", "*;q=0, gzip")
REFUSED = ("", "identity", "br", "deflate, br", "gzip;q=0", "gzip;q=0.000", "GZIP ; Q=0", "*;q=0", "*, gzip;q=0",
           "gzip;q=0, identity", "gzipped", "x", ",", ";q=1")
# Of one answer each: they need not be the same in two forms of it.
OF_THE_MOMENT = {"date", "x-request-id", "server-timing"}
OF_THE_FORM = {"content-encoding", "content-length", "etag"}


def unzipped(answer) -> bytes:
    """What a compressed body holds: one whole member and nothing else."""
    assert answer.header("Content-Encoding") == "gzip", answer
    assert answer.header("Content-Length") == str(len(answer.body)), answer
    stream = zlib.decompressobj(31)
    text = stream.decompress(answer.body)
    assert stream.eof and stream.unused_data == b"", answer
    return text


def plain(answer) -> bytes:
    assert answer.header("Content-Encoding") is None, answer
    return answer.body


def suffixed(etag: str) -> str:
    """The ETag of the compressed form."""
    return f'{etag[:-1]}-gzip"'


def vary(answer) -> set:
    return {name.strip().lower() for name in (answer.header("Vary") or "").split(",")} - {""}


def headers(answer, without) -> dict:
    return {name.lower(): value for name, value in answer.headers if name.lower() not in without}


def in_both_forms(caller, target, status=200) -> bytes:
    """The text of an answer over 1 KiB, after the two forms were compared."""
    bare, packed = caller.get(target, status=status), caller.get(target, headers=GZIP, status=status)
    text = plain(bare)
    assert len(text) > 1024 and unzipped(packed) == text, target
    assert len(packed.body) < len(text)
    assert "accept-encoding" in vary(bare) and vary(bare) == vary(packed)
    without = OF_THE_MOMENT | OF_THE_FORM
    assert headers(bare, without) == headers(packed, without)
    if bare.etag is not None:
        assert packed.etag == suffixed(bare.etag)
    return text


@pytest.fixture
def a_list(person):
    """One of more than 1 KiB."""
    made = person.make_list("Long enough")
    for n in range(4):
        person.add(made, f"Item {n}", note="n" * 100)
    return made


def test_a_list_is_the_same_in_both_forms(person, a_list):
    text = in_both_forms(person, f"/v1/lists/{a_list}")
    assert b"Item 3" in text
    packed = person.get(f"/v1/lists/{a_list}", headers=GZIP)
    assert {"authorization", "cookie", "accept-encoding"} <= vary(packed)
    assert packed.header("Cache-Control") == "private, no-cache"
    assert packed.header("Content-Type") == "application/json"


def test_the_bound_is_1_kib(person):
    made = person.make_list("x")
    target = f"/v1/lists/{made}"
    room = 1024 - len(person.get(target, status=200).body) + 1  # For the title.
    for size in (1023, 1024, 1025):
        bytes_of_title = room + size - 1024
        title = "🥛" * (bytes_of_title // 4) + "a" * (bytes_of_title % 4)
        person.patch(target, {"title": title}, status=200)
        bare = person.get(target, status=200)
        assert len(plain(bare)) == size
        packed = person.get(target, headers=GZIP, status=200)
        if size > 1024:
            assert unzipped(packed) == bare.body and packed.etag == suffixed(bare.etag)
        else:
            assert plain(packed) == bare.body and packed.etag == bare.etag


@pytest.mark.parametrize("codings", ACCEPTED, ids=repr)
def test_who_accepts_gzip_gets_it(person, a_list, codings):
    answer = person.get(f"/v1/lists/{a_list}", headers={"Accept-Encoding": codings}, status=200)
    assert unzipped(answer).startswith(b'{"role":"owner",')


@pytest.mark.parametrize("codings", REFUSED, ids=repr)
def test_who_does_not_gets_the_text(person, a_list, codings):
    answer = person.get(f"/v1/lists/{a_list}", headers={"Accept-Encoding": codings}, status=200)
    assert plain(answer).startswith(b'{"role":"owner",') and "accept-encoding" in vary(answer)
    assert answer.etag == f'"{answer.revision}"'


def test_codings_may_stand_in_several_lines(person, a_list):
    target = f"/v1/lists/{a_list}"
    unzipped(person.get(target, headers=[("Accept-Encoding", "br"), ("accept-encoding", "gzip")], status=200))
    plain(person.get(target, headers=[("Accept-Encoding", "*"), ("Accept-Encoding", "gzip;q=0")], status=200))


def test_a_304_is_for_both_forms_and_has_the_etag_of_its_200(person, a_list):
    target = f"/v1/lists/{a_list}"
    for asked in ({}, GZIP, {"Accept-Encoding": "br"}):
        whole = person.get(target, headers=asked, status=200)
        bare = f'"{whole.revision}"'
        for known in (bare, suffixed(bare), f"W/{bare}", f"W/{suffixed(bare)}", f'"1", {suffixed(bare)}', "*"):
            for method in ("GET", "HEAD"):
                answer = person.call(method, target, headers={**asked, "If-None-Match": known}, status=304)
                assert answer.body == b"" and answer.etag == whole.etag, (asked, known)
                assert answer.header("Content-Encoding") is None and vary(answer) == vary(whole)
        for other in ('"1"', '"1-gzip"', f'"{whole.revision}0-gzip"', f'"{whole.revision}gzip"'):
            person.get(target, headers={**asked, "If-None-Match": other}, status=200)


def test_a_304_stands_between_two_answers(person, a_list):
    """Neither form nor condition confuses where an answer ends."""
    connection, target = Connection(person.address), f"/v1/lists/{a_list}"
    etag = person.get(target, headers=GZIP, status=200).etag
    own = [("Authorization", f"Bearer {person.token}")]
    asked = [own, own + list(GZIP.items()), own + [("If-None-Match", etag), *GZIP.items()]] * 5
    connection.send(b"".join(request_bytes(person.address, "GET", target, each) for each in asked))
    answers = [connection.read() for _ in asked]
    assert [answer.status for answer in answers] == [200, 200, 304] * 5
    assert {unzipped(answer) for answer in answers[1::3]} == {plain(answer) for answer in answers[0::3]}


def test_if_match_takes_the_etag_of_either_form(person, a_list):
    target, item = f"/v1/lists/{a_list}", person.whole(a_list)["items"][0]["id"]
    stale = person.get(target, headers=GZIP, status=200).etag
    person.patch(target, {"title": "Moved"}, status=200)
    writes = [("PATCH", target, {"title": uuid7()}), ("POST", f"{target}/items", {"text": "a"}),
              ("PUT", f"{target}/items/{uuid7()}", {"text": "a"}), ("PATCH", f"{target}/items/{item}", {"text": uuid7()}),
              ("POST", f"{target}/items/{item}/move", {"after": None}), ("POST", f"{target}/items/clear-done", {}),
              ("DELETE", f"{target}/items/{item}", {}), ("POST", f"{target}/items/{item}/restore", {})]
    for method, path, body in writes:
        now = person.get(target, headers=GZIP, status=200).etag
        assert now.endswith('-gzip"')
        problem(person.call(method, path, body, headers={"If-Match": stale}), 412)
        problem(person.call(method, path, body, headers={"If-Match": f"W/{now}"}), 412)
        person.call(method, path, body, headers={"If-Match": f"{stale}, {now}"}, status=(200, 201, 204))
    plain_now = person.get(target, status=200).etag
    person.patch(target, {"title": "Last"}, headers={"If-Match": plain_now}, status=200)


def test_the_answer_to_a_write_is_compressed_too(person, a_list):
    items = f"/v1/lists/{a_list}/items"
    made = person.post(items, {"text": "a", "note": "n" * 2000}, headers=GZIP, status=201)
    text = unzipped(made)
    assert b"n" * 2000 in text and "accept-encoding" in vary(made)
    assert made.etag == f'"{made.revision}-gzip"' and made.header("Location")
    person.get(f"/v1/lists/{a_list}", headers={"If-None-Match": made.etag}, status=304)
    short = person.patch(f"/v1/lists/{a_list}", {"title": "b"}, headers={"If-Match": made.etag, **GZIP}, status=200)
    assert plain(short) and short.etag == f'"{short.revision}"'


def test_a_repeat_with_a_key_has_the_form_that_it_asks_for(person, a_list):
    items, body = f"/v1/lists/{a_list}/items", {"text": "a", "note": "n" * 2000}
    key = {"Idempotency-Key": uuid7()}
    first = person.post(items, body, headers={**key, **GZIP}, status=201)
    bare = person.post(items, body, headers=key, status=201)
    again = person.post(items, body, headers={**key, **GZIP}, status=201)
    assert bare.header("Idempotent-Replayed") == again.header("Idempotent-Replayed") == "true"
    assert unzipped(first) == unzipped(again) == plain(bare)
    assert first.etag == again.etag == suffixed(bare.etag)
    assert first.revision == again.revision == bare.revision


def test_head_is_get_without_the_body(person, a_list):
    for target in (f"/v1/lists/{a_list}", f"/v1/lists/{a_list}/changes", f"/v1/lists/{a_list}/items", "/v1/me",
                   "/openapi.json", "/v1/limits", "/livez", f"/v1/lists/{uuid7()}"):
        for asked in ({}, GZIP):
            whole, head = person.get(target, headers=asked), person.head(target, headers=asked)
            assert head.status == whole.status and head.body == b""
            assert headers(head, OF_THE_MOMENT) == headers(whole, OF_THE_MOMENT), target


def test_pages_are_compressed(person, a_list, new_person):
    assert b'"effects"' in in_both_forms(person, f"/v1/lists/{a_list}/changes")
    assert b'"next_cursor"' in in_both_forms(person, f"/v1/lists/{a_list}/items")
    item = person.add(a_list, "a", note="n" * 2000)
    in_both_forms(person, f"/v1/lists/{a_list}/items/{item['id']}")
    someone = new_person()
    for n in range(8):
        someone.make_list(f"List {n}")
    in_both_forms(someone, "/v1/lists")
    first = someone.get("/v1/lists?limit=6", headers=GZIP, status=200)
    assert b'"next_cursor":"' in unzipped(first) and 'rel="next"' in first.header("Link")


def test_problem_documents_are_compressed(person, a_list):
    wrong = {f"unknown_{n}": n for n in range(40)}
    answer = person.post(f"/v1/lists/{a_list}/items", wrong, headers=GZIP)
    assert answer.header("Content-Type") == "application/problem+json" and "accept-encoding" in vary(answer)
    answer.body = unzipped(answer)
    assert len(problem(answer, 422)["errors"]) == 41  # And the text that is missing.
    bare = person.post(f"/v1/lists/{a_list}/items", wrong)
    assert "accept-encoding" in vary(bare) and len(problem(bare, 422)["errors"]) == 41
    problem(person.get(f"/v1/lists/{uuid7()}", headers=GZIP), 404)  # A short one is as it is.


def test_after_a_change_the_compressed_list_is_new(person, a_list):
    target = f"/v1/lists/{a_list}"
    old = person.get(target, headers=GZIP, status=200)
    for n in range(10):
        text = f"New {n}"
        person.add(a_list, text)
        new = person.get(target, headers={**GZIP, "If-None-Match": old.etag}, status=200)
        assert text.encode() in unzipped(new) and text.encode() not in unzipped(old)
        assert new.etag == f'"{new.revision}-gzip"' and new.revision == old.revision + 1
        assert unzipped(new) == plain(person.get(target, status=200))
        old = new


def test_what_is_not_ascii(person):
    made = person.make_list("Käse 牛乳 🥛")
    for n in range(30):
        person.add(made, f"👩‍👩‍👧‍👦 {n} é\u0301\U0010ffff\"\\\n", note="🧀" * 500, labels=["Ω", "ß"])
    text = in_both_forms(person, f"/v1/lists/{made}").decode("utf-8")
    assert "👩‍👩‍👧‍👦 29" in text and "🧀" * 500 in text


def test_a_long_list(person):
    """Of more bytes than a block of the format, first asked for by many at once."""
    made, count = person.make_list("Long"), 2000
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: person.add(made, f"Item {n}", note=uuid7() * 3), range(count)))
        target = f"/v1/lists/{made}"
        asked = [{}, GZIP] * 8
        answers = list(pool.map(lambda each: person.get(target, headers=each, status=200), asked))
    whole = plain(answers[0])
    assert len(whole) > 500_000
    assert all(plain(answer) == whole for answer in answers[0::2])
    assert all(unzipped(answer) == whole for answer in answers[1::2])
    assert len(answers[0].json()["items"]) == count
    person.patch(target, {"title": "Longer"}, status=200)
    assert b'"title":"Longer"' in in_both_forms(person, target)


def test_each_role_has_its_own_in_the_compressed_list(make_server):
    served = make_server().start()
    people = {role: served.person() for role in ("owner", "editor", "viewer")}
    made = people["owner"].make_list()
    for n in range(10):
        people["owner"].add(made, f"Item {n}")
    served.stop()
    for role in ("editor", "viewer"):
        add_member(served, made, people[role].id, role)
    served.start()
    for _ in range(2):
        texts = {role: in_both_forms(person, f"/v1/lists/{made}") for role, person in people.items()}
        for role, text in texts.items():
            assert text.startswith(b'{"role":"%s",' % role.encode())
        assert len({text.split(b",", 1)[1] for text in texts.values()}) == 1
        people["editor"].add(made, "One more")
    problem(served.person().get(f"/v1/lists/{made}", headers=GZIP), 404)


def test_the_description_of_the_api(anonymous):
    text = in_both_forms(anonymous, "/openapi.json")
    assert text.startswith(b'{"openapi":"3.1.0"')


def test_the_page(anonymous):
    browser = {"Accept": "text/html"}
    page = anonymous.get("/", headers=browser, status=200)
    script = "/assets/" + page.body.decode().split('src="/assets/', 1)[1].split('"', 1)[0]
    for target in ("/", script):
        forms = {coding: anonymous.get(target, headers={**browser, "Accept-Encoding": coding}, status=200)
                 for coding in ("identity", "gzip", "br")}
        assert plain(forms["identity"]) and forms["br"].header("Content-Encoding") in ("br", None)
        if target == script:
            assert unzipped(forms["gzip"]) == forms["identity"].body
        for answer in forms.values():
            assert "accept-encoding" in vary(answer)
        codings = {answer.header("Content-Encoding") for answer in forms.values()}
        assert len({answer.etag for answer in forms.values()}) == len(codings)
        for known in (answer.etag for answer in forms.values()):
            for coding, whole in forms.items():
                asked = {**browser, "Accept-Encoding": coding, "If-None-Match": known}
                answer = anonymous.get(target, headers=asked, status=304)
                assert answer.etag == whole.etag and answer.body == b"" and vary(answer) == vary(whole)


def test_http_1_0(person, a_list):
    read = person.get(f"/v1/lists/{a_list}", status=200)
    whole, least = read.body, f"Min-Revision: {read.revision}\r\n"
    head = (f"GET /v1/lists/{a_list} HTTP/1.0\r\nAuthorization: Bearer {person.token}\r\n{least}").encode()
    for lines, read in ((b"", plain), (b"Accept-Encoding: gzip\r\n", unzipped), (b"Accept-Encoding: gzip;q=0\r\n", plain)):
        connection = Connection(person.address)
        connection.send(head + lines + b"\r\n")
        answer = connection.read()
        assert answer.status == 200 and read(answer) == whole
        assert connection.at_end()
        connection.close()
    connection = Connection(person.address)
    for _ in range(3):
        connection.send(head + b"Accept-Encoding: gzip\r\nConnection: keep-alive\r\n\r\n")
        answer = connection.read()
        assert unzipped(answer) == whole and answer.header("Connection") == "keep-alive"
