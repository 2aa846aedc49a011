import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { API_KEY, RolesUnderTest } from '../testing/roles-under-test.ts';

const GUIDE = new URL('../../../docs/holds-limits-groups.md', import.meta.url);

let roles: RolesUnderTest;
let url: string;
beforeAll(async () => {
  roles = await RolesUnderTest.start();
  await roles.keeper();
  const api = await roles.api();
  await api.ready();
  await api.worksIn('CACHE');
  url = `http://127.0.0.1:${(api.server.address() as AddressInfo).port}`;
});
afterAll(() => roles.stop());

it('The commands of the guide to holds, limits and groups succeed on a new ledger, in order', async () => {
  const blocks = [...readFileSync(GUIDE, 'utf8').matchAll(/^```sh\n(.*?)^```/gms)].map(([, block = '']) => block);
  const commands = blocks
    .join('\n')
    .replace(/^API=.*$/m, `API=${url}`)
    .replace(/^KEY=.*$/m, `KEY=${API_KEY}`);
  const { stdout } = await promisify(execFile)('bash', ['-euo', 'pipefail', '-c', commands]);
  const answers = stdout.trim().split('\n');
  expect(answers.length).toBe([...commands.matchAll(/^post \//gm)].length);
  for (const answer of answers) {
    expect(JSON.parse(answer), answer).not.toHaveProperty('code');
    for (const item of (JSON.parse(answer) as { results?: object[] }).results ?? [])
      expect(item, answer).not.toHaveProperty('code');
  }
  expect(answers.join('\n')).toContain('"amount":"92.59"');
});
