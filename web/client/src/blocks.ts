/**
 * A message's text as the tree that the server parsed from its Markdown, to be drawn as elements of
 * the client's own. No part of it is ever HTML.
 */

export type Block =
  | { type: "paragraph"; spans: Span[] }
  | { type: "heading"; level: number; spans: Span[] }
  /** A list without numbers has no `start`. */
  | { type: "list"; start?: number; items: Block[][] }
  | { type: "code"; language?: string; text: string }
  | { type: "quote"; blocks: Block[] }
  | { type: "rule" };

export type Span =
  | { type: "text"; text: string }
  | { type: "strong" | "emphasis" | "strike"; spans: Span[] }
  | { type: "code"; text: string }
  | { type: "link"; href: string; spans: Span[] }
  | { type: "break" };

/** Deeper than the server nests; what is deeper is not drawn as a tree. */
const DEPTH = 24;

type Node = Record<string, unknown>;

const isText = (value: unknown): boolean => typeof value === "string";

function all(value: unknown, depth: number, one: (value: unknown, depth: number) => boolean) {
  return depth < DEPTH && Array.isArray(value) && value.every((item) => one(item, depth + 1));
}

function isSpan(value: unknown, depth: number): boolean {
  const span = (value ?? {}) as Node;
  switch (span.type) {
    case "text":
    case "code":
      return isText(span.text);
    case "strong":
    case "emphasis":
    case "strike":
      return all(span.spans, depth, isSpan);
    case "link":
      return isText(span.href) && all(span.spans, depth, isSpan);
    default:
      return span.type === "break";
  }
}

function isBlock(value: unknown, depth: number): boolean {
  const block = (value ?? {}) as Node;
  switch (block.type) {
    case "paragraph":
    case "heading":
      return all(block.spans, depth, isSpan);
    case "list":
      return all(block.items, depth, (item, at) => all(item, at, isBlock));
    case "code":
      return isText(block.text);
    case "quote":
      return all(block.blocks, depth, isBlock);
    default:
      return block.type === "rule";
  }
}

/** The tree, when every part of it is known here; else the text is to be shown as it is. */
export function readBlocks(value: unknown): Block[] | undefined {
  return Array.isArray(value) && value.length > 0 && all(value, 0, isBlock)
    ? (value as Block[])
    : undefined;
}
