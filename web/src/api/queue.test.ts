import { expect, test, vi } from "vitest";
import { ApiError, NetworkError } from "./client";
import { WriteQueue } from "./queue";
import { problem } from "./testing";

const soon = () => 0;

test("writes go one after the other, in order", async () => {
  const queue = new WriteQueue(soon);
  const log: string[] = [];
  const failed = vi.fn();
  for (const name of ["a", "b", "c"]) {
    queue.push(async () => {
      log.push(`${name} starts`);
      await Promise.resolve();
      log.push(`${name} ends`);
    }, failed);
  }
  expect(queue.length).toBe(3);
  await vi.waitFor(() => expect(queue.length).toBe(0));
  expect(log).toEqual(["a starts", "a ends", "b starts", "b ends", "c starts", "c ends"]);
  expect(failed).not.toHaveBeenCalled();
});

test("a write without an answer is repeated, and those behind it wait", async () => {
  const queue = new WriteQueue(soon);
  const log: string[] = [];
  let tries = 0;
  queue.push(() => {
    log.push("a");
    return ++tries < 3 ? Promise.reject(new NetworkError()) : Promise.resolve();
  }, vi.fn());
  queue.push(() => Promise.resolve(void log.push("b")), vi.fn());
  await vi.waitFor(() => expect(queue.length).toBe(0));
  expect(log).toEqual(["a", "a", "a", "b"]);
  expect(queue.isOffline).toBe(false);
});

test("a write that is refused is told, and those behind it go on", async () => {
  const queue = new WriteQueue(soon);
  const failed = vi.fn();
  const refusal = new ApiError(422, problem(422, "list_full"), 0);
  let done = false;
  queue.push(() => Promise.reject(refusal), failed);
  queue.push(() => Promise.resolve(void (done = true)), vi.fn());
  await vi.waitFor(() => expect(done).toBe(true));
  expect(failed).toHaveBeenCalledExactlyOnceWith(refusal);
});

test("coming online ends the pause", async () => {
  const queue = new WriteQueue(() => 1_000_000);
  let tries = 0;
  queue.push(() => (++tries < 2 ? Promise.reject(new NetworkError()) : Promise.resolve()), vi.fn());
  await vi.waitFor(() => expect(queue.isOffline).toBe(true));
  window.dispatchEvent(new Event("online"));
  await vi.waitFor(() => expect(queue.length).toBe(0));
});
