import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type CryptoKey, exportJWK, generateKeyPair, SignJWT } from 'jose';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../kernel/clock.ts';
import { IssuerKeys, type KeySource, type KeyTiming } from './issuer-keys.ts';
import { jwtVerifier } from './jwt.ts';

interface SigningKey {
  kid: string;
  privateKey: CryptoKey;
  jwk: object;
}

async function signingKey(kid: string): Promise<SigningKey> {
  const { publicKey, privateKey } = await generateKeyPair('ES256');
  return { kid, privateKey, jwk: { ...(await exportJWK(publicKey)), kid, alg: 'ES256' } };
}

/** A real issuer whose answers the test defines. */
class Issuer {
  readonly #server: Server;
  readonly asked: string[] = [];
  keys: object[] = [];
  /** Replaces the default answer. */
  answer: ((path: string, response: ServerResponse) => void) | null = null;
  discovered: object | null = null;

  constructor() {
    this.#server = createServer((request, response) => {
      const path = request.url ?? '';
      this.asked.push(path);
      if (this.answer) return this.answer(path, response);
      const discovery = this.discovered ?? { issuer: this.url, jwks_uri: `${this.url}/keys` };
      return response.end(JSON.stringify(path.startsWith('/.well-known/') ? discovery : { keys: this.keys }));
    });
  }
  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }
  async start(): Promise<void> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
  }
  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

let issuer: Issuer;
let first: SigningKey;
let logged: object[];
/** The clock that determines the age of keys, ms; tests advance it by hand. */
let nowMs: number;
const clock = { ...systemClock, monotonic: () => nowMs };
const TIMING: KeyTiming = {
  refreshAfterMs: 1_000,
  staleMaxMs: 10_000,
  cooldownMs: 0,
  failureCooldownMs: 500,
  timeoutMs: 30_000,
};

beforeEach(async () => {
  nowMs = 0;
  logged = [];
  issuer = new Issuer();
  await issuer.start();
  first = await signingKey('first');
  issuer.keys = [first.jwk];
});
afterEach(() => issuer.stop());

function verifying(source?: KeySource, timing: Partial<KeyTiming> = {}) {
  const log = (fields: object) => void logged.push(fields);
  const from = source ?? { jwksUrl: `${issuer.url}/keys` };
  const keys = new IssuerKeys(from, clock, { info: log, warn: log, error: log }, { ...TIMING, ...timing });
  const verifier = jwtVerifier({ keys: keys.keyOf, issuer: 'https://issuer.test', audience: 'holdfast' }, clock);
  return async ({ kid, privateKey }: SigningKey): Promise<string> => {
    const token = new SignJWT({ sub: 'ada' })
      .setProtectedHeader({ alg: 'ES256', kid })
      .setIssuer('https://issuer.test')
      .setAudience('holdfast')
      .setExpirationTime('1 hour');
    try {
      return (await verifier.verify(await token.sign(privateKey))).user;
    } catch (error) {
      return (error as { code: string }).code;
    }
  };
}

describe('The keys of an issuer', () => {
  it('are fetched once, no matter how many requests need them', async () => {
    const verify = verifying();
    expect(await Promise.all([verify(first), verify(first), verify(first)])).toEqual(Array(3).fill('jwt:ada'));
    expect(issuer.asked).toEqual(['/keys']);
  });

  it('are found through the discovery document of the issuer', async () => {
    const verify = verifying({ issuer: issuer.url });
    expect(await verify(first)).toBe('jwt:ada');
    expect(issuer.asked).toEqual(['/.well-known/openid-configuration', '/keys']);
  });

  it.each([
    ['belongs to another issuer', (url: string) => ({ issuer: 'https://other', jwks_uri: `${url}/keys` })],
    ['names no keys', (url: string) => ({ issuer: url })],
    ['names keys without https', (url: string) => ({ issuer: url, jwks_uri: 'http://host/keys' })],
    ['names a file', (url: string) => ({ issuer: url, jwks_uri: 'file:///etc/passwd' })],
    ['is not an object', () => []],
  ])('are not accepted from a discovery document that %s', async (_what, document) => {
    issuer.discovered = document(issuer.url);
    expect(await verifying({ issuer: issuer.url })(first)).toBe('issuer_unavailable');
    expect(issuer.asked).toEqual(['/.well-known/openid-configuration']);
    expect(logged).toHaveLength(1);
  });

  it('are fetched again for a new key, and a withdrawn key stops working', async () => {
    const verify = verifying();
    expect(await verify(first)).toBe('jwt:ada');
    const second = await signingKey('second');
    issuer.keys = [second.jwk];
    expect(await verify(second)).toBe('jwt:ada');
    expect(await verify(first)).toBe('unauthenticated');
  });

  it('are not fetched for every token with an invented key id', async () => {
    const verify = verifying(undefined, { cooldownMs: 3_600_000 });
    await verify(first);
    const other = await signingKey('made-up');
    for (let i = 0; i < 5; i++) expect(await verify(other)).toBe('unauthenticated');
    expect(issuer.asked).toHaveLength(1);
  });

  it('are refreshed in the background, so that a withdrawn key stops working', async () => {
    const verify = verifying(undefined, { cooldownMs: 3_600_000 });
    await verify(first);
    issuer.keys = [(await signingKey('second')).jwk];
    nowMs += TIMING.refreshAfterMs + 1;
    // No request waits for it.
    expect(await verify(first)).toBe('jwt:ada');
    await expect.poll(() => verify(first)).toBe('unauthenticated');
    expect(issuer.asked).toHaveLength(2);
  });

  it('remain in use while the issuer is unavailable, until they are too old', async () => {
    const verify = verifying();
    await verify(first);
    issuer.answer = (_path, response) => response.writeHead(503).end();
    for (let i = 0; i < 4; i++) {
      nowMs += TIMING.refreshAfterMs + 1;
      expect(await verify(first)).toBe('jwt:ada');
    }
    expect(await verify(await signingKey('second'))).toBe('issuer_unavailable');
    nowMs += TIMING.staleMaxMs;
    expect(await verify(first)).toBe('issuer_unavailable');
    issuer.answer = null;
    nowMs += TIMING.failureCooldownMs + 1;
    expect(await verify(first)).toBe('jwt:ada');
  });

  it('do not make every request wait when the issuer hangs', async () => {
    issuer.answer = () => {};
    const verify = verifying(undefined, { timeoutMs: 50 });
    expect(await Promise.all([verify(first), verify(first)])).toEqual(['issuer_unavailable', 'issuer_unavailable']);
    for (let i = 0; i < 5; i++) expect(await verify(first)).toBe('issuer_unavailable');
    expect(issuer.asked).toHaveLength(1);
    expect(logged).toHaveLength(1);
    issuer.answer = null;
    nowMs += TIMING.failureCooldownMs + 1;
    expect(await verifying()(first)).toBe('jwt:ada');
  });

  it('do not make requests wait when the issuer answers byte by byte', async () => {
    issuer.answer = (_path, response) => void response.write('{"keys":');
    expect(await verifying(undefined, { timeoutMs: 50 })(first)).toBe('issuer_unavailable');
  });

  it.each<[string, (response: ServerResponse) => void]>([
    ['is far too long', (response) => response.end(' '.repeat(300 * 1024))],
    ['is not JSON', (response) => response.end('<html>')],
    ['is not a key set', (response) => response.end('{"keys":{}}')],
    ['has invalid keys', (response) => response.end('{"keys":[7]}')],
    ['is a redirect', (response) => response.writeHead(302, { Location: '/keys' }).end()],
    ['never comes', (response) => response.destroy()],
  ])('are not accepted from an answer that %s', async (_what, answer) => {
    issuer.answer = (_path, response) => answer(response);
    expect(await verifying()(first)).toBe('issuer_unavailable');
    expect(issuer.asked).toHaveLength(1);
  });
});
