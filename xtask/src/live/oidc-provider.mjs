// An OpenID provider on loopback, for the tests of `oidc`: a certified implementation, whose user is called ann and agrees to everything.
// Besides its own endpoints it has `/test/approve?user_code=…` and `/test/refuse?user_code=…`, the other device, and `/test/another`, which
// leads to a provider of its own for one test: after its `/test/rotate` that has other keys, and all others have theirs.
import { createServer } from 'node:http';
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import Provider from 'oidc-provider';

const [port] = process.argv.slice(2);
const back = ['http://127.0.0.1/callback', 'http://127.0.0.1:9/callback'];
const code = ['authorization_code', 'refresh_token', 'urn:ietf:params:oauth:grant-type:device_code'];

function keys() {
  const jwk = (type, options, rest) =>
    ({ ...generateKeyPairSync(type, options).privateKey.export({ format: 'jwk' }), kid: randomUUID(), use: 'sig', ...rest });
  return { keys: [jwk('rsa', { modulusLength: 2048 }, { alg: 'RS256' }), jwk('ec', { namedCurve: 'P-256' }, { alg: 'ES256' })] };
}

// Making some takes its time: every provider begins with these.
const first = keys();

// What a provider keeps, in a map that outlives its keys: its own adapter begins anew with every instance, and forgets the logins of
// tests that run meanwhile.
function adapter(kept) {
  const entries = (model) => [...kept].filter(([key]) => key.startsWith(`${model}:`));
  const by = (model, name, value) => entries(model).find(([, payload]) => payload[name] === value)?.[1];
  return (model) => ({
    upsert: async (id, payload) => { kept.set(`${model}:${id}`, payload); },
    find: async (id) => kept.get(`${model}:${id}`),
    findByUid: async (uid) => by(model, 'uid', uid),
    findByUserCode: async (userCode) => by(model, 'userCode', userCode),
    consume: async (id) => { kept.get(`${model}:${id}`).consumed = Math.floor(Date.now() / 1000); },
    destroy: async (id) => { kept.delete(`${model}:${id}`); },
    revokeByGrantId: async (grantId) => {
      for (const [key] of entries(model).filter(([, payload]) => payload.grantId === grantId)) kept.delete(key);
    },
  });
}

function start(issuer, kept, cookies, jwks) {
  const provider = new Provider(issuer, {
    adapter: adapter(kept),
    clients: [
      {
        client_id: 'app', client_secret: 'app-secret', redirect_uris: back.slice(1), response_types: ['code'],
        grant_types: [...code, 'client_credentials'], post_logout_redirect_uris: ['http://127.0.0.1:9/bye'],
      },
      {
        client_id: 'es256', client_secret: 'es256-secret', token_endpoint_auth_method: 'client_secret_post',
        id_token_signed_response_alg: 'ES256', redirect_uris: back.slice(1), response_types: ['code'], grant_types: code,
      },
      {
        client_id: 'cli', token_endpoint_auth_method: 'none', application_type: 'native',
        redirect_uris: back.slice(0, 1), response_types: ['code'], grant_types: code,
      },
    ],
    jwks,
    scopes: ['openid', 'offline_access', 'email', 'orders:read'],
    claims: { openid: ['sub'], email: ['email'] },
    cookies: { keys: cookies },
    pkce: { required: () => true },
    rotateRefreshToken: true,
    // Whether asked for with `prompt=consent` or not: there is nobody to ask.
    issueRefreshToken: async (ctx, client) => client.grantTypeAllowed('refresh_token'),
    findAccount: async (ctx, sub) => ({ accountId: sub, claims: async () => ({ sub, email: `${sub}@example.org` }) }),
    interactions: { url: (ctx, interaction) => `/test/login/${interaction.uid}` },
    async loadExistingGrant(ctx) {
      const grant = new ctx.oidc.provider.Grant({ clientId: ctx.oidc.client.clientId, accountId: ctx.oidc.session.accountId });
      grant.addOIDCScope('openid email offline_access');
      await grant.save();
      return grant;
    },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      deviceFlow: { enabled: true },
      introspection: { enabled: true },
      revocation: { enabled: true },
      userinfo: { enabled: true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: () =>
          ({ scope: 'orders:read', audience: 'orders-api', accessTokenFormat: 'jwt', accessTokenTTL: 300, jwt: { sign: { alg: 'RS256' } } }),
      },
    },
  });
  return { provider, answer: provider.callback() };
}

async function decide({ provider }, userCode, agrees) {
  const device = await provider.DeviceCode.findByUserCode(userCode.toUpperCase().replace(/\W/g, ''));
  if (agrees) {
    const grant = new provider.Grant({ clientId: device.clientId, accountId: 'ann' });
    grant.addOIDCScope(device.params.scope);
    device.accountId = 'ann';
    device.grantId = await grant.save();
    device.scope = device.params.scope;
    device.authTime = Math.floor(Date.now() / 1000);
  } else {
    device.error = 'access_denied';
    device.errorDescription = 'The user said no';
  }
  await device.save();
}

// A provider on a port, with what it keeps; gives its issuer.
function serve(port) {
  const [kept, cookies] = [new Map(), [randomUUID()]];
  let issuer, current;
  const server = createServer(async (request, response) => {
    const url = new URL(request.url, issuer);
    const userCode = url.searchParams.get('user_code');
    try {
      if (url.pathname === '/test/another') {
        response.writeHead(303, { location: await serve(0) }).end();
        return;
      }
      if (url.pathname.startsWith('/test/login/')) {
        const { params } = await current.provider.interactionDetails(request, response);
        const refused = { error: 'access_denied', error_description: 'The user said no' };
        // Applications on their user's machine are asked for every time (RFC 8252, 8.6): without a consent their logins go round in circles.
        const agreed = { login: { accountId: 'ann' }, consent: {} };
        const result = params.login_hint === 'refuses' ? refused : agreed;
        await current.provider.interactionFinished(request, response, result);
        return;
      }
      if (url.pathname === '/test/rotate') {
        current = start(issuer, kept, cookies, keys());
      } else if (url.pathname === '/test/approve' || url.pathname === '/test/refuse') {
        await decide(current, userCode, url.pathname === '/test/approve');
      } else {
        await current.answer(request, response);
        return;
      }
      response.writeHead(204).end();
    } catch (error) {
      console.error(error);
      response.writeHead(500).end(String(error));
    }
  });
  return new Promise((resolve, reject) => {
    server.on('error', reject);
    server.listen(port, '127.0.0.1', () => {
      issuer = `http://127.0.0.1:${server.address().port}`;
      current = start(issuer, kept, cookies, first);
      resolve(issuer);
    });
  });
}

await serve(Number(port));
