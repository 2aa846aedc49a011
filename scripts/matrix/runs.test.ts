import { expect, test } from 'vitest';
import { countIn, figuresIn } from './runs.mjs';
import { mirrorIn, versionIn } from './stores.mjs';

test.each([
  ['mysqld  Ver 9.7.4-2 for Linux on x86_64 ((Debian))', '9.7.4'],
  ['Valkey server v=9.1.2 sha=00000000:0 malloc=jemalloc-5.3.1', '9.1.2'],
  ['mariadbd  Ver 10.11.14-MariaDB-0+deb12u2 for debian-linux-gnu', '10.11.14'],
  ['nothing of the kind', 'unknown'],
])('the version of %s is %s', (text, version) => {
  expect(versionIn(text)).toBe(version);
});

test('the count of tests is taken from the last line', () => {
  const output =
    '⎯⎯ Failed Tests 1 ⎯⎯\n Test Files  1 failed | 2 passed (3)\n      Tests  \u001b[31m1 failed\u001b[39m | 81 passed (82)\n';
  expect(countIn('stores', output)).toBe('1 failed, 81 passed');
  expect(countIn('contract', 'no such line')).toBe('no test was run');
});

test('faults are counted by their verdicts', () => {
  expect(countIn('faults', 'passed  a: fine\npassed  b: fine\n')).toBe('2 passed');
  expect(countIn('faults', 'passed  a: fine\nFAILED  b\n')).toBe('1 passed, 1 failed');
});

test('the figures of the other stores precede those of our own stores', () => {
  const table =
    '| | this | other | ratio |\n|---|---|---|---|\n| /s | 8000 | 9000.5 | 0.889 |\n| p99, ms | 12 | 11 | 1.09 |\n';
  expect(figuresIn(table)).toEqual({ '/s': [9000.5, 8000], 'p99, ms': [11, 12] });
});

test.each([
  [
    '# http://snapshot.debian.org/archive/debian/20250520T000000Z\nURIs: http://deb.debian.org/debian\n',
    'http://deb.debian.org/debian',
  ],
  [
    'deb https://packages.example.com/apt sdk main\ndeb [arch=amd64] http://deb.debian.org/debian/ bookworm main\n',
    'http://deb.debian.org/debian',
  ],
  ['URIs: http://deb.debian.org/debian-security\n', undefined],
])('the mirror in %j is %s', (sources, mirror) => {
  expect(mirrorIn(sources)).toBe(mirror);
});
