import { describe, expect, it } from "vitest";
import type { DeltaFrame } from "../src/index.ts";
import { STREAM_SILENCE_MS, Streams } from "../src/streams.ts";

function delta(offset: number, text: string, over: Partial<DeltaFrame> = {}): DeltaFrame {
  return {
    type: "message.delta",
    channel: "ch",
    turn_id: "t1",
    epoch: 1,
    owner_version: 1,
    offset,
    delta: text,
    ...over,
  };
}

function shown(streams: Streams): string[] {
  return streams.list().map((stream) => stream.text);
}

describe("deltas", () => {
  it("make up the text in UTF-16 code units", () => {
    const streams = new Streams();
    streams.delta(delta(0, "Tent 🏕️ "), 1, 0);
    streams.delta(delta("Tent 🏕️ ".length, "yes"), 1, 0);
    expect(shown(streams)).toEqual(["Tent 🏕️ yes"]);
  });

  it("that came before are not added twice", () => {
    const streams = new Streams();
    streams.delta(delta(0, "one "), 1, 0);
    streams.delta(delta(4, "two "), 1, 0);
    expect(streams.delta(delta(4, "two "), 1, 0)).toBe(false);
    expect(shown(streams)).toEqual(["one two "]);
  });

  it("after a hole are not shown as if nothing were missing", () => {
    const streams = new Streams();
    streams.delta(delta(0, "one "), 1, 0);
    streams.delta(delta(8, "three"), 1, 0);
    expect(shown(streams)).toEqual(["one "]);
  });

  it("start again at offset 0, in the same epoch and in a higher one", () => {
    const streams = new Streams();
    streams.delta(delta(0, "first"), 1, 0);
    streams.delta(delta(0, "second"), 1, 0);
    expect(shown(streams)).toEqual(["second"]);
    streams.delta(delta(0, "third", { epoch: 2 }), 1, 0);
    expect(shown(streams)).toEqual(["third"]);
  });

  it("of a lower epoch are dropped", () => {
    const streams = new Streams();
    streams.delta(delta(0, "new", { epoch: 2 }), 1, 0);
    streams.delta(delta(0, "old"), 1, 0);
    streams.delta(delta(3, "old"), 1, 0);
    expect(shown(streams)).toEqual(["new"]);
  });

  it("that are joined in the middle show that something is written, but no part of it", () => {
    const streams = new Streams();
    streams.delta(delta(40, "the end"), 1, 0);
    streams.delta(delta(47, "."), 1, 0);
    expect(shown(streams)).toEqual([""]);
    streams.delta(delta(0, "the start"), 1, 0);
    expect(shown(streams)).toEqual(["the start"]);
  });

  it("of an ended turn do not bring it back", () => {
    const streams = new Streams();
    streams.delta(delta(0, "text"), 1, 0);
    streams.end("t1");
    expect(streams.delta(delta(0, "text", { epoch: 9 }), 1, 0)).toBe(false);
    expect(shown(streams)).toEqual([]);
  });

  it("of an aborted epoch are gone until the text starts again", () => {
    const streams = new Streams();
    streams.delta(delta(0, "text"), 1, 0);
    expect(streams.aborted("t1", 1)).toBe(true);
    streams.delta(delta(4, " late"), 1, 0);
    expect(shown(streams)).toEqual([]);
    streams.delta(delta(0, "again"), 1, 0);
    expect(shown(streams)).toEqual(["again"]);
  });

  it("of a higher epoch outlive the abort of a lower one", () => {
    const streams = new Streams();
    streams.delta(delta(0, "text", { epoch: 2 }), 1, 0);
    expect(streams.aborted("t1", 1)).toBe(false);
    expect(shown(streams)).toEqual(["text"]);
  });

  it("started under an older owner are void from its change on", () => {
    const streams = new Streams();
    streams.delta(delta(0, "text"), 1, 0);
    streams.ownerChanged(5);
    expect(shown(streams)).toEqual([]);
    expect(streams.delta(delta(0, "text"), 5, 0)).toBe(false);
    expect(shown(streams)).toEqual([]);
  });

  it("that stop without a word are forgotten", () => {
    const streams = new Streams();
    streams.delta(delta(0, "text"), 1, 100);
    expect(streams.sweep(100 + STREAM_SILENCE_MS - 1)).toBe(false);
    expect(streams.sweep(100 + STREAM_SILENCE_MS)).toBe(true);
    expect(shown(streams)).toEqual([]);
  });
});
