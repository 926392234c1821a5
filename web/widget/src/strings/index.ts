/** Which language a page gets, as the panel knows it. */

import { type LoadedStrings, type PanelStrings, panel } from "./en.ts";

export interface Locale {
  /** The BCP 47 tag that dates and the `lang` attribute use. */
  tag: string;
  dir: "ltr" | "rtl";
  strings: PanelStrings;
  /** All that was loaded of another language than English. */
  loaded: LoadedStrings | undefined;
}

/** English until the language is there, and where it cannot be loaded. */
export function localeOf(tag: string, loaded?: LoadedStrings): Locale {
  return loaded
    ? { tag, dir: directionOf(tag), strings: loaded.panel, loaded }
    : { tag: /^en\b/i.test(tag) ? tag : "en", dir: "ltr", strings: panel, loaded };
}

/** Which way a language is written. */
export function directionOf(tag: string): "ltr" | "rtl" {
  return /^(ar|he)\b/i.test(tag) ? "rtl" : "ltr";
}

/** The languages that there are beside English, each a file of its own. */
export const LANGUAGES = ["de", "fr", "es", "pt", "it", "ar", "he"] as const;
export type Language = (typeof LANGUAGES)[number];

/** The language of a tag such as `de-AT`, if it is one that must be loaded. */
export function languageOf(tag: string): Language | undefined {
  const language = tag.toLowerCase().split("-")[0];
  return LANGUAGES.find((one) => one === language);
}
