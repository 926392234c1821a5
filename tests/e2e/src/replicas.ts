/** More replicas of a service, started as the fleet's own one was, and what they share. */

import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { eventually } from "./eventually.ts";
import { processOf } from "./fleet.ts";

export type Environment = Record<string, string>;

export interface Replica {
  /** The public listener. */
  url: string;
  /** The internal one. */
  internal: string;
}

export interface Started extends Replica {
  /** Sends a signal and waits for the end; answers the exit code, none after a kill. */
  stop(signal: "SIGTERM" | "SIGKILL"): Promise<number | null>;
}

/** The environment of the fleet's own process of this name. */
export async function environmentOf(name: string): Promise<Environment> {
  const { pid } = await processOf(name);
  const lines = (await readFile(`/proc/${pid}/environ`, "utf8")).split("\0").filter(Boolean);
  return Object.fromEntries(lines.map((line) => line.split(/=(.*)/s, 2) as [string, string]));
}

/** The fleet's own replica of this name. */
export async function own(name: string): Promise<Replica> {
  const { SYNTERA_BIND, SYNTERA_INTERNAL_BIND } = await environmentOf(name);
  return { url: `http://${SYNTERA_BIND}`, internal: `http://${SYNTERA_INTERNAL_BIND}` };
}

/** Starts another replica, with other settings where `changes` says so, and waits until it is ready. */
export async function another(name: string, changes: Environment = {}): Promise<Started> {
  const { pid } = await processOf(name);
  const port = await freePort();
  const [bind, internalBind] = [`127.0.0.1:${port}`, `127.0.0.1:${port + INTERNAL}`];
  const child = spawn(`/proc/${pid}/exe`, ["serve"], {
    cwd: `/proc/${pid}/cwd`,
    env: {
      ...(await environmentOf(name)),
      ...changes,
      SYNTERA_BIND: bind,
      SYNTERA_INTERNAL_BIND: internalBind,
    },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = once(child, "exit");
  process.once("exit", () => child.kill("SIGKILL"));
  let said = "";
  child.stdout.on("data", (text) => {
    said = `${said}${text}`.slice(-2_000);
  });
  const replica: Started = {
    url: `http://${bind}`,
    internal: `http://${internalBind}`,
    async stop(signal) {
      child.kill(signal);
      const [code] = await ended;
      return code;
    },
  };
  try {
    await eventually(
      async () => (await fetch(`${replica.internal}/readyz`)).ok,
      `another ${name} is ready`,
    );
  } catch (error) {
    await replica.stop("SIGKILL");
    throw new Error(`${error}\n${said}`);
  }
  return replica;
}

/** Runs a command of a service's program on the fleet's stores; answers what it printed. */
export async function command(name: string, ...words: string[]): Promise<string> {
  const { pid } = await processOf(name);
  const env = await environmentOf(name);
  return new Promise((resolve) => {
    execFile(`/proc/${pid}/exe`, words, { env }, (_, out, err) => resolve(`${out}${err}`));
  });
}

/** Empties Redis. */
export async function flushRedis(): Promise<void> {
  const { SYNTERA_REDIS_URL } = await environmentOf("gateway");
  const { hostname, port, password } = new URL(SYNTERA_REDIS_URL ?? "");
  const socket = connect(Number(port), hostname);
  socket.end(`AUTH ${decodeURIComponent(password)}\r\nFLUSHALL\r\nQUIT\r\n`);
  let answer = "";
  for await (const text of socket) answer += text;
  if (!answer.startsWith("+OK\r\n+OK\r\n")) throw new Error(`redis says ${answer}`);
}

/** The internal listener of a service is this far above its public one. */
const INTERNAL = 100;

/** A port for both listeners, below those that the system gives to whoever dials. */
async function freePort(): Promise<number> {
  for (;;) {
    const port = 15_000 + Math.floor(Math.random() * 15_000);
    if ((await isFree(port)) && (await isFree(port + INTERNAL))) return port;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}
