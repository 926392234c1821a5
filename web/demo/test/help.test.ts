import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { helpPages } from "../../scripts/help.mjs";

const pages = await helpPages(fileURLToPath(new URL("../help", import.meta.url)));

it("the shop has the help pages of a real one, each short enough to be read", () => {
  expect(pages.length).toBeGreaterThanOrEqual(10);
  expect(new Set(pages.map((page) => page.title)).size).toBe(pages.length);
  for (const { slug, html } of pages) {
    expect(slug).toMatch(/^[a-z-]+$/);
    const words = html.replace(/<[^>]+>/g, " ").split(/\s+/).length;
    expect(words, slug).toBeGreaterThan(100);
    expect(words, slug).toBeLessThan(320);
  }
});

it("facts that stand on several pages are the same on all of them", () => {
  const all = pages.map((page) => page.html).join("\n");
  // [what is looked for, the one form that it may have]
  const facts: [RegExp, string][] = [
    [/within (\d+) days of delivery for a full refund/g, "60"],
    [/return period of (\d+) days/g, "60"],
    [/(\d{3}) Larch Street/g, "214"],
    [/\(555\) (010-\d{4})/g, "010-0142"],
    [/open Monday to Friday from (8 a\.m\. to \d+ p\.m\.)/g, "8 a.m. to 6 p.m."],
    [/in the chat Monday to Friday from (8 a\.m\. to \d+ p\.m\.)/g, "8 a.m. to 6 p.m."],
    [/shipping to the workshop costs \$([\d.]+)/g, "6.95"],
    [/Standard shipping costs \$([\d.]+)/g, "6.95"],
  ];
  for (const [pattern, expected] of facts) {
    const found = [...all.matchAll(pattern)].map((match) => match[1]);
    expect(found.length, String(pattern)).toBeGreaterThan(0);
    expect(new Set(found), String(pattern)).toEqual(new Set([expected]));
  }
});
