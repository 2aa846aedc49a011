import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ACCOUNT_ID_PATTERN, ID_PATTERN, isDotSegment, newUuidV7, placeOf, uuidV7Time } from './ids.ts';

const anyTime = fc.integer({ min: 0, max: 2 ** 48 - 1 });

describe('newUuidV7', () => {
  it('encodes its time, for any 48-bit time', () => {
    fc.assert(
      fc.property(anyTime, (time) => {
        expect(uuidV7Time(newUuidV7(time))).toBe(time);
      }),
      { examples: [[0], [1], [2 ** 48 - 1], [2 ** 32], [2 ** 32 - 1]] },
    );
  });

  it('has version 7 and variant 10, and is a valid client id', () => {
    for (let made = 0; made < 2_000; made++) {
      const id = newUuidV7(made);
      expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
      expect(id).toMatch(ID_PATTERN);
    }
  });

  it('never repeats, even across refills of the random pool', () => {
    const made = Array.from({ length: 20_000 }, () => newUuidV7(5));
    expect(new Set(made).size).toBe(made.length);
  });

  it('uses all four variants, and sorts by time', () => {
    const variants = new Set(Array.from({ length: 500 }, () => newUuidV7(5).charAt(19)));
    expect([...variants].sort()).toEqual(['8', '9', 'a', 'b']);
    expect(newUuidV7(1_000) < newUuidV7(1_001)).toBe(true);
  });
});

describe('uuidV7Time', () => {
  it('reads the first 48 bits (the example of RFC 9562, A.6)', () => {
    expect(uuidV7Time('017f22e2-79b0-7cc3-98c4-dc0c0c07398f')).toBe(1_645_557_742_000);
  });

  it('of a leg is the time of the transfer, whatever follows the ~', () => {
    const anyMark = fc.stringMatching(/^~[a-z0-9~]{0,8}$/);
    fc.assert(
      fc.property(anyTime, anyMark, (time, mark) => {
        const id = newUuidV7(time);
        expect(uuidV7Time(`${id}${mark}`)).toBe(time);
        expect(placeOf(`${id}${mark}`)).toEqual(placeOf(id));
      }),
      {
        examples: [
          [0, '~'],
          [1, '~0'],
          [2 ** 48 - 1, '~1023'],
          [5, '~back'],
        ],
      },
    );
  });

  it.each([
    ['another version', '017f22e2-79b0-4cc3-98c4-dc0c0c07398f'],
    ['another variant', '017f22e2-79b0-7cc3-c8c4-dc0c0c07398f'],
    ['upper case: ids are compared byte by byte', '017F22E2-79B0-7CC3-98C4-DC0C0C07398F'],
    ['one character too many', '017f22e2-79b0-7cc3-98c4-dc0c0c07398f0'],
    ['one character too few', '017f22e2-79b0-7cc3-98c4-dc0c0c07398'],
    ['no hyphens', '017f22e279b07cc398c4dc0c0c07398f'],
    ['a ~ in the UUID', '017f22e2-79b0-7cc3-98c4-dc0c0c0739~f'],
    ['a ~ after another id', 'order-4711~0'],
    ['a ~ after another id of the same length', '017f22e2-79b0-7cc3-98c4-dc0c0c07398g~0'],
    ['a ~ after the UUID of another version', '017f22e2-79b0-4cc3-98c4-dc0c0c07398f~0'],
    ['a ~ before the UUID', '~017f22e2-79b0-7cc3-98c4-dc0c0c07398f'],
    ['something other than a ~ after the UUID', '017f22e2-79b0-7cc3-98c4-dc0c0c07398f.1~0'],
    ['a line break after it', '017f22e2-79b0-7cc3-98c4-dc0c0c07398f\n'],
    ['a letter that is not a hex digit', '017f22g2-79b0-7cc3-98c4-dc0c0c07398f'],
    ['nothing', ''],
  ])('is null for %s', (_, id) => {
    expect(uuidV7Time(id)).toBeNull();
  });
});

const NO_IDS = ['', 'x'.repeat(65), 'a b', 'ä', 'a\n', 'a/b', '#', 'a\0'];

describe('The pattern of ids', () => {
  it('accepts 1 to 64 of its characters, and nothing else', () => {
    for (const id of ['a', 'A-Z_0.9:x', 'x'.repeat(64)]) expect(id).toMatch(ID_PATTERN);
    for (const id of [...NO_IDS, 'a@b']) expect(id).not.toMatch(ID_PATTERN);
  });
  it('for accounts also accepts @', () => {
    for (const id of ['a', 'A-Z_0.9:x', 'x'.repeat(64), 'cash@acme', '@', 'a@', '@a', 'a@b@c'])
      expect(id).toMatch(ACCOUNT_ID_PATTERN);
    for (const id of [...NO_IDS, `${'x'.repeat(63)}@x`]) expect(id).not.toMatch(ACCOUNT_ID_PATTERN);
  });
  it('accepts no ~, which is reserved for ids of the ledger itself', () => {
    for (const id of ['~', '~transit:EUR:0', 'a~', 'a~0', '~returns:EUR', 'a@b~c']) {
      expect(id).not.toMatch(ID_PATTERN);
      expect(id).not.toMatch(ACCOUNT_ID_PATTERN);
    }
  });
  it('never matches the field in which Redis stores the highest seq of a hash of ids', () => {
    expect('#').not.toMatch(ID_PATTERN);
  });
});

describe('an id in the path of a URL', () => {
  const characters = [...'ABCXYZabcxyz0189._:@-'];
  it('survives URL parsing, escaped or not, unless it is a dot segment', () => {
    const id = fc.string({ unit: fc.constantFrom(...characters), minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(id, (text) => {
        for (const written of [text, encodeURIComponent(text), text.replaceAll('.', '%2e').replaceAll(':', '%3A')]) {
          const { pathname } = new URL(`http://host/v1/accounts/${written}/balance`);
          const arrives = decodeURIComponent(pathname) === `/v1/accounts/${text}/balance`;
          expect(arrives).toBe(!isDotSegment(text));
        }
      }),
      {
        numRuns: 2_000,
        examples: [['.'], ['..'], ['...'], ['@'], ['a@b'], ['-'], [':'], ['a:b'], ['c:'], ['a.'], ['.a'], ['-.']],
      },
    );
  });
});
