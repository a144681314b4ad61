// Ids (UUIDv7: 16 bytes in the database, text in JSON) and the hidden places of items.
import { randomFillSync } from "node:crypto";

const UUID7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const FIRST_HEAD = DIGITS.indexOf("a");

export const isUuid7 = (text) => UUID7.test(text);

export const bytesOf = (id) => Buffer.from(id.replaceAll("-", ""), "hex");

export function textOf(bytes) {
  const hex = bytes.toString("hex");
  const tail = `${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${tail}`;
}

const pool = Buffer.alloc(16 * 512);
let poolAt = pool.length;

/** Bytes from a pool: asking the system each time would cost more than everything else here. */
export function randomBytes(count) {
  if (poolAt + count > pool.length) {
    randomFillSync(pool);
    poolAt = 0;
  }
  poolAt += count;
  return Buffer.from(pool.subarray(poolAt - count, poolAt));
}

let last = 0;

/** Milliseconds and, below them, 12 bits that count up within one; then 62 random bits. */
export function newUuid7() {
  const bytes = randomBytes(16);
  last = Math.max(last + 1, Date.now() * 4096 + (bytes.readUInt16BE(6) & 0x7ff));
  bytes.writeUIntBE(Math.floor(last / 4096), 0, 6);
  bytes.writeUInt16BE(0x7000 | (last % 4096), 6);
  bytes[8] = 0x80 | (bytes[8] & 0x3f);
  return bytes;
}

/** A head digit tells how many digits follow it: from `a` on upwards, below it downwards. */
function digitsBehind(head) {
  const value = DIGITS.indexOf(head);
  return value >= FIRST_HEAD ? value - FIRST_HEAD + 1 : FIRST_HEAD - value;
}

/** A place behind all others: the digits of the last one count up by one; `V` leaves room. */
export function rankAfter(rank) {
  if (rank === null) return "aVV";
  const digits = [
    ...rank.slice(0, 1 + digitsBehind(rank[0])).padEnd(1 + digitsBehind(rank[0]), "0"),
  ];
  for (let i = digits.length - 1; i > 0; --i) {
    if (digits[i] !== "z") {
      digits[i] = DIGITS[DIGITS.indexOf(digits[i]) + 1];
      return `${digits.join("")}V`;
    }
    digits[i] = "0";
  }
  const head = DIGITS[DIGITS.indexOf(rank[0]) + 1];
  return `${head}${"0".repeat(digitsBehind(head))}V`;
}
