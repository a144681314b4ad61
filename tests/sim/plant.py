#!/usr/bin/env python3
"""plant.py SOURCES OUT: copies of what the simulation compiles for itself, into the folder OUT.

limits/domain/limits.h: small pages of sync. limits/cache.cc: simulated time is what snapshots are fresh by. planted/*.cc: src/domain with mistakes that domain::planted_fault switches on
(Fault in basics.h numbers them). A text that does not stand in its file just once ends the build.
"""
import pathlib
import sys

DEDUPE_OFF, REPEAT_ANEW, CLIENT_CLOCK, AFTER_WRONG, REVERT_BLIND = range(1, 6)
DECLARED = ("namespace domain {\n", "namespace domain {\nextern int planted_fault;\n")
SKIP = "while (planted_fault == %d && left != nullptr && left->revision == change_.revision) left = list_.LiveBefore(*left);"

TIMES = [
    ("namespace app {\nnamespace {\n", "namespace sim {\nstd::int64_t SteadyNow();\n}\n\nnamespace app {\nnamespace {\n"),
    ("  return std::chrono::steady_clock::now().time_since_epoch();\n", "  return VerifiedAt(sim::SteadyNow());\n"),
    ("""  timespec now{};
  clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
""", "  return VerifiedAt(sim::SteadyNow());\n"),
]
SMALL = {"domain/limits.h": [
    ("inline constexpr std::int64_t kSyncChangesMax = 2'000;",
     "inline std::int64_t changes_max = 2'000;\n#define kSyncChangesMax changes_max\n"),
    ("kSyncBytesMax = std::int64_t{1} << 20;", "kSyncBytesMax = std::int64_t{1} << 16;")]}
PLANTED = {
    "domain/decide.cc": [
        DECLARED,
        ("  const Logged& first = **found;\n", f"""  if (planted_fault == {DEDUPE_OFF}) return std::nullopt;
  const Logged& first = **found;
  if (planted_fault == {REPEAT_ANEW}) {{
    auto anew = std::make_shared<Logged>(first);
    anew->change.revision = list->revision;
    return Decision{{.list = list, .status = first.change.status, .first = anew}};
  }}
"""),
        ("    changes_.push_back(&change);\n",
         f"    if (planted_fault == {CLIENT_CLOCK} && change.op_id < op.op_id) continue;\n    changes_.push_back(&change);\n"),
    ],
    "domain/edit.cc": [
        DECLARED,
        ("  if (comes) effect.after = IdOrNull(list_.LiveBefore(item));\n",
         "  if (comes) {\n    const Item* left = list_.LiveBefore(item);\n    " + SKIP % AFTER_WRONG +
         "\n    effect.after = IdOrNull(left);\n  }\n"),
        ("  effect.after = IdOrNull(list_.LiveBefore(made));\n",
         "  const Item* left = list_.LiveBefore(made);\n  " + SKIP % AFTER_WRONG + "\n  effect.after = IdOrNull(left);\n"),
    ],
    "domain/decide_revert.cc": [
        DECLARED,
        ("    for (const Change* const change : span_.later) Note(*change);\n",
         f"    for (const Change* const change : span_.later) {{\n      if (planted_fault != {REVERT_BLIND}) Note(*change);\n    }}\n"),
    ],
}


def copy(source, target, replacements):
    text = source.read_text("utf-8")
    for old, new in replacements:
        if text.count(old) != 1:
            sys.exit(f"{source}: stands {text.count(old)} times, not once as plant.py has it: {old}")
        text = text.replace(old, new)
    target.parent.mkdir(parents=True, exist_ok=True)
    if not target.exists() or target.read_text("utf-8") != text:
        target.write_text(text, "utf-8")


def main(sources, out):
    copy(sources / "app/cache.cc", out / "limits/cache.cc", TIMES)
    for name, replacements in SMALL.items():
        copy(sources / name, out / "limits" / name, replacements)
    for name, replacements in PLANTED.items():
        copy(sources / name, out / "planted" / pathlib.Path(name).name, replacements)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))
