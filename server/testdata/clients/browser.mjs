// A person at a browser: for each visit opens a page, fills in the forms that come and waits for what the app shows. A visit is
// { open, forms: [{ fill: { selector: value }, click: selector }] }; what each app showed is printed, a line a visit.
import { chromium } from 'playwright-core';

const visits = JSON.parse(process.env.LIGHTBOX_VISITS);
const browser = await chromium.launch({
  executablePath: process.env.LIGHTBOX_CHROMIUM,
  timeout: 60_000,
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync', '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1'],
});

async function fillIn(page, { fill = {}, click }) {
  for (const [selector, value] of Object.entries(fill)) {
    const field = page.locator(selector);
    if (await field.evaluate((element) => element.tagName === 'SELECT')) await field.selectOption(value);
    else await field.fill(value);
  }
  await page.locator(click).click();
}

async function visit({ open, forms = [] }) {
  const context = await browser.newContext();
  context.setDefaultTimeout(60_000);
  const page = await context.newPage();
  page.on('pageerror', (error) => console.error(error.message));
  page.on('console', (message) => console.error(message.text()));
  try {
    await page.goto(open);
    for (const form of forms) await fillIn(page, form);
    const shown = page.locator('#shown:not(:empty)');
    return await shown.textContent();
  } catch (error) {
    return JSON.stringify({ error: `${error.message}, at ${page.url()}: ${await page.locator('body').innerText()}` });
  } finally {
    await context.close();
  }
}

try {
  for (const shown of await Promise.all(visits.map(visit))) console.log(shown);
} finally {
  await browser.close();
}
