import { parse } from 'csv-parse/sync';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { csvOf, textCell } from './statement-csv.ts';
import { pagesOf, posting, statement, textOf } from './testing/statements.ts';

const STARTS_A_FORMULA = /^[\s"]*[=+\-@＝＋－＠]/;

/** What the guide tells programs to do: remove one apostrophe before every start of a formula. */
const original = (cell: string): string => cell.replace(/(^|[;\t\r\n])([\s"']*)'(?=[=+\-@＝＋－＠])/g, '$1$2');

const hostile = fc
  .array(fc.constantFrom(...'=+-@＝＋;\t"\',|ab ', '\r\n', '=HYPERLINK("x")', "='"), { maxLength: 12 })
  .map((parts) => parts.join(''));

describe('A cell with text from users', () => {
  it.each([
    ['Invoice 7', '"Invoice 7"'],
    ['say "hi", bob', '"say ""hi"", bob"'],
    ['=1+1', `"'=1+1"`],
    ['-rf', `"'-rf"`],
    ['+49 30', `"'+49 30"`],
    ['@SUM(A1)', `"'@SUM(A1)"`],
    ['  =1', `"  '=1"`],
    ['＝1', `"'＝1"`],
    ['a;=1', `"a;'=1"`],
    ['a;"=1"', `"a;""'=1"""`],
    ["'t Hooft", `"'t Hooft"`],
    ['a-b', '"a-b"'],
  ])('%s is written as %s', (text, cell) => expect(textCell(text)).toBe(cell));

  it('never starts a formula, whatever separates the cells, and can be read back', () => {
    fc.assert(
      fc.property(hostile, (text) => {
        const cell = textCell(text);
        const [[read = '', ...more] = []] = parse(cell, { record_delimiter: '\r\n' }) as string[][];
        expect(more).toEqual([]);
        expect(original(read)).toBe(text);
        // A spreadsheet that separates cells differently may not recognize the quotes.
        for (const one of [read, cell].flatMap((whole) => whole.split(/[;\t\r\n]/)))
          expect(one).not.toMatch(STARTS_A_FORMULA);
      }),
      { numRuns: 1000 },
    );
  });
});

it('A parser reads a CSV statement back unchanged, with amounts as numbers', async () => {
  const strange = posting({
    amount: -5,
    reference: '=cmd|" /C calc"!A0',
    counterpartyName: 'Ä, "B" & Co',
    metadata: { note: 'a;=1' },
    counterparty: '-rf',
  });
  const rows = parse(await textOf(csvOf(statement(), pagesOf([posting()], [strange]))), { columns: true }) as Record<
    string,
    string
  >[];
  expect(rows.map(({ type, amount, balance }) => [type, amount, balance])).toEqual([
    ['opening_balance', '', '10.00'],
    ['transfer', '-12.50', '-2.50'],
    ['transfer', '-0.05', '-2.50'],
    ['closing_balance', '', '-2.50'],
  ]);
  expect(rows[2]).toMatchObject({
    reference: `'=cmd|" /C calc"!A0`,
    counterparty: "'-rf",
    counterpartyName: 'Ä, "B" & Co',
  });
  expect(JSON.parse(original(rows[2]?.['metadata'] ?? ''))).toEqual({ note: 'a;=1' });
});
