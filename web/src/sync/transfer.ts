import { isTooMuch, lacksRoom } from "./limits";
import { checkFields, itemOf, placeIn, Refusal, type Case } from "./case";
import { childrenOf, roleOf, wholeOf } from "./state";

/** Moves an item and its live children to another list: a change in both. */
export function transfer(given: Case): void {
  const { state, intent, isSync, target, ruling } = given;
  const item = itemOf(given);
  const role = roleOf(target, intent.actor_id);
  if (!target || !role) throw new Refusal("not_found");
  if (target.id === state.id) {
    if (isSync) throw new Refusal("invalid_request");
    checkFields(given, { pointer: "/to_list", code: "invalid" });
  }
  if (role === "viewer") throw new Refusal("forbidden");
  if (target.list.deleted_at !== null) throw new Refusal("list_trashed");
  const isKnown = target.log.some((change) => change.op_id === intent.op_id);
  if (isKnown || target.ops.has(intent.op_id)) throw new Refusal("op_id_reused");
  const { place, error } = placeIn(target, intent.fields ?? {}, isSync, item.id);
  if (!isSync) checkFields(given, error);
  const ids = [item.id, ...childrenOf(state, item.id)];
  const isTaken = (id: string) => target.items.has(id) || target.gone.get(id)?.how === "purged";
  if (item.deleted_at !== null && !isSync) throw new Refusal("item_trashed");
  if (ids.some(isTaken)) throw new Refusal("id_taken");
  if (item.deleted_at !== null) {
    ruling.code = "item_trashed";
    return;
  }
  if (lacksRoom(target.items, ids.length)) throw new Refusal("list_full");
  const there = given.open(target);
  ids.forEach((id, n) => {
    const row = wholeOf(state.items.get(id)!);
    ruling.edit.take(id, target.id);
    if (n === 0) there.makeItem(id, { ...row, parent_id: null }, place);
    else there.makeItem(id, row, { side: "after", neighbour: ids[n - 1]! });
  });
  if (isTooMuch(there.items, target.items)) throw new Refusal("list_full");
  ruling.other = { before: target, edit: there };
}
