/**
 * What a widget does to a page: Lighthouse's points, layout shift and blocking time, and the long tasks
 * before the first click.
 *
 *     node page.mjs --widget none|ours|papercups --dist ../../web/dist
 *
 * The last line that it prints is JSON. Lighthouse takes its usual phone: a processor four times
 * slower, over slow 4G.
 */

import { parseArgs } from "node:util";
import lighthouse from "lighthouse";
import { withBrowser, withSite } from "./site.mjs";

/** How much slower the processor is while long tasks are counted; what Lighthouse takes, too. */
const SLOWER = 4;
/** A page is looked at for so long after it has loaded. */
const LOOK_MS = 3000;

const { values } = parseArgs({
  options: { widget: { type: "string" }, dist: { type: "string" } },
});

async function points(browser, url) {
  const page = await browser.newPage();
  const flags = { onlyCategories: ["performance"], logLevel: "error" };
  const result = await lighthouse(url, flags, undefined, page);
  await page.close();
  if (!result || result.lhr.runtimeError) {
    throw new Error(`Lighthouse: ${result?.lhr.runtimeError?.message ?? "no result"}`);
  }
  const { categories, audits } = result.lhr;
  const value = (name) => {
    const number = audits[name]?.numericValue;
    if (typeof number !== "number") throw new Error(`Lighthouse measured no ${name}`);
    return number;
  };
  return {
    points: Math.round((categories.performance?.score ?? 0) * 100),
    layout_shift: value("cumulative-layout-shift"),
    blocking_ms: value("total-blocking-time"),
  };
}

/** Tasks of 50 ms and longer, and how many of them had a script of the widget in them: the browser
 * names scripts that ran for 5 ms and longer. */
async function longTasks(browser, url, path) {
  const page = await browser.newPage();
  await page.evaluateOnNewDocument(() => {
    globalThis.seen = { tasks: [], scripts: [] };
    const span = ({ startTime, duration }) => ({ from: startTime, to: startTime + duration });
    new PerformanceObserver((list) => {
      globalThis.seen.tasks.push(...list.getEntries().map(span));
    }).observe({ type: "longtask", buffered: true });
    new PerformanceObserver((list) => {
      const scripts = list.getEntries().flatMap((frame) => frame.scripts);
      globalThis.seen.scripts.push(
        ...scripts.map((script) => ({ ...span(script), url: script.sourceURL })),
      );
    }).observe({ type: "long-animation-frame", buffered: true });
  });
  await page.emulateCPUThrottling(SLOWER);
  await page.goto(url, { waitUntil: "load" });
  await new Promise((done) => setTimeout(done, LOOK_MS));
  const { tasks, scripts } = await page.evaluate(() => globalThis.seen);
  await page.close();
  const own = scripts.filter(
    (script) => path && script.url && new URL(script.url, url).pathname.startsWith(path),
  );
  const within = (task) => own.some((script) => script.from < task.to && task.from < script.to);
  return { long_tasks: tasks.length, own_long_tasks: tasks.filter(within).length };
}

const figures = await withSite(values.widget, values.dist, ({ url, path }) =>
  withBrowser(async (browser) => ({
    ...(await points(browser, url)),
    ...(await longTasks(browser, url, path)),
  })),
);
console.log(JSON.stringify(figures));
