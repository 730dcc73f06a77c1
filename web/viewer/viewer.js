// One canvas that shows an image with a mask over it: slices, three planes or 3D. It wraps NiiVue.
import { MULTIPLANAR_TYPE, NVImage, Niivue, SHOW_RENDER, SLICE_TYPE } from "../vendor/niivue/niivue.js";
import { apply } from "../pipeline/affine.js";
import { labelTable } from "./classes.js";
import { measureMask, voxelSize } from "./measures.js";

/** @typedef {import("./classes.js").DrawnClass} DrawnClass */
/** @typedef {"planes" | "axial" | "coronal" | "sagittal" | "3d"} Layout */

/** @type {Record<Layout, number>} */
const SLICES = {
  planes: SLICE_TYPE.MULTIPLANAR,
  axial: SLICE_TYPE.AXIAL,
  coronal: SLICE_TYPE.CORONAL,
  sagittal: SLICE_TYPE.SAGITTAL,
  "3d": SLICE_TYPE.RENDER,
};

export const NO_WEBGL =
  "This browser offers no WebGL 2, which the images are drawn with. " +
  "Turn on hardware acceleration in its settings, or open the address in another browser.";

/** Whether the browser can draw volumes at all. */
export function hasWebGl() {
  return document.createElement("canvas").getContext("webgl2") !== null;
}

/** Without a graphics card, the 3D view of an image with more voxels than these takes many seconds. */
const MOST_IN_SOFTWARE = 2 ** 23;

/** Whether the processor draws, for want of a graphics card. @param {WebGL2RenderingContext} gl */
function drawsInSoftware(gl) {
  const names = gl.getExtension("WEBGL_debug_renderer_info");
  const renderer = gl.getParameter(names ? names.UNMASKED_RENDERER_WEBGL : gl.RENDERER);
  return /swiftshader|llvmpipe|softpipe|basic render|software/i.test(String(renderer));
}

export class VolumeViewer {
  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    this.canvas = canvas;
    /** Called with what lies under the crosshair, in words. @type {(text: string) => void} */
    this.onPlace = () => {};
    /** Called when the window was changed with the mouse. @type {(low: number, high: number) => void} */
    this.onWindow = () => {};
    this.opacity = 0.5;
    this.outlined = false;
    /** Sizes of the classes in the mask, by number. @type {Map<number, number>} */
    this.sizes = new Map();
    /** Unit of these: ml, mm² of a single slice, or pixels of a picture. */
    this.unit = "ml";
    this.inPixels = false;
    /** Counts what was asked for. */ this.turn = 0;
    /** The image that is shown, or is about to be. @type {NVImage | null} */ this.image = null;
    /** @type {DrawnClass[]} */
    this.classes = [];
    /** The colours that masks have. @type {WeakMap<NVImage, string>} */
    this.tints = new WeakMap();
    this.niivue = new Niivue({
      isRadiologicalConvention: true,
      sagittalNoseLeft: true,
      multiplanarLayout: MULTIPLANAR_TYPE.GRID,
      multiplanarShowRender: SHOW_RENDER.ALWAYS,
      isNearestInterpolation: true,
      isSliceMM: false,
      crosshairWidthUnit: "mm",
      showAllOrientationMarkers: true,
      crosshairColor: [0.95, 0.85, 0.2, 0.8],
      fontColor: [0.95, 0.95, 0.95, 1],
      backColor: [0.05, 0.05, 0.06, 1],
      tileMargin: 2,
      dragAndDropEnabled: false,
      show3Dcrosshair: false,
      viewModeHotKey: "",
      clipPlaneHotKey: "",
      cycleClipPlaneHotKey: "",
      loadingText: "",
      logLevel: "error",
    });
    this.niivue.onLocationChange = (/** @type {any} */ place) => this.onPlace(this.#words(place));
    this.niivue.onIntensityChange = (/** @type {any} */ image) => this.onWindow(image.cal_min, image.cal_max);
  }

  /** Make the canvas ready; once, before anything is shown. */
  async attach() {
    await this.niivue.attachToCanvas(this.canvas);
    const fit = () => {
      this.#fitPlanes();
      this.#fitCrosshair();
    };
    new ResizeObserver(() => requestAnimationFrame(fit)).observe(this.canvas);
  }

  /**
   * Show an image, and a mask over it.
   * @param {ArrayBuffer} image content of a NIfTI file
   * @param {ArrayBuffer | null} mask class numbers on any grid; null shows the image alone
   * @param {boolean} inPixels whether the image is a picture, which has no sides of a patient
   * @param {() => void} beforeDrawing may choose how the image is shown, which costs less than to change it
   * @returns {Promise<boolean>} whether it is shown: not where another was asked for meanwhile
   */
  async show(image, mask, inPixels, beforeDrawing = () => {}) {
    const turn = ++this.turn;
    const shown = await NVImage.loadFromUrl({ url: image, name: "image.nii", colormap: "gray" });
    const over = mask && (await this.#readMask(mask));
    if (turn !== this.turn) return false;
    this.clear();
    this.image = shown;
    this.inPixels = inPixels;
    this.niivue.opts.isOrientationTextVisible = !inPixels;
    this.niivue.opts.isNearestInterpolation = true;
    const isSlow = drawsInSoftware(this.niivue.gl) && (shown.img?.length ?? 0) > MOST_IN_SOFTWARE;
    this.niivue.opts.multiplanarShowRender = isSlow ? SHOW_RENDER.NEVER : SHOW_RENDER.ALWAYS;
    beforeDrawing();
    this.niivue.addVolume(shown);
    if (over) this.#lay(over);
    this.#fitCrosshair();
    return true;
  }

  /** Show another mask over the image, or none. @param {ArrayBuffer | null} mask class numbers on any grid */
  async showMask(mask) {
    const turn = ++this.turn;
    const over = mask && (await this.#readMask(mask));
    if (turn !== this.turn) return;
    while (this.niivue.volumes.length > 1) this.niivue.removeVolumeByIndex(this.niivue.volumes.length - 1);
    this.sizes = new Map();
    if (over) this.#lay(over);
  }

  /** @param {ArrayBuffer} mask */
  #readMask(mask) {
    return NVImage.loadFromUrl({ url: mask, name: "mask.nii", opacity: this.opacity });
  }

  /** Lay a mask over the image as it is to look, for each change of it draws the whole volume anew. @param {NVImage} mask */
  #lay(mask) {
    this.#tint(mask);
    mask.opacity = this.#look.opacity;
    this.niivue.opts.atlasOutline = this.#look.outline;
    this.niivue.addVolume(mask);
    this.#measure(mask);
  }

  /** Give a mask the colours of its classes. @param {NVImage} mask @returns {boolean} whether it had others */
  #tint(mask) {
    const table = labelTable(this.classes);
    const key = JSON.stringify(table);
    if (this.tints.get(mask) === key) return false;
    this.tints.set(mask, key);
    mask.setColormapLabel(table);
    return true;
  }

  /** Opacity of a mask's areas and of its outlines. */
  get #look() {
    return { opacity: this.outlined ? 0 : this.opacity, outline: this.outlined ? Math.max(this.opacity, 0.3) : 0 };
  }

  /** Show nothing, and nothing either of what is being read. */
  clear() {
    this.turn++;
    this.image = null;
    while (this.niivue.volumes.length) this.niivue.removeVolumeByIndex(this.niivue.volumes.length - 1);
    this.sizes = new Map();
  }

  /** The highest class number of the mask; 0 without one. */
  get highest() {
    return Math.max(0, ...this.sizes.keys());
  }

  /** The numbers of the image as they are stored, of which the viewer has a copy. */
  get values() {
    return this.image?.img;
  }

  /** The lowest and the highest value of the image. */
  get range() {
    const { image } = this;
    return { low: image?.global_min ?? 0, high: image?.global_max ?? 1 };
  }

  /** Whether the image has a single slice. */
  get isFlat() {
    return this.image?.hdr?.dims.slice(1, 4).includes(1) ?? false;
  }

  /** The plane of the only slice of an image that has one. @returns {Layout} */
  get flatPlane() {
    const sizes = this.image?.dimsRAS?.slice(1, 4) ?? [];
    return /** @type {Layout[]} */ (["sagittal", "coronal", "axial"])[sizes.indexOf(1)] ?? "axial";
  }

  /** @param {DrawnClass[]} classes */
  colour(classes) {
    this.classes = classes;
    const mask = this.niivue.volumes[1];
    if (!mask) return;
    if (this.#tint(mask)) this.niivue.updateGLVolume();
    this.niivue.createOnLocationChange();
  }

  /** @param {Layout} layout */
  setLayout(layout) {
    this.niivue.setSliceType(SLICES[layout]);
    this.#fitCrosshair();
  }

  /** @param {number} opacity of the mask, in [0, 1] */
  setOpacity(opacity) {
    this.opacity = opacity;
    this.#applyOpacity();
  }

  /** @param {boolean} outlined whether the outlines of the mask are shown in place of its areas */
  setOutlined(outlined) {
    this.outlined = outlined;
    this.#applyOpacity();
  }

  #applyOpacity() {
    const mask = this.niivue.volumes[1];
    const { opacity, outline } = this.#look;
    if (!mask || (mask.opacity === opacity && this.niivue.opts.atlasOutline === outline)) return;
    this.niivue.opts.atlasOutline = outline;
    this.niivue.setOpacity(1, opacity);
  }

  /** Planes in a square where the canvas is about as wide as high, else in a row or a column. */
  #fitPlanes() {
    const shape = this.canvas.clientWidth / Math.max(1, this.canvas.clientHeight);
    const { ROW, COLUMN, GRID } = MULTIPLANAR_TYPE;
    this.niivue.setMultiplanarLayout(shape > 2.4 ? ROW : shape < 0.42 ? COLUMN : GRID);
  }

  /** Lines of NiiVue's crosshair are as wide as they are in the patient: here they are one pixel in every display. */
  #fitCrosshair() {
    const tile = this.niivue.screenSlices.find((one) => one.axCorSag < SLICE_TYPE.MULTIPLANAR);
    if (!tile) return;
    const pixels = tile.leftTopWidthHeight[2] / Math.abs(tile.fovMM[0]);
    if (Number.isFinite(pixels) && pixels > 0) this.niivue.setCrosshairWidth((1.5 * devicePixelRatio) / pixels);
  }

  /** The window in which the image is shown. */
  get window() {
    const { image } = this;
    return { low: image?.cal_min ?? 0, high: image?.cal_max ?? 1 };
  }

  /** The window that NiiVue chose by itself: the darkest and brightest 2 % are black and white. */
  get automaticWindow() {
    const { image } = this;
    return { low: image?.robust_min ?? 0, high: image?.robust_max ?? 1 };
  }

  /** @param {number} low @param {number} high */
  setWindow(low, high) {
    const { image } = this;
    if (!image || (image.cal_min === low && image.cal_max === high)) return;
    image.cal_min = low;
    image.cal_max = high;
    if (this.niivue.volumes[0] === image) this.niivue.updateGLVolume();
  }

  /** Move through the slices of the plane that is shown. @param {number} steps */
  scroll(steps) {
    const layout = this.niivue.opts.sliceType;
    const axis = layout === SLICE_TYPE.SAGITTAL ? 0 : layout === SLICE_TYPE.CORONAL ? 1 : 2;
    const move = [0, 0, 0];
    move[axis] = steps;
    this.niivue.moveCrosshairInVox(move[0], move[1], move[2]);
  }

  /** Show the place that another viewer shows: NiiVue passes it on only from a canvas that has the focus. @param {VolumeViewer} other */
  follow(other) {
    this.niivue.scene.crosshairPos = /** @type {any} */ ([...other.niivue.scene.crosshairPos]);
    this.niivue.drawScene();
  }

  /** Let another viewer show the same place. @param {VolumeViewer[]} others */
  lead(others) {
    this.niivue.broadcastTo(
      others.map((other) => other.niivue),
      { "2d": true, "3d": true },
    );
  }

  /** Count the classes of a mask, and put the crosshair into its middle. @param {NVImage} mask */
  #measure(mask) {
    if (!mask.img || !mask.hdr) return;
    const [, width, height] = mask.hdr.dims;
    const { voxels, centre } = measureMask(/** @type {ArrayLike<number>} */ (mask.img), width, height);
    const { size, unit } = voxelSize(mask.hdr.affine, [...mask.hdr.dims].slice(1, 4), this.inPixels);
    this.sizes = new Map([...voxels].map(([number, count]) => [number, count * size]));
    this.unit = unit;
    if (!centre) return;
    const place = apply(mask.hdr.affine, centre);
    this.niivue.scene.crosshairPos = this.niivue.mm2frac(/** @type {any} */ (place));
    this.niivue.drawScene();
  }

  /** @param {any} place */
  #words(place) {
    const [x, y, z] = place.mm;
    const sides = [x < 0 ? "L" : "R", y < 0 ? "P" : "A", z < 0 ? "I" : "S"];
    const words = this.inPixels
      ? `column ${Math.round(Math.abs(x))}  row ${Math.round(Math.abs(y))}`
      : `${[x, y, z].map((value, axis) => `${Math.abs(value).toFixed(0)} ${sides[axis]}`).join("  ")} mm`;
    const value = place.values[0]?.value;
    const number = Math.round(place.values[1]?.value ?? 0);
    const name = number ? (this.classes[number - 1]?.name ?? `class ${number}`) : "";
    const shown = typeof value === "number" ? Number(value.toPrecision(5)) : "";
    return `${words}   value ${shown}${name ? `   ${name}` : ""}`;
  }
}
