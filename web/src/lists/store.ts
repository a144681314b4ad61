import { ApiError, mayRepeat, request } from "../api/client";
import { WriteQueue } from "../api/queue";
import type { components } from "../api/schema";
import { newId } from "../uuid";

export type List = components["schemas"]["List"];
export type WholeList = components["schemas"]["WholeList"];
export type Item = components["schemas"]["Item"];

export interface ListView {
  list: WholeList | undefined;
  /** What went wrong, and what to do about it. */
  message: string;
  /** The item that was just deleted: it can be brought back. */
  removed: Item | undefined;
  /** Writes that have no answer yet. */
  pending: number;
  isOffline: boolean;
  isGone: boolean;
}

/**
 * One list as its page shows it. What a person does shows at once and is sent in order; what the
 * service says afterwards wins.
 */
export class ListStore {
  private view: ListView = {
    list: undefined,
    message: "",
    removed: undefined,
    pending: 0,
    isOffline: false,
    isGone: false,
  };
  private listeners = new Set<() => void>();

  constructor(
    readonly id: string,
    private readonly queue = new WriteQueue(),
  ) {
    queue.subscribe(() =>
      this.show({ pending: this.queue.length, isOffline: this.queue.isOffline }),
    );
  }

  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };
  snapshot = (): ListView => this.view;

  /** Loads the list, unless something of ours is still on its way: it would be taken back. */
  async load(): Promise<void> {
    try {
      const list = await request<WholeList>("GET", `/v1/lists/${this.id}`);
      if (this.queue.length === 0) this.show({ list, isOffline: false });
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) {
        this.show({ isGone: true });
      } else if (mayRepeat(error)) {
        this.show({ isOffline: true });
      } else {
        this.show({ message: sentenceOf(error) });
      }
    }
  }

  add(text: string): void {
    const now = new Date().toISOString();
    const item: Item = {
      id: newId(),
      text,
      note: "",
      done: false,
      done_at: null,
      due: null,
      repeat: null,
      labels: [],
      parent_id: null,
      created_by: "",
      created_at: now,
      updated_at: now,
      deleted_at: null,
      revision: 0,
    };
    this.setItems((items) => [...items, item]);
    this.write("PUT", item.id, "", { text });
  }

  tick(item: Item): void {
    const done = !item.done;
    this.setItem(item.id, { done });
    this.write("PATCH", item.id, "", { done });
  }

  edit(item: Item, text: string): void {
    if (text === item.text) return;
    this.setItem(item.id, { text });
    this.write("PATCH", item.id, "", { text });
  }

  remove(item: Item): void {
    this.setItems((items) => items.filter((each) => each.id !== item.id));
    this.show({ removed: item });
    this.write("DELETE", item.id, "");
  }

  /** Brings back what was deleted last, to its place. */
  undo(): void {
    const item = this.view.removed;
    if (!item) return;
    this.show({ removed: undefined });
    this.queue.push(async () => {
      await request("POST", `/v1/lists/${this.id}/items/${item.id}/restore`);
      await this.loadWhole();
    }, this.refused);
  }

  rename(title: string): void {
    if (!this.view.list || title === this.view.list.title) return;
    this.show({ list: { ...this.view.list, title } });
    this.queue.push(
      () => request<List>("PATCH", `/v1/lists/${this.id}`, { title }).then(() => undefined),
      this.refused,
    );
  }

  forgetMessage(): void {
    this.show({ message: "" });
  }

  private async loadWhole(): Promise<void> {
    const list = await request<WholeList>("GET", `/v1/lists/${this.id}`);
    if (this.queue.length <= 1) this.show({ list });
  }

  private write(method: "PUT" | "PATCH" | "DELETE", item: string, rest: string, body?: object) {
    const path = `/v1/lists/${this.id}/items/${item}${rest}`;
    this.queue.push(async () => {
      const answer = await request<Item | undefined>(method, path, body);
      // Later writes of ours are not in the answer: only the last one's is taken over.
      if (answer && this.queue.length <= 1) this.setItem(item, answer);
    }, this.refused);
  }

  /** It was not done: say so, and show what there is. */
  private refused = (error: unknown): void => {
    this.show({ message: sentenceOf(error) });
    void this.load();
  };

  private setItem(id: string, fields: Partial<Item>): void {
    this.setItems((items) => items.map((each) => (each.id === id ? { ...each, ...fields } : each)));
  }

  private setItems(change: (items: Item[]) => Item[]): void {
    const { list } = this.view;
    if (list) this.show({ list: { ...list, items: change(list.items) } });
  }

  private show(part: Partial<ListView>): void {
    this.view = { ...this.view, ...part };
    for (const listener of this.listeners) listener();
  }
}

export function sentenceOf(error: unknown): string {
  if (error instanceof ApiError) return error.sentence;
  if (mayRepeat(error)) return "There is no connection to the service. Try again.";
  return "Something went wrong on this page. Load it anew.";
}
