/** A client and a fake chat on one schedule. */

import { FakeChat, MemoryNet, Schedule, seeded } from "@syntera/testing";
import { Client, type ClientOptions, type Fault, type Status } from "../src/index.ts";

export interface Bench {
  schedule: Schedule;
  chat: FakeChat;
  net: MemoryNet;
  client: Client;
  faults: Fault[];
  statuses: Status[];
  /** How many tokens were given, and how many of them as fresh ones. */
  tokens: { given: number; fresh: number };
  network: { set(online: boolean): void };
}

export interface BenchOptions {
  seed?: number;
  /** How long a token lives, in milliseconds. */
  tokenMs?: number;
  tokens?: ClientOptions["tokens"];
}

export function bench(options: BenchOptions = {}): Bench {
  const schedule = new Schedule();
  const tokenMs = options.tokenMs ?? 600_000;
  const chat = new FakeChat({
    now: () => schedule.now(),
    verify: (token) => {
      const [visitor, expiresAt] = token.split("~");
      return visitor && expiresAt ? { visitor, expiresAt: Number(expiresAt) } : undefined;
    },
  });
  const net = new MemoryNet(schedule, chat);
  const tokens = { given: 0, fresh: 0 };
  let current = { token: "", expiresAt: 0 };
  let online = true;
  const listeners = new Set<() => void>();
  let ids = 0;
  const client = new Client({
    url: "ws://fake/api/v1/ws/chat",
    WebSocket: net.WebSocket,
    timers: schedule,
    random: seeded(options.seed ?? 1),
    newId: () => `c${++ids}`,
    network: {
      online: () => online,
      onChange(listener) {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    },
    tokens:
      options.tokens ??
      (async (fresh) => {
        tokens.given += 1;
        if (fresh) tokens.fresh += 1;
        if (fresh || current.expiresAt <= schedule.now()) {
          const expiresAt = schedule.now() + tokenMs;
          current = { token: `ann~${expiresAt}`, expiresAt };
        }
        return current;
      }),
  });
  const faults: Fault[] = [];
  const statuses: Status[] = [];
  client.on("fault", (fault) => faults.push(fault));
  client.on("status", (status) => statuses.push(status));
  return {
    schedule,
    chat,
    net,
    client,
    faults,
    statuses,
    tokens,
    network: {
      set(value) {
        online = value;
        for (const listener of listeners) listener();
      },
    },
  };
}

/** A channel that is open and caught up. */
export async function opened(b: Bench, id = "ch") {
  b.chat.create(id, "ann");
  const channel = b.client.open(id);
  b.client.start();
  await b.schedule.until(() => channel.owner !== undefined && channel.entries.length > 0, "open");
  return channel;
}

export function texts(entries: readonly { kind: string; body?: { text: string } }[]): string[] {
  return entries.filter((e) => e.kind === "message").map((e) => e.body?.text ?? "");
}
