/** HTTP to the service's processes, and orders to the harness that starts and kills them. */
import { Agent, request as httpRequest } from "node:http";
import type { IncomingHttpHeaders } from "node:http";
import { createInterface } from "node:readline";
import { gunzipSync } from "node:zlib";

export interface Reply {
  status: number;
  headers: IncomingHttpHeaders;
  text: string;
  /** undefined: no body. */
  json: unknown;
  /** By this machine's clock, which is the service's, too. */
  began: number;
  ended: number;
  process: number;
}

export class Wire {
  private readonly agent = new Agent({ keepAlive: true, maxSockets: 64 });

  constructor(readonly ports: readonly number[]) {}

  /** undefined: no answer came. */
  call(
    process: number,
    method: string,
    path: string,
    headers: Record<string, string>,
    body?: unknown,
  ): Promise<Reply | undefined> {
    const began = Date.now();
    const text = body === undefined ? undefined : JSON.stringify(body);
    const sent: Record<string, string> = { ...headers };
    if (text !== undefined) {
      sent["Content-Type"] = "application/json";
      sent["Content-Length"] = String(Buffer.byteLength(text));
    }
    const { agent, ports } = this;
    return new Promise((resolve) => {
      const options = {
        host: "127.0.0.1",
        port: ports[process]!,
        method,
        path,
        headers: sent,
        agent,
      };
      const call = httpRequest(options, (answer) => {
        const parts: Buffer[] = [];
        answer.on("data", (part: Buffer) => parts.push(part));
        answer.on("error", () => resolve(undefined));
        answer.on("end", () => {
          if (!answer.complete) return resolve(undefined);
          const all = Buffer.concat(parts);
          const isZipped = answer.headers["content-encoding"] === "gzip";
          const told = (isZipped ? gunzipSync(all) : all).toString("utf8");
          resolve({
            status: answer.statusCode!,
            headers: answer.headers,
            text: told,
            json: told === "" ? undefined : JSON.parse(told),
            began,
            ended: Date.now(),
            process,
          });
        });
      });
      call.setTimeout(60_000, () => call.destroy());
      call.on("error", () => resolve(undefined));
      call.end(text);
    });
  }

  close(): void {
    this.agent.destroy();
  }
}

/** What the harness is asked to do, a line of JSON each; it answers with one. */
export class Harness {
  private readonly waiting: ((reply: unknown) => void)[] = [];
  private readonly lines = createInterface({ input: process.stdin });

  constructor() {
    this.lines.on("line", (line) => this.waiting.shift()?.(JSON.parse(line)));
  }

  ask<Told>(order: Record<string, unknown>): Promise<Told> {
    return new Promise((resolve) => {
      this.waiting.push(resolve as (reply: unknown) => void);
      process.stdout.write(`${JSON.stringify(order)}\n`);
    });
  }

  /** The last that is said. */
  tell(order: Record<string, unknown>): void {
    process.stdout.write(`${JSON.stringify(order)}\n`);
    this.lines.close();
  }
}
