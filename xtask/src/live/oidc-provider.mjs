// An OpenID provider on loopback, for the tests of `oidc`: a certified implementation, whose user is called ann and agrees to everything.
// Besides its own endpoints it has `/test/rotate`, after which it has other keys, and `/test/approve?user_code=…`, the other device.
import { createServer } from 'node:http';
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import Provider from 'oidc-provider';

const [port] = process.argv.slice(2);
const issuer = `http://127.0.0.1:${port}`;
const back = ['http://127.0.0.1/callback', 'http://127.0.0.1:9/callback'];
const code = ['authorization_code', 'refresh_token', 'urn:ietf:params:oauth:grant-type:device_code'];

function keys() {
  const jwk = (type, options, rest) =>
    ({ ...generateKeyPairSync(type, options).privateKey.export({ format: 'jwk' }), kid: randomUUID(), use: 'sig', ...rest });
  return { keys: [jwk('rsa', { modulusLength: 2048 }, { alg: 'RS256' }), jwk('ec', { namedCurve: 'P-256' }, { alg: 'ES256' })] };
}

function start() {
  const provider = new Provider(issuer, {
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
    jwks: keys(),
    scopes: ['openid', 'offline_access', 'email', 'orders:read'],
    claims: { openid: ['sub'], email: ['email'] },
    cookies: { keys: [randomUUID()] },
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

let current = start();

async function approve(userCode) {
  const { provider } = current;
  const device = await provider.DeviceCode.findByUserCode(userCode.toUpperCase().replace(/\W/g, ''));
  const grant = new provider.Grant({ clientId: device.clientId, accountId: 'ann' });
  grant.addOIDCScope(device.params.scope);
  device.accountId = 'ann';
  device.grantId = await grant.save();
  device.scope = device.params.scope;
  device.authTime = Math.floor(Date.now() / 1000);
  await device.save();
}

createServer(async (request, response) => {
  const url = new URL(request.url, issuer);
  try {
    if (url.pathname === '/test/rotate') {
      current = start();
    } else if (url.pathname === '/test/approve') {
      await approve(url.searchParams.get('user_code'));
    } else if (url.pathname.startsWith('/test/login/')) {
      await current.provider.interactionFinished(request, response, { login: { accountId: 'ann' } });
      return;
    } else {
      await current.answer(request, response);
      return;
    }
    response.writeHead(204).end();
  } catch (error) {
    console.error(error);
    response.writeHead(500).end(String(error));
  }
}).listen(port, '127.0.0.1');
