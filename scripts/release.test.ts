import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { mismatches, notesOf } from './release.mjs';

const CHANGELOG = `# Changelog

## [Unreleased]

- later

## [0.2.0] - 2026-12-01

### Added

- a thing

## [0.1.0] - 2026-11-26

First version.
`;
const files = (version: string) => ({
  packageJson: JSON.stringify({ version }),
  chart: `name: holdfast\nversion: ${version}\nappVersion: "${version}"\n`,
  changelog: CHANGELOG,
});

test('the notes of a version are its section of the changelog', () => {
  expect(notesOf(CHANGELOG, '0.2.0')).toBe('### Added\n\n- a thing');
  expect(notesOf(CHANGELOG, '0.1.0')).toBe('First version.');
  expect(notesOf(CHANGELOG, '0.3.0')).toBeNull();
});

test('a version with the same number everywhere can be released', () => {
  expect(mismatches('v0.2.0', files('0.2.0'))).toEqual([]);
});

test.each([
  ['v0.2.1', 'package.json has 0.2.0, but the tag is v0.2.1'],
  ['v0.2.1', 'Chart.yaml, appVersion has 0.2.0, but the tag is v0.2.1'],
  ['v0.2.1', 'CHANGELOG.md has no section "## [0.2.1] - YYYY-MM-DD" with text'],
  ['0.2.0', '0.2.0 is not a tag such as v1.2.3'],
])('the tag %s is rejected: %s', (tag, message) => {
  expect(mismatches(tag, files('0.2.0'))).toContain(message);
});

test('the version of this commit is the same everywhere', () => {
  const read = (path: string) => readFileSync(join(import.meta.dirname, '..', path), 'utf8');
  const packageJson = read('package.json');
  const { version } = JSON.parse(packageJson) as { version: string };
  const chart = read('charts/holdfast/Chart.yaml');
  expect(mismatches(`v${version}`, { packageJson, chart, changelog: read('CHANGELOG.md') })).toEqual([]);
});
