import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { lastOf, parseDockerfile, parseIgnore } from './dockerfile.mjs';

describe('parseDockerfile', () => {
  it('returns the stages, their multi-line instructions, and the defaults before the first stage', () => {
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

  it('rejects unsupported instructions, which would be built but not checked', () => {
    expect(() => parseDockerfile('FROM scratch\nONBUILD RUN x\n')).toThrow('ONBUILD RUN x');
  });
});

describe('parseIgnore', () => {
  const ignored = parseIgnore(readFileSync(new URL('../../.dockerignore', import.meta.url), 'utf8'));

  it('ignores everything that is not listed: history, local data, secrets', () => {
    for (const path of [
      '.git',
      '.git/config',
      '.env',
      '.local/api-key',
      'node_modules/koa',
      'resilience-tests',
      'dist/app/main.js',
    ])
      expect(ignored(path), path).toBe(true);
  });

  it('keeps the sources of the build, and none of its tests', () => {
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
