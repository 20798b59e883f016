// The console in a browser, against a real cluster that somebody else started: RAMPART_URL is one of
// its nodes. The browser is the system's own Chromium; none is ever downloaded.
import { defineConfig } from "@playwright/test";

const chromium = process.env.RAMPART_CHROMIUM ?? "/usr/bin/chromium";
export const SCREENSHOTS = process.env.RAMPART_SCREENSHOTS ?? "../../target/console";

export default defineConfig({
  testDir: "tests",
  outputDir: `${SCREENSHOTS}/failures`,
  workers: 1,
  retries: 0,
  forbidOnly: true,
  reporter: [["list"]],
  timeout: 300_000,
  expect: { timeout: 60_000 },
  use: {
    baseURL: process.env.RAMPART_URL ?? "http://127.0.0.1:8081",
    viewport: { width: 1280, height: 800 },
    colorScheme: "light",
    timezoneId: "UTC",
    screenshot: "only-on-failure",
    actionTimeout: 60_000,
    launchOptions: {
      executablePath: chromium,
      // Root, as in CI, has no sandbox; the pages are our own.
      chromiumSandbox: process.getuid?.() !== 0,
    },
  },
});
