import { checkFields, itemOf, placeIn, Refusal, type Case, type Rule, type Ruling } from "./case";
import type { FieldError, Intent } from "./decide";
import { bringsBack, changedBy, effectsOn, foreignSince } from "./history";
import { isTooMuch, lacksRoom } from "./limits";
import { revert } from "./revert";
import { childrenOf, FRESH, isLive, isParentFine } from "./state";
import { transfer } from "./transfer";
import { same } from "./types";
import type { Change, Id, ItemFields, ListFields } from "./types";

const RULES: Record<Intent["kind"], Rule> = {
  "create-list": () => undefined, // By decide() itself: there is no list yet.
  "set-list": setList,
  "remove-list": (given) => trashList(given, true),
  "restore-list": (given) => trashList(given, false),
  add,
  set,
  move,
  transfer,
  remove,
  restore,
  "clear-done": clearDone,
  revert,
  purge,
};

export function ruleOf(kind: Intent["kind"]): Rule {
  const rule = RULES[kind] as Rule | undefined;
  if (!rule) throw new Refusal("invalid_request");
  return rule;
}

const INVALID_PARENT: FieldError = { pointer: "/parent_id", code: "invalid_parent" };

function setList(given: Case): void {
  checkFields(given);
  const { intent, state, base, ruling } = given;
  const since = foreignSince(state, base, intent);
  const hit = hits(since, "list", state.id);
  const { title, archived } = intent.fields ?? {};
  const wanted: Partial<ListFields> = {
    ...(title === undefined ? {} : { title }),
    ...(archived === undefined ? {} : { archived }),
  };
  ruling.edit.setList(whatStands(wanted, state.list, hit, ruling));
  ruling.status = ruling.told ? "overridden" : hasOthers(hit) ? "merged" : "applied";
}

function set(given: Case): void {
  const { intent, state, base, isSync, ruling } = given;
  const item = itemOf(given);
  const { after: _, before: __, ...fields } = intent.fields ?? {};
  const wanted = fields as Partial<ItemFields>;
  const hasBadParent =
    wanted.parent_id !== undefined &&
    wanted.parent_id !== item.parent_id &&
    !isParentFine(state, item.id, wanted.parent_id);
  checkFields(given, hasBadParent && !isSync ? INVALID_PARENT : undefined);
  const since = foreignSince(state, base, intent);
  const hit = hits(since, "item", item.id);
  const lost = new Set(hasBadParent ? [...hit, "parent_id"] : hit);
  const stands = whatStands<ItemFields>(wanted, item, lost, ruling);
  if (stands.done !== undefined) stands.done_at = stands.done ? ruling.edit.at : null;
  ruling.edit.setItem(item.id, stands);
  if (isTooMuch(ruling.edit.items, state.items)) throw new Refusal("list_full");
  const isTrashed = item.deleted_at !== null;
  ruling.status = ruling.told ? "overridden" : isTrashed || hasOthers(hit) ? "merged" : "applied";
  if (ruling.told) {
    if (hasBadParent && !hit.has("parent_id")) ruling.code = "invalid_parent";
  } else if (isTrashed) {
    ruling.code = "item_trashed";
  }
}

/** Fields of one thing that others have changed since. */
function hits(since: readonly Change[], entity: string, id: Id): Set<string> {
  return new Set(effectsOn(since, entity, id).flatMap(changedBy));
}

const hasOthers = (hit: Set<string>): boolean => hit.size > (hit.has("deleted_at") ? 1 : 0);

/** What of the wanted fields is to be set. What is lost keeps its value, and that is told. */
function whatStands<Fields extends object>(
  wanted: Partial<Fields>,
  have: Fields,
  lost: Set<string>,
  ruling: Ruling,
): Partial<Fields> {
  const stands: Partial<Fields> = {};
  for (const key of Object.keys(wanted) as (keyof Fields & string)[]) {
    if (same(wanted[key], have[key])) continue;
    if (lost.has(key)) {
      ruling.edit.overridden = { ...ruling.edit.overridden, [key]: wanted[key] };
      ruling.told = { ...ruling.told, [key]: have[key] };
    } else {
      stands[key] = wanted[key]!;
    }
  }
  return stands;
}

function trashList(given: Case, away: boolean): void {
  checkFields(given);
  const { edit } = given.ruling;
  edit.setList({ deleted_at: away ? (given.state.list.deleted_at ?? edit.at) : null });
}

function add(given: Case): void {
  const { intent, state, isSync, ruling } = given;
  const id = intent.item_id!;
  const { done: _, after: __, before: ___, ...fields } = intent.fields ?? {};
  const { place, error } = placeIn(state, intent.fields ?? {}, isSync, id);
  const parent = fields.parent_id ?? null;
  const isFine = isParentFine(state, undefined, parent) && parent !== id;
  if (!isSync) checkFields(given, error, isFine ? undefined : INVALID_PARENT);
  if (isSync && state.gone.has(id)) itemOf(given);
  const taken = state.items.get(id);
  if (taken && isSync && taken.created_by === intent.actor_id) return;
  if (taken || state.gone.has(id)) throw new Refusal("id_taken");
  if (lacksRoom(state.items, 1)) throw new Refusal("list_full");
  if (!isFine) {
    ruling.status = "merged";
    ruling.code = "invalid_parent";
  }
  const row: ItemFields = {
    ...FRESH,
    ...(fields as Partial<ItemFields>),
    parent_id: isFine ? parent : null,
    created_by: intent.actor_id,
    created_at: ruling.edit.at,
  };
  ruling.edit.makeItem(id, row, place);
  if (isTooMuch(ruling.edit.items, state.items)) throw new Refusal("list_full");
}

function move(given: Case): void {
  const { intent, state, isSync, ruling } = given;
  const fields = intent.fields ?? {};
  const item = itemOf(given);
  const { place, isUnknown, error } = placeIn(state, fields, isSync, item.id);
  if (!isSync) {
    checkFields(given, error);
    if (item.deleted_at !== null) throw new Refusal("item_trashed");
  }
  if (item.deleted_at !== null) {
    ruling.code = "item_trashed"; // Nobody would see it move.
    return;
  }
  if ((fields.after ?? fields.before) === item.id) return;
  if (isUnknown) throw new Refusal("invalid_neighbour");
  ruling.edit.move(item.id, place);
}

/** Whether an item is to stay: it, or a child of it, came back or was re-opened since. */
function sparing({ state, base, intent }: Case): (id: Id, children: Id[]) => boolean {
  const since = foreignSince(state, base, intent);
  const back = new Set(
    since.flatMap((change) => change.effects.filter(bringsBack).map((effect) => effect.id)),
  );
  return (id, children) => back.has(id) || children.some((child) => back.has(child));
}

function remove(given: Case): void {
  const item = itemOf(given);
  checkFields(given);
  const children = childrenOf(given.state, item.id);
  if (item.deleted_at !== null || sparing(given)(item.id, children)) return;
  for (const each of [item.id, ...children]) given.ruling.edit.trash(each);
}

function clearDone(given: Case): void {
  checkFields(given);
  const { state, ruling } = given;
  const live = state.order.filter((id) => isLive(state, id)).map((id) => state.items.get(id)!);
  const children = new Map<Id, Id[]>();
  for (const { id, parent_id } of live) {
    if (parent_id !== null) children.set(parent_id, [...(children.get(parent_id) ?? []), id]);
  }
  const spare = sparing(given);
  for (const { id, done } of live) {
    const along = children.get(id) ?? [];
    if (!done || !ruling.edit.isLive(id) || spare(id, along)) continue;
    for (const each of [id, ...along]) if (ruling.edit.isLive(each)) ruling.edit.trash(each);
  }
  ruling.cleared = ruling.edit.effects.length;
}

function restore(given: Case): void {
  const { state, ruling } = given;
  const item = itemOf(given);
  checkFields(given);
  if (item.deleted_at === null) return;
  const by = state.trashedBy.get(item.id);
  const along = state.order.filter((id) => {
    const each = state.items.get(id);
    return (
      each?.parent_id === item.id && each.deleted_at !== null && state.trashedBy.get(id) === by
    );
  });
  if (lacksRoom(state.items, 1 + along.length)) throw new Refusal("list_full");
  for (const id of [item.id, ...along]) ruling.edit.restore(id);
}

function purge(given: Case): void {
  const item = itemOf(given);
  checkFields(given);
  const { edit } = given.ruling;
  if (item.deleted_at === null) {
    for (const child of childrenOf(given.state, item.id)) edit.trash(child);
  }
  edit.purge(item.id);
}
