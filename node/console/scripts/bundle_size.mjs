// Refuses a bundle that has grown beyond what a page may cost over a slow line.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

const KIB_MAX = 150;
const folder = process.argv[2] ?? "dist/bundle";

const files = readdirSync(folder, { recursive: true, withFileTypes: true });
const sizes = files
  .filter((file) => file.isFile())
  .map((file) => gzipSync(readFileSync(join(file.parentPath, file.name))).length);
const kib = sizes.reduce((sum, size) => sum + size, 0) / 1024;
console.log(`console: ${kib.toFixed(1)} KiB gzipped in ${sizes.length} files, ${KIB_MAX} at most`);
if (sizes.length === 0 || kib > KIB_MAX) process.exit(1);
