// The SMART client of SMART Health IT: as the EMR's backend, then as an app that a patient has launched.
import assert from 'node:assert/strict';
import smart from 'fhirclient';
import { base, checkOrder, checkReads, idsOf, order, patient, reads, resourcesOf, step, tokens } from './steps.mjs';

const as = (tokenResponse) => smart({}, {}, {}).client({ serverUrl: base, scope: 'launch/patient', tokenResponse });
const emr = as({ access_token: tokens.emr });
const app = as({ access_token: tokens.anna, patient: 'anna' });
const status = (code) => (error) => error.status === code;
let made;

await step('CapabilityStatement', async () => assert.equal(await emr.getFhirRelease(), 4));
await step('create', async () => {
  made = await emr.create(patient('fhirclient'));
  assert.equal(made.meta.versionId, '1');
});
await step('read', async () => assert.deepEqual(await emr.request(`Patient/${made.id}`), made));
await step('update', async () => {
  const updated = await emr.update({ ...made, gender: 'unknown' }, { headers: { 'If-Match': 'W/"1"' } });
  assert.equal(updated.meta.versionId, '2');
});
await step('update of a version that is past', () =>
  assert.rejects(emr.update({ ...made, gender: 'male' }, { headers: { 'If-Match': 'W/"1"' } }), status(412)));
await step('vread', async () => assert.deepEqual(await emr.request(`Patient/${made.id}/_history/1`), made));
await step('history', async () => {
  const versions = await emr.request(`Patient/${made.id}/_history`, { flat: true });
  assert.deepEqual(versions.map((v) => v.meta.versionId), ['2', '1']);
});
await step('search in pages, all in one list', async () => {
  const studies = await emr.request('ImagingStudy?patient=anna&_count=1', { pageLimit: 0, flat: true });
  assert.deepEqual(idsOf(studies), ['a3', 'a2', 'a1']);
});
await step('search in pages, one by one', async () => {
  const pages = [];
  for await (const page of emr.pages('ImagingStudy?_count=2&_sort=_id')) pages.push(idsOf(resourcesOf(page)));
  assert.deepEqual(pages, [['a1', 'a2'], ['a3', 'b1']]);
});
await step('search by code and date', async () => {
  const studies = await emr.request('ImagingStudy?modality=CT&started=ge2026-01-10&started=lt2026-03', { flat: true });
  assert.deepEqual(idsOf(studies), ['b1']);
});
await step('search by POST', async () => {
  const bundle = await emr.request({
    url: 'ImagingStudy/_search',
    method: 'POST',
    headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
    body: 'patient=Patient/anna&modality=MR',
  });
  assert.deepEqual(idsOf(resourcesOf(bundle)), ['a2']);
});
await step('_include', async () => {
  const found = await emr.request('ImagingStudy?_id=a3&_include=ImagingStudy:patient&_include=ImagingStudy:basedon', { flat: true });
  assert.deepEqual(idsOf(found).sort(), ['a3', 'anna', 'order-a']);
});
await step('references resolved by the client', async () => {
  const study = await emr.request('ImagingStudy/a3', { resolveReferences: ['subject', 'basedOn.0'] });
  assert.equal(study.subject.name[0].family, 'Ivanova');
  assert.equal(study.basedOn[0].id, 'order-a');
});
await step('conditional create', async () => {
  const again = await emr.create(patient('other'), { headers: { 'If-None-Exist': 'identifier=urn:x:client|fhirclient' } });
  assert.equal(again.id, made.id);
});
await step('JSON Patch', async () => {
  const patched = await emr.patch(`Patient/${made.id}`, [{ op: 'replace', path: '/gender', value: 'female' }]);
  assert.equal(patched.gender, 'female');
});
const post = (bundle) =>
  emr.request({ url: '/', method: 'POST', headers: { 'Content-Type': 'application/fhir+json' }, body: JSON.stringify(bundle) });
await step('transaction', async () => checkOrder(await post(order('ordered'))));
await step('batch', async () => checkReads(await post(reads)));
await step('delete', async () => {
  await emr.delete(`Patient/${made.id}`);
  await assert.rejects(emr.request(`Patient/${made.id}`), status(410));
});
await step("the patient's own record", async () => {
  assert.equal((await app.patient.read()).name[0].family, 'Ivanova');
  assert.deepEqual(idsOf(await app.patient.request('ImagingStudy', { flat: true })), ['a3', 'a2', 'a1']);
});
await step("nobody else's", async () => {
  await assert.rejects(app.request('Patient/boris'), status(404));
  await assert.rejects(app.update(patient('mine')), status(403));
});
