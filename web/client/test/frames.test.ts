import { describe, expect, it } from "vitest";
import { FrameError, readEntry, readFrame } from "../src/index.ts";

const message = {
  type: "message",
  channel: "ch",
  seq: 3,
  kind: "message",
  sender: { kind: "agent", name: "Juniper" },
  client_id: "t1",
  turn_id: "t1",
  body: {
    text: "Within 30 days [1].",
    sources: [{ n: 1, title: "Returns", url: "/r", document_id: "d1", quote: "30 days" }],
    offers_person: true,
  },
  owner_version: 1,
  created_at: "2026-11-23T10:00:00Z",
};

describe("reading a frame", () => {
  it("gives a message whole, and leaves out what it does not know", () => {
    const { type: _, ...entry } = message;
    expect(readFrame(JSON.stringify({ ...message, shade: "green" }))).toEqual({
      type: "entry",
      entry,
    });
  });

  it("takes an optional field that is null as one that is not there", () => {
    const read = readFrame(
      JSON.stringify({ ...message, turn_id: null, body: { text: "hi", sources: null } }),
    );
    expect(read).toMatchObject({ type: "entry", entry: { body: { text: "hi" } } });
    expect(read).not.toHaveProperty("entry.turn_id");
  });

  it("reads an entry of GET /messages, which names the channel otherwise", () => {
    const { type: _, channel, ...entry } = message;
    expect(readEntry({ channel_id: channel, ...entry })).toEqual({ channel, ...entry });
  });

  it("keeps the place of an entry whose kind it does not know", () => {
    expect(readFrame('{"type":"poll","kind":"poll","channel":"ch","seq":4}')).toEqual({
      type: "entry",
      entry: { channel: "ch", seq: 4, kind: "other" },
    });
  });

  it("does not stumble over a type of frame that it does not know", () => {
    expect(readFrame('{"type":"weather","channel":"ch"}')).toEqual({
      type: "unknown",
      name: "weather",
    });
  });

  it("gives a message that was taken back without a word of it", () => {
    const { body: _, ...gone } = message;
    const read = readFrame(JSON.stringify({ ...gone, deleted_at: "2026-11-23T10:01:00Z" }));
    expect(read).toMatchObject({ entry: { body: { text: "" }, deleted_at: expect.anything() } });
  });

  it("reads what later entries do to earlier ones", () => {
    const base = { ...message, body: undefined, of_seq: 2 };
    const read = (over: object) => readFrame(JSON.stringify({ ...base, ...over }));
    expect(read({ type: "edit", kind: "edit", body: { text: "x" } })).toMatchObject({
      entry: { kind: "edit", of_seq: 2, body: { text: "x" } },
    });
    expect(read({ type: "delete", kind: "delete" })).toMatchObject({ entry: { kind: "delete" } });
    expect(read({ type: "reaction", kind: "reaction", emoji: "👍", on: true })).toMatchObject({
      entry: { emoji: "👍", on: true },
    });
    const helpful = { what: "helpful", helpful: false };
    expect(read({ type: "change", kind: "change", change: helpful })).toMatchObject({
      entry: { change: helpful, of_seq: 2 },
    });
    expect(read({ type: "change", kind: "change", change: { what: "painted" } })).toMatchObject({
      entry: { change: { what: "other" } },
    });
  });

  it("gives a tree whole or not at all", () => {
    const tree = (blocks: unknown) =>
      readFrame(JSON.stringify({ ...message, body: { text: "x", blocks } }));
    const known = [{ type: "list", start: null, items: [[{ type: "rule" }]] }];
    expect(tree(known)).toMatchObject({ entry: { body: { blocks: known } } });
    const strange = [
      [{ type: "html", html: "<b>" }],
      [{ type: "paragraph", spans: [{ type: "image", src: "x" }] }],
      [{ type: "paragraph", spans: [{ type: "link", href: 1, spans: [] }] }],
      JSON.parse("[".repeat(400) + "]".repeat(400)),
      "x",
      [null],
    ];
    for (const one of strange) expect(tree(one)).not.toHaveProperty("entry.body.blocks");
  });

  it("reads a place in the queue, with what is not known left out", () => {
    const queue = { type: "queue", channel: "ch", position: 2, expected_wait_seconds: null };
    expect(readFrame(JSON.stringify({ ...queue, people_online: 3 }))).toEqual({
      type: "queue",
      channel: "ch",
      position: 2,
      people_online: 3,
    });
  });

  it.each([
    ["a reaction without a sign", JSON.stringify({ ...message, kind: "reaction", of_seq: 1 })],
    ["a message without a body", JSON.stringify({ ...message, body: undefined })],
    ["not text", new ArrayBuffer(2)],
    ["not JSON", "{"],
    ["a list", "[]"],
    ["no type", "{}"],
    ["seq 0", JSON.stringify({ ...message, seq: 0 })],
    ["half a seq", JSON.stringify({ ...message, seq: 1.5 })],
    ["a sender of no kind", JSON.stringify({ ...message, sender: { kind: "robot" } })],
    ["a body without text", JSON.stringify({ ...message, body: {} })],
    ["sources that are no list", JSON.stringify({ ...message, body: { text: "", sources: {} } })],
    ["an unknown owner", JSON.stringify({ ...message, kind: "state", owner: "nobody" })],
    ["a delta without an offset", '{"type":"message.delta","channel":"c","turn_id":"t","epoch":1}'],
    ["ready without a heartbeat", '{"type":"ready"}'],
  ])("refuses %s", (_, data) => {
    expect(() => readFrame(data)).toThrow(FrameError);
  });
});
