/** What the log and sync consist of, as docs/api and `api.md` ('The log', 'Sync') have it. */

export type Id = string;
/** RFC 3339 in UTC with milliseconds: later times are greater texts. */
export type Time = string;

export type Role = "viewer" | "editor" | "owner";
export type Due = { date: string } | { local: string } | { at: Time; tz: string };

/** Fields of a list that are told by effects. */
export interface ListFields {
  title: string;
  archived: boolean;
  created_at: Time;
  deleted_at: Time | null;
}

/** Fields of an item that are told by effects. */
export interface ItemFields {
  text: string;
  note: string;
  done: boolean;
  done_at: Time | null;
  due: Due | null;
  repeat: null;
  labels: readonly string[];
  parent_id: Id | null;
  created_by: Id | null;
  created_at: Time | null;
  deleted_at: Time | null;
  /** Its content is gone for good: every other field is at its default. */
  purged?: true;
}

/** An item with what follows from the changes that had an effect on it (0 and null: not known). */
export interface Item extends ItemFields {
  id: Id;
  revision: number;
  updated_at: Time | null;
}

export interface Member {
  user_id: Id;
  role: Role;
}

export const KINDS = [
  "create-list",
  "set-list",
  "remove-list",
  "restore-list",
  "add",
  "set",
  "move",
  "transfer",
  "remove",
  "restore",
  "clear-done",
  "revert",
  "import",
  "grant",
  "role",
  "revoke",
  "link",
  "unlink",
  "purge",
] as const;
export type Kind = (typeof KINDS)[number];

/** Kinds that ops of sync may have. */
export type OpKind = Exclude<
  Kind,
  "import" | "grant" | "role" | "revoke" | "link" | "unlink" | "purge"
>;

export type Status = "applied" | "merged" | "overridden" | "skipped";

/** Where an item comes to (`after`) or leaves (`was_after`): the live item before it. */
interface Places {
  after?: Id | null;
  was_after?: Id | null;
}
interface EffectOn<Entity extends string, Fields> extends Places {
  entity: Entity;
  id: Id;
  /** null: it is gone for good. */
  set: Partial<Fields> | null;
  /** null: it was made. */
  previous: Partial<Fields> | null;
}
export type ListEffect = EffectOn<"list", ListFields>;
export type ItemEffect = EffectOn<"item", ItemFields>;
export type MemberEffect = EffectOn<"member", { role: Role }>;
export type LinkEffect = EffectOn<"link", Record<string, unknown>>;
export type Effect = ListEffect | ItemEffect | MemberEffect | LinkEffect;

/** What a revert left alone: an entity, or fields of it ("place" is one). */
export interface Kept {
  entity: "list" | "item";
  id: Id;
  fields?: string[];
}

/** One row of a list's log. */
export interface Change {
  revision: number;
  op_id: Id;
  at: Time;
  actor_id: Id;
  client_id: Id | null;
  kind: Kind;
  status: Status;
  item_id?: Id;
  effects: readonly Effect[];
  overridden?: Partial<ItemFields & ListFields>;
  kept?: readonly Kept[];
}

/** Fields of an op, as in the single call that does the same. */
export interface OpFields {
  title?: string;
  archived?: boolean;
  text?: string;
  note?: string;
  done?: boolean;
  due?: Due | null;
  labels?: readonly string[];
  parent_id?: Id | null;
  after?: Id | null;
  before?: Id | null;
  to_list?: Id;
  revert_op?: Id;
  to_revision?: number;
}

/** An op as it is sent. */
export interface Op {
  op_id: Id;
  list_id: Id;
  kind: OpKind;
  /** What its maker had seen of the list; not with create-list. */
  base_revision?: number;
  item_id?: Id;
  fields?: OpFields;
}

export interface Result {
  status: Status | "refused";
  revision?: number;
  code?: string;
  detail?: string;
  /** Of an overridden op: what stands instead of its values. Of `item_moved`: `to_list`. */
  fields?: Partial<ItemFields & ListFields> & { to_list?: Id };
}

export interface SyncBody {
  user_id: Id;
  client_id: Id;
  cursor?: string;
  lists?: Record<Id, number>;
  ops?: Op[];
}

/** A list as `GET /v1/lists/{id}` has it; without members and items as `GET /v1/lists` does. */
export interface ListRow extends ListFields {
  id: Id;
  revision: number;
  updated_at: Time;
}
export interface WholeList extends ListRow {
  members: readonly Member[];
  items: readonly Item[];
}

export type Entry =
  | { revision: number; changes: readonly Change[]; reset?: undefined }
  | { revision: number; reset: true; list: WholeList };

export interface SyncAnswer {
  cursor: string;
  results: Record<Id, Result>;
  lists: Record<Id, Entry>;
  granted: readonly ListRow[];
  revoked: readonly Id[];
  has_more: boolean;
  reset?: boolean;
}

/** `application/problem+json`. */
export interface Problem {
  status: number;
  code: string;
  errors?: readonly { pointer: string; code: string }[];
}

const EPOCH = 2 ** 32;
export const epochOf = (revision: number): number => Math.floor(revision / EPOCH);
export const countOf = (revision: number): number => revision % EPOCH;
/** Revisions are `epoch x 2^32 + n`: n grows by one with each change, whatever the epoch. */
export const nextRevision = (epoch: number, revision: number): number =>
  epoch * EPOCH + countOf(revision) + 1;

/** Whether two JSON values are the same; an undefined member is none. */
export function same(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (Array.isArray(a) || Array.isArray(b)) {
    return (
      Array.isArray(a) &&
      Array.isArray(b) &&
      a.length === b.length &&
      a.every((each, i) => same(each, b[i]))
    );
  }
  const left = a as Record<string, unknown>;
  const right = b as Record<string, unknown>;
  return [...new Set([...Object.keys(left), ...Object.keys(right)])].every((key) =>
    same(left[key], right[key]),
  );
}
