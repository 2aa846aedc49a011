import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ConfigError } from '../../config/config.ts';
import { systemClock } from '../../kernel/clock.ts';
import { hashOfKey } from '../../mysql/operations/api-keys.ts';
import { readSeededKeys } from '../seeded-keys.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-keys-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const KEY = 'a-long-random-text-of-a-client';
const entry = (different: object = {}) => ({ key: KEY, user: 'cards', scopes: ['transfers:write'], ...different });
function read(content: unknown) {
  const file = join(folder, 'keys.json');
  writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content));
  return readSeededKeys(file, systemClock);
}
function faultIn(content: unknown): string {
  try {
    read(content);
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  return 'none';
}

describe('A file with API keys', () => {
  it('contains keys or their hashes, with the fields of a request', () => {
    const keyHash = hashOfKey('another');
    const expiresAt = '2020-01-01T00:00:00Z';
    const { key: _, ...hashed } = entry({ keyHash, accountPrefixes: ['acme:'], expiresAt, name: 'Cards' });
    expect(read([entry({ scopes: ['transfers:write', 'balances:read'] }), hashed])).toMatchObject([
      {
        hash: hashOfKey(KEY),
        wanted: { user: 'cards', scopes: ['balances:read', 'transfers:write'], expiresAt: null },
      },
      { hash: keyHash, wanted: { accountPrefixes: ['acme:'], name: 'Cards', expiresAt: Date.parse(expiresAt) } },
    ]);
  });

  it.each([
    ['no JSON', `[{"key": "${KEY}"`, 'is not JSON'],
    ['no list', { key: KEY }, 'expected array'],
    ['a short key', [entry({ key: 'short-key' })], '/0/key must have at least 24 visible characters'],
    ['no key', [entry(), entry({ key: undefined })], '/1 must have either key or keyHash'],
    ['both', [entry({ keyHash: hashOfKey(KEY) })], '/0 must have either key or keyHash'],
    ['a hash in another form', [entry({ key: undefined, keyHash: hashOfKey(KEY).toUpperCase() })], '/0/keyHash'],
    ['an unknown scope', [entry({ scopes: ['root'] })], '/0/scopes/0'],
    ['a reserved user', [entry({ user: 'jwt:ada' })], '/0/user must not begin with jwt:'],
    ['a restricted operator', [entry({ scopes: ['ops'], accountPrefixes: ['a'] })], '/0/accountPrefixes'],
    ['an unknown field', [entry({ scope: 'ops' })], '/0'],
  ])('is refused with %s, without quoting keys', (_, content, fault) => {
    const message = faultIn(content);
    expect(message).toContain('API_KEYS_FILE');
    expect(message).toContain(fault);
    expect(message).not.toContain(KEY);
    expect(message).not.toContain('short-key');
  });

  it('is refused if it cannot be read', () => {
    expect(() => readSeededKeys(join(folder, 'missing.json'), systemClock)).toThrow('cannot be read (ENOENT)');
  });
});
