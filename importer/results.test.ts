import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, test } from 'vitest';
import { temporaryFolder } from '../devstack/testing/temporary.mjs';
import { ResultFile, type RowResult } from './results.ts';

const HEADER = 'row,transactionId,result,status,code,balance,detail\n';
const newPath = () => join(temporaryFolder(), 'results.csv');
const posted = (row: number, more: Partial<RowResult> = {}): RowResult => ({
  ...{ row, transactionId: `t${row}`, state: 'POSTED', status: 201, code: '', balance: '1.00', detail: '' },
  ...more,
});
const text = (path: string) => readFileSync(path, 'utf8');

async function write(path: string, results: readonly RowResult[]): Promise<void> {
  await using file = await ResultFile.open(path);
  for (const result of results) file.add(result);
}

it('results are written in the order of the outcomes, and a later run reads them', async () => {
  const path = newPath();
  await write(path, [
    posted(2),
    posted(1, { state: 'FAILED', status: 404, code: 'account_not_found', balance: '', detail: 'no "a",\nor so' }),
  ]);
  expect(text(path)).toBe(`${HEADER}2,t2,POSTED,201,,1.00,\n1,t1,FAILED,404,account_not_found,,"no ""a"", or so"\n`);
  await using again = await ResultFile.open(path);
  expect([1, 2, 3].map((row) => again.states.state(row))).toEqual(['FAILED', 'POSTED', '']);
  expect(again.states.hasId(2, 't2')).toBe(true);
});

it('a line that was cut off at any position is removed, and nothing else is', async () => {
  const path = newPath();
  await write(path, [posted(1), posted(2)]);
  const complete = text(path);
  const rest = complete.slice(HEADER.length);
  const firstEnd = HEADER.length + rest.indexOf('\n') + 1;
  for (let length = 0; length <= complete.length; length++) {
    writeFileSync(path, complete.slice(0, length));
    {
      await using file = await ResultFile.open(path);
      expect(file.states.count('POSTED')).toBe(length === complete.length ? 2 : length >= firstEnd ? 1 : 0);
      file.add(posted(3));
      await file.written();
    }
    const kept = length === complete.length ? rest : length >= firstEnd ? rest.slice(0, firstEnd - HEADER.length) : '';
    expect(text(path)).toBe(`${HEADER}${kept}3,t3,POSTED,201,,1.00,\n`);
  }
});

test.each(['row,amount\n1,2\n', 'x', `${HEADER}x,t,POSTED,,,,\n`, `${HEADER}1,t,LOST,,,,\n`, 'sourceAccount,amount'])(
  'any other file is refused and left unchanged: %j',
  async (content) => {
    const path = newPath();
    writeFileSync(path, content);
    await expect(ResultFile.open(path)).rejects.toMatchObject({ name: 'FileError' });
    expect(text(path)).toBe(content);
  },
);

it('no file is left if there are no results', async () => {
  const path = newPath();
  await write(path, []);
  expect(existsSync(path)).toBe(false);
});

it('once all rows have results, the file contains the last result of each row, sorted by row', async () => {
  const path = newPath();
  const rows = 30_000;
  const last = (row: number) => posted(row, { balance: `${row}`, detail: 'é'.repeat(row % 40) });
  {
    await using file = await ResultFile.open(path);
    for (let row = rows; row > 0; row--) file.add(posted(row, { state: 'FAILED', status: 404 }));
    for (let step = 0; step < rows; step++) file.add(last(((step * 7_919) % rows) + 1));
    await file.sort(rows);
    expect(file.states.count('POSTED')).toBe(rows);
  }
  const wanted = Array.from({ length: rows }, (_, i) => i + 1).map(
    (row) => `${row},t${row},POSTED,201,,${row},${'é'.repeat(row % 40)}\n`,
  );
  expect(text(path)).toBe(HEADER + wanted.join(''));
  expect(existsSync(`${path}.tmp`)).toBe(false);
  // The remains of a run that was killed while sorting do not matter.
  appendFileSync(`${path}.tmp`, 'rubbish');
  await using again = await ResultFile.open(path);
  expect(again.states.count('POSTED')).toBe(rows);
});
