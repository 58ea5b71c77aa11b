// What the clients' scripts share: where the server is, the tokens of testdata/city.txtar, and steps that print a line each.
import assert from 'node:assert/strict';

export const base = process.env.LIGHTBOX_BASE;
export const tokens = JSON.parse(process.env.LIGHTBOX_TOKENS);

// step prints its name once what it does has held. The first that fails ends the script, with what the server said.
export async function step(name, run) {
  try {
    await run();
  } catch (error) {
    console.log(`FAILED ${name}`, JSON.stringify(error.response?.data ?? error.outcome ?? error.message));
    throw error;
  }
  console.log(`ok ${name}`);
}

export const patient = (value) => ({
  resourceType: 'Patient',
  identifier: [{ system: 'urn:x:client', value }],
  name: [{ family: 'Client', given: [value] }],
  gender: 'other',
  birthDate: '1999-09-09',
});

// order makes a transaction of a patient and a request for an examination of theirs, which names them by the entry's URL.
export const order = (value) => {
  const url = 'urn:uuid:61ebe359-bfdc-4613-8bf2-c5e300945f0a';
  return {
    resourceType: 'Bundle',
    type: 'transaction',
    entry: [
      { fullUrl: url, resource: patient(value), request: { method: 'POST', url: 'Patient' } },
      {
        resource: { resourceType: 'ServiceRequest', status: 'active', intent: 'order', subject: { reference: url } },
        request: { method: 'POST', url: 'ServiceRequest' },
      },
    ],
  };
};

// reads is a batch of which one entry has no answer.
export const reads = {
  resourceType: 'Bundle',
  type: 'batch',
  entry: [
    { request: { method: 'GET', url: 'Patient/anna' } },
    { request: { method: 'GET', url: 'Patient/nobody' } },
  ],
};

export const idsOf = (resources) => resources.map((r) => r.id);
export const resourcesOf = (bundle) => (bundle.entry ?? []).map((e) => e.resource);
export const statusesOf = (bundle) => bundle.entry.map((e) => e.response.status.slice(0, 3));

// checkOrder asserts that a transaction was answered with two creations.
export function checkOrder(bundle) {
  assert.equal(bundle.type, 'transaction-response');
  assert.deepEqual(statusesOf(bundle), ['201', '201']);
}

export function checkReads(bundle) {
  assert.equal(bundle.type, 'batch-response');
  assert.deepEqual(statusesOf(bundle), ['200', '404']);
}
