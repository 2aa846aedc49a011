import { describe, expect, it } from 'vitest';
import { factsOf, printable, tableOf } from './output.ts';

describe('printable', () => {
  it.each([
    ['a terminal sequence', 'a\u001b[2Jb', 'a\uFFFD[2Jb'],
    ['a line end', 'a\nb', 'a\uFFFDb'],
    ['text that is written backwards', 'a\u202Eb', 'a\uFFFDb'],
    ['ordinary text', 'Zoë 東京 😀', 'Zoë 東京 😀'],
    ['nothing', null, ''],
  ])('%s', (_, given, expected) => {
    expect(printable(given)).toBe(expected);
  });
});

describe('tableOf', () => {
  it('aligns columns', () => {
    expect(
      tableOf(
        ['NAME', '>AMOUNT', 'NOTE'],
        [
          ['a', '1.00', null],
          ['long name', '1000.00', 'x'],
        ],
      ),
    ).toBe('NAME        AMOUNT  NOTE\na             1.00\nlong name  1000.00  x\n');
  });
});

describe('factsOf', () => {
  it('leaves out lines without a value', () => {
    expect(factsOf({ a: 1, longer: '', b: null, c: 'x' })).toBe('a  1\nc  x\n');
  });
});
