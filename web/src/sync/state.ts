import type { Change, Id, Item, ItemFields, ListFields, Member, Result, Role, Time } from "./types";

/** What a client holds of a list: its fields, its members (by id), its live items in order. */
export interface View {
  readonly revision: number;
  readonly updated_at: Time | null;
  /** null: before the list was made. */
  readonly list: Readonly<ListFields> | null;
  readonly members: readonly Member[];
  readonly items: readonly Item[];
}

export const NOTHING: View = { revision: 0, updated_at: null, list: null, members: [], items: [] };

/** An op that is in the log: who repeats it gets its first result. */
export interface Done {
  digest: string;
  result: Result;
}

export interface Gone {
  how: "moved" | "purged";
  /** The list it was moved to. */
  to?: Id;
}

/**
 * What decides ops on a list: its view, its trash, the places of all that ever was in it, and its
 * log. The server holds all of it; a client what it has heard of. Never changed once made.
 */
export interface ListState {
  readonly id: Id;
  /** null: not known. */
  readonly creator_id: Id | null;
  readonly revision: number;
  readonly updated_at: Time | null;
  readonly list: Readonly<ListFields>;
  readonly members: ReadonlyMap<Id, Role>;
  /** Live items and those in trash. */
  readonly items: ReadonlyMap<Id, Item>;
  /** All items in order, also those that are gone: whoever is out of view keeps the place. */
  readonly order: readonly Id[];
  readonly gone: ReadonlyMap<Id, Gone>;
  /** Which revision took an item to trash. */
  readonly trashedBy: ReadonlyMap<Id, number>;
  /** The changes above `cut`, which is the newest that the log does not hold. */
  readonly log: readonly Change[];
  readonly cut: { readonly revision: number; readonly at: Time | null };
  readonly ops: ReadonlyMap<Id, Done>;
}

/** Every field of an item at its default. */
export const FRESH: ItemFields = {
  text: "",
  note: "",
  done: false,
  done_at: null,
  due: null,
  repeat: null,
  labels: [],
  parent_id: null,
  created_by: null,
  created_at: null,
  deleted_at: null,
};
export const ITEM_FIELDS = Object.keys(FRESH) as (keyof ItemFields)[];
export const LIST_FIELDS = ["title", "archived", "created_at", "deleted_at"] as const;

/** The whole of an item, as effects tell it. */
export function wholeOf(item: Item): ItemFields {
  const { id: _, revision: __, updated_at: ___, ...fields } = item;
  return fields;
}

export function viewOf(state: ListState): View {
  const items: Item[] = [];
  for (const id of state.order) {
    const item = state.items.get(id);
    if (item?.deleted_at === null) items.push(item);
  }
  return {
    revision: state.revision,
    updated_at: state.updated_at,
    list: state.list,
    members: membersOf(state.members),
    items,
  };
}

export function membersOf(members: ReadonlyMap<Id, Role>): Member[] {
  return [...members]
    .map(([user_id, role]) => ({ user_id, role }))
    .sort((a, b) => (a.user_id < b.user_id ? -1 : 1));
}

/** The role of who sees the list: in trash that is only the owner. */
export function roleOf(state: ListState | null, user: Id): Role | undefined {
  const role = state?.members.get(user);
  return state?.list.deleted_at && role !== "owner" ? undefined : role;
}

/** What is asked of items and their order while they are being changed, too. */
export interface Places {
  readonly items: ReadonlyMap<Id, Item>;
  readonly order: readonly Id[];
}

export const isLive = (in_: Places, id: Id): boolean => in_.items.get(id)?.deleted_at === null;

/** The live item before the place of `id`, which must have one. */
export function liveBefore(in_: Places, id: Id): Id | null {
  for (let at = in_.order.indexOf(id) - 1; at >= 0; at--) {
    if (isLive(in_, in_.order[at]!)) return in_.order[at]!;
  }
  return null;
}

/** Live children, in order. */
export function childrenOf(in_: Places, id: Id): Id[] {
  const children = [...in_.items.values()].filter(
    (item) => item.parent_id === id && item.deleted_at === null,
  );
  if (children.length < 2) return children.map((child) => child.id);
  const ids = new Set(children.map((child) => child.id));
  return in_.order.filter((each) => ids.has(each));
}

/** Whether `parent` may be the parent of `id` (undefined: of an item that is to be made). */
export function isParentFine(in_: Places, id: Id | undefined, parent: Id | null): boolean {
  if (parent === null) return true;
  return (
    parent !== id &&
    isLive(in_, parent) &&
    in_.items.get(parent)!.parent_id === null &&
    (id === undefined || childrenOf(in_, id).length === 0)
  );
}

/** Changes above a revision; one that the log does not have counts as the newest below it. */
export function changesAfter(state: ListState, revision: number): readonly Change[] {
  let low = 0;
  let high = state.log.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (state.log[middle]!.revision <= revision) low = middle + 1;
    else high = middle;
  }
  return state.log.slice(low);
}
