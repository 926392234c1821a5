import { describe, expect, it } from "vitest";
import { Refused } from "../src/index.ts";
import { bench, opened, texts } from "./harness.ts";

describe("a conversation", () => {
  it("gives the whole log, then what comes", async () => {
    const b = bench();
    b.chat.create("ch", "ann");
    b.chat.say("ch", { kind: "agent" }, { text: "Hello" });
    const channel = b.client.open("ch");
    b.client.start();
    await b.schedule.until(() => channel.entries.length === 2, "the log is there");
    b.chat.say("ch", { kind: "user", name: "Ben" }, { text: "Ben here" });
    await b.schedule.pass(10);
    expect(texts(channel.entries)).toEqual(["Hello", "Ben here"]);
    expect(channel.entries.map((e) => e.seq)).toEqual([1, 2, 3]);
    expect(channel.owner).toBe("ai");
    expect(b.chat.violations).toEqual([]);
  });

  it("starts after what was read elsewhere", async () => {
    const b = bench();
    b.chat.create("ch", "ann");
    for (const text of ["a", "b", "c"]) b.chat.say("ch", { kind: "agent" }, { text });
    const channel = b.client.open("ch", 3);
    b.client.start();
    await b.schedule.until(() => channel.entries.length === 1, "the rest is there");
    expect(texts(channel.entries)).toEqual(["c"]);
  });

  it("follows a channel that is opened between hello and ready", async () => {
    const b = bench();
    b.chat.create("ch", "ann");
    b.net.latency = () => 10;
    b.client.start();
    await b.schedule.pass(25);
    const channel = b.client.open("ch");
    await b.schedule.until(() => channel.entries.length === 1, "it is open");
    expect(b.chat.violations).toEqual([]);
  });

  it("tells when the server does not know the channel", async () => {
    const b = bench();
    b.client.open("nowhere");
    const errors: unknown[] = [];
    b.client.on("error", (error) => errors.push(error));
    b.client.start();
    await b.schedule.until(() => errors.length > 0, "the error is told");
    expect(errors).toEqual([{ code: "not_found", detail: "no such channel", channel: "nowhere" }]);
  });

  it("tells of a frame that breaks the protocol, and goes on", async () => {
    const b = bench();
    const channel = await opened(b);
    b.net.toClient = (data) => (data.includes('"Hi"') ? ['{"type":"message"}', data] : true);
    b.chat.say("ch", { kind: "agent" }, { text: "Hi" });
    await b.schedule.pass(10);
    expect(b.faults).toEqual([{ kind: "frame", detail: "channel is not a string" }]);
    expect(texts(channel.entries)).toEqual(["Hi"]);
  });
});

describe("sending", () => {
  it("is acknowledged, and the message leaves the outbox when it is in the log", async () => {
    const b = bench();
    const channel = await opened(b);
    const acks: unknown[] = [];
    channel.on("ack", (ack) => acks.push(ack));
    const item = channel.send("Do you ship to Norway?");
    expect(channel.outbox).toEqual([item]);
    await b.schedule.until(() => channel.outbox.length === 0, "it is sent");
    expect(texts(channel.entries)).toEqual(["Do you ship to Norway?"]);
    expect(acks).toEqual([{ clientId: item.clientId, seq: 2 }]);
    expect(b.chat.violations).toEqual([]);
  });

  it("waits for a connection and keeps the order", async () => {
    const b = bench();
    const channel = await opened(b);
    b.net.reachable = false;
    b.net.cut();
    await b.schedule.pass(5);
    for (const text of ["one", "two", "three"]) channel.send(text);
    await b.schedule.pass(30_000);
    expect(texts(channel.entries)).toEqual([]);
    b.net.reachable = true;
    await b.schedule.until(() => channel.outbox.length === 0, "all are sent");
    expect(texts(channel.entries)).toEqual(["one", "two", "three"]);
  });

  it("is not doubled when the ack is lost", async () => {
    const b = bench();
    const channel = await opened(b);
    b.net.toClient = (data) => {
      if (!data.includes('"ack"') && !data.includes('"client_id"')) return true;
      b.net.toClient = () => true;
      b.net.cut();
      return false;
    };
    channel.send("once");
    await b.schedule.until(() => channel.outbox.length === 0, "it is sent");
    await b.schedule.pass(60_000);
    expect(texts(b.chat.room("ch").log)).toEqual(["once"]);
    expect(texts(channel.entries)).toEqual(["once"]);
  });

  it("makes a new connection when no ack comes", async () => {
    const b = bench();
    const channel = await opened(b);
    b.net.blackhole = true;
    channel.send("hello?");
    await b.schedule.pass(9_000);
    expect(b.client.status).toBe("online");
    b.net.blackhole = false;
    await b.schedule.until(() => channel.outbox.length === 0, "it is sent");
    expect(b.statuses).toContain("reconnecting");
    expect(texts(channel.entries)).toEqual(["hello?"]);
  });

  it("is tried again by itself after an error that passes, before what was written later", async () => {
    const b = bench();
    const channel = await opened(b);
    let refusals = 2;
    b.chat.refuse = (id) => (id === "c1" && refusals-- > 0 ? "unavailable" : undefined);
    channel.send("first");
    channel.send("second");
    await b.schedule.until(() => channel.outbox.length === 0, "both are sent");
    expect(texts(channel.entries)).toEqual(["first", "second"]);
  });

  it("fails when the error does not pass, and can be tried again under the same id", async () => {
    const b = bench();
    const channel = await opened(b);
    b.chat.refuse = () => "unavailable";
    const item = channel.send("first");
    await b.schedule.until(() => item.state === "failed", "it failed");
    expect(item.error).toBe("unavailable");
    b.chat.refuse = () => undefined;
    channel.retry(item.clientId);
    await b.schedule.until(() => channel.outbox.length === 0, "it is sent");
    expect(b.chat.room("ch").log.at(-1)?.client_id).toBe(item.clientId);
  });

  it("fails at once in a channel that is closed, and the text can be had back", async () => {
    const b = bench();
    const channel = await opened(b);
    b.chat.setOwner("ch", "closed", { kind: "system" });
    const item = channel.send("too late");
    await b.schedule.until(() => item.state === "failed", "it failed");
    expect(item.error).toBe("channel_closed");
    expect(channel.discard(item.clientId)?.text).toBe("too late");
    expect(channel.outbox).toEqual([]);
  });

  it("goes on with what an earlier page had not sent, under the ids it had", async () => {
    const b = bench();
    const channel = await opened(b);
    channel.restore([{ clientId: "page-1", text: "from before", createdAt: 0 }]);
    await b.schedule.until(() => channel.outbox.length === 0, "it is sent");
    expect(b.chat.room("ch").log.at(-1)).toMatchObject({
      client_id: "page-1",
      body: { text: "from before" },
    });
  });
});

describe("a log with entries that are not for everybody", () => {
  it("goes on over their places, live and after a cut", async () => {
    const b = bench();
    const channel = await opened(b);
    b.chat.note("ch", { kind: "user", name: "Ben" }, "a hard one");
    b.chat.say("ch", { kind: "agent" }, { text: "one" });
    await b.schedule.pass(10);
    expect(texts(channel.entries)).toEqual(["one"]);
    b.net.cut();
    b.chat.note("ch", { kind: "user", name: "Ben" }, "still hard");
    b.chat.say("ch", { kind: "agent" }, { text: "two" });
    await b.schedule.until(() => channel.entries.length === 3, "it is back");
    expect(channel.entries.map((e) => e.seq)).toEqual([1, 3, 5]);
    b.chat.note("ch", { kind: "user", name: "Ben" }, "the last word is private");
    channel.send("and mine");
    b.net.cut();
    await b.schedule.until(() => channel.outbox.length === 0, "it is sent");
    expect(texts(channel.entries)).toEqual(["one", "two", "and mine"]);
    expect(b.faults).toEqual([]);
    expect(b.chat.violations).toEqual([]);
  });

  it("does not double an entry that comes twice", async () => {
    const b = bench();
    const channel = await opened(b);
    b.net.toClient = (data) => [data, data];
    b.chat.say("ch", { kind: "agent" }, { text: "echo" });
    await b.schedule.pass(100);
    expect(texts(channel.entries)).toEqual(["echo"]);
  });
});

describe("a streamed answer", () => {
  const delta = (offset: number, text: string, over = {}) => ({
    type: "message.delta",
    channel: "ch",
    turn_id: "t1",
    epoch: 1,
    owner_version: 1,
    offset,
    delta: text,
    ...over,
  });

  it("grows, and gives way to its message", async () => {
    const b = bench();
    const channel = await opened(b);
    b.chat.hint("ch", delta(0, "Within "));
    b.chat.hint("ch", delta(7, "30 days."));
    await b.schedule.pass(10);
    expect(channel.streams.map((s) => s.text)).toEqual(["Within 30 days."]);
    b.chat.say("ch", { kind: "agent" }, { text: "Within 30 days." }, "t1");
    await b.schedule.pass(10);
    expect(channel.streams).toEqual([]);
    expect(texts(channel.entries)).toEqual(["Within 30 days."]);
  });

  it("ends where a person takes over", async () => {
    const b = bench();
    const channel = await opened(b);
    b.chat.hint("ch", delta(0, "Within "));
    b.chat.setOwner("ch", "human", { kind: "user", name: "Ben" });
    b.chat.hint("ch", delta(7, "30 days."));
    await b.schedule.pass(10);
    expect(channel.streams).toEqual([]);
    expect(channel.owner).toBe("human");
  });

  it("whose writer is gone is forgotten after a while", async () => {
    const b = bench();
    const channel = await opened(b);
    b.chat.hint("ch", delta(0, "Within "));
    await b.schedule.pass(10_000);
    expect(channel.streams).toHaveLength(1);
    await b.schedule.pass(12_000);
    expect(channel.streams).toEqual([]);
  });
});

describe("the connection", () => {
  it("waits longer after each failure, and not in step with others", async () => {
    const waits = async (seed: number) => {
      const b = bench({ seed });
      b.net.reachable = false;
      b.net.latency = () => 0;
      b.client.start();
      const at: number[] = [];
      let seen = 0;
      while (at.length < 9) {
        await b.schedule.until(() => b.net.attempts > seen, "another attempt");
        seen = b.net.attempts;
        at.push(b.schedule.now());
      }
      return at.slice(1).map((time, index) => time - (at[index] ?? 0));
    };
    const [one, two] = [await waits(1), await waits(2)];
    expect(one).not.toEqual(two);
    expect(Math.max(...one, ...two)).toBeLessThanOrEqual(20_000);
    expect(Math.min(...one, ...two)).toBeGreaterThanOrEqual(150);
    const sum = (list: number[]) => list.reduce((a, b) => a + b, 0);
    expect(sum([...one.slice(4), ...two.slice(4)])).toBeGreaterThan(
      2 * sum([...one.slice(0, 4), ...two.slice(0, 4)]),
    );
  });

  it("shows offline, tries nothing then, and goes on when the network is back", async () => {
    const b = bench();
    const channel = await opened(b);
    b.net.reachable = false;
    b.network.set(false);
    b.net.cut();
    await b.schedule.pass(100);
    expect(b.client.status).toBe("offline");
    const before = b.net.attempts;
    await b.schedule.pass(600_000);
    expect(b.net.attempts).toBe(before);
    channel.send("still here");
    b.net.reachable = true;
    b.network.set(true);
    await b.schedule.until(() => channel.outbox.length === 0, "it is sent", 5_000);
    expect(b.client.status).toBe("online");
  });

  it("renews its token on the open socket, long before it expires", async () => {
    const b = bench({ tokenMs: 600_000 });
    const channel = await opened(b);
    for (let minute = 0; minute < 45; minute += 1) {
      await b.schedule.pass(60_000);
      b.chat.expire();
    }
    expect(b.net.attempts).toBe(1);
    expect(b.tokens.fresh).toBeGreaterThanOrEqual(4);
    expect(b.tokens.fresh).toBeLessThanOrEqual(6);
    channel.send("hi");
    await b.schedule.until(() => channel.outbox.length === 0, "it is sent");
    expect(b.chat.violations).toEqual([]);
  });

  it("comes back with a new token after 4401", async () => {
    const b = bench();
    await opened(b);
    await b.schedule.pass(10_000);
    const before = b.tokens.fresh;
    b.chat.closeAll(4401);
    await b.schedule.until(() => b.client.status === "online" && b.net.attempts === 2, "back", 100);
    expect(b.tokens.fresh).toBe(before + 1);
  });

  it("does not run in circles when every token is refused", async () => {
    const b = bench();
    await opened(b);
    b.net.toServer = () => {
      b.chat.closeAll(4401);
      return true;
    };
    b.chat.closeAll(4401);
    await b.schedule.pass(60_000);
    expect(b.net.attempts).toBeLessThan(30);
  });

  it("asks for a new token by itself when sockets keep failing to open", async () => {
    const b = bench();
    await opened(b);
    b.net.reachable = false;
    b.net.cut();
    await b.schedule.pass(60_000);
    expect(b.tokens.fresh).toBeGreaterThanOrEqual(1);
  });

  it("stops when no token will come, until it is told to try", async () => {
    let refuse = true;
    const b = bench({
      tokens: async () => {
        if (refuse) throw new Refused("the key is not known");
        return { token: `ann~${9e12}`, expiresAt: 9e12 };
      },
    });
    b.chat.create("ch", "ann");
    b.client.open("ch");
    b.client.start();
    await b.schedule.pass(60_000);
    expect(b.client.status).toBe("refused");
    expect(b.net.attempts).toBe(0);
    refuse = false;
    b.client.retry();
    await b.schedule.until(() => b.client.status === "online", "online");
  });

  it("finds out that a silent link is dead", async () => {
    const b = bench();
    await opened(b);
    b.net.blackhole = true;
    await b.schedule.pass(50_000);
    b.chat.say("ch", { kind: "agent" }, { text: "anyone?" });
    await b.schedule.pass(40_000);
    expect(b.statuses).toContain("reconnecting");
    b.net.blackhole = false;
    await b.schedule.until(() => b.client.status === "online", "online");
    expect(b.chat.violations).toEqual([]);
  });

  it("leaves a living but silent link alone", async () => {
    const b = bench();
    await opened(b);
    await b.schedule.pass(590_000);
    expect(b.net.attempts).toBe(1);
    expect(b.chat.violations).toEqual([]);
  });

  it("leaves nothing running once it is stopped", async () => {
    const b = bench();
    await opened(b);
    b.client.stop();
    await b.schedule.pass(100);
    expect(b.chat.sockets).toBe(0);
    expect(b.schedule.waiting).toBe(0);
    expect(b.client.status).toBe("stopped");
  });
});

describe("typing and reading", () => {
  it("are told to the others, and somebody who falls silent stops typing", async () => {
    const b = bench();
    const channel = await opened(b);
    b.chat.hint("ch", {
      type: "typing",
      channel: "ch",
      sender: { kind: "user", id: "u1", name: "Ben" },
      on: true,
    });
    await b.schedule.pass(10);
    expect(channel.typists).toEqual([{ kind: "user", id: "u1", name: "Ben" }]);
    await b.schedule.pass(7_000);
    expect(channel.typists).toEqual([]);
    channel.typing(true);
    channel.read(1);
    channel.read(1);
    await b.schedule.pass(10);
    expect(b.chat.violations).toEqual([]);
  });
});
