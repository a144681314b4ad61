"""Fixtures: one shared service for most tests, private ones for those that break theirs."""
import pytest

from client import Address, Api, sign_up
from members import Team
from server import Server


@pytest.fixture(autouse=True)
def process_by_marker(request):
    """For tests marked `one_process` everything goes to the first."""
    Address.to_first = request.node.get_closest_marker("one_process") is not None
    yield
    Address.to_first = False


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """The shared service. Tests must not stop it, nor depend on what others left in it."""
    started = Server(tmp_path_factory.mktemp("shared") / "data")
    try:
        yield started.start()
        assert started.is_running(), f"the service has ended: {started.tail()}"
    finally:
        started.close()


@pytest.fixture
def make_server(tmp_path):
    """Private services: `make_server(*flags)`; not started yet."""
    made = []

    def make(*arguments, name="data", **more):
        made.append(Server(tmp_path / name, *arguments, **more))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def own_server(make_server):
    """A private service, started."""
    return make_server().start()


@pytest.fixture(scope="session")
def anonymous(server):
    return Api(server.address)


@pytest.fixture(scope="session")
def person(server):
    """Somebody; the account itself stays as it is."""
    return sign_up(server.address)


@pytest.fixture(scope="session")
def stranger(server):
    """Somebody else."""
    return sign_up(server.address)


@pytest.fixture(scope="module")
def team(tmp_path_factory):
    """People in all roles, and lists that they share."""
    server = Server(tmp_path_factory.mktemp("team") / "data")
    try:
        yield Team(server.start(), 30)
    finally:
        server.close()


@pytest.fixture
def new_person(server):
    """Makes accounts that a test may spoil."""
    return lambda **more: sign_up(server.address, **more)
