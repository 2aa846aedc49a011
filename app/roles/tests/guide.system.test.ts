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
  const { stdout } = await promisify(execFile)('bash', ['-euo', 'pipefail', '-c', commands], { timeout: 120_000 });
  const answers = stdout.trim().split('\n');
  expect(answers.length).toBe([...commands.matchAll(/^(?:until )?(?:post|get|patch) '?\//gm)].length);
  for (const answer of answers) {
    expect(JSON.parse(answer), answer).not.toHaveProperty('code');
    for (const item of (JSON.parse(answer) as { results?: object[] }).results ?? [])
      expect(item, answer).not.toHaveProperty('code');
  }
  expect(answers.join('\n')).toContain('"amount":"92.59"');
  const usedOfTheDay = answers
    .map((answer) => JSON.parse(answer) as { dailyDebitMax?: { used?: string } })
    .flatMap(({ dailyDebitMax }) => dailyDebitMax?.used ?? []);
  expect(usedOfTheDay).toEqual(['45.00', '75.00', '82.00']);
  const history = JSON.parse(answers.at(-1) ?? '') as { items: Record<string, unknown>[] };
  expect(history.items.map(({ kind, balanceAfter, heldAfter }) => [kind, balanceAfter, heldAfter])).toEqual([
    ['transfer', '150.00', '0.00'],
    ['transfer', '105.00', '0.00'],
    ['hold_placed', '105.00', '30.00'],
    ['hold_changed', '105.00', '40.00'],
    ['capture', '80.00', '15.00'],
    ['capture', '68.00', '0.00'],
    ['hold_placed', '68.00', '10.00'],
    ['hold_voided', '68.00', '0.00'],
    ['hold_placed', '68.00', '5.00'],
    ['hold_expired', '68.00', '0.00'],
  ]);
});
