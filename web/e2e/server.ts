import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

/** Starts the program on a port and a data folder of its own, for all tests of a run. */
export default async function start() {
  const port = await freePort();
  const data = mkdtempSync(join(tmpdir(), "lists-e2e-"));
  const program = process.env.LISTS_BIN ?? "../build/release/lists";
  const server = spawn(program, ["serve", "--port", String(port), "--data", data], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  const url = `http://localhost:${port}`;
  const until = Date.now() + 20_000;
  for (;;) {
    if (server.exitCode !== null) throw new Error(`${program} ended with ${server.exitCode}`);
    const ready = await fetch(`${url}/readyz`).then(
      (answer) => answer.ok,
      () => false,
    );
    if (ready) break;
    if (Date.now() > until) throw new Error(`${program} did not become ready`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  process.env.LISTS_URL = url;
  return () => {
    server.kill("SIGINT");
    rmSync(data, { recursive: true, force: true });
  };
}
