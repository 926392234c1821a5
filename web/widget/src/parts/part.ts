/** How a part of the panel hands itself over: on its own script element, with its style sheet. */

import type { WidgetScript } from "../contract.ts";

export function hand(part: object, css?: string): void {
  (document.currentScript as WidgetScript).syntera = { ...part, css };
}
