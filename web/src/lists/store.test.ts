import { afterEach, expect, test, vi } from "vitest";
import { fakeService, problem, type Call } from "../api/testing";
import { WriteQueue } from "../api/queue";
import { ListStore, type Item } from "./store";

const id = "01900000-0000-7000-8000-000000000001";
const item = (n: number, text: string) =>
  ({ id: `01900000-0000-7000-8000-00000000010${n}`, text, done: false, revision: n }) as Item;

afterEach(() => {
  vi.unstubAllGlobals();
});

/** A store that has loaded milk and eggs; writes are answered by `write`. */
async function opened(write: (call: Call) => [number, unknown] | "down") {
  const calls = fakeService((call) =>
    call.method === "GET"
      ? [200, { id, title: "Groceries", role: "owner", items: [item(1, "milk"), item(2, "eggs")] }]
      : write(call),
  );
  const store = new ListStore(id, new WriteQueue(() => 0));
  await store.load();
  calls.length = 0;
  return { store, calls, texts: () => store.snapshot().list?.items.map((each) => each.text) };
}

test("what is added shows at once and is sent under its own id", async () => {
  const { store, calls, texts } = await opened(({ body }) => [201, body]);
  store.add("bread");
  expect(texts()).toEqual(["milk", "eggs", "bread"]);
  await vi.waitFor(() => expect(store.snapshot().pending).toBe(0));
  const added = store.snapshot().list?.items[2];
  expect(calls).toEqual([
    { method: "PUT", path: `/v1/lists/${id}/items/${added?.id}`, body: { text: "bread" } },
  ]);
});

test("without a connection nothing is lost: the same request goes again", async () => {
  let tries = 0;
  const { store, calls, texts } = await opened(({ body }) => (++tries < 4 ? "down" : [201, body]));
  store.add("bread");
  await vi.waitFor(() => expect(store.snapshot().pending).toBe(0));
  expect(texts()).toEqual(["milk", "eggs", "bread"]);
  expect(new Set(calls.map((call) => call.path)).size).toBe(1);
  expect(calls).toHaveLength(4);
});

test("a tick that is refused is taken back, and said", async () => {
  const { store } = await opened(() => [403, problem(403, "forbidden")]);
  store.tick(item(1, "milk"));
  expect(store.snapshot().list?.items[0]?.done).toBe(true);
  await vi.waitFor(() => expect(store.snapshot().message).toBe("It is forbidden."));
  await vi.waitFor(() => expect(store.snapshot().list?.items[0]?.done).toBe(false));
});

test("what was deleted can be brought back to its place", async () => {
  const { store, calls, texts } = await opened(({ method }) =>
    method === "DELETE" ? [204, undefined] : [200, item(1, "milk")],
  );
  store.remove(item(1, "milk"));
  expect(texts()).toEqual(["eggs"]);
  store.undo();
  await vi.waitFor(() => expect(texts()).toEqual(["milk", "eggs"]));
  expect(calls.map((call) => call.method)).toEqual(["DELETE", "POST", "GET"]);
});

test("a text that stays the same is not sent", async () => {
  const { store, calls } = await opened(() => [200, item(1, "milk")]);
  store.edit(item(1, "milk"), "milk");
  expect(store.snapshot().pending).toBe(0);
  expect(calls).toEqual([]);
});

test("a list that is not there is said to be gone", async () => {
  fakeService(() => [404, problem(404, "not_found")]);
  const store = new ListStore(id, new WriteQueue(() => 0));
  await store.load();
  expect(store.snapshot().isGone).toBe(true);
});
