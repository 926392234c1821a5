import { describe, expect, it } from "vitest";
import { type Entry, type Item, readEntry, View } from "../src/index.ts";

const visitor = { kind: "visitor", id: "v" };

function entry(seq: number, kind: string, over: object = {}): Entry {
  return readEntry({
    channel: "ch",
    seq,
    kind,
    sender: visitor,
    owner_version: 1,
    created_at: "2026-11-23T10:00:00Z",
    ...over,
  });
}

function viewOf(...entries: Entry[]): View {
  const view = new View();
  for (const one of entries) view.apply(one);
  return view;
}

const said = (seq: number, text: string) => entry(seq, "message", { body: { text } });

function shown(items: readonly Item[]): string[] {
  return items.map((item) =>
    item.type === "message" ? (item.deleted ? "(gone)" : item.body.text) : item.type,
  );
}

describe("messages as they stand", () => {
  it("have the words of their last edit", () => {
    const view = viewOf(
      said(1, "one"),
      entry(2, "edit", { of_seq: 1, body: { text: "two" } }),
      entry(3, "edit", { of_seq: 1, body: { text: "three" } }),
    );
    expect(shown(view.items)).toEqual(["three"]);
    expect(view.message(1)?.edited).toBe(true);
  });

  it("have no words once they were taken back, whatever comes after", () => {
    const view = viewOf(
      said(1, "one"),
      entry(2, "delete", { of_seq: 1 }),
      entry(3, "edit", { of_seq: 1, body: { text: "two" } }),
    );
    expect(shown(view.items)).toEqual(["(gone)"]);
    expect(view.message(1)?.body).toEqual({ text: "" });
  });

  it("that were read as they stand do not change by the edits before them", () => {
    const body = { text: "three" };
    const view = viewOf(
      entry(1, "message", { body, edited_at: "2026-11-23T10:01:00Z" }),
      entry(2, "edit", { of_seq: 1 }),
      entry(3, "edit", { of_seq: 1, body }),
    );
    expect(shown(view.items)).toEqual(["three"]);
  });

  it("have the signs of each sender once", () => {
    const ben = { sender: { kind: "user", id: "u" } };
    const sign = (seq: number, on: boolean, over = {}) =>
      entry(seq, "reaction", { of_seq: 1, emoji: "👍", on, ...over });
    const view = viewOf(said(1, "one"), sign(2, true), sign(3, true), sign(4, true, ben));
    expect(view.message(1)?.reactions).toMatchObject([{ emoji: "👍", by: [visitor, ben.sender] }]);
    view.apply(sign(5, false));
    view.apply(sign(6, false, ben));
    expect(view.message(1)?.reactions).toEqual([]);
  });

  it("leave out what is about a message that is not here", () => {
    const view = viewOf(entry(5, "delete", { of_seq: 2 }), said(6, "six"));
    expect(shown(view.items)).toEqual(["six"]);
  });
});

describe("a conversation", () => {
  const change = (seq: number, what: object, over = {}) =>
    entry(seq, "change", { change: what, ...over });

  it("is rated once for each time that it was open", () => {
    const view = viewOf(
      entry(1, "state", { owner: "ai", episode: 1 }),
      entry(2, "state", { owner: "closed", episode: 1 }),
      change(3, { what: "rated", score: 4 }),
    );
    expect(view.rating).toBe(4);
    view.apply(entry(4, "state", { owner: "ai", episode: 2 }));
    expect([view.rating, view.episode]).toEqual([undefined, 2]);
  });

  it("goes on in another one until that is undone", () => {
    const view = viewOf(change(1, { what: "merged", into: "other" }));
    expect(view.mergedInto).toBe("other");
    view.apply(change(2, { what: "unmerged", other: "other" }));
    expect(view.mergedInto).toBeUndefined();
  });

  it("keeps what was said of an answer, and takes the word back", () => {
    const view = viewOf(
      said(1, "answer"),
      change(2, { what: "helpful", helpful: true }, { of_seq: 1 }),
    );
    expect(view.message(1)?.helpful).toBe(true);
    view.apply(change(3, { what: "helpful" }, { of_seq: 1 }));
    expect(view.message(1)?.helpful).toBeUndefined();
  });
});
