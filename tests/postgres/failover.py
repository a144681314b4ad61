"""Servers of which another becomes the primary, and services that reach it through a proxy."""
import contextlib

from cluster import DATABASE, Cluster
from proxy import Proxy
from services import Fleet

EPOCH = 1 << 32
WAITS = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND usename = 'lists_service'"


@contextlib.contextmanager
def behind_a_proxy(count=2, reads_from=()):
    """Servers with both replicas, a proxy to the primary, services that know only the proxy; and the
    replicas that they read from.
    """
    with Cluster(replicas=True, memory=True) as cluster, \
            Proxy(("127.0.0.1", cluster.primary.port)) as proxy, \
            Fleet(cluster, count, database=cluster.url(port=proxy.port),
                  replicas=[cluster.url(node=cluster.nodes[name]) for name in reads_from]) as fleet:
        yield cluster, proxy, fleet


def way_of_the_log(cluster):
    """A proxy for a replica to follow the primary through: frozen, it gets nothing more."""
    return Proxy(("127.0.0.1", cluster.primary.port))


def lead(proxy, node):
    proxy.target = ("127.0.0.1", node.port)


def changes_of(node) -> str:
    return node.sql("SELECT count(*), max(revision) FROM changes", database=DATABASE)


def problem(answer):
    """Its status and code."""
    return answer.status, answer.json()["code"] if answer.status >= 400 else None


def is_answer(answer):
    """The answer, if it is one."""
    return None if answer is None or answer.status == 503 else answer
