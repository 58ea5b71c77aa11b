// fhir-kit-client, as the EMR's backend.
import assert from 'node:assert/strict';
import { CapabilityTool, Client } from 'fhir-kit-client';
import { base, checkOrder, checkReads, idsOf, order, patient, reads, resourcesOf, step, tokens } from './steps.mjs';

const client = new Client({ baseUrl: base, bearerToken: tokens.emr });
const resourceType = 'Patient';
const status = (code) => (error) => error.response.status === code;
let made;

await step('CapabilityStatement', async () => {
  const tool = new CapabilityTool(await client.capabilityStatement());
  assert.ok(tool.resourceCan('ImagingStudy', 'vread'));
  assert.ok(tool.resourceSearch('ImagingStudy', 'modality'));
});
await step('SMART configuration', async () => {
  const { tokenUrl } = await client.smartAuthMetadata();
  assert.equal(tokenUrl.href, 'https://issuer.example/token');
});
await step('create', async () => {
  made = await client.create({ resourceType, body: patient('kit') });
  assert.equal(made.meta.versionId, '1');
});
await step('read', async () => assert.deepEqual(await client.read({ resourceType, id: made.id }), made));
const update = (gender) =>
  client.update({ resourceType, id: made.id, body: { ...made, gender }, options: { headers: { 'If-Match': 'W/"1"' } } });
await step('update', async () => assert.equal((await update('unknown')).meta.versionId, '2'));
await step('update of a version that is past', () => assert.rejects(update('male'), status(412)));
await step('vread', async () => assert.deepEqual(await client.vread({ resourceType, id: made.id, version: '1' }), made));
await step('history', async () => {
  const versions = resourcesOf(await client.history({ resourceType, id: made.id }));
  assert.deepEqual(versions.map((v) => v.meta.versionId), ['2', '1']);
});
await step('search in pages, there and back', async () => {
  const seen = [];
  let page = await client.search({ resourceType: 'ImagingStudy', searchParams: { patient: 'anna', _count: 1 } });
  for (let last; page; last = page, page = await client.nextPage({ bundle: page })) {
    seen.push(...idsOf(resourcesOf(page)));
    if (last) assert.deepEqual(resourcesOf(await client.prevPage({ bundle: page })), resourcesOf(last));
  }
  assert.deepEqual(seen, ['a3', 'a2', 'a1']);
});
const imaging = async (searchParams, options) =>
  idsOf(resourcesOf(await client.search({ resourceType: 'ImagingStudy', searchParams, options })));
await step('search by code and date', async () => {
  const found = await imaging({ modality: 'http://dicom.nema.org/resources/ontology/DCM|CT', started: ['ge2026-01-10', 'lt2026-03'] });
  assert.deepEqual(found, ['b1']);
});
await step('search by POST', async () => {
  assert.deepEqual(await imaging({ patient: 'Patient/anna', modality: 'MR' }, { postSearch: true }), ['a2']);
});
await step('_include', async () => {
  const found = await imaging({ _id: 'a3', _include: ['ImagingStudy:patient', 'ImagingStudy:basedon'] });
  assert.deepEqual(found.sort(), ['a3', 'anna', 'order-a']);
});
await step('search within a compartment', async () => {
  const found = await client.search({ resourceType: 'ServiceRequest', compartment: { resourceType, id: 'anna' } });
  assert.deepEqual(idsOf(resourcesOf(found)), ['order-a']);
});
await step('search over several types', async () => {
  const found = await client.search({ searchParams: { _type: 'Patient,Device', _id: 'boris,scanner' } });
  assert.deepEqual(idsOf(resourcesOf(found)).sort(), ['boris', 'scanner']);
});
await step('$everything', async () => {
  const everything = await client.operation({ resourceType, id: 'anna', name: 'everything', method: 'GET' });
  assert.ok(idsOf(resourcesOf(everything)).includes('report-a'));
});
await step('a reference resolved by the client', async () => {
  const study = await client.read({ resourceType: 'ImagingStudy', id: 'a3' });
  assert.equal((await client.resolve({ reference: study.subject.reference, context: study })).id, 'anna');
});
await step('conditional create', async () => {
  const options = { headers: { 'If-None-Exist': 'identifier=urn:x:client|kit' } };
  assert.equal((await client.create({ resourceType, body: patient('other'), options })).id, made.id);
});
await step('conditional update', async () => {
  const searchParams = { identifier: 'urn:x:client|kit' };
  assert.equal((await client.update({ resourceType, searchParams, body: { ...patient('kit'), gender: 'male' } })).id, made.id);
});
await step('JSON Patch', async () => {
  const jsonPatch = [{ op: 'replace', path: '/gender', value: 'female' }];
  assert.equal((await client.patch({ resourceType, id: made.id, jsonPatch })).gender, 'female');
});
await step('transaction', async () => checkOrder(await client.transaction({ body: order('ordered') })));
await step('batch', async () => checkReads(await client.batch({ body: reads })));
await step('history of a type', async () => {
  assert.ok(idsOf(resourcesOf(await client.history({ resourceType: 'ServiceRequest' }))).includes('order-a'));
});
await step('history of the system', async () => {
  assert.ok(idsOf(resourcesOf(await client.history())).includes(made.id));
});
await step('delete', async () => {
  await client.delete({ resourceType, id: made.id });
  await assert.rejects(client.read({ resourceType, id: made.id }), status(410));
});
await step('no token', () => assert.rejects(new Client({ baseUrl: base }).read({ resourceType, id: 'anna' }), status(401)));
