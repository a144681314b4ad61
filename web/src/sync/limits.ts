import type { Item } from "./types";

/** What `GET /v1/limits` tells: the value at the limit is accepted, the next one refused. */
export const LIVE_ITEMS_MAX = 10_000;
/** With trash; what was purged or moved away does not count. */
export const ITEMS_MAX = 20_000;
/** Of text, notes and labels of live and trashed items. */
export const CONTENT_BYTES_MAX = 8 * 1024 * 1024;

export function utf8Bytes(text: string): number {
  let bytes = text.length;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    // Each half of a pair counts 2: together the 4 bytes that they are.
    if (unit >= 0x80) bytes += unit >= 0x800 && (unit & 0xf800) !== 0xd800 ? 2 : 1;
  }
  return bytes;
}

type Content = Pick<Item, "text" | "note" | "labels">;

const UNIT_BYTES_MAX = 3;

function units({ text, note, labels }: Content): number {
  return labels.reduce((sum, label) => sum + label.length, text.length + note.length);
}

function contentBytes({ text, note, labels }: Content): number {
  return labels.reduce((sum, label) => sum + utf8Bytes(label), utf8Bytes(text) + utf8Bytes(note));
}

/** Bytes of all of them, 0 when they are few enough not to matter: exact counts are dear. */
function bytesThatMatter(items: Iterable<Content>): number {
  let bound = 0;
  for (const item of items) bound += units(item) * UNIT_BYTES_MAX;
  if (bound <= CONTENT_BYTES_MAX) return 0;
  let bytes = 0;
  for (const item of items) bytes += contentBytes(item);
  return bytes;
}

function liveOf(items: ReadonlyMap<string, Item>): number {
  let live = 0;
  for (const item of items.values()) if (item.deleted_at === null) live++;
  return live;
}

/** Whether `more` live items do not fit in. */
export function lacksRoom(items: ReadonlyMap<string, Item>, more: number): boolean {
  return liveOf(items) + more > LIVE_ITEMS_MAX;
}

/** Whether a change has made too much of a list; what was too much before it may stay. */
export function isTooMuch(
  after: ReadonlyMap<string, Item>,
  before: ReadonlyMap<string, Item>,
): boolean {
  if (after.size > before.size && (after.size > ITEMS_MAX || lacksRoom(after, 0))) return true;
  const bytes = bytesThatMatter([...after.values()]);
  return bytes > CONTENT_BYTES_MAX && bytes > bytesThatMatter([...before.values()]);
}
