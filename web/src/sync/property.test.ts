// @vitest-environment node
import { describe, expect, test } from "vitest";
import { advance, apply, unapply, viewAt } from "./apply";
import { decide, resultOf, type Decision, type Intent } from "./decide";
import { ITEM_FIELDS, NOTHING, viewOf, type ListState, type View } from "./state";
import { below, idOf, oneOf, randomOf, timeOf, type Random } from "./testing";
import type { Change, Id, OpFields } from "./types";

const SEEDS = Array.from({ length: 40 }, (_, n) => n + 1);
const OPS = 80;
const LIST = idOf("9", 1);
const OTHER = idOf("9", 2);
const USERS = [idOf("a", 1), idOf("a", 2)];
const STORES = [idOf("c", 1), idOf("c", 2), null];

/** Random ops, of sync and single, on two lists, each change told to `told`. */
class Walk {
  private n = 0;
  readonly lists = new Map<Id, ListState>();

  constructor(
    private readonly random: Random,
    private readonly told: (before: ListState | null, decision: Decision, intent: Intent) => void,
  ) {
    for (const list_id of [LIST, OTHER]) {
      this.run({ list_id, kind: "create-list", fields: { title: "t" } }, USERS[0]!);
      const state = this.lists.get(list_id)!;
      this.lists.set(list_id, {
        ...state,
        members: new Map(state.members).set(USERS[1]!, "owner"),
      });
    }
  }

  private any = <T>(from: readonly T[]): T => oneOf(this.random, from);

  step(): void {
    const state = this.lists.get(LIST)!;
    const items = [...state.order, this.any(state.order.length ? state.order : [idOf("b", 0)])];
    const item_id = this.any(items);
    const base = { list_id: LIST, item_id };
    const neighbour = this.any([...items, null, idOf("b", 999_999)]);
    const place: OpFields = this.any([{ after: neighbour }, { before: neighbour }]);
    const parent_id = this.any([...items, null]);
    const shares: (() => Omit<Intent, "op_id" | "actor_id" | "client_id">)[] = [
      () => ({ ...base, item_id: idOf("b", ++this.n), kind: "add", fields: { text: `${this.n}` } }),
      () => ({
        ...base,
        item_id: idOf("b", ++this.n),
        kind: "add",
        fields: { text: `${this.n}`, parent_id, ...place },
      }),
      () => ({ ...base, kind: "set", fields: { done: this.random() < 0.7 } }),
      () => ({ ...base, kind: "set", fields: { text: `${++this.n}`, parent_id } }),
      () => ({ ...base, kind: "set", fields: { due: this.any([null, { date: "2026-02-03" }]) } }),
      () => ({ ...base, kind: "move", fields: place }),
      () => ({ ...base, kind: "move", fields: place }),
      () => ({ ...base, kind: "remove" }),
      () => ({ ...base, kind: "restore" }),
      () => ({ list_id: LIST, kind: this.random() < 0.3 ? "clear-done" : "restore-list" }),
      () => ({ list_id: LIST, kind: "set-list", fields: { title: `${++this.n}` } }),
      () => ({ ...base, kind: "transfer", fields: { to_list: OTHER } }),
      () => ({ ...base, kind: "transfer", list_id: OTHER, fields: { to_list: LIST, ...place } }),
      () => ({
        list_id: LIST,
        kind: "revert",
        fields: { revert_op: this.any(state.log.slice(-8)).op_id },
      }),
      () => ({
        list_id: LIST,
        kind: "revert",
        fields: { to_revision: Math.max(1, state.revision - below(this.random, 6)) },
      }),
    ];
    const op = this.any(shares)();
    const revision = this.lists.get(op.list_id)!.revision;
    const isSync = this.random() < 0.7;
    const seen = Math.max(0, revision - below(this.random, 5));
    this.run({ ...op, ...(isSync ? { base_revision: seen } : {}) }, this.any(USERS));
  }

  private run(op: Omit<Intent, "op_id" | "actor_id" | "client_id">, actor_id: Id): void {
    const before = this.lists.get(op.list_id) ?? null;
    const op_id = idOf("d", ++this.n);
    const intent: Intent = { ...op, op_id, actor_id, client_id: this.any(STORES) };
    const to = op.fields?.to_list;
    const target = to === undefined ? null : this.lists.get(to)!;
    const held = JSON.stringify([before, target].map(known));
    const outcome = decide(before, intent, { now: timeOf(++this.n * 1000), epoch: 0, target });
    expect(JSON.stringify([before, target].map(known))).toBe(held);
    if (outcome.refused !== undefined || !outcome.change) return;
    if (to !== undefined && outcome.other) this.lists.set(to, outcome.other.state);
    this.lists.set(op.list_id, outcome.state!);
    this.told(before, outcome, intent);
    if (outcome.other) {
      this.told(target, { ...outcome, ...outcome.other, other: undefined }, intent);
    }
  }
}

type Step = Parameters<ConstructorParameters<typeof Walk>[1]>;
const walks = new Map<number, { steps: Step[]; lists: Map<Id, ListState> }>();

function walk(seed: number, told: (...step: Step) => void): { lists: Map<Id, ListState> } {
  let walked = walks.get(seed);
  if (!walked) {
    const steps: Step[] = [];
    const made = new Walk(randomOf(seed), (...step) => steps.push(step));
    for (let n = 0; n < OPS; n++) made.step();
    walked = { steps, lists: made.lists };
    walks.set(seed, walked);
  }
  for (const step of walked.steps) told(...step);
  return walked;
}

/** What a list is, without its log. */
const known = (state: ListState | null) =>
  state && [state.list, [...state.items], state.order, [...state.gone], [...state.trashedBy]];

const idsOf = (view: View | null): Id[] => view?.items.map((item) => item.id) ?? [];

function untouched(view: View | null, change: Change): View | null {
  const touched = new Set(change.effects.map((effect) => effect.id));
  const items = view?.items.map((item) =>
    touched.has(item.id) ? { ...item, revision: 0, updated_at: null } : item,
  );
  return view && { ...view, items: items! };
}

describe.each(SEEDS)("walk %i", (seed) => {
  test("a change leads from the view before it to the view after it, and back", () => {
    let changes = 0;
    walk(seed, (before, { change, state }) => {
      const was = before && viewOf(before);
      const now = viewOf(state!);
      expect(apply(was, change!)).toEqual(now);
      expect(unapply(now, change!, was ?? NOTHING)).toEqual(untouched(was, change!));
      changes++;
    });
    expect(changes).toBeGreaterThan(OPS / 4);
  });

  test("only what a change names has moved or changed", () => {
    walk(seed, (before, { change, state }) => {
      const was = before && viewOf(before);
      const now = viewOf(state!);
      const items = change!.effects.filter((effect) => effect.entity === "item");
      const placed = new Set(
        items.filter((e) => e.after !== undefined || e.was_after !== undefined).map((e) => e.id),
      );
      const stay = (view: View | null) => idsOf(view).filter((id) => !placed.has(id));
      expect(stay(now)).toEqual(stay(was));
      const named = new Set(items.map((effect) => effect.id));
      const old = new Map(was?.items.map((item) => [item.id, item]));
      for (const item of now.items) if (!named.has(item.id)) expect(item).toBe(old.get(item.id));
    });
  });

  test("parents are live and have none themselves", () => {
    walk(seed, (_, { state }) => {
      const tops = new Set(
        viewOf(state!)
          .items.filter((item) => item.parent_id === null)
          .map((item) => item.id),
      );
      for (const { parent_id } of viewOf(state!).items) {
        expect(parent_id === null || tops.has(parent_id)).toBe(true);
      }
    });
  });

  test("what comes back stands where it stood among those that stayed", () => {
    const left = new Map<Id, Id[]>();
    const moved = new Map<Id, Set<Id>>();
    walk(seed, (before, { change, state }, { kind, list_id }) => {
      if (list_id !== LIST || state!.id !== LIST) return;
      const was = before ? idsOf(viewOf(before)) : [];
      const now = idsOf(viewOf(state!));
      for (const effect of change!.effects) {
        if (effect.after !== undefined) for (const each of moved.values()) each.add(effect.id);
        if (effect.was_after !== undefined && effect.after === undefined) {
          left.set(effect.id, was);
          moved.set(effect.id, new Set());
        }
      }
      const named = new Set(change!.effects.map((effect) => effect.id));
      for (const { id } of kind === "restore" ? change!.effects : []) {
        const then = left.get(id)!;
        for (const other of then) {
          if (!now.includes(other) || moved.get(id)!.has(other) || named.has(other)) continue;
          expect(now.indexOf(other) < now.indexOf(id)).toBe(then.indexOf(other) < then.indexOf(id));
        }
      }
    });
  });

  test("a move puts it beside its live neighbour", () => {
    walk(seed, (_, { change, state }, { kind, fields, item_id }) => {
      if (kind !== "move" || !change!.effects.length) return;
      const now = idsOf(viewOf(state!));
      const at = now.indexOf(item_id!);
      const { after, before } = fields!;
      if (after === null) expect(at).toBe(0);
      else if (before === null) expect(at).toBe(now.length - 1);
      else if (after && now.includes(after)) expect(now[at - 1]).toBe(after);
      else if (before && now.includes(before)) expect(now[at + 1]).toBe(before);
    });
  });

  test("what others set since is never run over, and what loses is told", () => {
    walk(seed, (before, { change, status, told }, intent) => {
      if (intent.kind !== "set" || intent.base_revision === undefined) return;
      const since = before!.log.filter(
        (each) =>
          each.revision > intent.base_revision! &&
          !(each.actor_id === intent.actor_id && each.client_id === intent.client_id),
      );
      const theirs = new Set<string>();
      for (const effect of since.flatMap((each) => each.effects)) {
        if (effect.id !== intent.item_id) continue;
        const { set, previous } = effect;
        const isWhole = set === null || previous === null;
        for (const field of isWhole ? ITEM_FIELDS : Object.keys(set)) {
          if (isWhole || field in previous) theirs.add(field);
        }
      }
      for (const field of Object.keys(change!.effects[0]?.set ?? {})) {
        if (field !== "done_at") expect(theirs.has(field)).toBe(false);
      }
      expect(status === "overridden").toBe(told !== undefined);
      expect(Object.keys(change!.overridden ?? {})).toEqual(Object.keys(told ?? {}));
    });
  });

  test("the repeat of an op gets the first result, another op with its id is refused", () => {
    walk(seed, (_, decision, intent) => {
      if (intent.base_revision === undefined || decision.state!.id !== intent.list_id) return;
      const context = { now: timeOf(0), epoch: 5 };
      const again = decide(decision.state, intent, context);
      expect(resultOf(again)).toEqual(resultOf(decision));
      const other = { ...intent, base_revision: intent.base_revision + 1 };
      expect(decide(decision.state, other, context)).toMatchObject({ refused: "op_id_reused" });
    });
  });

  test("the log from nothing gives each view that was, in steps and at once, and backwards", () => {
    const views = new Map<number, View>();
    const { lists } = walk(seed, (_, { state }) => {
      if (state!.id === LIST) views.set(state!.revision, viewOf(state!));
    });
    const state = lists.get(LIST)!;
    let view: View | null = null;
    for (const change of state.log) {
      view = apply(view, change);
      // Members were set by hand, without a change.
      expect({ ...view, members: [] }).toEqual({ ...views.get(change.revision), members: [] });
      const was = viewAt(state, change.revision)!;
      expect(idsOf(was)).toEqual(idsOf(view));
      expect(was.items.map((item) => item.text)).toEqual(view.items.map((item) => item.text));
    }
    const known = advance(null, state.log, LIST)!;
    expect({ ...viewOf(known), members: [] }).toEqual({ ...viewOf(state), members: [] });
    const trash = (of: ListState) =>
      [...of.items.values()].filter((item) => item.deleted_at !== null).map((item) => item.id);
    expect(trash(known).sort()).toEqual(trash(state).sort());
    expect([...known.gone.keys()].sort()).toEqual([...state.gone.keys()].sort());
    expect([...known.trashedBy].sort()).toEqual([...state.trashedBy].sort());
  });
});
