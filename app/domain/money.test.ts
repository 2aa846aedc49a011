import { dinero, toDecimal } from 'dinero.js/bigint';
import * as currencies from 'dinero.js/bigint/currencies';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { currencyDigits, formatAmount, formatSum, isCurrency, parseAmount } from './money.ts';
import { Problem } from './problem.ts';

const MAX = Number.MAX_SAFE_INTEGER;
const all = Object.values(currencies);
const decimal = fc.constantFrom(...all.filter(({ base }) => base === 10n));
const code = fc.constantFrom(...all.map((currency) => currency.code));
const amount = fc.oneof(fc.maxSafeNat(), fc.nat(2000), fc.constantFrom(MAX, MAX - 1));

function refusal(text: string, currency: string): string {
  try {
    return `accepted as ${parseAmount(text, currency)}`;
  } catch (error) {
    expect(error).toBeInstanceOf(Problem);
    expect((error as Problem).code).toBe('validation_failed');
    return (error as Problem).message;
  }
}

describe('currencies', () => {
  it('have the number of digits that ISO 4217 defines', () => {
    const digits = { EUR: 2, USD: 2, JPY: 0, KRW: 0, KWD: 3, BHD: 3, TND: 3, CLF: 4, MGA: 2, MRU: 2, XAF: 0, ISK: 0 };
    for (const [currency, expected] of Object.entries(digits)) expect(currencyDigits(currency)).toBe(expected);
  });
  it('are recognized in upper case only', () => {
    expect(isCurrency('EUR')).toBe(true);
    for (const no of ['eur', 'EURO', 'EU', '', 'XXX', '__proto__', 'toString']) expect(isCurrency(no)).toBe(false);
    expect(() => currencyDigits('XXX')).toThrow(RangeError);
  });
});

describe('formatAmount', () => {
  it('agrees with dinero.js for every currency and amount', () => {
    fc.assert(
      fc.property(decimal, fc.bigInt(), (currency, minor) => {
        expect(formatAmount(minor, currency.code)).toBe(toDecimal(dinero({ amount: minor, currency })));
      }),
    );
  });
  it('formats a number exactly like the equal bigint', () => {
    fc.assert(
      fc.property(code, fc.maxSafeInteger(), (currency, minor) => {
        expect(formatAmount(minor, currency)).toBe(formatAmount(BigInt(minor), currency));
      }),
    );
  });
  it('always shows all decimals', () => {
    expect(formatAmount(0, 'EUR')).toBe('0.00');
    expect(formatAmount(-0, 'EUR')).toBe('0.00');
    expect(formatAmount(-5, 'EUR')).toBe('-0.05');
    expect(formatAmount(1500, 'JPY')).toBe('1500');
    expect(formatAmount(-1, 'KWD')).toBe('-0.001');
    expect(formatAmount(MAX, 'EUR')).toBe('90071992547409.91');
  });
  it('rejects a number that is not exact', () => {
    for (const minor of [MAX + 1, 1.5, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(() => formatAmount(minor, 'EUR')).toThrow(RangeError);
    }
  });
});

describe('formatSum', () => {
  it('is exact even beyond 2^53', () => {
    fc.assert(
      fc.property(code, fc.maxSafeInteger(), amount, (currency, balance, limit) => {
        expect(formatSum(currency, balance, limit)).toBe(formatAmount(BigInt(balance) + BigInt(limit), currency));
      }),
    );
    expect(formatSum('EUR', MAX, MAX)).toBe('180143985094819.82');
    expect(formatSum('EUR', MAX, -MAX, MAX)).toBe('90071992547409.91');
    expect(formatSum('EUR', -MAX, -MAX, MAX)).toBe('-90071992547409.91');
  });
});

describe('parseAmount', () => {
  it('parses whatever formatAmount wrote', () => {
    fc.assert(
      fc.property(code, amount, (currency, minor) => {
        expect(parseAmount(formatAmount(minor, currency), currency)).toBe(minor);
      }),
    );
  });
  it('parses a shorter fraction as the same amount', () => {
    fc.assert(
      fc.property(code, amount, (currency, minor) => {
        const full = formatAmount(minor, currency);
        const short = full.includes('.') ? full.replace(/\.?0+$/, '') : full;
        expect(parseAmount(short, currency)).toBe(minor);
      }),
    );
  });
  it('rejects anything other than digits with one decimal point between them', () => {
    fc.assert(
      fc.property(code, fc.oneof(fc.string(), fc.stringMatching(/^[0-9.+\-eE, ]{0,12}$/)), (currency, text) => {
        const shape = /^(0|[1-9]\d*)(\.\d+)?$/.exec(text);
        const fits = shape !== null && (shape[2]?.length ?? 1) - 1 <= currencyDigits(currency);
        expect(refusal(text, currency).startsWith('accepted as')).toBe(fits);
      }),
    );
  });
  it('never returns anything but a safe integer', () => {
    fc.assert(
      fc.property(code, fc.stringMatching(/^[1-9]\d{0,25}$/), (currency, text) => {
        const exact = BigInt(text) * 10n ** BigInt(currencyDigits(currency));
        if (exact <= BigInt(MAX)) expect(BigInt(parseAmount(text, currency))).toBe(exact);
        else expect(refusal(text, currency)).toMatch(/^is more than .* the largest exact amount$/);
      }),
    );
  });
  it('stops at 2^53 − 1 minor units', () => {
    expect(parseAmount('90071992547409.91', 'EUR')).toBe(MAX);
    expect(refusal('90071992547409.92', 'EUR')).toBe('is more than 90071992547409.91 EUR, the largest exact amount');
    expect(parseAmount('9007199254740991', 'JPY')).toBe(MAX);
    expect(refusal('9007199254740992', 'JPY')).toContain('is more than');
    expect(refusal('9'.repeat(100_000), 'EUR')).toContain('is more than');
  });
  it('describes what is wrong', () => {
    expect(refusal('1.234', 'EUR')).toBe('has 3 decimals, but EUR allows at most 2');
    expect(refusal('1500.0', 'JPY')).toBe('has 1 decimal, but JPY allows at most 0');
    expect(refusal('007', 'EUR')).toBe('must not have leading zeros');
    for (const text of [
      '',
      '.',
      '1.',
      '.5',
      '1..2',
      '1.2.3',
      '-1',
      '+1',
      '1e3',
      ' 1',
      '1 ',
      '1,5',
      '٣',
      'NaN',
      '0x1',
    ]) {
      expect(refusal(text, 'EUR')).toMatch(/^must be a decimal number such as "12.34"/);
    }
  });
  it('throws for a currency that does not exist', () => {
    expect(() => parseAmount('1', 'EUX')).toThrow(RangeError);
  });
});
