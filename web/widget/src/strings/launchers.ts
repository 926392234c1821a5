/** The launcher's few words in every language, which must be there before anything is loaded. */

import { launcher as ar } from "./ar.ts";
import { launcher as de } from "./de.ts";
import { launcher as en, type LauncherStrings } from "./en.ts";
import { launcher as es } from "./es.ts";
import { launcher as fr } from "./fr.ts";
import { launcher as he } from "./he.ts";
import type { Language } from "./index.ts";
import { launcher as it } from "./it.ts";
import { launcher as pt } from "./pt.ts";

const ALL: Record<Language | "en", LauncherStrings> = { ar, de, en, es, fr, he, it, pt };

/** The words of a tag such as `de-AT`; English where there are none. */
export function launcherStrings(tag: string): LauncherStrings {
  const language = tag.toLowerCase().split("-")[0] ?? "";
  return Object.hasOwn(ALL, language) ? ALL[language as Language] : en;
}
