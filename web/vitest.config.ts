/** Unit tests: no browser, no network. The browser tests are Playwright's (playwright.config.ts). */
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["*/test/**/*.test.ts"],
    environment: "node",
  },
});
