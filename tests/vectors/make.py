#!/usr/bin/env python3
"""Makes decide.json and apply.json, or checks them: tests/vectors/make.py [--check] [FOLDER].

The cases and what they come to are written by hand in cases.py; model.py works out the effects and must agree.
Output depends on nothing but these files.
"""
import json
import pathlib
import sys

sys.dont_write_bytecode = True

import cases  # noqa: E402
import model  # noqa: E402
import pair_cases  # noqa: E402
import sync_cases  # noqa: E402


def outcome(result):
    """As cases.py writes it: first? status code?"""
    if result.get("repeated"):
        return "repeated"
    return " ".join([*(["first"] if result.get("first") else []), result["status"],
                     *([result["code"]] if "code" in result else [])])


def live(lst):
    return "".join(cases.letter(x["id"]) for x in lst["items"] if model.is_live(x))


def kin(lst):
    """Live children and their parents: `B<A C<A`."""
    return " ".join(f"{cases.letter(x['id'])}<{cases.letter(x['parent_id'])}" for x in lst["items"]
                    if model.is_live(x) and x.get("parent_id"))


def does(effects):
    """Effects in short: `N*A` made after A (^: first), `A+B` comes back after B, `A-` to trash, `A!` gone for good,
    `A>B` moves after B, `A:done,done_at` changes fields; L is the list."""
    def one(e):
        x = {"list": "L", "item": cases.letter(e["id"]), "member": "M"}[e["entity"]]
        where = cases.letter(e["after"]) if e.get("after") else "^"
        fields = sorted(model.changed(e) - {"deleted_at"}) if e["set"] is not None and e["previous"] is not None else []
        word = "!" if e["set"] is None else "*" if e["previous"] is None else ">" if "after" in e and "was_after" in e \
            else "+" if "after" in e else "-" if "was_after" in e else ""
        return x + word + (where if word in ("*", "+", ">") and e["entity"] == "item" else "") + (
            ":" + ",".join(fields) if fields else "")
    return " ".join(map(one, effects))


def kept(result):
    """What a revert left alone, in short: `A text,note; B place; C`."""
    return "; ".join(" ".join(["L" if x["entity"] == "list" else cases.letter(x["id"]), *(
        [",".join(x["fields"])] if "fields" in x else [])]) for x in result.get("kept", ()))


def decided(name, given, op, expect, order=None, *, now=cases.NOW, epoch=0, fill=None, target=None, **by_hand):
    """One case of decide.json; what was expected by hand must be what the model says."""
    past = given.known(op) if isinstance(given, cases.Past) else {}
    given = given.list if isinstance(given, cases.Past) else given
    assert all(set(m) == {"user_id", "role"} for m in (given or {}).get("members", ())), name
    lst = cases.filled(given, fill)
    there_now = target and {**target, "list": target["list"] and cases.filled(target["list"], target.get("fill"))}
    case = {"name": name, "now": now, "epoch": epoch, "list": cases.slim(given), **({"fill": fill} if fill else {}),
            **past, **({"target": {**target, "list": cases.slim(target["list"])}} if target else {}), "op": op}
    try:
        result, after, there = model.decide(lst, op, now, epoch, past, there_now)
    except model.Refused as no:
        found, expected = [no.code, *(f"{e['pointer']} {e['code']}" for e in no.errors)], expect.split("; ")
        assert found == expected, f"{name}: {found}, expected {expected}"
        return {**case, "expect": {"refused": no.code, **({"errors": no.errors} if no.errors else {})}}
    assert outcome(result) == expect, f"{name}: {outcome(result)}, expected {expect}"
    found = {"does": does(result.get("effects", ())), "kept": kept(result), "told": result.get("fields", {}),
             "there": live(there) if there else None, "kin": kin(there or after or lst) if after or lst else None,
             "sets": result["effects"][-1]["set"] if result.get("effects") else None,
             "order": live(after or lst) if after or lst else None}
    expected = {"kept": "", "told": {}, **by_hand, **({"order": order} if order is not None else {})}
    for key, value in expected.items():
        if not result.get("first") and value is not ...:
            assert found[key] == value, f"{name}: {key} {found[key]!r}, expected {value!r}"
    check_log(name, lst, op, result, after)
    if there:
        other = model.change_of(op, result, True)
        check_log(name + ", there", there_now["list"], op, other, there)
        if target.get("fill"):
            del result["other"]["order"]
    if after and not fill:
        result = {**result, "order": [x["id"] for x in after["items"]]}
    return {**case, "expect": result}


def check_log(name, lst, op, result, after):
    """The effects lead from what a client holds before to what it holds after, and back."""
    if after is None:
        assert result.get("effects", []) == [], name
        return
    before, then = model.view(lst), model.view(after)
    change = {"revision": result["revision"], "at": result["at"], "effects": result["effects"]}
    assert model.same(model.apply(before, change), then), f"{name}: forwards"
    back = model.unapply(then, change, before or {})
    if op["kind"] == "purge":
        return  # What was purged is nowhere any more.
    forget = model.forget_revisions
    assert model.same(forget(back, change), forget(before, change)), f"{name}: backwards"


def applied(name, before, change, fits):
    """One case of apply.json: the view after the change, or that it does not belong to the view."""
    case = {"name": name, "before": before, "change": change}
    try:
        after = model.apply(before, change)
    except model.Misfit:
        assert not fits, f"{name}: does not fit"
        return {**case, "misfit": True}
    assert fits, f"{name}: fits"
    back = model.forget_revisions(model.unapply(after, change, before or {}), change)
    case["after"] = after
    if not model.same(back, model.forget_revisions(before, change)):
        assert change["kind"] == "purge", name  # What was purged is nowhere any more.
        case["back"] = back
    return case


def from_decided(case, there=False):
    """A case of apply.json from one of decide.json that changed something; `there`: in the other list."""
    lst, name = (case["target"]["list"], case["name"] + ", there") if there else (case["list"], case["name"])
    return applied(name, model.view(lst), model.change_of(case["op"], case["expect"], there), True)


def has_places(case):
    """Whether several effects follow each other, so that places are told as they are just then."""
    return len(case["expect"].get("effects", ())) > 1 and not (
        "fill" in case or "fill" in case.get("target", ()))


def lines(table, tight=False):
    """One case a line: a changed case is a changed line."""
    separators = (",", ":") if tight else (", ", ": ")
    return [json.dumps(case, ensure_ascii=False, separators=separators) for case in table]


def tables():
    single = [decided(*args, **more) for args, more in cases.decide_cases()]
    sync = [decided(*args, **more) for args, more in sync_cases.decide_cases()]
    pairs = [decided(*args, **more) for args, more in pair_cases.decide_cases()]
    names = [case["name"] for case in single + sync + pairs]
    assert len(names) == len(set(names)), "two cases of one name"
    apply = [from_decided(case) for case in single if case["expect"].get("revision") and "fill" not in case]
    apply += [applied(*args) for args in cases.apply_cases()]
    several = [case for case in sync if has_places(case)]
    more = [from_decided(case) for case in several]
    more += [from_decided(case, True) for case in several if "other" in case["expect"]]
    return {"decide.json": lines(single) + lines(sync + pairs, True), "apply.json": lines(apply) + lines(more, True)}


def main():
    args = [a for a in sys.argv[1:] if a != "--check"]
    folder = pathlib.Path(args[0]) if args else pathlib.Path(__file__).resolve().parent
    for name, made in tables().items():
        path, count, made = folder / name, len(made), "[\n" + ",\n".join(made) + "\n]\n"
        if "--check" in sys.argv:
            if not path.exists() or path.read_text(encoding="utf-8") != made:
                sys.exit(f"{path} is not what tests/vectors/make.py makes")
        else:
            path.write_text(made, encoding="utf-8")
        print(f"{name}: {count} cases")


if __name__ == "__main__":
    main()
