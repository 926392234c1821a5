/** Which languages there are, and which one a page gets. */

import { type PanelStrings, panel } from "./en.ts";

const LOCALES: Record<string, PanelStrings> = { en: panel };

export interface Locale {
  /** The BCP 47 tag that dates and the `lang` attribute use. */
  tag: string;
  strings: PanelStrings;
}

/** The best language there is for `wanted`, such as `de-AT`; English when there is none. */
export function localeFor(wanted: string | undefined): Locale {
  const tag = wanted?.trim() || "en";
  const strings = LOCALES[tag.toLowerCase()] ?? LOCALES[tag.toLowerCase().split("-")[0] ?? ""];
  return strings ? { tag, strings } : { tag: "en", strings: panel };
}
