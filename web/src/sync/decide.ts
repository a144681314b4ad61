import { Refusal, type Ruling } from "./case";
import { Edit } from "./edit";
import type { Maker } from "./history";
import { ruleOf } from "./rules";
import { roleOf, type ListState } from "./state";
import { nextRevision, same } from "./types";
import type { Change, Id, ListFields, Op, OpKind, Result, Status, Time } from "./types";

/** What was found wrong with a field of a request. */
export interface FieldError {
  pointer: string;
  code: string;
}

/**
 * One intention and whose it is. With `base_revision` (or as `sync`) it is an op of sync, without it
 * a single call, which means the list as it is.
 */
export interface Intent extends Omit<Op, "kind">, Maker {
  kind: OpKind | "purge";
  /** An op of sync that has no base: `create-list`. */
  sync?: boolean;
  /** A PUT: its repeat by the maker is answered with what is there. */
  put?: boolean;
  min_revision?: number;
  /** The revisions that `If-Match` names. */
  if_match?: readonly number[];
  /** What was found wrong before the list was looked at. */
  errors?: readonly FieldError[];
}

export interface Context {
  now: Time;
  epoch: number;
  /** Of a transfer: the list that it goes to, null when there is none. */
  target?: ListState | null;
  /** Whether the caller sees a list: then it is told that an item was moved there. */
  sees?: (list: Id) => boolean;
}

export interface Decision {
  refused?: undefined;
  status: Status;
  code?: string;
  /** Of an overridden op: what stands instead of its values. */
  told?: Result["fields"];
  /** A PUT whose first has been done. */
  repeated?: boolean;
  /** An op of sync that has been done: its first result. */
  first?: Result;
  /** Of clear-done: how many items it took to trash. */
  cleared?: number;
  /** Without one there was nothing to do. */
  change?: Change;
  /** The list after it. */
  state: ListState | null;
  /** Of a transfer: what it comes to in the other list. */
  other?: { change: Change; state: ListState };
}

export interface Refused {
  refused: string;
  errors?: readonly FieldError[];
  /** Of `item_moved`: where to. */
  told?: Result["fields"];
}

export type Outcome = Decision | Refused;

const OWNERS: readonly string[] = ["remove-list", "restore-list", "purge"];
const ON_ITEM: readonly string[] = ["set", "move", "remove", "restore", "transfer", "purge"];

export const isSync = (intent: Intent): boolean =>
  intent.sync === true || intent.base_revision !== undefined;

/** What tells the repeat of an op from another with its id. Not a client's matter: no hash. */
export function digestOf({ actor_id, list_id, kind, base_revision, item_id, fields }: Intent) {
  const sorted = Object.entries(fields ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify([
    actor_id,
    list_id,
    kind,
    base_revision ?? null,
    item_id ?? null,
    fields ? sorted : null,
  ]);
}

/** The result as sync tells it. */
export function resultOf(outcome: Outcome): Result {
  if (outcome.refused !== undefined) {
    const { refused: code, told: fields } = outcome;
    return { status: "refused", code, ...(fields ? { fields } : {}) };
  }
  if (outcome.first) return outcome.first;
  const { status, change, code, told } = outcome;
  return {
    status,
    ...(change ? { revision: change.revision } : {}),
    ...(code === undefined ? {} : { code }),
    ...(told ? { fields: told } : {}),
  };
}

/**
 * Decides one op on a list (null: there is none): what the op comes to, or why it is refused. Pure:
 * the server decides the same of the same list. An op of sync that is decided always has a change,
 * if only to be known again; a single call that finds nothing to do has none.
 */
export function decide(state: ListState | null, intent: Intent, context: Context): Outcome {
  try {
    if (intent.kind === "create-list") return createList(state, intent, context);
    if (!state || !roleOf(state, intent.actor_id)) throw new Refusal("not_found");
    const first = isSync(intent)
      ? checkSync(state, intent)
      : checkSingle(state, intent, context.target);
    if (first) return { ...first, state };
    return carryOut(state, intent, context);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const { code, errors, told } = error;
    return { refused: code, ...(errors ? { errors } : {}), ...(told ? { told } : {}) };
  }
}

function firstOf(state: ListState, intent: Intent): Omit<Decision, "state"> | undefined {
  const done = state.ops.get(intent.op_id);
  if (!done) return undefined;
  if (done.digest !== digestOf(intent)) throw new Refusal("op_id_reused");
  return { status: done.result.status as Status, first: done.result };
}

function checkRole(state: ListState, { kind, actor_id }: Intent): void {
  const role = roleOf(state, actor_id);
  if (role === "viewer" || (OWNERS.includes(kind) && role !== "owner")) {
    throw new Refusal("forbidden");
  }
}

function checkTrash(state: ListState, { kind }: Intent): void {
  if (state.list.deleted_at !== null && kind !== "remove-list" && kind !== "restore-list") {
    throw new Refusal("list_trashed");
  }
}

function checkErrors({ errors }: Intent): void {
  if (errors?.length) throw new Refusal("invalid_request", errors);
}

/** Sight (which is known), repeat, expiry, role, trash; then what is wrong with its fields. */
function checkSync(state: ListState, intent: Intent): Omit<Decision, "state"> | undefined {
  const first = firstOf(state, intent);
  if (first) return first;
  if (intent.base_revision! < state.cut.revision) throw new Refusal("op_expired");
  checkRole(state, intent);
  checkTrash(state, intent);
  checkErrors(intent);
  return undefined;
}

/** 404, 403, the repeated PUT, then the conditions, in the order of api.md ('Errors'). */
function checkSingle(
  state: ListState,
  intent: Intent,
  target: ListState | null | undefined,
): Omit<Decision, "state"> | undefined {
  const { kind, item_id, actor_id } = intent;
  const item = item_id === undefined ? undefined : state.items.get(item_id);
  if (ON_ITEM.includes(kind) && !item) throw new Refusal("not_found");
  const isElsewhere = kind === "transfer" && target?.id !== state.id;
  const there = isElsewhere ? roleOf(target ?? null, actor_id) : undefined;
  if (isElsewhere && !there) throw new Refusal("not_found");
  checkRole(state, intent);
  if (there === "viewer") throw new Refusal("forbidden");
  if (kind === "add" && intent.put && item?.created_by === actor_id) {
    return { status: "skipped", repeated: true };
  }
  if ((intent.min_revision ?? 0) > state.revision) throw new Refusal("revision_ahead");
  checkTrash(state, intent);
  if (isElsewhere && target!.list.deleted_at !== null) throw new Refusal("list_trashed");
  if (intent.if_match && !intent.if_match.includes(state.revision)) throw new Refusal("stale");
  return undefined;
}

function createList(state: ListState | null, intent: Intent, context: Context): Outcome {
  const { actor_id, put, if_match } = intent;
  const isSeen = roleOf(state, actor_id) !== undefined;
  const isOwn = isSeen && state!.creator_id === actor_id;
  if (isSync(intent)) {
    const first = isSeen ? firstOf(state!, intent) : undefined;
    if (first) return { ...first, state };
    if (state) throw new Refusal(isOwn ? "op_expired" : "id_taken");
  } else {
    if (isOwn && put) return { status: "skipped", repeated: true, state };
    // Of a list that the caller does not see no more is told than that its id is taken.
    const revision = isSeen ? state!.revision : 0;
    if (put && (intent.min_revision ?? 0) > revision) throw new Refusal("revision_ahead");
    if (if_match && !(isSeen && if_match.includes(revision))) throw new Refusal("stale");
  }
  checkErrors(intent);
  if (state) throw new Refusal("id_taken");
  const edit = new Edit(intent.list_id, null, nextRevision(context.epoch, 0), context.now);
  const title = intent.fields!.title!;
  edit.makeList({ title, archived: false, created_at: context.now, deleted_at: null });
  edit.addMember(actor_id, "owner");
  return commit(null, intent, { edit, status: "applied" });
}

function carryOut(state: ListState, intent: Intent, { epoch, now, target, sees }: Context) {
  const open = (list: ListState) => {
    const at = list.updated_at === null || now > list.updated_at ? now : list.updated_at;
    return new Edit(list.id, list, nextRevision(epoch, list.revision), at);
  };
  const ruling: Ruling = { status: "applied", edit: open(state) };
  ruleOf(intent.kind)({
    state,
    intent,
    isSync: isSync(intent),
    base: intent.base_revision ?? state.revision,
    target: target ?? null,
    open,
    sees: sees ?? (() => false),
    ruling,
  });
  const { effects } = ruling.edit;
  if (effects.length === 0 && !ruling.told) ruling.status = "skipped";
  if (!isSync(intent)) delete ruling.code; // Told in results of sync only.
  if (!isSync(intent) && effects.length === 0) {
    const { status, cleared } = ruling;
    return { status, ...(cleared === undefined ? {} : { cleared }), state };
  }
  return commit(state, intent, ruling);
}

/** The change for the log, and the list after it. */
function commit(before: ListState | null, intent: Intent, ruling: Ruling): Decision {
  const { edit, status, code, told, cleared, other } = ruling;
  const result: Result = {
    status,
    revision: edit.revision,
    ...(code ? { code } : {}),
    ...(told ? { fields: told } : {}),
  };
  const made = logged(before, intent, edit, result);
  return {
    status,
    ...(code ? { code } : {}),
    ...(told ? { told } : {}),
    ...(cleared === undefined ? {} : { cleared }),
    ...made,
    ...(other
      ? {
          other: logged(other.before, intent, other.edit, {
            ...result,
            revision: other.edit.revision,
          }),
        }
      : {}),
  };
}

function logged(before: ListState | null, intent: Intent, edit: Edit, result: Result) {
  const { revision, at, effects, overridden, kept } = edit;
  const change: Change = {
    revision,
    op_id: intent.op_id,
    at,
    actor_id: intent.actor_id,
    client_id: intent.client_id,
    kind: intent.kind,
    status: result.status as Status,
    ...(intent.item_id === undefined ? {} : { item_id: intent.item_id }),
    effects,
    ...(same(overridden, {}) ? {} : { overridden }),
    ...(kept.length ? { kept } : {}),
  };
  const state: ListState = {
    id: before?.id ?? intent.list_id,
    creator_id: before ? before.creator_id : intent.actor_id,
    revision,
    updated_at: at,
    list: edit.list as ListFields,
    members: edit.members,
    items: edit.items,
    order: edit.order,
    gone: edit.gone,
    trashedBy: edit.trashedBy,
    log: [...(before?.log ?? []), change],
    cut: before?.cut ?? { revision: 0, at: null },
    ops: new Map(before?.ops).set(intent.op_id, { digest: digestOf(intent), result }),
  };
  return { change, state };
}
