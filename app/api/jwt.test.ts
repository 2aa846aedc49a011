import { type CryptoKey, createLocalJWKSet, errors, exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose';
import { beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../clock.ts';
import { type JwtSettings, jwtVerifier } from './jwt.ts';

const NOW = Date.UTC(2026, 0, 31, 12);
const SECONDS = NOW / 1000;
const clock = { ...systemClock, now: () => NOW };

let privateKey: CryptoKey;
let settings: JwtSettings;
beforeAll(async () => {
  const pair = await generateKeyPair('ES256');
  privateKey = pair.privateKey;
  const keys = createLocalJWKSet({ keys: [{ ...(await exportJWK(pair.publicKey)), alg: 'ES256' }] });
  settings = { keys, issuer: 'https://issuer.test', audience: 'holdfast' };
});

const claims = {
  sub: 'ada',
  scope: 'balances:read ops unknown',
  iss: 'https://issuer.test',
  aud: 'holdfast',
  exp: SECONDS + 60,
};

function verify(payload: JWTPayload, key: CryptoKey | Uint8Array = privateKey, alg = 'ES256') {
  const signed = new SignJWT(payload).setProtectedHeader({ alg }).sign(key);
  return signed.then((token) => jwtVerifier(settings, clock).verify(token));
}

describe('jwtVerifier', () => {
  it('reads the user and the scopes that we know', async () => {
    expect(await verify(claims)).toEqual({ user: 'ada', scopes: new Set(['balances:read', 'ops']) });
    const { scope: _scope, ...without } = claims;
    expect(await verify(without)).toEqual({ user: 'ada', scopes: new Set() });
  });
  it.each([
    ['is for somebody else', { ...claims, aud: 'other' }],
    ['is from somebody else', { ...claims, iss: 'https://other.test' }],
    ['has expired', { ...claims, exp: SECONDS - 6 }],
    ['never expires', { sub: 'ada', iss: claims.iss, aud: claims.aud }],
    ['is not valid yet', { ...claims, nbf: SECONDS + 60 }],
    ['names no user', { iss: claims.iss, aud: claims.aud, exp: claims.exp }],
    ['names a user that cannot stand in a posting', { ...claims, sub: 'two words' }],
  ])('refuses a token that %s', async (_what, payload) => {
    expect(await verify(payload)).toBeNull();
  });
  it('refuses a token signed by another key, by a secret, or by nobody', async () => {
    expect(await verify(claims, (await generateKeyPair('ES256')).privateKey)).toBeNull();
    expect(await verify(claims, new TextEncoder().encode('x'.repeat(32)), 'HS256')).toBeNull();
    const none = `${btoa('{"alg":"none"}')}.${btoa(JSON.stringify(claims))}.`.replaceAll('=', '');
    expect(await jwtVerifier(settings, clock).verify(none)).toBeNull();
    expect(await jwtVerifier(settings, clock).verify('nonsense')).toBeNull();
  });
  it('does not blame the token when the keys cannot be fetched', async () => {
    const keys = async () => {
      throw new errors.JWKSTimeout();
    };
    const token = await new SignJWT(claims).setProtectedHeader({ alg: 'ES256' }).sign(privateKey);
    await expect(jwtVerifier({ ...settings, keys }, clock).verify(token)).rejects.toThrow(errors.JWKSTimeout);
  });
});
