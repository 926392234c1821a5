/** What axe finds on a page, as lines to read. */

import { createRequire } from "node:module";
import type { Page } from "@playwright/test";
import { findingsBy } from "../../../web/testing/axe.ts";

const AXE = createRequire(import.meta.url).resolve("axe-core/axe.min.js");

export function findings(page: Page): Promise<string[]> {
  return findingsBy(AXE, page);
}
