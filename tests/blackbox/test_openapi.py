"""docs/api/openapi.yaml: valid, served as it is written, and true of the running service."""
import json
import os
import subprocess
import sys

import pytest
import yaml
from openapi_spec_validator import validate

from client import is_long, sign_up
from server import ROOT, routes, shape

YAML = ROOT / "docs" / "api" / "openapi.yaml"
METHODS = {"get", "post", "put", "patch", "delete"}


@pytest.fixture(scope="module")
def document():
    sys.path.insert(0, str(ROOT / "tools"))
    try:
        import openapi_to_json
    finally:
        sys.path.pop(0)
    return openapi_to_json.load()


def test_it_is_valid_openapi(document):
    validate(document)
    assert document["openapi"].startswith("3.1.")


def test_the_json_in_the_tree_is_up_to_date():
    made = subprocess.run([sys.executable, "-c", "import openapi_to_json, sys; sys.stdout.write(openapi_to_json.to_json())"],
                          cwd=ROOT / "tools", capture_output=True, check=True,
                          env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}).stdout
    assert made == (ROOT / "docs" / "api" / "openapi.json").read_bytes(), "run tools/openapi_to_json.py"
    assert yaml.safe_load(YAML.read_text(encoding="utf-8")) == json.loads(made)


def test_it_is_served(anonymous, document):
    answer = anonymous.get("/openapi.json", status=200)
    assert answer.header("Content-Type").split(";")[0] == "application/json"
    assert answer.json() == document


def test_every_route_is_in_it_and_nothing_else(document):
    written = {f"{method.upper()} {shape(path)}" for path, item in document["paths"].items()
               for method in item if method in METHODS}
    assert written == {f"{route['method']} {shape(route['pattern'])}" for route in routes()}


def test_every_operation_is_whole(document):
    ids = set()
    for path, item in document["paths"].items():
        for method in METHODS & set(item):
            operation = item[method]
            where = f"{method} {path}"
            assert operation["operationId"] not in ids, where
            ids.add(operation["operationId"])
            assert operation["summary"] and operation["tags"], where
            statuses = set(operation["responses"])
            assert any(status.startswith("2") for status in statuses), where
            assert {"400", "422", "503"} <= statuses, where
            if operation.get("security") != []:
                assert "401" in statuses, where
            if method != "get":
                assert {"413", "415"} <= statuses, where
            if "{id}" in path:
                assert method == "put" or "404" in statuses, where


def test_requests_name_all_they_take(document):
    """Unknown fields are refused, so each schema of a body must say that it has no others."""
    for path, item in document["paths"].items():
        for method in METHODS & set(item):
            body = item[method].get("requestBody", {})
            body = document["components"]["requestBodies"]["Nothing"] if "$ref" in body else body
            for media in body.get("content", {}).values():
                name = media["schema"]["$ref"].rsplit("/", 1)[1]
                assert document["components"]["schemas"][name]["additionalProperties"] is False, (method, path)


@pytest.mark.timeout(900)
def test_the_service_does_what_it_says(make_server, tmp_path):
    """schemathesis, bounded and seeded: no 5xx, no undocumented status, type or form, and bad data is
    refused. On a service of its own, without what would end its session.
    """
    server = make_server().start()
    person = sign_up(server.address)
    a_list = person.make_list()
    person.add(a_list)
    report = tmp_path / "report.xml"
    command = [
        sys.executable, "-c", "from schemathesis.cli import schemathesis; schemathesis()",
        "--config-file", str(ROOT / "tests" / "blackbox" / "schemathesis.toml"), "run", str(YAML),
        "--url", server.url, "-H", f"Authorization: Bearer {person.token}", "--seed", "1", "--workers", "1",
        "--max-examples", "100" if is_long() else "8", "--request-timeout", "20",
        "--phases", "examples,coverage,fuzzing",
        "--exclude-operation-id", "signOut", "--exclude-operation-id", "deleteMe",
        "--exclude-operation-id", "endSession",  # It learns ids from answers, and would end its own.
        "--report", "junit", "--report-junit-path", str(report),
    ]
    hooks = {"SCHEMATHESIS_HOOKS": str(ROOT / "tests" / "blackbox" / "schemathesis_hooks.py")}
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=850, check=False,
                         env=os.environ | hooks)
    assert ran.returncode == 0, ran.stdout[-12000:] + ran.stderr[-3000:]
    person.get("/v1/me", status=200)
    assert server.is_running()
