import { viewAt } from "./apply";
import { changedBy } from "./history";
import { isTooMuch, lacksRoom } from "./limits";
import { checkFields, Refusal, type Case } from "./case";
import { changesAfter, type ListState } from "./state";
import type { Change, Id, ItemFields, Kind } from "./types";

const NEVER: readonly Kind[] = [
  "create-list",
  "remove-list",
  "restore-list",
  "transfer",
  "grant",
  "role",
  "revoke",
  "link",
  "unlink",
  "purge",
];

/** Changes that are to be undone, and those that came on top of them and stay. */
interface Undoing {
  undo: readonly Change[];
  later: readonly Change[];
}

function undoing({ state, intent, base }: Case): Undoing {
  const { to_revision, revert_op } = intent.fields ?? {};
  if (to_revision !== undefined) {
    if (to_revision < state.cut.revision) throw new Refusal("revision_expired");
    if (to_revision > state.revision) throw new Refusal("revision_ahead");
    // No more than its maker had seen, and what the maker did since.
    const isMeant = ({ revision, actor_id, client_id }: Change) =>
      revision <= base || (actor_id === intent.actor_id && client_id === intent.client_id);
    const after = changesAfter(state, to_revision);
    const isUndone = (change: Change) => isMeant(change) && !NEVER.includes(change.kind);
    return { undo: after.filter(isUndone), later: after.filter((change) => !isUndone(change)) };
  }
  const change = state.log.find((each) => each.op_id === revert_op);
  if (!change) throw new Refusal("not_found");
  if (NEVER.includes(change.kind)) throw new Refusal("not_revertible");
  return { undo: [change], later: changesAfter(state, change.revision) };
}

/** What is wished for an item: fields as they were before the first change that is undone. */
type Wish = [Id, Partial<ItemFields>];

/** What the changes that are undone did, taken together: how things were before, in their order. */
interface Wishes {
  fields: Map<Id, { entity: "list" | "item"; wish: Record<string, unknown> }>;
  made: Id[];
  moved: Set<Id>;
}

function wishesOf(undo: readonly Change[]): Wishes {
  const wishes: Wishes = { fields: new Map(), made: [], moved: new Set() };
  for (const effect of undo.flatMap((change) => change.effects)) {
    const { entity, id } = effect;
    if (entity !== "item" && entity !== "list") continue;
    if (entity === "item" && effect.previous === null) {
      wishes.made.push(id);
    } else if (effect.previous !== null && effect.set !== null) {
      const previous = effect.previous as Record<string, unknown>;
      const were = Object.fromEntries(changedBy(effect).map((key) => [key, previous[key]]));
      const wish = { ...were, ...wishes.fields.get(id)?.wish };
      if (Object.keys(wish).length) wishes.fields.set(id, { entity, wish });
      if (effect.after !== undefined && effect.was_after !== undefined) wishes.moved.add(id);
    }
  }
  return wishes;
}

/** Which fields of what ("any": the thing as a whole, "place") later changes have touched. */
function touchedBy(later: readonly Change[]): (id: Id, field: string) => boolean {
  const touched = new Map<Id, Set<string>>();
  for (const effect of later.flatMap((change) => change.effects)) {
    const fields = touched.get(effect.id) ?? new Set(["any"]);
    for (const field of changedBy(effect)) fields.add(field);
    if (effect.after !== undefined || effect.was_after !== undefined) fields.add("place");
    touched.set(effect.id, fields);
  }
  return (id, field) => touched.get(id)?.has(field) ?? false;
}

/**
 * Undoes one change, or all after a revision, as far as nobody has changed the same again. What is
 * left alone is named in `kept`.
 */
export function revert(given: Case): void {
  checkFields(given);
  const { state, ruling } = given;
  const { edit } = ruling;
  const { undo, later } = undoing(given);
  const isTouched = touchedBy(later);
  const { fields, made, moved } = wishesOf(undo);
  const wishes: Wish[] = [];
  for (const [id, { entity, wish }] of fields) {
    const rest = withoutLost(wish, id, entity);
    if (entity === "list") edit.setList(rest);
    else if (state.items.has(id) && !made.includes(id)) wishes.push([id, rest]);
  }
  const comes = wishes.filter(([id, wish]) => isTrashed(id) && wish.deleted_at === null);
  if (lacksRoom(state.items, comes.length)) throw new Refusal("list_full");
  const hasParent = ([id, wish]: Wish) =>
    (wish.parent_id === undefined ? state.items.get(id)!.parent_id : wish.parent_id) !== null;
  const parentsFirst = [...wishes.filter((each) => !hasParent(each)), ...wishes.filter(hasParent)];
  for (const each of parentsFirst) putBack(...each);
  trashMade();
  // What waited for its children to go.
  for (const [id, { deleted_at, ...wish }] of parentsFirst) {
    const goes = typeof deleted_at === "string" && !isTrashed(id) && edit.isLive(id);
    if (goes) trashOrKeep(id, wish);
  }
  movePlaces();
  if (isTooMuch(edit.items, state.items)) throw new Refusal("list_full");

  function isTrashed(id: Id): boolean {
    return state.items.get(id)!.deleted_at !== null;
  }

  /** Leaves out of what is wished what was changed again since. */
  function withoutLost(wish: Record<string, unknown>, id: Id, entity: "list" | "item"): object {
    const lost = Object.keys(wish).filter((field) => isTouched(id, field));
    if (lost.length) edit.kept.push({ entity, id, fields: lost.sort() });
    return Object.fromEntries(Object.entries(wish).filter(([field]) => !lost.includes(field)));
  }

  function putBack(id: Id, { deleted_at, ...wish }: Partial<ItemFields>): void {
    if (typeof deleted_at === "string" && !isTrashed(id)) {
      if (edit.childrenOf(id).length === 0) edit.trash(id, wish);
    } else if (deleted_at === null && isTrashed(id)) {
      edit.restore(id, wish);
    } else {
      const { parent_id, ...rest } = wish;
      if (parent_id === undefined || isTrashed(id) || edit.isParentFine(id, parent_id)) {
        edit.setItem(id, wish);
      } else {
        edit.kept.push({ entity: "item", id, fields: ["parent_id"] });
        edit.setItem(id, rest);
      }
    }
  }

  function trashOrKeep(id: Id, wish: Partial<ItemFields>): void {
    if (edit.childrenOf(id).length) edit.kept.push({ entity: "item", id });
    else edit.trash(id, wish);
  }

  /** What was made goes to trash, last made first, so that children go before their parents. */
  function trashMade(): void {
    for (const id of [...made].reverse()) {
      if (!state.items.has(id) || isTrashed(id)) continue;
      if (isTouched(id, "any")) edit.kept.push({ entity: "item", id });
      else trashOrKeep(id, {});
    }
  }

  /** Each goes to after the nearest that stood before it then and is in view. */
  function movePlaces(): void {
    const there = [...moved].filter((id) => edit.isLive(id));
    const back = there.filter((id) => !isTouched(id, "place"));
    for (const id of there) {
      if (isTouched(id, "place")) edit.kept.push({ entity: "item", id, fields: ["place"] });
    }
    if (back.length === 0) return;
    const was = orderBefore(state, undo[0]!);
    const waiting = new Set(back);
    was.forEach((id, n) => {
      if (!waiting.has(id)) return;
      waiting.delete(id);
      let left = n - 1;
      while (left >= 0 && !(edit.isLive(was[left]!) && !waiting.has(was[left]!))) left--;
      edit.move(id, left < 0 ? { side: "first" } : { side: "after", neighbour: was[left]! });
    });
  }
}

/** Ids of the live items in order, as they stood before a change of the log. */
function orderBefore(state: ListState, change: Change): Id[] {
  const n = state.log.indexOf(change);
  const before = state.log[n - 1]?.revision ?? state.cut.revision;
  return viewAt(state, before)?.items.map((item) => item.id) ?? [];
}
