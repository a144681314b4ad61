"""Sessions of browsers: tokens in cookies, and who may send them."""
import pytest

from client import PASSWORD, Api, eventually, new_email, problem, uuid7

SAME = {"Sec-Fetch-Site": "same-origin"}


class Browser(Api):
    """Keeps cookies as browsers do, and sends them with every call."""

    def __init__(self, address, host=None):
        super().__init__(address, headers=[("Host", host)] if host else [])
        self.jar, self.last = {}, []

    def call(self, method, target, *args, headers=(), **more):
        headers = dict(headers)
        if self.jar and "Cookie" not in headers:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.jar.items())
        answer = super().call(method, target, *args, headers=headers, **more)
        self.last = answer.all("Set-Cookie")
        for line in self.last:
            pair, *attributes = [part.strip() for part in line.split(";")]
            name, value = pair.split("=", 1)
            words = {word.split("=")[0].lower(): word for word in attributes}
            assert "httponly" in words, line
            assert words["samesite"].lower() == "samesite=lax", line
            assert "domain" not in words, line
            if name.startswith("__Host-"):
                assert "secure" in words and words["path"].lower() == "path=/", line
            if words.get("max-age", "").lower() == "max-age=0" or not value:
                self.jar.pop(name, None)
            else:
                self.jar[name] = value
        return answer


def sign_up_by_cookie(address, host=None, headers=None):
    browser = Browser(address, host)
    body = {"email": new_email(), "password": PASSWORD, "name": "A", "session": "cookie"}
    answer = browser.post("/v1/auth/sign-up", body, headers=headers or SAME, status=201)
    browser.email, browser.signed_up = body["email"], answer
    return browser


@pytest.fixture
def browser(server):
    return sign_up_by_cookie(server.address)


def test_tokens_live_in_cookies_and_bodies_hold_none(browser):
    for answer in (browser.signed_up, browser.post(
            "/v1/auth/sign-in", {"email": browser.email, "password": PASSWORD, "session": "cookie"},
            headers=SAME, status=200), browser.post("/v1/auth/refresh", headers=SAME, status=200)):
        body = answer.json()
        assert "access_token" not in body and "refresh_token" not in body
        assert len(answer.all("Set-Cookie")) >= 2
        for value in browser.jar.values():
            assert value.encode() not in answer.body
    assert set(browser.signed_up.json()["user"]) == {"id", "email", "name", "created_at", "settings"}
    assert browser.get("/v1/me", status=200).json()["email"] == browser.email


@pytest.mark.parametrize("host, protected", [
    ("localhost", True), ("127.0.0.1", True), ("[::1]", True), ("localhost:8080", True),
    ("lists.example.org", False), ("192.0.2.1:8080", False), ("localhost.example.org", False),
    ("127.0.0.1.example.org", False), ("notlocalhost", False),
])
def test_names_and_attributes_by_host(server, host, protected):
    browser = sign_up_by_cookie(server.address, host)
    assert len(browser.last) >= 2
    for line in browser.last:
        assert line.startswith("__Host-") == protected, line
        assert ("secure" in line.lower().replace(" ", "").split(";")[1:]) == protected, line
    browser.get("/v1/me", status=200)


def test_only_who_asks_gets_cookies(anonymous):
    body = {"email": new_email(), "password": PASSWORD, "name": "A"}
    assert anonymous.post("/v1/auth/sign-up", body, status=201).all("Set-Cookie") == []


def origin(server):
    return f"http://127.0.0.1:{server.port}"


def cross_site_matrix(server):
    own = origin(server)
    return [
        (True, {"Sec-Fetch-Site": "same-origin"}), (True, {"Origin": own}),
        (True, {"Sec-Fetch-Site": "same-origin", "Origin": own}),
        (False, {}), (False, {"Sec-Fetch-Site": "cross-site"}), (False, {"Sec-Fetch-Site": "same-site"}),
        (False, {"Sec-Fetch-Site": "none"}), (False, {"Sec-Fetch-Site": ""}),
        (False, {"Origin": "null"}), (False, {"Origin": ""}), (False, {"Origin": "http://evil.example"}),
        (False, {"Origin": own + ".evil.example"}), (False, {"Origin": own + "1"}), (False, {"Origin": own + "/"}),
        (False, {"Origin": own.replace("http:", "https:")}), (False, {"Origin": "http://127.0.0.1"}),
        (False, {"Origin": own.replace("127.0.0.1", "127.0.0.2")}), (False, {"Referer": own + "/"}),
        (False, {"Sec-Fetch-Site": "cross-site", "Origin": "http://evil.example"}),
        (False, {"Sec-Fetch-Mode": "same-origin"}), (False, {"X-Requested-With": "XMLHttpRequest"}),
    ]


def test_an_unsafe_request_by_cookie_must_come_from_the_own_pages(server, browser):
    a_list = browser.post("/v1/lists", {"title": "a"}, headers=SAME, status=201).json()["id"]
    for allowed, headers in cross_site_matrix(server):
        calls = [("POST", "/v1/lists", {"json": {"title": "b"}}),
                 ("PATCH", f"/v1/lists/{a_list}", {"json": {"title": "c"}}),
                 ("PUT", f"/v1/lists/{uuid7()}", {"json": {"title": "d"}}),
                 ("DELETE", f"/v1/lists/{uuid7()}", {}), ("POST", f"/v1/lists/{a_list}/restore", {}),
                 ("POST", "/v1/auth/refresh", {}), ("PATCH", "/v1/me", {"json": {}})]
        for method, target, body in calls:
            answer = browser.call(method, target, headers=headers, **body)
            if allowed:
                assert answer.status in (200, 201, 404), (headers, method, target, answer)
            else:
                problem(answer, 403, "cross_site")
        for types in ("text/plain", "application/x-www-form-urlencoded", "application/json"):  # Whatever its type.
            answer = browser.post("/v1/lists", body=b"x", type=types, headers=headers)
            assert answer.status == (403 if not allowed else 400 if types.endswith("json") else 415), answer
        browser.get(f"/v1/lists/{a_list}", headers=headers, status=200)  # Safe ones may come from anywhere.


@pytest.mark.parametrize("what", ["sign-up", "sign-in"])
def test_a_sign_in_that_asks_for_a_cookie_must_come_from_the_own_pages(server, browser, what):
    for allowed, headers in cross_site_matrix(server):
        if allowed:
            continue
        body = {"email": browser.email if what == "sign-in" else new_email(), "password": PASSWORD}
        body |= {"name": "A"} if what == "sign-up" else {}
        api = Api(server.address)
        problem(api.post(f"/v1/auth/{what}", {**body, "session": "cookie"}, headers=headers), 403, "cross_site")
    api.post(f"/v1/auth/{what}", body, headers=headers, status=(200, 201))  # Without a cookie anybody may.


def test_sign_out_and_sign_out_elsewhere_by_cookie(server, browser):
    problem(browser.post("/v1/auth/sign-out"), 403, "cross_site")
    kept = dict(browser.jar)
    browser.post("/v1/auth/sign-out", headers=SAME, status=204)
    assert browser.jar == {}
    browser.jar = kept
    eventually(lambda: browser.get("/v1/me").status == 401)
    problem(browser.post("/v1/auth/refresh", headers=SAME), 401)


def test_refresh_needs_no_body_and_changes_the_cookies(browser):
    before = dict(browser.jar)
    browser.post("/v1/auth/refresh", headers=SAME, status=200)
    assert set(browser.jar) == set(before) and browser.jar != before
    browser.get("/v1/me", status=200)
    browser.post("/v1/auth/refresh", headers=SAME, status=200)


def test_a_bearer_token_wins_over_a_cookie(browser, person):
    bearer = {"Authorization": f"Bearer {person.token}"}
    assert browser.get("/v1/me", headers=bearer, status=200).json()["id"] == person.id
    browser.post("/v1/lists", {"title": "a"}, headers=bearer, status=201)  # No cross-site rule for programs.
    problem(browser.get("/v1/me", headers={"Authorization": "Bearer x"}), 401)
    problem(browser.post("/v1/lists", {"title": "a"}, headers={"Authorization": "Bearer x", **SAME}), 401)


def test_an_access_cookie_is_no_refresh_cookie(browser):
    names = list(browser.jar)
    assert len(names) == 2
    swapped = "; ".join(f"{name}={browser.jar[other]}" for name, other in zip(names, reversed(names)))
    problem(browser.get("/v1/me", headers={"Cookie": swapped}), 401)
    problem(browser.post("/v1/auth/refresh", headers={"Cookie": swapped, **SAME}), 401)


def test_deleting_the_account_by_cookie(browser):
    problem(browser.delete("/v1/me", {"password": PASSWORD}), 403, "cross_site")
    browser.delete("/v1/me", {"password": PASSWORD}, headers=SAME, status=204)
    problem(browser.get("/v1/me"), 401)


def test_a_public_url_is_the_address_that_counts(make_server):
    public = "https://lists.example.org"
    server = make_server("--public-url", public).start()
    problem(Api(server.address).post("/v1/auth/sign-up", {
        "email": new_email(), "password": PASSWORD, "name": "A", "session": "cookie"},
        headers={"Origin": origin(server)}), 403, "cross_site")
    browser = sign_up_by_cookie(server.address, headers={"Origin": public})
    assert all(line.startswith("__Host-") and "Secure" in line for line in browser.last)
    browser.post("/v1/lists", {"title": "a"}, headers={"Origin": public}, status=201)
    browser.post("/v1/lists", {"title": "a"}, headers=SAME, status=201)
    for other in (origin(server), "http://lists.example.org", public + ".evil.example"):
        problem(browser.post("/v1/lists", {"title": "a"}, headers={"Origin": other}), 403, "cross_site")
