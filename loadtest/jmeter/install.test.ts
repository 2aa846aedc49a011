import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { differencesFrom } from './install.ts';

const LIST = `2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824  hello.jar
486ea46224d1bb4fb680f34f7c9ad96a8f24ec88be73ea8e5a6c65260e9cb8a7  world.jar
`;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-jars-'));
  writeFileSync(join(folder, 'hello.jar'), 'hello');
  writeFileSync(join(folder, 'world.jar'), 'world');
});
afterEach(() => rmSync(folder, { recursive: true }));

it('accepts exactly the files of the list', () => {
  expect(differencesFrom(LIST, folder)).toEqual([]);
});

it('names files that are different, missing or additional', () => {
  writeFileSync(join(folder, 'hello.jar'), 'hell0');
  rmSync(join(folder, 'world.jar'));
  writeFileSync(join(folder, 'other.jar'), '');
  expect(differencesFrom(LIST, folder)).toEqual(['hello.jar', 'world.jar', 'other.jar']);
});
