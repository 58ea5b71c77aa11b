// A stack is one series on the screen: it loads images, shows one of them, and changes how it is shown.
import { cache, Enums, getShouldUseCPURendering, imageLoader, init, RenderingEngine, utilities } from '@cornerstonejs/core';
import loader from '@cornerstonejs/dicom-image-loader';
import { reasonOf } from './study.js';

const mebibyte = 1 << 20;

// ahead is how many images are loaded before somebody scrolls to them.
const ahead = 6;

// start makes the decoders and the drawing ready.
export function start() {
  cache.setMaxCacheSize(512 * mebibyte);
  init({ rendering: { webGlContextCount: 1 } });
  loader.init({ maxWebWorkers: Math.min(4, Math.max(1, navigator.hardwareConcurrency >> 1)), wasmBasePath: new URL('.', import.meta.url).href });
}

export class Stack {
  // told is called when something about what is shown has changed.
  constructor(element, told) {
    this.element = element;
    this.told = told;
    this.entries = [];
    this.index = 0;
    this.words = 'loading'; // the key of what stands in place of the image; '' where the image is there
    this.pending = false; // what is there is not yet what was asked for
    this.turn = 0;
    this.engine = new RenderingEngine('viewer');
    this.engine.enableElement({ viewportId: 'stack', type: Enums.ViewportType.STACK, element, defaultOptions: { background: [0, 0, 0] } });
    this.viewport = this.engine.getViewport('stack');
    element.addEventListener(Enums.Events.IMAGE_RENDERED, told);
    addEventListener('unhandledrejection', (event) => this.rejected(event));
    new ResizeObserver(() => this.fitted && this.engine.resize(true, true)).observe(element);
  }

  get entry() {
    return this.entries[this.index];
  }

  // open takes other entries, and shows one of them.
  open(entries) {
    this.entries = entries;
    this.imageIds = entries.filter((one) => one.imageId).map((one) => one.imageId);
    this.mounted = false;
    this.windowName = 'default'; // of the preset that was chosen last; 'own' where somebody went on from there
    return this.show(0);
  }

  // show shows an entry, if nobody asks for another meanwhile.
  async show(index) {
    this.index = Math.max(0, Math.min(this.entries.length - 1, index));
    const turn = ++this.turn;
    const { imageId, problem } = this.entry;
    if (problem) return this.say(problem);
    this.pending = true;
    if (!cache.isLoaded(imageId)) this.told();
    try {
      await load(imageId, 'interaction');
      if (turn !== this.turn) return;
      await this.draw(imageId);
    } catch (error) {
      if (turn === this.turn) this.say(whyNot(error));
      return;
    }
    if (turn === this.turn) this.say('');
    for (let n = 1; n <= ahead && turn === this.turn; n++) await this.preload(index + n);
  }

  async draw(imageId) {
    const at = this.imageIds.indexOf(imageId);
    if (this.mounted) {
      await this.viewport.setImageIdIndex(at);
    } else {
      await this.viewport.setStack(this.imageIds, at);
      this.viewport.resetCamera(); // else it stays as the series before was
      this.mounted = this.fitted = true;
    }
    await this.drawn();
  }

  // drawn draws, and waits until that is on the screen.
  drawn() {
    const drawn = new Promise((done) => this.element.addEventListener(Enums.Events.IMAGE_RENDERED, done, { once: true }));
    this.viewport.render();
    return drawn;
  }

  async preload(index) {
    const imageId = this.entries[index]?.imageId;
    if (imageId && !cache.isLoaded(imageId)) await load(imageId, 'prefetch').catch(() => {}); // told when it is its turn
  }

  // rejected is told what nobody waits for. What the loader could not get, it says to who asked as well; what it stumbles on while it makes an
  // image of what was decoded, it says to nobody else, and the image never comes.
  rejected(event) {
    if (event.reason instanceof XMLHttpRequest) return event.preventDefault();
    const { turn } = this;
    setTimeout(() => this.pending && turn === this.turn && this.say('failed'), 3000);
  }

  say(words) {
    this.words = words;
    this.pending = false;
    this.told();
  }

  // window is what is shown of the range of values: centre and width.
  get window() {
    const { voiRange } = this.viewport.getProperties();
    return voiRange && utilities.windowLevel.toWindowLevel(voiRange.lower, voiRange.upper);
  }

  setWindow(center, width) {
    this.change({ voiRange: utilities.windowLevel.toLowHighRange(Math.max(1, width), center) });
  }

  // moveWindow changes the window by parts of the range that the image has.
  moveWindow(center, width) {
    const image = this.viewport.getCornerstoneImage();
    if (!image || !this.window) return;
    const range = Math.max(1, image.maxPixelValue - image.minPixelValue);
    this.windowName = 'own';
    this.setWindow(this.window.windowCenter + center * range, this.window.windowWidth + width * range);
  }

  // ownWindow is the one that the image says, wholeWindow the one that shows every value.
  ownWindow() {
    const { invert } = this.viewport.getProperties();
    this.viewport.resetProperties();
    this.change({ invert });
  }

  wholeWindow() {
    const { minPixelValue: lower, maxPixelValue: upper } = this.viewport.getCornerstoneImage();
    this.change({ voiRange: { lower, upper: Math.max(upper, lower + 1) } });
  }

  get inverted() {
    return Boolean(this.viewport.getProperties().invert);
  }

  invert() {
    this.change({ invert: !this.inverted });
  }

  zoom(factor) {
    this.viewport.setZoom(Math.max(0.2, Math.min(30, this.viewport.getZoom() * factor)));
    this.viewport.render();
  }

  pan(x, y) {
    const [left, top] = this.viewport.getPan();
    this.viewport.setPan([left + x, top + y]);
    this.viewport.render();
  }

  fit() {
    this.viewport.resetCamera();
    this.viewport.render();
  }

  change(properties) {
    this.viewport.setProperties(properties);
    this.viewport.render();
  }
}

// load decodes an image as the viewport would, so that the viewport finds it in the cache.
function load(imageId, requestType) {
  const priority = requestType === 'prefetch' ? 8 : 0;
  return imageLoader.loadAndCacheImage(imageId, { requestType, priority, preScale: { enabled: true }, useRGBA: getShouldUseCPURendering() });
}

// whyNot is the key of what is said of an image that could not be shown.
function whyNot(error) {
  console.warn('an image could not be shown:', error?.message ?? error?.status ?? error);
  if (!(error instanceof XMLHttpRequest)) return 'failed';
  return error.status === 406 ? 'pixels' : reasonOf(error.status);
}
