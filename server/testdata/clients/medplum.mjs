// Medplum's client, as the EMR's backend. It tells errors by their OperationOutcome.
import assert from 'node:assert/strict';
import { MedplumClient } from '@medplum/core';
import { base, checkOrder, checkReads, idsOf, order, patient, reads, resourcesOf, step, tokens } from './steps.mjs';

const client = new MedplumClient({
  baseUrl: new URL('/', base).href,
  fhirUrlPath: new URL(base).pathname,
  accessToken: tokens.emr,
  cacheTime: 0, // each step asks the server
});
const code = (expected) => (error) => error.outcome.issue[0].code === expected;
let made;

await step('CapabilityStatement', async () => assert.equal((await client.get(client.fhirUrl('metadata'))).fhirVersion, '4.0.1'));
await step('create', async () => {
  made = await client.createResource(patient('medplum'));
  assert.equal(made.meta.versionId, '1');
});
await step('read', async () => assert.deepEqual(await client.readResource('Patient', made.id), made));
const update = (gender) => client.updateResource({ ...made, gender }, { headers: { 'If-Match': 'W/"1"' } });
await step('update', async () => assert.equal((await update('unknown')).meta.versionId, '2'));
await step('update of a version that is past', () => assert.rejects(update('male'), code('conflict')));
await step('vread', async () => assert.deepEqual(await client.readVersion('Patient', made.id, '1'), made));
await step('history', async () => {
  const versions = resourcesOf(await client.readHistory('Patient', made.id));
  assert.deepEqual(versions.map((v) => v.meta.versionId), ['2', '1']);
});
await step('search in pages', async () => {
  const pages = [];
  for await (const page of client.searchResourcePages('ImagingStudy', { patient: 'anna', _count: '2' })) pages.push(idsOf(page));
  assert.deepEqual(pages, [['a3', 'a2'], ['a1']]);
});
await step('search by code and date', async () => {
  const found = await client.searchResources('ImagingStudy', 'modality=CT&started=ge2026-01-10&started=lt2026-03');
  assert.deepEqual(idsOf(found), ['b1']);
});
await step('search for one', async () => assert.equal((await client.searchOne('Patient', { family: 'petrov' })).id, 'boris'));
await step('search by POST', async () => {
  const form = new URLSearchParams({ patient: 'Patient/anna', modality: 'MR' }).toString();
  const found = await client.post(client.fhirUrl('ImagingStudy', '_search'), form, 'application/x-www-form-urlencoded');
  assert.deepEqual(idsOf(resourcesOf(found)), ['a2']);
});
await step('_include', async () => {
  const found = await client.search('ImagingStudy', '_id=a3&_include=ImagingStudy:patient&_include=ImagingStudy:basedon');
  assert.deepEqual(idsOf(resourcesOf(found)).sort(), ['a3', 'anna', 'order-a']);
});
await step('$everything', async () => {
  assert.ok(idsOf(resourcesOf(await client.readPatientEverything('anna'))).includes('report-a'));
});
await step('a reference read by the client', async () => {
  assert.equal((await client.readReference({ reference: 'Patient/anna' })).id, 'anna');
});
await step('conditional create', async () => {
  const again = await client.createResourceIfNoneExist(patient('other'), 'identifier=urn:x:client|medplum');
  assert.equal(again.id, made.id);
});
await step('conditional update', async () => {
  const upserted = await client.upsertResource({ ...patient('medplum'), gender: 'male' }, 'identifier=urn:x:client|medplum');
  assert.equal(upserted.id, made.id);
});
await step('JSON Patch', async () => {
  const patched = await client.patchResource('Patient', made.id, [{ op: 'replace', path: '/gender', value: 'female' }]);
  assert.equal(patched.gender, 'female');
});
await step('transaction', async () => checkOrder(await client.executeBatch(order('ordered'))));
await step('batch', async () => checkReads(await client.executeBatch(reads)));
await step('Binary', async () => {
  const binary = await client.createBinary({ data: 'text of a report', contentType: 'text/plain' });
  assert.equal(await (await client.download(client.fhirUrl('Binary', binary.id))).text(), 'text of a report');
});
await step('delete', async () => {
  await client.deleteResource('Patient', made.id);
  await assert.rejects(client.readResource('Patient', made.id), code('deleted'));
});
