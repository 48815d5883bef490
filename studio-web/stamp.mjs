// Writes down which sources the built files are made from: tests/studio/test_static.py reckons the same.
import { createHash } from "node:crypto";
import { readFileSync, readdirSync, writeFileSync } from "node:fs";

const files = ["index.html", "package.json", "vite.config.ts", ...readdirSync("src").map((name) => `src/${name}`)].sort();
const hash = createHash("sha256");
for (const file of files) hash.update(`${file}\n`).update(readFileSync(file));
writeFileSync("../src/netgrad/studio/static/built-from.txt", `${hash.digest("hex")}\n`);
