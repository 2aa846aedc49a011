import {
  type CryptoKey,
  createLocalJWKSet,
  exportJWK,
  exportSPKI,
  generateKeyPair,
  type JWTPayload,
  SignJWT,
} from 'jose';
import { beforeAll, describe, expect, it } from 'vitest';
import { Problem } from '../../domain/problem.ts';
import { systemClock } from '../../kernel/clock.ts';
import { type JwtSettings, jwtVerifier } from '../auth/jwt.ts';
import { ApiUnderTest } from '../testing/api-under-test.ts';

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

/** Why a token is rejected, as logged; the client does not get this reason. */
async function refusalOf(verified: Promise<unknown>): Promise<string | undefined> {
  const problem = await verified.then(
    () => expect.unreachable('it was accepted'),
    (error: unknown) => error as Problem,
  );
  expect(problem).toMatchObject({ code: 'unauthenticated', message: 'The token is not valid.' });
  return problem.extras.logged;
}

describe('jwtVerifier', () => {
  it('reads the user (marked as a token user), the known scopes, and the expiry (plus the tolerance)', async () => {
    const expiresAt = NOW + 65_000;
    expect(await verify(claims)).toEqual({ user: 'jwt:ada', scopes: new Set(['balances:read', 'ops']), expiresAt });
    const { scope: _scope, ...without } = claims;
    expect(await verify(without)).toEqual({ user: 'jwt:ada', scopes: new Set(), expiresAt });
  });
  it.each([
    [{ scope: ['ops', 'balances:read'] }],
    [{ scp: 'ops balances:read' }],
    [{ scp: ['ops', 'balances:read', 7, null] }],
    [{ scope: 'ops', scp: ['balances:read'] }],
  ])('reads scopes in the formats of other issuers: %j', async (scopes) => {
    const { scope: _scope, ...without } = claims;
    const { scopes: found } = await verify({ ...without, ...scopes } as JWTPayload);
    expect(found).toEqual(new Set(['balances:read', 'ops']));
  });
  it.each([
    'auth0|507f1f77bcf86cd799439011',
    'ada@example.com',
    'x@clients',
    'google-oauth2|1090',
    'Ada Łoś',
    '山田 🦊',
    'a/b\\c"\'<>;%',
    'x'.repeat(255),
  ])('accepts the user %s', async (sub) => {
    expect((await verify({ ...claims, sub })).user).toBe(`jwt:${sub}`);
  });
  it.each([
    ['has a different audience', { ...claims, aud: 'other' }, 'ERR_JWT_CLAIM_VALIDATION_FAILED: aud'],
    ['has a different issuer', { ...claims, iss: 'https://other.test' }, 'ERR_JWT_CLAIM_VALIDATION_FAILED: iss'],
    ['has expired', { ...claims, exp: SECONDS - 6 }, 'ERR_JWT_EXPIRED: exp'],
    ['never expires', { sub: 'ada', iss: claims.iss, aud: claims.aud }, 'ERR_JWT_CLAIM_VALIDATION_FAILED: exp'],
    ['is not valid yet', { ...claims, nbf: SECONDS + 60 }, 'ERR_JWT_CLAIM_VALIDATION_FAILED: nbf'],
    ['names no user', { iss: claims.iss, aud: claims.aud, exp: claims.exp }, 'ERR_JWT_CLAIM_VALIDATION_FAILED: sub'],
    ['has an empty user', { ...claims, sub: '' }, '"sub" must be a string of 1 to 255 characters'],
    ['has too long a user', { ...claims, sub: 'x'.repeat(256) }, '"sub" must be a string of 1 to 255 characters'],
    ['contains a line break', { ...claims, sub: 'ada\nbob' }, '"sub" must be printable'],
    ['contains a text-direction override', { ...claims, sub: 'ada\u202ebob' }, '"sub" must be printable'],
    ['contains an unpaired surrogate', { ...claims, sub: 'ada\ud800' }, '"sub" must be printable'],
    ['has whitespace around its user', { ...claims, sub: 'ada ' }, '"sub" must be printable'],
  ])('rejects a token that %s', async (_what, payload, reason) => {
    expect(await refusalOf(verify(payload))).toBe(reason);
  });
  it('rejects a token signed by another key, by a secret, or not at all', async () => {
    const other = (await generateKeyPair('ES256')).privateKey;
    expect(await refusalOf(verify(claims, other))).toBe('ERR_JWS_SIGNATURE_VERIFICATION_FAILED');
    const secret = new TextEncoder().encode('x'.repeat(32));
    expect(await refusalOf(verify(claims, secret, 'HS256'))).toBe('ERR_JOSE_ALG_NOT_ALLOWED');
    const none = `${btoa('{"alg":"none"}')}.${btoa(JSON.stringify(claims))}.`.replaceAll('=', '');
    expect(await refusalOf(jwtVerifier(settings, clock).verify(none))).toMatch(/^ERR_/);
    expect(await refusalOf(jwtVerifier(settings, clock).verify('nonsense'))).toBe('ERR_JWS_INVALID');
  });
  it('does not accept a public key as the secret of a signature', async () => {
    const { publicKey } = await generateKeyPair('RS256', { extractable: true });
    const pem = new TextEncoder().encode(await exportSPKI(publicKey));
    expect(await refusalOf(verify(claims, pem, 'HS256'))).toBe('ERR_JOSE_ALG_NOT_ALLOWED');
  });
  it('never includes parts of the token in the reason', async () => {
    const crit = btoa(JSON.stringify({ alg: 'ES256', crit: ['a-secret-of-the-token'] })).replaceAll('=', '');
    const token = `${crit}.${btoa(JSON.stringify(claims)).replaceAll('=', '')}.c2ln`;
    expect(await refusalOf(jwtVerifier(settings, clock).verify(token))).not.toContain('secret');
  });
  it('does not report the token as invalid when the keys cannot be fetched', async () => {
    const away = new Problem('issuer_unavailable', 'away');
    const token = await new SignJWT(claims).setProtectedHeader({ alg: 'ES256' }).sign(privateKey);
    await expect(jwtVerifier({ ...settings, keys: () => Promise.reject(away) }, clock).verify(token)).rejects.toBe(
      away,
    );
  });
});

describe('A rejected token', () => {
  it('is logged in one line with the reason and the correlation id, and without the token', async () => {
    const api = await ApiUnderTest.start({ jwt: jwtVerifier(settings, clock) });
    try {
      const expired = { ...claims, exp: SECONDS - 60 };
      const token = await new SignJWT(expired).setProtectedHeader({ alg: 'ES256' }).sign(privateKey);
      const reply = await api.get('/v1/ops/status', { key: token, headers: { 'X-Correlation-Id': 'c-1' } });
      expect(reply).toMatchObject({ status: 401, json: { detail: 'The token is not valid.' } });
      const fields = { code: 'unauthenticated', correlationId: 'c-1', detail: 'ERR_JWT_EXPIRED: exp' };
      expect(api.logged).toMatchObject([{ level: 'warn', fields }]);
      for (const part of token.split('.')) expect(JSON.stringify(api.logged)).not.toContain(part);
      expect(reply.text).not.toContain('ERR_');
    } finally {
      await api.stop();
    }
  });
});
