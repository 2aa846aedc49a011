import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { type CsvOptions, csvRows } from './csv.ts';
import { paymentsOf, rowsOf } from './testing/temporary-file.ts';

const HEADER = 'sourceAccount,destinationAccount,amount,currency';
const OPTIONS: CsvOptions = { decimalComma: false, ignored: [] };
const read = (content: string | Uint8Array, options: Partial<CsvOptions> = {}) =>
  rowsOf(content, (file) => csvRows(file, { ...OPTIONS, ...options }));
const PAYMENT = { sourceAccount: 'a', destinationAccount: 'b', amount: '12.30', currency: 'EUR' };

describe('A CSV file', () => {
  it('has a payment in each row, with the line on which it begins', async () => {
    const rows = await read(
      `${HEADER},reference,metadata.invoice\n\na,b,12.3,EUR,"two\nlines",\r\n\na,b,1,JPY,"a ""quote"", here",7\na,b,0.125,KWD,,`,
    );
    expect(rows).toEqual([
      { row: 1, line: 3, content: ['reference must not contain control characters'] },
      {
        row: 2,
        line: 6,
        content: {
          ...PAYMENT,
          ...{ amount: '1', currency: 'JPY', reference: 'a "quote", here', metadata: { invoice: '7' } },
        },
      },
      { row: 3, line: 7, content: { ...PAYMENT, amount: '0.125', currency: 'KWD' } },
    ]);
  });

  test.each([
    ['a byte order mark', `\uFEFF${HEADER}\na,b,12.30,EUR`],
    ['semicolons', `${HEADER.replaceAll(',', ';')}\na;b;12.30;EUR`],
    ['tabs', `${HEADER.replaceAll(',', '\t')}\na\tb\t12.30\tEUR`],
    ['Windows line ends', `${HEADER}\r\na,b,12.30,EUR\r\n`],
    [
      'quoted names and spaces',
      ` "Source Account",destination_account , AMOUNT,Currency\n a , b , 12.30 , EUR `.trim(),
    ],
    ['a quoted comma in the header', `"metadata.a,b";${HEADER.replaceAll(',', ';')}\n;a;b;12.30;EUR`],
  ])('may have %s', async (_what, content) => {
    expect(paymentsOf(await read(content))).toEqual([PAYMENT]);
  });

  it('may lack the currency, use decimal commas, and have columns that are ignored', async () => {
    const rows = await read('sourceAccount;destinationAccount;amount;Name of payee\na;b;12,3;Ada\n', {
      ...{ currency: 'EUR', decimalComma: true, ignored: ['name of payee'] },
    });
    expect(paymentsOf(rows)).toEqual([PAYMENT]);
    expect(
      await read('sourceAccount;destinationAccount;amount\na;b;1.000,00', { currency: 'EUR', decimalComma: true }),
    ).toMatchObject([{ content: ['amount "1.000,00" has a point, but decimals follow a comma'] }]);
  });

  test.each([
    ['a,b,12.345,EUR', 'amount has 3 decimals, but EUR allows at most 2'],
    ['a,b,1.5,JPY', 'amount has 1 decimal, but JPY allows at most 0'],
    ['a,b,0,EUR', 'amount must be more than zero'],
    ['a,b,-1,EUR', /^amount must be a decimal number/],
    ['a,b,1e3,EUR', /^amount must be a decimal number/],
    ['a,b,90071992547409.92,EUR', /^amount is more than 90071992547409.91 EUR/],
    ['a,b,1.00,XXY', 'currency is not an upper-case ISO 4217 currency code'],
    ['a,a,1.00,EUR', 'both accounts are the same'],
    [',b,1.00,', 'sourceAccount is missing,currency is missing'],
    ['a b,b,1.00,EUR', /^sourceAccount must be 1 to 64 characters/],
    ['a,b,1.00', 'has 3 cells, but the header has 4'],
    ['a,b,1,00,EUR', 'has 5 cells, but the header has 4'],
  ])('reports what is wrong with %s', async (line, error) => {
    const [good, bad] = await read(`${HEADER}\na,b,12.30,EUR\n${line}\n`);
    expect(good).toMatchObject({ content: PAYMENT });
    expect(bad).toMatchObject({ row: 2, line: 3 });
    const text = String(bad?.content);
    if (typeof error === 'string') expect(text).toBe(error);
    else expect(text).toMatch(error);
  });

  test.each([
    ['no header', '', 'is empty'],
    ['an unknown column', `${HEADER},iban\n`, ':1: unknown column "iban"'],
    ['metadata that would be lost', `${HEADER},metadata.__proto__\n`, ':1: unknown column "metadata.__proto__"'],
    ['a column twice', `${HEADER},Source-Account\n`, ':1: the column "sourceAccount" appears twice'],
    ['too few columns', 'sourceAccount,amount\n', ':1: no column destinationAccount, currency.'],
    ['a quote that is not closed', `${HEADER}\na,b,1,EUR\na,"b,1,EUR\n`, /:\d: not CSV: /],
    ['text after a quote', `${HEADER}\na,"b"x,1,EUR\n`, ':2: not CSV: '],
    [
      'a quote that swallows the file',
      `${HEADER}\na,"b,1,EUR\n${'a,b,1,EUR\n'.repeat(10_000)}`,
      /: a row of more than 65536/,
    ],
    ['a NUL character', `${HEADER}\na,b\0,1,EUR\n`, 'contains a NUL'],
    ['UTF-16', Buffer.from(`\uFEFF${HEADER}\n`, 'utf16le'), 'is in UTF-16'],
    ['Latin-1', Buffer.from(`${HEADER}\na,b,1,EUR\na,M\u00fcller,1,EUR\n`, 'latin1'), ':3: not UTF-8'],
    [
      'half a character at its end',
      Buffer.concat([Buffer.from(`${HEADER}\n`), Buffer.from('é').subarray(0, 1)]),
      ':2: not UTF-8',
    ],
  ])('with %s is refused', async (_what, content, error) => {
    await expect(read(content)).rejects.toThrow(error);
    await expect(read(content)).rejects.toMatchObject({ name: 'FileError' });
  });

  it('with invalid UTF-8 far from its beginning is refused, and the error names the line', async () => {
    const lines = Array.from({ length: 4_000 }, () => `a,b,1.00,EUR,${'€'.repeat(130)}`);
    const good = Buffer.from(`${HEADER},reference\n${lines.join('\n')}\n`);
    // The first block ends within a character.
    expect((good[1024 * 1024] ?? 0) & 0xc0).toBe(0x80);
    expect(await read(good)).toHaveLength(4_000);
    await expect(read(Buffer.concat([good, Buffer.from([0x61, 0xff, 0x0a])]))).rejects.toThrow(':4002: not UTF-8');
  });
});

describe('Any text', () => {
  const cell = fc.string({
    unit: fc.constantFrom('a', 'é', '€', '😀', ' ', ',', ';', '\t', '"', "'", '=', '\n', '\r\n', '.'),
    maxLength: 12,
  });
  const row = fc.record({ reference: cell, note: cell, amount: fc.integer({ min: 1, max: 1e9 }) });
  const quote = (text: string, always: boolean) =>
    always || /[",;\t\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;

  it('that is a table is read as it was written, whatever its separators, quotes and line endings are', () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(row, { minLength: 1, maxLength: 20 }),
        fc.constantFrom(',', ';', '\t'),
        fc.constantFrom('\n', '\r\n'),
        fc.boolean(),
        fc.boolean(),
        async (rows, delimiter, newline, always, hasMark) => {
          const header = ['sourceAccount', 'destinationAccount', 'amount', 'currency', 'reference', 'metadata.note'];
          const table = rows.map(({ reference, note, amount }) => ['a', 'b', `${amount}`, 'JPY', reference, note]);
          const text = [header, ...table]
            .map((cells) => cells.map((one) => quote(one, always)).join(delimiter))
            .join(newline);
          const found = await read(`${hasMark ? '\uFEFF' : ''}${text}${newline}`);
          expect(found.map((one) => one.row)).toEqual(rows.map((_, i) => i + 1));
          let line = 2;
          for (const [i, one] of found.entries()) {
            const { reference = '', note = '', amount = 0 } = rows[i] ?? {};
            expect(one.line).toBe(line);
            line += 1 + [reference, note].join('').split('\n').length - 1;
            const isText = (value: string) => !/[\r\n\t]/.test(value);
            if (!isText(reference.trim() === '' ? '' : reference) || !isText(note.trim() === '' ? '' : note)) {
              expect(one.content).toEqual(expect.arrayContaining([expect.stringContaining('control characters')]));
              continue;
            }
            expect(one.content).toEqual({
              ...{ sourceAccount: 'a', destinationAccount: 'b', amount: `${amount}`, currency: 'JPY' },
              ...(reference.trim() !== '' && { reference }),
              ...(note.trim() !== '' && { metadata: { note } }),
            });
          }
        },
      ),
      { numRuns: 60 },
    ));

  it('yields rows or a FileError, and no other error', () =>
    fc.assert(
      fc.asyncProperty(
        fc.string({ unit: fc.constantFrom('a', '"', ',', ';', '\n', '\r', '\0', '\uFEFF', 'é', '<'), maxLength: 60 }),
        async (text) => {
          for (const content of [text, `${HEADER}\n${text}`]) {
            const error = await read(content).then(
              () => null,
              (thrown: Error) => thrown,
            );
            if (error !== null) expect(error.name).toBe('FileError');
          }
        },
      ),
      { numRuns: 150 },
    ));
});
