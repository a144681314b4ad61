// @vitest-environment node
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { apply, Misfit, unapply } from "./apply";
import { decide, digestOf, type Intent, type Outcome } from "./decide";
import { FRESH, NOTHING, type Done, type Gone, type ListState, type View } from "./state";
import type { Change, Effect, Id, Item, Kept, Member, Result, Time } from "./types";

// The tables that every program that holds lists must agree on; tests/vectors/README.md has their form.

type VectorItem = Partial<Item> & {
  id: Id;
  trashed_by?: number;
  gone?: "moved" | "purged";
  moved_to?: Id;
};

interface VectorList {
  id: Id;
  creator_id: Id;
  title: string;
  archived: boolean;
  revision: number;
  created_at: Time;
  updated_at: Time;
  deleted_at: Time | null;
  members: Member[];
  items: VectorItem[];
}

type VectorOp = Omit<Intent, "client_id"> & { client_id?: Id | null };

interface Given {
  list: VectorList | null;
  fill?: { live: number; trashed: number };
  log?: Change[];
  cut?: { revision: number; at: Time | null };
  done?: { op: VectorOp; result: Result }[];
}

interface Expected extends Partial<Result> {
  refused?: string;
  errors?: object[];
  repeated?: true;
  first?: true;
  cleared?: number;
  at?: Time;
  effects?: Effect[];
  order?: Id[];
  overridden?: object;
  kept?: Kept[];
  other?: { revision: number; at: Time; effects: Effect[]; order?: Id[] };
}

interface DecideCase extends Given {
  name: string;
  now: Time;
  epoch: number;
  op: VectorOp;
  target?: Given;
  /** Lists that the caller sees, for `to_list` of an item that was moved. */
  sees?: Id[];
  expect: Expected;
}

interface ApplyCase {
  name: string;
  before: View | null;
  change: Change;
  after?: View | null;
  back?: View | null;
  misfit?: true;
}

function table<Case>(name: string): Case[] {
  const path = fileURLToPath(new URL(`../../../tests/vectors/${name}`, import.meta.url));
  return JSON.parse(readFileSync(path, "utf8")) as Case[];
}

const FILLED = 100_000;

function filled({ live, trashed }: { live: number; trashed: number }, owner: Id): VectorItem[] {
  return Array.from({ length: live + trashed }, (_, n) => ({
    id: `00000000-0000-7000-8000-${(FILLED + n).toString(16).padStart(12, "0")}`,
    text: "x",
    created_by: owner,
    ...(n < live ? {} : { deleted_at: "2026-01-01T00:00:00.000Z" }),
  }));
}

function intentOf({ client_id, ...op }: VectorOp): Intent {
  return { ...op, client_id: client_id ?? null };
}

function stateOf({ list, fill, log, cut, done }: Given): ListState | null {
  if (!list) return null;
  const items = new Map<Id, Item>();
  const gone = new Map<Id, Gone>();
  const trashedBy = new Map<Id, number>();
  const order: Id[] = [];
  for (const each of [...list.items, ...(fill ? filled(fill, list.creator_id) : [])]) {
    const { trashed_by, gone: how, moved_to, ...fields } = each;
    order.push(each.id);
    if (how) gone.set(each.id, { how, ...(moved_to ? { to: moved_to } : {}) });
    else items.set(each.id, { ...FRESH, revision: 0, updated_at: null, ...fields });
    if (trashed_by !== undefined) trashedBy.set(each.id, trashed_by);
  }
  const { id, creator_id, revision, updated_at } = list;
  const { title, archived, created_at, deleted_at } = list;
  const first = log?.[0]?.revision;
  return {
    id,
    creator_id,
    revision,
    updated_at,
    list: { title, archived, created_at, deleted_at },
    members: new Map(list.members.map((member) => [member.user_id, member.role])),
    items,
    order,
    gone,
    trashedBy,
    log: log ?? [],
    cut: cut ?? { revision: first === undefined ? 0 : first - 1, at: null },
    ops: new Map(
      (done ?? []).map(({ op, result }): [Id, Done] => [
        op.op_id,
        { digest: digestOf(intentOf({ ...op, list_id: op.list_id ?? id })), result },
      ]),
    ),
  };
}

/** What an outcome is, in the words of the table. */
function told(outcome: Outcome, expected: Expected): Expected {
  if (outcome.refused !== undefined) {
    const { refused, errors, told: fields } = outcome;
    return {
      refused,
      ...(errors ? { errors: errors.map(named) } : {}),
      ...(fields ? { fields } : {}),
    };
  }
  if (outcome.first) return { ...outcome.first, first: true };
  const { status, code, told: fields, repeated, cleared, change, state, other } = outcome;
  return {
    status,
    ...(code === undefined ? {} : { code }),
    ...(fields ? { fields } : {}),
    ...(repeated ? { repeated } : {}),
    ...(cleared === undefined ? {} : { cleared }),
    effects: [],
    ...(change ? pick(change, ["revision", "at", "effects", "overridden", "kept"]) : {}),
    ...(change && expected.order ? { order: [...state!.order] } : {}),
    ...(other
      ? {
          other: {
            ...pick(other.change, ["revision", "at", "effects"]),
            ...(expected.other?.order ? { order: [...other.state.order] } : {}),
          },
        }
      : {}),
  } as Expected;
}

const named = ({ pointer, code }: { pointer: string; code: string }) => ({ pointer, code });

function pick<Whole extends object>(whole: Whole, keys: (keyof Whole)[]): Partial<Whole> {
  const there = keys.filter((key) => whole[key] !== undefined);
  return Object.fromEntries(there.map((key) => [key, whole[key]])) as Partial<Whole>;
}

function check({ now, epoch, op, target, sees, expect: expected, ...given }: DecideCase): void {
  const state = stateOf(given);
  const before = given.fill ? state : structuredClone(state); // Copies of so many take long.
  const outcome = decide(state, intentOf(op), {
    now,
    epoch,
    target: target ? stateOf(target) : null,
    sees: (list) => sees?.includes(list) ?? false,
  });
  expect(told(outcome, expected)).toEqual(expected);
  if (outcome.refused === undefined && outcome.change) {
    const { kind, op_id, actor_id, status } = outcome.change;
    expect({ kind, op_id, actor_id, status }).toEqual({
      kind: op.kind,
      op_id: op.op_id,
      actor_id: op.actor_id,
      status: expected.status,
    });
  }
  if (!given.fill) expect(state).toEqual(before);
}

describe("decide", () => {
  test.each(table<DecideCase>("decide.json"))("$name", check);
});

// Cases that tests/sim/differential.py makes, one a line: SYNC_CASES=FILE vitest run src/sync/vectors
const histories = process.env.SYNC_CASES ? readFileSync(process.env.SYNC_CASES, "utf8") : "";
if (histories) {
  test("decide, in random histories", { timeout: 600_000 }, () => {
    const bad: string[] = [];
    for (const line of histories.trim().split("\n")) {
      const given = JSON.parse(line) as DecideCase;
      try {
        check(given);
      } catch (error) {
        bad.push(`${given.name} ${JSON.stringify(given.op)}: ${String(error)}`);
      }
    }
    expect(bad.slice(0, 5), `${bad.length} of them`).toEqual([]);
  });
}

/** Items that a change names are without what it does not tell of them. */
function withoutTouched(view: View | null, change: Change): View | null {
  const touched = new Set(change.effects.filter((e) => e.entity === "item").map((e) => e.id));
  return (
    view && {
      ...view,
      items: view.items.map((item) =>
        touched.has(item.id) ? { ...item, revision: 0, updated_at: null } : item,
      ),
    }
  );
}

describe("apply", () => {
  test.each(table<ApplyCase>("apply.json"))("$name", ({ before, change, after, back, misfit }) => {
    if (misfit) {
      expect(() => apply(before, change)).toThrow(Misfit);
      return;
    }
    const held = structuredClone(before);
    const then = apply(before, change);
    expect(then).toEqual(after);
    const undone = unapply(then, change, before ?? NOTHING);
    expect(withoutTouched(undone, change)).toEqual(back ?? withoutTouched(before, change));
    expect(before).toEqual(held);
    expect(then).toEqual(after);
  });
});
