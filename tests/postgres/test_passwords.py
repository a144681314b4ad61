"""A password is changed at one process while its owner signs in with the old one at all of them."""
import pytest

from cluster import Cluster
from services import Fleet, Together, dumps, is_long

NEW = "another horse battery staple"
ROUNDS = 120 if is_long() else 12


@pytest.fixture(name="fleet", scope="module")
def fixture_fleet():
    """Each commit takes its time before it is done: what it has changed is locked and not yet seen."""
    slowly = {"commit_delay": "50000", "commit_siblings": "0"}
    with Cluster(memory=True, settings=slowly) as cluster, Fleet(cluster) as fleet:
        yield fleet


def post(service, target, body):
    return service.once("POST", target, [("Content-Type", "application/json")], dumps(body))


def sign_in_until_refused(service, body, over, made, refused):
    while not over.is_set():
        answer = post(service, "/v1/auth/sign-in", body)
        if answer.status != 200:
            refused.append(answer.status)
            break
        made.append(answer.json())


def living(fleet, session) -> list:
    """What still works of it, and where."""
    bearer, refresh = [("Authorization", f"Bearer {session['access_token']}")], session["refresh_token"]
    found = []
    for service in fleet.all:
        answers = {"access": service.once("GET", "/v1/me", bearer),
                   "refresh": post(service, "/v1/auth/refresh", {"refresh_token": refresh})}
        found += [f"{name} at {service.log_file.stem}: {answer.status}"
                  for name, answer in answers.items() if answer.status != 401]
    return found


def test_no_session_of_the_old_password_outlives_its_change(fleet):
    at_once, after = 0, 0
    for number in range(ROUNDS):
        someone, made, refused = fleet.person(), [], []
        caller, changes_at = fleet.caller(someone), fleet.all[number % 2]
        old = {"email": someone.email, "password": someone.password}
        with Together() as threads:
            for service in fleet.all * 2:
                threads.run(sign_in_until_refused, service, old, threads.over, made, refused)
            body = {"current": someone.password, "new": NEW}
            changed = caller.once("PUT", "/v1/me/password", body, service=changes_at)
            assert changed.status == 204, changed
            at_once += len(made)
        after += len(refused)
        assert set(refused) == {401}, refused
        for session in made:
            alive = living(fleet, session)
            assert not alive, f"round {number}: of the old password, after its change: {alive}"
        for service in fleet.all:  # The changer's own is all that is left.
            (left,) = caller.once("GET", "/v1/me/sessions", service=service).json()["data"]
            assert left["current"]
            assert post(service, "/v1/auth/sign-in", old).status == 401
        assert post(changes_at, "/v1/auth/sign-in", old | {"password": NEW}).status == 200
        caller.close()
    print(f"{at_once} sessions made while the password was changed, {after} refused")
    assert at_once >= ROUNDS and after >= ROUNDS, "they were not at once: this showed nothing"
