// The page: series on one side, one of them as a stack on the other, and tools below.
import { entriesOf, fetchStudy } from './study.js';
import { keysOf, listen } from './gestures.js';
import { Stack, start } from './stack.js';
import { currentLanguage, switchLanguage, text, translate } from './texts.js';

const find = (id) => document.getElementById(id);
const base = new URL(document.body.dataset.at, location.href).href;

// presets are windows by name: of the image itself, of all its values, and of computed tomography in Hounsfield units.
const presets = [
  { name: 'default', apply: (stack) => stack.ownWindow() },
  { name: 'whole', apply: (stack) => stack.wholeWindow() },
  ...[['soft', 40, 400], ['lung', -600, 1500], ['bone', 400, 1800], ['brain', 40, 80]].map(([name, center, width]) => ({
    name, hounsfield: true, apply: (stack) => stack.setWindow(center, width),
  })),
];

class Page {
  constructor(study) {
    this.study = study;
    this.stacks = study.series.map((one) => entriesOf(one, base));
    this.tool = matchMedia('(pointer: coarse)').matches ? 'scroll' : 'window';
    this.picture = find('picture');
    this.stack = new Stack(this.picture, () => this.update());
    this.picture.viewport = this.stack.viewport; // for who looks with the browser's tools, tests among them
    listen(this.picture, this.stack, () => this.tool);
    this.keys = keysOf(this.stack, { series: (n) => this.open(this.current + n), preset: (n) => this.preset(n) });
    this.wire();
    this.open(Math.max(0, this.stacks.findIndex((entries) => entries.some((one) => one.imageId))));
  }

  wire() {
    document.addEventListener('keydown', (event) => this.key(event));
    find('position').addEventListener('input', (event) => this.stack.show(event.target.valueAsNumber - 1));
    find('preset').addEventListener('change', (event) => this.preset(presets.findIndex((one) => one.name === event.target.value)));
    find('tools').addEventListener('click', ({ target }) => {
      if (target.dataset.tool) this.tool = target.dataset.tool;
      if (target.dataset.do && !this.stack.words) this.stack[target.dataset.do]();
      this.update();
    });
  }

  open(index) {
    const entries = this.stacks[index];
    if (!entries?.length) return;
    this.current = index;
    this.stack.say('loading');
    this.list();
    this.stack.open(entries);
  }

  preset(index) {
    const preset = presets[index];
    if (this.stack.words || !preset || (preset.hounsfield && !this.hounsfield)) return;
    this.stack.windowName = preset.name;
    preset.apply(this.stack);
    this.update();
  }

  get hounsfield() {
    return this.stack.entry?.modality === 'CT';
  }

  key(event) {
    if (event.ctrlKey || event.altKey || event.metaKey || ['SELECT', 'INPUT', 'SUMMARY'].includes(event.target.tagName)) return;
    const { always, shown, shifted } = this.keys;
    const run = event.shiftKey && shifted[event.code] ? shifted[event.code] : always[event.code] ?? shown[event.code];
    if (!run || (this.stack.words && run !== always[event.code])) return;
    event.preventDefault();
    run();
    this.update();
  }

  // list shows the series.
  list() {
    find('series').replaceChildren(...this.study.series.map((series, index) => {
      const button = document.createElement('button');
      button.type = 'button';
      const images = this.stacks[index].filter((one) => one.imageId).length;
      const small = document.createElement('small');
      small.textContent = images ? text('images', images) : text('noImages');
      button.append(this.nameOf(index), small);
      button.setAttribute('aria-current', String(index === this.current));
      button.addEventListener('click', () => this.open(index));
      const item = document.createElement('li');
      item.append(button);
      return item;
    }));
  }

  nameOf(index) {
    const { modality = '', description } = this.study.series[index];
    return `${modality} ${description || text('noDescription', index + 1)}`.trim();
  }

  // translate shows everything in the language of now.
  translate() {
    translate(document);
    document.title = text('title');
    find('title').textContent = [this.study.description || text('title'), this.study.date?.split('-').reverse().join('.')].filter(Boolean).join(', ');
    find('note').textContent = [text('note'), this.study.expires && text('expires', this.study.expires)].filter(Boolean).join(' ');
    this.list();
    this.update();
  }

  // update shows what is true of the stack.
  update() {
    const { stack } = this;
    const [number, count] = [stack.index + 1, stack.entries.length];
    this.picture.classList.toggle('empty', Boolean(stack.words));
    this.picture.setAttribute('aria-label', text('image', number, count, this.nameOf(this.current ?? 0)));
    this.picture.classList.toggle('pending', stack.pending);
    Object.assign(this.picture.dataset, { state: stack.pending ? 'loading' : stack.words || 'shown', number, series: this.current });
    find('words').hidden = !stack.words;
    find('words').textContent = stack.words ? text(stack.words) : '';
    find('count').textContent = `${number} / ${count}${stack.pending ? ' …' : ''}`;
    Object.assign(find('position'), { max: count, value: number, hidden: count < 2 });
    find('position').setAttribute('aria-valuetext', `${number} / ${count}`);
    const window = stack.words ? undefined : stack.window;
    find('window').textContent = window ? `${Math.round(window.windowCenter)} / ${Math.round(window.windowWidth)}` : '';
    find('window').setAttribute('aria-label', window ? text('windowOf', Math.round(window.windowCenter), Math.round(window.windowWidth)) : '');
    this.updateTools();
  }

  updateTools() {
    for (const button of document.querySelectorAll('[data-tool]')) button.setAttribute('aria-pressed', String(button.dataset.tool === this.tool));
    document.querySelector('[data-do=invert]').setAttribute('aria-pressed', String(!this.stack.words && this.stack.inverted));
    const names = [...presets.filter((one) => !one.hounsfield || this.hounsfield).map((one) => one.name), ...(this.stack.windowName === 'own' ? ['own'] : [])];
    const shown = names.map((name) => name + currentLanguage()).join();
    if (find('preset').dataset.shown !== shown) {
      find('preset').dataset.shown = shown;
      find('preset').replaceChildren(...names.map((name) => new Option(text(name), name)));
    }
    find('preset').value = this.stack.windowName;
  }
}

// say puts a message in place of the viewer.
function say(key) {
  find('viewer').hidden = true;
  find('message').textContent = text(key);
  document.body.dataset.said = key;
}

// language is the button that switches it, and what has to be said anew then.
function language(retranslate) {
  find('language').textContent = text('other');
  find('language').lang = currentLanguage() === 'ru' ? 'en' : 'ru';
  retranslate();
}

async function run() {
  let retranslate = () => {
    translate(document);
    find('title').textContent = document.title = text('title');
    if (document.body.dataset.said) say(document.body.dataset.said);
  };
  find('language').addEventListener('click', () => { switchLanguage(); language(() => retranslate()); });
  language(retranslate);
  let study;
  try {
    find('message').textContent = text('loading');
    study = await fetchStudy(base);
  } catch (reason) {
    return say(typeof reason === 'string' ? reason : 'later');
  }
  if (!study.series.some((series) => series.instances.length)) return say('empty');
  try {
    find('viewer').hidden = false;
    find('message').textContent = '';
    start();
    const page = new Page(study);
    retranslate = () => page.translate();
    language(retranslate);
  } catch (error) {
    console.error('the viewer did not start:', error?.message ?? error);
    say('broken');
  }
}

run();
