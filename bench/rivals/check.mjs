// Compares the rival with the service, both running, each on its own copy of one data folder:
//
//   node check.mjs --service URL --rival URL --service-data FOLDER --rival-data FOLDER
//                  --token TOKEN --list ID
//
// The token's user must be a member of the list who may edit it. Adds some items to both.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import http from "node:http";
import path from "node:path";
import { parseArgs } from "node:util";
import Sqlite from "better-sqlite3";
import { bytesOf, textOf } from "./ids.mjs";

const NAMES = ["service", "rival", "service-data", "rival-data", "token", "list"];
const MISSING_LIST = "01900000-0000-7000-8000-000000000000";
const PER_ANSWER = ["date", "x-request-id", "server-timing", "location"];
const OF_CONNECTION = ["connection", "keep-alive"];

function readOptions() {
  const { values } = parseArgs({
    options: Object.fromEntries(NAMES.map((name) => [name, { type: "string" }])),
  });
  const missing = NAMES.filter((name) => values[name] === undefined);
  if (missing.length > 0) throw new Error(`needed: --${missing.join(", --")}`);
  return values;
}

const options = readOptions();
const list = `/v1/lists/${options.list}`;
const items = `${list}/items`;
const bearer = { authorization: `Bearer ${options.token}` };
const agent = new http.Agent({ keepAlive: true });

function call(base, method, target, headers = {}, body = undefined) {
  return new Promise((resolve, reject) => {
    const request = http.request(new URL(target, base), { method, headers, agent }, (answer) => {
      const parts = [];
      answer.on("data", (part) => parts.push(part));
      answer.on("end", () => {
        resolve({ status: answer.statusCode, headers: answer.headers, body: Buffer.concat(parts) });
      });
    });
    request.on("error", reject);
    request.end(body);
  });
}

const post = (base, body, type = "application/json") =>
  call(base, "POST", items, { ...bearer, "content-type": type }, body);

/** Headers that the service sends must come from the rival too, and no others. */
function compareHeaders(service, rival, what) {
  const names = (answer) =>
    Object.keys(answer.headers)
      .filter((name) => !OF_CONNECTION.includes(name))
      .sort();
  assert.deepEqual(names(rival), names(service), `${what}: names of headers`);
  for (const name of names(service).filter((each) => !PER_ANSWER.includes(each))) {
    const value = rival.headers[name].replace("; charset=utf-8", "");
    assert.equal(value, service.headers[name], `${what}: ${name}`);
  }
}

async function both(what, ask, status) {
  const [service, rival] = [await ask(options.service), await ask(options.rival)];
  assert.equal(service.status, status, `${what}: the service's status`);
  assert.equal(rival.status, status, `${what}: the rival's status`);
  compareHeaders(service, rival, what);
  return { service, rival };
}

async function checkSame(what, status, ask) {
  const { service, rival } = await both(what, ask, status);
  assert.equal(rival.body.toString(), service.body.toString(), what);
}

/** The same but for the request's id. */
async function checkProblem(what, status, ask) {
  const { service, rival } = await both(what, ask, status);
  const told = ({ body }) => ({ ...JSON.parse(body), request_id: "" });
  assert.deepEqual(told(rival), told(service), what);
  assert.equal(JSON.parse(rival.body).request_id, rival.headers["x-request-id"], what);
}

function readRows(folder, item) {
  const sql = new Sqlite(path.join(folder, "lists.db"), { readonly: true });
  const keys = [bytesOf(options.list), bytesOf(item)];
  const rows = {
    item: sql.prepare("SELECT * FROM items WHERE list_id = ? AND id = ?").get(...keys),
    change: sql.prepare("SELECT * FROM changes WHERE list_id = ? AND item_id = ?").get(...keys),
    list: sql.prepare("SELECT * FROM lists WHERE id = ?").get(keys[0]),
    last: sql.prepare("SELECT max(rank) FROM items WHERE list_id = ?").pluck().get(keys[0]),
    tx: sql.prepare("SELECT tx FROM meta").pluck().get(),
  };
  sql.close();
  return rows;
}

function checkStored(rows, item) {
  assert.ok(rows.item, "the item is in the database");
  assert.ok(rows.change, "its change is in the log");
  assert.equal(rows.item.rank, rows.last, "the item stands last");
  assert.equal(rows.change.tx, rows.list.tx, "one transaction");
  assert.equal(rows.change.tx, rows.tx, "the counted transaction");
  const op = [
    textOf(rows.change.actor_id),
    options.list,
    "add",
    item.id,
    { text: rows.item.text },
    0,
  ];
  const digest = createHash("sha256").update(JSON.stringify(op)).digest();
  assert.deepEqual(rows.change.digest, digest, "the digest of the op");
}

/** What must be equal in both databases: all but ids, times, places and transactions. */
function stored({ item, change, list: row }, id) {
  const hidden = new Set(["id", "rank", "op_id", "item_id", "digest", "last_batch", "tx"]);
  const text = (name, value) => {
    if (hidden.has(name) || (name.endsWith("at") && value !== null)) return "hidden";
    if (!Buffer.isBuffer(value) && typeof value !== "string") return value;
    return value
      .toString("hex")
      .replaceAll(id, "ID")
      .replaceAll(/"20[^"]*Z"/g, '"TIME"');
  };
  return [item, change, row].map((each) =>
    Object.fromEntries(Object.entries(each).map(([name, value]) => [name, text(name, value)])),
  );
}

/** Creates an item in both, and compares what comes back and what is stored. */
async function checkCreate(text) {
  const body = JSON.stringify({ text });
  const { service, rival } = await both("create", (base) => post(base, body), 201);
  const sides = [
    [service, options["service-data"]],
    [rival, options["rival-data"]],
  ].map(([answer, folder]) => {
    const item = JSON.parse(answer.body);
    assert.equal(item.text, text, "the text");
    assert.equal(answer.headers.location, `${items}/${item.id}`, "Location");
    const rows = readRows(folder, item.id);
    checkStored(rows, item);
    const effects = JSON.parse(rows.change.effects);
    const after = effects[0].after;
    if (after !== null) rows.change.effects = rows.change.effects.replaceAll(after, "AFTER");
    return { item, after, stored: stored(rows, item.id) };
  });
  assert.deepEqual(Object.keys(sides[1].item), Object.keys(sides[0].item), "fields of the item");
  assert.equal(sides[1].item.revision, sides[0].item.revision, "revision of the item");
  assert.deepEqual(sides[1].stored, sides[0].stored, "what is stored");
  await checkShown(rival, sides[1].item, sides[1].after);
}

/** The next read of the rival has the item, last, after the one that the log names. */
async function checkShown(created, item, after) {
  const whole = await call(options.rival, "GET", list, bearer);
  assert.equal(whole.headers.etag, created.headers.etag, "the read shows the new revision");
  const shown = JSON.parse(whole.body).items;
  assert.deepEqual(shown.at(-1), item, "the item is last in the next read");
  assert.equal(shown.at(-2)?.id ?? null, after, "`after` in the log");
}

const get = (target, headers) => (base) => call(base, "GET", target, headers);

await checkSame("whole list", 200, get(list, bearer));
await checkSame("whole list again", 200, get(list, bearer));
await checkSame("whole list, HEAD", 200, (base) => call(base, "HEAD", list, bearer));
const { headers: read } = await call(options.service, "GET", list, bearer);
for (const tag of [read.etag, `W/${read.etag}`, `"1-x", ${read.etag}`, "*"]) {
  await checkSame(`not modified: ${tag}`, 304, get(list, { ...bearer, "if-none-match": tag }));
}
await checkSame("another tag", 200, get(list, { ...bearer, "if-none-match": '"999999"' }));
await checkProblem("no token", 401, get(list));
await checkProblem("no such token", 401, get(list, { authorization: "Bearer a.b.c" }));
const forged = `${bearer.authorization.slice(0, -8)}AAAAAAAA`;
await checkProblem("forged token", 401, get(list, { authorization: forged }));
await checkProblem("no such list", 404, get(`/v1/lists/${MISSING_LIST}`, bearer));
await checkProblem("no list's id", 404, get("/v1/lists/one", bearer));
for (const body of ['{"text":""}', '{"text":5}', '{"text":null}', "{}", '{"text":"a","x":1}']) {
  await checkProblem(`body ${body}`, 422, (base) => post(base, body));
}
for (const text of ["x".repeat(501), "a\0b", "\ud800"]) {
  await checkProblem("bad text", 422, (base) => post(base, JSON.stringify({ text })));
}
await checkProblem("no JSON", 400, (base) => post(base, "{"));
await checkProblem("another type", 415, (base) => post(base, '{"text":"a"}', "text/plain"));
await checkProblem("create without token", 401, (base) => call(base, "POST", items));
for (const text of ["Milk", 'Bread "brown" \\ \n\t', "Ünï©öde 😀", "😀".repeat(500)]) {
  await checkCreate(text);
}
agent.destroy();
console.log("The rival answers as the service does.");
