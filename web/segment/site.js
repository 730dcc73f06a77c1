// Where the parts of the site lie, and how they are to run.
import { INCOMPLETE, MIXED } from "./words.js";

/** Of the description of a bundle, as `mobileunet web` writes it. */
const FORMAT = 1;

/** The top of the site. */
const SITE = new URL("../", import.meta.url);

/** @returns {Promise<import("./reading.js").Bundle>} */
export async function fetchBundle() {
  const response = await fetch(new URL("bundle/bundle.json", SITE)).catch(() => null);
  if (!response?.ok) throw new Error(INCOMPLETE);
  const bundle = await response.json();
  if (bundle.format !== FORMAT) throw new Error(MIXED);
  return bundle;
}

/** What the worker is to open; a person who measures may say in the address how. @returns {import("./runner.js").Opening} */
export function opening() {
  const wanted = new URLSearchParams(location.search);
  const threads = Number(wanted.get("threads")) || (crossOriginIsolated ? undefined : 1);
  const provider = wanted.get("provider") ?? undefined;
  return { address: new URL("bundle/", SITE).href, vendor: new URL("vendor/onnxruntime/", SITE).href, provider, threads };
}
