/**
 * A message's text as parts to draw: plain text, links and citations. Nothing is ever read as HTML,
 * and a link is only what says http or https.
 */

import type { Source } from "@syntera/client";

export type Part =
  | { kind: "text"; text: string }
  | { kind: "link"; text: string; href: string }
  | { kind: "cite"; n: number };

const LINK = /https?:\/\/[^\s<>"'`]+/g;
const CITE = /\[(\d{1,2})\]/g;

/** The address if it is one that may be opened from a message, and nothing else. */
export function safeUrl(url: string | undefined, base: string, mail = false): string | undefined {
  if (url === undefined) return undefined;
  try {
    const { protocol, href } = new URL(url, base);
    return /^https?:$/.test(protocol) || (mail && protocol === "mailto:") ? href : undefined;
  } catch {
    return undefined;
  }
}

/** What ends a sentence ends no address, nor does a bracket that was opened before it. */
function trimLink(found: string): string {
  const count = (mark: string) => found.split(mark).length;
  // Counted once and kept up to date: a text may be nothing but brackets.
  const unopened = new Map([
    [")", count(")") - count("(")],
    ["]", count("]") - count("[")],
  ]);
  let end = found.length;
  for (; end > 0; end -= 1) {
    const last = found.charAt(end - 1);
    const left = unopened.get(last);
    if (left === undefined ? !".,;:!?…".includes(last) : left <= 0) break;
    if (left !== undefined) unopened.set(last, left - 1);
  }
  return found.slice(0, end);
}

/** `cites` are the numbers that stand for sources; other brackets are text. */
export function parts(
  text: string,
  cites: ReadonlySet<number> | "all" | "none",
  links = true,
): Part[] {
  const out: Part[] = [];
  let from = 0;
  for (const match of links ? text.matchAll(LINK) : []) {
    const link = trimLink(match[0]);
    const href = safeUrl(link, "https://invalid.invalid");
    if (href === undefined || !/^https?:\/\/[^/]/.test(link)) continue;
    cited(text.slice(from, match.index), cites, out);
    out.push({ kind: "link", text: link, href });
    from = match.index + link.length;
  }
  cited(text.slice(from), cites, out);
  return out;
}

function cited(text: string, cites: ReadonlySet<number> | "all" | "none", out: Part[]): void {
  let from = 0;
  if (cites !== "none") {
    for (const match of text.matchAll(CITE)) {
      const n = Number(match[1]);
      if (cites !== "all" && !cites.has(n)) continue;
      // A citation hangs on its word: no space before it, so that it never begins a line.
      const before = text.slice(from, match.index).trimEnd();
      if (before) out.push({ kind: "text", text: before });
      out.push({ kind: "cite", n });
      from = match.index + match[0].length;
    }
  }
  if (from < text.length) out.push({ kind: "text", text: text.slice(from) });
}

export function citesOf(sources: readonly Source[] | undefined): ReadonlySet<number> | "none" {
  return sources && sources.length > 0 ? new Set(sources.map((source) => source.n)) : "none";
}
