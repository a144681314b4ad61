"""Shares by address: what a trusted proxy says in `X-Forwarded-For` counts. Private services: the
shares of an address would be used up for other tests.
"""
import concurrent.futures

import pytest

from client import PASSWORD, is_long, new_email, problem, sign_up

pytestmark = pytest.mark.one_process  # Each counts failed sign-ins, and sign-ups, for itself.

@pytest.fixture
def proxied(make_server):
    """A service that believes its proxy on 127.0.0.1."""
    return make_server("--trusted-proxies", "127.0.0.1").start()


def at(address):
    return {"X-Forwarded-For": address}


def sign_in_from(api, email, address, password="wrong " + PASSWORD):
    return api.post("/v1/auth/sign-in", {"email": email, "password": password}, headers=at(address))


def all_at_once(calls):
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        return list(pool.map(lambda call: call(), calls))


def test_addresses_are_counted_apart(proxied):
    someone, api = sign_up(proxied.address, headers=at("192.0.2.1")), proxied.api()
    for _ in range(10):
        problem(sign_in_from(api, someone.email, "192.0.2.1"), 401)
    problem(sign_in_from(api, someone.email, "192.0.2.1", PASSWORD), 429)
    assert sign_in_from(api, someone.email, "192.0.2.2", PASSWORD).status == 200
    assert sign_in_from(api, someone.email, "2001:db8::1", PASSWORD).status == 200


def test_what_the_client_itself_puts_before_the_proxys_word_is_not_believed(proxied):
    someone, api = sign_up(proxied.address, headers=at("192.0.2.1")), proxied.api()
    for n in range(10):
        problem(sign_in_from(api, someone.email, f"203.0.113.{n}, 192.0.2.1"), 401)
    problem(sign_in_from(api, someone.email, "203.0.113.99, 192.0.2.1", PASSWORD), 429)


def test_100_failures_over_new_addresses_spare_the_known_one(proxied):
    someone, api = sign_up(proxied.address, headers=at("192.0.2.1")), proxied.api()
    assert sign_in_from(api, someone.email, "192.0.2.1", PASSWORD).status == 200
    answers = all_at_once([lambda n=n: sign_in_from(api, someone.email, f"203.0.113.{n}") for n in range(100)])
    assert {answer.status for answer in answers} == {401}
    problem(sign_in_from(api, someone.email, "198.51.100.1"), 429)
    problem(sign_in_from(api, someone.email, "198.51.100.2", PASSWORD), 429)
    assert sign_in_from(api, someone.email, "192.0.2.1", PASSWORD).status == 200


def test_300_failures_are_the_share_of_an_address(proxied):
    someone, api = sign_up(proxied.address, headers=at("192.0.2.1")), proxied.api()
    answers = all_at_once([lambda: sign_in_from(api, new_email(), "203.0.113.7") for _ in range(300)])
    assert {answer.status for answer in answers} == {401}
    problem(sign_in_from(api, new_email(), "203.0.113.7"), 429)
    problem(sign_in_from(api, someone.email, "203.0.113.7", PASSWORD), 429)
    assert sign_in_from(api, someone.email, "203.0.113.8", PASSWORD).status == 200


def test_300_sign_ups_an_hour_are_the_share_of_an_address(proxied):
    """Refused ones cost nothing to make; whether they count is not promised, so only made ones do."""
    api = proxied.api()

    def make(address):
        body = {"email": new_email(), "password": PASSWORD, "name": "A"}
        return api.post("/v1/auth/sign-up", body, headers=at(address))

    count = 300
    answers = all_at_once([lambda: make("203.0.113.7")] * count)
    assert {answer.status for answer in answers} == {201}
    problem(make("203.0.113.7"), 429)
    assert make("203.0.113.8").status == 201


def test_loopback_is_exempt_from_the_shares_of_an_address(own_server):
    """The full count in `long`."""
    api = own_server.api()
    count = 301 if is_long() else 31
    answers = all_at_once([lambda: sign_in_from(api, new_email(), "203.0.113.7")] * count)
    assert {answer.status for answer in answers} == {401}
    assert sign_up(own_server.address).id
