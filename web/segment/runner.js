// The worker that segments, as promises.
import { TOO_OLD, crash } from "./words.js";

/** @typedef {import("./reading.js").Message} Message */
/** @typedef {{ stage: "preparing" | "segmenting" | "finishing", done: number, total: number }} Progress */
/** @typedef {{ bundle: import("./reading.js").Bundle, provider: "webgpu" | "wasm", threads: number }} Ready */
/** @typedef {{ mask: Uint8Array | Uint16Array, warnings: string[], seconds: { prepare: number, segment: number, finish: number } }} Done */
/** @typedef {{ address: string, vendor: string, provider?: string, threads?: number }} Opening */

/** Thrown where a person has cancelled. */
export class Cancelled extends Error {}

export class Runner {
  /** @param {Opening} opening where the bundle and the runtime lie, and how to run */
  constructor(opening) {
    this.opening = opening;
    /** @type {Worker | null} */ this.worker = null;
    /** Who waits for an answer. @type {{ done: (value: any) => void, fail: (error: Error) => void } | null} */ this.waiting = null;
    /** @type {Promise<Ready> | null} */ this.ready = null;
    /** @type {(progress: Progress) => void} */ this.onProgress = () => {};
  }

  /** Load the runtime and the network, once. @returns {Promise<Ready>} */
  open() {
    this.ready ??= this.#start();
    return this.ready;
  }

  /** @param {Message} image @returns {Promise<Done>} */
  async segment(image) {
    await this.open();
    return this.#ask({ kind: "segment", image });
  }

  /** End what runs; a new worker is ready as soon as it can be. */
  cancel() {
    this.#end(new Cancelled("cancelled"));
    this.open().catch(() => {}); // who segments next is told
  }

  async #start() {
    let modules = false;
    const options = {
      get type() {
        modules = true; // asked for only by browsers that know workers made of modules
        return /** @type {const} */ ("module");
      },
    };
    const worker = new Worker(new URL("worker.js", import.meta.url), options);
    this.worker = worker;
    if (!modules) throw new Error(TOO_OLD);
    let answered = false;
    worker.onmessage = (event) => {
      answered = true;
      this.#answer(event.data);
    };
    worker.onerror = (event) => {
      event.preventDefault();
      this.#end(new Error(crash(event.message, answered)));
    };
    worker.onmessageerror = () => this.#end(new RangeError("out of memory"));
    try {
      return /** @type {Ready} */ (await this.#ask({ kind: "open", ...this.opening }));
    } catch (error) {
      if (this.worker === worker) this.#end(/** @type {Error} */ (error)); // after a cancel there is another already
      throw error;
    }
  }

  /** @param {{ kind: "open" } & Opening | { kind: "segment", image: Message }} message */
  #ask(message) {
    return new Promise((done, fail) => {
      this.waiting = { done, fail };
      /** @type {Worker} */ (this.worker).postMessage(message);
    });
  }

  /** @param {any} message */
  #answer(message) {
    if (message.kind === "progress") return this.onProgress(message);
    const { waiting } = this;
    this.waiting = null;
    if (message.kind === "failed") waiting?.fail(new Error(message.message));
    else waiting?.done(message);
  }

  /** @param {Error} error */
  #end(error) {
    this.worker?.terminate();
    this.worker = this.ready = null;
    this.waiting?.fail(error);
    this.waiting = null;
  }
}
