import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { formatDecimal, parseDecimal } from './decimal.ts';

const ONE = 10n ** 17n;

describe('A decimal', () => {
  test.each([
    ['1', ONE],
    ['+001.500', (ONE * 3n) / 2n],
    ['-.5', -ONE / 2n],
    ['5.', 5n * ONE],
    ['0', 0n],
    ['0.00000000000000001', 1n],
    ['99999999999999999999', 99_999_999_999_999_999_999n * ONE],
  ])('%s is exact', (text, value) => {
    expect(parseDecimal(text)).toBe(value);
  });

  test.each(['', '.', '-', '1e3', '0x1', ' 1', '1,5', '1.000000000000000001', '--1', '1.2.3', '٣', '9'.repeat(41)])(
    '"%s" is none',
    (text) => {
      expect(parseDecimal(text)).toBeNull();
    },
  );

  it('is written in its shortest form', () =>
    fc.assert(
      fc.property(fc.bigInt(-(10n ** 35n), 10n ** 35n), (value) => {
        const text = formatDecimal(value);
        expect(parseDecimal(text)).toBe(value);
        expect(text).toMatch(/^-?(0|[1-9]\d*)(\.\d*[1-9])?$/);
      }),
    ));
});
