"""Metrics and log: there, well-formed, and without anything that is the users' own."""
import base64
import json
import re

import pytest

from client import Api, problem, sign_in, sign_up, uuid7
from engines import ON


@pytest.fixture
def busy(make_server):
    """A service that has seen one of most things; (server, secrets that it was told)."""
    server = make_server("--log-requests", "true").start()
    canary = "canary" + uuid7().replace("-", "")
    person = sign_up(server.address, password=f"pass {canary}", email=f"{canary}@example.org", name=f"name {canary}")
    a_list = person.make_list(f"title {canary}")
    item = person.add(a_list, f"text {canary}", note=f"note {canary}", labels=[f"l{canary[:40]}"])["id"]
    target = f"/v1/lists/{a_list}/items/{item}"
    person.patch(target, {"done": True}, status=200)
    person.get(f"/v1/lists/{a_list}/items?label={canary[:40]}", status=200)
    person.patch("/v1/me", {"settings": {"canary": canary}}, status=200)
    person.patch(target, {"text": f"{canary}" * 50}, status=422)
    person.post(f"/v1/lists/{a_list}/items", body=f'{{"{canary}'.encode(), status=400)
    person.post(f"/v1/lists/{a_list}/items", {"text": "a", canary: 1}, status=422)
    other = sign_in(person)
    Api(server.address).post("/v1/auth/refresh", {"refresh_token": other.refresh_token}, status=200)
    Api(server.address).post("/v1/auth/refresh", {"refresh_token": canary}, status=401)
    Api(server.address).post("/v1/auth/sign-in", {"email": person.email, "password": f"wrong {canary}"}, status=401)
    person.get("/v1/me", headers={"Authorization": f"Bearer {canary}.{canary}.{canary}"}, status=401)
    person.get("/v1/me", headers={"Cookie": f"a={canary}", "User-Agent": f"agent\n{canary}".replace("\n", " "),
                                  "X-Request-Id": canary, "traceparent": canary}, status=200)
    person.post(f"/v1/lists/{a_list}/items", {"text": "a"}, headers={"Idempotency-Key": canary}, status=201)
    person.get(f"/v1/nothing/{canary}", status=404)
    person.get(f"/v1/lists?{canary}=1", status=422)
    person.put("/v1/me/password", {"current": f"pass {canary}", "new": f"new pass {canary}"}, status=204)
    ids = [person.id, a_list, item]
    secrets = [canary, person.token, person.token.split(".")[2], person.refresh_token, other.refresh_token,
               base64.b64encode(canary.encode()).decode()[:40]]
    return server, secrets, ids


def test_no_contents_and_no_secrets_come_out(busy):
    server, secrets, ids = busy
    metrics = server.metrics_text()
    assert server.stop() == 0
    for text in (server.output(), metrics):
        for secret in secrets:
            assert secret not in text, text[max(0, text.find(secret) - 300):][:400]
    for each in ids:
        assert each not in metrics, "ids in labels would make series without bound"


def test_the_log_is_json_lines_with_request_ids(busy):
    server, _, _ = busy
    wanted = server.api().get("/v1/limits", status=200).header("X-Request-Id")
    assert server.stop() == 0
    lines = [json.loads(line) for line in server.output().splitlines()]
    for line in lines:
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", line["time"]), line
        assert line["level"] in ("debug", "info", "warn", "error") and line["event"], line
        assert line["level"] != "error", line
    requests = [line for line in lines if line.get("request_id")]
    assert wanted in [line["request_id"] for line in requests]
    assert len({line["request_id"] for line in requests}) > 20


def test_the_log_names_the_trace_that_a_request_is_part_of(make_server):
    server = make_server("--log-requests", "true").start()
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    named = server.api().get("/v1/limits", headers={"traceparent": f"00-{trace}-00f067aa0ba902b7-01"}, status=200)
    broken = server.api().get("/v1/limits", headers={"traceparent": f"ff-{trace}-00f067aa0ba902b7-01"}, status=200)
    assert server.stop() == 0
    lines = {line.get("request_id"): line for line in map(json.loads, server.output().splitlines())}
    assert lines[named.header("X-Request-Id")]["trace_id"] == trace
    assert "trace_id" not in lines[broken.header("X-Request-Id")]


def test_a_request_cannot_forge_a_log_line(make_server):
    server = make_server("--log-requests", "true").start()
    for value in ('"}\\n{"event":"forged"', "a\\u000aforged", '","event":"forged'):
        server.api().get("/v1/me", headers={"User-Agent": value, "X-Request-Id": value})
        server.api().call("GET", f"/v1/{value.replace(' ', '')}")
    assert server.stop() == 0
    for line in server.output().splitlines():
        assert json.loads(line)["event"] != "forged"


def test_request_ids_are_made_by_the_service(person):
    for sent in ("mine", "x" * 500, '"'):
        assert person.get("/v1/me", headers={"X-Request-Id": sent}, status=200).header("X-Request-Id") != sent


@pytest.mark.one_process  # Each has its own.
def test_metrics(busy):
    server, _, _ = busy
    text, values = server.metrics_text(), server.metrics()
    kinds = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.M))
    helps = dict(re.findall(r"^# HELP (\S+) (.+)$", text, re.M))
    assert kinds and set(kinds) == set(helps)
    for name in values:
        family = re.sub(r"\{.*", "", name)
        family = family if family in kinds else re.sub(r"_(bucket|sum|count)$", "", family)
        assert family in kinds, name
    assert len(values) == len([line for line in text.splitlines() if line and line[0] != "#"]), "a series stands twice"
    of_engine = {"sqlite": "writer_busy_seconds_total", "postgres": "postgres_connections"}
    for family in ("http_requests_total", "http_request_duration_seconds", f"{ON}_commit_rows",
                   f"{ON}_commit_seconds", "write_queue_wait_seconds", "event_loop_lag_seconds",
                   "list_cache_hits_total", "list_cache_misses_total", of_engine[ON], "http_connections"):
        assert family in kinds, sorted(kinds)


def requests_counted(server):
    return {name: value for name, value in server.metrics().items() if name.startswith("http_requests_total{")}


def test_requests_are_counted_by_route_and_status(own_server):
    person = own_server.person()
    a_list = person.make_list()
    before = requests_counted(own_server)
    for _ in range(5):
        person.get(f"/v1/lists/{a_list}", status=200)
    for _ in range(3):
        problem(person.get(f"/v1/lists/{uuid7()}"), 404)
    for n in range(50):  # Paths nobody has must not make series.
        person.get(f"/v1/nothing/{n}", status=404)
        person.call(f"X{n}", "/v1/lists")
    grown = {name: value - before.get(name, 0) for name, value in requests_counted(own_server).items()
             if value != before.get(name, 0)}
    of_route = {name: value for name, value in grown.items() if "GET /v1/lists/{id}\"" in name}
    assert sorted(of_route.values()) == [3, 5] or sum(of_route.values()) == 8, grown
    assert len(grown) < 10, sorted(grown)


@pytest.mark.one_process  # Each has a cache of its own.
def test_reads_of_a_hot_list_do_not_go_to_the_database(own_server):
    person = own_server.person()
    a_list = person.make_list()
    person.get(f"/v1/lists/{a_list}", status=200)
    before = own_server.metrics()
    for _ in range(100):
        person.get(f"/v1/lists/{a_list}", status=200)
    after = own_server.metrics()
    assert after["list_cache_misses_total"] == before["list_cache_misses_total"]
    assert after["list_cache_hits_total"] - before["list_cache_hits_total"] >= 100


def test_deep_health(own_server):
    Api(("127.0.0.1", own_server.metrics_port)).get("/healthz/deep", status=200)
    problem(own_server.api().get("/metrics"), 404)
    problem(own_server.api().get("/healthz/deep"), 404)
