import { expect, test } from "vitest";
import { newId } from "./uuid";

test("an id is a UUIDv7 of its time", () => {
  const id = newId(0x0123456789ab);
  expect(id).toMatch(/^01234567-89ab-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});

test("later ids come after earlier ones, and none comes twice", () => {
  expect(newId(2000) > newId(1000)).toBe(true);
  expect(new Set(Array.from({ length: 1000 }, () => newId(1))).size).toBe(1000);
});
