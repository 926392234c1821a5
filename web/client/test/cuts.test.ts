/**
 * The promise of the client, tried at random: whatever is cut, delayed or lost, each side has each
 * message once and in order.
 */

import { seeded } from "@syntera/testing";
import { describe, expect, it } from "vitest";
import { bench, opened, texts } from "./harness.ts";

const RUNS = Number(process.env.SYNTERA_CUT_RUNS ?? 150);

describe("cut at random frames", () => {
  it(`nothing is lost, doubled or out of order (${RUNS} conversations)`, async () => {
    for (let seed = 1; seed <= RUNS; seed += 1) await conversation(seed);
  }, 120_000);
});

async function conversation(seed: number): Promise<void> {
  const random = seeded(seed);
  const b = bench({ seed, tokenMs: 90_000 });
  const channel = await opened(b);
  const seen: number[] = [];
  channel.on("entry", (entry) => seen.push(entry.seq));
  b.net.latency = () => 1 + Math.floor(random() * 40);
  const harm = (): boolean => {
    const chance = random();
    // A frame is lost with its connection only: what TCP delivers has no holes.
    if (chance < 0.05) b.net.cut();
    return chance > 0.01;
  };
  b.net.toClient = harm;
  b.net.toServer = harm;
  // The agent answers each message, streaming first.
  b.chat.onMessage = (entry) => {
    b.schedule.after(20, () => {
      const turn = `turn-${entry.seq}`;
      const text = `re: ${entry.body?.text}`;
      for (let offset = 0; offset < text.length; offset += 3) {
        b.chat.hint("ch", {
          type: "message.delta",
          channel: "ch",
          turn_id: turn,
          epoch: 1,
          owner_version: 1,
          offset,
          delta: text.slice(offset, offset + 3),
        });
      }
      b.chat.say("ch", { kind: "agent" }, { text }, turn);
    });
  };
  const acked: string[] = [];
  channel.on("ack", ({ clientId }) => acked.push(clientId));
  const sent: string[] = [];
  for (let n = 0; n < 12; n += 1) {
    sent.push(channel.send(`m${n}`).clientId);
    await b.schedule.pass(random() * 800);
  }
  await b.schedule.until(
    () => channel.outbox.length === 0,
    `all is sent (seed ${seed})`,
    3_600_000,
  );
  // From here the wire is whole: what is still missing must come by itself.
  b.net.toClient = () => true;
  b.net.toServer = () => true;
  await b.schedule.until(
    () => channel.entries.length === 25 && b.client.status === "online",
    `all is here (seed ${seed})`,
    3_600_000,
  );
  const log = b.chat.room("ch").log;
  const dense = log.map((_, index) => index + 1);
  expect(log.map((e) => e.seq)).toEqual(dense);
  expect([1, ...seen]).toEqual(dense);
  expect(texts(channel.entries)).toEqual(texts(log));
  const mine = log.filter((e) => e.sender.kind === "visitor").map((e) => e.client_id);
  expect(mine).toEqual(sent);
  expect(acked).toEqual(sent);
  expect(channel.streams.map((s) => s.text)).toEqual([]);
  expect(b.faults.filter((f) => f.kind === "frame")).toEqual([]);
  expect(b.faults).toEqual([]);
  expect(b.chat.violations).toEqual([]);
  b.client.stop();
}
