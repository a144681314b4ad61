import type { Id, Op, OpFields, OpKind, Result } from "./types";

/** What is meant; ids that are not given are made. */
export interface NewOp {
  list_id: Id;
  kind: OpKind;
  item_id?: Id;
  fields?: OpFields;
}

/** An op that did not do, or not wholly, what was meant. */
export interface Notice {
  readonly op: Op;
  readonly result: Result;
}

/** Of what was purged nothing is kept. */
export function withoutValues({ op, result }: Notice): Notice {
  const { fields: _, ...bare } = op;
  const { fields: __, ...told } = result;
  return { op: bare, result: told };
}

/** The op that brings in what a notice's op did not, if one can. */
export function anew({ op, result }: Notice): NewOp | undefined {
  const { list_id, kind, item_id, fields } = op;
  const same: NewOp = {
    list_id,
    kind,
    ...(item_id ? { item_id } : {}),
    ...(fields ? { fields } : {}),
  };
  if (result.status === "overridden") {
    const isMeant = (key: string) =>
      key in (result.fields ?? {}) && !(key === "parent_id" && result.code === "invalid_parent");
    const lost = Object.entries(fields ?? {}).filter(([key]) => isMeant(key));
    return lost.length ? { ...same, fields: Object.fromEntries(lost) } : undefined;
  }
  if (result.code === "op_expired") return kind === "create-list" ? undefined : same;
  const to = result.code === "item_moved" ? result.fields?.to_list : undefined;
  const canFollow = kind === "set" || kind === "remove";
  return to !== undefined && canFollow ? { ...same, list_id: to } : undefined;
}
