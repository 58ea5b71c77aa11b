// A person who looks at the images of a link: opens it, does steps, and tells after each what is on the screen. Steps are
// { do: open|passcode|walk|wheel|key|drag|pinch|preset|tool|click|shot|look, ... }; printed is { seen: [...], console: [...], requests: [...] }.
import { chromium } from 'playwright-core';

const { url, width, height, gpu, language, touch, javaScript = true, steps } = JSON.parse(process.env.LIGHTBOX_VIEWING);
const drawing = gpu ? ['--use-gl=angle', '--use-angle=swiftshader', '--enable-unsafe-swiftshader'] : ['--disable-gpu'];
const browser = await chromium.launch({
  executablePath: process.env.LIGHTBOX_CHROMIUM,
  timeout: 60_000,
  args: ['--no-sandbox', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync',
    '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1', ...drawing],
});

// onScreen tells what the page shows: the values that were decoded, as a hash of 32 bit integers, and what was drawn of them.
async function onScreen() {
  const picture = document.getElementById('picture');
  if (!picture) return { text: document.body.innerText, form: Boolean(document.querySelector('form')) };
  const text = (id) => (document.getElementById(id).hidden ? '' : document.getElementById(id).textContent);
  const seen = { ...picture.dataset, words: text('words'), message: text('message'), window: text('window'), count: text('count'), title: text('title'),
    label: picture.getAttribute('aria-label') ?? '', series: [...document.querySelectorAll('#series button')].map((one) => one.innerText), at: Number(picture.dataset.series),
    wide: document.documentElement.scrollWidth, text: document.body.innerText };
  if (picture.dataset.state !== 'shown') return seen;
  for (let n = 0; n < 3; n++) await new Promise(requestAnimationFrame); // until it is drawn
  const image = picture.viewport.getCornerstoneImage();
  const values = Int32Array.from(image.getPixelData(), Math.round);
  const sum = new Uint8Array(await crypto.subtle.digest('SHA-256', values.buffer));
  seen.hash = [...sum].map((one) => one.toString(16).padStart(2, '0')).join('');
  seen.rows = image.rows;
  seen.columns = image.columns;
  seen.zoom = picture.viewport.getZoom();
  const canvas = picture.querySelector('canvas');
  const drawn = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
  seen.levels = new Set(drawn.filter((_, n) => n % 4 === 1)).size;
  seen.mean = drawn.reduce((all, one, n) => (n % 4 === 1 ? all + one : all), 0) / (drawn.length / 4);
  return seen;
}

// settled waits until the page is not loading any more.
const settled = (page, number) => page.waitForFunction(([n]) => {
  if (document.body.dataset.said || !document.getElementById('picture')) return true;
  const { state, number: now } = document.getElementById('picture').dataset;
  return state && state !== 'loading' && (n === undefined || Number(now) === n);
}, [number]);

// walk shows every image of every series.
async function walk(page) {
  const all = [];
  for (let at = 0; at < await page.locator('#series button').count(); at++) {
    await page.locator('#series button').nth(at).click();
    await settled(page, 1);
    const count = Number((await page.locator('#count').textContent()).split(' / ')[1]);
    for (let number = 1; number <= count; number++) {
      await page.locator('#position').evaluate((slider, n) => { slider.value = n; slider.dispatchEvent(new Event('input')); }, number);
      await settled(page, number);
      all.push(await page.evaluate(onScreen));
    }
  }
  return all;
}

async function middle(page) {
  const box = await page.locator('#picture').boundingBox();
  return { x: box.x + box.width / 2, y: box.y + box.height / 2 };
}

async function drag(page, { x, y, button = 'left' }) {
  const from = await middle(page);
  await page.mouse.move(from.x, from.y);
  await page.mouse.down({ button });
  await page.mouse.move(from.x + x, from.y + y, { steps: 5 });
  await page.mouse.up({ button });
}

// pinch moves two fingers apart, or together.
async function pinch(page, context, { from, to }) {
  const session = await context.newCDPSession(page);
  const { x, y } = await middle(page);
  const fingers = (apart) => [{ x: x - apart, y, id: 1 }, { x: x + apart, y, id: 2 }];
  await session.send('Input.dispatchTouchEvent', { type: 'touchStart', touchPoints: fingers(from) });
  for (let n = 1; n <= 5; n++) await session.send('Input.dispatchTouchEvent', { type: 'touchMove', touchPoints: fingers(from + ((to - from) * n) / 5) });
  await session.send('Input.dispatchTouchEvent', { type: 'touchEnd', touchPoints: [] });
}

const actions = {
  open: (page) => page.goto(url, { waitUntil: 'load' }),
  passcode: async (page, { text }) => { await page.locator('input[name=passcode]').fill(text); await page.locator('form button').click(); await page.waitForLoadState('load'); },
  wheel: async (page, { by, zoom }) => {
    const { x, y } = await middle(page);
    await page.mouse.move(x, y);
    if (zoom) await page.keyboard.down('Control');
    await page.mouse.wheel(0, by);
    if (zoom) await page.keyboard.up('Control');
  },
  key: (page, { press }) => page.keyboard.press(press),
  drag,
  pinch: (page, step) => pinch(page, page.context(), step),
  preset: (page, { name }) => page.locator('#preset').selectOption(name),
  click: (page, { on }) => page.locator(on).click(),
  shot: (page, { file }) => page.screenshot({ path: file }),
  look: () => {},
};

const console_ = [];
const requests = [];
const seen = [];
try {
  const context = await browser.newContext({ viewport: { width, height }, locale: language, hasTouch: Boolean(touch), isMobile: Boolean(touch), javaScriptEnabled: javaScript });
  context.setDefaultTimeout(60_000);
  const page = await context.newPage();
  page.on('pageerror', (error) => console_.push(`error: ${error.message}`));
  page.on('console', (message) => console_.push(`${message.type()}: ${message.text()}`));
  page.on('request', (request) => requests.push(`${request.method()} ${request.url()}`));
  for (const step of steps) {
    if (step.do === 'walk') {
      seen.push(...await walk(page));
      continue;
    }
    await actions[step.do](page, step);
    if (javaScript) await settled(page, step.number);
    seen.push(javaScript ? await page.evaluate(onScreen) : { text: await page.locator('body').innerText() });
  }
  console.log(JSON.stringify({ seen, console: console_, requests }));
} catch (error) {
  console.log(JSON.stringify({ seen, console: [...console_, `error: ${error.stack}`], requests }));
} finally {
  await browser.close();
}
