// The rival: a part of the service's API over the service's own database, with fastify and
// better-sqlite3. See README.md.
import { parseArgs } from "node:util";
import { makeApp } from "./app.mjs";
import { Database } from "./database.mjs";
import { Lists } from "./lists.mjs";
import { addRoutes } from "./routes.mjs";
import { Tokens } from "./tokens.mjs";
import { Writer } from "./writer.mjs";

const USAGE =
  "node server.mjs --port N --data FOLDER --mode ready|serialise [--writes each|grouped]";

function readOptions() {
  const names = ["port", "data", "mode", "writes"];
  const options = Object.fromEntries(names.map((name) => [name, { type: "string" }]));
  const { values } = parseArgs({ options });
  const { port = "", data, mode, writes = "each" } = values;
  const isRight =
    /^\d+$/.test(port) &&
    data !== undefined &&
    ["ready", "serialise"].includes(mode) &&
    ["each", "grouped"].includes(writes);
  if (!isRight) throw new Error(`usage: ${USAGE}`);
  return { port: Number(port), data, mode, writes };
}

async function main() {
  const { port, data, mode, writes } = readOptions();
  const database = new Database(data);
  const lists = new Lists(database, mode);
  const writer = new Writer(database, lists);
  const add = writes === "each" ? writer.addNow : writer.addWithOthers;
  const app = makeApp();
  addRoutes(app, { mode, tokens: new Tokens(database), lists, addItem: add.bind(writer) });
  process.once("SIGTERM", async () => {
    await app.close();
    database.close();
  });
  await app.listen({ port, host: "127.0.0.1" });
  console.log(`listening on ${app.server.address().port}`);
}

await main().catch((error) => {
  console.error(error.message);
  process.exitCode = 1;
});
