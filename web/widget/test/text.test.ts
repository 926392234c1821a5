import { describe, expect, it } from "vitest";
import { type Part, parts, safeUrl } from "../src/panel/text.ts";

/** Parts as short text: links in <>, citations as ^n. */
function shown(text: string, cites: ReadonlySet<number> | "all" | "none" = "none"): string {
  const one = (part: Part): string =>
    part.kind === "link" ? `<${part.text}>` : part.kind === "cite" ? `^${part.n}` : part.text;
  return parts(text, cites).map(one).join("|");
}

describe("links", () => {
  it.each([
    ["see https://a.test/x?y=1#z now", "see |<https://a.test/x?y=1#z>| now"],
    ["at https://a.test.", "at |<https://a.test>|."],
    ["(https://a.test/b)", "(|<https://a.test/b>|)"],
    ["https://a.test/b_(c)", "<https://a.test/b_(c)>"],
    ["https://a.test/b_(c)).", "<https://a.test/b_(c)>|)."],
    ["([https://a.test/b].)", "([|<https://a.test/b>|].)"],
    ["[https://a.test]", "[|<https://a.test>|]"],
    ["http://a.test, https://b.test!", "<http://a.test>|, |<https://b.test>|!"],
    ["https:// nothing", "https:// nothing"],
    [
      "ftp://a.test javascript:alert(1) mailto:a@b.test",
      "ftp://a.test javascript:alert(1) mailto:a@b.test",
    ],
    ['https://a.test/"onmouseover="x', '<https://a.test/>|"onmouseover="x'],
    ["https://a.test/<b>", "<https://a.test/>|<b>"],
  ])("%s", (text, expected) => {
    expect(shown(text)).toBe(expected);
  });

  it("keep every character of the text", () => {
    const text = "a https://a.test/) b [1] https://x.test... c\nd";
    const whole = parts(text, "none").map((part) => (part.kind === "cite" ? "" : part.text));
    expect(whole.join("")).toBe(text);
  });

  it.each([
    ["brackets that match", "(".repeat(20_000) + ")".repeat(20_000)],
    ["brackets that nobody opened", ")".repeat(20_000)],
    ["stops in the middle", `${".".repeat(40_000)}a`],
  ])("are found in no more time than the text is long: %s", (_, end) => {
    const long = `https://a.test/${end}. `.repeat(3);
    const before = performance.now();
    parts(long, "all");
    expect(performance.now() - before).toBeLessThan(500);
  });
});

describe("citations", () => {
  it("are the numbers of sources, and hang on the word before", () => {
    expect(shown("Yes [1]. No [2][3].", new Set([1, 3]))).toBe("Yes|^1|. No [2]|^3|.");
  });

  it("are not looked for where there are no sources", () => {
    expect(shown("a[1]")).toBe("a[1]");
  });

  it("are taken on trust while the text streams", () => {
    expect(shown("a [7] b [100]", "all")).toBe("a|^7| b [100]");
  });
});

describe("addresses of sources", () => {
  it.each([
    ["/demo/help/a.html", "https://shop.test/demo/help/a.html"],
    ["https://x.test/a", "https://x.test/a"],
    ["javascript:alert(1)", undefined],
    [" javascript:alert(1)", undefined],
    ["data:text/html,x", undefined],
    ["//evil.test/a", "https://evil.test/a"],
    ["http://[", undefined],
    [undefined, undefined],
  ])("%s", (url, expected) => {
    expect(safeUrl(url, "https://shop.test/page")).toBe(expected);
  });
});
