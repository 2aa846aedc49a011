import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeTransfer, type PostedFields } from './entry-codec.ts';
import { LinePages, linesIn, pagesOf, ROW_BYTES_MAX } from './line-pages.ts';

const text = fc.oneof(
  fc.string({ unit: fc.constantFrom(...'abzAZ019._:@~- '), minLength: 1, maxLength: 80 }),
  fc.string({ unit: fc.constantFrom(...'a"\\\n\u007fü€'), maxLength: 3 }),
);
const integer = fc.oneof(
  fc.maxSafeInteger(),
  fc.integer({ min: -1001, max: 1001 }),
  fc.constantFrom(-0, 999_999_999, 1_000_000_000, 1_000_000_001, 10 ** 15, -(10 ** 9), Number.MIN_SAFE_INTEGER),
);
const side = fc.record({ version: integer, balance: integer, settingsVersion: integer });
const posted: fc.Arbitrary<PostedFields> = fc.record({
  order: fc.record({
    ...{ kind: fc.constant('transfer' as const), transactionId: text, source: text, destination: text },
    ...{ amount: integer, currency: text, timestamp: fc.constant(null), reverses: fc.constant(null) },
  }),
  ...{ status: fc.constant('POSTED' as const), epoch: integer, seq: integer, acceptedAt: integer },
  ...{ source: side, destination: side },
});

describe('A plain line', () => {
  it('is added only if it is the line that encodeTransfer returns', () => {
    const added = { plain: 0, not: 0 };
    fc.assert(
      fc.property(fc.array(posted, { minLength: 1, maxLength: 5 }), fc.boolean(), (transfers, isAfterAnother) => {
        const pages = new LinePages();
        const expected = isAfterAnother ? ['["x"]'] : [];
        for (const line of expected) pages.add(line);
        for (const one of transfers) {
          const isAdded = pages.addPlain(one, 'D-_9');
          if (isAdded) expected.push(encodeTransfer(one, 'D-_9'));
          added[isAdded ? 'plain' : 'not'] += 1;
          const { transactionId, source, destination, currency } = one.order;
          expect(isAdded).toBe(/^[ !#-[\]-~]*$/.test(`${transactionId}${source}${destination}${currency}`));
        }
        expect(pages.end().flatMap(linesIn)).toEqual(expected);
      }),
      { numRuns: 500 },
    );
    expect(added.plain).toBeGreaterThan(100);
    expect(added.not).toBeGreaterThan(100);
  });

  it.each([Number.NaN, 0.5, 2 ** 53, Number.POSITIVE_INFINITY])('is not added with %s', (balance) => {
    const [one] = fc.sample(posted, 1);
    if (!one) throw new Error('no transfer');
    const pages = new LinePages();
    expect(pages.addPlain({ ...one, source: { ...one.source, balance } }, 'D')).toBe(false);
    expect(pages.end()).toEqual([]);
  });
});

describe('Pages', () => {
  it('contain as many lines as fit', () => {
    const lines = Array.from({ length: 20_000 }, (_, index) => `["x",${'1'.repeat(index % 300)}]`);
    const pages = pagesOf(lines);
    expect(pages.flatMap(linesIn)).toEqual(lines);
    expect(pages.map(({ lines }) => lines)).toEqual(pages.map((page) => linesIn(page).length));
    for (const { bytes } of pages.slice(0, -1)) {
      expect(bytes.length).toBeLessThanOrEqual(ROW_BYTES_MAX);
      expect(bytes.length).toBeGreaterThan(ROW_BYTES_MAX - 400);
    }
  });

  it('contain no other line if a line is longer than a page', () => {
    const long = 'x'.repeat(ROW_BYTES_MAX + 1);
    expect(pagesOf(['a', long, 'b']).map(({ lines }) => lines)).toEqual([1, 1, 1]);
    expect(pagesOf([long]).flatMap(linesIn)).toEqual([long]);
  });

  it('do not exist if there are no lines', () => expect(pagesOf([])).toEqual([]));
});
