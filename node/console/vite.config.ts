// How the bundle is built, and served while it is being written (npm run dev, against a running
// node: RAMPART_URL, by default the first node of `rampart dev`).
import { defineConfig } from "vitest/config";

const node = process.env.RAMPART_URL ?? "http://127.0.0.1:8081";

export default defineConfig({
  base: "/console/",
  build: {
    outDir: process.env.RAMPART_CONSOLE_OUT ?? "dist/bundle",
    emptyOutDir: true,
    // Browsers of the last two years; `light-dark()` and `<dialog>` are used as they are.
    target: "es2022",
    cssTarget: ["chrome123", "firefox120", "safari17.5"],
    // A file of its own for everything, which is what `default-src 'self'` allows.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  server: { proxy: { "/v1": node, "/docs": node, "/openapi.json": node } },
  test: { include: ["src/**/*.test.ts"] },
});
