import { appendFileSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it, test } from 'vitest';
import { systemClock } from '../app/kernel/clock.ts';
import { FakeService } from '../mock-data/testing/fake-service.ts';
import { FileError } from './payment.ts';
import { EXIT, type ImportOptions, importFile } from './run.ts';
import { painMessage, transaction } from './testing/pain-message.ts';
import { temporaryFile } from './testing/temporary-file.ts';

const HEADER = 'sourceAccount,destinationAccount,amount,currency\n';
const rows = (count: number, amount = '1.00') =>
  Array.from({ length: count }, (_, i) => `world,a${i % 3},${amount},EUR\n`).join('');

let service: FakeService;
let url: string;
beforeEach(async () => {
  service = new FakeService();
  url = await service.listen();
  for (const accountId of ['world', 'a0', 'a1', 'a2', 'acme']) openAccount(accountId);
});
afterEach(() => service[Symbol.asyncDispose]());

function openAccount(accountId: string): void {
  const external = /world|acme/.test(accountId) && ({ external: true } as const);
  const body = { accountId, currency: 'EUR', name: accountId, ...external };
  service.accounts.set(accountId, { body, balance: 0n, held: 0n, version: 0, status: 'ACTIVE' });
}

interface Outcome {
  code: number;
  out: string;
}
async function run(
  path: string,
  more: Partial<ImportOptions> = {},
  signal = new AbortController().signal,
): Promise<Outcome> {
  let out = '';
  const options: ImportOptions = {
    ...{ path, resultsPath: `${path}.results.csv`, batchId: null, skipInvalid: false, edited: false },
    ...{ sameLedger: false, dryRun: false },
    csv: { decimalComma: false, ignored: [] },
    pain: { today: '2026-01-31', executeNow: false },
    ...{ batch: 7, concurrency: 3, giveUpAfterMs: 60_000 },
    ...more,
  };
  const write = (text: string) => {
    out += text;
    return true;
  };
  const io = { out: { write }, progress: { write: () => {} }, signal };
  // Pauses take no time.
  const clock = { ...systemClock, sleep: async () => {} };
  const code = await importFile(options, { urls: [url], apiKey: 'k' }, { ...io, clock });
  return { code, out };
}
const results = (path: string) =>
  readFileSync(`${path}.results.csv`, 'utf8')
    .trim()
    .split('\n')
    .slice(1)
    .map((line) => line.split(','));

describe('An import', () => {
  it('posts each row once, and writes a result for each, in order', async () => {
    const path = temporaryFile(HEADER + rows(100));
    const { code, out } = await run(path);
    expect(code).toBe(EXIT.posted);
    expect(out).toMatch(
      /100 of 100 payments are posted\.\nValid rows of the file: 100\.00 EUR\.\nResults: .*\. Batch: import-[0-9a-f]{32}\./,
    );
    expect(service.posted).toHaveLength(100);
    expect(results(path).map(([row]) => row)).toEqual(Array.from({ length: 100 }, (_, i) => `${i + 1}`));
    const posted = new Map(service.posted.map((body) => [body.transactionId, body]));
    for (const [row, id = '', result, status] of results(path)) {
      expect([result, status]).toEqual(['POSTED', '201']);
      expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
      expect(posted.get(id)?.destinationAccount).toBe(`a${(Number(row) - 1) % 3}`);
    }
    expect(service.batchIds.size).toBe(1);
  });

  it('does not send posted rows again, and posts nothing twice even without the state of the first run', async () => {
    const path = temporaryFile(HEADER + rows(20));
    await run(path);
    const requests = service.requests.length;
    expect((await run(path)).code).toBe(EXIT.posted);
    expect(service.requests).toHaveLength(requests);
    rmSync(`${path}.results.csv`);
    rmSync(`${path}.results.csv.state.json`);
    const { code, out } = await run(path);
    expect(code).toBe(EXIT.posted);
    expect(out).toContain('20 of 20 payments are posted, 20 of which the ledger already had.');
    expect(service.posted).toHaveLength(20);
  });

  it('gets an outcome for every row, despite failures of all kinds', async () => {
    const kinds = [
      'none',
      'drop',
      'refuse',
      'items',
      'unrecorded',
      { status: 503, retryAfter: '1' },
      { status: 429 },
    ] as const;
    service.faults = (request) => kinds[request % kinds.length] ?? 'none';
    const path = temporaryFile(HEADER + rows(150));
    expect((await run(path)).code).toBe(EXIT.posted);
    expect(service.posted).toHaveLength(150);
    expect(results(path)).toHaveLength(150);
  });

  it('that is stopped at any point, and run again, posts each row once', async () => {
    const path = temporaryFile(HEADER + rows(200));
    let runs = 0;
    for (let code = -1; code !== EXIT.posted; runs++) {
      const stop = new AbortController();
      let requests = 0;
      service.faults = () => {
        if (requests++ === 2 + (runs % 5)) stop.abort(new Error('stopped'));
        return runs % 2 === 0 ? 'none' : 'items';
      };
      code = await run(path, {}, stop.signal).then(
        (outcome) => outcome.code,
        () => -1,
      );
      // A killed process also leaves an incomplete line.
      if (code !== EXIT.posted && existsSync(`${path}.results.csv`)) appendFileSync(`${path}.results.csv`, '7,cut');
    }
    expect(runs).toBeGreaterThan(3);
    expect(service.posted).toHaveLength(200);
    expect(results(path)).toHaveLength(200);
  });

  it('reports which rows are not posted and why, and the next run sends them again', async () => {
    const path = temporaryFile(`${HEADER}${rows(3)}world,later,1.00,EUR\na0,world,99.00,EUR\n`);
    const first = await run(path);
    expect(first.code).toBe(EXIT.notAllPosted);
    expect(first.out).toContain('3 of 5 payments are posted.\n1 refused by a business rule');
    expect(
      results(path)
        .slice(3)
        .map((cells) => cells.slice(2, 5)),
    ).toEqual([
      ['FAILED', '404', 'account_not_found'],
      ['REJECTED', '422', 'insufficient_funds'],
    ]);
    openAccount('later');
    expect((await run(path)).out).toContain('4 of 5 payments are posted.');
    expect(service.posted).toHaveLength(4);
  });

  it('does not replace the results of one ledger with those of another, and sends all rows again to a new address of the same ledger', async () => {
    const path = temporaryFile(HEADER + rows(5));
    await run(path);
    const before = results(path);
    url = await service.listen();
    await expect(run(path)).rejects.toThrow(/contains the results of http.*, not of http.*--results.*--same-ledger/);
    expect({ requests: service.requests.flat().length, results: results(path) }).toEqual({
      requests: 5,
      results: before,
    });
    await run(path, { sameLedger: true });
    expect(service.requests.flat()).toHaveLength(10);
    expect(service.posted).toHaveLength(5);
  });

  it('that was killed while sending to another ledger does not mistake the results of the first for those of the second', async () => {
    const path = temporaryFile(HEADER + rows(20));
    await run(path);
    const first = service;
    service = new FakeService();
    try {
      url = await service.listen();
      for (const accountId of ['world', 'a0', 'a1', 'a2']) openAccount(accountId);
      const stop = new AbortController();
      service.faults = (request) => {
        if (request === 1) stop.abort(new Error('stopped'));
        return 'none';
      };
      await expect(run(path, { concurrency: 1, sameLedger: true }, stop.signal)).rejects.toThrow('stopped');
      expect(service.posted.length).toBeLessThan(20);
      service.faults = () => 'none';
      expect((await run(path)).code).toBe(EXIT.posted);
      expect(service.posted).toHaveLength(20);
      // From here on, the results are those of the second ledger.
      const requests = service.requests.length;
      await run(path);
      expect(service.requests).toHaveLength(requests);
    } finally {
      await first[Symbol.asyncDispose]();
    }
  });

  it('takes the ids from a column', async () => {
    const path = temporaryFile(`transactionId,${HEADER}x1,world,a0,1.00,EUR\nx2,world,a0,1.00,EUR\n`);
    await run(path);
    expect(service.posted.map(({ transactionId }) => transactionId).sort()).toEqual(['x1', 'x2']);
    const twice = temporaryFile(`transactionId,${HEADER}x1,world,a0,1.00,EUR\nx1,world,a0,1.00,EUR\n`);
    await expect(run(twice)).rejects.toThrow('rows 1 and 2 have the same transaction id');
  });

  it('of a pain.001 message moves money from the debtor to the creditor', async () => {
    const message = painMessage([{ transactions: [transaction('1', '<Othr><Id>a1</Id></Othr>')] }]);
    const path = temporaryFile(message, 'payments.xml');
    expect((await run(path)).code).toBe(EXIT.posted);
    expect(service.posted).toMatchObject([{ sourceAccount: 'acme', destinationAccount: 'a1', amount: '1.00' }]);
  });

  it('names its batch after the file, or as the options specify', async () => {
    const content = HEADER + rows(1);
    await run(temporaryFile(content));
    await run(temporaryFile(content));
    await run(temporaryFile(content), { batchId: 'may' });
    await run(temporaryFile(`${content}\n\n`), { batchId: 'may' });
    expect([...service.batchIds]).toEqual([expect.stringMatching(/^import-/), 'may']);
    expect(service.posted).toHaveLength(2);
  });
});

describe('A file', () => {
  test.each([
    ['with an invalid row', `${HEADER}${rows(3)}world,a0,1.001,EUR\n`, /payments\.csv:5: row 4: amount has 3 decimals/],
    ['without rows', HEADER, 'has no payments'],
    [
      'whose control sum is wrong',
      painMessage([{ transactions: [transaction('1')] }], { group: '<NbOfTxs>9</NbOfTxs>' }),
      'NbOfTxs is 9',
    ],
  ])('%s is refused before anything is sent', async (_what, content, error) => {
    const path = temporaryFile(content);
    await expect(run(path)).rejects.toThrow(error);
    expect(service.requests).toEqual([]);
    expect(existsSync(`${path}.results.csv`)).toBe(false);
  });

  it('cannot send commands to the terminal on which its errors are shown', async () => {
    const named = temporaryFile(HEADER.replace('amount', 'am\u001bount') + rows(1, 'x'));
    const { out } = await run(named, { dryRun: true });
    expect(out).toContain('row 1: am ount must be a decimal number');
    const unknown = run(temporaryFile(`${HEADER.trim()},\u001b]0;\u0007\u009bm\n`));
    await expect(unknown).rejects.toThrow('unknown column " ]0; m"');
  });

  it('with invalid rows can be sent without them', async () => {
    const path = temporaryFile(`${HEADER}world,a0,1.001,EUR\n${rows(3)}`);
    for (let time = 0; time < 2; time++) {
      const { code, out } = await run(path, { skipInvalid: true });
      expect(code).toBe(EXIT.notAllPosted);
      expect(out).toContain('3 of 4 payments are posted.\n1 not valid, and not sent.');
      expect(results(path)[0]).toEqual([
        '1',
        '',
        'INVALID',
        '',
        '',
        '',
        '"line 2: amount has 3 decimals',
        ' but EUR allows at most 2"',
      ]);
    }
    expect(service.posted).toHaveLength(3);
  });

  it('is only checked in a dry run', async () => {
    expect(await run(temporaryFile(HEADER + rows(5)), { dryRun: true })).toEqual({
      code: EXIT.posted,
      out: '5 of 5 rows are valid: 5.00 EUR. Nothing was sent.\n',
    });
    expect((await run(temporaryFile(`${HEADER}world,a0,x,EUR\n`), { dryRun: true })).code).toBe(EXIT.badFile);
    expect(service.requests).toEqual([]);
  });

  describe('that was edited between two runs', () => {
    const start = `${HEADER}${rows(3)}world,later,1.00,EUR\n`;
    let path: string;
    beforeEach(async () => {
      path = temporaryFile(start);
      await run(path);
    });

    it('is refused', async () => {
      writeFileSync(path, start + rows(1));
      await expect(run(path)).rejects.toThrow('is not the file whose results are in');
      expect(service.posted).toHaveLength(3);
    });

    it('is accepted with --edited if only rows that were not posted have changed, or rows were added', async () => {
      writeFileSync(path, `${start.replace('later', 'a0')}${rows(2)}`);
      expect((await run(path, { edited: true })).code).toBe(EXIT.posted);
      expect(service.posted).toHaveLength(6);
      expect(results(path)).toHaveLength(6);
    });

    test.each([
      ['a posted row was changed', start.replace('a1,1.00', 'a1,2.00'), 'row 2 was posted by an earlier run'],
      [
        'a row was inserted',
        start.replace(HEADER, `${HEADER}world,a2,5.00,EUR\n`),
        'row 1 was posted by an earlier run',
      ],
      ['a posted row was deleted', `${HEADER}${rows(2)}`, 'row 3 was posted by an earlier run. Restore'],
    ])('is refused even with --edited if %s', async (_what, content, error) => {
      writeFileSync(path, content);
      await expect(run(path, { edited: true })).rejects.toThrow(error);
      expect(service.posted).toHaveLength(3);
    });

    it('is refused even with --edited while a row has no result, because that row may have been posted', async () => {
      const unsent = temporaryFile(HEADER + rows(20));
      const before = service.requests.length;
      service.faults = (request) => (request === before ? 'none' : 'drop');
      await expect(run(unsent, { batch: 10, concurrency: 1, giveUpAfterMs: 1 })).rejects.toThrow('Gave up');
      service.faults = () => 'none';
      const { length } = service.posted;
      expect(length).toBe(3 + 20);
      expect(results(unsent)).toHaveLength(10);
      writeFileSync(unsent, HEADER + rows(19) + rows(1, '2.00'));
      await expect(run(unsent, { edited: true })).rejects.toThrow('row 11 has no result, but may have been posted');
      writeFileSync(unsent, HEADER + rows(20));
      expect((await run(unsent)).code).toBe(EXIT.posted);
      writeFileSync(unsent, HEADER + rows(21));
      expect((await run(unsent, { edited: true })).code).toBe(EXIT.posted);
      expect(service.posted).toHaveLength(length + 1);
    });

    it('is refused even with --edited if a row without a known outcome was changed or deleted', async () => {
      writeFileSync(`${path}.results.csv`, readFileSync(`${path}.results.csv`, 'utf8').replace('FAILED', 'UNDECIDED'));
      writeFileSync(path, start.replace('later', 'a0'));
      await expect(run(path, { edited: true })).rejects.toThrow('row 4 may have been posted by an earlier run');
      writeFileSync(path, HEADER + rows(3));
      await expect(run(path, { edited: true })).rejects.toThrow('row 4 may have been posted by an earlier run');
      expect(service.posted).toHaveLength(3);
    });

    it('has its posted rows sent again if their ids are in the file, because only the ledger knows their content', async () => {
      const own = temporaryFile(`transactionId,${HEADER}x1,world,a0,1.00,EUR\n`);
      await run(own);
      writeFileSync(own, `transactionId,${HEADER}x1,world,a0,2.00,EUR\nx2,world,a0,1.00,EUR\n`);
      await run(own, { edited: true });
      expect(service.requests.at(-1)).toEqual(['x1', 'x2']);
    });

    it('is refused if its results exist, but not the state from which their ids were derived', async () => {
      rmSync(`${path}.results.csv.state.json`);
      await expect(run(path)).rejects.toThrow('is missing');
    });
  });

  it('that changes while it is being sent is detected before any changed row is sent', async () => {
    // More than a block, so that the rest is read after the first requests.
    const long = (amount: string) =>
      `${HEADER.trim()},reference\n${rows(9_000, amount).replaceAll('\n', `,${'x'.repeat(120)}\n`)}`;
    const path = temporaryFile(long('1.00'));
    service.faults = (request) => {
      if (request === 0) writeFileSync(path, long('9.00'));
      return 'none';
    };
    const error = await run(path, { batch: 100 }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ message: expect.stringContaining('was changed while it was being imported') });
    // A FileError would claim that nothing was sent.
    expect(error).not.toBeInstanceOf(FileError);
    expect(service.posted.every(({ amount }) => amount === '1.00')).toBe(true);
  });
});
