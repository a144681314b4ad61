// The rival: a part of the service's API over the service's own database, with fastify and
// better-sqlite3. See README.md.
import { randomUUID } from "node:crypto";
import { parseArgs } from "node:util";
import Fastify from "fastify";
import { sendProblem } from "./answers.mjs";
import { Database } from "./database.mjs";
import { Lists } from "./lists.mjs";
import { Problem } from "./problems.mjs";
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

function makeApp() {
  const app = Fastify({
    genReqId: () => randomUUID(),
    ajv: { customOptions: { coerceTypes: false, removeAdditional: false, allErrors: true } },
  });
  app.removeContentTypeParser("text/plain");
  app.decorateRequest("startedAt", 0);
  app.decorateRequest("user", null);
  app.decorateRequest("list", null);
  app.decorateRequest("role", null);
  app.addHook("onRequest", (request, reply, done) => {
    request.startedAt = performance.now();
    done();
  });
  app.setErrorHandler(sendProblem);
  app.setNotFoundHandler((request, reply) => {
    const problem = new Problem(404, "no_such_route", "There is nothing at this address.");
    sendProblem(problem, request, reply);
  });
  return app;
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
