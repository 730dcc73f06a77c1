// The page of `mobileunet web`: an image is dropped, segmented in a worker, looked at, and its mask downloaded.
import { ClassTable } from "../viewer/class_table.js";
import { Controls } from "../viewer/controls.js";
import { find, listParagraphs, menu, refuse } from "../viewer/elements.js";
import { answerKeys } from "../viewer/keys.js";
import { measureMask, voxelSize } from "../viewer/measures.js";
import { NO_WEBGL, VolumeViewer, hasWebGl } from "../viewer/viewer.js";
import { listenToFiles } from "./choosing.js";
import { maskFile, shownImage, shownMask } from "./formats/nifti_file.js";
import { keepSite } from "./kept.js";
import { offersOf } from "./offers.js";
import { caseOf, messageOf } from "./reading.js";
import { Cancelled, Runner } from "./runner.js";
import { fetchBundle, opening } from "./site.js";
import { NO_PICTURE, TOO_OLD, failure, imageWords, listWords, partWords, progressShare, progressWords, providerWords, secondsWords, wantedWords } from "./words.js";

/** @typedef {import("./formats/volume.js").Volume} Volume */
/** @typedef {import("./reading.js").Bundle} Bundle */
/** @typedef {import("./reading.js").CaseImage} CaseImage */
/** @typedef {import("./offers.js").Offer} Offer */

class SegmentPage {
  /** @param {Bundle} bundle @param {VolumeViewer | null} viewer null: the browser draws no volumes */
  constructor(bundle, viewer) {
    this.bundle = bundle;
    this.viewer = viewer;
    const viewers = () => (viewer ? [viewer] : []);
    this.controls = new Controls(viewers);
    this.table = new ClassTable(bundle.classes.map((one) => one.name), bundle.classes.map((one) => one.colour), viewers);
    this.runner = new Runner(opening());
    /** @type {CaseImage | null} */ this.image = null;
    /** @type {Uint8Array | Uint16Array | null} */ this.mask = null;
    this.running = false;
    /** Counts what was asked for: what was asked before is of no use any more. */ this.turn = 0;
  }

  async start() {
    document.title = find("title").textContent = this.bundle.name;
    find("wanted").textContent = wantedWords(this.bundle);
    find("about").textContent = `${this.bundle.name} ${this.bundle.version} marks ${listWords(this.bundle.classes.map((one) => one.name))}. ${this.bundle.notice}`;
    await this.viewer?.attach();
    this.#listen();
    find("status").textContent = "Loading the network …";
    await keepSite(() => this.turn === 0, (text) => listParagraphs("news", [...Array.from(find("news").children, (one) => one.textContent ?? ""), text]));
    const { provider, threads } = await this.runner.open();
    if (!this.running && !this.mask) find("status").textContent = `Ready (${providerWords(provider, threads)}).`;
  }

  /** Open what a person gave. @param {Promise<import("./files.js").Given[]>} given */
  async open(given) {
    const turn = this.#begin();
    await this.#guarded(turn, async () => {
      const offers = await offersOf(await given, this.bundle.channels);
      if (turn !== this.turn) return;
      if (offers.length > 1) this.#offer(offers);
      else await this.#show(turn, await offers[0].read());
    });
  }

  /** What is under way has no use any more, and nobody shall take the former image for the next. */
  #begin() {
    if (this.running) this.runner.cancel();
    find("problem").hidden = find("choice").hidden = true;
    find("loading").hidden = false;
    find("case").hidden = find("controls").hidden = true;
    find("stage").classList.remove("empty");
    find("place").textContent = find("status").textContent = "";
    this.image = null;
    this.viewer?.clear();
    this.#dropMask();
    return ++this.turn;
  }

  /** Say what fails, if it is of use still. @param {number} turn @param {() => Promise<void>} act */
  async #guarded(turn, act) {
    try {
      await act();
    } catch (error) {
      if (turn === this.turn && !(error instanceof Cancelled)) refuse(failure(error));
    } finally {
      if (turn === this.turn) {
        find("loading").hidden = true;
        find("stage").classList.toggle("empty", !this.image || !this.viewer);
      }
    }
  }

  /** Let a person choose one of several images. @param {Offer[]} offers */
  #offer(offers) {
    const buttons = offers.map(({ name, read }) => {
      const button = Object.assign(document.createElement("button"), { textContent: name });
      button.onclick = () => {
        const turn = this.#begin();
        this.#guarded(turn, async () => this.#show(turn, await read()));
      };
      return button;
    });
    find("volumes").replaceChildren(...buttons);
    find("choice").hidden = false;
    buttons[0].focus();
  }

  /** @param {number} turn @param {Volume[]} volumes */
  async #show(turn, volumes) {
    if (turn !== this.turn) return;
    const image = caseOf(volumes, this.bundle);
    this.image = image;
    find("name").textContent = image.name;
    find("facts").textContent = imageWords(image);
    find("case").hidden = false;
    listParagraphs("warnings", image.warnings);
    this.#offerChannels();
    await this.#showChannel(0);
    if (turn !== this.turn) return;
    this.#markRunning(false);
    find("segment").focus({ preventScroll: true });
  }

  /** @param {number} channel */
  async #showChannel(channel) {
    if (!this.image || !this.viewer) return;
    const { volumes } = this.image;
    const volume = volumes.length > 1 ? volumes[channel] : volumes[0];
    const mask = this.mask && shownMask(this.mask, volume);
    find("controls").hidden = false;
    const { viewer } = this;
    const isShown = await viewer.show(shownImage(volume, volumes.length > 1 ? 0 : channel), mask, false, () => {
      // in files that Hounsfield units were stored in with an offset, nothing is negative
      const modality = viewer.range.low < 0 ? this.bundle.modality : "";
      this.controls.renew(volume.modality || modality, false);
    });
    if (!isShown) return; // what the viewer has are the values of another
    shareValues(volume, viewer.values);
    this.table.renew(this.viewer);
  }

  #offerChannels() {
    const { channels, channel_names: names } = this.bundle;
    find("channels").hidden = channels < 2;
    menu("channel").replaceChildren(...Array.from({ length: channels }, (_, channel) => new Option(names[channel] || String(channel), String(channel))));
  }

  /** Segment the image. */
  async segment() {
    const { image, turn } = this;
    if (!image || this.running) return;
    if (this.mask) await this.viewer?.showMask(null);
    this.#dropMask();
    find("problem").hidden = true;
    this.#markRunning(true);
    this.#showProgress({ stage: "preparing", done: 0, total: 0 });
    find("status").textContent = "";
    this.runner.onProgress = (progress) => this.#showProgress(progress);
    await this.#guarded(turn, async () => {
      const done = await this.runner.segment(messageOf(image));
      if (turn === this.turn) await this.#showMask(turn, image, done);
    });
    if (turn === this.turn) this.#markRunning(false);
  }

  /** End what runs. */
  cancel() {
    if (!this.running) return;
    this.runner.cancel();
    this.#markRunning(false);
    find("status").textContent = "Cancelled.";
  }

  /** @param {number} turn @param {CaseImage} image @param {import("./runner.js").Done} done */
  async #showMask(turn, image, { mask, warnings, seconds }) {
    const { provider, threads } = await this.runner.open();
    const [volume] = image.volumes;
    this.mask = mask;
    await this.viewer?.showMask(shownMask(mask, volume));
    if (turn !== this.turn) return; // sizes of this mask say nothing of the next image
    if (this.viewer) find("mask-controls").hidden = false;
    this.controls.applyOutline();
    this.table.renew(this.viewer ?? measured(mask, volume));
    find("result").hidden = find("download").hidden = false;
    find("class-buttons").hidden = !this.viewer;
    find("status").textContent = `Done in ${secondsWords(seconds)} (${providerWords(provider, threads)}).`;
    find("status").title = partWords(seconds);
    listParagraphs("warnings", [...image.warnings, ...warnings]);
    find("download").focus({ preventScroll: true });
  }

  #dropMask() {
    this.mask = null;
    for (const id of ["result", "download", "mask-controls"]) find(id).hidden = true;
    listParagraphs("warnings", this.image?.warnings ?? []);
    this.#markRunning(false);
  }

  /** @param {boolean} running */
  #markRunning(running) {
    this.running = running;
    find("working").hidden = find("cancel").hidden = !running;
    const button = /** @type {HTMLButtonElement} */ (find("segment"));
    button.hidden = running;
    button.disabled = !this.image;
    if (running) find("cancel").focus({ preventScroll: true });
  }

  /** @param {import("./runner.js").Progress} progress */
  #showProgress(progress) {
    /** @type {HTMLProgressElement} */ (find("progress")).value = progressShare(progress);
    find("stage-words").textContent = progressWords(progress);
  }

  /** Hand over the mask as a file. */
  async download() {
    const { image, mask } = this;
    if (!image || !mask) return;
    await this.#guarded(this.turn, async () => {
      const address = URL.createObjectURL(await maskFile(mask, image.volumes[0]));
      Object.assign(document.createElement("a"), { href: address, download: `${image.name}_seg.nii.gz` }).click();
      setTimeout(() => URL.revokeObjectURL(address), 60_000); // a browser may ask first where to put it
    });
  }

  #listen() {
    if (this.viewer) this.controls.listen();
    this.table.listen();
    menu("channel").onchange = () => this.#guarded(this.turn, () => this.#showChannel(Number(menu("channel").value)));
    find("segment").onclick = () => this.segment();
    find("cancel").onclick = () => this.cancel();
    find("download").onclick = () => this.download();
    listenToFiles((files) => this.open(files));
    const { controls, table } = this;
    answerKeys(
      {
        enter: () => this.segment(),
        escape: () => this.cancel(),
        d: () => this.download(),
        arrowup: () => controls.scroll(1),
        arrowdown: () => controls.scroll(-1),
        m: () => table.toggleAll(),
        o: () => controls.toggleOutline(),
        v: () => controls.nextLayout(),
      },
      (number) => table.toggle(number),
    );
  }
}

/**
 * Let an image and its viewer have one copy of the values: a large CT takes 100 MB.
 * @param {Volume} volume
 * @param {unknown} drawn
 */
function shareValues(volume, drawn) {
  const { values, channels } = volume;
  const same = channels === 1 && drawn instanceof Object && drawn.constructor === values.constructor;
  if (same && /** @type {typeof values} */ (drawn).length === values.length) volume.values = /** @type {typeof values} */ (drawn);
}

/** Sizes of the classes where nothing is drawn. @param {Uint8Array | Uint16Array} mask @param {Volume} volume */
function measured(mask, { shape, affine }) {
  const { size, unit } = voxelSize(affine, shape, false);
  const { voxels } = measureMask(mask, shape[0], shape[1]);
  return { sizes: new Map([...voxels].map(([number, count]) => [number, count * size])), unit };
}

async function start() {
  find("stalled").remove();
  if (typeof DecompressionStream === "undefined" || typeof CompressionStream === "undefined") throw new Error(TOO_OLD);
  const drawn = hasWebGl();
  const viewer = drawn ? new VolumeViewer(/** @type {HTMLCanvasElement} */ (find("first"))) : null;
  if (!drawn) listParagraphs("news", [`${NO_WEBGL} ${NO_PICTURE}`]);
  await new SegmentPage(await fetchBundle(), viewer).start();
}

start().catch((error) => {
  if (error instanceof Cancelled) return; // another worker loads the network
  find("status").textContent = "";
  refuse(failure(error));
});
