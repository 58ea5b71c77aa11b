// dcmjs-dimse as a modality uses it: echo, and store.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';

const dimse = createRequire(import.meta.url)('dcmjs-dimse');
const { Client } = dimse;
const { CEchoRequest, CStoreRequest } = dimse.requests;
const { Status } = dimse.constants;
dimse.log.level = 'error';

const [host, port] = process.env.LIGHTBOX_DIMSE.split(':');

// send asks for an association and returns the status of its one request, or the rejection.
function send(request, calling) {
  return new Promise((resolve, reject) => {
    const client = new Client();
    let status;
    request.on('response', (response) => { status = response.getStatus(); });
    client.addRequest(request);
    client.on('associationRejected', () => resolve('rejected'));
    client.on('networkError', reject);
    client.on('closed', () => resolve(status));
    client.send(host, Number(port), calling, 'LIGHTBOX');
  });
}

async function step(name, run) {
  try {
    await run();
  } catch (error) {
    console.log(`FAILED ${name}`, error.message ?? error);
    throw error;
  }
  console.log(`ok ${name}`);
}

await step('echo', async () => assert.equal(await send(new CEchoRequest(), 'DEMO'), Status.Success));
await step('a stranger is rejected', async () => assert.equal(await send(new CEchoRequest(), 'NOBODY'), 'rejected'));
await step('store', async () => assert.equal(await send(new CStoreRequest(process.env.LIGHTBOX_OBJECT), 'DEMO'), Status.Success));
process.exit(0);
