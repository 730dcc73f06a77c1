// The bundle's network in ONNX Runtime, by WebGPU where the browser has it and otherwise by WebAssembly.
import { INCOMPLETE } from "./words.js";

/** @typedef {import("../pipeline/segment.js").Bundle} Bundle */
/** @typedef {import("../pipeline/passes.js").Network} Network */
/** @typedef {"webgpu" | "wasm"} Provider */
/** @typedef {{ network: Network, provider: Provider, threads: number }} Loaded */

/** Builds of ONNX Runtime, the faster one first: its JavaScript, and its WebAssembly packed by gzip. */
const BUILDS = /** @type {const} */ ({
  webgpu: { script: "ort.jspi.bundle.min.mjs", binary: "ort-wasm-simd-threaded.jspi.wasm.gz", isThere: hasWebGpu },
  wasm: { script: "ort.wasm.bundle.min.mjs", binary: "ort-wasm-simd-threaded.wasm.gz", isThere: async () => true },
});

/** More threads wait for each other longer than they compute: slices are small. */
const MOST_THREADS = 4;

/** WebGPU on a graphics card, and the promises in WebAssembly that this build of ONNX Runtime waits for it with. */
async function hasWebGpu() {
  const gpu = /** @type {any} */ (navigator).gpu;
  const adapter = gpu && "Suspending" in WebAssembly && (await gpu.requestAdapter());
  return Boolean(adapter) && !(adapter.info?.isFallbackAdapter ?? adapter.isFallbackAdapter);
}

/**
 * @param {Bundle} bundle
 * @param {string} address of the bundle's folder
 * @param {string} vendor address of ONNX Runtime's folder
 * @param {{ provider?: Provider, threads?: number }} wanted
 * @returns {Promise<Loaded>}
 */
export async function loadNetwork(bundle, address, vendor, wanted) {
  const model = await unpacked(new URL(bundle.network.file, address));
  await verify(model, bundle.network.sha256);
  if (wanted.provider || !(await BUILDS.webgpu.isThere())) return start(wanted.provider ?? "wasm", model, bundle, vendor, wanted.threads);
  try {
    return await start("webgpu", model, bundle, vendor, wanted.threads);
  } catch (error) {
    console.warn("WebGPU cannot be used, so WebAssembly is.", error); // a driver may refuse what its browser offers
    return start("wasm", model, bundle, vendor, wanted.threads);
  }
}

/** @param {Provider} provider @param {Uint8Array} model @param {Bundle} bundle @param {string} vendor @param {number | undefined} wanted threads @returns {Promise<Loaded>} */
async function start(provider, model, bundle, vendor, wanted) {
  const build = BUILDS[provider];
  const ort = await import(new URL(build.script, vendor).href);
  const threads = globalThis.crossOriginIsolated ? Math.min(wanted ?? MOST_THREADS, navigator.hardwareConcurrency ?? 1) : 1;
  ort.env.wasm.numThreads = threads;
  ort.env.wasm.wasmBinary = await unpacked(new URL(build.binary, vendor));
  const session = await ort.InferenceSession.create(model, { executionProviders: [provider], logSeverityLevel: 3 });
  return { network: networkOf(ort, session, bundle.network), provider, threads };
}

/** @param {any} ort @param {any} session @param {Bundle["network"]} names @returns {Network} */
function networkOf(ort, session, { input, output }) {
  return async (values, shape) => {
    const image = new ort.Tensor("float32", values, shape);
    const { [output]: pred } = await session.run({ [input]: image });
    const scores = /** @type {Float32Array} */ (await pred.getData());
    return { scores, shape: [...pred.dims] };
  };
}

/**
 * A file that was packed by gzip; servers that unpack it on the way are taken as well.
 * @param {URL} address
 */
export async function unpacked(address) {
  const response = await fetch(address).catch(() => null);
  if (!response?.ok) throw new Error(INCOMPLETE);
  const content = new Uint8Array(await response.arrayBuffer());
  const isPacked = content[0] === 0x1f && content[1] === 0x8b;
  if (!isPacked) return content;
  const stream = new Blob([content]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** Refuse a file that is not the one that was exported; browsers offer no hash where the address is neither https nor this machine. @param {Uint8Array<ArrayBuffer>} content @param {string} expected */
async function verify(content, expected) {
  if (!globalThis.crypto?.subtle) return;
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", content));
  const found = Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
  if (found !== expected) throw new Error("The network's file is not the one that was exported. Make the site again: mobileunet web.");
}
