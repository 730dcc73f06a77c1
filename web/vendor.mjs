// Copies what the pages carry of others out of node_modules, each with its licence: npm ci && npm run vendor
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { basename } from "node:path";
import { gzipSync } from "node:zlib";

/**
 * @typedef {object} Carried
 * @property {string} name of the package
 * @property {string} target folder below vendor/
 * @property {Record<string, string>} files of the package, each with the name that it has here; what ends in .gz is packed
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
  {
    name: "onnxruntime-web",
    target: "onnxruntime",
    files: {
      ...named("dist", ["ort.wasm.bundle.min.mjs", "ort.jspi.bundle.min.mjs"]),
      // packed, for not every server packs WebAssembly on its way
      "dist/ort-wasm-simd-threaded.wasm": "ort-wasm-simd-threaded.wasm.gz",
      "dist/ort-wasm-simd-threaded.jspi.wasm": "ort-wasm-simd-threaded.jspi.wasm.gz",
    },
    licence: "onnxruntime.LICENSE", // LICENSE and ThirdPartyNotices.txt of github.com/microsoft/onnxruntime
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
  const { version, license, author } = manifest(name);
  if (!license) throw new Error(`${name} does not say which licence it has.`);
  const unwritten = `The package has no file with its licence; its package.json names ${license}${author ? ` and ${author.name ?? author}` : ""}.`;
  const text = own || file ? readFileSync(own || `node_modules/${name}/${file}`, "utf8").trim() : unwritten;
  return `${name} ${version} (${license})\n\n${text}\n`;
}

/** @param {Carried} carried */
function carry({ name, target, files, licence: own }) {
  mkdirSync(`vendor/${target}`, { recursive: true });
  const hashes = Object.entries(files).map(([from, to]) => {
    const content = readFileSync(`node_modules/${name}/${from}`);
    writeFileSync(`vendor/${target}/${to}`, to.endsWith(".gz") ? gzipSync(content, { level: 9 }) : content);
    return [to, createHash("sha256").update(content).digest("hex")];
  });
  const rule = `\n${"-".repeat(80)}\n\n`;
  writeFileSync(`vendor/${target}/LICENSES.txt`, [licence(name, own), ...bundled(name).map((one) => licence(one))].join(rule));
  const origin = { package: name, version: manifest(name).version, sha256: Object.fromEntries(hashes) };
  writeFileSync(`vendor/${target}/origin.json`, `${JSON.stringify(origin, null, 2)}\n`);
}

CARRIED.forEach(carry);
