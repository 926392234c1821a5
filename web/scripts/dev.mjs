/**
 * `npm run dev`: builds, then serves dist/ with the tests' fake gateway, to look at the widget
 * without a fleet. The port is PORT, or 4990.
 */

import { mkdtemp, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import * as esbuild from "esbuild";

const web = join(dirname(fileURLToPath(import.meta.url)), "..");
await import("./build.mjs");
const out = await mkdtemp(join(web, "node_modules/.dev-"));
const file = join(out, "fake.mjs");
await esbuild.build({
  absWorkingDir: web,
  stdin: {
    contents: `export { FakeServer } from "./testing/fake-server.ts"; export { FakeAgent } from "./testing/fake-agent.ts";`,
    resolveDir: web,
  },
  bundle: true,
  platform: "node",
  format: "esm",
  packages: "external",
  alias: { "@syntera/client": join(web, "client/src/index.ts") },
  outfile: file,
});
const { FakeServer, FakeAgent } = await import(pathToFileURL(file).href);
await rm(out, { recursive: true });
const server = new FakeServer(join(web, "dist"));
new FakeAgent(server.chat);
console.log(await server.listen(Number(process.env.PORT ?? 4990)));
