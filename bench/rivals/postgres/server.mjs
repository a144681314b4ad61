// The rival over PostgreSQL, with fastify and pg. See ../README.md.
import { parseArgs } from "node:util";
import { makeApp } from "../app.mjs";
import { Database } from "./database.mjs";
import { Lists } from "./lists.mjs";
import { addRoutes } from "./routes.mjs";
import { Tokens } from "./tokens.mjs";
import { Writer } from "./writer.mjs";

const USAGE = "node postgres/server.mjs --port N --database URL";

function readOptions() {
  const options = { port: { type: "string" }, database: { type: "string" } };
  const { port = "", database } = parseArgs({ options }).values;
  if (!/^\d+$/.test(port) || database === undefined) throw new Error(`usage: ${USAGE}`);
  return { port: Number(port), database };
}

async function main() {
  const options = readOptions();
  const database = new Database(options.database);
  const lists = new Lists(database);
  const app = makeApp();
  addRoutes(app, { tokens: new Tokens(database), lists, writer: new Writer(database, lists) });
  process.once("SIGTERM", async () => {
    await app.close();
    await database.close();
  });
  await app.listen({ port: options.port, host: "127.0.0.1" });
  console.log(`listening on ${app.server.address().port}`);
}

await main().catch((error) => {
  console.error(error.message);
  process.exitCode = 1;
});
