/** A QR code as a picture that stays sharp. */

import { encode } from "uqr";

const SVG = "http://www.w3.org/2000/svg";
/** The quiet zone around the code, in modules (ISO/IEC 18004 §5.3.8). */
const QUIET = 4;

/** The path of the dark modules: one square each, in a grid of `size`. */
export function modules(text: string): { size: number; path: string } {
  const { data, size } = encode(text, { ecc: "M", border: QUIET });
  const squares = data.flatMap((row, y) =>
    row.flatMap((dark, x) => (dark ? [`M${x} ${y}h1v1h-1z`] : [])),
  );
  return { size, path: squares.join("") };
}

/** The code for scanning; the same stands beside it as text. */
export function qrCode(text: string): SVGElement {
  const { size, path } = modules(text);
  const picture = document.createElementNS(SVG, "svg");
  picture.setAttribute("viewBox", `0 0 ${size} ${size}`);
  picture.setAttribute("class", "qr");
  picture.setAttribute("role", "img");
  picture.setAttribute("aria-label", "QR code for the authenticator app");
  const dark = document.createElementNS(SVG, "path");
  dark.setAttribute("d", path);
  picture.append(dark);
  return picture as SVGElement;
}
