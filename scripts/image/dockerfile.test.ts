import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { lastOf, parseDockerfile, parseIgnore } from './dockerfile.mjs';

describe('parseDockerfile', () => {
  it('tells stages, their instructions over several lines, and the defaults before them', () => {
    const { stages, defaults } = parseDockerfile(
      '# why\nARG BASE=node:24\nFROM $BASE AS build\nRUN a \\\n && b\n# more\nFROM scratch\nUSER 1\nUSER 2\n',
    );
    expect(defaults).toEqual({ BASE: 'node:24' });
    expect(stages.map(({ name, from }) => [name, from])).toEqual([
      ['build', '$BASE'],
      ['', 'scratch'],
    ]);
    expect(stages[0]?.instructions).toEqual([{ name: 'RUN', rest: 'a && b' }]);
    expect(stages[1] && lastOf(stages[1], 'USER')).toBe('2');
  });

  it('refuses what it does not know, as it would be built and not checked', () => {
    expect(() => parseDockerfile('FROM scratch\nONBUILD RUN x\n')).toThrow('ONBUILD RUN x');
  });
});

describe('parseIgnore', () => {
  const ignored = parseIgnore(readFileSync(new URL('../../.dockerignore', import.meta.url), 'utf8'));

  it('leaves out all that is not named: history, local data, secrets', () => {
    for (const path of [
      '.git',
      '.git/config',
      '.env',
      '.local/api-key',
      'node_modules/koa',
      'docs',
      'dist/app/main.js',
    ])
      expect(ignored(path), path).toBe(true);
  });

  it('keeps what is built from, and no test of it', () => {
    for (const path of [
      'app',
      'app/main.ts',
      'app/redis/lua/apply.lua',
      'devstack/system/folder.mjs',
      'scripts/build.mjs',
      'package.json',
    ])
      expect(ignored(path), path).toBe(false);
    for (const path of [
      'app/integration/run.system.test.ts',
      'app/api/tests/server.test.ts',
      'app/kernel/testing',
      'app/ledger/testing/x.ts',
    ])
      expect(ignored(path), path).toBe(true);
  });
});
