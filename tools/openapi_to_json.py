"""Writes docs/api/openapi.json, which the program serves, from docs/api/openapi.yaml, which people
write. Needs PyYAML (.tools/venv), so it is run by hand; a test says when the JSON is out of date.

usage: .tools/venv/bin/python tools/openapi_to_json.py
"""
import json
import pathlib

import yaml

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "docs" / "api"


class _Loader(yaml.SafeLoader):
    """Keeps dates as they are written: JSON has no dates. Refuses a member that stands twice."""

    def construct_mapping(self, node, deep=False):
        names = [key.value for key, _ in node.value]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"openapi.yaml, line {node.start_mark.line + 1}: {twice} stand twice")
        return super().construct_mapping(node, deep)


_Loader.yaml_implicit_resolvers = {
    first: [(tag, regexp) for tag, regexp in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def load() -> dict:
    """The document, as YAML has it."""
    return yaml.load((FOLDER / "openapi.yaml").read_text(encoding="utf-8"), Loader=_Loader)


def to_json() -> str:
    """The document as one line of JSON, in the order of the YAML."""
    return json.dumps(load(), ensure_ascii=False, separators=(",", ":")) + "\n"


if __name__ == "__main__":
    (FOLDER / "openapi.json").write_text(to_json(), encoding="utf-8")
