import { expect, expectTypeOf, it } from "vitest";
import type * as npm from "../npm/index.js";
import manifest from "../package.json" with { type: "json" };
import type { BootOptions, SynteraApi, WidgetEvents } from "../src/contract.ts";

it("the types of the npm module are those of the widget", () => {
  expectTypeOf<npm.SynteraApi>().toEqualTypeOf<SynteraApi>();
  expectTypeOf<npm.BootOptions>().toEqualTypeOf<BootOptions>();
  expectTypeOf<npm.WidgetEvents>().toEqualTypeOf<WidgetEvents>();
});

it("the npm module brings nothing along", () => {
  expect(manifest).not.toHaveProperty("dependencies");
  expect(manifest.files).toEqual(["npm"]);
});
