import { advance, Misfit } from "./apply";
import { FRESH, type ListState } from "./state";
import { epochOf } from "./types";
import type { Change, Effect, Entry, Id, ItemFields, WholeList } from "./types";

/** No log holds it: a list named with it is answered whole. */
export const NO_REVISION = Number.MAX_SAFE_INTEGER;

/** What is yet to be had of a list: what follows, or all of it anew. */
export type Want = "more" | "anew";

/** A list as the service has it whole. Of its trash and its past nothing is known then. */
export function stateOfWhole(whole: WholeList): ListState {
  const { id, title, archived, created_at, deleted_at, revision, updated_at } = whole;
  return {
    id,
    creator_id: null,
    revision,
    updated_at,
    list: { title, archived, created_at, deleted_at },
    members: new Map(whole.members.map((member) => [member.user_id, member.role])),
    items: new Map(whole.items.map((item) => [item.id, item])),
    order: whole.items.map((item) => item.id),
    gone: new Map(),
    trashedBy: new Map(),
    log: [],
    cut: { revision, at: updated_at },
    ops: new Map(),
  };
}

/**
 * What is held of a list after an entry of an answer, and what is still to be had. `named`: the
 * revision that the request named it with.
 */
export function afterEntry(
  held: ListState | null,
  id: Id,
  entry: Entry,
  named: number | undefined,
): { state: ListState | null; want?: Want } {
  const isMeant = named === (held?.revision ?? 0);
  if (entry.reset) {
    // One that was not asked for may be older than what is held: then it is asked for.
    const isNewer = !held || entry.revision > held.revision;
    if (!isMeant && named !== NO_REVISION && !isNewer) return { state: held, want: "more" };
    return { state: stateOfWhole(entry.list) };
  }
  const changes = following(held, entry.changes, isMeant);
  let state = held;
  try {
    if (changes.length) state = advance(held, changes, id);
  } catch (error) {
    if (!(error instanceof Misfit)) throw error;
    return { state: held, want: "anew" };
  }
  for (const { kind, item_id } of changes) {
    if (kind === "purge" && item_id !== undefined && state) state = withoutContent(state, item_id);
  }
  if (!state || state.revision < entry.revision) return { state, want: "more" };
  const isOther = epochOf(state.revision) !== epochOf(entry.revision);
  return isOther ? { state, want: "anew" } : { state };
}

/** Those of the changes that follow what is held, up to the first gap. Repeats are left out. */
function following(
  held: ListState | null,
  changes: readonly Change[],
  isMeant: boolean,
): readonly Change[] {
  const first = changes.findIndex((change) => change.revision > (held?.revision ?? 0));
  if (first < 0) return [];
  const next = changes[first]!;
  // A number of a later epoch may follow a lost one only where the service says so.
  const fits =
    isMeant ||
    next.revision === (held?.revision ?? 0) + 1 ||
    (!held && next.kind === "create-list");
  return fits ? changes.slice(first) : [];
}

/** What was purged is nowhere any more: whole rows become blank ones, parts tell nothing. */
export function withoutContent(state: ListState, item: Id): ListState {
  const bare = (fields: Partial<ItemFields> | null): Partial<ItemFields> | null => {
    if (!fields) return null;
    const { deleted_at } = fields;
    if ("created_by" in fields) return { ...FRESH, deleted_at: deleted_at ?? null, purged: true };
    return deleted_at === undefined ? {} : { deleted_at };
  };
  const log = state.log.map((change): Change => {
    const { overridden, ...rest } = change;
    const isNamed = change.effects.some((effect) => effect.id === item);
    if (!isNamed && change.item_id !== item) return change;
    const effects = change.effects.map((effect): Effect =>
      effect.entity === "item" && effect.id === item
        ? { ...effect, set: bare(effect.set), previous: bare(effect.previous) }
        : effect,
    );
    return { ...rest, effects, ...(overridden && change.item_id !== item ? { overridden } : {}) };
  });
  return { ...state, log };
}

const CHANGES_KEPT = 200;

/** Without what of the log nobody needs: all above `least` stays, and what can be undone. */
export function trimmed(state: ListState, least: number): ListState {
  const needed = state.log.findIndex((change) => change.revision > least);
  const first = Math.min(
    needed < 0 ? state.log.length : needed,
    Math.max(0, state.log.length - CHANGES_KEPT),
  );
  const last = state.log[first - 1];
  if (!last) return state;
  return { ...state, log: state.log.slice(first), cut: { revision: last.revision, at: last.at } };
}
