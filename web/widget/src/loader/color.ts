/**
 * An accent of the page's choice, made readable: as a ground it gets words that stand out from it,
 * as words it is darkened or lightened until it stands out from the panel (WCAG 2.2, 1.4.3).
 */

type Rgb = [number, number, number];

/** Relative luminance (WCAG 2.2, "relative luminance"). */
function luminance(color: Rgb): number {
  const [r = 0, g = 0, b = 0] = color.map((part) => {
    const share = part / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(a: number, b: number): number {
  return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
}

function parse(color: string): Rgb | undefined {
  const [, digits] = /^#([\da-f]{3}|[\da-f]{6})$/i.exec(color.trim()) ?? [];
  if (!digits) return undefined;
  const long = digits.length === 3 ? digits.replace(/./g, "$&$&") : digits;
  return [0, 2, 4].map((at) => Number.parseInt(long.slice(at, at + 2), 16)) as Rgb;
}

/** The declarations for `#rgb` or `#rrggbb` on a light or a dark panel; nothing for other text. */
export function accent(color: string, dark: boolean): string {
  const parsed = parse(color);
  if (!parsed) return "";
  const end = dark ? 255 : 0;
  // The panel's raised grounds, which are the hardest to stand out from.
  const ground = luminance(dark ? [0x2c, 0x31, 0x40] : [0xee, 0xf1, 0xf6]);
  let words = parsed;
  for (let step = 0; step < 20 && contrast(luminance(words), ground) < 4.6; step += 1) {
    words = words.map((part) => Math.round(part + (end - part) * 0.1)) as Rgb;
  }
  const css = (one: Rgb) => `rgb(${one.join(" ")})`;
  const light = luminance(words);
  const on = contrast(light, 1) >= 4.5 ? "#fff" : "#0b0e14";
  return `--accent:${css(words)};--accent-strong:color-mix(in srgb,${css(words)} 88%,${on === "#fff" ? "#000" : "#fff"});--on-accent:${on};--focus:${css(words)};--tint:color-mix(in srgb,${css(words)} 10%,var(--bg));`;
}
