// An OpenID provider that nobody here wrote, set up as SMART needs it: JWT access tokens for the hub's audience with the launch context
// in them, people who log in by their name, and a backend service that proves itself by private_key_jwt. It prints its URL, then does
// what each line of its input says and prints that line again:
//
//	announce  the next key is published   down  it stops to listen
//	sign      the next key signs          up    it listens again
//	withdraw  the old key is gone
import { generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';
import { Provider } from 'oidc-provider';

console.info = console.error; // standard output is for what was told
const { audience, app, service, users } = JSON.parse(process.env.LIGHTBOX_PROVIDER);
const clinical = 'patient/*.rs system/*.rs system/Patient.rs system/Organization.rs system/ImagingStudy.r';
const identity = 'fhirUser launch launch/patient offline_access';

const key = (kid) => {
  const ec = generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey.export({ format: 'jwk' });
  return { ...ec, kid, alg: 'ES384', use: 'sig' };
};
const rsa = { ...generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' }), kid: 'id', alg: 'RS256', use: 'sig' };
const old = key('old');
const next = key('next');

// What may be asked for by the parameter resource, and what the token is then.
const resources = {
  [audience]: { audience, accessTokenFormat: 'jwt' },
  'https://opaque.example/': { audience, accessTokenFormat: 'opaque' },
  'https://other.example/': { audience: 'https://other.example/', accessTokenFormat: 'jwt' },
};

const configuration = (signing) => ({
  jwks: { keys: [...signing, rsa] },
  clients: [
    { client_id: 'app', redirect_uris: [app], token_endpoint_auth_method: 'none', grant_types: ['authorization_code', 'refresh_token'] },
    {
      client_id: 'service', redirect_uris: [], response_types: [], grant_types: ['client_credentials'], jwks: { keys: [service] },
      token_endpoint_auth_method: 'private_key_jwt', token_endpoint_auth_signing_alg: 'ES384',
    },
    { client_id: 'hub', client_secret: 'synthetic', redirect_uris: [], response_types: [], grant_types: [] }, // which asks what tokens say
  ],
  enabledJWA: { clientAuthSigningAlgValues: ['ES384', 'RS384'] },
  scopes: ['openid', ...identity.split(' ')],
  claims: { openid: ['sub'], fhirUser: ['fhirUser'] },
  conformIdTokenClaims: false,
  extraParams: ['aud', 'launch'],
  clientBasedCORS: () => true,
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, fhirUser: `${audience}/${users[id]?.fhirUser}` }) }),
  extraTokenClaims: (_, token) => (token.accountId ? { patient: users[token.accountId].patient, fhirUser: users[token.accountId].fhirUser } : undefined),
  rotateRefreshToken: true,
  ttl: { AccessToken: 3600, ClientCredentials: 3600, IdToken: 3600, Grant: 86400, Interaction: 600, Session: 600, RefreshToken: 86400 },
  cookies: { keys: ['synthetic'] },
  features: {
    clientCredentials: { enabled: true },
    introspection: { enabled: true, allowedPolicy: (_, client) => client.clientId === 'hub' },
    revocation: { enabled: true, allowedPolicy: (_, client, token) => token.clientId === client.clientId },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => audience,
      useGrantedResource: () => true,
      getResourceServerInfo: (_, resource) => ({
        scope: `${clinical} ${identity}`, accessTokenTTL: 3600, jwt: { sign: { alg: 'ES384' } }, ...resources[resource],
      }),
    },
  },
});

let provider;
function sign(...keys) {
  provider = new Provider(issuer, configuration(keys));
  provider.use(async (ctx, proceed) => {
    await proceed();
    const account = ctx.oidc?.entities.Account;
    if (ctx.oidc?.route === 'token' && ctx.body?.access_token && account) ctx.body.patient = users[account.accountId].patient;
  });
}

const server = createServer((request, response) => {
  const url = new URL(request.url, issuer);
  if (url.pathname === '/auth' && url.searchParams.has('scope')) {
    url.searchParams.set('prompt', 'consent'); // without it OpenID Connect knows no offline_access, SMART does
    request.url = url.pathname + url.search;
  }
  provider.callback()(request, response);
});
const listen = (port) => new Promise((done) => { server.listen(port, '127.0.0.1', done); });
await listen(0);
const { port } = server.address();
const issuer = `http://127.0.0.1:${port}`;
sign(old);
console.log(issuer);

const does = {
  announce: () => sign(old, next),
  sign: () => sign(next, old),
  withdraw: () => sign(next),
  down: () => new Promise((done) => { server.close(done); server.closeAllConnections(); }),
  up: () => listen(port),
};
for await (const line of createInterface({ input: process.stdin })) {
  await does[line]();
  console.log(line);
}
process.exit();
