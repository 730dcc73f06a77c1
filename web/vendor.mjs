// Copies what the pages carry of others out of node_modules, each with its licence: npm ci && npm run vendor
import { copyFileSync, existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { createHash } from "node:crypto";

const PACKAGE = "@niivue/niivue";
const FILE = "dist/index.js";
const TARGET = "vendor/niivue";
/** NiiVue's package has no file with its licence; this is LICENSE of github.com/niivue/niivue. */
const OWN_LICENCE = "niivue.LICENSE";

/** @param {string} name */
function manifest(name) {
  return JSON.parse(readFileSync(`node_modules/${name}/package.json`, "utf8"));
}

/** All packages that are bundled into the file: those that it depends on, and what these depend on. */
function bundled() {
  const names = new Set();
  const open = Object.keys(manifest(PACKAGE).dependencies ?? {});
  while (open.length) {
    const name = /** @type {string} */ (open.pop());
    if (names.has(name) || !existsSync(`node_modules/${name}`)) continue;
    names.add(name);
    open.push(...Object.keys(manifest(name).dependencies ?? {}));
  }
  return [...names].sort();
}

/** @param {string} name */
function licence(name) {
  const file = readdirSync(`node_modules/${name}`).find((one) => /^(licen[cs]e|copying)/i.test(one));
  if (!file) throw new Error(`${name} has no file with its licence.`);
  const { version, license } = manifest(name);
  return `${name} ${version} (${license})\n\n${readFileSync(`node_modules/${name}/${file}`, "utf8").trim()}\n`;
}

mkdirSync(TARGET, { recursive: true });
copyFileSync(`node_modules/${PACKAGE}/${FILE}`, `${TARGET}/niivue.js`);
const { version, license } = manifest(PACKAGE);
const own = `${PACKAGE} ${version} (${license})\n\n${readFileSync(OWN_LICENCE, "utf8").trim()}\n`;
const rule = `\n${"-".repeat(80)}\n\n`;
writeFileSync(`${TARGET}/LICENSES.txt`, [own, ...bundled().map(licence)].join(rule));
const sha256 = createHash("sha256").update(readFileSync(`${TARGET}/niivue.js`)).digest("hex");
writeFileSync(`${TARGET}/origin.json`, `${JSON.stringify({ package: PACKAGE, version, file: FILE, sha256 }, null, 2)}\n`);
