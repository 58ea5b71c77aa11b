// dicomweb-client as a viewer uses it: store, search, metadata, instances, frames.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
globalThis.XMLHttpRequest = require('xhr2');
const { api } = require('dicomweb-client');

const url = process.env.LIGHTBOX_DICOMWEB;
const object = readFileSync(process.env.LIGHTBOX_OBJECT);
const expected = JSON.parse(process.env.LIGHTBOX_EXPECTED); // study, series, instance, frame

async function step(name, run) {
  try {
    await run();
  } catch (error) {
    console.log(`FAILED ${name}`, error.message, error.response ?? '');
    throw error;
  }
  console.log(`ok ${name}`);
}

const client = new api.DICOMwebClient({ url, singlepart: false, headers: { Authorization: `Bearer ${process.env.LIGHTBOX_TOKEN}` } });
const ids = { studyInstanceUID: expected.study, seriesInstanceUID: expected.series, sopInstanceUID: expected.instance };
const bytes = (buffer) => Buffer.from(buffer);

await step('store', async () => {
  await client.storeInstances({ datasets: [object.buffer.slice(object.byteOffset, object.byteOffset + object.byteLength)] });
});

await step('search for studies', async () => {
  const found = await client.searchForStudies({ queryParams: { StudyInstanceUID: expected.study } });
  assert.deepEqual(found.map((s) => s['0020000D'].Value[0]), [expected.study]);
  assert.deepEqual(await client.searchForStudies({ queryParams: { PatientID: 'nobody' } }), []);
});

await step('search for series and instances', async () => {
  const series = await client.searchForSeries(ids);
  assert.deepEqual(series.map((s) => s['0020000E'].Value[0]), [expected.series]);
  const instances = await client.searchForInstances(ids);
  assert.deepEqual(instances.map((s) => s['00080018'].Value[0]), [expected.instance]);
});

await step('metadata', async () => {
  for (const list of [await client.retrieveStudyMetadata(ids), await client.retrieveSeriesMetadata(ids)]) {
    assert.deepEqual(list.map((s) => s['00080018'].Value[0]), [expected.instance]);
  }
  const [one] = [await client.retrieveInstanceMetadata(ids)].flat();
  assert.equal(one['00080018'].Value[0], expected.instance);
});

await step('instance', async () => {
  const got = bytes(await client.retrieveInstance(ids));
  assert.ok(got.subarray(128).equals(object.subarray(128)), 'other bytes came back');
});

await step('study and series', async () => {
  for (const list of [await client.retrieveStudy(ids), await client.retrieveSeries(ids)]) {
    assert.equal(list.length, 1);
    assert.ok(bytes(list[0]).subarray(128).equals(object.subarray(128)), 'other bytes came back');
  }
});

await step('frames', async () => {
  const [frame] = await client.retrieveInstanceFrames({ ...ids, frameNumbers: [1] });
  assert.equal(bytes(frame).toString('base64'), expected.frame);
});
