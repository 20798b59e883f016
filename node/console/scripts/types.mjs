// Makes src/api/schema.ts from the server's OpenAPI document, or with --check says whether it is
// what the document makes: node scripts/types.mjs [--check] FILE-OR-URL, or --server BINARY to ask a
// node that is started for it and ended.
import { spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import openapi, { astToString } from "openapi-typescript";

const OUT = new URL("../src/api/schema.ts", import.meta.url);
const isCheck = process.argv.includes("--check");
const from = process.argv.at(-1) ?? "";

async function document() {
  if (process.argv.includes("--server")) return fromServer(from);
  if (!/^https?:/.test(from)) return JSON.parse(readFileSync(from, "utf8"));
  const response = await fetch(from);
  if (!response.ok) throw new Error(`${from} answered ${response.status}`);
  return response.json();
}

/** Of a node in memory, on a port that others seldom use. */
async function fromServer(binary) {
  const port = String(30_000 + (process.pid % 20_000));
  const node = spawn(binary, ["dev", "--nodes", "1", "--http-port-base", port]);
  try {
    for await (const text of node.stdout) {
      const url = /serves (http:\S+)/.exec(text.toString())?.[1];
      if (url) return await (await fetch(`${url}/openapi.json`)).json();
    }
    throw new Error(`${binary} dev ended without serving`);
  } finally {
    node.kill();
  }
}

const head =
  "// Made by `make console-types` from the server's /openapi.json; not written by hand.\n\n";
const text = head + astToString(await openapi(await document()));
if (!isCheck) {
  writeFileSync(OUT, text);
} else if (readFileSync(OUT, "utf8") !== text) {
  console.error("src/api/schema.ts is not what /openapi.json makes; run: make console-types");
  process.exit(1);
}
