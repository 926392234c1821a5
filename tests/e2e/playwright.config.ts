/**
 * Journeys through a running, seeded fleet. `cargo xtask test e2e` starts one and says where:
 *
 *     SYNTERA_E2E_BASE_URL       the gateway, http://127.0.0.1:4000 when not set
 *     SYNTERA_E2E_INSTANCE_DIR   the instance's folder; the tests that kill processes or read logs
 *                                need it, and are left out without it
 *     CHROMIUM_PATH              the browser, /usr/bin/chromium when not set
 */

import { defineConfig } from "@playwright/test";
import { BASE_URL } from "./src/fleet.ts";

export default defineConfig({
  testDir: "specs",
  // One at a time: they share a fleet, some stop parts of it, and machines may be small.
  workers: 1,
  fullyParallel: false,
  forbidOnly: !!process.env.CI,
  // A test that needs a second try has found something.
  retries: 0,
  timeout: 90_000,
  expect: { timeout: 20_000 },
  reporter: [["list"]],
  use: {
    baseURL: BASE_URL,
    trace: "retain-on-failure",
    launchOptions: {
      executablePath: process.env.CHROMIUM_PATH ?? "/usr/bin/chromium",
      args: [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
      ],
    },
  },
});
