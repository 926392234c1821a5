/** The running fleet: where it is, its processes by name, and how to kill one. */

import { openSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { request } from "node:http";
import { join } from "node:path";
import { eventually } from "./eventually.ts";

export const BASE_URL = (process.env.SYNTERA_E2E_BASE_URL ?? "http://127.0.0.1:4000").replace(
  /\/$/,
  "",
);

/** The folder of the instance, with its supervisors' sockets and its logs. */
export const INSTANCE_DIR = process.env.SYNTERA_E2E_INSTANCE_DIR;

/** Why a test that needs the folder is left out. In CI it is not left out: it fails. */
export const NO_INSTANCE =
  INSTANCE_DIR === undefined && !process.env.CI
    ? "SYNTERA_E2E_INSTANCE_DIR says which instance may be harmed"
    : "";

export interface Process {
  name: string;
  pid: number;
  restarts: number;
  is_running: boolean;
}

function folder(): string {
  if (INSTANCE_DIR === undefined) throw new Error("SYNTERA_E2E_INSTANCE_DIR is not set");
  return INSTANCE_DIR;
}

let descriptor: number | undefined;

/** Asks a supervisor over its unix socket. Its path may be longer than a socket's may be. */
function ask(half: "fleet" | "infra", path: string): Promise<unknown> {
  descriptor ??= openSync(folder(), "r");
  const socketPath = `/proc/self/fd/${descriptor}/${half}.sock`;
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath, path, host: "localhost" }, (response) => {
      let text = "";
      response.on("data", (chunk) => {
        text += String(chunk);
      });
      response.on("end", () => {
        try {
          resolve(JSON.parse(text));
        } catch (error) {
          reject(error);
        }
      });
    });
    asked.on("error", reject);
    asked.end();
  });
}

/** The process of this name, of the services or of what they stand on. */
export async function processOf(name: string): Promise<Process> {
  for (const half of ["fleet", "infra"] as const) {
    const { data } = (await ask(half, "/processes")) as { data: Process[] };
    const found = data.find((one) => one.name === name);
    if (found) return found;
  }
  throw new Error(`no process is called ${name}`);
}

/** Kills a process with SIGKILL and waits until the supervisor has started it again. */
export async function kill(name: string): Promise<void> {
  const before = await processOf(name);
  if (!before.is_running) throw new Error(`${name} does not run`);
  process.kill(before.pid, "SIGKILL");
  await eventually(
    async () => {
      const now = await processOf(name);
      return now.is_running && now.pid !== before.pid;
    },
    `${name} runs again`,
    60_000,
  );
}

/** What a process has printed so far. */
export async function logOf(name: string): Promise<string> {
  return readFile(join(folder(), "logs", `${name}.log`), "utf8");
}

export function inInstance(...path: string[]): string {
  return join(folder(), ...path);
}
