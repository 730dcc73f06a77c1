// Copies what the pages carry of others out of node_modules, each with its licence: npm ci && npm run vendor
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { basename } from "node:path";

/**
 * @typedef {object} Carried
 * @property {string} name of the package
 * @property {string} target folder below vendor/
 * @property {Record<string, string>} files of the package, each with the name that it has here
 * @property {string} licence file beside this one, of a package that has none itself; empty: the package's own
 */

/** @type {Carried[]} */
const CARRIED = [
  // its licence is LICENSE of github.com/niivue/niivue
  { name: "@niivue/niivue", target: "niivue", files: { "dist/index.js": "niivue.js" }, licence: "niivue.LICENSE" },
  {
    name: "@niivue/dcm2niix",
    target: "dcm2niix",
    files: named("dist", ["index.jpeg.js", "worker.jpeg.js", "dcm2niix.jpeg.js", "dcm2niix.jpeg.wasm"]),
    licence: "dcm2niix.LICENSE", // license.txt of github.com/rordenlab/dcm2niix, with those of what it is linked to
  },
];

/** Files of one folder that keep their names. @param {string} folder @param {string[]} names */
function named(folder, names) {
  return Object.fromEntries(names.map((name) => [`${folder}/${name}`, basename(name)]));
}

/** @param {string} name */
function manifest(name) {
  return JSON.parse(readFileSync(`node_modules/${name}/package.json`, "utf8"));
}

/** All packages that are bundled into a package's files: those that it depends on, and what these depend on. @param {string} name */
function bundled(name) {
  const names = new Set();
  const open = Object.keys(manifest(name).dependencies ?? {});
  while (open.length) {
    const one = /** @type {string} */ (open.pop());
    if (names.has(one) || !existsSync(`node_modules/${one}`)) continue;
    names.add(one);
    open.push(...Object.keys(manifest(one).dependencies ?? {}));
  }
  return [...names].sort();
}

/** @param {string} name of a package @param {string} [own] file with its licence, where it has none itself */
function licence(name, own) {
  const file = readdirSync(`node_modules/${name}`).find((one) => /^(licen[cs]e|copying)/i.test(one));
  if (!own && !file) throw new Error(`${name} has no file with its licence.`);
  const { version, license } = manifest(name);
  return `${name} ${version} (${license})\n\n${readFileSync(own || `node_modules/${name}/${file}`, "utf8").trim()}\n`;
}

/** @param {Carried} carried */
function carry({ name, target, files, licence: own }) {
  mkdirSync(`vendor/${target}`, { recursive: true });
  const hashes = Object.entries(files).map(([from, to]) => {
    const content = readFileSync(`node_modules/${name}/${from}`);
    writeFileSync(`vendor/${target}/${to}`, content);
    return [to, createHash("sha256").update(content).digest("hex")];
  });
  const rule = `\n${"-".repeat(80)}\n\n`;
  writeFileSync(`vendor/${target}/LICENSES.txt`, [licence(name, own), ...bundled(name).map((one) => licence(one))].join(rule));
  const origin = { package: name, version: manifest(name).version, sha256: Object.fromEntries(hashes) };
  writeFileSync(`vendor/${target}/origin.json`, `${JSON.stringify(origin, null, 2)}\n`);
}

CARRIED.forEach(carry);
