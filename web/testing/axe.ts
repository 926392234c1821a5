/**
 * What axe finds on a page, for the browser tests here and in tests/e2e. It imports no package: each
 * of the two has its own Playwright and its own axe.
 */

import { readFile } from "node:fs/promises";

/** The part of Playwright's page that is needed. */
export interface Evaluates {
  evaluate<T>(run: string | (() => T | Promise<T>)): Promise<T>;
}

interface Axe {
  run(options: object): Promise<{
    violations: { id: string; nodes: { target: unknown; failureSummary: string }[] }[];
  }>;
}

/** What axe finds, as lines to read; `script` is the file `axe-core/axe.min.js`. */
export async function findingsBy(script: string, page: Evaluates): Promise<string[]> {
  // Evaluated, not added as a script element, which the page's policy would refuse.
  await page.evaluate(await readFile(script, "utf8"));
  return page.evaluate(async () => {
    const { axe } = window as unknown as { axe: Axe };
    const { violations } = await axe.run({
      runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    });
    return violations.flatMap(({ id, nodes }) =>
      nodes.map((node) => `${id}: ${JSON.stringify(node.target)} ${node.failureSummary}`),
    );
  });
}
